//! Arithmetic: one row per operation.

use crate::words::{IsaVersion, Width};

/// What an operation takes beside its destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AluForm {
    /// A register or an immediate.
    Binary,
    /// A register only.
    RegOnly,
    /// Nothing.
    Unary,
}

/// How one operation is encoded and written.
pub(crate) struct AluRow {
    /// High nibble of the opcode.
    pub(crate) code: u8,
    /// The `off` field, which tells signed division from unsigned and `movsx` from `mov`.
    pub(crate) off: i16,
    pub(crate) form: AluForm,
    /// Smallest width it exists at: `movsx32` has no 32-bit form.
    pub(crate) min_width: Width,
    pub(crate) symbol: &'static str,
    /// What stands before the source: the cast of a `movsx`.
    pub(crate) cast: &'static str,
    pub(crate) isa: IsaVersion,
}

macro_rules! alu_ops {
    ($(
        $(#[$doc:meta])*
        $name:ident $code:literal $off:literal $form:ident $min:ident $symbol:literal $cast:literal $isa:ident
        ($d:ident, $s:ident) 64: $e64:expr, 32: $e32:expr;
    )*) => {
        /// An arithmetic operation, `dst = dst op src` (RFC 9669 section 4.1).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum AluOp { $( $(#[$doc])* $name, )* }

        impl AluOp {
            /// All operations, in table order.
            pub const ALL: &'static [AluOp] = &[$( AluOp::$name, )*];

            pub(crate) const fn row(self) -> &'static AluRow {
                match self { $( AluOp::$name => &AluRow {
                    code: $code, off: $off, form: AluForm::$form, min_width: Width::$min,
                    symbol: $symbol, cast: $cast, isa: IsaVersion::$isa,
                }, )* }
            }

            /// The result on 64-bit operands.
            pub const fn eval64(self, dst: u64, src: u64) -> u64 {
                match self { $( AluOp::$name => { let ($d, $s) = (dst, src); $e64 } )* }
            }

            /// The result on 32-bit operands, before it is zero-extended into the register.
            pub const fn eval32(self, dst: u32, src: u32) -> u32 {
                match self { $( AluOp::$name => { let ($d, $s) = (dst, src); $e32 } )* }
            }
        }
    };
}

// Division by zero, overflow of signed division and shift amounts: RFC 9669 section 4.1.
alu_ops! {
    // name  code off  takes   from  sym   cast     isa
    /// Wrapping addition.
    Add     0x00 0  Binary  W32 "+="   ""      V1 (d, s) 64: d.wrapping_add(s), 32: d.wrapping_add(s);
    /// Wrapping subtraction.
    Sub     0x10 0  Binary  W32 "-="   ""      V1 (d, s) 64: d.wrapping_sub(s), 32: d.wrapping_sub(s);
    /// Wrapping multiplication.
    Mul     0x20 0  Binary  W32 "*="   ""      V1 (d, s) 64: d.wrapping_mul(s), 32: d.wrapping_mul(s);
    /// Unsigned division; by zero it gives 0.
    Div     0x30 0  Binary  W32 "/="   ""      V1 (d, s) 64: or64(d.checked_div(s), 0), 32: or32(d.checked_div(s), 0);
    /// Signed division, rounding towards zero; by zero it gives 0, the smallest number by -1 gives itself.
    SDiv    0x30 1  Binary  W32 "s/="  ""      V4 (d, s) 64: sdiv64(d, s), 32: sdiv32(d, s);
    /// Unsigned remainder; by zero it leaves `dst` (whose upper half a 32-bit operation clears all the same).
    Mod     0x90 0  Binary  W32 "%="   ""      V1 (d, s) 64: or64(d.checked_rem(s), d), 32: or32(d.checked_rem(s), d);
    /// Signed remainder with the sign of the dividend; by zero it leaves `dst`, the smallest number by -1 gives 0.
    SMod    0x90 1  Binary  W32 "s%="  ""      V4 (d, s) 64: smod64(d, s), 32: smod32(d, s);
    /// Bitwise or.
    Or      0x40 0  Binary  W32 "|="   ""      V1 (d, s) 64: d | s, 32: d | s;
    /// Bitwise and.
    And     0x50 0  Binary  W32 "&="   ""      V1 (d, s) 64: d & s, 32: d & s;
    /// Bitwise exclusive or.
    Xor     0xa0 0  Binary  W32 "^="   ""      V1 (d, s) 64: d ^ s, 32: d ^ s;
    /// Left shift; only the low 6 (5) bits of the amount count.
    Lsh     0x60 0  Binary  W32 "<<="  ""      V1 (d, s) 64: d.wrapping_shl(s as u32), 32: d.wrapping_shl(s);
    /// Logical right shift; only the low 6 (5) bits of the amount count.
    Rsh     0x70 0  Binary  W32 ">>="  ""      V1 (d, s) 64: d.wrapping_shr(s as u32), 32: d.wrapping_shr(s);
    /// Arithmetic right shift; only the low 6 (5) bits of the amount count.
    Arsh    0xc0 0  Binary  W32 "s>>=" ""      V1 (d, s) 64: (d as i64).wrapping_shr(s as u32) as u64, 32: (d as i32).wrapping_shr(s) as u32;
    /// Two's complement negation of `dst`; the source is ignored.
    Neg     0x80 0  Unary   W32 "= -"  ""      V1 (d, _s) 64: d.wrapping_neg(), 32: d.wrapping_neg();
    /// Copy.
    Mov     0xb0 0  Binary  W32 "="    ""      V1 (_d, s) 64: s, 32: s;
    /// Copy of the low 8 bits, sign-extended to the width.
    MovSx8  0xb0 8  RegOnly W32 "="    "(s8)"  V4 (_d, s) 64: s as i8 as u64, 32: s as i8 as u32;
    /// Copy of the low 16 bits, sign-extended to the width.
    MovSx16 0xb0 16 RegOnly W32 "="    "(s16)" V4 (_d, s) 64: s as i16 as u64, 32: s as i16 as u32;
    /// Copy of the low 32 bits, sign-extended to 64. At 32 bits it would be `Mov`, and has no encoding.
    MovSx32 0xb0 32 RegOnly W64 "="    "(s32)" V4 (_d, s) 64: s as i32 as u64, 32: s;
}

