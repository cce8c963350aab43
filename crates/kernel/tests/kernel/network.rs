//! Routes, neighbours, sockets, tunnels: what programs find in a network that a test made, and what they do to it.

use crate::support::{asm, kernel, load, set_value, value, value_map};
use skep_abi::ctx::{sk_buff, xdp_md};
use skep_abi::{Errno, ProgType};
use skep_kernel::{
    Class, Context, Device, Kernel, NetSocket, NextHop, PacketCtx, ProgLoad, Ran, Redirect, Route, RouteKind,
    Run, RunError, Tunnel,
};

fn packet() -> PacketCtx {
    let mut bytes = vec![0; 64];
    bytes[12..14].copy_from_slice(&[8, 0]);
    bytes[14] = 0x45;
    PacketCtx::new(bytes).with(&sk_buff::ifindex, 2)
}

/// A router with a network on each side, and a default route.
fn router() -> Kernel {
    let mut kernel = kernel();
    let net = kernel.net_mut();
    net.add_device(Device::new(2).address("10.0.0.1/24").unwrap().address("2001:db8::1/64").unwrap());
    net.add_device(Device::new(3).address("192.168.0.1/24").unwrap().mtu(1400).mac([6; 6]));
    net.add_device(Device { forwarding: false, ..Device::new(4) });
    net.add_route(Route {
        metric: 7,
        ..Route::to("0.0.0.0/0", 3).unwrap().via("192.168.0.254".parse().unwrap())
    });
    net.add_route(Route::to("2002::/16", 3).unwrap().via("2001:db8::9".parse().unwrap()));
    net.add_route(Route::to("172.16.0.0/12", 3).unwrap().via("2001:db8::9".parse().unwrap()));
    for (network, kind) in [
        ("10.1.0.0/16", RouteKind::Blackhole),
        ("10.2.0.0/16", RouteKind::Unreachable),
        ("10.3.0.0/16", RouteKind::Prohibit),
        ("10.4.0.0/16", RouteKind::Local),
    ] {
        net.add_route(Route::to(network, 3).unwrap().kind(kind));
    }
    net.add_route(Route { encap: true, ..Route::to("10.5.0.0/16", 3).unwrap() });
    net.add_neighbour(3, "192.168.0.254".parse().unwrap(), [9; 6]);
    net.add_neighbour(3, "2001:db8::9".parse().unwrap(), [8; 6]);
    kernel
}

/// A question for `bpf_fib_lookup`.
struct Question {
    to: &'static str,
    tot_len: u16,
    ifindex: u32,
    flags: u32,
}

const ASK: Question = Question { to: "8.8.8.8", tot_len: 100, ifindex: 2, flags: 0 };

impl Question {
    fn bytes(&self) -> Vec<u8> {
        let to: std::net::IpAddr = self.to.parse().unwrap();
        let mut bytes = vec![0; 64];
        bytes[0] = if to.is_ipv6() { 10 } else { 2 };
        bytes[6..8].copy_from_slice(&self.tot_len.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.ifindex.to_le_bytes());
        match to {
            std::net::IpAddr::V4(to) => bytes[32..36].copy_from_slice(&to.octets()),
            std::net::IpAddr::V6(to) => bytes[32..48].copy_from_slice(&to.octets()),
        }
        bytes
    }

    /// What the helper returns, and what it leaves.
    fn ask(&self, prog_type: ProgType, packet: PacketCtx) -> (i64, Vec<u8>) {
        let mut kernel = router();
        let map = value_map(&mut kernel, 64);
        set_value(&mut kernel, map, &self.bytes());
        let text = format!("r2 = map[fd:{}][0]+0 ll\nr3 = 64\nr4 = {}\ncall 69\nexit", map.0, self.flags);
        let prog = load(&mut kernel, prog_type, &text);
        let ran =
            kernel.run(prog, Run::new(Context::Packet(packet))).unwrap_or_else(|error| panic!("{error}"));
        (ran.r0 as i64, value(&kernel, map))
    }

    fn xdp(&self) -> (i64, Vec<u8>) {
        self.ask(ProgType::Xdp, PacketCtx::new(vec![0; 64]).with(&xdp_md::ingress_ifindex, 2))
    }
}

#[test]
fn a_route_and_a_neighbour() {
    let (ret, answer) = ASK.xdp();
    assert_eq!(ret, 0);
    // MTU, device, metric; next hop; addresses of both ends of the link.
    assert_eq!((&answer[6..8], answer[8], answer[12]), (&1400u16.to_le_bytes()[..], 3, 7));
    assert_eq!(answer[32..36], [192, 168, 0, 254]);
    assert_eq!(answer[52..64], [6, 6, 6, 6, 6, 6, 9, 9, 9, 9, 9, 9]);
}

