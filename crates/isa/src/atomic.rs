//! Atomic memory operations: one row each.

use crate::words::{IsaVersion, Reg, Size};

/// Which register an atomic operation writes the old value of the memory to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Old {
    Dropped,
    ToOperand,
    ToR0,
}

/// How an atomic operation is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Syntax {
    /// `lock *(u64 *)(r1 + 0x0) += r2`, with this operator.
    Lock(&'static str),
    /// `r2 = atomic_NAME((u64 *)(r1 + 0x0), r2)`, by the kernel `atomic64_NAME` at 8 bytes.
    Fetch(&'static str),
    /// `r2 = NAME(r1 + 0x0, r2)`, with these names at 8 and at 4 bytes; by the kernel as `Fetch`, with the first name.
    Exchange(&'static str, &'static str, &'static str),
    /// `r2 = NAME((u64 *)(r1 + 0x0))`.
    Load(&'static str),
    /// `NAME((u64 *)(r1 + 0x0), r2)`.
    Store(&'static str),
}

/// How one operation is encoded and written.
pub(crate) struct AtomicRow {
    /// The `imm` field (RFC 9669 section 5.3; load-acquire and store-release: include/uapi/linux/bpf.h).
    pub(crate) imm: i32,
    pub(crate) old: Old,
    /// The smallest size it exists at.
    pub(crate) min_size: Size,
    pub(crate) syntax: Syntax,
    pub(crate) isa: IsaVersion,
}

macro_rules! atomic_ops {
    ($(
        $(#[$doc:meta])*
        $name:ident $imm:literal $old:ident $min:ident $isa:ident $syntax:expr,
        ($m:ident, $s:ident, $r0:ident) $new:expr;
    )*) => {
        /// An atomic operation on memory (RFC 9669 section 5.3, and the two that Linux 6.15 added).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum AtomicOp { $( $(#[$doc])* $name, )* }

        impl AtomicOp {
            /// All operations, in table order.
            pub const ALL: &'static [AtomicOp] = &[$( AtomicOp::$name, )*];

            pub(crate) const fn row(self) -> &'static AtomicRow {
                match self { $( AtomicOp::$name => &AtomicRow {
                    imm: $imm, old: Old::$old, min_size: Size::$min, isa: IsaVersion::$isa, syntax: $syntax,
                }, )* }
            }

            /// The new value of the memory, from its old value, the operand register and R0, at 64 bits.
            pub const fn eval64(self, old: u64, src: u64, r0: u64) -> u64 {
                match self { $( AtomicOp::$name => { let ($m, $s, $r0) = (old, src, r0); $new } )* }
            }

            /// The new value of the memory at 32 bits: only the low halves of `src` and R0 count.
            pub const fn eval32(self, old: u32, src: u32, r0: u32) -> u32 {
                match self { $( AtomicOp::$name => { let ($m, $s, $r0) = (old, src, r0); $new } )* }
            }
        }
    };
}

use Syntax::*;

atomic_ops! {
    // name      imm   old value from isa syntax, meaning
    /// Add.
    Add          0x00  Dropped   W    V1 Lock("+="), (m, s, _r0) m.wrapping_add(s);
    /// Or.
    Or           0x40  Dropped   W    V3 Lock("|="), (m, s, _r0) m | s;
    /// And.
    And          0x50  Dropped   W    V3 Lock("&="), (m, s, _r0) m & s;
    /// Exclusive or.
    Xor          0xa0  Dropped   W    V3 Lock("^="), (m, s, _r0) m ^ s;
    /// Add; the operand register gets the old value.
    FetchAdd     0x01  ToOperand W    V3 Fetch("fetch_add"), (m, s, _r0) m.wrapping_add(s);
    /// Or; the operand register gets the old value.
    FetchOr      0x41  ToOperand W    V3 Fetch("fetch_or"), (m, s, _r0) m | s;
    /// And; the operand register gets the old value.
    FetchAnd     0x51  ToOperand W    V3 Fetch("fetch_and"), (m, s, _r0) m & s;
    /// Exclusive or; the operand register gets the old value.
    FetchXor     0xa1  ToOperand W    V3 Fetch("fetch_xor"), (m, s, _r0) m ^ s;
    /// Exchange; the operand register gets the old value.
    Xchg         0xe1  ToOperand W    V3 Exchange("xchg", "xchg_64", "xchg32_32"), (_m, s, _r0) s;
    /// Store the operand if the memory equals R0; R0 gets the old value either way.
    CmpXchg      0xf1  ToR0      W    V3 Exchange("cmpxchg", "cmpxchg_64", "cmpxchg32_32"),
        (m, s, r0) if m == r0 { s } else { m };
    /// Load with acquire order into the operand register, zero-extended.
    LoadAcquire  0x100 ToOperand B    V4 Load("load_acquire"), (m, _s, _r0) m;
    /// Store the operand register with release order.
    StoreRelease 0x110 Dropped   B    V4 Store("store_release"), (_m, s, _r0) s;
}

impl AtomicOp {
    /// The new value of the memory, zero-extended to 64 bits.
    pub const fn eval(self, size: Size, old: u64, src: u64, r0: u64) -> u64 {
        match size {
            Size::DW => self.eval64(old, src, r0),
            Size::W => self.eval32(old as u32, src as u32, r0 as u32) as u64,
            // Only load-acquire and store-release come in these sizes: they move bytes and compute nothing.
            Size::B | Size::H => size.truncate(self.eval64(size.truncate(old), src, r0)),
        }
    }

    /// The register that gets the old value of the memory (zero-extended), given the operand register.
    pub const fn result(self, operand: Reg) -> Option<Reg> {
        match self.row().old {
            Old::Dropped => None,
            Old::ToOperand => Some(operand),
            Old::ToR0 => Some(Reg::R0),
        }
    }

    /// Whether a register gets the old value of the memory.
    pub const fn fetches(self) -> bool {
        !matches!(self.row().old, Old::Dropped)
    }

    /// Whether the old value of the memory counts: false for store-release alone.
    pub const fn loads(self) -> bool {
        !matches!(self.row().syntax, Store(_))
    }

    /// Whether the memory is written: false for load-acquire alone.
    pub const fn stores(self) -> bool {
        !matches!(self.row().syntax, Load(_))
    }

    /// Whether the operand register is read: false for load-acquire alone.
    pub const fn reads_operand(self) -> bool {
        !matches!(self.row().syntax, Load(_))
    }

    /// Whether it exists at this size: all do at W and DW, load-acquire and store-release also at B and H.
    pub fn supports(self, size: Size) -> bool {
        size >= self.row().min_size
    }

    /// Whether the address is in the source register and the operand in the destination, as in a load; elsewhere it is
    /// the other way round (kernel/bpf/verifier.c, check_atomic_load).
    pub(crate) const fn base_is_src(self) -> bool {
        matches!(self.row().syntax, Load(_))
    }

    pub(crate) fn of(imm: i32) -> Option<AtomicOp> {
        AtomicOp::ALL.iter().copied().find(|op| op.row().imm == imm)
    }
}
