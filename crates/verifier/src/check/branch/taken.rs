//! Branches that always go the same way (`is_branch_taken`).

use skep_isa::{JmpOp, Width};

use super::{Compared, packet, width};
use crate::scalar::{self, flipped};
use crate::state::reg::Reg;
use crate::state::types::{Base, Flags};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Whether the branch is taken, if that is known.
    pub(super) fn branch_taken(&self, branch: &Compared, other: &Reg) -> Option<bool> {
        let (dst, width) = (self.reg(branch.dst), width(branch.insn));
        if packet::is_any(dst) && packet::is_any(other) && width == Width::W64 {
            return packet::branch_taken(dst, other, branch.op);
        }
        if dst.is_scalar() && other.is_scalar() {
            return scalar::branch_taken(&dst.scalar, &other.scalar, branch.op, width);
        }
        with_null(dst, other, branch.op, width)
    }
}

/// A pointer against a known number: one that is not NULL is not 0.
fn with_null(a: &Reg, b: &Reg, op: JmpOp, width: Width) -> Option<bool> {
    let (pointer, number, op) = match b.scalar.const_at(width).filter(|_| b.is_scalar()) {
        Some(number) => (a, number, op),
        None => (b, a.scalar.const_at(width).filter(|_| a.is_scalar())?, flipped(op)),
    };
    match op {
        JmpOp::Eq | JmpOp::Ne if number == 0 && is_not_null(pointer) => Some(op == JmpOp::Ne),
        _ => None,
    }
}

/// Whether a pointer is known not to be NULL (`reg_not_null`).
pub(crate) fn is_not_null(reg: &Reg) -> bool {
    if reg.ty.may_be_null() {
        return false;
    }
    match reg.ty.base {
        Base::PtrToSocket
        | Base::PtrToTcpSock
        | Base::PtrToXdpSock
        | Base::PtrToBuf
        | Base::PtrToMapValue
        | Base::PtrToMapKey
        | Base::PtrToSockCommon
        | Base::ConstPtrToMap => true,
        Base::PtrToBtfId => is_trusted(reg),
        Base::PtrToMem => !reg.ty.has(Flags::UNTRUSTED),
        _ => false,
    }
}

/// Whether the kernel vouches for a pointer to one of its objects (`is_trusted_reg`).
fn is_trusted(reg: &Reg) -> bool {
    const TRUSTED: Flags = Flags::ALLOC.union(Flags::TRUSTED).union(Flags::NON_OWN_REF);
    reg.ref_obj_id != 0 || (reg.ty.flags.intersects(TRUSTED) && TRUSTED.contains(reg.ty.flags))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Scalar;
    use crate::state::reg::Extra;
    use crate::state::types::RegType;

    /// Types that are, and are not, known not to be NULL (`reg_not_null` of 6.18.44).
    #[test]
    fn null_or_not() {
        let table = [
            (Base::PtrToMapValue, Flags::empty(), true),
            (Base::PtrToMapValue, Flags::MAYBE_NULL, false),
            (Base::ConstPtrToMap, Flags::empty(), true),
            (Base::PtrToMem, Flags::RINGBUF, true),
            (Base::PtrToMem, Flags::RDONLY.union(Flags::UNTRUSTED), false),
            (Base::PtrToSocket, Flags::empty(), true),
            (Base::PtrToBtfId, Flags::TRUSTED, true),
            (Base::PtrToBtfId, Flags::ALLOC, true),
            (Base::PtrToBtfId, Flags::ALLOC.union(Flags::RCU), false),
            (Base::PtrToBtfId, Flags::empty(), false),
            (Base::PtrToBtfId, Flags::RCU, false),
            (Base::PtrToStack, Flags::empty(), false),
            (Base::PtrToCtx, Flags::empty(), false),
            (Base::PtrToPacket, Flags::empty(), false),
        ];
        for (base, flags, expected) in table {
            let pointer = Reg::pointer(RegType::with(base, flags), Extra::None);
            assert_eq!(is_not_null(&pointer), expected, "{base:?} {flags:?}");
            let zero = Reg::constant(0);
            for width in [Width::W64, Width::W32] {
                let known = |is_equal: bool| expected.then_some(is_equal);
                assert_eq!(with_null(&pointer, &zero, JmpOp::Eq, width), known(false), "{base:?}");
                assert_eq!(with_null(&zero, &pointer, JmpOp::Ne, width), known(true), "{base:?}");
                assert_eq!(with_null(&pointer, &zero, JmpOp::Gt, width), None);
            }
            assert_eq!(with_null(&pointer, &Reg::constant(1), JmpOp::Eq, Width::W64), None);
            assert_eq!(with_null(&pointer, &pointer, JmpOp::Eq, Width::W64), None);
        }
    }

    #[test]
    fn a_reference_is_trusted() {
        let object = Reg::pointer(RegType::with(Base::PtrToBtfId, Flags::RCU), Extra::None);
        assert!(is_not_null(&Reg { ref_obj_id: 3, ..object }));
    }

    /// The low half decides at 32 bits.
    #[test]
    fn narrow_null() {
        let pointer = Reg::pointer(RegType::of(Base::PtrToMapValue), Extra::None);
        let mut low = Scalar::UNKNOWN;
        low.mark_known32(0);
        let low = Reg { scalar: low, ..Reg::unknown(false) };
        assert_eq!(with_null(&pointer, &low, JmpOp::Ne, Width::W32), Some(true));
        assert_eq!(with_null(&pointer, &low, JmpOp::Ne, Width::W64), None);
    }
}
