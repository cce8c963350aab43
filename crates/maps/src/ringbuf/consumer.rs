//! The reader's side of a ring buffer, as libbpf's `ring_buffer` does it.

use skep_abi::Errno;
use skep_memory::Memory;

use super::{BUSY, DISCARD, HEADER_SIZE, RingBuffer, record_len};
use crate::values::own;

/// What the consumer would read next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Head {
    /// Nothing was produced behind the consumer.
    Empty,
    /// A record that is not committed: nothing may be read, though there may be committed records behind it.
    Busy,
    /// A record that was given up, with this many bytes of payload: skipped.
    Discarded {
        /// Bytes of payload.
        len: u32,
    },
    /// A record.
    Sample {
        /// Its address; its bytes are contiguous.
        addr: u64,
        /// Bytes of payload.
        len: u32,
    },
}

impl RingBuffer {
    /// Position of the consumer: bytes that it has read since the map was made.
    pub fn consumer_pos(&self, memory: &Memory) -> Result<u64, Errno> {
        own(memory.load_acquire_u64(self.base))
    }

    /// Sets the consumer's position, as user space does through its mapping. Any value can be stored.
    pub fn set_consumer_pos(&self, memory: &Memory, position: u64) -> Result<(), Errno> {
        own(memory.store_release_u64(self.base, position))
    }

    /// Position of the producer: bytes that were reserved since the map was made.
    pub fn producer_pos(&self, memory: &Memory) -> Result<u64, Errno> {
        own(memory.load_acquire_u64(self.producer()))
    }

    /// What is at the consumer's position.
    pub fn head(&self, memory: &Memory) -> Result<Head, Errno> {
        let consumer = self.consumer_pos(memory)?;
        if consumer >= self.producer_pos(memory)? {
            return Ok(Head::Empty);
        }
        let header = self.data() + (consumer & self.mask() & !7);
        let bits = own(memory.load_acquire_u32(header))?;
        let len = bits & !(BUSY | DISCARD);
        Ok(match bits {
            _ if bits & BUSY != 0 => Head::Busy,
            _ if bits & DISCARD != 0 => Head::Discarded { len },
            _ => Head::Sample { addr: header + HEADER_SIZE, len },
        })
    }

    /// Moves the consumer behind a record with `len` bytes of payload, which [`RingBuffer::head`] has shown.
    pub fn advance(&self, memory: &Memory, len: u32) -> Result<(), Errno> {
        let position = self.consumer_pos(memory)?.wrapping_add(record_len(len));
        self.set_consumer_pos(memory, position)
    }

    /// Takes the next record out, skipping those that were given up. `None`: there is none to read yet.
    pub fn consume(&self, memory: &Memory) -> Result<Option<Vec<u8>>, Errno> {
        // No more records than this fit; pages from outside may claim any number.
        for _ in 0..=self.size / HEADER_SIZE {
            match self.head(memory)? {
                Head::Empty | Head::Busy => break,
                Head::Discarded { len } => self.advance(memory, len)?,
                Head::Sample { addr, len } => {
                    let mut bytes = vec![0; (len as usize).min(self.size as usize)];
                    own(memory.peek(addr, &mut bytes))?;
                    self.advance(memory, len)?;
                    return Ok(Some(bytes));
                }
            }
        }
        Ok(None)
    }
}
