//! Kernel objects by their BTF type.

mod access;
mod args;
pub(crate) mod attached;
pub(crate) mod ctx;
pub(crate) mod ctx_type;
pub(crate) mod hooks;
mod info;
mod iters;
mod kptr;
mod ksym;
mod null_args;
mod proto;
mod returns;
mod struct_ops;
mod target;
mod trust;
pub(crate) mod walk;
#[cfg(test)]
mod walk_tests;
mod write;

use skep_btf::{Btf, Def, Kind, Type, TypeId};

use self::walk::ids_match;
use crate::state::reg::BtfNr;
use crate::stop::{Check, Stop};
use crate::verifier::Verifier;

/// The kernel's name of a type's kind in messages (`btf_type_str`).
pub(crate) fn kind_name(btf: &Btf, id: TypeId) -> &'static str {
    match btf.type_by_id(id).map(Type::kind) {
        None | Some(Kind::Void) => "UNKNOWN",
        Some(kind) => kind.name(),
    }
}

/// What a pointer points to, as recorded: nothing is resolved behind it.
pub(crate) fn pointee(btf: &Btf, id: TypeId) -> Option<TypeId> {
    match btf.resolved(id)?.def {
        Def::Ptr(target) => Some(target),
        _ => None,
    }
}

/// Whether a type is an integer of one, two, four or eight bytes, all of them used (`btf_type_is_small_int`).
pub(crate) fn is_small_int(btf: &Btf, id: TypeId) -> bool {
    matches!(btf.resolved(id).map(|ty| &ty.def), Some(Def::Int(int)) if int.size <= 8)
}

/// Whether a type is an enumeration of either width.
pub(crate) fn is_enum(btf: &Btf, id: TypeId) -> bool {
    matches!(btf.resolved(id).map(|ty| &ty.def), Some(Def::Enum(_) | Def::Enum64(_)))
}

/// Whether a type is a struct or union.
pub(crate) fn is_struct(btf: &Btf, id: TypeId) -> bool {
    btf.resolved(id).and_then(Type::composite).is_some()
}

impl Verifier<'_> {
    /// Whether at an offset in one struct another one begins (`btf_struct_ids_match`).
    pub(crate) fn btf_struct_ids_match(
        &mut self,
        has: (BtfNr, TypeId),
        off: i32,
        wanted: (BtfNr, TypeId),
        strict: bool,
    ) -> bool {
        // Objects of the program have no arrays without a length to look behind.
        let flexible = self.is_kernel_btf(has.0);
        let has = (&**self.btf(has.0), has.1);
        let wanted = (&**self.btf(wanted.0), wanted.1);
        let (same, text) = ids_match(has, off as u32, wanted, strict, flexible);
        if !text.is_empty() {
            self.log.write(format_args!("{text}"));
        }
        same
    }

    /// Refuses without a word.
    pub(crate) fn silent<T>(&self, errno: skep_abi::Errno) -> Check<T> {
        Err(Stop::new(errno))
    }
}
