//! Devices and routes, as a test writes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a hardware header (`hard_header_len`) of Ethernet.
const ETH_HLEN: u32 = 14;

/// An address and how many of its first bits name the network.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Prefix {
    /// The address.
    pub addr: IpAddr,
    /// The bits: up to 32 of IPv4, 128 of IPv6.
    pub len: u8,
}

impl Prefix {
    /// From text: `10.0.0.0/8`; without a length, the address alone.
    ///
    /// # Errors
    /// A sentence: no such address or length.
    pub fn parse(text: &str) -> Result<Prefix, String> {
        let (addr, len) = match text.split_once('/') {
            Some((addr, len)) => (addr, Some(len)),
            None => (text, None),
        };
        let addr: IpAddr = addr.parse().map_err(|_| format!("{addr:?} is no address"))?;
        let max = if addr.is_ipv4() { 32 } else { 128 };
        let len = match len {
            None => max,
            Some(len) => match len.parse() {
                Ok(len) if len <= max => len,
                _ => return Err(format!("/{len} is no length of a prefix of {addr}: 0 to {max} are")),
            },
        };
        Ok(Prefix { addr, len })
    }

    /// The address as the low bits of a number, and how many there are.
    fn number(addr: IpAddr) -> (u128, u32) {
        match addr {
            IpAddr::V4(addr) => (u128::from(addr.to_bits()), 32),
            IpAddr::V6(addr) => (addr.to_bits(), 128),
        }
    }

    /// Whether an address is in the network.
    pub(crate) fn contains(&self, addr: IpAddr) -> bool {
        let ((ours, bits), (theirs, of)) = (Prefix::number(self.addr), Prefix::number(addr));
        let rest = bits - u32::from(self.len).min(bits);
        bits == of && (rest >= 128 || (ours ^ theirs) >> rest == 0)
    }

    /// Whether an address is the network's own or its broadcast address.
    pub(crate) fn is_broadcast(&self, addr: IpAddr) -> bool {
        let IpAddr::V4(addr) = addr else { return false };
        if self.len >= 31 || !self.contains(addr.into()) {
            return false;
        }
        let host = addr.to_bits() & (u32::MAX >> self.len);
        host == 0 || host == u32::MAX >> self.len
    }
}

/// A network device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// Its index.
    pub ifindex: u32,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// The longest packet without its hardware header, in bytes.
    pub mtu: u32,
    /// Bytes of a hardware header.
    pub header: u32,
    /// Packets that come in here may go out elsewhere (`net.ipv4.conf.DEVICE.forwarding`, and IPv6's).
    pub forwarding: bool,
    /// It is up.
    pub up: bool,
    /// Its driver can run XDP programs; without, they run on skbs.
    pub xdp: bool,
    /// Of a netkit pair: which end it is.
    pub netkit: Option<NetkitEnd>,
    /// Its own addresses, with the lengths of their networks' prefixes.
    pub addresses: Vec<Prefix>,
}

/// One end of a netkit pair of devices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetkitEnd {
    /// The one that programs of both ends are attached through.
    Primary {
        /// The other one's index.
        peer: u32,
    },
    /// The other one.
    Peer {
        /// The primary's index.
        primary: u32,
    },
}

impl Device {
    /// An Ethernet device that is up and forwards, with an MTU of 1,500 bytes and the hardware address
    /// `02:00:` and its index.
    pub fn new(ifindex: u32) -> Device {
        let [a, b, c, d] = ifindex.to_be_bytes();
        Device {
            ifindex,
            mac: [2, 0, a, b, c, d],
            mtu: 1500,
            header: ETH_HLEN,
            forwarding: true,
            up: true,
            xdp: true,
            netkit: None,
            addresses: Vec::new(),
        }
    }

    /// The loopback device: index 1, an MTU of 65,536, `127.0.0.1/8` and `::1`, and no forwarding.
    pub fn loopback() -> Device {
        Device {
            mac: [0; 6],
            mtu: 65_536,
            forwarding: false,
            xdp: false,
            addresses: vec![
                Prefix { addr: Ipv4Addr::LOCALHOST.into(), len: 8 },
                Prefix { addr: Ipv6Addr::LOCALHOST.into(), len: 128 },
            ],
            ..Device::new(1)
        }
    }

