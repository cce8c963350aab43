//! Which registers are read later (`compute_live_registers`).

use skep_isa::Insn;

use crate::check::{is_helper_call, is_kfunc_call};
use crate::code::{class, is_reg, is_wide, mode, op};
use crate::verifier::Verifier;

/// All there are, and more.
const ALL: u16 = 0xffff;
/// R0 to R5.
const CALLER_SAVED: u16 = 0x3f;
/// `BPF_FETCH`, `BPF_CMPXCHG`, `BPF_LOAD_ACQ`, `BPF_STORE_REL`.
const FETCH: i32 = 0x01;
const CMPXCHG: i32 = 0xf1;
const LOAD_ACQ: i32 = 0x100;
const STORE_REL: i32 = 0x110;

/// Registers that an instruction reads, and that it writes.
#[derive(Clone, Copy, Default)]
struct Uses {
    reads: u16,
    writes: u16,
}

impl Verifier<'_> {
    /// Components, and live registers: what level 2 of the log begins with (`compute_scc`, `compute_live_registers`).
    pub(crate) fn compute_loops_and_liveness(&mut self) {
        self.find_components();
        let uses: Vec<Uses> = (0..self.insns.len()).map(|i| self.uses(i)).collect();
        let mut changed = true;
        while changed {
            changed = false;
            for &i in &self.cfg.postorder {
                let after = self
                    .cfg
                    .successors(i as usize)
                    .iter()
                    .map(|next| self.aux[*next as usize].live_regs_before);
                let after = after.fold(0, |live, next| live | next);
                let before = after & !uses[i as usize].writes | uses[i as usize].reads;
                let live = &mut self.aux[i as usize].live_regs_before;
                changed |= *live != before;
                *live = before;
            }
        }
        if self.log.wants_all() {
            self.print_live_regs();
        }
    }

    fn print_live_regs(&mut self) {
        self.log.write(format_args!("Live regs before insn:\n"));
        let mut i = 0;
        while i < self.insns.len() {
            let aux = &self.aux[i];
            match aux.scc {
                0 => self.log.write(format_args!("    ")),
                scc => self.log.write(format_args!("{scc:3} ")),
            }
            let mut regs = *b"..........";
            for (r, char) in regs.iter_mut().enumerate().filter(|(r, _)| aux.live_regs_before & (1 << r) != 0)
            {
                *char = b'0' + r as u8;
            }
            self.log.write(format_args!("{i:3}: {} ", String::from_utf8_lossy(&regs)));
            self.verbose_insn(i);
            i += 1 + usize::from(is_wide(self.insns[i]));
        }
    }

    fn uses(&self, i: usize) -> Uses {
        let insn = self.insns[i];
        let (dst, src) = (1u16 << insn.dst, 1u16 << insn.src);
        let operand = if is_reg(insn) { src } else { 0 };
        match class(insn) {
            class::LD => match mode(insn) {
                mode::IMM if insn.code & 0x18 == 0x18 => Uses { reads: 0, writes: dst },
                _ => Uses { reads: ALL, writes: 0 },
            },
            class::LDX if matches!(mode(insn), mode::MEM | mode::MEMSX) => Uses { reads: src, writes: dst },
            class::ST if mode(insn) == mode::MEM => Uses { reads: dst, writes: 0 },
            class::STX => match mode(insn) {
                mode::MEM => Uses { reads: dst | src, writes: 0 },
                mode::ATOMIC => atomic_uses(insn, dst, src),
                _ => Uses { reads: ALL, writes: 0 },
            },
            class::ALU | class::ALU64 => match op(insn) {
                op::END => Uses { reads: dst, writes: dst },
                op::MOV => Uses { reads: operand, writes: dst },
                _ => Uses { reads: dst | operand, writes: dst },
            },
            class::JMP | class::JMP32 => self.jump_uses(i, dst | operand),
            _ => Uses { reads: ALL, writes: 0 },
        }
    }

    fn jump_uses(&self, i: usize, operands: u16) -> Uses {
        let insn = self.insns[i];
        match op(insn) {
            op::JA | op::JCOND => Uses::default(),
            op::EXIT => Uses { reads: 1, writes: 0 },
            op::CALL => {
                let known = is_helper_call(insn) || is_kfunc_call(insn);
                let params = self.call_summary(i).params.filter(|_| known);
                let reads = params.map_or(CALLER_SAVED & !1, |params| ((1u32 << (params + 1)) - 2) as u16);
                Uses { reads, writes: CALLER_SAVED }
            }
            _ => Uses { reads: operands, writes: 0 },
        }
    }
}

fn atomic_uses(insn: Insn, dst: u16, src: u16) -> Uses {
    match insn.imm {
        CMPXCHG => Uses { reads: 1 | dst | src, writes: 1 },
        LOAD_ACQ => Uses { reads: src, writes: dst },
        STORE_REL => Uses { reads: dst | src, writes: 0 },
        imm => Uses { reads: dst | src, writes: if imm & FETCH != 0 { src } else { 0 } },
    }
}
