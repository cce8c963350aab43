//! Kernel functions: what they answered on Linux 6.18, and what they left in maps and packets.

use crate::support::{hex, kernel_with, recording, set_value, value, vmlinux};
use serde::Deserialize;
use skep_abi::flags::BPF_F_SLEEPABLE;
use skep_abi::{MapType, ProgType};
use skep_btf::Kind;
use skep_isa::Insn;
use skep_kernel::{Config, Context, Fd, Kernel, MapSpec, PacketCtx, ProgLoad, Run};

#[derive(Deserialize)]
struct Recording {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    r#type: u32,
    insns: String,
    /// The functions that are called, in the order of the instructions.
    calls: Vec<String>,
    maps: Vec<Map>,
    /// The program's packet, and what it was afterwards.
    packet: Option<String>,
    out: Option<String>,
    result: i32,
    /// What is in each map afterwards, if it changed.
    values: Vec<Option<String>>,
}

#[derive(Deserialize)]
struct Map {
    value: u32,
    #[serde(default)]
    init: String,
    times: Option<usize>,
}

impl Map {
    fn make(&self, kernel: &mut Kernel) -> Fd {
        let fd = kernel.map_create(&MapSpec::new(MapType::Array, 4, self.value, 1)).expect("a map");
        set_value(kernel, fd, &self.content());
        fd
    }

    fn content(&self) -> Vec<u8> {
        let mut bytes = hex(&self.init).repeat(self.times.unwrap_or(1));
        bytes.resize(self.value as usize, 0);
        bytes
    }
}

impl Case {
    /// The instructions, with the maps and the functions of this machine.
    fn insns(&self, fds: &[Fd]) -> Vec<Insn> {
        let btf = vmlinux().vmlinux;
        let mut insns = Insn::from_slice(&hex(&self.insns)).expect("whole instructions");
        for insn in insns.iter_mut().filter(|it| it.code == 0x18 && matches!(it.src, 1 | 2)) {
            insn.imm = fds[insn.imm as usize].0;
        }
        let calls = insns.iter_mut().filter(|it| it.code == 0x85 && it.src == 2);
        for (insn, name) in calls.zip(&self.calls) {
            insn.imm = btf.find(Kind::Func, name).unwrap_or_else(|| panic!("{name}")).0 as i32;
        }
        insns
    }

    /// What is wrong with our answer. The last map, which the recording does not list, gets what the function returned.
    fn replay(&self, kernel: &mut Kernel) -> Result<(), String> {
        let mut fds: Vec<Fd> = self.maps.iter().map(|map| map.make(kernel)).collect();
        let result = kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 1)).expect("a map");
        fds.push(result);
        let prog_type = ProgType::from_u32(self.r#type).expect("a program type");
        let flags = if prog_type == ProgType::Syscall { BPF_F_SLEEPABLE } else { 0 };
        let load = ProgLoad { flags, ..ProgLoad::new("recorded", prog_type, self.insns(&fds)) };
        let prog = kernel.prog_load(load).map_err(|error| error.to_string())?;
        let packet = self.packet.as_deref().map_or(vec![0; 14], hex);
        let ctx = match prog_type {
            ProgType::Syscall => Context::None,
            _ => Context::Packet(PacketCtx::new(packet)),
        };
        let ran = kernel.run(prog, Run::new(ctx)).map_err(|error| error.to_string())?;
        let bytes = value(kernel, result)[..4].try_into().expect("four bytes");
        let ours = i32::from_le_bytes(bytes);
        if ours != self.result {
            return Err(format!("answers {ours}, Linux {}", self.result));
        }
        if let Some(out) = &self.out
            && ran.packet_out != Some(hex(out))
        {
            return Err(format!("leaves the packet {:02x?}, Linux {out}", ran.packet_out));
        }
        for (fd, (map, theirs)) in fds.iter().zip(self.maps.iter().zip(&self.values)) {
            let (ours, theirs) = (value(kernel, *fd), theirs.as_deref().map(hex));
            if ours != theirs.unwrap_or_else(|| map.content()) {
                return Err(format!("leaves {ours:02x?}"));
            }
        }
        for fd in fds.into_iter().chain([prog]) {
            kernel.close(fd).expect("an open descriptor");
        }
        Ok(())
    }
}

#[test]
fn kernel_functions_answer_as_on_linux() {
    let recording: Recording = recording("kernel-kfuncs.json");
    let mut kernel = kernel_with(Config { btf: Some(vmlinux()), ..Config::default() });
    let failed = |case: &Case| case.replay(&mut kernel).err().map(|why| format!("{}: {why}", case.name));
    let wrong: Vec<_> = recording.cases.iter().filter_map(failed).collect();
    let all = recording.cases.len();
    assert!(wrong.is_empty(), "{} of {all}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(all > 590, "{all}");
}
