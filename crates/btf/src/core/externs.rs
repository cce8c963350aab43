//! Whether the kernel's variable or function is what an object takes it for.

use super::compat::Pair;
use super::error::Failure;
use super::work::Work;
use crate::{Btf, TypeId};

/// Whether an object's type of a kernel symbol goes with the kernel's (libbpf's `bpf_core_types_are_compat`): kinds, and
/// behind pointers, arrays and prototypes theirs; no names, sizes or members.
///
/// # Errors
/// libbpf's errno, negative: a type that does not exist, or they are nested more than 32 deep.
///
/// ```
/// use skep_btf::core::types_are_compat;
/// use skep_btf::{BtfBuilder, IntEncoding};
///
/// let mut btf = BtfBuilder::new();
/// let int = btf.int("int", 4, IntEncoding::Signed);
/// let long = btf.int("long", 8, IntEncoding::Signed);
/// let list = btf.structure("list", 4, &[("x", int, 0)]);
/// let btf = btf.build()?;
/// assert_eq!(types_are_compat(&btf, int, &btf, long), Ok(true));
/// assert_eq!(types_are_compat(&btf, int, &btf, list), Ok(false));
/// # Ok::<(), skep_btf::Error>(())
/// ```
pub fn types_are_compat(
    local: &Btf,
    local_id: impl Into<TypeId>,
    target: &Btf,
    target_id: impl Into<TypeId>,
) -> Result<bool, i32> {
    let pair = Pair { local, target };
    pair.types_are_compat(local_id.into(), target_id.into(), &mut Work::new()).map_err(Failure::errno)
}
