//! Programs that are members of a struct of operations.

use std::sync::Arc;

use skep_abi::Errno;
use skep_abi::flags::BPF_F_SLEEPABLE;
use skep_btf::{Btf, Def, Kind, Type, TypeId};

use super::attached::{Attached, CtxArg};
use super::{is_struct, pointee};
use crate::state::reg::BtfNr;
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// Members that the kernel has no stub for, so that programs cannot stand for them.
const UNSUPPORTED: &[(&str, &[&str])] = &[("tcp_congestion_ops", &["get_info"])];

/// A member of a struct of operations.
struct Op<'b> {
    of: &'b str,
    name: &'b str,
    proto: TypeId,
}

impl Verifier<'_> {
    /// `check_struct_ops_btf_id`.
    pub(super) fn check_struct_ops(&mut self) -> Check {
        if !self.prog.gpl {
            return refuse!(self, EINVAL, "struct ops programs must have a GPL compatible license\n");
        }
        let Some(attach) = self.prog.attach.filter(|it| it.id != TypeId::VOID) else {
            return self.silent(Errno::ENOTSUPP);
        };
        let nr = self.btf_nr(attach.btf, &Arc::from("vmlinux"));
        let btf = Arc::clone(attach.btf);
        let op = self.struct_op(&btf, attach.id, attach.member)?;
        let args = stub_args(&btf, nr, &op);
        let refcounted = args.iter().any(|it| it.refcounted);
        if refcounted && self.subprogs.iter().any(|it| it.has_tail_call) {
            return refuse!(self, EINVAL, "program with __ref argument cannot tail call\n");
        }
        self.attached = Attached {
            name: op.name.to_owned(),
            btf: Some(nr),
            id: attach.id,
            proto: op.proto,
            ctx_args: args,
            struct_ops: op.of.to_owned(),
            ..Attached::default()
        };
        Ok(())
    }

    fn struct_op<'b>(&mut self, btf: &'b Btf, id: TypeId, member: u32) -> Check<Op<'b>> {
        let of = btf.name(id);
        let known = btf.find(Kind::Struct, &format!("bpf_struct_ops_{of}")).is_some();
        let Some(c) = btf.type_by_id(id).and_then(Type::composite).filter(|_| known) else {
            return refuse!(self, ENOTSUPP, "attach_btf_id {} is not a supported struct\n", id.0);
        };
        let Some(it) = c.members.get(member as usize) else {
            return refuse!(self, EINVAL, "attach to invalid member idx {member} of struct {of}\n");
        };
        let name = btf.str(it.name);
        let proto = pointee(btf, it.type_id).map(|target| btf.resolve(target));
        let is_proto = |id: &TypeId| matches!(btf.type_by_id(*id).map(|ty| &ty.def), Some(Def::FuncProto(_)));
        let Some(proto) = proto.filter(is_proto) else {
            return refuse!(self, EINVAL, "attach to invalid member {name}(@idx {member}) of struct {of}\n");
        };
        let unsupported = UNSUPPORTED.iter().any(|(ops, members)| *ops == of && members.contains(&name));
        let sleeps = self.prog.flags & BPF_F_SLEEPABLE != 0;
        if unsupported {
            return refuse!(self, ENOTSUPP, "attach to unsupported member {name} of struct {of}\n");
        }
        if of == "bpf_dummy_ops" && sleeps && name != "test_sleepable" {
            return refuse!(self, EINVAL, "attach to unsupported member {name} of struct {of}\n");
        }
        Ok(Op { of, name, proto })
    }
}

/// Arguments that the kernel's stub of an operation names `__nullable` or `__ref` (`prepare_arg_info`).
fn stub_args(btf: &Btf, nr: BtfNr, op: &Op<'_>) -> Vec<CtxArg> {
    let stub = format!("{}__{}", op.of, op.name);
    let stub = btf.find(Kind::Func, &stub).and_then(|id| btf.func_proto(id));
    let (Some(stub), Some(proto)) = (stub, btf.func_proto(op.proto)) else { return Vec::new() };
    let mut offset = 0;
    let mut args = Vec::new();
    for (param, named) in proto.params.iter().zip(&stub.params) {
        let name = btf.str(named.name);
        let (nullable, refcounted) = (name.ends_with("__nullable"), name.ends_with("__ref"));
        let target = pointee(btf, param.type_id).filter(|target| is_struct(btf, *target));
        if let Some(target) = target.filter(|_| nullable || refcounted) {
            let null = if nullable { Flags::MAYBE_NULL } else { Flags::empty() };
            args.push(CtxArg {
                offset,
                ty: RegType::with(Base::PtrToBtfId, Flags::TRUSTED | null),
                btf: nr,
                id: btf.resolve(target),
                refcounted: !nullable && refcounted,
                ref_obj_id: 0,
            });
        }
        offset += (btf.size_of(param.type_id).unwrap_or(8) as u32).next_multiple_of(8);
    }
    args
}
