//! Handlers of jumps and branches.

use std::marker::PhantomData;

use skep_isa::{JmpOp, Operand, Reg, Width};

use super::code::Code;
use super::handler::{At, Consume, Exec, handler};
use super::operand::{self, Form, Forms, each};

/// `goto` and `gotol`.
pub(super) struct Always<const BACK: bool>;

impl<const BACK: bool> Exec for Always<BACK> {
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        // SAFETY: as of the caller.
        unsafe { at.jump::<BACK>(i64::from(at.imm())) }
    }
}

/// A jump is backward if it does not get past itself.
pub(super) const fn is_back(distance: i32) -> bool {
    distance < 0
}

pub(super) fn always(distance: i32) -> Code {
    let handler = if is_back(distance) { handler::<Always<true>> } else { handler::<Always<false>> };
    Code { handler, dst: 0, src: 0, off: 0, imm: distance }
}

/// `may_goto`: leaves the loop once the frame's count is used up.
struct MayGoto<const BACK: bool>;

impl<const BACK: bool> Exec for MayGoto<BACK> {
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            let loops = (*at.machine).cpu.loops;
            if loops == 0 {
                return at.jump::<BACK>(i64::from(at.imm()));
            }
            (*at.machine).cpu.loops = loops - 1;
            at.next(1)
        }
    }
}

pub(super) fn may_goto(distance: i32) -> Code {
    let handler = if is_back(distance) { handler::<MayGoto<true>> } else { handler::<MayGoto<false>> };
    Code { handler, dst: 0, src: 0, off: 0, imm: distance }
}

/// `if dst op src goto`.
pub(super) struct Branch<const OP: usize, const WIDTH: usize, F, const BACK: bool>(PhantomData<F>);

impl<const OP: usize, const WIDTH: usize, F: Form, const BACK: bool> Exec for Branch<OP, WIDTH, F, BACK> {
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        // SAFETY: as of the caller.
        unsafe { Self::branch(at, at.dst()) }
    }
}

impl<const OP: usize, const WIDTH: usize, F: Form, const BACK: bool> Consume for Branch<OP, WIDTH, F, BACK> {
    #[inline(always)]
    unsafe fn consume(at: At, value: u64) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            at.set_dst(value);
            Self::branch(at.second(), value)
        }
    }
}

impl<const OP: usize, const WIDTH: usize, F: Form, const BACK: bool> Branch<OP, WIDTH, F, BACK> {
    /// # Safety
    /// As for [`Exec::exec`].
    #[inline(always)]
    unsafe fn branch(at: At, dst: u64) -> *const Code {
        let (op, width) = const { (JmpOp::ALL[OP], Width::ALL[WIDTH]) };
        // SAFETY: as of the caller.
        unsafe {
            if op.test(width, dst, F::operand(at)) {
                return at.jump::<BACK>(i64::from((*at.op).off));
            }
            at.next(1)
        }
    }
}

const fn forms<const OP: usize, const WIDTH: usize, const BACK: bool>() -> Forms {
    Forms {
        reg: handler::<Branch<OP, WIDTH, operand::Reg, BACK>>,
        imm: handler::<Branch<OP, WIDTH, operand::Imm, BACK>>,
    }
}

/// By width, and by whether it is backward.
type Row = [[Forms; 2]; Width::ALL.len()];

const fn row<const OP: usize>() -> Row {
    [[forms::<OP, 0, false>(), forms::<OP, 0, true>()], [forms::<OP, 1, false>(), forms::<OP, 1, true>()]]
}

/// By condition, in the order of [`JmpOp::ALL`], which is that of the enum.
static BRANCH: [Row; JmpOp::ALL.len()] = each!(row: 0 1 2 3 4 5 6 7 8 9 10);

pub(super) fn branch(op: JmpOp, width: Width, dst: Reg, src: Operand, distance: i32) -> Code {
    let Ok(off) = i16::try_from(distance) else { return Code::STOP };
    BRANCH[op as usize][width as usize][usize::from(is_back(distance))].code(dst, off, src)
}
