//! SYN cookies (`net/core/filter.c`, with [`Cookies`] for what is in them).

use super::env::{Answer, Bytes, Env, Stop, ret};
use super::sock;
use crate::net::{Cookies, Flow, LISTEN, TCP};
use skep_abi::Errno;

const IPV4_HLEN: usize = 20;
const IPV6_HLEN: usize = 40;
const TCP_HLEN: usize = 20;

/// The MSS where a SYN says none (`TCP_MSS_DEFAULT`; IPv6's least MTU less the headers).
const IPV4_MSS: u16 = 536;
const IPV6_MSS: u16 = 1220;

/// Flags of a TCP header.
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// Headers that were passed to a helper, and the version that they are taken for.
struct Headers {
    ip: Bytes,
    tcp: Bytes,
    v6: bool,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|it| it.try_into().ok()).map_or(0, u32::from_be_bytes)
}

impl Headers {
    fn flow(&self, seq: u32) -> Flow<'_> {
        let addresses = if self.v6 { 8..40 } else { 12..20 };
        let ports = self.tcp.first_chunk().copied().unwrap_or_default();
        Flow { addresses: self.ip.get(addresses).unwrap_or_default(), ports, seq }
    }

    fn flags(&self) -> u8 {
        self.tcp.get(13).copied().unwrap_or(0)
    }

    /// How long the TCP header says that it is.
    fn tcp_len(&self) -> usize {
        usize::from(self.tcp.get(12).copied().unwrap_or(0) >> 4) * 4
    }

    /// The MSS that the options of a SYN ask for (`tcp_parse_mss_option`).
    fn mss(&self) -> Option<u16> {
        let (mut rest, mut mss) = (self.tcp.get(TCP_HLEN..).unwrap_or_default(), None);
        loop {
            rest = match rest {
                [] | [0, ..] | [_] => return mss,
                [1, after @ ..] => after,
                [_, len, ..] if *len < 2 || usize::from(*len) > rest.len() => return mss,
                [2, 4, high, low, after @ ..] => {
                    mss = Some(u16::from_be_bytes([*high, *low])).filter(|it| *it != 0).or(mss);
                    after
                }
                [_, len, ..] => &rest[usize::from(*len)..],
            };
        }
    }

    /// A cookie, and above it the MSS.
    fn make(&self, cookies: Cookies) -> u64 {
        let mss = self.mss().unwrap_or(if self.v6 { IPV6_MSS } else { IPV4_MSS });
        let (cookie, mss) = cookies.make(self.flow(word(&self.tcp, 4)), mss);
        u64::from(mss) << 32 | u64::from(cookie)
    }

    /// Whether the packet acknowledges a cookie.
    fn check(&self, cookies: Cookies) -> bool {
        let (seq, ack) = (word(&self.tcp, 4), word(&self.tcp, 8));
        cookies.check(self.flow(seq.wrapping_sub(1)), ack.wrapping_sub(1)).is_some()
    }
}

fn cookies(env: &Env<'_, '_>) -> Cookies {
    Cookies { seed: env.core.seed, now: env.core.clock.monotonic_ns }
}

/// `bpf_tcp_raw_gen_syncookie_*(iph, th, th_len)`: the cookie, and above it the MSS.
fn raw_gen(env: &mut Env<'_, '_>, v6: bool) -> Answer {
    let len = env.arg(2) as u32 as usize;
    let ip = env.read(0, if v6 { IPV6_HLEN } else { IPV4_HLEN })?;
    let headers = Headers { ip, tcp: env.read(1, len)?, v6 };
    if len < TCP_HLEN || len != headers.tcp_len() {
        return Err(Errno::EINVAL.into());
    }
    ret(headers.make(cookies(env)))
}

/// `bpf_tcp_raw_check_syncookie_*(iph, th)`.
fn raw_check(env: &mut Env<'_, '_>, v6: bool) -> Answer {
    let ip = env.read(0, if v6 { IPV6_HLEN } else { IPV4_HLEN })?;
    let headers = Headers { ip, tcp: env.read(1, TCP_HLEN)?, v6 };
    if headers.check(cookies(env)) { ret(0) } else { Err(Errno::EACCES.into()) }
}

