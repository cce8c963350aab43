//! Pairs of instructions that run as one, where the second works on what the first computed.
//!
//! The first instruction's handler does both and goes on behind the second, whose own handler stays in its place for
//! those who jump there. So positions, and with them the count of instructions, are as if nothing had been fused; what
//! is saved is one jump from handler to handler, and the way of the value through memory and back.
//!
//! Which pairs there are was read from what clang emits: two-address code copies a register before it computes, makes
//! an address before it loads, and computes before it compares.

use skep_isa::{AluOp, JmpOp, Op, Operand, Reg, Size, Width};

use super::alu::Alu;
use super::handler::{Consume, Handler, Produce, Then, handler};
use super::jump::{Branch, is_back};
use super::mem::Load;

/// The handler of an instruction and its successor as one, if there is one. `distance` is how far the second jumps.
pub(super) fn fused(first: &Op, second: &Op, distance: i32) -> Option<Handler> {
    let row = producer(first)?;
    let column = consumer(second, distance).filter(|_| i16::try_from(distance).is_ok())?;
    (written(first)? == worked_on(second)?).then(|| FUSED[row][column])
}

/// The register that gets the first one's value.
fn written(op: &Op) -> Option<Reg> {
    match *op {
        Op::Alu { dst, .. } | Op::Load { dst, .. } => Some(dst),
        _ => None,
    }
}

/// The register that the second one works on, if the value of that register is all it takes from it.
fn worked_on(op: &Op) -> Option<Reg> {
    match *op {
        Op::Alu { dst, src, .. } => (src != Operand::Reg(dst)).then_some(dst),
        Op::Branch { dst, .. } => Some(dst),
        Op::Load { base, .. } => Some(base),
        _ => None,
    }
}

macro_rules! pattern {
    (Alu $op:ident W64 Reg) => {
        Op::Alu { op: AluOp::$op, width: Width::W64, src: Operand::Reg(_), .. }
    };
    (Alu $op:ident W64 Imm) => {
        Op::Alu { op: AluOp::$op, width: Width::W64, src: Operand::Imm(_), .. }
    };
    (Alu $op:ident W32 Reg) => {
        Op::Alu { op: AluOp::$op, width: Width::W32, src: Operand::Reg(_), .. }
    };
    (Alu $op:ident W32 Imm) => {
        Op::Alu { op: AluOp::$op, width: Width::W32, src: Operand::Imm(_), .. }
    };
    (Branch $op:ident W64 Reg) => {
        Op::Branch { op: JmpOp::$op, width: Width::W64, src: Operand::Reg(_), .. }
    };
    (Branch $op:ident W64 Imm) => {
        Op::Branch { op: JmpOp::$op, width: Width::W64, src: Operand::Imm(_), .. }
    };
    (Branch $op:ident W32 Reg) => {
        Op::Branch { op: JmpOp::$op, width: Width::W32, src: Operand::Reg(_), .. }
    };
    (Branch $op:ident W32 Imm) => {
        Op::Branch { op: JmpOp::$op, width: Width::W32, src: Operand::Imm(_), .. }
    };
    (Load $size:ident) => {
        Op::Load { size: Size::$size, signed: false, .. }
    };
}

macro_rules! kind {
    (Alu $op:ident W64 Reg) => { Alu<{ AluOp::$op as usize }, true, false> };
    (Alu $op:ident W64 Imm) => { Alu<{ AluOp::$op as usize }, true, true> };
    (Alu $op:ident W32 Reg) => { Alu<{ AluOp::$op as usize }, false, false> };
    (Alu $op:ident W32 Imm) => { Alu<{ AluOp::$op as usize }, false, true> };
    (Branch $op:ident W64 Reg $back:literal) => { Branch<{ JmpOp::$op as usize }, true, false, $back> };
    (Branch $op:ident W64 Imm $back:literal) => { Branch<{ JmpOp::$op as usize }, true, true, $back> };
    (Branch $op:ident W32 Reg $back:literal) => { Branch<{ JmpOp::$op as usize }, false, false, $back> };
    (Branch $op:ident W32 Imm $back:literal) => { Branch<{ JmpOp::$op as usize }, false, true, $back> };
    (Load $size:ident) => { Load<{ Size::$size as usize }, false, true> };
}

/// Names the rows: `producer` finds an instruction's, `FUSED` holds their handlers.
macro_rules! producers {
    ($($name:ident: $kind:ident $($word:ident)*;)*) => {
        enum Row { $($name,)* }

        fn producer(op: &Op) -> Option<usize> {
            match op {
                $(pattern!($kind $($word)*) => Some(Row::$name as usize),)*
                _ => None,
            }
        }

        static FUSED: [[Handler; COLUMNS]; [$(Row::$name as usize),*].len()] = [$(row::<kind!($kind $($word)*)>(),)*];
    };
}