impl AluOp {
    /// The new value of `dst`. The upper halves of 32-bit operands are ignored and that of the result is zero.
    pub const fn eval(self, width: Width, dst: u64, src: u64) -> u64 {
        match width {
            Width::W64 => self.eval64(dst, src),
            Width::W32 => self.eval32(dst as u32, src as u32) as u64,
        }
    }

    /// What it takes beside its destination.
    pub const fn form(self) -> AluForm {
        self.row().form
    }

    /// Whether the old value of `dst` counts: false for the moves.
    pub const fn reads_dst(self) -> bool {
        !matches!(self, AluOp::Mov | AluOp::MovSx8 | AluOp::MovSx16 | AluOp::MovSx32)
    }

    /// Its operator in text: `"+="`, `"s>>="`, ...
    pub const fn symbol(self) -> &'static str {
        self.row().symbol
    }

    /// Whether any operation with two operands has the high nibble of this opcode.
    pub(crate) fn is_binary(code: u8) -> bool {
        AluOp::ALL.iter().any(|op| op.row().code == code & 0xf0 && op.form() != AluForm::Unary)
    }

    /// The operation that the opcode's high nibble and the `off` field name together.
    pub(crate) fn of(code: u8, off: i16) -> Option<AluOp> {
        AluOp::ALL.iter().copied().find(|op| op.row().code == code & 0xf0 && op.row().off == off)
    }
}

// `Option::unwrap_or`, which is not const.
const fn or64(value: Option<u64>, none: u64) -> u64 {
    if let Some(value) = value { value } else { none }
}

const fn or32(value: Option<u32>, none: u32) -> u32 {
    if let Some(value) = value { value } else { none }
}

const fn sdiv64(d: u64, s: u64) -> u64 {
    if s == 0 { 0 } else { (d as i64).wrapping_div(s as i64) as u64 }
}

const fn sdiv32(d: u32, s: u32) -> u32 {
    if s == 0 { 0 } else { (d as i32).wrapping_div(s as i32) as u32 }
}

const fn smod64(d: u64, s: u64) -> u64 {
    if s == 0 { d } else { (d as i64).wrapping_rem(s as i64) as u64 }
}

const fn smod32(d: u32, s: u32) -> u32 {
    if s == 0 { d } else { (d as i32).wrapping_rem(s as i32) as u32 }
}
