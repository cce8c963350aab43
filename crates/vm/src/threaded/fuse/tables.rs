//! Which pairs there are.
//!
//! They were read from what clang emits: two-address code copies a register before it computes, makes an address before
//! it loads, computes before it compares, and sets several registers in a row.

#[cfg(test)]
use skep_isa::Reg;
use skep_isa::{AluOp, JmpOp, Op, Operand, Size, Width};

use super::Any;
use crate::threaded::alu::Alu;
use crate::threaded::handler::{Handler, Next, Produce, Then, handler};
use crate::threaded::jump::{Always, Branch};
use crate::threaded::mem::{Load, Store};
use crate::threaded::operand;

/// The instructions that a few words stand for, and which way they jump.
macro_rules! pattern {
    (Alu $op:ident $width:ident $form:ident) => {
        (Op::Alu { op: AluOp::$op, width: Width::$width, src: Operand::$form(_), .. }, _)
    };
    (Branch $op:ident $width:ident $form:ident $back:literal) => {
        (Op::Branch { op: JmpOp::$op, width: Width::$width, src: Operand::$form(_), .. }, $back)
    };
    (Goto $back:literal) => {
        (Op::Jump { .. } | Op::JumpLong { .. }, $back)
    };
    (Load $size:ident) => {
        (Op::Load { size: Size::$size, signed: false, .. }, _)
    };
    (Store $size:ident) => {
        (Op::Store { size: Size::$size, value: Operand::Reg(_), .. }, _)
    };
}

/// Who executes them.
macro_rules! kind {
    (Alu $op:ident $width:ident $form:ident) => {
        Alu<{ AluOp::$op as usize }, { Width::$width as usize }, operand::$form>
    };
    (Branch $op:ident $width:ident $form:ident $back:literal) => {
        Branch<{ JmpOp::$op as usize }, { Width::$width as usize }, operand::$form, $back>
    };
    (Goto $back:literal) => { Always<$back> };
    (Load $size:ident) => { Load<{ Size::$size as usize }, false, true> };
    (Store $size:ident) => { Store<{ Size::$size as usize }, operand::Reg, true> };
}

/// One of them, with registers and numbers that mean nothing, and which way it jumps.
#[cfg(test)]
macro_rules! sample {
    (Alu $op:ident $width:ident $form:ident) => {
        (Op::Alu { op: AluOp::$op, width: Width::$width, dst: Reg::R0, src: any_operand!($form) }, false)
    };
    (Branch $op:ident $width:ident $form:ident $back:literal) => {{
        let (op, width, src) = (JmpOp::$op, Width::$width, any_operand!($form));
        (Op::Branch { op, width, dst: Reg::R0, src, off: 0 }, $back)
    }};
    (Goto $back:literal) => {
        (Op::Jump { off: 0 }, $back)
    };
    (Load $size:ident) => {
        (Op::Load { size: Size::$size, signed: false, dst: Reg::R0, base: Reg::R0, off: 0 }, false)
    };
    (Store $size:ident) => {
        (Op::Store { size: Size::$size, base: Reg::R0, off: 0, value: any_operand!(Reg) }, false)
    };
}

#[cfg(test)]
macro_rules! any_operand {
    (Reg) => {
        Operand::Reg(Reg::R0)
    };
    (Imm) => {
        Operand::Imm(0)
    };
}

/// As [`kind`], for one that stands alone.
macro_rules! alone {
    (Alu $($word:tt)*) => { Then<kind!(Alu $($word)*), Next> };
    (Load $($word:tt)*) => { Then<kind!(Load $($word)*), Next> };
    ($($word:tt)*) => { kind!($($word)*) };
}

/// Finds the handler of a pair in the table of a module that `table` made.
macro_rules! lookup {
    ($module:ident, $first:expr, $second:expr, $back:expr) => {{
        let (row, column) = ($module::row($first)?, $module::column($second, $back)?);
        Some($module::TABLE[row][column])
    }};
}

