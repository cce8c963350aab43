//! Sizes as libbpf counts them.

use super::error::Failure;
use crate::{Btf, Def, TypeId};

/// How many typedefs, qualifiers and array dimensions may stand before what has a size (libbpf's
/// `MAX_RESOLVE_DEPTH`).
const MAX_STEPS: usize = 32;

/// Bytes of a type, with libbpf's limits (`btf__resolve_size`): nothing of 4 GiB or more has a size.
pub(super) fn size_of(btf: &Btf, mut id: TypeId) -> Result<u32, Failure> {
    let mut elements: u32 = 1;
    for _ in 0..MAX_STEPS {
        let ty = btf.type_by_id(id).ok_or(Failure::Invalid)?;
        let bytes = match &ty.def {
            Def::Int(int) => int.size,
            Def::Struct(c) | Def::Union(c) => c.size,
            Def::Enum(e) | Def::Enum64(e) => e.size,
            Def::DataSec(section) => section.size,
            Def::Float(size) => *size,
            Def::Ptr(_) => btf.pointer_size(),
            Def::Array(array) => {
                elements = elements.checked_mul(array.len).ok_or(Failure::TooBig)?;
                id = array.element;
                continue;
            }
            Def::Var(var) => {
                id = var.type_id;
                continue;
            }
            Def::DeclTag(tag) => {
                id = tag.target;
                continue;
            }
            _ => {
                id = ty.modified().ok_or(Failure::Invalid)?;
                continue;
            }
        };
        return bytes.checked_mul(elements).ok_or(Failure::TooBig);
    }
    Err(Failure::Invalid)
}
