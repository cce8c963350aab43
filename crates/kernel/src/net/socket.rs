//! Sockets: those that a test made, and how packets find them.

use crate::kernel::Kernel;
use crate::report::Report;
use crate::state::Core;
use skep_abi::Errno;
use skep_abi::ctx::{Field, bpf_sock};
use skep_abi::structs::bpf_tcp_sock;
use skep_memory::{Arena, Memory, NoMemory, ObjectKind, Origin, Rights, Site};
use skep_vm::Machine;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
pub(crate) const TCP: u32 = 6;
pub(crate) const UDP: u32 = 17;

/// States (`enum` of `net/tcp_states.h`).
pub(crate) const ESTABLISHED: u32 = 1;
pub(crate) const TIME_WAIT: u32 = 6;
pub(crate) const CLOSE: u32 = 7;
pub(crate) const LISTEN: u32 = 10;
pub(crate) const NEW_SYN_RECV: u32 = 12;

/// A socket for packets and programs to find: see [`Kernel::add_socket`].
///
/// ```
/// use skep_kernel::NetSocket;
///
/// let web = NetSocket::listener("0.0.0.0:80".parse()?);
/// let dns = NetSocket { uid: 101, ..NetSocket::udp("10.0.0.1:53".parse()?) };
/// assert_eq!((web.state, dns.protocol), (10, 17));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetSocket {
    /// The protocol: `IPPROTO_TCP` is 6, `IPPROTO_UDP` 17.
    pub protocol: u32,
    /// The own address and port. The unspecified address is any.
    pub local: SocketAddr,
    /// The other side's, of a connected socket.
    pub remote: Option<SocketAddr>,
    /// `TCP_LISTEN` is 10, `TCP_ESTABLISHED` 1, `TCP_CLOSE`, which sockets without a connection are in, 7;
    /// `TCP_TIME_WAIT` is 6, `TCP_NEW_SYN_RECV` 12.
    pub state: u32,
    /// An IPv6 socket takes no IPv4 (`IPV6_V6ONLY`).
    pub only_v6: bool,
    /// The device that it is bound to; 0 is any.
    pub device: u32,
    /// `SO_MARK`.
    pub mark: u32,
    /// `SO_PRIORITY`.
    pub priority: u32,
    /// Whose it is.
    pub uid: u32,
    /// What `bpf_get_socket_cookie` answers; 0: the kernel gives it one.
    pub cookie: u64,
    /// The ids of its cgroups (version 2), from the root's to its own.
    pub cgroups: Vec<u64>,
    /// The class of its cgroup (version 1, `net_cls`).
    pub classid: u32,
    /// A listener whose queue of connections under way is full, so that it answers with SYN cookies.
    pub overflowed: bool,
    /// Options that were set, by level and name; names without an entry are what they are at first.
    pub options: BTreeMap<(i32, i32), Vec<u8>>,
    /// The fields of `struct bpf_tcp_sock`: its first bytes, the others are zero.
    pub tcp: Vec<u8>,
}

impl NetSocket {
    fn new(protocol: u32, local: SocketAddr, remote: Option<SocketAddr>, state: u32) -> NetSocket {
        NetSocket {
            protocol,
            local,
            remote,
            state,
            only_v6: false,
            device: 0,
            mark: 0,
            priority: 0,
            uid: 0,
            cookie: 0,
            cgroups: vec![1],
            classid: 0,
            overflowed: false,
            options: BTreeMap::new(),
            tcp: Vec::new(),
        }
    }

    /// A TCP socket that listens; of user 0, in the root cgroup.
    pub fn listener(local: SocketAddr) -> NetSocket {
        NetSocket::new(TCP, local, None, LISTEN)
    }

    /// An established TCP connection.
    pub fn tcp(local: SocketAddr, remote: SocketAddr) -> NetSocket {
        NetSocket::new(TCP, local, Some(remote), ESTABLISHED)
    }

    /// A UDP socket that is bound to an address.
    pub fn udp(local: SocketAddr) -> NetSocket {
        NetSocket::new(UDP, local, None, CLOSE)
    }

    /// A UDP socket that is connected.
    pub fn udp_connected(local: SocketAddr, remote: SocketAddr) -> NetSocket {
        NetSocket::new(UDP, local, Some(remote), ESTABLISHED)
    }

