//! Prototypes of functions that programs attach to.

use skep_btf::{Btf, Def, TypeId};

use super::{is_enum, is_struct, kind_name};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// The most arguments of a function that a program attaches to (`MAX_BPF_FUNC_ARGS`).
const MAX_ARGS: usize = 12;

/// Bytes of what is passed or returned; `None`: it cannot be (`__get_type_size`).
fn passed_size(btf: &Btf, id: TypeId) -> Option<u32> {
    let id = btf.resolve(id);
    match &btf.type_by_id(id)?.def {
        Def::Void => Some(0),
        Def::Ptr(_) => Some(8),
        Def::Int(int) => Some(int.size),
        _ if is_enum(btf, id) || is_struct(btf, id) => Some(btf.size_of(id).ok()? as u32),
        _ => None,
    }
}

impl Verifier<'_> {
    /// Whether a trampoline can call a function of this prototype (`btf_distill_func_proto`).
    pub(crate) fn check_func_model(&mut self, btf: &Btf, proto: TypeId, name: &str) -> Check {
        let Some(proto) = btf.func_proto(proto) else { return Ok(()) };
        let params = &proto.params;
        if params.len() > MAX_ARGS {
            return refuse!(self, EINVAL, "The function {name} has {} arguments. Too many.\n", params.len());
        }
        let ret = btf.resolve(proto.ret);
        if passed_size(btf, ret).is_none() || is_struct(btf, ret) {
            let kind = kind_name(btf, ret);
            return refuse!(self, EINVAL, "The function {name} return type {kind} is unsupported.\n");
        }
        for (index, param) in params.iter().enumerate() {
            if index + 1 == params.len() && param.type_id == TypeId::VOID {
                return refuse!(self, EINVAL, "The function {name} with variable args is unsupported.\n");
            }
            match passed_size(btf, param.type_id) {
                Some(0) => {
                    return refuse!(self, EINVAL, "The function {name} has malformed void argument.\n");
                }
                Some(1..=16) => {}
                _ => {
                    let kind = kind_name(btf, btf.resolve(param.type_id));
                    return refuse!(
                        self,
                        EINVAL,
                        "The function {name} arg{index} type {kind} is unsupported.\n"
                    );
                }
            }
        }
        Ok(())
    }

    /// Whether the program's first function can stand for another one (`btf_check_type_match`).
    pub(super) fn check_type_match(&mut self, btf2: &Btf, id2: TypeId) -> Check {
        let (Some(btf1), Some(func)) = (self.prog.btf, self.prog.funcs.first()) else {
            return refuse!(self, EINVAL, "Program extension requires BTF\n");
        };
        let btf1 = std::sync::Arc::clone(btf1);
        match mismatch(&btf1, func.type_id, btf2, id2) {
            None => Ok(()),
            Some(text) => refuse!(self, EINVAL, "{text}"),
        }
    }
}

/// What differs between two functions (`btf_check_func_type_match`): a line for the log.
fn mismatch(btf1: &Btf, id1: TypeId, btf2: &Btf, id2: TypeId) -> Option<String> {
    let (name1, name2) = (btf1.name(id1), btf2.name(id2));
    for (btf, id, name) in [(btf1, id1, name1), (btf2, id2, name2)] {
        match btf.type_by_id(id).map(|ty| &ty.def) {
            Some(Def::Func(func)) if func.linkage == skep_btf::Linkage::Global => {}
            _ => return Some(format!("{name}() is not a global function\n")),
        }
    }
    let (proto1, proto2) = (btf1.func_proto(id1)?, btf2.func_proto(id2)?);
    let (n1, n2) = (proto1.params.len(), proto2.params.len());
    if n1 != n2 {
        return Some(format!("{name1}() has {n1} args while {name2}() has {n2} args\n"));
    }
    let (ret1, ret2) = (btf1.resolve(proto1.ret), btf2.resolve(proto2.ret));
    if !same_info(btf1, ret1, btf2, ret2) {
        let (k1, k2) = (kind_name(btf1, ret1), kind_name(btf2, ret2));
        return Some(format!("Return type {k1} of {name1}() doesn't match type {k2} of {name2}()\n"));
    }
    proto1.params.iter().zip(&proto2.params).enumerate().find_map(|(index, (a, b))| {
        let (a, b) = (btf1.resolve(a.type_id), btf2.resolve(b.type_id));
        arg_mismatch(index, (btf1, a, name1), (btf2, b, name2))
    })
}

fn arg_mismatch(index: usize, a: (&Btf, TypeId, &str), b: (&Btf, TypeId, &str)) -> Option<String> {
    let ((btf1, id1, name1), (btf2, id2, name2)) = (a, b);
    if !same_info(btf1, id1, btf2, id2) {
        let (k1, k2) = (kind_name(btf1, id1), kind_name(btf2, id2));
        return Some(format!("arg{index} in {name1}() is {k1} while {name2}() has {k2}\n"));
    }
    let Some(target1) = super::pointee(btf1, id1) else {
        let (s1, s2) = (btf1.size_of(id1).unwrap_or(0), btf2.size_of(id2).unwrap_or(0));
        if s1 != s2 {
            return Some(format!("arg{index} in {name1}() has size {s1} while {name2}() has {s2}\n"));
        }
        let is_number =
            matches!(btf1.type_by_id(id1).map(|ty| &ty.def), Some(Def::Int(_))) || is_enum(btf1, id1);
        return (!is_number).then(|| format!("arg{index} in {name1}() has unrecognized type\n"));
    };
    let target2 = super::pointee(btf2, id2)?;
    for (btf, target, name) in [(btf1, target1, name1), (btf2, target2, name2)] {
        if !is_struct(btf, target) {
            return Some(format!("arg{index} in {name}() is not a pointer to context\n"));
        }
    }
    let (s1, s2) = (btf1.name(btf1.resolve(target1)), btf2.name(btf2.resolve(target2)));
    (s1 != s2).then(|| format!("arg{index} {name1}(struct {s1} *) doesn't match {name2}(struct {s2} *)\n"))
}

/// Whether kind, length and flag are the same.
fn same_info(btf1: &Btf, id1: TypeId, btf2: &Btf, id2: TypeId) -> bool {
    let info = |btf: &Btf, id| {
        let ty = btf.type_by_id(id)?;
        let parts = match &ty.def {
            Def::Struct(c) | Def::Union(c) => (c.members.len(), c.kflag),
            Def::Enum(e) | Def::Enum64(e) => (e.values.len(), e.signed),
            Def::FuncProto(proto) => (proto.params.len(), false),
            _ => (0, false),
        };
        Some((ty.kind(), parts))
    };
    info(btf1, id1) == info(btf2, id2)
}
