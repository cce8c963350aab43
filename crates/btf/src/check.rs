//! What has to be known of all types before one can be judged: that references are to types that exist and may
//! stand there, and that nothing contains itself.

use crate::layout::Layouts;
use crate::types::*;
use crate::{Btf, Error, Kind, Reason};

/// That every reference is to a type of a kind that can be there, and that nothing contains itself.
pub(crate) fn check(btf: &Btf, offsets: &[u32]) -> Result<Layouts, Error> {
    let offset_of = |id: TypeId| {
        let index = id.0.checked_sub(btf.first_id()).map(|i| i as usize);
        index.and_then(|i| offsets.get(i)).map_or(0, |o| *o as usize)
    };
    for (id, ty) in btf.own_types() {
        check_references(btf, ty).map_err(|reason| Error { offset: offset_of(id), reason })?;
    }
    Layouts::compute(btf).map_err(|(id, reason)| Error { offset: offset_of(id), reason })
}

fn check_references(btf: &Btf, ty: &Type) -> Result<(), Reason> {
    let exists = |id: TypeId| match btf.type_by_id(id) {
        Some(ty) => Ok(ty),
        None => Err(Reason::NoSuchType(id)),
    };
    let value = |id: TypeId| Reason::WrongKind { id, expected: "the type of a value" };
    // What may be contained or returned: not a function, variable, section or declaration tag.
    let data = |id: TypeId| match exists(id)?.kind() {
        Kind::Func | Kind::Var | Kind::DataSec | Kind::DeclTag => Err(value(id)),
        _ => Ok(()),
    };
    // What may be pointed to: the kernel takes functions, too, for their prototypes.
    let target = |id: TypeId| match exists(id)?.kind() {
        Kind::Var | Kind::DataSec | Kind::DeclTag => Err(value(id)),
        _ => Ok(()),
    };
    match &ty.def {
        Def::Void | Def::Int(_) | Def::Float(_) | Def::Fwd(_) | Def::Enum(_) | Def::Enum64(_) => Ok(()),
        Def::Ptr(id) | Def::Typedef(id) | Def::Volatile(id) | Def::Const(id) | Def::Restrict(id) => {
            target(*id)
        }
        Def::TypeTag(tag) => target(tag.target),
        Def::Array(array) => data(array.element).and(data(array.index)),
        Def::Struct(c) | Def::Union(c) => c.members.iter().try_for_each(|m| data(m.type_id)),
        Def::Func(func) => match exists(func.proto)?.kind() {
            Kind::FuncProto => Ok(()),
            _ => Err(Reason::WrongKind { id: func.proto, expected: "a function prototype" }),
        },
        Def::FuncProto(proto) => data(proto.ret).and(proto.params.iter().try_for_each(|p| data(p.type_id))),
        Def::Var(var) => data(var.type_id),
        Def::DataSec(section) => section.vars.iter().try_for_each(|var| match exists(var.type_id)?.kind() {
            Kind::Var | Kind::Func => Ok(()),
            _ => Err(Reason::WrongKind { id: var.type_id, expected: "a variable or function" }),
        }),
        Def::DeclTag(tag) => exists(tag.target).map(drop),
    }
}
