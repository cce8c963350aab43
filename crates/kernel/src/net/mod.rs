//! The network around programs: devices, routes, neighbours and sockets, filled by a test.

mod cookie;
mod device;
mod effects;
mod fib;
mod socket;
mod tunnel;

pub(crate) use cookie::{Cookies, Flow};
pub use device::{Device, NetkitEnd, Prefix, Route, RouteKind};
pub use effects::{ClonedPacket, NetEffects};
pub(crate) use fib::{Lookup, Query};
pub use socket::NetSocket;
pub(crate) use socket::{CLOSE, HeldSocket, LISTEN, NEW_SYN_RECV, Sockets, TCP, Tuple, UDP};
pub use tunnel::Tunnel;

use crate::kernel::Kernel;
use skep_abi::Errno;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The network of the machine, one namespace: what `bpf_fib_lookup` and its like look at.
///
/// At first, there is the loopback device alone, and nothing is forwarded from it. Addresses of devices bring their
/// routes: to themselves (which are never forwarded to), and to their networks.
///
/// ```
/// use skep_kernel::{Config, Device, Kernel, Route};
///
/// let mut kernel = Kernel::new(Config::default())?;
/// let net = kernel.net_mut();
/// net.add_device(Device::new(2).address("10.0.0.1/24")?);
/// net.add_device(Device::new(3).address("192.168.0.1/24")?);
/// net.add_route(Route::to("0.0.0.0/0", 3)?.via("192.168.0.254".parse()?));
/// net.add_neighbour(3, "192.168.0.254".parse()?, [2, 0, 0, 0, 0, 9]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Net {
    devices: BTreeMap<u32, Device>,
    routes: Vec<Route>,
    neighbours: BTreeMap<(u32, IpAddr), [u8; 6]>,
    /// What `bpf_get_netns_cookie` answers for this namespace.
    pub cookie: u64,
    /// What `bpf_get_route_realm` answers of any packet.
    pub realm: u32,
    /// The class of the current task's cgroup (version 1, `net_cls`).
    pub classid: u32,
    /// Whether listeners answer with SYN cookies: 0 never, 1 when their queue is full, 2 always
    /// (`net.ipv4.tcp_syncookies`).
    pub syncookies: u8,
}

impl Default for Net {
    fn default() -> Net {
        let lo = Device::loopback();
        Net {
            devices: BTreeMap::from([(lo.ifindex, lo)]),
            routes: Vec::new(),
            neighbours: BTreeMap::new(),
            cookie: 1,
            realm: 0,
            classid: 0,
            syncookies: 1,
        }
    }
}

impl Net {
    /// Adds a device, or replaces the one with its index.
    pub fn add_device(&mut self, device: Device) {
        self.devices.insert(device.ifindex, device);
    }

    /// Takes a device away. [`Kernel::remove_device`] does it for what is attached to it as well.
    pub(crate) fn remove_device(&mut self, ifindex: u32) -> Option<Device> {
        self.devices.remove(&ifindex)
    }

    /// Adds a route.
    pub fn add_route(&mut self, route: Route) {
        self.routes.push(route);
    }

    /// Says who has an address on the network of a device (`ip neigh add ADDR lladdr MAC dev DEVICE`).
    pub fn add_neighbour(&mut self, device: u32, address: IpAddr, mac: [u8; 6]) {
        self.neighbours.insert((device, address), mac);
    }

    /// Forgets who has an address.
    pub fn remove_neighbour(&mut self, device: u32, address: IpAddr) {
        self.neighbours.remove(&(device, address));
    }

    /// The device with an index.
    pub fn device(&self, ifindex: u32) -> Option<&Device> {
        self.devices.get(&ifindex)
    }

    /// Whether a packet may be sent to a device. Nobody described the network while there is loopback alone: then every
    /// number is that of a device.
    pub(crate) fn may_have(&self, ifindex: u32) -> bool {
        self.devices.contains_key(&ifindex) || self.devices.keys().eq([&Device::loopback().ifindex])
    }

    /// All devices, by index.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    pub(crate) fn neighbour(&self, device: u32, address: IpAddr) -> Option<[u8; 6]> {
        self.neighbours.get(&(device, address)).copied()
    }
}

/// A sysctl that is read or written: see [`Kernel::set_sysctl`].
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Sysctl {
    /// Its path below `/proc/sys`: `net/ipv4/ip_forward`.
    pub name: String,
    /// Its value as text, with its newline.
    pub value: Vec<u8>,
    /// The value that is being written, if the context says that one is.
    pub new_value: Option<Vec<u8>>,
}

/// # The network
impl Kernel {
    /// Says which sysctl the programs that run from now on are about.
    pub fn set_sysctl(&mut self, sysctl: Sysctl) {
        self.core.sysctl = Some(sysctl);
    }

    /// The network that programs look at.
    pub fn net(&self) -> &Net {
        &self.core.net
    }

    /// Takes a device away. Programs that are attached to it by themselves are dropped, links become defunct.
    ///
    /// # Errors
    /// `ENODEV`: there is no such device.
    pub fn remove_device(&mut self, ifindex: u32) -> Result<(), Errno> {
        self.core.net.device(ifindex).ok_or(Errno::ENODEV)?;
        self.core.unhook_device(ifindex);
        self.core.net.remove_device(ifindex);
        self.core.sweep(&self.memory);
        Ok(())
    }

    /// The network that programs look at, to add to it.
    pub fn net_mut(&mut self) -> &mut Net {
        &mut self.core.net
    }
}
