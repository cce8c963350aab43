//! Which types are a program's context.

use std::sync::Arc;

use skep_abi::{AttachType, ProgType};
use skep_btf::{Btf, Def, Kind, Type, TypeId};

use super::{is_struct, pointee};
use crate::state::reg::BtfNr;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// What the kernel's BTF has of the context of a program type: a struct with two members for each of them
/// (`bpf_ctx_convert`); `kind` is `prog` or `kern`.
fn converted(kernel: &Btf, ty: ProgType, kind: &str) -> Option<TypeId> {
    let all = kernel.find(Kind::Struct, "bpf_ctx_convert")?;
    let name = format!("{}_{kind}", ty.uapi());
    let member = kernel.members(all).find(|it| it.name == name)?;
    Some(member.type_id)
}

/// The kernel's own context of a program type, if it is a struct (`get_kern_ctx_btf_id`).
pub(crate) fn kern_ctx(kernel: &Btf, ty: ProgType) -> Option<TypeId> {
    converted(kernel, ty, "kern")
}

/// Whether programs see one struct in place of another (`btf_is_projection_of`).
pub(crate) fn is_projection(program: &str, kernel: &str) -> bool {
    matches!((program, kernel), ("__sk_buff", "sk_buff") | ("xdp_md", "xdp_buff"))
}

/// The type behind qualifiers, if it is a typedef of this name.
fn is_typedef(btf: &Btf, id: TypeId, name: &str) -> bool {
    let id = btf.unqualified(id);
    matches!(btf.type_by_id(id), Some(Type { def: Def::Typedef(_), .. })) && btf.name(id) == name
}

const USER_REGS: &str = "bpf_user_pt_regs_t";

impl Verifier<'_> {
    /// Whether a pointer is to the context of programs of a type, by name (`btf_is_prog_ctx_type`).
    pub(crate) fn is_prog_ctx_type(&mut self, btf: &Btf, ptr: TypeId, ty: ProgType, arg: usize) -> bool {
        let Some(target) = pointee(btf, ptr) else { return false };
        if ty == ProgType::Kprobe && is_typedef(btf, target, USER_REGS) {
            return true;
        }
        let id = btf.resolve(target);
        if !is_struct(btf, id) {
            return false;
        }
        let name = btf.name(id);
        if name.is_empty() {
            // The kernel finds an empty name, too, and that no context is called so.
            let _ = arg;
        }
        let kernel = Arc::clone(self.btf(BtfNr::KERNEL));
        let Some(mut context) = converted(&kernel, ty, "prog") else { return false };
        loop {
            let known = kernel.name(context);
            if known.is_empty() {
                return false;
            }
            if known == name || is_projection(known, name) {
                return true;
            }
            match kernel.type_by_id(context).and_then(Type::modified) {
                Some(_) => context = kernel.resolve(context),
                None => return false,
            }
        }
    }

    /// Whether a parameter with the tag `ctx` can be the context (`btf_validate_prog_ctx_type`).
    pub(super) fn validate_prog_ctx_type(
        &mut self,
        btf: &Btf,
        ptr: TypeId,
        arg: usize,
        ty: ProgType,
        attach: Option<AttachType>,
    ) -> Check {
        let Some(target) = pointee(btf, ptr) else {
            return refuse!(self, EINVAL, "arg#{arg} type isn't a pointer\n");
        };
        let by_typedef = matches!(ty, ProgType::Kprobe | ProgType::PerfEvent);
        if by_typedef && is_typedef(btf, target, USER_REGS) {
            return Ok(());
        }
        let id = btf.resolve(target);
        if id == TypeId::VOID {
            return Ok(());
        }
        let name = btf.name(id);
        if name.is_empty() {
            return refuse!(self, EINVAL, "arg#{arg} type doesn't have a name\n");
        }
        if is_special_ctx(btf, id, ty, attach) {
            return Ok(());
        }
        let kernel = Arc::clone(self.btf(BtfNr::KERNEL));
        let Some(context) = converted(&kernel, ty, "prog") else {
            return refuse!(self, EINVAL, "btf_vmlinux is malformed\n");
        };
        let context = kernel.resolve(context);
        if !is_struct(&kernel, context) {
            return refuse!(self, EINVAL, "arg#{arg} should be void pointer\n");
        }
        let known = kernel.name(context);
        if !is_struct(btf, id) || known != name {
            return refuse!(self, EINVAL, "arg#{arg} should be `struct {known} *`\n");
        }
        Ok(())
    }
}

/// Contexts that are not called as the kernel's.
fn is_special_ctx(btf: &Btf, id: TypeId, ty: ProgType, attach: Option<AttachType>) -> bool {
    let name = btf.name(id);
    let (structure, word) = (is_struct(btf, id), is_u64(btf, id));
    match ty {
        // x86-64: other machines have other structs here (`bpf_user_pt_regs_t`).
        ProgType::Kprobe | ProgType::PerfEvent => structure && name == "pt_regs",
        ProgType::RawTracepoint | ProgType::RawTracepointWritable => word,
        ProgType::Tracing => match attach {
            Some(AttachType::TraceRawTp) => word || structure && name == "bpf_raw_tracepoint_args",
            Some(AttachType::TraceIter) => structure && name.starts_with("bpf_iter__"),
            Some(AttachType::TraceFentry | AttachType::TraceFexit | AttachType::ModifyReturn) => word,
            _ => false,
        },
        ProgType::Lsm | ProgType::StructOps => word,
        ProgType::Tracepoint | ProgType::Syscall | ProgType::Ext => true,
        _ => false,
    }
}

fn is_u64(btf: &Btf, id: TypeId) -> bool {
    matches!(btf.resolved(id).map(|ty| &ty.def), Some(Def::Int(int)) if int.size == 8)
}
