//! What `BPF_PROG_LOAD` checks of the thing that a program is attached to (`check_attach_btf_id`,
//! `kernel/bpf/verifier.c`), as far as the kernel's types alone tell. Where a machine has no types, nothing can be said.

use super::{ProgLoad, check};
use crate::report::LoadError;
use crate::types::TargetBtf;
use skep_abi::flags::BPF_F_SLEEPABLE;
use skep_abi::{AttachType, Errno, ProgType};
use skep_btf::{Btf, Def, FuncProto, Kind};

/// What a program is attached to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Attached {
    /// The name in the types: `bpf_lsm_file_open`, `vfs_read`, a member of a struct.
    pub(crate) name: Option<String>,
    /// It returns nothing.
    pub(crate) void: bool,
}

fn refused<T>(errno: Errno, message: impl Into<String>) -> Result<T, LoadError> {
    Err(LoadError::rejected(errno, None, message))
}

/// LSM hooks that BPF programs may not be attached to (`bpf_lsm_disabled_hooks`, `kernel/bpf/bpf_lsm.c`).
const DISABLED_HOOKS: &[&str] = &[
    "vm_enough_memory",
    "inode_need_killpriv",
    "inode_getsecurity",
    "inode_listsecurity",
    "inode_copy_up_xattr",
    "getselfattr",
    "getprocattr",
    "setprocattr",
    "key_getsecurity",
    "audit_rule_match",
    "xfrm_decode_session",
    "ismaclabel",
];

/// Checks what a program is attached to.
pub(super) fn check(load: &ProgLoad, btf: Option<&TargetBtf>) -> Result<Attached, LoadError> {
    let attach = AttachType::from_u32(load.expected_attach_type);
    let sleepable = load.flags & BPF_F_SLEEPABLE != 0;
    if load.prog_type == ProgType::Syscall {
        return match sleepable {
            true => Ok(Attached::default()),
            false => refused(Errno::EINVAL, "Syscall programs can only be sleepable"),
        };
    }
    if sleepable && !can_sleep(load.prog_type, attach) {
        let text = "Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable";
        return refused(Errno::EINVAL, text);
    }
    let types = btf.and_then(|btf| types_of(btf, load.attach_module.as_deref()));
    let Some(types) = types else { return Ok(Attached::default()) };
    match load.prog_type {
        ProgType::StructOps => struct_ops(load, types),
        ProgType::Tracing | ProgType::Lsm if load.attach_prog.is_none() => of_kernel(load, attach, types),
        ProgType::Ext if load.attach_prog.is_none() => refused(
            Errno::EINVAL,
            if load.attach_btf_id == 0 {
                "Tracing programs must provide btf_id"
            } else {
                "Cannot replace kernel functions"
            },
        ),
        _ => Ok(Attached::default()),
    }
}

/// Which types have an id and a program to be attached to (`bpf_prog_load_check_attach`).
pub(super) fn ids(load: &ProgLoad) -> Result<(), LoadError> {
    let by_id =
        matches!(load.prog_type, ProgType::Tracing | ProgType::Lsm | ProgType::StructOps | ProgType::Ext);
    if load.attach_btf_id != 0 && !by_id {
        let text = format!("{} programs are not attached by BTF id", load.prog_type.name());
        return refused(Errno::EINVAL, text);
    }
    if load.attach_prog.is_some() && !matches!(load.prog_type, ProgType::Tracing | ProgType::Ext) {
        let text = format!("{} programs are not attached to programs", load.prog_type.name());
        return refused(Errno::EINVAL, text);
    }
    Ok(())
}

fn can_sleep(prog_type: ProgType, attach: Option<AttachType>) -> bool {
    use AttachType::{ModifyReturn, TraceFentry, TraceFexit, TraceIter};
    match prog_type {
        ProgType::Tracing => {
            matches!(attach, Some(TraceFentry | TraceFexit | ModifyReturn | TraceIter))
        }
        ProgType::Lsm | ProgType::Kprobe | ProgType::StructOps => true,
        _ => false,
    }
}

fn types_of<'b>(btf: &'b TargetBtf, module: Option<&str>) -> Option<&'b Btf> {
    match module {
        None => Some(&btf.vmlinux),
        Some(name) => btf.module(name).map(|it| &**it),
    }
}

