//! Spills and fills around calls that clobber few registers (`bpf_fastcall`): such a pair is dropped where the call is
//! put in place, and its stack with it.

use crate::check::{is_helper_call, is_kfunc_call};
use crate::code::{class, mode, op};
use crate::verifier::Verifier;

/// `*(u64 *)(r10 + off) = rX`.
const SPILL: u8 = class::STX | mode::MEM | 0x18;
/// `rX = *(u64 *)(r10 + off)`.
const FILL: u8 = class::LDX | mode::MEM | 0x18;
/// R0 to R5.
const CALLER_SAVED: u32 = 0x3f;

impl Verifier<'_> {
    /// Marks spills and fills around calls (`mark_fastcall_patterns`).
    pub(crate) fn mark_fastcall_patterns(&mut self) {
        for subprog in 0..self.subprogs.len() {
            let range = self.subprogs[subprog].start..self.subprog_end(subprog);
            let spills = self.insns[range.clone()].iter().filter(|it| it.code == SPILL && it.dst == 10);
            let lowest = spills.map(|it| it.off).min().unwrap_or(0).min(0);
            for i in range.filter(|i| self.insns[*i].code == class::JMP | op::CALL).collect::<Vec<_>>() {
                self.mark_fastcall(subprog, i, lowest);
            }
        }
    }

    /// `mark_fastcall_pattern_for_call`.
    fn mark_fastcall(&mut self, subprog: usize, call: usize, lowest: i16) {
        let insn = self.insns[call];
        if !is_helper_call(insn) && !is_kfunc_call(insn) {
            return;
        }
        let summary = self.call_summary(call);
        let Some(params) = summary.params else { return };
        let clobbered = u32::from(!summary.is_void) | ((1 << (params + 1)) - 2);
        let mut expected = CALLER_SAVED & !clobbered;
        let mut off = lowest;
        let mut pairs = 0;
        while pairs < 6 && self.is_pair(call, pairs + 1, off, expected) {
            pairs += 1;
            expected &= !(1 << self.insns[call - pairs].src);
            self.aux[call - pairs].fastcall_pattern = true;
            self.aux[call + pairs].fastcall_pattern = true;
            off = off.wrapping_add(8);
        }
        if pairs == 0 {
            return;
        }
        let it = &mut self.subprogs[subprog];
        it.fastcall_stack_off = it.fastcall_stack_off.min(off);
        if summary.fastcall {
            self.aux[call].fastcall_spills = pairs as u8;
        } else {
            it.keep_fastcall_stack = true;
        }
    }

    /// Whether the instructions this far before and behind a call spill and fill an expected register.
    fn is_pair(&self, call: usize, distance: usize, off: i16, expected: u32) -> bool {
        let Some(before) = call.checked_sub(distance) else { return false };
        let after = call + distance;
        let Some(fill) = self.insns.get(after) else { return false };
        // It begins with its first spill: nothing jumps into it.
        if self.aux[before + 1].jump_target || self.aux[after].jump_target {
            return false;
        }
        let spill = self.insns[before];
        spill.code == SPILL
            && fill.code == FILL
            && spill.dst == 10
            && fill.src == 10
            && spill.src == fill.dst
            && expected & (1 << spill.src) != 0
            && spill.off == off
            && fill.off == off
    }

    /// The stack of functions whose spills and fills are dropped (`remove_fastcall_spills_fills`).
    pub(super) fn remove_fastcall_spills(&mut self) {
        for subprog in 0..self.subprogs.len() {
            let range = self.subprogs[subprog].start..self.subprog_end(subprog);
            let dropped = self.aux[range].iter().any(|it| it.fastcall_spills > 0);
            let it = &mut self.subprogs[subprog];
            if dropped && !it.keep_fastcall_stack {
                it.stack_depth = it.fastcall_stack_off.unsigned_abs();
            }
        }
    }
}
