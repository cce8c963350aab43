//! Which way a packet goes: the longest prefix, then the lowest metric.

use super::device::{Prefix, Route, RouteKind};
use super::{Device, Net};
use std::net::IpAddr;

/// A question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query {
    pub(crate) to: IpAddr,
    /// The device that the packet is on.
    pub(crate) device: u32,
    /// The packet leaves through that device, rather than having come in.
    pub(crate) output: bool,
    /// The one table to look at; otherwise, the kernel's own, then the main one.
    pub(crate) table: Option<u32>,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Lookup {
    /// There is no route, or it does not lead out.
    None,
    /// What the kind of the route says.
    Refused(RouteKind),
    /// Out of a device.
    Out(Route),
}

impl Net {
    /// Looks a route up (`fib_lookup` in `include/net/ip_fib.h` without rules, `fib6_lookup`).
    pub(crate) fn lookup(&self, query: Query) -> Lookup {
        if query.table.is_none() && self.is_local(query.to) {
            return Lookup::None;
        }
        let table = query.table.unwrap_or(Route::MAIN);
        // An IPv4 packet that leaves through a device takes none of the others; of an IPv6 packet, it is a wish.
        let strict = query.output && query.to.is_ipv4();
        let routes = self.routes_of(table).filter(|it| it.to.contains(query.to));
        let candidates = routes.filter(|it| !strict || it.device == query.device);
        let prefer = |it: &Route| it.to.addr.is_ipv6() && it.device == query.device;
        let best = candidates.min_by_key(|it| (u8::MAX - it.to.len, it.metric, !prefer(it)));
        match best {
            None => Lookup::None,
            Some(route) => match route.kind {
                RouteKind::Unicast => Lookup::Out(route),
                RouteKind::Local => Lookup::None,
                kind => Lookup::Refused(kind),
            },
        }
    }

    /// Whether packets to an address are this machine's own, or for all on a network.
    pub(crate) fn is_local(&self, to: IpAddr) -> bool {
        self.addresses().any(|(device, prefix)| {
            let loopback = device.ifindex == 1 && prefix.contains(to);
            prefix.addr == to || loopback || prefix.is_broadcast(to)
        })
    }

    fn addresses(&self) -> impl Iterator<Item = (&Device, &Prefix)> {
        self.devices().flat_map(|device| device.addresses.iter().map(move |prefix| (device, prefix)))
    }

    /// The routes of a table: those that were added, and in the main one those that addresses bring.
    fn routes_of(&self, table: u32) -> impl Iterator<Item = Route> {
        const IPV6_METRIC: u32 = 256;
        let connected =
            self.addresses().filter(move |_| table == Route::MAIN).map(|(device, prefix)| Route {
                to: *prefix,
                device: device.ifindex,
                via: None,
                kind: RouteKind::Unicast,
                metric: if prefix.addr.is_ipv6() { IPV6_METRIC } else { 0 },
                table: Route::MAIN,
                mtu: None,
                source: Some(prefix.addr),
                encap: false,
            });
        self.routes.iter().filter(move |it| it.table == table).cloned().chain(connected)
    }

    /// The source address of packets along a route to `to` (`fib_result_prefsrc`, `ipv6_dev_get_saddr`): the route's,
    /// one of the next hop's network, any of the device's, any of the same family.
    pub(crate) fn source(&self, route: &Route, to: IpAddr) -> Option<IpAddr> {
        let hop = route.via.filter(|it| it.is_ipv4() == to.is_ipv4()).unwrap_or(to);
        let family: Vec<_> = self.addresses().filter(|it| it.1.addr.is_ipv4() == to.is_ipv4()).collect();
        let on_device = || family.iter().filter(|it| it.0.ifindex == route.device);
        let near = on_device().find(|it| it.1.contains(hop)).or_else(|| on_device().next());
        let any = || family.iter().find(|it| it.0.ifindex != 1);
        route.source.or_else(|| near.or_else(any).map(|it| it.1.addr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net() -> Net {
        let mut net = Net::default();
        net.add_device(Device::new(2).address("10.0.0.1/24").unwrap().address("2001:db8::1/64").unwrap());
        net.add_device(Device::new(3).address("192.168.0.1/16").unwrap());
        net.add_route(Route::to("0.0.0.0/0", 3).unwrap().via("192.168.0.254".parse().unwrap()));
        net.add_route(Route { metric: 5, ..Route::to("172.16.0.0/12", 2).unwrap() });
        net.add_route(Route { metric: 1, ..Route::to("172.16.0.0/12", 3).unwrap() });
        net.add_route(Route::to("172.16.5.0/24", 2).unwrap().kind(RouteKind::Blackhole));
        net.add_route(Route { table: 7, ..Route::to("0.0.0.0/0", 2).unwrap() });
        net
    }

    /// The device that a packet goes out of.
    fn out(to: &str, output: bool, table: Option<u32>) -> Result<u32, Lookup> {
        match net().lookup(Query { to: to.parse().unwrap(), device: 2, output, table }) {
            Lookup::Out(route) => Ok(route.device),
            other => Err(other),
        }
    }

    #[test]
    fn the_longest_prefix_and_the_lowest_metric() {
        assert_eq!(out("10.0.0.7", false, None), Ok(2));
        assert_eq!(out("8.8.8.8", false, None), Ok(3));
        assert_eq!(out("172.17.0.1", false, None), Ok(3));
        assert_eq!(out("172.17.0.1", true, None), Ok(2));
        assert_eq!(out("172.16.5.1", false, None), Err(Lookup::Refused(RouteKind::Blackhole)));
        assert_eq!(out("8.8.8.8", false, Some(7)), Ok(2));
        assert_eq!(out("8.8.8.8", false, Some(8)), Err(Lookup::None));
        assert_eq!(out("2001:db8::7", false, None), Ok(2));
        assert_eq!(out("2002::1", false, None), Err(Lookup::None));
    }

    #[test]
    fn own_addresses_and_broadcasts_do_not_lead_out() {
        for to in ["10.0.0.1", "10.0.0.255", "127.1.2.3", "::1", "2001:db8::1"] {
            assert_eq!(out(to, false, None), Err(Lookup::None), "{to}");
        }
        // The main table alone does not know.
        assert_eq!(out("10.0.0.1", false, Some(Route::MAIN)), Ok(2));
    }

    #[test]
    fn sources() {
        let net = net();
        let source =
            |route: Route, to: &str| net.source(&route, to.parse().unwrap()).map(|it| it.to_string());
        let default = Route::to("0.0.0.0/0", 3).unwrap().via("192.168.0.254".parse().unwrap());
        assert_eq!(source(default.clone(), "8.8.8.8").unwrap(), "192.168.0.1");
        let wanted = Route { source: Some("1.2.3.4".parse().unwrap()), ..default };
        assert_eq!(source(wanted, "8.8.8.8").unwrap(), "1.2.3.4");
        assert_eq!(source(Route::to("::/0", 3).unwrap(), "2003::1").unwrap(), "2001:db8::1");
        assert_eq!(Net::default().source(&Route::to("::/0", 3).unwrap(), "2003::1".parse().unwrap()), None);
    }
}
