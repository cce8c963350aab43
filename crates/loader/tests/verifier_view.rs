//! What a verifier is shown of the programs of an object: everything that libbpf tells the kernel.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use expect_test::{Expect, expect};
use skep_btf::Linkage;
use skep_isa::{Callee, Imm64, Op, decode};
use skep_kernel::{Config, Kernel, MapView, ProgView, Verdict, Verify, vmlinux};
use skep_loader::OpenObject;

/// Writes down what it sees, and says nothing.
#[derive(Clone, Default)]
struct Scribe(Arc<Mutex<String>>);

impl Verify for Scribe {
    fn verify(&self, prog: &ProgView<'_>) -> Verdict {
        let mut out = self.0.lock().unwrap();
        describe(&mut out, prog);
        Verdict::NotVerified
    }
}

fn describe(out: &mut String, prog: &ProgView<'_>) {
    let kind = prog.prog_type.name();
    let _ = writeln!(out, "{} {kind}, attach type {}", prog.name, prog.expected_attach_type);
    let attach = prog.attach;
    if let (Some(btf), Some(name)) = (attach.btf, attach.name) {
        let of = btf.name(attach.btf_id);
        let of_prog = attach.prog.map_or("the kernel", |it| &it.name);
        let _ = writeln!(out, "  attached to {name}, {of} of {of_prog}");
    }
    for func in prog.funcs {
        let btf = prog.btf.expect("types");
        let linkage = match btf.type_by_id(func.type_id).map(|it| &it.def) {
            Some(skep_btf::Def::Func(it)) => it.linkage,
            _ => Linkage::Extern,
        };
        assert_eq!(btf.name(func.type_id), &*func.name);
        assert!(prog.line_at(func.slot).is_some());
        let at = prog.func_at(func.slot).map(|it| it.slot);
        let _ = writeln!(out, "  {at:?} {linkage:?} {}", func.name);
    }
    for map in prog.maps {
        describe_map(out, map);
    }
    for (slot, _) in prog.map_uses {
        let _ = writeln!(out, "  slot {slot}: {}", prog.map_at(*slot).map_or("none", |it| &it.spec.name));
    }
    let mut slot = 0;
    while let Ok(op) = decode(prog.insns, slot) {
        let named = match op {
            Op::Call(Callee::Kfunc { btf_id, off }) => prog.kfunc_types(off).map(|it| it.name(btf_id as u32)),
            Op::LoadImm64 { value: Imm64::BtfId { id, obj_fd }, .. } => {
                prog.symbol_types(obj_fd).map(|it| it.name(id as u32))
            }
            _ => None,
        };
        if let Some(name) = named {
            let _ = writeln!(out, "  slot {slot}: {name} of the kernel");
        }
        slot += op.slots();
    }
}

fn describe_map(out: &mut String, map: &MapView<'_>) {
    let name = |id: u32| map.types.and_then(|it| it.btf.describe(id)).unwrap_or_default();
    let first = |it: String| it.split(" size=").next().unwrap_or_default().to_owned();
    let _ = write!(out, "  map {} {}", map.spec.name, map.spec.kind.name());
    if let Some(types) = map.types {
        let _ = write!(out, ", {} -> {}", first(name(types.key)), first(name(types.value)));
    }
    if let Some(inner) = map.types.and_then(|it| it.inner.as_ref()) {
        let _ = write!(out, " (inner {} -> {})", inner.key != 0, inner.value != 0);
    }
    if let Some(constant) = &map.constant {
        let _ = write!(out, " = {constant:02x?}");
    }
    out.push('\n');
}

/// What is shown of the programs of an object that a list names.
fn check(fixture: &str, programs: &[&str], expected: Expect) {
    let mut open = OpenObject::parse(&skep_testkit::fixtures::object(fixture)).unwrap();
    for plan in open.programs_mut() {
        plan.autoload = programs.contains(&plan.name.as_str());
    }
    let mut kernel = Kernel::new(Config { btf: Some(vmlinux::bundled()), ..Config::default() }).unwrap();
    let scribe = Scribe::default();
    kernel.set_verifier(Box::new(scribe.clone()));
    open.load(&mut kernel).complete().unwrap();
    expected.assert_eq(&scribe.0.lock().unwrap());
}