    /// The same in another state.
    #[must_use]
    pub fn state(self, state: u32) -> NetSocket {
        NetSocket { state, ..self }
    }

    /// `struct bpf_sock`.
    fn to_bytes(&self) -> [u8; bpf_sock::LAYOUT.size] {
        let mut bytes = [0; bpf_sock::LAYOUT.size];
        let mut put = |field: &Field, value: &[u8]| {
            bytes[field.offset..field.offset + value.len()].copy_from_slice(value);
        };
        let family = if self.local.is_ipv6() { AF_INET6 } else { AF_INET };
        let kind = if self.protocol == TCP { SOCK_STREAM } else { SOCK_DGRAM };
        let numbers = [
            (&bpf_sock::bound_dev_if, self.device),
            (&bpf_sock::family, family),
            (&bpf_sock::r#type, kind),
            (&bpf_sock::protocol, self.protocol),
            (&bpf_sock::mark, self.mark),
            (&bpf_sock::priority, self.priority),
            (&bpf_sock::src_port, u32::from(self.local.port())),
            (&bpf_sock::state, self.state),
            (&bpf_sock::rx_queue_mapping, u32::MAX),
        ];
        numbers.iter().for_each(|(field, value)| put(field, &value.to_le_bytes()));
        put(&bpf_sock::src_ip4, &as_v4(self.local.ip()));
        // A TCP connection over IPv4 has its addresses in both forms; no other IPv4 socket has.
        let both = self.local.is_ipv6() || self.protocol == TCP && self.remote.is_some();
        if both {
            put(&bpf_sock::src_ip6, &as_v6(self.local.ip()));
        }
        if let Some(remote) = self.remote {
            put(&bpf_sock::dst_port, &remote.port().to_be_bytes());
            put(&bpf_sock::dst_ip4, &as_v4(remote.ip()));
            if both {
                put(&bpf_sock::dst_ip6, &as_v6(remote.ip()));
            }
        }
        bytes
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.state != TIME_WAIT && self.state != NEW_SYN_RECV
    }

    /// Whether it is an IPv6 socket that takes IPv4, too: not if it is bound to an address of IPv6 (`__inet6_bind`).
    pub(crate) fn takes_v4(&self) -> bool {
        match self.local.ip() {
            IpAddr::V4(_) => false,
            IpAddr::V6(ip) => !self.only_v6 && (ip.is_unspecified() || ip.to_ipv4_mapped().is_some()),
        }
    }

    /// It may be freed under who looks at it, but for a reference (`sk_is_refcounted`): all but listeners and UDP
    /// sockets.
    pub(crate) fn is_counted(&self) -> bool {
        !(self.is_whole() && (self.protocol == UDP || self.state == LISTEN))
    }

    /// How well a packet fits; `None`: not at all.
    fn score(&self, packet: &Tuple) -> Option<u32> {
        let v6 = packet.to.is_ipv6();
        let family = self.local.is_ipv6();
        if self.protocol != packet.protocol || self.local.port() != packet.to.port() {
            return None;
        }
        if self.device != 0 && self.device != packet.device {
            return None;
        }
        // An IPv6 socket takes IPv4, if it may, for any address.
        let takes = family == v6 || !v6 && self.takes_v4();
        let any = self.local.ip().is_unspecified();
        if !takes || !any && self.local.ip() != packet.to.ip() {
            return None;
        }
        if self.remote.is_some_and(|it| it != packet.from) {
            return None;
        }
        let points = [(self.remote.is_some(), 8), (!any, 4), (self.device != 0, 2), (family == v6, 1)];
        Some(points.iter().filter(|it| it.0).map(|it| it.1).sum())
    }
}

/// A packet, as sockets are looked up by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tuple {
    pub(crate) protocol: u32,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) device: u32,
}

/// As IPv4: of what is no IPv4 address, something that is on no network (`LOOPBACK4_IPV6`).
fn as_v4(ip: IpAddr) -> [u8; 4] {
    match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) if ip.is_unspecified() => [0; 4],
        IpAddr::V6(ip) => ip.to_ipv4_mapped().unwrap_or(Ipv4Addr::new(127, 0, 0, 6)).octets(),
    }
}

