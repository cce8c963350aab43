//! Frames: entering, leaving and replacing them.

use std::sync::Arc;

use skep_isa::Reg;
use skep_memory::Memory;

use crate::callers::{Awaits, Running};
use crate::exit::TrapKind;
use crate::machine::Machine;
use crate::program::Program;
use crate::stack::{MAX_FRAMES, Stack};
use crate::step::Step;

/// How often `may_goto` stays in its loop, for each entry of a function (`BPF_MAX_LOOPS`, include/linux/bpf.h; the
/// verifier puts the counter into the frame, do_misc_fixups in kernel/bpf/verifier.c).
pub const MAX_LOOPS: u32 = 8 * 1024 * 1024;

/// The registers that a call clobbers beside r0.
const CLOBBERED: std::ops::Range<usize> = 1..6;

/// What the running frame has beside the registers.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    pub(crate) program: Arc<Program>,
    /// The depth at which the program was started or tail-called.
    first: usize,
    /// The next instruction, as an index into the program's ops.
    pub(crate) pc: u32,
    /// Whether the frame's bytes are accessible: only functions that use r10 have any.
    pub(crate) opened: bool,
}

impl Active {
    pub(crate) fn new(program: Arc<Program>) -> Active {
        Active { program, first: 0, pc: 0, opened: false }
    }
}

impl Machine {
    /// Opens the first frame. A machine that used the stack before and did not finish may have left frames open.
    pub(crate) fn enter(&mut self, memory: &Memory) -> Step {
        let opened = self.open_frame(memory, 0, &self.active.program, self.active.pc)?;
        self.stack.close_leftovers(memory, usize::from(opened));
        self.point_at_frame(opened);
        Ok(())
    }

    /// Leaves the current function at its call and starts another of the same program at `pc`, in a new frame.
    pub(crate) fn push_frame(&mut self, memory: &Memory, pc: u32, awaits: Awaits) -> Step {
        let depth = self.callers.depth() + 1;
        if depth - self.active.first >= MAX_FRAMES {
            return Err(Box::new(TrapKind::CallDepth));
        }
        let opens = self.open_frame(memory, depth, &self.active.program, pc)?;
        self.callers.push(&self.cpu, self.active.pc, self.active.opened, awaits);
        self.cpu.loops = MAX_LOOPS;
        self.active.pc = pc;
        self.point_at_frame(opens);
        Ok(())
    }

    /// The same from the call at `call` for a function that uses no frame, in the simple case; false if it is not that
    /// simple. `pc` is left alone.
    #[inline(always)]
    pub(crate) fn push_frameless(&mut self, call: u32) -> bool {
        let simple = !Stack::is_deep(self.callers.depth() + 1)
            && self.callers.push_call(&self.cpu, call, self.active.opened);
        if simple {
            self.cpu.loops = MAX_LOOPS;
            self.point_at_frame(false);
        }
        simple
    }

    /// Goes back to the calling function, which stands at its call again. `None` in the entry function, whose frame
    /// stays.
    pub(crate) fn pop_frame(&mut self, memory: &Memory) -> Option<Awaits> {
        let depth = self.callers.depth();
        let caller = self.callers.pop()?;
        if self.active.opened {
            self.stack.close(memory, depth);
        }
        if let Some(Running { program, first }) = caller.running {
            self.active.program = program;
            self.active.first = first;
        }
        caller.saved.restore(&mut self.cpu);
        self.active.pc = caller.saved.pc;
        self.point_at_frame(caller.saved.opened);
        self.clobber();
        Some(caller.awaits)
    }

    /// The same for a function without a frame that the same program called, if it is that; the answer is where the
    /// call stands. `pc` is left alone.
    #[inline(always)]
    pub(crate) fn pop_frameless(&mut self) -> Option<u32> {
        if self.active.opened {
            return None;
        }
        let saved = self.callers.pop_call()?;
        saved.restore(&mut self.cpu);
        let (call, opened) = (saved.pc, saved.opened);
        self.point_at_frame(opened);
        self.clobber();
        Some(call)
    }

    /// Starts another program in the place of the current function: r1 is the context, nothing else of it remains.
    pub(crate) fn replace_frame(&mut self, memory: &Memory, program: Arc<Program>) -> Step {
        let depth = self.callers.depth();
        let opens = self.open_frame(memory, depth, &program, 0)?;
        if self.active.opened && !opens {
            self.stack.close(memory, depth);
        }
        let context = self.reg(Reg::R1);
        self.poison_args_and_saved();
        self.cpu.regs[Reg::R1.index()] = context;
        self.cpu.loops = MAX_LOOPS;
        let active = Active { program, first: depth, pc: 0, opened: opens };
        let Active { program, first, .. } = std::mem::replace(&mut self.active, active);
        self.callers.remember(Running { program, first });
        self.tail_calls += 1;
        self.point_at_frame(opens);
        Ok(())
    }

    /// If the function of a program that starts at `pc` uses a frame, makes the bytes of one accessible and new;
    /// the answer is whether it did.
    fn open_frame(
        &self,
        memory: &Memory,
        index: usize,
        program: &Program,
        pc: u32,
    ) -> Result<bool, Box<TrapKind>> {
        let needed = program.uses_frame(pc) || Stack::is_deep(index);
        if needed {
            self.stack.open(memory, index, self.poison.frame()).map_err(TrapKind::Memory)?;
        }
        Ok(needed)
    }

    #[inline(always)]
    fn point_at_frame(&mut self, opened: bool) {
        self.active.opened = opened;
        self.cpu.regs[Reg::FP.index()] = self.stack.top(self.callers.depth());
    }

    /// Leaves all functions of the running program but its entry, for good.
    pub(crate) fn drop_functions(&mut self, memory: &Memory) {
        while self.callers.depth() > self.active.first && self.pop_frame(memory).is_some() {}
    }

    /// Starts another function of the program in the place of the current one, with one argument.
    pub(crate) fn restart_frame(&mut self, memory: &Memory, pc: u32, argument: u64) -> Step {
        let depth = self.callers.depth();
        let opens = self.open_frame(memory, depth, &self.active.program, pc)?;
        if self.active.opened && !opens {
            self.stack.close(memory, depth);
        }
        self.poison_args_and_saved();
        self.cpu.regs[Reg::R1.index()] = argument;
        self.cpu.loops = MAX_LOOPS;
        self.active.pc = pc;
        self.point_at_frame(opens);
        Ok(())
    }

    /// What a call leaves in r1 to r5.
    #[inline(always)]
    pub(crate) fn clobber(&mut self) {
        self.cpu.regs[CLOBBERED].copy_from_slice(&self.poison.regs()[CLOBBERED]);
    }

    /// What a function that is not called by the program itself finds in r0 to r9, before it gets its arguments.
    pub(crate) fn poison_args_and_saved(&mut self) {
        self.cpu.regs[..Reg::FP.index()].copy_from_slice(&self.poison.regs()[..Reg::FP.index()]);
    }
}
