//! Types of the kernel's modules: their functions and variables in programs, objects of their types.

use crate::support::asm;
use skep_abi::{Errno, ProgType};
use skep_btf::{BtfBuilder, Def, IntEncoding, Kind, Linkage, TypeId, Var};
use skep_isa::Insn;
use skep_kernel::{Class, Config, FieldValue, Kernel, ProgLoad, Run, TargetBtf, vmlinux};
use std::sync::Arc;

/// The bundled kernel with two modules.
fn types() -> TargetBtf {
    let mut target = vmlinux::bundled();
    let base = Arc::clone(&target.vmlinux);
    let task = base.find(Kind::Struct, "task_struct").unwrap();
    let module = |name: &str| {
        let mut btf = BtfBuilder::on(Arc::clone(&base));
        let int = btf.int("module int", 4, IntEncoding::Signed);
        let owner = btf.add("", Def::Ptr(task));
        btf.structure(name, 16, &[("owner", owner, 0), ("state", int, 64)]);
        btf.func("bpf_rcu_read_lock", Linkage::Static, TypeId::VOID, &[]);
        btf.func(&format!("{name}_act"), Linkage::Static, int, &[("it", int)]);
        btf.add(&format!("{name}_limit"), Def::Var(Var { type_id: int, linkage: Linkage::Global }));
        Arc::new(btf.build().unwrap())
    };
    target.modules = ["conn", "nat"].map(|name| (name.into(), module(name))).into();
    target
}

fn machine() -> Kernel {
    Kernel::new(Config { btf: Some(types()), ..Config::default() }).unwrap()
}

fn load(
    kernel: &mut Kernel,
    insns: Vec<Insn>,
    fd_array: Vec<i32>,
) -> Result<skep_kernel::Fd, skep_kernel::LoadError> {
    kernel.prog_load(ProgLoad { fd_array, ..ProgLoad::new("test", ProgType::RawTracepoint, insns) })
}

/// A call of a module's function: `off` is its module's place in `fd_array`.
fn call(module: &str, func: &str, off: i16) -> Insn {
    let types = types();
    let id = types.module(module).unwrap().find(Kind::Func, func).unwrap();
    Insn::new(0x85, 0, 2, off, id.0 as i32)
}

#[test]
fn functions_of_modules_are_called_by_place() {
    let mut kernel = machine();
    let fds = ["nat", "conn"].map(|it| kernel.module_fd(it).unwrap().0);
    let fd_array = vec![0, fds[0], fds[1]];
    let done = asm("r0 = 7\nexit");
    let insns = [vec![call("conn", "bpf_rcu_read_lock", 2)], done.clone()].concat();
    let good = load(&mut kernel, insns, fd_array.clone()).unwrap();
    let insns = [vec![call("nat", "nat_act", 1)], done].concat();
    let bad = load(&mut kernel, insns, fd_array).unwrap();
    // The fds are the loader's.
    for fd in fds {
        kernel.close(skep_kernel::Fd(fd)).unwrap();
    }
    assert_eq!(kernel.run(good, Run::default()).unwrap().r0, 7);
    let error = kernel.run(bad, Run::default()).unwrap_err();
    assert_eq!(error.class(), Class::NotEmulated);
    assert!(error.to_string().contains("nat_act"), "{error}");
}

#[test]
fn places_that_are_none() {
    let mut kernel = machine();
    let module = kernel.module_fd("conn").unwrap().0;
    let insns = |off| [vec![call("conn", "conn_act", off)], asm("exit")].concat();
    let mut said = |off, fd_array| {
        let error = load(&mut kernel, insns(off), fd_array).unwrap_err();
        (error.errno, error.message)
    };
    let (errno, text) = said(-1, vec![0, module]);
    assert_eq!(
        (errno, text.as_str()),
        (Errno::EINVAL, "negative offset disallowed for kernel module function call")
    );
    let (errno, text) = said(1, vec![]);
    assert_eq!((errno, text.as_str()), (Errno::EPROTO, "kfunc offset > 0 without fd_array is invalid"));
    assert_eq!(said(2, vec![0, module]).0, Errno::EFAULT);
    let (errno, text) = said(1, vec![0, 999]);
    assert_eq!((errno, text.as_str()), (Errno::EINVAL, "invalid module BTF fd specified"));
}

#[test]
fn variables_of_modules_have_addresses() {
    let mut kernel = machine();
    let id = types().module("nat").unwrap().find(Kind::Var, "nat_limit").unwrap();
    let fd = kernel.module_fd("nat").unwrap().0;
    let wide = |id: TypeId, fd: i32| {
        let first = Insn::new(0x18, 0, 3, 0, id.0 as i32);
        [vec![first, Insn { imm: fd, ..Insn::default() }], asm("exit")].concat()
    };
    let prog = load(&mut kernel, wide(id, fd), vec![]).unwrap();
    let addr = kernel.variable("nat_limit").unwrap().unwrap();
    assert_eq!(kernel.run(prog, Run::default()).unwrap().r0, addr);
    assert_eq!(kernel.ksym("nat_limit"), Some(addr));
    let error = load(&mut kernel, wide(id, 77), vec![]).unwrap_err();
    assert_eq!(
        (error.errno, error.message.as_str()),
        (Errno::EINVAL, "invalid module BTF object FD specified.")
    );
    // Without its fd the number is one of the kernel's own types, which has fewer.
    assert_eq!(load(&mut kernel, wide(id, 0), vec![]).unwrap_err().errno, Errno::ENOENT);
}

#[test]
fn objects_of_modules_types() {
    let mut kernel = machine();
    let mut conn = kernel.object("conn").unwrap().set("state", 5).unwrap().set("owner.pid", 42).unwrap();
    assert_eq!((conn.get_u64("state").unwrap(), conn.get_u64("owner.pid").unwrap()), (5, 42));
    assert_eq!(conn.type_name(), "struct conn");
    let addr = conn.addr();
    let task = kernel.object("task_struct").unwrap().set("pid", 7).unwrap().addr();
    let mut nat = kernel.object("struct nat").unwrap().set("owner", FieldValue::Addr(task)).unwrap();
    assert_eq!(nat.get_u64("owner.pid").unwrap(), 7);
    assert_eq!(kernel.object_at(addr, "conn").unwrap().get_u64("state").unwrap(), 5);
    let error = kernel.object("con").unwrap_err().to_string();
    assert!(error.contains("`conn`"), "{error}");
}
