//! What can be said about a function from its text.

use skep_isa::{Op, Operand, PacketMode, Reg};

/// For each instruction, whether a path from it within its function uses r10.
///
/// Goes backward from the uses, so that every instruction is looked at once however many functions share it.
pub(crate) fn uses_frame(ops: &[Op], targets: &[u32]) -> Box<[bool]> {
    let mut jumps_here = vec![Vec::new(); ops.len()];
    for (index, op) in ops.iter().enumerate() {
        if op.jump_offset().is_some() {
            jumps_here[targets[index] as usize].push(index);
        }
    }
    let mut uses = vec![false; ops.len()].into_boxed_slice();
    let mut work: Vec<usize> = (0..ops.len()).filter(|index| reads(&ops[*index], Reg::FP)).collect();
    while let Some(index) = work.pop() {
        if std::mem::replace(&mut uses[index], true) {
            continue;
        }
        if index > 0 && !ops[index - 1].ends_block() {
            work.push(index - 1);
        }
        work.extend_from_slice(&jumps_here[index]);
    }
    uses
}

/// Whether an instruction names a register as an operand. What calls read by convention does not count.
fn reads(op: &Op, reg: Reg) -> bool {
    let is = |operand: Operand| operand == Operand::Reg(reg);
    match *op {
        Op::Alu { dst, src, .. } => dst == reg || is(src),
        Op::End { dst, .. } => dst == reg,
        Op::LoadPacket { mode, .. } => mode == PacketMode::Ind(reg),
        Op::Load { base, .. } => base == reg,
        Op::Store { base, value, .. } => base == reg || is(value),
        Op::Atomic { base, reg: operand, .. } => base == reg || operand == reg,
        Op::Branch { dst, src, .. } => dst == reg || is(src),
        Op::AddrSpaceCast { src, .. } => src == reg,
        Op::LoadImm64 { .. } | Op::Jump { .. } | Op::JumpLong { .. } => false,
        Op::MayGoto { .. } | Op::Call(_) | Op::Exit => false,
    }
}

#[cfg(test)]
mod tests {
    use skep_isa::asm::assemble;

    use crate::program::Program;

    /// The slots from which a function would need a frame.
    fn needy(text: &str) -> Vec<usize> {
        let program = Program::new(&assemble(text).unwrap(), 0).unwrap();
        (0..program.insns().len())
            .filter(|slot| program.op_index(*slot).is_some_and(|i| program.uses_frame(i)))
            .collect()
    }

    #[test]
    fn follows_jumps_backward_and_calls_not_at_all() {
        assert_eq!(needy("r0 = 0\nexit"), [0usize; 0]);
        assert_eq!(needy("r0 = r10\nexit"), [0]);
        assert_eq!(needy("call f\nexit\nf:\nr1 = r10\nexit"), [2]);
        assert_eq!(needy("call f\nr1 = r10\nexit\nf:\nexit"), [0, 1]);
        assert_eq!(needy("if r1 == 0 goto a\nexit\na:\n*(u8 *)(r10 - 1) = 0\nexit"), [0, 2]);
        assert_eq!(needy("goto a\nexit\na:\nr1 = *(u8 *)(r10 - 1)\nexit"), [0, 2]);
        assert_eq!(needy("r2 = r10\na:\nr1 += 1\nif r1 == r10 goto a\nexit"), [0, 1, 2]);
        assert_eq!(needy("r0 = 1 ll\nlock *(u64 *)(r1 + 0) += r10\nexit"), [0, 2]);
    }
}
