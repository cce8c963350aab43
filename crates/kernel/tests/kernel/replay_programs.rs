//! Programs with a packet: what Linux 6.18 returned, and what it left of packet and maps.

use crate::support::{hex, kernel, recording, set_value, value};
use serde::Deserialize;
use skep_abi::{MapType, ProgType};
use skep_isa::Insn;
use skep_kernel::{Context, Fd, Kernel, MapSpec, PacketCtx, ProgLoad, Run};

#[derive(Deserialize)]
struct Recording {
    packet: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(rename = "type")]
    prog_type: u32,
    insns: String,
    ret: u32,
    data: Option<String>,
    out: Option<String>,
    #[serde(default)]
    maps: Vec<Map>,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Deserialize)]
struct Map {
    #[serde(rename = "type")]
    kind: u32,
    value: u32,
    #[serde(default)]
    init: String,
}

impl Case {
    /// The instructions, with fds where the recording has numbers of maps.
    fn insns(&self, fds: &[Fd]) -> Vec<Insn> {
        let mut insns = Insn::from_slice(&hex(&self.insns)).expect("whole instructions");
        for insn in insns.iter_mut().filter(|it| it.code == 0x18 && matches!(it.src, 1 | 2)) {
            insn.imm = fds[insn.imm as usize].0;
        }
        insns
    }

    fn make_maps(&self, kernel: &mut Kernel) -> Vec<Fd> {
        let make = |map: &Map| {
            let kind = MapType::from_u32(map.kind).expect("a map type");
            let fd = kernel.map_create(&MapSpec::new(kind, 4, map.value, 1)).expect("a map");
            let mut init = hex(&map.init);
            init.resize(map.value as usize, 0);
            set_value(kernel, fd, &init);
            fd
        };
        self.maps.iter().map(make).collect()
    }

    /// What is wrong with our answer.
    fn replay(&self, packet: &[u8]) -> Result<(), String> {
        let mut kernel = kernel();
        let fds = self.make_maps(&mut kernel);
        let prog_type = ProgType::from_u32(self.prog_type).expect("a program type");
        let load = ProgLoad::new("recorded", prog_type, self.insns(&fds));
        let prog = kernel.prog_load(load).map_err(|error| error.to_string())?;
        let data = self.data.as_deref().map_or_else(|| packet.to_vec(), hex);
        // The recording was made with BPF_PROG_TEST_RUN, which takes the Ethernet header off for a socket filter.
        let ctx = PacketCtx { link_header: false, ..PacketCtx::new(data.clone()) };
        let ran = kernel.run(prog, Run::new(Context::Packet(ctx))).map_err(|error| error.to_string())?;
        let check = |what: &str, ours: &[u8], theirs: &[u8]| match ours == theirs {
            true => Ok(()),
            false => Err(format!("{what}\n  ours   {ours:02x?}\n  theirs {theirs:02x?}")),
        };
        check("r0", &ran.retval().to_be_bytes(), &self.ret.to_be_bytes())?;
        let mut out = ran.meta_out;
        out.extend(ran.packet_out.expect("a packet"));
        if prog_type == ProgType::SocketFilter {
            out.splice(..0, data[..14].iter().copied());
        }
        check("packet", &out, &self.out.as_deref().map_or(data, hex))?;
        for (fd, theirs) in fds.iter().zip(&self.values) {
            check("value", &value(&kernel, *fd), &hex(theirs))?;
        }
        Ok(())
    }
}

#[test]
fn programs_do_what_they_did_on_linux() {
    let recording: Recording = recording("kernel-programs.json");
    let packet = hex(&recording.packet);
    let wrong: Vec<_> = recording
        .cases
        .iter()
        .filter_map(|case| case.replay(&packet).err().map(|why| format!("{}: {why}", case.name)))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), recording.cases.len(), wrong.join("\n"));
    assert!(recording.cases.len() > 600);
}
