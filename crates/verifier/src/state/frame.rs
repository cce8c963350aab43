//! One function call in progress (`struct bpf_func_state`).

use super::reg::Reg;
use super::stack::Slot;

/// Registers of a frame.
pub(crate) const MAX_REG: usize = 11;
/// Frames of a state.
pub(crate) const MAX_FRAMES: usize = 8;

/// The values that a function may return, both inclusive (`struct bpf_retval_range`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetvalRange {
    /// The least.
    pub min: i32,
    /// The greatest.
    pub max: i32,
}

/// One function call in progress.
#[derive(Clone, PartialEq, Debug)]
pub struct Frame {
    /// R0 to R10.
    pub regs: [Reg; MAX_REG],
    /// The call that entered it (`BPF_MAIN_FUNC`, -1, for the first).
    pub callsite: i32,
    /// Its number, 0 for the first.
    pub frameno: u32,
    /// The function's number.
    pub subprogno: u32,
    /// Counts timers and workqueues that were started.
    pub async_entry_cnt: u32,
    /// What the callback may return.
    pub callback_ret: RetvalRange,
    /// It is a callback that a helper calls.
    pub in_callback_fn: bool,
    /// It is a callback that runs later.
    pub in_async_callback_fn: bool,
    /// It is the callback of exceptions.
    pub in_exception_callback_fn: bool,
    /// How many times its callback was simulated.
    pub callback_depth: u32,
    /// Its stack: slot 0 is at -8.
    pub stack: Vec<Slot>,
}

impl Frame {
    /// A frame with nothing in its registers and on its stack.
    pub fn new(callsite: i32, frameno: u32, subprogno: u32) -> Frame {
        Frame {
            regs: [Reg::NOT_INIT; MAX_REG],
            callsite,
            frameno,
            subprogno,
            async_entry_cnt: 0,
            callback_ret: RetvalRange { min: 0, max: 0 },
            in_callback_fn: false,
            in_async_callback_fn: false,
            in_exception_callback_fn: false,
            callback_depth: 0,
            stack: Vec::new(),
        }
    }

    /// Bytes of stack that it has so far.
    pub fn allocated_stack(&self) -> i32 {
        (self.stack.len() * super::stack::REG_SIZE) as i32
    }
}
