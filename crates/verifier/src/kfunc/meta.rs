//! What the arguments of a call of a kernel function say together (`struct bpf_kfunc_call_arg_meta`).

use skep_btf::TypeId;

use crate::call::iter::IterPlace;
use crate::record::SpecialField;
use crate::state::reg::{BtfNr, DynptrKind, MapNr};
use crate::state::types::Flags;

/// Flags that make a pointer one to trust (`BPF_REG_TRUSTED_MODIFIERS`).
pub(super) const TRUSTED: Flags = Flags::ALLOC.union(Flags::TRUSTED).union(Flags::NON_OWN_REF);

/// A dynptr that was an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Dynptr {
    pub(super) id: u32,
    pub(super) kind: DynptrKind,
    pub(super) ref_obj_id: u32,
}

/// What the arguments of a call say together.
#[derive(Clone, Debug, Default)]
pub(super) struct Meta {
    /// The constant of a `__k` or `__szk` argument.
    pub(super) constant: Option<u64>,
    /// Bytes of the memory that is returned.
    pub(super) r0_size: u32,
    /// It may only be read.
    pub(super) r0_rdonly: bool,
    /// The reference that an argument holds.
    pub(super) ref_obj_id: u32,
    /// The argument whose reference is given up; 0: none.
    pub(super) release_regno: usize,
    /// The callback.
    pub(super) subprog: usize,
    /// The map of an argument, and which lookup it is from.
    pub(super) map: Option<(MapNr, u32)>,
    /// The struct that a cast gives.
    pub(super) ret_id: TypeId,
    /// The struct of an object of the program.
    pub(super) arg_obj: Option<(BtfNr, TypeId)>,
    /// The argument owns its object.
    pub(super) arg_owning_ref: bool,
    /// A parameter is the program itself.
    pub(super) arg_prog: bool,
    /// The dynptr that was there before the call.
    pub(super) dynptr: Option<Dynptr>,
    /// The iterator.
    pub(super) iter: Option<IterPlace>,
    /// The list head.
    pub(super) list_head: Option<SpecialField>,
    /// The root of the tree.
    pub(super) rb_root: Option<SpecialField>,
}
