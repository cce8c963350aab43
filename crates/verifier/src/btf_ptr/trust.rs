//! Which pointers the kernel vouches for.

use skep_btf::{Btf, Def, StrOff, Type, TypeId};

use crate::state::reg::{BtfNr, Extra, Reg};
use crate::state::types::{Base, Flags, RegType};
use crate::verifier::Verifier;

/// Flags that make a pointer one to trust (`BPF_REG_TRUSTED_MODIFIERS`).
const TRUSTED: Flags = Flags::ALLOC.union(Flags::TRUSTED).union(Flags::NON_OWN_REF);

/// A struct of the kernel's BTF beside another one, named after it with this behind: the members that it has are such.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Safe {
    /// Trusted inside an RCU section, never NULL.
    Rcu,
    /// Trusted inside an RCU section, or NULL.
    RcuOrNull,
    /// Trusted everywhere, never NULL.
    Trusted,
    /// Trusted everywhere, or NULL.
    TrustedOrNull,
}

impl Safe {
    const fn suffix(self) -> &'static str {
        match self {
            Safe::Rcu => "__safe_rcu",
            Safe::RcuOrNull => "__safe_rcu_or_null",
            Safe::Trusted => "__safe_trusted",
            Safe::TrustedOrNull => "__safe_trusted_or_null",
        }
    }

    /// Whether a member of a struct is such a one: by its name and the struct that it points to
    /// (`btf_nested_type_is_trusted`).
    pub(super) fn has(self, btf: &Btf, of: TypeId, member: StrOff, target: TypeId) -> bool {
        let Some(ty) = btf.type_by_id(of) else { return false };
        let name = format!("{}{}", btf.str(ty.name), self.suffix());
        let safe = btf.find(ty.kind(), &name).and_then(|id| btf.type_by_id(id)).and_then(Type::composite);
        safe.is_some_and(|safe| {
            safe.members.iter().any(|it| match btf.type_by_id(it.type_id).map(|ty| &ty.def) {
                Some(Def::Ptr(to)) => btf.resolve(*to) == target && btf.str(it.name) == btf.str(member),
                _ => false,
            })
        })
    }
}

impl RegType {
    /// Whether the program allocated it (`type_is_alloc`).
    pub(crate) fn is_alloc(self) -> bool {
        self.has(Flags::ALLOC)
    }

    /// Whether it is an object that the program allocated (`type_is_ptr_alloc_obj`).
    pub(crate) fn is_alloc_obj(self) -> bool {
        self.base == Base::PtrToBtfId && self.is_alloc()
    }

    /// Whether it is one that something else owns (`type_is_non_owning_ref`).
    pub(crate) fn is_non_owning(self) -> bool {
        self.is_alloc_obj() && self.has(Flags::NON_OWN_REF)
    }

    /// Whether it has a flag that takes trust away (`bpf_type_has_unsafe_modifiers`).
    pub(crate) fn has_unsafe_flags(self) -> bool {
        !TRUSTED.contains(self.flags)
    }
}

impl Reg {
    /// Whether the kernel vouches for what it points to (`is_trusted_reg`).
    pub(crate) fn is_trusted(&self) -> bool {
        if self.ref_obj_id != 0 {
            return true;
        }
        let always = matches!(
            self.ty.base,
            Base::PtrToSocket | Base::PtrToSockCommon | Base::PtrToTcpSock | Base::ConstPtrToMap
        );
        !self.ty.has_unsafe_flags() && (always || self.ty.flags.intersects(TRUSTED))
    }

    /// Whether an RCU section keeps it (`is_rcu_reg`).
    pub(crate) fn is_rcu(&self) -> bool {
        self.ty.has(Flags::RCU)
    }
}

/// A pointer that nobody vouches for (`clear_trusted_flags`).
pub(super) fn without_trust(flags: Flags) -> Flags {
    flags - TRUSTED - Flags::RCU
}

impl Verifier<'_> {
    /// A register gets a pointer to a kernel object (`mark_btf_ld_reg`).
    pub(crate) fn mark_btf_ld_reg(&mut self, regno: usize, flags: Flags, btf: BtfNr, id: TypeId) {
        let new_id = if flags.contains(Flags::MAYBE_NULL) { self.new_id() } else { 0 };
        let reg = self.reg_mut(regno);
        let ty = RegType::with(Base::PtrToBtfId, flags);
        let new = Reg::pointer(ty, Extra::Btf { btf, id });
        *reg = Reg { id: new_id, subreg_def: reg.subreg_def, ..new };
    }
}
