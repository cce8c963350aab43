//! Handlers of calls within the program and of returns, where no frame has to be opened or closed.

use super::code::Code;
use super::handler::{At, Exec, handler};

/// `call` of a function that uses no frame.
struct Call;

impl Exec for Call {
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        // SAFETY: as of the caller; nobody else looks at the machine.
        unsafe {
            let machine = &mut *at.machine;
            machine.active.pc = at.op.offset_from(machine.active.program.code().as_ptr()) as u32;
            if !machine.push_frameless() {
                return at.stop();
            }
            at.jump::<true>(i64::from(at.imm()))
        }
    }
}

pub(super) fn call(distance: i32) -> Code {
    Code { handler: handler::<Call>, dst: 0, src: 0, off: 0, imm: distance }
}

/// `exit` to a caller in the same program.
struct Return;

impl Exec for Return {
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        // SAFETY: as of the caller; nobody else looks at the machine.
        unsafe {
            let machine = &mut *at.machine;
            if !machine.pop_frameless() {
                return at.stop();
            }
            let here = at.op.offset_from(machine.active.program.code().as_ptr());
            let there = at.moved(i64::from(machine.active.pc) - here as i64);
            if there.fuel < 0 || !machine.may_use_frame(at.window()) {
                return there.stop();
            }
            there.go()
        }
    }
}

pub(super) fn exit() -> Code {
    Code { handler: handler::<Return>, dst: 0, src: 0, off: 0, imm: 0 }
}

/// Copies words as words. The compiler would rather copy two or four at once, and wait until all stores of single words
/// have left the processor's store buffer, which saved registers have not.
#[inline(always)]
pub(crate) fn one_by_one(words: &[u64; 4]) -> [u64; 4] {
    // SAFETY: each word is borrowed. Volatile is what keeps the loads apart.
    std::array::from_fn(|i| unsafe { (&raw const words[i]).read_volatile() })
}
