//! What every handler is made of.

use std::marker::PhantomData;

use skep_isa::Reg;
use skep_memory::Window;

use super::code::Code;
use crate::frame::MAX_LOOPS;
use crate::machine::Machine;

/// The part of a machine that handlers change.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Cpu {
    pub(crate) regs: [u64; Reg::COUNT],
    /// What `may_goto` has left in the current frame.
    pub(crate) loops: u32,
    /// Set by the handler that ends a run.
    pub(super) stopped: bool,
    /// The fuel, while it is not in a handler's argument.
    pub(super) fuel: i64,
}

impl Cpu {
    pub(crate) fn new(regs: [u64; Reg::COUNT]) -> Cpu {
        Cpu { regs, loops: MAX_LOOPS, stopped: false, fuel: 0 }
    }
}

/// A handler: six arguments, all in registers, so that handlers can follow each other without touching the stack.
pub(super) type Handler =
    unsafe extern "C" fn(*const Code, *mut Machine, i64, *mut u8, *const u8, *const u8) -> *const Code;

/// The arguments of a handler.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) op: *const Code,
    pub(super) machine: *mut Machine,
    pub(super) fuel: i64,
    pub(super) data: *mut u8,
    pub(super) loads: *const u8,
    pub(super) stores: *const u8,
}

/// What one instruction does.
pub(super) trait Exec {
    /// Does it, and says how to go on: by ending in [`At::next`], [`At::jump`] or [`At::stop`].
    ///
    /// # Safety
    /// `at` is what a handler was given: `op` an instruction of this kind in the code of a program, `machine` one that
    /// nobody else looks at and that runs this program, the rest the window of a live memory.
    unsafe fn exec(at: At) -> *const Code;
}

/// The handler of an instruction.
///
/// # Safety
/// As for [`Exec::exec`].
pub(super) unsafe extern "C" fn handler<E: Exec>(
    op: *const Code,
    machine: *mut Machine,
    fuel: i64,
    data: *mut u8,
    loads: *const u8,
    stores: *const u8,
) -> *const Code {
    // SAFETY: as of the caller.
    unsafe { E::exec(At { op, machine, fuel, data, loads, stores }) }
}

/// An instruction that computes a new value for the register it names first, and does nothing else.
pub(super) trait Produce {
    /// The value; `None` if the instruction has to be stepped.
    ///
    /// # Safety
    /// As for [`Exec::exec`].
    unsafe fn produce(at: At) -> Option<u64>;
}

/// What may follow a [`Produce`].
pub(super) trait Consume {
    /// Goes on from `at`, an instruction that produced `value`: puts it into the register, or what was made of it.
    ///
    /// # Safety
    /// As for [`Exec::exec`].
    unsafe fn consume(at: At, value: u64) -> *const Code;
}

/// A value, and what follows.
pub(super) struct Then<A, B>(PhantomData<(A, B)>);

impl<A: Produce, B: Consume> Exec for Then<A, B> {
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            match A::produce(at) {
                Some(value) => B::consume(at, value),
                None => at.stop(),
            }
        }
    }
}

/// Nothing in particular follows.
pub(super) struct Next;

impl Consume for Next {
    #[inline(always)]
    unsafe fn consume(at: At, value: u64) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            at.set_dst(value);
            at.next(1)
        }
    }
}

/// Anything that has to be stepped.
pub(super) struct Stop;

impl Exec for Stop {
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        // SAFETY: as of the caller.
        unsafe { at.stop() }
    }
}

/// # Safety
/// All of these have the contract of [`Exec::exec`].
impl At {
    /// The register that the instruction names as its first.
    #[inline(always)]
    pub(super) unsafe fn dst(self) -> u64 {
        // SAFETY: as of the caller.
        unsafe { self.reg((*self.op).dst) }
    }

    /// The register that the instruction names as its second.
    #[inline(always)]
    pub(super) unsafe fn src(self) -> u64 {
        // SAFETY: as of the caller.
        unsafe { self.reg((*self.op).src) }
    }

