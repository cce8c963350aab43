//! One register, or one that was spilled to the stack (`struct bpf_reg_state`).

use skep_btf::TypeId;

use super::types::{Base, RegType};
use crate::scalar::Scalar;

/// Set in the id of a number that is another one plus a constant, by 64-bit arithmetic (`BPF_ADD_CONST64`).
pub(crate) const ADD_CONST64: u32 = 1 << 31;
/// The same by 32-bit arithmetic (`BPF_ADD_CONST32`).
pub(crate) const ADD_CONST32: u32 = 1 << 30;
/// Either (`BPF_ADD_CONST`).
pub(crate) const ADD_CONST: u32 = ADD_CONST64 | ADD_CONST32;

/// A map, by its place in [`Verifier::maps`](crate::Verifier).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MapNr(pub u16);

/// A BTF, by its place in [`Verifier::btfs`](crate::Verifier): 0 is the kernel's, 1 the program's, then modules'
/// and those of maps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BtfNr(pub u16);

impl BtfNr {
    /// The kernel's.
    pub const KERNEL: BtfNr = BtfNr(0);
    /// The program's.
    pub const PROGRAM: BtfNr = BtfNr(1);
}

/// What a dynptr points to (`enum bpf_dynptr_type`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DynptrKind {
    Invalid,
    Local,
    Ringbuf,
    Skb,
    Xdp,
    SkbMeta,
    File,
}

/// How far an iterator is (`enum bpf_iter_state`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IterState {
    Invalid,
    Active,
    Drained,
}

/// What the base type says of a register beside its numbers: the union in `struct bpf_reg_state`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Extra {
    /// Nothing.
    #[default]
    None,
    /// `PTR_TO_PACKET*`: how many bytes from the variable offset on are known to be there; negative: beyond or at the
    /// end (`BEYOND_PKT_END`, `AT_PKT_END`).
    Range(i32),
    /// Maps, their keys and values. `uid` tells inner maps apart; 0 for others.
    Map {
        /// Which.
        map: MapNr,
        /// Of which lookup.
        uid: u32,
    },
    /// `PTR_TO_BTF_ID`.
    Btf {
        /// In which BTF.
        btf: BtfNr,
        /// The struct.
        id: TypeId,
    },
    /// `PTR_TO_MEM`.
    Mem {
        /// Bytes.
        size: u32,
        /// Of a slice of a dynptr: the dynptr's id.
        dynptr_id: u32,
    },
    /// A stack slot that holds half a dynptr, or a register that points to a constant one.
    Dynptr {
        /// What it points to.
        kind: DynptrKind,
        /// The first of the two slots.
        first_slot: bool,
    },
    /// A stack slot of an iterator.
    Iter {
        /// BTF of the iterator's struct.
        btf: BtfNr,
        /// The iterator's struct.
        id: TypeId,
        /// How far it is.
        state: IterState,
        /// How many times it went on.
        depth: i32,
    },
    /// A stack slot with saved interrupt flags: 0 for `bpf_local_irq_save`, 1 for the resilient spin lock's.
    Irq {
        /// `enum { IRQ_NATIVE_KFUNC, IRQ_LOCK_KFUNC }`.
        class: u8,
    },
    /// `PTR_TO_FUNC`.
    Func {
        /// The function's number.
        subprog: u32,
    },
}

/// What is known of a register.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reg {
    /// What it holds.
    pub ty: RegType,
    /// Of a pointer: the constant part of its offset. Of a number with [`ADD_CONST`]: the difference.
    pub off: i32,
    /// What the type says beside.
    pub extra: Extra,
    /// Of a number: the number. Of a pointer: the variable part of its offset.
    pub scalar: Scalar,
    /// Ties registers together: the same number, variable offset, object that may be NULL, or reference.
    pub id: u32,
    /// The reference that it holds, or is part of; 0: none.
    pub ref_obj_id: u32,
    /// Of a pointer to the stack: which frame's.
    pub frameno: u32,
    /// The instruction that wrote its low half alone, plus one; 0: not so (`DEF_NOT_SUBREG`).
    pub subreg_def: i32,
    /// Its exact value mattered for an access.
    pub precise: bool,
}

impl Reg {
    /// A register that nothing was written to.
    pub const NOT_INIT: Reg = Reg {
        ty: RegType::NOT_INIT,
        off: 0,
        extra: Extra::None,
        scalar: Scalar::UNKNOWN,
        id: 0,
        ref_obj_id: 0,
        frameno: 0,
        subreg_def: 0,
        precise: false,
    };

    /// A number of which nothing is known. `precise`: without `CAP_BPF` all of them are.
    pub const fn unknown(precise: bool) -> Reg {
        Reg { ty: RegType::SCALAR, precise, ..Reg::NOT_INIT }
    }

    /// A known number.
    pub fn constant(value: u64) -> Reg {
        Reg { ty: RegType::SCALAR, scalar: Scalar::constant(value), ..Reg::NOT_INIT }
    }

    /// A pointer to the start of something.
    pub fn pointer(ty: RegType, extra: Extra) -> Reg {
        Reg { ty, extra, scalar: Scalar::constant(0), ..Reg::NOT_INIT }
    }

    /// Whether it holds a number.
    pub fn is_scalar(&self) -> bool {
        self.ty.base == Base::Scalar
    }

    /// Whether it holds the number 0.
    pub fn is_null(&self) -> bool {
        self.is_scalar() && self.scalar == Scalar::constant(0)
    }

    /// The map, of a register that has to do with one.
    pub fn map(&self) -> Option<MapNr> {
        match self.extra {
            Extra::Map { map, .. } => Some(map),
            _ => None,
        }
    }

    /// BTF and type of a pointer to a kernel object.
    pub fn btf(&self) -> Option<(BtfNr, TypeId)> {
        match self.extra {
            Extra::Btf { btf, id } => Some((btf, id)),
            _ => None,
        }
    }

    /// Bytes of a `PTR_TO_MEM`; 0 for anything else.
    pub fn mem_size(&self) -> u32 {
        match self.extra {
            Extra::Mem { size, .. } => size,
            _ => 0,
        }
    }

    /// The range of a packet pointer; 0 for anything else.
    pub fn range(&self) -> i32 {
        match self.extra {
            Extra::Range(range) => range,
            _ => 0,
        }
    }
}
