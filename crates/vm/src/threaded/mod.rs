//! The fast engine: one handler per instruction, each ending in a jump to the next one's.
//!
//! It does what needs nobody's help: arithmetic, jumps, loads and stores that are allowed, calls and returns that open and
//! close no frame. In front of anything else (a helper, a frame, a refused access) it stops, and [`Machine::execute`] does
//! that one instruction. So the difficult things exist once, and whatever this engine does, a step would do as well.
//!
//! # Counting
//!
//! `fuel` moves with every taken jump by the distance of the jump, counted in instructions, and never else. As the
//! position moves with every instruction, the two together tell how many were executed:
//! `(position - entry) - (fuel - fuel at entry)`. A run starts with so much fuel that as long as it is not negative,
//! a whole program's length of instructions may still be executed without exceeding the budget. Between two backward
//! jumps no more than that can be, so backward jumps alone have to look.
#![expect(
    unsafe_code,
    reason = "threaded dispatch over raw pointers: instructions, registers, simulated memory"
)]

mod alu;
mod call;
mod code;
#[cfg(skep_threaded)]
mod fuse;
mod handler;
mod jump;
mod mem;
mod operand;

pub(crate) use code::{Code, translate};
pub(crate) use handler::Cpu;

use skep_isa::Reg;
use skep_memory::{Memory, Window};

use crate::machine::Machine;
use crate::stack::FRAME_BYTES;

/// How many instructions at most before the engine returns here, however large the budget: should a compiler fail to
/// make a jump of a handler's last call, this bounds the host's stack.
const CHUNK: u64 = 1 << 15;

impl Machine {
    /// Runs up to an instruction that has to be stepped.
    pub(crate) fn run_threaded(&mut self, memory: &Memory) {
        let code = self.active.program.code();
        let (base, length) = (code.as_ptr(), code.len() as u64);
        let entry = i64::from(self.active.pc);
        let grant = self.budget_left().min(CHUNK + 2 * length) as i64;
        let fuel = grant + entry - 2 * length as i64;
        let window = memory.window();
        // SAFETY: the memory is borrowed, so alive, and not shared with other threads.
        let ready = fuel >= 0 && unsafe { self.may_use_frame(window) };
        if !ready {
            return;
        }
        self.cpu.fuel = fuel;
        // SAFETY: `pc` is an instruction of the program, which stays the current one and so alive; the memory is
        // borrowed, and the machine too.
        let moved = unsafe {
            let start = base.add(entry as usize);
            trampoline(start, self, window).offset_from(start) as i64
        };
        self.active.pc = (entry + moved) as u32;
        self.add_insns((moved - (self.cpu.fuel - fuel)) as u64);
    }

    /// Whether the current frame is not opened or really accessible: a machine may be given another memory than before,
    /// or its stack may have been freed. Loads and stores within an opened frame are not checked one by one.
    ///
    /// # Safety
    /// The memory of the window is alive.
    #[inline(always)]
    unsafe fn may_use_frame(&self, window: Window) -> bool {
        let top = self.reg(Reg::FP);
        // SAFETY: as of the caller.
        !self.active.opened
            || unsafe {
                allows(window, top.wrapping_sub(FRAME_BYTES as u64)) && allows(window, top.wrapping_sub(8))
            }
    }
}

/// # Safety
/// The memory of the window is alive.
#[inline(always)]
unsafe fn allows(window: Window, addr: u64) -> bool {
    // SAFETY: as of the caller.
    unsafe { window.can_load(addr, 8) && window.can_store(addr, 8) }
}

/// Whether programs may load and store 8 bytes at an address. Unlike an access, a refusal makes no report.
pub(crate) fn is_accessible(memory: &Memory, addr: u64) -> bool {
    // SAFETY: the memory is borrowed, so alive, and not shared with other threads.
    unsafe { allows(memory.window(), addr) }
}

/// Runs handlers until one stops; the answer is the instruction it stands before.
///
/// # Safety
/// `start` points into the code of one program, made by [`encode`], whose last instruction never falls through; the
/// memory of the window is alive.
unsafe fn trampoline(start: *const Code, machine: &mut Machine, window: Window) -> *const Code {
    let Window { data, load_shadow, store_shadow } = window;
    machine.cpu.stopped = false;
    let mut op = start;
    while !machine.cpu.stopped {
        // SAFETY: as of the caller; handlers return an instruction of the same program.
        op = unsafe { ((*op).handler)(op, machine, machine.cpu.fuel, data, load_shadow, store_shadow) };
    }
    op
}