    /// The same with an address of its own, and the length of its network's prefix: `"10.0.0.1/24"`.
    ///
    /// # Errors
    /// A sentence: no such address.
    pub fn address(mut self, address: &str) -> Result<Device, String> {
        self.addresses.push(Prefix::parse(address)?);
        Ok(self)
    }

    /// The same as one end of a netkit pair.
    #[must_use]
    pub fn netkit(self, end: NetkitEnd) -> Device {
        Device { netkit: Some(end), xdp: false, ..self }
    }

    /// The same with another hardware address.
    #[must_use]
    pub fn mac(self, mac: [u8; 6]) -> Device {
        Device { mac, ..self }
    }

    /// The same with another MTU, in bytes.
    #[must_use]
    pub fn mtu(self, mtu: u32) -> Device {
        Device { mtu, ..self }
    }
}

/// What becomes of a packet that follows a route (`RTN_*` of `linux/rtnetlink.h`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum RouteKind {
    /// It goes out.
    #[default]
    Unicast,
    /// It is for this machine.
    Local,
    /// It is dropped.
    Blackhole,
    /// It is dropped, and the sender is told that nobody is there.
    Unreachable,
    /// It is dropped, and the sender is told that it may not.
    Prohibit,
}

/// A route (`ip route add`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// Where to.
    pub to: Prefix,
    /// The index of the device that it leads out of.
    pub device: u32,
    /// The next hop, if the destination is not on the device's own network. May be of IPv6 for an IPv4 route.
    pub via: Option<IpAddr>,
    /// What becomes of packets.
    pub kind: RouteKind,
    /// Of routes to one network, the lowest is taken.
    pub metric: u32,
    /// The table: 254 is the main one.
    pub table: u32,
    /// The longest packet, if it is not the device's to say (`mtu lock`), in bytes.
    pub mtu: Option<u32>,
    /// The source address of packets from here.
    pub source: Option<IpAddr>,
    /// Packets are wrapped by a lightweight tunnel.
    pub encap: bool,
}

impl Route {
    /// The main table (`RT_TABLE_MAIN`).
    pub const MAIN: u32 = 254;

    /// A route in the main table to a network (`"10.0.0.0/8"`) out of a device, with metric 0.
    ///
    /// # Errors
    /// A sentence: no such network.
    pub fn to(network: &str, device: u32) -> Result<Route, String> {
        Ok(Route {
            to: Prefix::parse(network)?,
            device,
            via: None,
            kind: RouteKind::Unicast,
            metric: 0,
            table: Route::MAIN,
            mtu: None,
            source: None,
            encap: false,
        })
    }

    /// The same, through a next hop.
    #[must_use]
    pub fn via(self, hop: IpAddr) -> Route {
        Route { via: Some(hop), ..self }
    }

    /// The same, of another kind.
    #[must_use]
    pub fn kind(self, kind: RouteKind) -> Route {
        Route { kind, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        let ten = Prefix::parse("10.0.0.0/8").unwrap();
        for (addr, inside) in [("10.255.0.1", true), ("11.0.0.1", false), ("::a00:1", false)] {
            assert_eq!(ten.contains(addr.parse().unwrap()), inside, "{addr}");
        }
        let all = Prefix::parse("::/0").unwrap();
        assert!(all.contains("ffff::1".parse().unwrap()) && !all.contains("1.2.3.4".parse().unwrap()));
        assert!(Prefix::parse("0.0.0.0/0").unwrap().contains("255.1.1.1".parse().unwrap()));
        let one = Prefix::parse("fe80::1").unwrap();
        assert!(one.contains("fe80::1".parse().unwrap()) && !one.contains("fe80::2".parse().unwrap()));
        assert_eq!(
            Prefix::parse("10.0.0.0/33").unwrap_err(),
            "/33 is no length of a prefix of 10.0.0.0: 0 to 32 are"
        );
        assert_eq!(Prefix::parse("ten/8").unwrap_err(), "\"ten\" is no address");
    }

    #[test]
    fn broadcast_addresses() {
        let net = Prefix::parse("10.1.2.3/24").unwrap();
        for (addr, is) in
            [("10.1.2.0", true), ("10.1.2.255", true), ("10.1.2.254", false), ("10.1.3.255", false)]
        {
            assert_eq!(net.is_broadcast(addr.parse().unwrap()), is, "{addr}");
        }
        assert!(!Prefix::parse("10.1.2.3/31").unwrap().is_broadcast("10.1.2.2".parse().unwrap()));
    }
}
