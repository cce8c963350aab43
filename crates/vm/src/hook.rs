//! Watching a machine instruction by instruction.

use skep_memory::Memory;

use crate::machine::Machine;

/// A watcher of every instruction, for coverage, tracing and debuggers: see [`Machine::run_with`].
pub trait Hook {
    /// The machine stands before its next instruction: [`Machine::program`], [`Machine::slot`], [`Machine::regs`].
    fn before(&mut self, machine: &Machine, memory: &Memory) {
        let _ = (machine, memory);
    }

    /// The instruction is done, or has faulted, in which case the machine still stands before it.
    fn after(&mut self, machine: &Machine, memory: &Memory) {
        let _ = (machine, memory);
    }
}