pub(super) fn raw_gen_ipv4(env: &mut Env<'_, '_>) -> Answer {
    raw_gen(env, false)
}

pub(super) fn raw_gen_ipv6(env: &mut Env<'_, '_>) -> Answer {
    raw_gen(env, true)
}

pub(super) fn raw_check_ipv4(env: &mut Env<'_, '_>) -> Answer {
    raw_check(env, false)
}

pub(super) fn raw_check_ipv6(env: &mut Env<'_, '_>) -> Answer {
    raw_check(env, true)
}

/// The headers, whose version counts, if the socket can take it.
fn versioned(env: &mut Env<'_, '_>, ip: Bytes, tcp: Bytes) -> Result<Headers, Stop> {
    let (_, socket) = sock::arg(env, 0)?;
    let (family, takes_v4) = (socket.local.is_ipv6(), socket.takes_v4());
    let v6 = match ip.first().copied().unwrap_or(0) >> 4 {
        4 if family && !takes_v4 => return Err(Errno::EINVAL.into()),
        4 => false,
        6 if ip.len() < IPV6_HLEN || !family => return Err(Errno::EINVAL.into()),
        6 => true,
        _ => return Err(Errno::EPROTONOSUPPORT.into()),
    };
    Ok(Headers { ip, tcp, v6 })
}

/// `bpf_tcp_gen_syncookie(sk, iph, iph_len, th, th_len)`: the cookie, and above it the MSS, if the listener's queue is
/// full, or the machine always sends cookies.
pub(super) fn generate(env: &mut Env<'_, '_>) -> Answer {
    let (ip_len, tcp_len) = (env.arg(2) as u32 as usize, env.arg(4) as u32 as usize);
    let (ip, tcp) = (env.read(1, ip_len)?, env.read(3, tcp_len)?);
    let given = Headers { ip: Bytes::default(), tcp, v6: false };
    if tcp_len < TCP_HLEN || tcp_len != given.tcp_len() {
        return Err(Errno::EINVAL.into());
    }
    let (_, socket) = sock::arg(env, 0)?;
    let (listens, full) = (socket.state == LISTEN && socket.protocol == TCP, socket.overflowed);
    if !listens {
        return Err(Errno::EINVAL.into());
    }
    let mode = env.core.net.syncookies;
    if mode == 0 {
        return Err(Errno::ENOENT.into());
    }
    if given.flags() & (SYN | ACK | FIN | RST) != SYN || ip_len < IPV4_HLEN {
        return Err(Errno::EINVAL.into());
    }
    let headers = versioned(env, ip, given.tcp)?;
    if mode != 2 && !full {
        return Err(Errno::ENOENT.into());
    }
    sock::arg(env, 0)?.1.overflowed = true;
    ret(headers.make(cookies(env)))
}

/// `bpf_tcp_check_syncookie(sk, iph, iph_len, th, th_len)`: 0 if the packet acknowledges a cookie of the listener's.
pub(super) fn check(env: &mut Env<'_, '_>) -> Answer {
    let (ip_len, tcp_len) = (env.arg(2) as u32 as usize, env.arg(4) as u32 as usize);
    let (ip, tcp) = (env.read(1, ip_len)?, env.read(3, tcp_len)?);
    let (_, socket) = sock::arg(env, 0)?;
    let (listens, full) = (socket.state == LISTEN && socket.protocol == TCP, socket.overflowed);
    if tcp_len < TCP_HLEN || !listens || env.core.net.syncookies == 0 {
        return Err(Errno::EINVAL.into());
    }
    let flags = tcp.get(13).copied().unwrap_or(0);
    if flags & (ACK | RST | SYN) != ACK {
        return Err(Errno::ENOENT.into());
    }
    if ip_len < IPV4_HLEN {
        return Err(Errno::EINVAL.into());
    }
    if !full {
        return Err(Errno::ENOENT.into());
    }
    let headers = versioned(env, ip, tcp)?;
    if headers.check(cookies(env)) { ret(0) } else { Err(Errno::ENOENT.into()) }
}
