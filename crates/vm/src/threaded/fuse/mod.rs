//! Pairs of instructions that run as one.
//!
//! The first instruction's handler does both and goes on behind the second, whose own handler stays in its place for
//! those who jump there. So positions, and with them the count of instructions, are as if nothing had been fused; what
//! is saved is one jump from handler to handler. Where the second works on what the first computed, it is also the way
//! of the value through memory and back.

mod tables;
#[cfg(test)]
mod tests;

use skep_isa::{Op, Operand, Reg};

use super::code::Code;
use super::handler::{At, Consume, Exec, Handler};
use super::jump::is_back;

/// Fuses what can be fused in the code of a program; `distance` tells how far the instruction at an index jumps.
pub(super) fn fuse(code: &mut [Code], ops: &[Op], distance: impl Fn(usize) -> i32) {
    let dependent = |index: usize| pair_on_value(ops.get(index)?, ops.get(index + 1)?, distance(index + 1));
    for index in 0..ops.len().saturating_sub(1) {
        let handler = dependent(index).or_else(|| {
            // The second instruction saves more as the first of such a pair.
            let better = dependent(index + 1).is_some();
            if better { None } else { pair_of_any(&ops[index], &ops[index + 1], distance(index + 1)) }
        });
        if let Some(handler) = handler {
            code[index].handler = handler;
        }
    }
}

/// The handler of two instructions where the second works on the register that the first computed.
fn pair_on_value(first: &Op, second: &Op, distance: i32) -> Option<Handler> {
    let register = worked_on(second)?;
    if written(first)? != register {
        return None;
    }
    tables::on_value(first, second, direction(second, distance)?)
}

/// The handler of two instructions that need not have anything to do with each other.
fn pair_of_any(first: &Op, second: &Op, distance: i32) -> Option<Handler> {
    tables::of_any(first, second, direction(second, distance)?)
}

/// Which way an instruction jumps; `None` if it is too far for a branch.
fn direction(op: &Op, distance: i32) -> Option<bool> {
    let far = matches!(op, Op::Branch { .. }) && i16::try_from(distance).is_err();
    if far { None } else { Some(op.jump_offset().is_some() && is_back(distance)) }
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
        Op::Load { base, .. } | Op::Store { base, .. } => Some(base),
        _ => None,
    }
}

/// A second instruction that looks for its operands itself.
struct Any<B>(std::marker::PhantomData<B>);

impl<B: Exec> Consume for Any<B> {
    #[inline(always)]
    unsafe fn consume(at: At, value: u64) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            at.set_dst(value);
            B::exec(at.second())
        }
    }
}
