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
            let (here, distance) = halves(at.wide());
            if !(*at.machine).push_frameless(here) {
                return at.stop();
            }
            at.jump::<true>(i64::from(distance as i32))
        }
    }
}

/// A call at the instruction of index `here`.
pub(super) fn call(here: u32, distance: i32) -> Code {
    Code::wide(handler::<Call>, u64::from(here) | u64::from(distance as u32) << 32)
}

/// The low and the high half.
fn halves(value: u64) -> (u32, u32) {
    (value as u32, (value >> 32) as u32)
}

/// `exit` to a caller in the same program.
struct Return;

impl Exec for Return {
    #[inline(always)]
    unsafe fn exec(at: At) -> *const Code {
        // SAFETY: as of the caller; nobody else looks at the machine.
        unsafe {
            let machine = &mut *at.machine;
            let Some(call) = machine.pop_frameless() else {
                return at.stop();
            };
            let (here, _) = halves(at.wide());
            let there = at.moved(i64::from(call) - i64::from(here));
            if there.fuel < 0 || !machine.may_use_frame(at.window()) {
                return there.stop();
            }
            there.go()
        }
    }
}

/// An exit at the instruction of index `here`.
pub(super) fn exit(here: u32) -> Code {
    Code::wide(handler::<Return>, u64::from(here))
}