#[test]
fn why_a_packet_is_not_forwarded() {
    for (to, ret) in [
        ("10.1.0.1", 1),
        ("10.2.0.1", 2),
        ("10.3.0.1", 3),
        ("10.4.0.1", 4),
        ("10.0.0.1", 4),
        ("10.0.0.255", 4),
        ("2003::1", 4),
        ("fe80::1", 4),
        ("10.5.0.1", 6),
        ("10.0.0.9", 7),
    ] {
        assert_eq!(Question { to, ..ASK }.xdp().0, ret, "{to}");
    }
    assert_eq!(Question { ifindex: 4, ..ASK }.xdp().0, 5);
    assert_eq!(Question { ifindex: 9, ..ASK }.xdp().0, Errno::ENODEV.neg());
}

#[test]
fn too_long_for_the_way() {
    let (ret, answer) = Question { tot_len: 1401, ..ASK }.xdp();
    assert_eq!((ret, &answer[6..8], answer[8]), (8, &1400u16.to_le_bytes()[..], 2));
    // Without a length, a classifier's own packet counts, with its Ethernet header and one tag.
    let long = |len: usize| {
        let mut packet = packet();
        packet.data.resize(len, 0);
        Question { tot_len: 0, ..ASK }.ask(ProgType::SchedCls, packet)
    };
    let (ret, answer) = long(1418);
    assert_eq!((ret, &answer[6..8]), (0, &1400u16.to_le_bytes()[..]));
    assert_eq!(long(1419).0, 8);
}

#[test]
fn next_hops_of_the_other_family() {
    let (ret, answer) = Question { to: "172.16.0.1", ..ASK }.xdp();
    assert_eq!((ret, answer[0], answer[32], &answer[58..]), (0, 10, 0x20, &[8; 6][..]));
    let (ret, answer) = Question { to: "2002::1", ..ASK }.xdp();
    assert_eq!((ret, answer[0], answer[47]), (0, 10, 9));
}

#[test]
fn a_source_address_and_no_neighbour() {
    const SKIP_NEIGH: u32 = 4;
    const SRC: u32 = 16;
    let (ret, answer) = Question { flags: SRC | SKIP_NEIGH, ..ASK }.xdp();
    assert_eq!((ret, &answer[16..20], &answer[52..64]), (0, &[192, 168, 0, 1][..], &[0; 12][..]));
}

fn run_in(kernel: &mut Kernel, prog_type: ProgType, text: &str, packet: PacketCtx) -> Result<Ran, RunError> {
    let prog = kernel
        .prog_load(ProgLoad::new("test", prog_type, asm(text)))
        .unwrap_or_else(|error| panic!("{error}"));
    kernel.run(prog, Run::new(Context::Packet(packet)))
}

#[test]
fn copies_of_a_packet() {
    let text = "r6 = r1\nr2 = 3\nr3 = 1\ncall 13\nr7 = r0\nr1 = *(u32 *)(r6 + 76)\n*(u8 *)(r1 + 0) = 7
                r1 = r6\nr2 = 99\nr3 = 0\ncall 13\nr0 += r7\nexit";
    let ran = run_in(&mut router(), ProgType::SchedCls, text, packet()).unwrap();
    assert_eq!(ran.r0 as i64, Errno::EINVAL.neg());
    let [clone] = &ran.net.clones[..] else { panic!("{:?}", ran.net) };
    assert_eq!((clone.ifindex, clone.flags, &clone.packet), (3, 1, &packet().data));
    assert_eq!(ran.packet_out.unwrap()[0], 7);
}

#[test]
fn redirected_to_a_neighbour() {
    let run = |text: &str| run_in(&mut router(), ProgType::SchedCls, text, packet()).unwrap().redirect;
    let plain = run("r1 = 3\nr2 = 0\nr3 = 0\nr4 = 0\ncall 152\nexit");
    assert_eq!(plain, Some(Redirect { ifindex: 3, neigh: Some(NextHop::Routed), ..Redirect::default() }));
    // AF_INET, 10.0.0.9.
    let hop = "*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 8) = 0\n*(u32 *)(r10 - 24) = 2\n*(u32 *)(r10 - 20) = 0x0900000a
               r1 = 3\nr2 = r10\nr2 += -24\nr3 = 20\nr4 = 0\ncall 152\nexit";
    let neigh = Some(NextHop::Address("10.0.0.9".parse().unwrap()));
    assert_eq!(run(hop), Some(Redirect { ifindex: 3, neigh, ..Redirect::default() }));
}