/// Something of the kernel (`bpf_check_attach_target`).
fn of_kernel(load: &ProgLoad, attach: Option<AttachType>, types: &Btf) -> Result<Attached, LoadError> {
    let id = load.attach_btf_id;
    if id == 0 {
        return refused(Errno::EINVAL, "Tracing programs must provide btf_id");
    }
    let Some(ty) = types.type_by_id(id) else {
        return refused(Errno::EINVAL, format!("attach_btf_id {id} is invalid"));
    };
    let name = types.str(ty.name);
    let is_func = ty.kind() == Kind::Func;
    let proto = match attach {
        Some(AttachType::TraceRawTp) => {
            if ty.kind() != Kind::Typedef {
                return refused(Errno::EINVAL, format!("attach_btf_id {id} is not a typedef"));
            }
            if !name.starts_with("btf_trace_") {
                return refused(
                    Errno::EINVAL,
                    format!("attach_btf_id {id} points to wrong type name {name}"),
                );
            }
            types.func_proto(id)
        }
        Some(
            AttachType::TraceIter
            | AttachType::ModifyReturn
            | AttachType::LsmMac
            | AttachType::LsmCgroup
            | AttachType::TraceFentry
            | AttachType::TraceFexit,
        ) if !is_func => {
            return refused(Errno::EINVAL, format!("attach_btf_id {id} is not a function"));
        }
        Some(
            AttachType::TraceIter
            | AttachType::ModifyReturn
            | AttachType::LsmMac
            | AttachType::LsmCgroup
            | AttachType::TraceFentry
            | AttachType::TraceFexit,
        ) => types.func_proto(id),
        _ => {
            return refused(
                Errno::EINVAL,
                "this attach type is none of programs that are attached by BTF id",
            );
        }
    };
    let Some(proto) = proto else { return refused(Errno::EINVAL, format!("{name} is no function")) };
    parameters(types, proto, name)?;
    if matches!(attach, Some(AttachType::TraceFexit | AttachType::ModifyReturn))
        && types.size_of(proto.ret).unwrap_or(0) > 8
    {
        let text = format!(
            "Attach to function {name} with a >8 byte return value is not supported for this attach type"
        );
        return refused(Errno::EOPNOTSUPP, text);
    }
    if load.prog_type == ProgType::Lsm {
        hook(load, name)?;
    }
    Ok(Attached { name: Some(name.to_owned()), void: proto.ret.0 == 0 })
}

/// The functions whose arguments trampolines can hand on (`btf_distill_func_proto`, `kernel/bpf/btf.c`).
fn parameters(types: &Btf, proto: &FuncProto, name: &str) -> Result<(), LoadError> {
    const MAX_ARGS: usize = 12;
    if proto.params.len() > MAX_ARGS {
        let text = format!("The function {name} has {} arguments. Too many.", proto.params.len());
        return refused(Errno::EINVAL, text);
    }
    for (index, param) in proto.params.iter().enumerate() {
        if param.type_id.0 == 0 {
            return refused(Errno::EINVAL, format!("The function {name} with variable args is unsupported."));
        }
        let large = types.size_of(param.type_id).is_ok_and(|size| size > 16);
        let kind = types.resolved(param.type_id).map(|it| it.kind());
        let known = matches!(kind, Some(Kind::Ptr | Kind::Int | Kind::Enum | Kind::Enum64 | Kind::Struct));
        if large || !known {
            let what = types.resolved(param.type_id).map_or("?", |it| types.str(it.name));
            let text = format!("The function {name} arg{index} type {what} is unsupported.");
            return refused(Errno::EINVAL, text);
        }
    }
    Ok(())
}

/// An LSM hook (`bpf_lsm_verify_prog`).
fn hook(load: &ProgLoad, name: &str) -> Result<(), LoadError> {
    let id = load.attach_btf_id;
    if !check::is_gpl_compatible(&load.license) {
        return refused(Errno::EINVAL, "LSM programs must have a GPL compatible license");
    }
    let Some(hook) = name.strip_prefix("bpf_lsm_") else {
        return refused(Errno::EINVAL, format!("attach_btf_id {id} points to wrong type name {name}"));
    };
    if DISABLED_HOOKS.contains(&hook) {
        return refused(Errno::EINVAL, format!("attach_btf_id {id} points to disabled hook {name}"));
    }
    Ok(())
}

/// A member of a struct of functions (`check_struct_ops_btf_id`). The structs that the kernel calls have a
/// `bpf_struct_ops_<name>` around them in its types.
fn struct_ops(load: &ProgLoad, types: &Btf) -> Result<Attached, LoadError> {
    if !check::is_gpl_compatible(&load.license) {
        return refused(Errno::EINVAL, "struct ops programs must have a GPL compatible license");
    }
    let id = load.attach_btf_id;
    if id == 0 {
        return refused(Errno::ENOTSUPP, "a struct_ops program needs the id of its struct (attach_btf_id)");
    }
    let of = types.name(id).to_owned();
    let is_ops = matches!(types.type_by_id(id).map(|it| &it.def), Some(Def::Struct(_)))
        && types.find(Kind::Struct, &format!("bpf_struct_ops_{of}")).is_some();
    if !is_ops {
        return refused(Errno::ENOTSUPP, format!("attach_btf_id {id} is not a supported struct"));
    }
    let index = load.expected_attach_type;
    let Some(member) = types.member(id, index as usize) else {
        return refused(Errno::EINVAL, format!("attach to invalid member idx {index} of struct {of}"));
    };
    match types.func_proto(member.type_id) {
        Some(proto) => Ok(Attached { name: Some(member.name.to_owned()), void: proto.ret.0 == 0 }),
        None => {
            let text = format!("attach to invalid member {}(@idx {index}) of struct {of}", member.name);
            refused(Errno::EINVAL, text)
        }
    }
}