/// A module with a row for each kind of first instruction and a column for each kind of second one, which is executed by
/// what `$wrap` makes of it.
macro_rules! table {
    ($module:ident, $wrap:ident:
     first { $($row:ident: [$($row_word:tt)*],)* }
     second { $($column:ident: [$($column_word:tt)*],)* }) => {
        mod $module {
            use super::*;

            enum Row { $($row,)* }
            enum Column { $($column,)* }

            pub(super) fn row(op: &Op) -> Option<usize> {
                match (op, false) {
                    $(pattern!($($row_word)*) => Some(Row::$row as usize),)*
                    _ => None,
                }
            }

            pub(super) fn column(op: &Op, back: bool) -> Option<usize> {
                match (op, back) {
                    $(pattern!($($column_word)*) => Some(Column::$column as usize),)*
                    _ => None,
                }
            }

            const ROWS: usize = [$(Row::$row as usize),*].len();
            const COLUMNS: usize = [$(Column::$column as usize),*].len();

            const fn handlers<A: Produce>() -> [Handler; COLUMNS] {
                [$(handler::<Then<A, $wrap!($($column_word)*)>>,)*]
            }

            pub(super) static TABLE: [[Handler; COLUMNS]; ROWS] = [$(handlers::<kind!($($row_word)*)>(),)*];

            /// One pair for each place in the table, row by row, and which way it jumps.
            #[cfg(test)]
            pub(super) fn samples() -> Vec<(Op, Op, bool)> {
                let firsts = [$(sample!($($row_word)*)),*];
                let seconds = [$(sample!($($column_word)*)),*];
                let row = |(first, _)| seconds.map(|(second, back)| (first, second, back));
                firsts.into_iter().flat_map(row).collect()
            }
        }
    };
}

macro_rules! any {
    ($($word:tt)*) => { Any<alone!($($word)*)> };
}

/// The handler of a pair whose second instruction works on the first one's value.
pub(super) fn on_value(first: &Op, second: &Op, back: bool) -> Option<Handler> {
    lookup!(on_value_table, first, second, back)
}

/// The handler of any other pair.
pub(super) fn of_any(first: &Op, second: &Op, back: bool) -> Option<Handler> {
    lookup!(of_any_table, first, second, back)
}

/// One pair for each place in the two tables, and which way it jumps.
#[cfg(test)]
pub(super) fn samples() -> [Vec<(Op, Op, bool)>; 2] {
    [on_value_table::samples(), of_any_table::samples()]
}

