//! The types of a kernel that come with skep.

use crate::types::TargetBtf;
use skep_btf::Btf;
use std::sync::{Arc, OnceLock};

/// What `cargo xtask btf` made of `vmlinux/vmlinux.h`.
const BYTES: &[u8] = include_bytes!("../vmlinux/vmlinux.btf");

/// The types of a kernel like 6.12 on x86-64: the structures, functions, tracepoints and kfuncs that programs in the
/// field refer to, so that they load where no kernel can be asked.
///
/// Members that hardly any program reads are left out, so sizes and offsets are no real kernel's. The bytes are parsed
/// once per process, and shared.
///
/// ```
/// use skep_btf::Kind;
///
/// let target = skep_kernel::vmlinux::bundled();
/// assert_eq!(&*target.origin, "bundled");
/// assert!(target.vmlinux.find(Kind::Struct, "task_struct").is_some());
/// assert!(target.vmlinux.find(Kind::Func, "do_sys_openat2").is_some());
/// ```
pub fn bundled() -> TargetBtf {
    static PARSED: OnceLock<Arc<Btf>> = OnceLock::new();
    // The bytes are a constant, and a test below parses them.
    let parse = || Arc::new(Btf::parse(BYTES).expect("the bundled BTF is well-formed"));
    TargetBtf::new("bundled", Arc::clone(PARSED.get_or_init(parse)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_btf::{Def, Kind, TypeId};

    fn find(kind: Kind, name: &str) -> TypeId {
        bundled().vmlinux.find(kind, name).unwrap_or_else(|| panic!("{kind:?} {name}"))
    }

    fn params(name: &str) -> Vec<String> {
        let btf = bundled().vmlinux;
        let Def::Func(func) = &btf.type_by_id(find(Kind::Func, name)).unwrap().def else { panic!() };
        let Def::FuncProto(proto) = &btf.type_by_id(func.proto).unwrap().def else { panic!() };
        proto.params.iter().map(|it| btf.str(it.name).to_owned()).collect()
    }

    #[test]
    fn it_is_whole_and_small() {
        assert!(Btf::parse(BYTES).unwrap().types().count() > 9_000);
        assert!(BYTES.len() < 450 << 10, "{} bytes", BYTES.len());
    }

    #[test]
    fn no_trace_of_how_it_was_made() {
        let btf = bundled().vmlinux;
        for (_, ty) in btf.types() {
            let name = btf.str(ty.name);
            let made = ["fn__", "kf__", "sc__", "tp__", "skep_"].iter().any(|it| name.starts_with(it));
            assert!(!made, "{name}");
        }
    }

    #[test]
    fn functions_have_their_parameters() {
        assert_eq!(params("do_sys_openat2"), ["dfd", "filename", "how"]);
        assert_eq!(params("bpf_lsm_file_open"), ["file"]);
        assert_eq!(params("__x64_sys_openat"), ["regs"]);
        assert_eq!(params("__do_sys_openat"), ["dfd", "filename", "flags", "mode"]);
        assert_eq!(params("__traceiter_sched_switch"), ["__data", "preempt", "prev", "next", "prev_state"]);
        assert_eq!(params("bpf_iter_task"), ["meta", "task"]);
        // `...` has neither name nor type.
        assert_eq!(params("_printk"), ["fmt", ""]);
    }

    #[test]
    fn kfuncs_are_tagged() {
        let btf = bundled().vmlinux;
        let kfunc = find(Kind::Func, "bpf_iter_num_new");
        assert_eq!(btf.decl_tags(kfunc).collect::<Vec<_>>(), [(None, "bpf_kfunc")]);
        assert_eq!(btf.decl_tags(find(Kind::Func, "vfs_read")).count(), 0);
    }

    #[test]
    fn tracepoints_are_typedefs_of_pointers_to_functions() {
        let btf = bundled().vmlinux;
        let typedef = find(Kind::Typedef, "btf_trace_sys_enter");
        let Def::Ptr(to) = btf.resolved(typedef).unwrap().def else { panic!() };
        let Def::FuncProto(proto) = &btf.type_by_id(to).unwrap().def else { panic!() };
        assert_eq!(proto.params.len(), 3);
    }

    #[test]
    fn per_cpu_variables_lie_in_their_section() {
        let btf = bundled().vmlinux;
        let section = find(Kind::DataSec, ".data..percpu");
        let Def::DataSec(section) = &btf.type_by_id(section).unwrap().def else { panic!() };
        let names: Vec<_> = section.vars.iter().map(|it| btf.name(it.type_id)).collect();
        assert!(names.contains(&"runqueues") && names.contains(&"bpf_prog_active"), "{names:?}");
        let mut end = 0;
        for var in &section.vars {
            assert!(var.offset >= end);
            end = var.offset + var.size;
        }
        assert_eq!(end, section.size);
    }
}
