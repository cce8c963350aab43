//! Object files: whatever the bytes, there is an object or an error; what there is can be looked at, loaded and run.

use skep_btf::Btf;
use skep_kernel::{Config, Context, Kernel, PacketCtx, Run};
use skep_loader::OpenObject;
use skep_object::Object;

/// Taken jumps, calls and charges that a run may take.
const BUDGET: u64 = 20_000;
/// Elements that a map may have: an object can ask for billions.
const MAX_ENTRIES: u32 = 4096;

/// Reads the bytes as an object, walks all of it, loads it and runs its programs.
pub fn object(bytes: &[u8]) {
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
        types(btf);
    }
}

fn types(btf: &Btf) {
    let zeroes = vec![0; 4096];
    for (id, _) in btf.types().take(500) {
        let _ = btf.declare(id);
        let _ = btf.describe(id);
        if btf.size_of(id).is_ok_and(|size| size <= 4096) {
            let _ = btf.format_value(id, &zeroes);
        }
    }
    let again = Btf::parse(&btf.to_bytes());
    assert!(again.is_ok(), "{:?}", again.err());
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
