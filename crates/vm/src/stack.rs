//! The stack area of one invocation: frames with gaps between them.

use skep_memory::{Arena, Fault, Memory, NoMemory, ObjectKind, Origin, Rights};

use crate::threaded::is_accessible;

/// Bytes of one stack frame (`MAX_BPF_STACK`); r10 points behind the last.
pub const FRAME_BYTES: usize = 512;
/// How many frames one program may stack by calls and callbacks (`MAX_CALL_FRAMES`).
pub const MAX_FRAMES: usize = 8;
/// How many tail calls one invocation may make (`MAX_TAIL_CALL_CNT`).
pub const MAX_TAIL_CALLS: u32 = 33;

/// A tail call out of a subprogram leaves the frames below it, and the program it starts has [`MAX_FRAMES`] of its own.
const FRAMES: usize = MAX_FRAMES + MAX_TAIL_CALLS as usize * (MAX_FRAMES - 1);
/// Distance of two frames: what lies between them belongs to nobody.
const STRIDE: usize = 2 * FRAME_BYTES;

/// A stack area in a [`Memory`], for one machine at a time.
///
/// It is large enough for every chain of calls and tail calls that the limits allow. Frames become accessible as they
/// are entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stack {
    base: u64,
}

impl Stack {
    /// Reserves a stack area.
    ///
    /// # Errors
    /// [`NoMemory`] if the window's stack arena is full.
    pub fn new(memory: &Memory) -> Result<Stack, NoMemory> {
        let origin = Origin { kind: ObjectKind::Stack, name: "stack".into(), site: None };
        let base = memory.alloc_array(Arena::Stack, FRAME_BYTES, STRIDE, FRAMES, Rights::RW, origin)?;
        Ok(Stack { base })
    }

    /// Gives the area back to its memory.
    pub fn free(self, memory: &Memory) {
        memory.free(self.base);
    }

    /// The lowest address of a frame, counted from the entry function's.
    fn bottom(self, index: usize) -> u64 {
        self.base + (index * STRIDE) as u64
    }

    /// What r10 is in a frame.
    pub(crate) fn top(self, index: usize) -> u64 {
        self.bottom(index) + FRAME_BYTES as u64
    }

    /// Makes a frame accessible, with these bytes.
    pub(crate) fn open(self, memory: &Memory, index: usize, bytes: &[u8; FRAME_BYTES]) -> Result<(), Fault> {
        memory.grant(self.bottom(index));
        memory.write(self.bottom(index), bytes)
    }

    /// Takes a frame's bytes away from the program.
    pub(crate) fn close(self, memory: &Memory, index: usize) {
        memory.revoke(self.bottom(index));
    }

    /// Whether a frame is one that only tail calls out of subprograms lead to. These are always opened, so that
    /// [`Stack::close_leftovers`] finds them without looking at all.
    pub(crate) fn is_deep(index: usize) -> bool {
        index >= MAX_FRAMES - 1
    }

    /// Closes what a machine left open from a frame on: one that did not finish.
    pub(crate) fn close_leftovers(self, memory: &Memory, from: usize) {
        for index in from..FRAMES {
            if is_accessible(memory, self.bottom(index)) {
                self.close(memory, index);
            } else if Stack::is_deep(index) {
                break;
            }
        }
    }
}