/// Looks the TCP socket at 10.0.0.1:80 up, from 10.0.0.2:1000, and goes on with it in r6.
const LOOKUP: &str =
    "r7 = r1\nr2 = 0x0100000a0200000a ll\n*(u64 *)(r10 - 16) = r2\n*(u32 *)(r10 - 8) = 0x5000e803
    r2 = r10\nr2 += -16\nr3 = 12\nr4 = -1\nr5 = 0\ncall 84\nr6 = r0\nif r6 != 0 goto +2\nr0 = -1\nexit\n";
const RELEASE: &str = "r8 = r0\nr1 = r6\ncall 86\nr0 = r8\nexit";

fn with_listener(text: &str, packet: PacketCtx) -> (Result<Ran, RunError>, u64) {
    let mut kernel = router();
    let listener = NetSocket::listener("10.0.0.1:80".parse().unwrap());
    let listener =
        NetSocket { cgroups: vec![1, 20, 300], uid: 33, mark: 5, tcp: vec![7, 0, 0, 0], ..listener };
    let addr = kernel.add_socket(listener).unwrap();
    (run_in(&mut kernel, ProgType::SchedCls, &format!("{LOOKUP}{text}"), packet), addr)
}

#[test]
fn a_socket_that_is_found() {
    for (text, expected) in [
        ("r0 = *(u32 *)(r6 + 16)\n", 5),
        ("r1 = r6\ncall 96\nr0 = *(u32 *)(r0 + 0)\n", 7),
        ("r1 = r6\ncall 128\n", 300),
        ("r1 = r6\nr2 = 1\ncall 129\n", 20),
        ("r1 = r6\nr2 = 3\ncall 129\n", 0),
        ("r1 = r7\nr2 = r6\nr3 = 0\ncall 124\nr1 = r7\ncall 47\n", 33),
        ("r1 = r7\ncall 47\n", 65534),
        ("r1 = r7\ncall 46\n", 0),
        ("r1 = r7\ncall 122\n", 1),
    ] {
        let (ran, _) = with_listener(&format!("{text}{RELEASE}"), packet());
        assert_eq!(ran.unwrap().r0, expected, "{text}");
    }
}

#[test]
fn a_packet_that_is_given_to_a_socket() {
    let (ran, addr) = with_listener(&format!("r1 = r7\nr2 = r6\nr3 = 0\ncall 124\n{RELEASE}"), packet());
    let ran = ran.unwrap();
    assert_eq!((ran.r0, ran.net.assigned), (0, Some(addr)));
    assert_eq!(ran.ctx_out[168..176], addr.to_le_bytes());
}

#[test]
fn references_are_released_once() {
    let error = with_listener("r0 = 0\nexit", packet()).0.unwrap_err();
    assert_eq!(error.class(), Class::ProgramFault);
    let text = error.to_string();
    assert!(text.contains("bpf_sk_release is missing") && text.contains("bpf_sk_lookup_tcp"), "{text}");
    let error = with_listener("r1 = r6\ncall 86\nr1 = r6\ncall 86\nr0 = 0\nexit", packet())
        .0
        .unwrap_err()
        .to_string();
    assert!(error.contains("no socket that the program holds"), "{error}");
    // It is not the program's to write.
    let error = with_listener("*(u32 *)(r6 + 16) = 1\nr0 = 0\nexit", packet()).0.unwrap_err().to_string();
    assert!(error.contains("bpf_sock") && error.contains("read-only"), "{error}");
}

#[test]
fn a_packets_own_socket() {
    let mut kernel = router();
    let socket = NetSocket::tcp("10.0.0.1:80".parse().unwrap(), "10.0.0.2:9".parse().unwrap());
    let addr = kernel
        .add_socket(NetSocket { cgroups: vec![1, 42], cookie: 77, classid: 0x10001, ..socket })
        .unwrap();
    for (helper, expected) in [(79, 42), (46, 77), (151, 0x10001), (17, 0x10001)] {
        let packet = packet().with(&sk_buff::sk, addr);
        let ran = run_in(&mut kernel, ProgType::SchedCls, &format!("call {helper}\nexit"), packet).unwrap();
        assert_eq!(ran.r0, expected, "{helper}");
    }
    assert_eq!(kernel.remove_socket(addr).map(|it| it.cookie), Some(77));
    assert_eq!(kernel.socket_at(addr), None);
}

