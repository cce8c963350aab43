//! Which types are a program's context.

use std::sync::Arc;

use skep_abi::{AttachType, ProgType};
use skep_btf::{Btf, Def, Kind, Type, TypeId};

use super::{is_struct, pointee};
use crate::state::reg::BtfNr;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// Contexts by program type, as programs see them and as they are, for BTFs that do not say it themselves
/// (`linux/bpf_types.h`). Types that are missing have numbers or pointers for contexts.
const CONTEXTS: &[(&[ProgType], &str, &str)] = &[
    (
        &[
            ProgType::SocketFilter,
            ProgType::SchedCls,
            ProgType::SchedAct,
            ProgType::CgroupSkb,
            ProgType::LwtIn,
            ProgType::LwtOut,
            ProgType::LwtXmit,
            ProgType::LwtSeg6local,
            ProgType::SkSkb,
        ],
        "__sk_buff",
        "sk_buff",
    ),
    (&[ProgType::Xdp], "xdp_md", "xdp_buff"),
    (&[ProgType::CgroupSock], "bpf_sock", "sock"),
    (&[ProgType::CgroupSockAddr], "bpf_sock_addr", "bpf_sock_addr_kern"),
    (&[ProgType::SockOps], "bpf_sock_ops", "bpf_sock_ops_kern"),
    (&[ProgType::SkMsg], "sk_msg_md", "sk_msg"),
    (&[ProgType::FlowDissector], "__sk_buff", "bpf_flow_dissector"),
    (&[ProgType::Kprobe], "bpf_user_pt_regs_t", "pt_regs"),
    (&[ProgType::PerfEvent], "bpf_perf_event_data", "bpf_perf_event_data_kern"),
    (&[ProgType::RawTracepoint, ProgType::RawTracepointWritable], "bpf_raw_tracepoint_args", ""),
    (&[ProgType::CgroupDevice], "bpf_cgroup_dev_ctx", "bpf_cgroup_dev_ctx"),
    (&[ProgType::CgroupSysctl], "bpf_sysctl", "bpf_sysctl_kern"),
    (&[ProgType::CgroupSockopt], "bpf_sockopt", "bpf_sockopt_kern"),
    (&[ProgType::SkReuseport], "sk_reuseport_md", "sk_reuseport_kern"),
    (&[ProgType::SkLookup], "bpf_sk_lookup", "bpf_sk_lookup_kern"),
    (&[ProgType::Netfilter], "bpf_nf_ctx", "bpf_nf_ctx"),
];

/// The row of a program type.
fn row(ty: ProgType) -> Option<(&'static str, &'static str)> {
    let row = CONTEXTS.iter().find(|(types, ..)| types.contains(&ty))?;
    Some((row.1, row.2))
}

/// A context of a program type as the kernel knows it.
#[derive(Clone, Copy)]
enum Context {
    /// A type of its BTF.
    Type(TypeId),
    /// A struct of this name, which the BTF does not have.
    Named(&'static str),
    /// No struct.
    Plain,
}

/// What the kernel's BTF has of the context of a program type: a struct with two members for each of them
/// (`bpf_ctx_convert`), of which this is the one for programs.
fn program_ctx(kernel: &Btf, ty: ProgType) -> Context {
    if let Some(all) = kernel.find(Kind::Struct, "bpf_ctx_convert") {
        let name = format!("{}_prog", ty.uapi());
        let member = kernel.members(all).find(|it| it.name == name);
        return member.map_or(Context::Plain, |it| Context::Type(it.type_id));
    }
    match row(ty) {
        None => Context::Plain,
        Some((name, _)) => {
            let known = kernel.find(Kind::Typedef, name).or_else(|| kernel.find(Kind::Struct, name));
            known.map_or(Context::Named(name), Context::Type)
        }
    }
}

/// The kernel's own context of a program type, if it is a struct (`get_kern_ctx_btf_id`).
pub(crate) fn kern_ctx(kernel: &Btf, ty: ProgType) -> Option<TypeId> {
    if let Some(all) = kernel.find(Kind::Struct, "bpf_ctx_convert") {
        let name = format!("{}_kern", ty.uapi());
        return kernel.members(all).find(|it| it.name == name).map(|it| it.type_id);
    }
    kernel.find(Kind::Struct, row(ty)?.1)
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
    pub(crate) fn is_prog_ctx_type(&self, btf: &Btf, ptr: TypeId, ty: ProgType) -> bool {
        let Some(target) = pointee(btf, ptr) else { return false };
        if ty == ProgType::Kprobe && is_typedef(btf, target, USER_REGS) {
            return true;
        }
        let id = btf.resolve(target);
        if !is_struct(btf, id) {
            return false;
        }
        let name = btf.name(id);
        let kernel = Arc::clone(self.btf(BtfNr::KERNEL));
        let mut context = match program_ctx(&kernel, ty) {
            Context::Type(id) => id,
            Context::Named("bpf_user_pt_regs_t") => return name == "pt_regs",
            Context::Named(known) => return known == name || is_projection(known, name),
            Context::Plain => return false,
        };
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
        let known = match program_ctx(&kernel, ty) {
            Context::Type(id) if is_struct(&kernel, id) => kernel.name(kernel.resolve(id)),
            Context::Named(known) => known,
            _ => return refuse!(self, EINVAL, "arg#{arg} should be void pointer\n"),
        };
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
