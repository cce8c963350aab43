//! Handlers of arithmetic, byte order and constants.

use skep_isa::{AluOp, End, Operand, Reg, Width};

use super::code::Code;
use super::handler::{At, Consume, Exec, Handler, Next, Produce, Then, handler};

/// `dst = dst op src`.
pub(super) struct Alu<const OP: usize, const WIDE: bool, const IMM: bool>;

impl<const OP: usize, const WIDE: bool, const IMM: bool> Alu<OP, WIDE, IMM> {
    /// # Safety
    /// As for [`Exec::exec`].
    #[inline(always)]
    unsafe fn eval(at: At, dst: u64) -> u64 {
        let op = const { AluOp::ALL[OP] };
        let width = const { if WIDE { Width::W64 } else { Width::W32 } };
        // SAFETY: as of the caller.
        let src = unsafe { if IMM { i64::from(at.imm()) as u64 } else { at.src() } };
        op.eval(width, dst, src)
    }
}

impl<const OP: usize, const WIDE: bool, const IMM: bool> Produce for Alu<OP, WIDE, IMM> {
    #[inline(always)]
    unsafe fn produce(at: At) -> Option<u64> {
        // SAFETY: as of the caller.
        unsafe {
            let dst = if const { AluOp::ALL[OP].reads_dst() } { at.dst() } else { 0 };
            Some(Self::eval(at, dst))
        }
    }
}

impl<const OP: usize, const WIDE: bool, const IMM: bool> Consume for Alu<OP, WIDE, IMM> {
    #[inline(always)]
    unsafe fn consume(at: At, value: u64) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            at.set_dst(Self::eval(at.second(), value));
            at.next(2)
        }
    }
}

type Row = [Handler; 4];

const fn row<const OP: usize>() -> Row {
    [
        handler::<Then<Alu<OP, false, false>, Next>>,
        handler::<Then<Alu<OP, false, true>, Next>>,
        handler::<Then<Alu<OP, true, false>, Next>>,
        handler::<Then<Alu<OP, true, true>, Next>>,
    ]
}

/// By operation, in the order of [`AluOp::ALL`], which is that of the enum.
static ALU: [Row; AluOp::ALL.len()] = [
    row::<0>(),
    row::<1>(),
    row::<2>(),
    row::<3>(),
    row::<4>(),
    row::<5>(),
    row::<6>(),
    row::<7>(),
    row::<8>(),
    row::<9>(),
    row::<10>(),
    row::<11>(),
    row::<12>(),
    row::<13>(),
    row::<14>(),
    row::<15>(),
    row::<16>(),
    row::<17>(),
];

pub(super) fn binary(op: AluOp, width: Width, dst: Reg, src: Operand) -> Code {
    let wide = usize::from(width == Width::W64);
    let (kind, src, imm) = match src {
        Operand::Reg(reg) => (0, reg.number(), 0),
        Operand::Imm(imm) => (1, 0, imm),
    };
    Code { handler: ALU[op as usize][2 * wide + kind], dst: dst.number(), src, off: 0, imm }
}

/// Byte order conversion of `dst`.
struct Convert<const KIND: usize, const BITS: u8>;

impl<const KIND: usize, const BITS: u8> Exec for Convert<KIND, BITS> {
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            at.set_dst(const { End::ALL[KIND] }.eval(BITS, at.dst()));
            at.next(1)
        }
    }
}

const fn conversions<const KIND: usize>() -> [Handler; 3] {
    [handler::<Convert<KIND, 16>>, handler::<Convert<KIND, 32>>, handler::<Convert<KIND, 64>>]
}

/// By conversion and by [`End::BITS`].
static END: [[Handler; End::BITS.len()]; End::ALL.len()] =
    [conversions::<0>(), conversions::<1>(), conversions::<2>()];

pub(super) fn end(kind: End, bits: u8, dst: Reg) -> Code {
    let Some(column) = End::BITS.iter().position(|b| *b == bits) else { return Code::STOP };
    Code { handler: END[kind as usize][column], dst: dst.number(), src: 0, off: 0, imm: 0 }
}

/// `dst = value ll`: the register is in the handler, since the value takes all room.
struct Wide<const DST: u8>;

impl<const DST: u8> Exec for Wide<DST> {
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            at.set(DST, at.wide());
            at.next(1)
        }
    }
}

/// By register. Nothing writes r10.
static WIDE: [Handler; Reg::FP as usize] = [
    handler::<Wide<0>>,
    handler::<Wide<1>>,
    handler::<Wide<2>>,
    handler::<Wide<3>>,
    handler::<Wide<4>>,
    handler::<Wide<5>>,
    handler::<Wide<6>>,
    handler::<Wide<7>>,
    handler::<Wide<8>>,
    handler::<Wide<9>>,
];

pub(super) fn wide(dst: Reg, value: u64) -> Code {
    WIDE.get(dst.index()).map_or(Code::STOP, |handler| Code::wide(*handler, value))
}
