//! What the log ends with (`print_verification_stats`).

use super::STATS;
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// How much was done; with level 4 also the time that it took, in microseconds, and the functions' stacks.
    pub(crate) fn print_stats(&mut self, micros: u64, accepted: bool) {
        if self.log.level & STATS != 0 {
            let kept = (0..self.subprogs.len()).filter(|subprog| !accepted || self.is_kept(*subprog));
            let depths: Vec<String> = kept.map(|it| self.subprogs[it].stack_depth.to_string()).collect();
            let depths = depths.join("+");
            self.log.write(format_args!("verification time {micros} usec\nstack depth {depths}\n"));
        }
        let it = &self.stats;
        self.log.write(format_args!(
            "processed {} insns (limit {}) max_states_per_insn {} total_states {} peak_states {} mark_read {}\n",
            it.insns,
            self.options.max_insns,
            it.max_states_per_insn,
            it.total_states,
            it.peak_states,
            it.longest_mark_read_walk
        ));
    }
}
