//! The frames that wait below the running one.

use std::sync::Arc;

use skep_isa::Reg;

use crate::host::Continuation;
use crate::program::Program;
use crate::threaded::Cpu;

/// A frame that waits for the one above it.
#[derive(Clone, Default, Debug)]
pub(crate) struct Caller {
    /// `None` if it is that of the frame above: only a tail call makes them differ.
    pub(crate) running: Option<Running>,
    pub(crate) awaits: Awaits,
    pub(crate) saved: Saved,
}

/// A program, and the depth at which it was started or tail-called.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) program: Arc<Program>,
    pub(crate) first: usize,
}

/// Who gets the result of the frame above.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) enum Awaits {
    /// The program itself.
    #[default]
    Call,
    /// A helper, in the middle of its work.
    Callback(Continuation),
}

/// What a frame goes on with.
///
/// No two registers lie next to each other. The processor passes a word on from its last store to its next load at once,
/// but two words that were stored one by one have to reach the cache before both can be loaded as one, and that is how
/// the compiler copies neighbours.
#[derive(Clone, Default, Debug)]
#[repr(C)]
pub(crate) struct Saved {
    r6: u64,
    /// The call.
    pub(crate) pc: u32,
    loops: u32,
    r7: u64,
    /// Whether its bytes are accessible.
    pub(crate) opened: bool,
    r8: u64,
    gap: u64,
    r9: u64,
}

impl Saved {
    #[inline(always)]
    fn keep(&mut self, cpu: &Cpu, pc: u32, opened: bool) {
        self.r6 = cpu.regs[Reg::R6.index()];
        self.r7 = cpu.regs[Reg::R7.index()];
        self.r8 = cpu.regs[Reg::R8.index()];
        self.r9 = cpu.regs[Reg::R9.index()];
        self.loops = cpu.loops;
        self.pc = pc;
        self.opened = opened;
    }

    /// Puts the registers back.
    #[inline(always)]
    pub(crate) fn restore(&self, cpu: &mut Cpu) {
        cpu.regs[Reg::R6.index()] = self.r6;
        cpu.regs[Reg::R7.index()] = self.r7;
        cpu.regs[Reg::R8.index()] = self.r8;
        cpu.regs[Reg::R9.index()] = self.r9;
        cpu.loops = self.loops;
    }
}

/// The stack of callers. Places that were used once stay, so that most calls write nothing but [`Saved`].
#[derive(Clone, Default, Debug)]
pub(crate) struct Callers {
    /// From `depth` on all are free: their `running` is `None` and their `awaits` is `Call`.
    places: Vec<Caller>,
    depth: usize,
}

impl Callers {
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Adds a caller that stands at the call at `pc`.
    pub(crate) fn push(&mut self, cpu: &Cpu, pc: u32, opened: bool, awaits: Awaits) {
        if self.places.len() == self.depth {
            self.places.push(Caller::default());
        }
        self.places[self.depth].awaits = awaits;
        self.push_call(cpu, pc, opened);
    }

    /// The same for one that awaits a call, if there is a place for it.
    #[inline(always)]
    pub(crate) fn push_call(&mut self, cpu: &Cpu, pc: u32, opened: bool) -> bool {
        let Some(place) = self.places.get_mut(self.depth) else { return false };
        place.saved.keep(cpu, pc, opened);
        self.depth += 1;
        true
    }

    /// The uppermost caller, in exchange for its place.
    pub(crate) fn pop(&mut self) -> Option<Caller> {
        let depth = self.depth.checked_sub(1)?;
        let place = self.places.get_mut(depth)?;
        self.depth = depth;
        Some(std::mem::take(place))
    }

    /// The same if it awaits a call of its own program.
    #[inline(always)]
    pub(crate) fn pop_call(&mut self) -> Option<&Saved> {
        let depth = self.depth.wrapping_sub(1);
        match self.places.get(depth) {
            Some(Caller { running: None, awaits: Awaits::Call, saved }) => {
                self.depth = depth;
                Some(saved)
            }
            _ => None,
        }
    }

    /// Lets the uppermost caller remember a program, if it does not have one of its own.
    pub(crate) fn remember(&mut self, running: Running) {
        if let Some(depth) = self.depth.checked_sub(1) {
            self.places[depth].running.get_or_insert(running);
        }
    }
}
