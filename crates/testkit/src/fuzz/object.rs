//! Object files: whatever the bytes, there is an object or an error; what there is can be looked at, loaded and run.

use skep_kernel::{Config, Context, Kernel, PacketCtx, Run};
use skep_loader::OpenObject;
use skep_object::Object;

use super::corpus;
use super::input::Input;

/// Taken jumps, calls and charges that a run may take.
const BUDGET: u64 = 20_000;
/// Elements that a map may have: an object can ask for billions.
const MAX_ENTRIES: u32 = 4096;

/// Takes the bytes for an object if they begin like one; otherwise for changes to one of the fixtures.
pub fn object(bytes: &[u8]) {
    if bytes.starts_with(b"\x7fELF") {
        return whole(bytes);
    }
    let input = &mut Input::new(bytes);
    let mut file = input.pick(corpus::objects());
    input.mutate(&mut file);
    whole(&file);
}

/// Reads an object, walks all of it, loads it and runs its programs.
fn whole(bytes: &[u8]) {
    let object = match Object::parse(bytes) {
        Ok(object) => object,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    look(&object);
    load_and_run(object);
}

fn look(object: &Object) {
    for program in &object.programs {
        let _ = skep_isa::disassemble(&program.insns).map(|line| line.to_string().len()).sum::<usize>();
        let _ = object.source_lines(program).count();
        assert!(program.relocs.iter().all(|reloc| reloc.insn < program.insns.len()));
    }
    if let Some(btf) = &object.btf {
        super::btf::look(btf);
    }
}

fn load_and_run(object: Object) {
    let mut open = OpenObject::new(object.into());
    let names: Vec<String> = open.maps().iter().map(|map| map.name.clone()).collect();
    for name in names {
        if let Ok(map) = open.map_mut(&name) {
            map.spec.max_entries = map.spec.max_entries.min(MAX_ENTRIES);
        }
    }
    let config = Config { cpus: 2, budget: BUDGET, ..Config::default() };
    let mut kernel = Kernel::new(config).expect("the host has room for a window");
    let loaded = open.load(&mut kernel);
    for fd in loaded.programs().iter().filter_map(|program| program.fd.as_ref().ok()) {
        for context in [Context::Packet(PacketCtx::new(vec![0; 64])), Context::Bytes(vec![0; 256])] {
            if let Err(error) = kernel.run(*fd, Run::new(context)) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}
