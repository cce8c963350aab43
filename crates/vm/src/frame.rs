//! Frames: entering, leaving and replacing them.

use std::sync::Arc;

use skep_isa::Reg;
use skep_memory::Memory;

use crate::exit::TrapKind;
use crate::host::Continuation;
use crate::machine::Machine;
use crate::program::Program;
use crate::stack::{FRAME_BYTES, MAX_FRAMES};

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
    level: usize,
}

impl Active {
    pub(crate) fn new(program: Arc<Program>, pc: u32) -> Active {
        Active { program, pc, level: 1 }
    }
}

/// A frame that waits for the one above it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// `None` if it is that of the frame above: only a tail call makes them differ.
    program: Option<Arc<Program>>,
    /// The call.
    pc: u32,
    level: usize,
    loops: u32,
    saved: [u64; SAVED.end - SAVED.start],
    frame_pointer: u64,
    awaits: Awaits,
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
    /// Leaves the current function at its call and starts another of the same program at `pc`, in a new frame.
    pub(crate) fn push_frame(
        &mut self,
        memory: &Memory,
        pc: u32,
        awaits: Awaits,
    ) -> Result<(), Box<TrapKind>> {
        let Active { pc: call, level, .. } = self.active;
        let loops = self.cpu.loops;
        if level >= MAX_FRAMES {
            return Err(Box::new(TrapKind::CallDepth));
        }
        let mut saved = [0; SAVED.end - SAVED.start];
        saved.copy_from_slice(&self.cpu.regs[SAVED]);
        let frame_pointer = self.reg(Reg::FP);
        self.callers.push(Caller { program: None, pc: call, level, loops, saved, frame_pointer, awaits });
        if let Err(fault) = self.open_frame(memory) {
            self.callers.pop();
            return Err(fault);
        }
        self.active.pc = pc;
        self.active.level = level + 1;
        self.cpu.loops = MAX_LOOPS;
        Ok(())
    }

    /// Goes back to the calling function, which stands at its call again. `None` in the entry function.
    pub(crate) fn pop_frame(&mut self) -> Option<Awaits> {
        let caller = self.callers.pop()?;
        if let Some(program) = caller.program {
            self.active.program = program;
        }
        self.active.pc = caller.pc;
        self.active.level = caller.level;
        self.cpu.loops = caller.loops;
        self.cpu.regs[SAVED].copy_from_slice(&caller.saved);
        self.cpu.regs[Reg::FP.index()] = caller.frame_pointer;
        self.clobber();
        Some(caller.awaits)
    }

    /// Starts another program in the place of the current function: r1 is the context, nothing else of it remains.
    pub(crate) fn replace_frame(
        &mut self,
        memory: &Memory,
        program: Arc<Program>,
    ) -> Result<(), Box<TrapKind>> {
        self.open_frame(memory)?;
        let context = self.reg(Reg::R1);
        self.poison_args_and_saved();
        self.cpu.regs[Reg::R1.index()] = context;
        let replaced = std::mem::replace(&mut self.active, Active::new(program, 0));
        if let Some(caller) = self.callers.last_mut() {
            caller.program.get_or_insert(replaced.program);
        }
        self.cpu.loops = MAX_LOOPS;
        self.tail_calls += 1;
        Ok(())
    }

    /// Makes the bytes of the current frame accessible, new to the program, and points r10 behind them.
    pub(crate) fn open_frame(&mut self, memory: &Memory) -> Result<(), Box<TrapKind>> {
        let start = self.stack.frame(self.callers.len()).ok_or(TrapKind::CallDepth)?;
        memory.grant(start);
        memory.write(start, self.poison.frame()).map_err(TrapKind::Memory)?;
        self.cpu.regs[Reg::FP.index()] = start + FRAME_BYTES as u64;
        Ok(())
    }

    /// What a call leaves in r1 to r5.
    pub(crate) fn clobber(&mut self) {
        self.cpu.regs[CLOBBERED].copy_from_slice(&self.poison.regs()[CLOBBERED]);
    }

    /// What a function that is not called by the program itself finds in r0 to r9, before it gets its arguments.
    pub(crate) fn poison_args_and_saved(&mut self) {
        self.cpu.regs[..SAVED.end].copy_from_slice(&self.poison.regs()[..SAVED.end]);
    }
}
