//! Handlers of jumps and branches.

use skep_isa::{JmpOp, Operand, Reg, Width};

use super::code::Code;
use super::handler::{At, Consume, Exec, Handler, handler};

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
pub(super) struct Branch<const OP: usize, const WIDE: bool, const IMM: bool, const BACK: bool>;

impl<const OP: usize, const WIDE: bool, const IMM: bool, const BACK: bool> Exec
    for Branch<OP, WIDE, IMM, BACK>
{
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        // SAFETY: as of the caller.
        unsafe { Self::branch(at, at.dst()) }
    }
}

impl<const OP: usize, const WIDE: bool, const IMM: bool, const BACK: bool> Consume
    for Branch<OP, WIDE, IMM, BACK>
{
    #[inline(always)]
    unsafe fn consume(at: At, value: u64) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            at.set_dst(value);
            Self::branch(at.second(), value)
        }
    }
}

impl<const OP: usize, const WIDE: bool, const IMM: bool, const BACK: bool> Branch<OP, WIDE, IMM, BACK> {
    /// # Safety
    /// As for [`Exec::exec`].
    #[inline(always)]
    unsafe fn branch(at: At, dst: u64) -> *const Code {
        let op = const { JmpOp::ALL[OP] };
        let width = const { if WIDE { Width::W64 } else { Width::W32 } };
        // SAFETY: as of the caller.
        unsafe {
            let src = if IMM { i64::from(at.imm()) as u64 } else { at.src() };
            if op.test(width, dst, src) {
                return at.jump::<BACK>(i64::from((*at.op).off));
            }
            at.next(1)
        }
    }
}

type Row = [Handler; 8];

const fn row<const OP: usize>() -> Row {
    [
        handler::<Branch<OP, false, false, false>>,
        handler::<Branch<OP, false, false, true>>,
        handler::<Branch<OP, false, true, false>>,
        handler::<Branch<OP, false, true, true>>,
        handler::<Branch<OP, true, false, false>>,
        handler::<Branch<OP, true, false, true>>,
        handler::<Branch<OP, true, true, false>>,
        handler::<Branch<OP, true, true, true>>,
    ]
}

/// By condition, in the order of [`JmpOp::ALL`], which is that of the enum.
static BRANCH: [Row; JmpOp::ALL.len()] = [
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
];

pub(super) fn branch(op: JmpOp, width: Width, dst: Reg, src: Operand, distance: i32) -> Code {
    let Ok(off) = i16::try_from(distance) else { return Code::STOP };
    let wide = usize::from(width == Width::W64);
    let back = usize::from(is_back(distance));
    let (kind, src, imm) = match src {
        Operand::Reg(reg) => (0, reg.number(), 0),
        Operand::Imm(imm) => (1, 0, imm),
    };
    let handler = BRANCH[op as usize][4 * wide + 2 * kind + back];
    Code { handler, dst: dst.number(), src, off, imm }
}
