//! Frames: entering, leaving and replacing them.

use std::sync::Arc;

use skep_isa::Reg;
use skep_memory::Memory;

use crate::exit::TrapKind;
use crate::host::Continuation;
use crate::machine::Machine;
use crate::program::Program;
use crate::stack::{MAX_FRAMES, Stack};
use crate::step::Step;
use crate::threaded::one_by_one;

/// How often `may_goto` stays in its loop, for each entry of a function (`BPF_MAX_LOOPS`, include/linux/bpf.h; the
/// verifier puts the counter into the frame, do_misc_fixups in kernel/bpf/verifier.c).
pub const MAX_LOOPS: u32 = 8 * 1024 * 1024;

/// The registers that a function must leave as it found them: r6 to r9.
const SAVED: std::ops::Range<usize> = 6..10;
/// The registers that a call clobbers beside r0.
const CLOBBERED: std::ops::Range<usize> = 1..6;

/// What the running frame has beside the registers.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    pub(crate) program: Arc<Program>,
    /// The next instruction, as an index into the program's ops.
    pub(crate) pc: u32,
    /// How many frames the program stacked since it was started or tail-called, 1 in its entry function.
    level: u32,
    /// Whether the frame's bytes are accessible: only functions that use r10 have any.
    pub(crate) opened: bool,
}

impl Active {
    pub(crate) fn new(program: Arc<Program>, pc: u32) -> Active {
        Active { program, pc, level: 1, opened: false }
    }
}

/// A frame that waits for the one above it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// `None` if it is that of the frame above: only a tail call makes them differ.
    program: Option<Arc<Program>>,
    awaits: Awaits,
    frame: Suspended,
}

/// What it goes on with. The order keeps apart what is stored apart, see [`one_by_one`].
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Suspended {
    saved: [u64; SAVED.end - SAVED.start],
    /// The call.
    pc: u32,
    loops: u32,
    level: u32,
    opened: bool,
}

/// Who gets the result of the frame above.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Awaits {
    /// The program itself.
    Call,
    /// A helper, in the middle of its work.
    Callback(Continuation),
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
        if self.active.level as usize >= MAX_FRAMES {
            return Err(Box::new(TrapKind::CallDepth));
        }
        let opens = self.open_frame(memory, self.callers.len() + 1, &self.active.program, pc)?;
        self.suspend(awaits);
        self.active.pc = pc;
        self.point_at_frame(opens);
        Ok(())
    }

    /// The same for a function that uses no frame, in the simple case; false if it is not that simple. `pc` is left at
    /// the call.
    #[inline(always)]
    pub(crate) fn push_frameless(&mut self) -> bool {
        let depth = self.callers.len();
        let simple = !Stack::is_deep(depth + 1) && depth < self.callers.capacity();
        if simple {
            self.suspend(Awaits::Call);
            self.point_at_frame(false);
        }
        simple
    }

    #[inline(always)]
    fn suspend(&mut self, awaits: Awaits) {
        let Active { pc, level, opened, .. } = self.active;
        let loops = std::mem::replace(&mut self.cpu.loops, MAX_LOOPS);
        let [_, _, _, _, _, _, saved @ .., _] = &self.cpu.regs;
        let frame = Suspended { pc, level, loops, opened, saved: one_by_one(saved) };
        self.callers.push(Caller { program: None, awaits, frame });
        self.active.level = level + 1;
    }

    /// Goes back to the calling function, which stands at its call again. `None` in the entry function, whose frame
    /// stays.
    pub(crate) fn pop_frame(&mut self, memory: &Memory) -> Option<Awaits> {
        if self.active.opened && !self.callers.is_empty() {
            self.stack.close(memory, self.callers.len());
        }
        let caller = self.callers.pop()?;
        self.go_back(caller.frame);
        if let Some(program) = caller.program {
            self.active.program = program;
        }
        Some(caller.awaits)
    }

    /// The same for a function without a frame that the same program called; false if it is another.
    #[inline(always)]
    pub(crate) fn pop_frameless(&mut self) -> bool {
        if self.active.opened {
            return false;
        }
        let Some(Caller { program: None, awaits: Awaits::Call, frame }) = self.callers.last() else {
            return false;
        };
        let frame = Suspended { saved: one_by_one(&frame.saved), ..*frame };
        // Nothing in it has to be dropped.
        std::mem::forget(self.callers.pop());
        self.go_back(frame);
        true
    }

    #[inline(always)]
    fn go_back(&mut self, frame: Suspended) {
        self.active.pc = frame.pc;
        self.active.level = frame.level;
        self.point_at_frame(frame.opened);
        self.cpu.loops = frame.loops;
        self.cpu.regs[SAVED].copy_from_slice(&frame.saved);
        self.clobber();
    }

    /// Starts another program in the place of the current function: r1 is the context, nothing else of it remains.
    pub(crate) fn replace_frame(&mut self, memory: &Memory, program: Arc<Program>) -> Step {
        let index = self.callers.len();
        let opens = self.open_frame(memory, index, &program, 0)?;
        if self.active.opened && !opens {
            self.stack.close(memory, index);
        }
        let context = self.reg(Reg::R1);
        self.poison_args_and_saved();
        self.cpu.regs[Reg::R1.index()] = context;
        let replaced = std::mem::replace(&mut self.active, Active::new(program, 0));
        if let Some(caller) = self.callers.last_mut() {
            caller.program.get_or_insert(replaced.program);
        }
        self.cpu.loops = MAX_LOOPS;
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
        self.cpu.regs[Reg::FP.index()] = self.stack.top(self.callers.len());
    }

    /// Leaves all functions but the one that runs, for good.
    pub(crate) fn drop_callers(&mut self, memory: &Memory) {
        while self.pop_frame(memory).is_some() {}
    }

    /// What a call leaves in r1 to r5.
    #[inline(always)]
    pub(crate) fn clobber(&mut self) {
        self.cpu.regs[CLOBBERED].copy_from_slice(&self.poison.regs()[CLOBBERED]);
    }

    /// What a function that is not called by the program itself finds in r0 to r9, before it gets its arguments.
    pub(crate) fn poison_args_and_saved(&mut self) {
        self.cpu.regs[..SAVED.end].copy_from_slice(&self.poison.regs()[..SAVED.end]);
    }
}