table! { on_value_table, kind:
    first {
        Mov64: [Alu Mov W64 Reg],
        Mov32: [Alu Mov W32 Reg],
        Add64: [Alu Add W64 Reg],
        Add64Imm: [Alu Add W64 Imm],
        Add32: [Alu Add W32 Reg],
        Add32Imm: [Alu Add W32 Imm],
        Mul64: [Alu Mul W64 Reg],
        Mul32: [Alu Mul W32 Reg],
        Mul32Imm: [Alu Mul W32 Imm],
        And64Imm: [Alu And W64 Imm],
        And32Imm: [Alu And W32 Imm],
        Or64: [Alu Or W64 Reg],
        Or32: [Alu Or W32 Reg],
        Xor64: [Alu Xor W64 Reg],
        Xor32: [Alu Xor W32 Reg],
        Lsh64Imm: [Alu Lsh W64 Imm],
        Lsh32Imm: [Alu Lsh W32 Imm],
        Rsh64Imm: [Alu Rsh W64 Imm],
        Rsh32Imm: [Alu Rsh W32 Imm],
        Arsh32Imm: [Alu Arsh W32 Imm],
        LoadB: [Load B],
        LoadH: [Load H],
        LoadW: [Load W],
        LoadDw: [Load DW],
    }
    second {
        Add64: [Alu Add W64 Reg],
        Add64Imm: [Alu Add W64 Imm],
        Add32: [Alu Add W32 Reg],
        Add32Imm: [Alu Add W32 Imm],
        Sub64: [Alu Sub W64 Reg],
        Sub32: [Alu Sub W32 Reg],
        Mul64: [Alu Mul W64 Reg],
        Mul64Imm: [Alu Mul W64 Imm],
        Mul32: [Alu Mul W32 Reg],
        Mul32Imm: [Alu Mul W32 Imm],
        And64: [Alu And W64 Reg],
        And64Imm: [Alu And W64 Imm],
        And32: [Alu And W32 Reg],
        And32Imm: [Alu And W32 Imm],
        Or64: [Alu Or W64 Reg],
        Or32: [Alu Or W32 Reg],
        Or32Imm: [Alu Or W32 Imm],
        Xor64: [Alu Xor W64 Reg],
        Xor32: [Alu Xor W32 Reg],
        Lsh64Imm: [Alu Lsh W64 Imm],
        Lsh32Imm: [Alu Lsh W32 Imm],
        Rsh64Imm: [Alu Rsh W64 Imm],
        Rsh32Imm: [Alu Rsh W32 Imm],
        Arsh64Imm: [Alu Arsh W64 Imm],
        Arsh32Imm: [Alu Arsh W32 Imm],
        LoadB: [Load B],
        LoadH: [Load H],
        LoadW: [Load W],
        LoadDw: [Load DW],
        StoreB: [Store B],
        StoreW: [Store W],
        StoreDw: [Store DW],
        Eq64: [Branch Eq W64 Reg false],
        Eq64Back: [Branch Eq W64 Reg true],
        Eq64Imm: [Branch Eq W64 Imm false],
        Eq64ImmBack: [Branch Eq W64 Imm true],
        Eq32Imm: [Branch Eq W32 Imm false],
        Eq32ImmBack: [Branch Eq W32 Imm true],
        Ne64: [Branch Ne W64 Reg false],
        Ne64Back: [Branch Ne W64 Reg true],
        Ne64Imm: [Branch Ne W64 Imm false],
        Ne64ImmBack: [Branch Ne W64 Imm true],
        Ne32Imm: [Branch Ne W32 Imm false],
        Ne32ImmBack: [Branch Ne W32 Imm true],
        Gt64: [Branch Gt W64 Reg false],
        Gt64Back: [Branch Gt W64 Reg true],
        Gt64Imm: [Branch Gt W64 Imm false],
        Gt32Imm: [Branch Gt W32 Imm false],
        Ge64: [Branch Ge W64 Reg false],
        Ge64Back: [Branch Ge W64 Reg true],
        Lt64: [Branch Lt W64 Reg false],
        Lt64Back: [Branch Lt W64 Reg true],
        Lt64Imm: [Branch Lt W64 Imm false],
        Lt64ImmBack: [Branch Lt W64 Imm true],
        Lt32Imm: [Branch Lt W32 Imm false],
        Sgt32Imm: [Branch Sgt W32 Imm false],
    }
}

table! { of_any_table, any:
    first {
        Mov64: [Alu Mov W64 Reg],
        Mov64Imm: [Alu Mov W64 Imm],
        Mov32: [Alu Mov W32 Reg],
        Mov32Imm: [Alu Mov W32 Imm],
        Add64: [Alu Add W64 Reg],
        Add64Imm: [Alu Add W64 Imm],
        LoadDw: [Load DW],
        LoadW: [Load W],
        LoadB: [Load B],
    }
    second {
        Mov64: [Alu Mov W64 Reg],
        Mov64Imm: [Alu Mov W64 Imm],
        Mov32: [Alu Mov W32 Reg],
        Mov32Imm: [Alu Mov W32 Imm],
        Add64: [Alu Add W64 Reg],
        Add64Imm: [Alu Add W64 Imm],
        Xor64: [Alu Xor W64 Reg],
        LoadB: [Load B],
        LoadW: [Load W],
        LoadDw: [Load DW],
        StoreB: [Store B],
        StoreW: [Store W],
        StoreDw: [Store DW],
        Goto: [Goto false],
        GotoBack: [Goto true],
        Eq64Imm: [Branch Eq W64 Imm false],
        Ne64Imm: [Branch Ne W64 Imm false],
        Ne64ImmBack: [Branch Ne W64 Imm true],
        Lt64Back: [Branch Lt W64 Reg true],
        Ne64Back: [Branch Ne W64 Reg true],
    }
}
