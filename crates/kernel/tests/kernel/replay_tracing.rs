//! Helpers of tracing and syscall programs: what they answered on Linux 6.18, and what they left in maps.

use crate::support::{hex, kernel, recording, set_value, value};
use serde::Deserialize;
use skep_abi::flags::BPF_F_SLEEPABLE;
use skep_abi::helpers::helper_by_name;
use skep_abi::{MapType, ProgType};
use skep_isa::Insn;
use skep_kernel::{Fd, Kernel, MapSpec, ProgLoad, Run, emulated_helpers};

#[derive(Deserialize)]
struct Recording {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    r#type: u32,
    insns: String,
    result: i64,
    maps: Vec<Map>,
    values: Vec<String>,
}

#[derive(Deserialize)]
struct Map {
    r#type: u32,
    key: Option<u32>,
    value: u32,
    max: Option<u32>,
    init: Option<String>,
}

impl Case {
    fn make_map(&self, kernel: &mut Kernel, map: &Map) -> Result<Fd, String> {
        let kind = MapType::from_u32(map.r#type).ok_or("no such map type")?;
        let spec = MapSpec::new(kind, map.key.unwrap_or(4), map.value, map.max.unwrap_or(1));
        let fd = kernel.map_create(&spec).map_err(|error| error.to_string())?;
        if let Some(init) = &map.init {
            let mut init = hex(init);
            init.resize(map.value as usize, 0);
            set_value(kernel, fd, &init);
        }
        Ok(fd)
    }

    /// What is wrong with our answer. The last map, which the recording does not list, gets what the helper returned.
    fn replay(&self) -> Result<(), String> {
        let mut kernel = kernel();
        let mut fds = Vec::new();
        for map in &self.maps {
            fds.push(self.make_map(&mut kernel, map)?);
        }
        let result = kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 1)).expect("a map");
        fds.push(result);
        let mut insns = Insn::from_slice(&hex(&self.insns)).expect("whole instructions");
        for insn in insns.iter_mut().filter(|it| it.code == 0x18 && matches!(it.src, 1 | 2)) {
            insn.imm = fds[insn.imm as usize].0;
        }
        let prog_type = ProgType::from_u32(self.r#type).expect("a program type");
        let flags = if prog_type == ProgType::Syscall { BPF_F_SLEEPABLE } else { 0 };
        let load = ProgLoad { flags, ..ProgLoad::new("recorded", prog_type, insns) };
        let prog = kernel.prog_load(load).map_err(|error| error.to_string())?;
        kernel.run(prog, Run::default()).map_err(|error| error.to_string())?;
        let ours = i64::from_le_bytes(value(&kernel, result).try_into().expect("eight bytes"));
        if ours != self.result {
            return Err(format!("answers {ours}, Linux {}", self.result));
        }
        for (fd, theirs) in fds.iter().zip(&self.values).filter(|it| !it.1.is_empty()) {
            let (ours, theirs) = (value(&kernel, *fd), hex(theirs));
            if ours != theirs {
                return Err(format!("leaves\n  {ours:02x?}, Linux\n  {theirs:02x?}"));
            }
        }
        Ok(())
    }

    /// Whether what the case is named after is emulated. Descriptor 0 was an open file on that machine, and there is none
    /// here.
    fn is_emulated(&self) -> bool {
        let others = ["sys_bpf 2 ", "sys_bpf 3 ", "sys_bpf 5 ", "sys_bpf 14 ", "sys_bpf 18 ", "sys_bpf 22 "];
        if others.iter().any(|it| self.name.starts_with(it)) {
            return false;
        }
        let name = self.name.split(' ').next().unwrap_or_default();
        let helper = helper_by_name(name).unwrap_or_else(|| panic!("no helper {name}"));
        emulated_helpers().any(|it| it.id == helper.id)
    }
}

#[test]
fn helpers_answer_as_on_linux() {
    let recording: Recording = recording("kernel-tracing.json");
    let asked: Vec<_> = recording.cases.iter().filter(|case| case.is_emulated()).collect();
    let wrong: Vec<_> = asked
        .iter()
        .filter_map(|case| case.replay().err().map(|why| format!("{}: {why}", case.name)))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), asked.len(), wrong.join("\n"));
    assert!(asked.len() > 60, "{}", asked.len());
}
