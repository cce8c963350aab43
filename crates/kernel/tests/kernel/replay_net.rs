//! Helpers for packets and sockets: what Linux 6.18 answered, what it wrote, and what it left of packets.

use crate::support::{hex, kernel, recording, set_value, value};
use serde::Deserialize;
use skep_abi::{MapType, ProgType};
use skep_isa::Insn;
use skep_kernel::{Context, Fd, Kernel, MapSpec, NetSocket, PacketCtx, ProgLoad, Run};
use std::net::SocketAddr;

#[derive(Deserialize)]
struct Recording {
    programs: Vec<String>,
    packets: Vec<String>,
    sockets: Vec<Socket>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Socket {
    tcp: bool,
    local: (String, u16),
    remote: Option<(String, u16)>,
    only: bool,
    listening: bool,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(rename = "type")]
    prog_type: u32,
    insns: usize,
    data: usize,
    out: Option<String>,
    maps: Vec<Map>,
    values: Vec<String>,
}

#[derive(Deserialize)]
struct Map {
    value: u32,
    #[serde(default)]
    init: String,
}

fn padded(digits: &str, len: u32) -> Vec<u8> {
    let mut bytes = hex(digits);
    bytes.resize(len as usize, 0);
    bytes
}

impl Socket {
    fn make(&self) -> NetSocket {
        let addr = |(ip, port): &(String, u16)| SocketAddr::new(ip.parse().expect("an address"), *port);
        let local = addr(&self.local);
        let socket = match (self.tcp, &self.remote) {
            (true, Some(remote)) => NetSocket::tcp(local, addr(remote)),
            (true, None) => NetSocket::listener(local),
            (false, Some(remote)) => NetSocket::udp_connected(local, addr(remote)),
            (false, None) => NetSocket::udp(local),
        };
        assert_eq!(self.listening, socket.state == 10);
        NetSocket { only_v6: self.only, ..socket }
    }
}

impl Recording {
    /// What is wrong with our answer.
    fn replay(&self, case: &Case) -> Result<(), String> {
        let mut kernel = kernel();
        for socket in &self.sockets {
            kernel.add_socket(socket.make()).expect("room");
        }
        let fds: Vec<Fd> = case.maps.iter().map(|map| make_map(&mut kernel, map)).collect();
        let mut insns = Insn::from_slice(&hex(&self.programs[case.insns])).expect("whole instructions");
        for insn in insns.iter_mut().filter(|it| it.code == 0x18 && matches!(it.src, 1 | 2)) {
            insn.imm = fds[insn.imm as usize].0;
        }
        let prog_type = ProgType::from_u32(case.prog_type).expect("a program type");
        let load = ProgLoad::new("recorded", prog_type, insns);
        let prog = kernel.prog_load(load).map_err(|error| error.to_string())?;
        let data = hex(&self.packets[case.data]);
        let run = Run::new(Context::Packet(PacketCtx::new(data.clone())));
        let ran = kernel.run(prog, run).map_err(|error| error.to_string())?;
        let check = |what: &str, ours: &[u8], theirs: &[u8]| match ours == theirs {
            true => Ok(()),
            false => Err(format!("{what}\n  ours   {}\n  theirs {}", words(ours), words(theirs))),
        };
        for ((fd, map), theirs) in fds.iter().zip(&case.maps).zip(&case.values) {
            check("value", &value(&kernel, *fd), &padded(theirs, map.value))?;
        }
        check("packet", &ran.packet_out.expect("a packet"), &case.out.as_deref().map_or(data, hex))
    }
}

fn words(bytes: &[u8]) -> String {
    let words = bytes.chunks(8).map(|it| it.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    words.collect::<Vec<_>>().join(" ").trim_end_matches(" 0000000000000000").to_owned()
}

fn make_map(kernel: &mut Kernel, map: &Map) -> Fd {
    let fd = kernel.map_create(&MapSpec::new(MapType::Array, 4, map.value, 1)).expect("a map");
    set_value(kernel, fd, &padded(&map.init, map.value));
    fd
}

#[test]
fn packets_and_sockets_are_as_on_linux() {
    let recording: Recording = recording("kernel-net.json");
    let wrong: Vec<_> = recording
        .cases
        .iter()
        .filter_map(|case| recording.replay(case).err().map(|why| format!("{}: {why}", case.name)))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), recording.cases.len(), wrong.join("\n"));
    assert!(recording.cases.len() > 800, "{}", recording.cases.len());
}
