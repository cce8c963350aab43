//! The memory behind arguments: strings and arrays that a program is given.
//!
//! A program may keep a pointer for a later one, as entry and exit probes do, so memory outlives the firing it was made
//! for: until some thousands of firings later.

use crate::world::{Piece, World};
use skep_memory::{Arena, Memory, ObjectKind, Origin, Rights, UserRanges};
use std::collections::VecDeque;

/// How much is kept, in bytes of each kind of memory.
const KEPT: usize = 8 << 20;
/// Where user memory for arguments starts, and how much of it is mapped at a time: programs read on behind a string, as
/// they may in a process.
const USER_START: u64 = 0x7f5e_0000_0000;
const CHUNK: u64 = 1 << 16;
/// The least that is allocated for something in the kernel, as slabs have it.
const KERNEL_LEAST: usize = 64;

/// What was made for arguments, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Keep {
    kernel: VecDeque<(u64, usize)>,
    kernel_bytes: usize,
    /// Memory of kernel objects and what they point to.
    pieces: VecDeque<Piece>,
    piece_bytes: u64,
    chunks: VecDeque<u64>,
    /// The next free byte of the last chunk, and its end.
    user_next: u64,
    user_end: u64,
}

impl Keep {
    /// Drops what is too old.
    pub(crate) fn next_firing(&mut self, memory: &Memory, user: &mut UserRanges, world: &mut World) {
        while self.piece_bytes > KEPT as u64 {
            let Some(piece) = self.pieces.pop_front() else { break };
            self.piece_bytes -= piece.len;
            world.end(piece, memory, user);
        }
        while self.kernel_bytes > KEPT {
            let Some((addr, len)) = self.kernel.pop_front() else { break };
            memory.free(addr);
            self.kernel_bytes -= len;
        }
        while self.chunks.len() > KEPT / CHUNK as usize {
            let Some(addr) = self.chunks.pop_front() else { break };
            user.remove(addr);
        }
    }

    /// Takes memory of kernel objects, to end it when it is too old.
    pub(crate) fn objects(&mut self, pieces: Vec<Piece>) {
        self.piece_bytes += pieces.iter().map(|it| it.len).sum::<u64>();
        self.pieces.extend(pieces);
    }

    /// Puts bytes into kernel memory, with zeros behind them.
    pub(crate) fn kernel(&mut self, memory: &Memory, name: &str, bytes: &[u8]) -> Result<u64, String> {
        let len = bytes.len().max(KERNEL_LEAST).next_multiple_of(8);
        let origin = Origin::new(ObjectKind::KernelObject, name);
        let addr =
            memory.alloc(Arena::Kernel, len, 16, Rights::RO, origin).map_err(|error| error.to_string())?;
        memory.poke(addr, bytes).map_err(|error| error.to_string())?;
        self.kernel.push_back((addr, len));
        self.kernel_bytes += len;
        Ok(addr)
    }

    /// Puts bytes into user memory, with zeros behind them.
    pub(crate) fn user(&mut self, user: &mut UserRanges, bytes: &[u8]) -> Result<u64, String> {
        let len = (bytes.len() as u64 + 1).next_multiple_of(16);
        if self.user_end - self.user_next < len {
            let start = self.user_end.max(USER_START);
            let size = len.next_multiple_of(CHUNK);
            user.insert(start, vec![0; size as usize]).map_err(|error| error.to_string())?;
            self.chunks.push_back(start);
            // A chunk of its own, so that a page lies between it and the one before.
            (self.user_next, self.user_end) = (start, start + size);
        }
        let addr = self.user_next;
        self.user_next += len;
        user.write(addr, bytes).map_err(|error| error.to_string())?;
        Ok(addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_for_a_while_and_not_for_ever() {
        let memory = Memory::new().unwrap();
        let (mut keep, mut user) = (Keep::default(), UserRanges::new());
        let first = keep.kernel(&memory, "x", b"abc").unwrap();
        let first_user = keep.user(&mut user, b"abc").unwrap();
        for _ in 0..5 {
            keep.kernel(&memory, "x", &vec![1; 2 << 20]).unwrap();
            keep.user(&mut user, &vec![1; 1 << 10]).unwrap();
        }
        let mut byte = [0];
        assert!(memory.peek(first, &mut byte).is_ok());
        keep.next_firing(&memory, &mut user, &mut World::default());
        assert!(memory.peek(first, &mut byte).is_err());
        let mut text = [0; 8];
        assert_eq!(user.read_str(first_user, &mut text), Ok(4));
        for _ in 0..200 {
            keep.user(&mut user, &vec![1; 1 << 16]).unwrap();
        }
        keep.next_firing(&memory, &mut user, &mut World::default());
        assert!(user.read_str(first_user, &mut text).is_err());
    }
}
