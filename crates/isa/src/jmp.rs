//! Conditions of branches: one row per comparison.

use crate::words::{IsaVersion, Width};

/// How one comparison is encoded and written.
pub(crate) struct JmpRow {
    /// High nibble of the opcode.
    pub(crate) code: u8,
    pub(crate) symbol: &'static str,
    pub(crate) isa: IsaVersion,
}

macro_rules! jmp_ops {
    ($(
        $(#[$doc:meta])*
        $name:ident $code:literal $symbol:literal $isa:ident not $not:expr, ($d:ident, $s:ident)
        64: $e64:expr, 32: $e32:expr;
    )*) => {
        /// The condition of a branch, between `dst` and `src` (RFC 9669 section 4.3).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum JmpOp { $( $(#[$doc])* $name, )* }

        impl JmpOp {
            /// All conditions, in table order.
            pub const ALL: &'static [JmpOp] = &[$( JmpOp::$name, )*];

            pub(crate) const fn row(self) -> &'static JmpRow {
                match self { $( JmpOp::$name => &JmpRow {
                    code: $code, symbol: $symbol, isa: IsaVersion::$isa,
                }, )* }
            }

            /// Whether the branch is taken on 64-bit operands.
            pub const fn test64(self, dst: u64, src: u64) -> bool {
                match self { $( JmpOp::$name => { let ($d, $s) = (dst, src); $e64 } )* }
            }

            /// Whether the branch is taken on 32-bit operands.
            pub const fn test32(self, dst: u32, src: u32) -> bool {
                match self { $( JmpOp::$name => { let ($d, $s) = (dst, src); $e32 } )* }
            }

            /// The condition that holds exactly when this one does not; `Set` has none.
            pub const fn negated(self) -> Option<JmpOp> {
                match self { $( JmpOp::$name => $not, )* }
            }
        }
    };
}

use JmpOp::*;

jmp_ops! {
    /// Equal.
    Eq  0x10 "=="  V1 not Some(Ne),  (d, s) 64: d == s, 32: d == s;
    /// Not equal.
    Ne  0x50 "!="  V1 not Some(Eq),  (d, s) 64: d != s, 32: d != s;
    /// Greater, unsigned.
    Gt  0x20 ">"   V1 not Some(Le),  (d, s) 64: d > s, 32: d > s;
    /// Greater or equal, unsigned.
    Ge  0x30 ">="  V1 not Some(Lt),  (d, s) 64: d >= s, 32: d >= s;
    /// Less, unsigned.
    Lt  0xa0 "<"   V2 not Some(Ge),  (d, s) 64: d < s, 32: d < s;
    /// Less or equal, unsigned.
    Le  0xb0 "<="  V2 not Some(Gt),  (d, s) 64: d <= s, 32: d <= s;
    /// Greater, signed.
    Sgt 0x60 "s>"  V1 not Some(Sle), (d, s) 64: d as i64 > s as i64, 32: d as i32 > s as i32;
    /// Greater or equal, signed.
    Sge 0x70 "s>=" V1 not Some(Slt), (d, s) 64: d as i64 >= s as i64, 32: d as i32 >= s as i32;
    /// Less, signed.
    Slt 0xc0 "s<"  V2 not Some(Sge), (d, s) 64: (d as i64) < s as i64, 32: (d as i32) < s as i32;
    /// Less or equal, signed.
    Sle 0xd0 "s<=" V2 not Some(Sgt), (d, s) 64: d as i64 <= s as i64, 32: d as i32 <= s as i32;
    /// Any common bit.
    Set 0x40 "&"   V1 not None,      (d, s) 64: d & s != 0, 32: d & s != 0;
}

impl JmpOp {
    /// Whether the branch is taken; at [`Width::W32`] the upper halves are ignored.
    pub const fn test(self, width: Width, dst: u64, src: u64) -> bool {
        match width {
            Width::W64 => self.test64(dst, src),
            Width::W32 => self.test32(dst as u32, src as u32),
        }
    }

    /// Its operator in text: `"=="`, `"s<="`, ...
    pub const fn symbol(self) -> &'static str {
        self.row().symbol
    }

    /// The condition that the opcode's high nibble names.
    pub(crate) fn of(code: u8) -> Option<JmpOp> {
        JmpOp::ALL.iter().copied().find(|op| op.row().code == code & 0xf0)
    }
}
