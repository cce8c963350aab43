//! SYN cookies: sequence numbers that say what a connection is about, so that a server need not remember it
//! (`net/ipv4/syncookies.c`, `net/ipv6/syncookies.c`).

use crate::rng::mix;

/// Bits of the second hash and the MSS; above, there is the time.
const BITS: u32 = 24;
const MASK: u32 = (1 << BITS) - 1;
/// How many periods a cookie is good for (`MAX_SYNCOOKIE_AGE`), and how long one is, in nanoseconds.
const MAX_AGE: u32 = 2;
const PERIOD_NS: u64 = 60_000_000_000;

/// The MSS values that a cookie can say.
const IPV4: [u16; 4] = [536, 1300, 1440, 1460];
const IPV6: [u16; 4] = [1220, 1420, 1440, 8940];

/// Who talks to whom: addresses and ports as they lie in the packet, and the sequence number of the SYN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flow<'a> {
    /// Both addresses: 8 bytes of IPv4, 32 of IPv6.
    pub(crate) addresses: &'a [u8],
    /// Both ports.
    pub(crate) ports: [u8; 4],
    pub(crate) seq: u32,
}

/// What a machine's cookies depend on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cookies {
    pub(crate) seed: u64,
    /// The monotonic clock, in nanoseconds.
    pub(crate) now: u64,
}

impl Cookies {
    fn count(self) -> u32 {
        (self.now / PERIOD_NS) as u32
    }

    /// A keyed hash. The kernel's is SipHash with keys of its own choosing.
    fn hash(self, flow: Flow<'_>, count: u32, which: u64) -> u32 {
        let start = mix(self.seed ^ mix(which << 32 | u64::from(count)));
        let bytes = flow.addresses.chunks(4).chain([&flow.ports[..]]);
        let words = bytes.map(|it| it.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        (words.fold(start, |hash, word| mix(hash ^ word)) >> 16) as u32
    }

    fn table(flow: Flow<'_>) -> &'static [u16; 4] {
        if flow.addresses.len() > 8 { &IPV6 } else { &IPV4 }
    }

    /// The cookie for an MSS, and the MSS that it says: the next lower one that it can.
    pub(crate) fn make(self, flow: Flow<'_>, mss: u16) -> (u32, u16) {
        let table = Cookies::table(flow);
        let index = table.iter().rposition(|it| mss >= *it).unwrap_or(0);
        let count = self.count();
        let low = self.hash(flow, count, 1).wrapping_add(index as u32) & MASK;
        let cookie =
            self.hash(flow, 0, 0).wrapping_add(flow.seq).wrapping_add(count << BITS).wrapping_add(low);
        (cookie, table[index])
    }

    /// The MSS that a cookie says, if it is one for this connection, and not too old.
    pub(crate) fn check(self, flow: Flow<'_>, cookie: u32) -> Option<u16> {
        let count = self.count();
        let bare = cookie.wrapping_sub(self.hash(flow, 0, 0).wrapping_add(flow.seq));
        let age = count.wrapping_sub(bare >> BITS) & (u32::MAX >> BITS);
        if age >= MAX_AGE {
            return None;
        }
        let index = bare.wrapping_sub(self.hash(flow, count.wrapping_sub(age), 1)) & MASK;
        Cookies::table(flow).get(index as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cookie_is_good_for_two_minutes(addresses in prop::sample::select(vec![8usize, 32]), fill: u8, ports: [u8; 4], seq: u32,
                                            mss: u16, seed: u64, now in 0u64..1 << 50, later in 0u64..400_000_000_000) {
            let addresses = vec![fill; addresses];
            let flow = Flow { addresses: &addresses, ports, seq };
            let (cookie, said) = Cookies { seed, now }.make(flow, mss);
            prop_assert!(said <= mss.max(1220));
            prop_assert_eq!(Cookies { seed, now }.check(flow, cookie), Some(said));
            let periods = (now + later) / PERIOD_NS - now / PERIOD_NS;
            let answer = Cookies { seed, now: now + later }.check(flow, cookie);
            prop_assert_eq!(answer, (periods < 2).then_some(said));
        }

        #[test]
        fn others_cookies_are_none(seq: u32, seed: u64, cookie: u32) {
            // A guess is right once in 2^21.
            let flow = Flow { addresses: &[10, 0, 0, 1, 10, 0, 0, 2], ports: [1, 2, 3, 4], seq };
            let cookies = Cookies { seed, now: 0 };
            let (right, _) = cookies.make(flow, 1460);
            prop_assume!(right.abs_diff(cookie) > 1 << 24);
            let other = Flow { seq: seq.wrapping_add(1 << 26), ..flow };
            prop_assert_eq!(cookies.check(other, right), None);
        }
    }
}