/// Names the columns: first what does not jump, then what does, each forward and backward.
macro_rules! consumers {
    (straight { $($name:ident: $kind:ident $($word:ident)*;)* } jumps { $($jump:ident: Branch $($part:ident)*;)* }) => {
        enum Column { $($name,)* }
        enum Jump { $($jump,)* }

        const STRAIGHT: usize = [$(Column::$name as usize),*].len();
        const COLUMNS: usize = STRAIGHT + 2 * [$(Jump::$jump as usize),*].len();

        fn consumer(op: &Op, distance: i32) -> Option<usize> {
            let jump = match op {
                $(pattern!($kind $($word)*) => return Some(Column::$name as usize),)*
                $(pattern!(Branch $($part)*) => Jump::$jump,)*
                _ => return None,
            };
            Some(STRAIGHT + 2 * jump as usize + usize::from(is_back(distance)))
        }

        const fn row<A: Produce>() -> [Handler; COLUMNS] {
            [
                $(pair::<A, kind!($kind $($word)*)>(),)*
                $(pair::<A, kind!(Branch $($part)* false)>(), pair::<A, kind!(Branch $($part)* true)>(),)*
            ]
        }
    };
}

const fn pair<A: Produce, B: Consume>() -> Handler {
    handler::<Then<A, B>>
}

producers! {
    Mov64: Alu Mov W64 Reg;
    Mov32: Alu Mov W32 Reg;
    Add64: Alu Add W64 Reg;
    Add64Imm: Alu Add W64 Imm;
    Add32: Alu Add W32 Reg;
    Add32Imm: Alu Add W32 Imm;
    Mul64: Alu Mul W64 Reg;
    Mul32: Alu Mul W32 Reg;
    Mul32Imm: Alu Mul W32 Imm;
    And64Imm: Alu And W64 Imm;
    And32Imm: Alu And W32 Imm;
    Or64: Alu Or W64 Reg;
    Or32: Alu Or W32 Reg;
    Xor64: Alu Xor W64 Reg;
    Xor32: Alu Xor W32 Reg;
    Lsh64Imm: Alu Lsh W64 Imm;
    Lsh32Imm: Alu Lsh W32 Imm;
    Rsh64Imm: Alu Rsh W64 Imm;
    Rsh32Imm: Alu Rsh W32 Imm;
    Arsh32Imm: Alu Arsh W32 Imm;
    LoadB: Load B;
    LoadH: Load H;
    LoadW: Load W;
    LoadDw: Load DW;
}

consumers! {
    straight {
        Add64: Alu Add W64 Reg;
        Add64Imm: Alu Add W64 Imm;
        Add32: Alu Add W32 Reg;
        Add32Imm: Alu Add W32 Imm;
        Sub64: Alu Sub W64 Reg;
        Sub32: Alu Sub W32 Reg;
        Mul64: Alu Mul W64 Reg;
        Mul64Imm: Alu Mul W64 Imm;
        Mul32: Alu Mul W32 Reg;
        Mul32Imm: Alu Mul W32 Imm;
        And64: Alu And W64 Reg;
        And64Imm: Alu And W64 Imm;
        And32: Alu And W32 Reg;
        And32Imm: Alu And W32 Imm;
        Or64: Alu Or W64 Reg;
        Or32: Alu Or W32 Reg;
        Or32Imm: Alu Or W32 Imm;
        Xor64: Alu Xor W64 Reg;
        Xor32: Alu Xor W32 Reg;
        Lsh64Imm: Alu Lsh W64 Imm;
        Lsh32Imm: Alu Lsh W32 Imm;
        Rsh64Imm: Alu Rsh W64 Imm;
        Rsh32Imm: Alu Rsh W32 Imm;
        Arsh64Imm: Alu Arsh W64 Imm;
        Arsh32Imm: Alu Arsh W32 Imm;
        LoadB: Load B;
        LoadH: Load H;
        LoadW: Load W;
        LoadDw: Load DW;
    }
    jumps {
        Eq64: Branch Eq W64 Reg;
        Eq64Imm: Branch Eq W64 Imm;
        Eq32Imm: Branch Eq W32 Imm;
        Ne64: Branch Ne W64 Reg;
        Ne64Imm: Branch Ne W64 Imm;
        Ne32Imm: Branch Ne W32 Imm;
        Gt64: Branch Gt W64 Reg;
        Gt64Imm: Branch Gt W64 Imm;
        Gt32Imm: Branch Gt W32 Imm;
        Lt64: Branch Lt W64 Reg;
        Lt64Imm: Branch Lt W64 Imm;
        Lt32Imm: Branch Lt W32 Imm;
    }
}