#[test]
fn functions_maps_and_their_types() {
    check(
        "tc_ratelimit",
        &["tc_ratelimit"],
        expect![[r#"
        tc_ratelimit sched_cls, attach type 0
          Some(0) Global tc_ratelimit
          map buckets hash, [8] STRUCT 'address' -> [13] STRUCT 'bucket'
          map .rodata array,  -> [48] DATASEC '.rodata' = [48, e8, 01, 00, 00, 00, 00, 00, 10, 27, 00, 00, 00, 00, 00, 00, 5c, 00, 00, 00, 00]
          map .bss array,  -> [46] DATASEC '.bss'
          slot 35: buckets
          slot 42: .rodata
          slot 52: buckets
          slot 57: buckets
          slot 72: .rodata
          slot 78: .rodata
          slot 90: .bss
          slot 102: .bss
          slot 106: .rodata
          slot 110: .rodata
    "#]],
    );
}

#[test]
fn functions_in_libbpfs_order() {
    check(
        "loops",
        &["calls", "callback_loop", "chained", "tail_call_in_function"],
        expect![[r#"
        calls socket_filter, attach type 0
          Some(0) Global calls
          Some(68) Static step
          Some(76) Global mix
        callback_loop socket_filter, attach type 0
          Some(0) Global callback_loop
          Some(18) Static look
          Some(31) Static step
          map .rodata array,  -> [75] DATASEC '.rodata' = [e8, 03, 00, 00]
          slot 4: .rodata
        chained socket_filter, attach type 0
          Some(0) Global chained
          map .bss array,  -> [73] DATASEC '.bss'
          map jumps prog_array
          slot 0: .bss
          slot 5: jumps
        tail_call_in_function socket_filter, attach type 0
          Some(0) Global tail_call_in_function
          Some(8) Static jump
          map .bss array,  -> [73] DATASEC '.bss'
          map jumps prog_array
          slot 0: .bss
          slot 8: jumps
    "#]],
    );
}

#[test]
fn maps_of_maps() {
    check(
        "map_in_map",
        &["map_in_map"],
        expect![[r#"
        map_in_map socket_filter, attach type 0
          Some(0) Global map_in_map
          map by_direction array_of_maps,  ->  (inner true -> true)
          map by_interface hash_of_maps,  ->  (inner true -> true)
          slot 10: by_direction
          slot 26: by_direction
          slot 42: by_direction
          slot 56: by_interface
    "#]],
    );
}

#[test]
fn kernel_symbols_and_functions() {
    check(
        "externs",
        &["kernel_functions"],
        expect![[r#"
            kernel_functions tracing, attach type 23
              attached to btf_trace_sys_enter, btf_trace_sys_enter of the kernel
              Some(0) Global kernel_functions
              slot 0: bpf_rcu_read_lock of the kernel
              slot 1: bpf_rcu_read_unlock of the kernel
        "#]],
    );
}

#[test]
fn kernel_variables() {
    check(
        "supplied",
        &["read_externs"],
        expect![[r#"
        read_externs raw_tracepoint, attach type 0
          Some(0) Global read_externs
          map .kconfig array,  -> [237] DATASEC '.kconfig' = [fa, 00, 00, 00, 02, 00, 00, 00, 00, 00, 00, 00, 00, 0c, 06, 00, 01, 01, 01, 28, 6e, 6f, 6e, 65, 29, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00]
          map .bss array,  -> [236] DATASEC '.bss'
          slot 19: .kconfig
          slot 22: .bss
          slot 25: .kconfig
          slot 29: .kconfig
          slot 33: .kconfig
          slot 37: .kconfig
          slot 41: .kconfig
          slot 45: .kconfig
          slot 49: .kconfig
          slot 15: runqueues of the kernel
    "#]],
    );
}

#[test]
fn what_programs_are_attached_to() {
    check(
        "unlink_watch",
        &["attempt", "deleted"],
        expect![[r#"
        attempt tracing, attach type 24
          attached to vfs_unlink, vfs_unlink of the kernel
          Some(0) Global attempt
          map .bss array,  -> [139] DATASEC '.bss'
          slot 1: .bss
        deleted tracing, attach type 25
          attached to vfs_unlink, vfs_unlink of the kernel
          Some(0) Global deleted
          map deletions ringbuf
          slot 3: deletions
    "#]],
    );
    check(
        "lsm_file_guard",
        &["file_open"],
        expect![[r#"
        file_open lsm, attach type 27
          attached to bpf_lsm_file_open, bpf_lsm_file_open of the kernel
          Some(0) Global file_open
          map protected hash, [8] STRUCT 'inode_key' -> [14] STRUCT 'rule'
          map trusted hash, [23] ARRAY '(anon)' type_id=22 index_type_id=4 nr_elems=32 -> [25] TYPEDEF '__u8' type_id=26
          map denials ringbuf
          map .rodata array,  -> [445] DATASEC '.rodata' = [01]
          slot 20: protected
          slot 73: trusted
          slot 80: denials
          slot 226: .rodata
    "#]],
    );
    check(
        "tcp_steady",
        &["steady_init"],
        expect![[r#"
        steady_init struct_ops, attach type 16
          attached to init, tcp_congestion_ops of the kernel
          Some(0) Global steady_init
          map .bss array,  -> [232] DATASEC '.bss'
          slot 1: .bss
          slot 6: .bss
    "#]],
    );
}
