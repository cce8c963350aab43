//! The form of an instruction that handlers read.

use skep_isa::{Callee, Imm64, Op};

use super::handler::{Handler, Stop, handler};
use super::{alu, call, jump, mem};

/// One instruction, 16 bytes: who executes it, and the operands where its handler looks for them.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Code {
    pub(super) handler: Handler,
    pub(super) dst: u8,
    pub(super) src: u8,
    /// Bytes of a memory access, instructions of a branch.
    pub(super) off: i16,
    pub(super) imm: i32,
}

impl Code {
    pub(super) const STOP: Code = Code { handler: handler::<Stop>, dst: 0, src: 0, off: 0, imm: 0 };

    /// The last eight bytes as one number: what a wide load holds, whose handler knows its register.
    pub(super) fn wide(handler: Handler, value: u64) -> Code {
        let [dst, src, o0, o1, i0, i1, i2, i3] = value.to_ne_bytes();
        let (off, imm) = (i16::from_ne_bytes([o0, o1]), i32::from_ne_bytes([i0, i1, i2, i3]));
        Code { handler, dst, src, off, imm }
    }
}

/// Translates a program; `targets` are where jumps and calls go, `frames` whether a function that starts at an instruction
/// uses a frame.
pub(crate) fn translate(ops: &[Op], targets: &[u32], frames: &[bool]) -> Box<[Code]> {
    let distance = |index: usize| targets[index] as i32 - index as i32 - 1;
    let one = |(index, op)| encode(index as u32, op, distance(index), frames[targets[index] as usize]);
    #[cfg_attr(not(skep_threaded), expect(unused_mut, reason = "nothing is fused"))]
    let mut code: Box<[Code]> = ops.iter().enumerate().map(one).collect();
    // Without jumps from handler to handler there is nothing to save.
    #[cfg(skep_threaded)]
    super::fuse::fuse(&mut code, ops, distance);
    code
}

/// Translates the instruction at an index. `distance` is how far a jump or call goes: from the next instruction, in instructions;
/// `frame` is whether the function called uses one.
fn encode(here: u32, op: &Op, distance: i32, frame: bool) -> Code {
    match *op {
        Op::Alu { op, width, dst, src } => alu::binary(op, width, dst, src),
        Op::End { kind, bits, dst } => alu::end(kind, bits, dst),
        Op::LoadImm64 { dst, value: Imm64::Const(value) } => alu::wide(dst, value),
        Op::Load { size, signed, dst, base, off } => mem::load(size, signed, dst, base, off),
        Op::Store { size, base, off, value } => mem::store(size, base, off, value),
        Op::Atomic { op, size, base, off, reg } => mem::atomic(op, size, base, off, reg),
        Op::Jump { .. } | Op::JumpLong { .. } => jump::always(distance),
        Op::Branch { op, width, dst, src, .. } => jump::branch(op, width, dst, src, distance),
        Op::MayGoto { .. } => jump::may_goto(distance),
        Op::Call(Callee::Local(_)) if !frame => call::call(here, distance),
        Op::Exit => call::exit(here),
        Op::LoadImm64 { .. } | Op::LoadPacket { .. } | Op::Call(_) | Op::AddrSpaceCast { .. } => Code::STOP,
    }
}
