//! Handlers of arithmetic, byte order and constants.

use std::marker::PhantomData;

use skep_isa::{AluOp, End, Operand, Reg, Width};

use super::code::Code;
use super::handler::{At, Consume, Exec, Handler, Next, Produce, Then, handler};
use super::operand::{self, Form, Forms, each};

/// `dst = dst op src`.
pub(super) struct Alu<const OP: usize, const WIDTH: usize, F>(PhantomData<F>);

impl<const OP: usize, const WIDTH: usize, F: Form> Alu<OP, WIDTH, F> {
    /// # Safety
    /// As for [`Exec::exec`].
    #[inline(always)]
    unsafe fn eval(at: At, dst: u64) -> u64 {
        let (op, width) = const { (AluOp::ALL[OP], Width::ALL[WIDTH]) };
        // SAFETY: as of the caller.
        op.eval(width, dst, unsafe { F::operand(at) })
    }
}

impl<const OP: usize, const WIDTH: usize, F: Form> Produce for Alu<OP, WIDTH, F> {
    #[inline(always)]
    unsafe fn produce(at: At) -> Option<u64> {
        // SAFETY: as of the caller.
        unsafe {
            let dst = if const { AluOp::ALL[OP].reads_dst() } { at.dst() } else { 0 };
            Some(Self::eval(at, dst))
        }
    }
}

impl<const OP: usize, const WIDTH: usize, F: Form> Consume for Alu<OP, WIDTH, F> {
    #[inline(always)]
    unsafe fn consume(at: At, value: u64) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            at.set_dst(Self::eval(at.second(), value));
            at.next(2)
        }
    }
}

const fn forms<const OP: usize, const WIDTH: usize>() -> Forms {
    Forms {
        reg: handler::<Then<Alu<OP, WIDTH, operand::Reg>, Next>>,
        imm: handler::<Then<Alu<OP, WIDTH, operand::Imm>, Next>>,
    }
}

const fn widths<const OP: usize>() -> [Forms; Width::ALL.len()] {
    [forms::<OP, 0>(), forms::<OP, 1>()]
}

/// By operation, in the order of [`AluOp::ALL`], which is that of the enum, and by width.
static ALU: [[Forms; Width::ALL.len()]; AluOp::ALL.len()] =
    each!(widths: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17);

pub(super) fn binary(op: AluOp, width: Width, dst: Reg, src: Operand) -> Code {
    ALU[op as usize][width as usize].code(dst, 0, src)
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
static END: [[Handler; End::BITS.len()]; End::ALL.len()] = each!(conversions: 0 1 2);

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

const fn wide_into<const DST: u8>() -> Handler {
    handler::<Wide<DST>>
}

/// By register. Nothing writes r10.
static WIDE: [Handler; Reg::FP as usize] = each!(wide_into: 0 1 2 3 4 5 6 7 8 9);

pub(super) fn wide(dst: Reg, value: u64) -> Code {
    WIDE.get(dst.index()).map_or(Code::STOP, |handler| Code::wide(*handler, value))
}