/// A connection under way: whole for nobody, but its listener is.
#[test]
fn connections_that_are_not_whole() {
    let found = |state: u32, helper: u32| {
        let mut kernel = router();
        let listener = kernel.add_socket(NetSocket::listener("10.0.0.1:80".parse().unwrap())).unwrap();
        let begun = NetSocket::tcp("10.0.0.1:80".parse().unwrap(), "10.0.0.2:1000".parse().unwrap());
        let begun = kernel.add_socket(begun.state(state)).unwrap();
        let text = format!("{LOOKUP}r0 = r6\n{RELEASE}").replace("call 84", &format!("call {helper}"));
        let ran = run_in(&mut kernel, ProgType::SchedCls, &text, packet()).unwrap();
        match ran.r0 {
            it if it == listener => "listener",
            it if it == begun => "connection",
            _ => "nothing",
        }
    };
    assert_eq!([found(12, 84), found(12, 99)], ["listener", "connection"]);
    assert_eq!([found(6, 84), found(6, 99)], ["nothing", "connection"]);
    assert_eq!([found(1, 84), found(1, 99)], ["connection"; 2]);
}

#[test]
fn tunnels() {
    // The key of a packet that came in: number and remote address.
    let text = "r2 = r10\nr2 += -48\nr3 = 28\nr4 = 0\ncall 20\nr1 = *(u32 *)(r10 - 44)\nr1 <<= 32\nr0 = *(u32 *)(r10 - 48)
                r0 |= r1\nexit";
    let came = PacketCtx { tunnel: Some(Tunnel::from("10.0.0.7".parse().unwrap(), 42)), ..packet() };
    let ran = run_in(&mut router(), ProgType::SchedCls, text, came).unwrap();
    assert_eq!((ran.r0, ran.net.tunnel.unwrap().is_sent()), (0x0a00_0007 << 32 | 42, false));
    let set = "*(u64 *)(r10 - 28) = 0\n*(u64 *)(r10 - 20) = 0\n*(u32 *)(r10 - 28) = 0x4000\n*(u32 *)(r10 - 32) = 9\nr2 = r10\nr2 += -32
               *(u32 *)(r10 - 28) = 0x0a000008\nr3 = 22\nr4 = 2\ncall 21\nexit";
    let ran = run_in(&mut router(), ProgType::SchedCls, &set.replace("r3 = 22", "r3 = 8"), packet()).unwrap();
    let tunnel = ran.net.tunnel.unwrap();
    assert_eq!(
        (ran.r0, tunnel.id, tunnel.destination.to_string(), tunnel.flags),
        (0, 9, "10.0.0.8".to_owned(), 0x2004)
    );
    assert!(tunnel.is_sent());
}

/// Both directions of a flow have one hash, and others another.
#[test]
fn hashes_of_flows() {
    let hash = |from: [u8; 6], to: [u8; 6]| {
        let mut data = packet().data;
        data[23] = 6;
        for (at, end) in [(26, from), (30, to)] {
            data[at..at + 4].copy_from_slice(&end[..4]);
        }
        data[34..36].copy_from_slice(&from[4..]);
        data[36..38].copy_from_slice(&to[4..]);
        let text = "r6 = r1\ncall 34\nr1 = *(u32 *)(r6 + 68)\nif r0 == r1 goto +1\nr0 = 0\nexit";
        run_in(&mut router(), ProgType::SchedCls, text, PacketCtx::new(data)).unwrap().r0
    };
    let (a, b, c) = ([10, 0, 0, 1, 0, 80], [10, 0, 0, 2, 4, 1], [10, 0, 0, 2, 4, 2]);
    assert_eq!(hash(a, b), hash(b, a));
    assert_ne!(hash(a, b), hash(a, c));
    assert_ne!(hash(a, b), 0);
}

/// A tunnel's program puts an IPv4 header without a checksum in front.
#[test]
fn a_header_in_front() {
    let text = |kind: u32, first: u64| {
        format!(
            "r6 = r1\nr7 = {first:#x} ll\n*(u64 *)(r10 - 24) = r7\nr7 = 0x0440 ll\n*(u64 *)(r10 - 16) = r7\n*(u64 *)(r10 - 8) = 0\nr2 = {kind}
             r3 = r10\nr3 += -24\nr4 = 20\ncall 73\nexit"
        )
    };
    let run = |kind, first| {
        run_in(&mut router(), ProgType::LwtXmit, &text(kind, first), packet())
            .unwrap_or_else(|error| panic!("{error}"))
    };
    let ran = run(2, 0x4600_0045);
    let out = ran.packet_out.unwrap();
    assert_eq!((ran.r0, out.len(), out[0], out[20]), (0, 50 + 20, 0x45, 0x45));
    let sum: u32 = out[..20].chunks(2).map(|it| u32::from(u16::from_be_bytes([it[0], it[1]]))).sum();
    assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
    assert_eq!(run(2, 0x46).r0 as i64, Errno::EINVAL.neg());
    assert_eq!(run(0, 0x4600_0045).r0 as i64, Errno::EINVAL.neg());
    let error = run_in(&mut router(), ProgType::LwtIn, &text(1, 0x4600_0045), packet()).unwrap_err();
    assert_eq!(error.class(), Class::NotEmulated);
}