    #[inline(always)]
    pub(super) unsafe fn set_dst(self, value: u64) {
        // SAFETY: as of the caller.
        unsafe { self.set((*self.op).dst, value) }
    }

    #[inline(always)]
    pub(super) unsafe fn imm(self) -> i32 {
        // SAFETY: as of the caller.
        unsafe { (*self.op).imm }
    }

    /// What [`Code::wide`] put there.
    #[inline(always)]
    pub(super) unsafe fn wide(self) -> u64 {
        // SAFETY: the last eight bytes of a Code have no padding.
        unsafe { (&raw const (*self.op).dst).cast::<u64>().read() }
    }

    /// # Safety
    /// `index` is less than [`Reg::COUNT`], which `encode` sees to for all indices in a code.
    #[inline(always)]
    pub(super) unsafe fn reg(self, index: u8) -> u64 {
        // SAFETY: the registers come first in a machine, and the index is one of them.
        unsafe { self.machine.cast::<u64>().add(usize::from(index)).read() }
    }

    /// # Safety
    /// As for [`At::reg`].
    #[inline(always)]
    pub(super) unsafe fn set(self, index: u8, value: u64) {
        // SAFETY: as in `reg`.
        unsafe { self.machine.cast::<u64>().add(usize::from(index)).write(value) }
    }

    /// The same, at the instruction behind.
    #[inline(always)]
    pub(super) unsafe fn second(self) -> At {
        // SAFETY: no instruction that falls through is the last of its program.
        At { op: unsafe { self.op.add(1) }, ..self }
    }

    /// Goes on with the instruction `count` further on.
    #[inline(always)]
    pub(super) unsafe fn next(self, count: usize) -> *const Code {
        // SAFETY: no instruction that falls through is the last of its program.
        unsafe { At { op: self.op.add(count), ..self }.go() }
    }

    /// Goes on `distance` instructions from the next one.
    #[inline(always)]
    pub(super) unsafe fn jump<const BACK: bool>(self, distance: i64) -> *const Code {
        // SAFETY: as of the caller.
        let there = unsafe { self.moved(distance) };
        if BACK && there.fuel < 0 {
            // SAFETY: as of the caller.
            return unsafe { there.stop() };
        }
        // SAFETY: as of the caller.
        unsafe { there.go() }
    }

    /// Where a jump leads, before anything is done there.
    #[inline(always)]
    pub(super) unsafe fn moved(self, distance: i64) -> At {
        let fuel = self.fuel.wrapping_add(distance);
        // SAFETY: `encode` only makes distances to instructions of the same program, and calls are returned to.
        unsafe { At { op: self.op.offset(distance as isize + 1), fuel, ..self } }
    }

    /// The window of the memory.
    #[inline(always)]
    pub(super) fn window(self) -> Window {
        Window { data: self.data, load_shadow: self.loads, store_shadow: self.stores }
    }

    /// Lets the instruction's handler go on.
    #[inline(always)]
    pub(super) unsafe fn go(self) -> *const Code {
        // With debug assertions the standard library's checks of pointers are in the way of jumps.
        if cfg!(all(skep_threaded, not(debug_assertions))) {
            // SAFETY: `op` is an instruction with its own handler, and the other arguments are passed through.
            unsafe {
                ((*self.op).handler)(self.op, self.machine, self.fuel, self.data, self.loads, self.stores)
            }
        } else {
            // SAFETY: as of the caller.
            unsafe { (*self.machine).cpu.fuel = self.fuel };
            self.op
        }
    }

    /// Ends the run before the instruction.
    #[inline(always)]
    pub(super) unsafe fn stop(self) -> *const Code {
        // SAFETY: as of the caller.
        unsafe {
            (*self.machine).cpu.fuel = self.fuel;
            (*self.machine).cpu.stopped = true;
        }
        self.op
    }
}