fn as_v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// A socket with its memory.
#[derive(Clone, Debug)]
struct Entry {
    socket: NetSocket,
    /// The address of its `struct bpf_tcp_sock`, once somebody asked.
    tcp: Option<u64>,
    /// It is not the test's: a context said that there is one.
    adopted: bool,
}

/// All sockets, by the address of their `struct bpf_sock`.
#[derive(Clone, Default, Debug)]
pub(crate) struct Sockets {
    entries: BTreeMap<u64, Entry>,
    /// `struct bpf_tcp_sock` to `struct bpf_sock`.
    by_tcp: BTreeMap<u64, u64>,
    cookies: u64,
}

/// A reference that a program holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct HeldSocket {
    pub(crate) addr: u64,
    /// The helper that gave it.
    pub(crate) helper: &'static str,
    pub(crate) site: Site,
}

fn put(memory: &Memory, name: &str, bytes: &[u8]) -> Result<u64, NoMemory> {
    let origin = Origin::new(ObjectKind::KernelObject, name);
    let addr = memory.alloc(Arena::Kernel, bytes.len(), 16, Rights::RO, origin)?;
    // It was just allocated.
    let _ = memory.poke(addr, bytes);
    Ok(addr)
}

impl Sockets {
    pub(crate) fn add(&mut self, memory: &Memory, mut socket: NetSocket) -> Result<u64, NoMemory> {
        let addr = put(memory, "bpf_sock", &socket.to_bytes())?;
        self.cookies += 1;
        if socket.cookie == 0 {
            socket.cookie = self.cookies;
        }
        self.entries.insert(addr, Entry { socket, tcp: None, adopted: false });
        Ok(addr)
    }

    fn remove(&mut self, memory: &Memory, addr: u64) -> Option<NetSocket> {
        let entry = self.entries.remove(&addr)?;
        if let Some(tcp) = entry.tcp {
            self.by_tcp.remove(&tcp);
            memory.free(tcp);
        }
        if !entry.adopted {
            memory.free(addr);
        }
        Some(entry.socket)
    }

    /// The address of the `struct bpf_sock` that an address of a socket stands for.
    pub(crate) fn base(&self, addr: u64) -> u64 {
        self.by_tcp.get(&addr).copied().unwrap_or(addr)
    }

    /// The socket at an address. One that nobody made is what its `struct bpf_sock` says; `None`: there is none.
    pub(crate) fn at(&mut self, memory: &Memory, addr: u64) -> Option<&mut NetSocket> {
        let addr = self.base(addr);
        let entry = match self.entries.entry(addr) {
            Slot::Occupied(known) => known.into_mut(),
            Slot::Vacant(slot) => {
                slot.insert(Entry { socket: adopt(memory, addr)?, tcp: None, adopted: true })
            }
        };
        Some(&mut entry.socket)
    }

    /// The `struct bpf_tcp_sock` of a socket.
    pub(crate) fn tcp_of(&mut self, memory: &Memory, addr: u64) -> Result<Option<u64>, NoMemory> {
        let addr = self.base(addr);
        let Some(entry) = self.entries.get_mut(&addr) else { return Ok(None) };
        if let Some(tcp) = entry.tcp {
            return Ok(Some(tcp));
        }
        let mut bytes = entry.socket.tcp.clone();
        bytes.resize(bpf_tcp_sock::LAYOUT.size, 0);
        let tcp = put(memory, "bpf_tcp_sock", &bytes)?;
        entry.tcp = Some(tcp);
        self.by_tcp.insert(tcp, addr);
        Ok(Some(tcp))
    }

    /// Writes a socket's `struct bpf_sock` again, after it changed.
    pub(crate) fn show(&self, memory: &Memory, addr: u64) {
        let addr = self.base(addr);
        if let Some(entry) = self.entries.get(&addr).filter(|it| !it.adopted) {
            let _ = memory.poke(addr, &entry.socket.to_bytes());
        }
        if let Some((tcp, bytes)) = self.entries.get(&addr).and_then(|it| it.tcp.zip(Some(&it.socket.tcp))) {
            let _ = memory.poke(tcp, &bytes[..bytes.len().min(bpf_tcp_sock::LAYOUT.size)]);
        }
    }

    /// The socket that a packet is for (`__inet_lookup`, `__udp4_lib_lookup` and IPv6's): a connection, or the one that
    /// is bound most closely.
    pub(crate) fn find(&self, packet: &Tuple) -> Option<u64> {
        let own = self.entries.iter().filter(|it| !it.1.adopted);
        let fitting = own.filter_map(|(addr, entry)| Some((entry.socket.score(packet)?, *addr)));
        fitting.max_by_key(|it| (it.0, std::cmp::Reverse(it.1))).map(|it| it.1)
    }

    /// The listener that a connection under way belongs to.
    pub(crate) fn listener_of(&self, addr: u64) -> Option<u64> {
        let of = &self.entries.get(&addr)?.socket;
        let packet = Tuple { protocol: TCP, from: of.remote?, to: of.local, device: of.device };
        let listeners = self.entries.iter().filter(|(_, it)| !it.adopted && it.socket.state == LISTEN);
        listeners.filter_map(|(addr, it)| Some((it.socket.score(&packet)?, *addr))).max().map(|it| it.1)
    }

    /// Forgets what was only there for a run.
    pub(crate) fn end_run(&mut self, memory: &Memory) {
        let adopted: Vec<u64> = self.entries.iter().filter(|it| it.1.adopted).map(|it| *it.0).collect();
        for addr in adopted {
            self.remove(memory, addr);
        }
    }
}

/// What a `struct bpf_sock` says that is not one of ours.
fn adopt(memory: &Memory, addr: u64) -> Option<NetSocket> {
    let mut bytes = [0; bpf_sock::LAYOUT.size];
    memory.peek(addr, &mut bytes).ok()?;
    let word = |field: &Field| {
        let word = bytes.get(field.offset..field.offset + 4).and_then(|it| it.try_into().ok());
        word.map_or(0, u32::from_le_bytes)
    };
    let v6 = word(&bpf_sock::family) == AF_INET6;
    let ip = |four: &Field, six: &Field| match v6 {
        true => bytes.get(six.range()).and_then(|it| <[u8; 16]>::try_from(it).ok()).map(IpAddr::from),
        false => bytes.get(four.range()).and_then(|it| <[u8; 4]>::try_from(it).ok()).map(IpAddr::from),
    };
    let local = ip(&bpf_sock::src_ip4, &bpf_sock::src_ip6)?;
    let remote = ip(&bpf_sock::dst_ip4, &bpf_sock::dst_ip6)?;
    let port =
        bytes.get(bpf_sock::dst_port.range()).and_then(|it| it.try_into().ok()).map_or(0, u16::from_be_bytes);
    let remote = (port != 0).then(|| SocketAddr::new(remote, port));
    let local = SocketAddr::new(local, word(&bpf_sock::src_port) as u16);
    Some(NetSocket {
        mark: word(&bpf_sock::mark),
        priority: word(&bpf_sock::priority),
        device: word(&bpf_sock::bound_dev_if),
        ..NetSocket::new(word(&bpf_sock::protocol), local, remote, word(&bpf_sock::state))
    })
}

/// # Sockets
impl Kernel {
    /// Adds a socket, and answers the address of its `struct bpf_sock`: what lookups return, and what can be given as
    /// `sk` in a context.
    ///
    /// # Errors
    /// `ENOMEM`: no room.
    pub fn add_socket(&mut self, socket: NetSocket) -> Result<u64, Errno> {
        self.limited(|kernel| kernel.core.sockets.add(&kernel.memory, socket).map_err(|_| Errno::ENOMEM))
    }

    /// Takes a socket away, and answers what it was in the end. `None`: there is none at this address.
    pub fn remove_socket(&mut self, addr: u64) -> Option<NetSocket> {
        self.core.sockets.remove(&self.memory, addr)
    }

    /// The socket at an address.
    pub fn socket_at(&self, addr: u64) -> Option<&NetSocket> {
        self.core.sockets.entries.get(&self.core.sockets.base(addr)).map(|it| &it.socket)
    }
}

impl Core {
    /// What to say of the first reference that a program, which is over, did not release.
    pub(crate) fn unreleased(&mut self, machine: &Machine) -> Option<Report> {
        let held = std::mem::take(&mut self.now.sockets);
        let first = held.first()?;
        let message = format!(
            "bpf_sk_release is missing: the socket that bpf_{} returned is still referenced when the program ends",
            first.helper
        );
        Some(self.report_at(first.site, machine, &message))
    }
}
