//! Values of slots: chunks of simulated memory that are never moved or given back while the map lives.

use skep_abi::Errno;
use skep_memory::Memory;

use crate::spec::MapSpec;
use crate::values::{Request, Values};

/// Bytes of values in one chunk, unless a single element needs more.
const CHUNK: usize = 64 << 10;

/// The values of a hash map by slot, `copies` (one for each CPU, or one) side by side.
#[derive(Clone, Debug)]
pub(crate) struct Slab {
    chunks: Vec<u64>,
    /// Slots of a chunk: `1 << shift`.
    shift: u32,
    /// Bytes from one slot to the next.
    step: u64,
    copies: u32,
    stride: u64,
    /// Slots below this are accessible to programs.
    granted: u32,
    request: Request,
    /// Bytes of the host that a slot takes beside its values: its key, and its places in table, order and lists.
    beside: u64,
}

/// Those without the key.
const ENTRY: u64 = 48;

impl Slab {
    /// An empty slab for at most `slots` slots.
    pub(crate) fn new(spec: &MapSpec, slots: u64, copies: u32) -> Slab {
        let step = spec.stride() * u64::from(copies);
        let fit = (CHUNK as u64 / step).clamp(1, slots.max(1));
        Slab {
            chunks: Vec::new(),
            shift: fit.next_power_of_two().trailing_zeros(),
            step,
            copies,
            stride: spec.stride(),
            granted: 0,
            request: Request::of(spec),
            beside: u64::from(spec.key_size) + ENTRY,
        }
    }

    /// The address of the value of a slot that was made (its first copy).
    pub(crate) fn addr(&self, slot: u32) -> u64 {
        let chunk = self.chunks.get((slot >> self.shift) as usize).copied().unwrap_or(0);
        chunk + u64::from(slot & ((1 << self.shift) - 1)) * self.step
    }

    /// Makes the value of a slot; slots are made in the order of their numbers. -ENOMEM when the address space is full,
    /// or the host is to give no more.
    pub(crate) fn make(&mut self, memory: &Memory, values: &Values, slot: u32) -> Result<u64, Errno> {
        while self.chunks.len() <= (slot >> self.shift) as usize {
            let count = u64::from(self.copies) << self.shift;
            let chunk = self.request.alloc(memory, values, count).map_err(|_| Errno::ENOMEM)?;
            self.chunks.push(chunk);
        }
        while self.granted <= slot {
            self.grant_next(memory)?;
        }
        Ok(self.addr(slot))
    }

    fn grant_next(&mut self, memory: &Memory) -> Result<(), Errno> {
        let addr = self.addr(self.granted);
        if !(0..u64::from(self.copies)).all(|copy| memory.grant(addr + copy * self.stride)) {
            return Err(Errno::ENOMEM);
        }
        if !memory.take_outside(self.beside) {
            return Err(Errno::ENOMEM);
        }
        self.granted += 1;
        Ok(())
    }

    /// Frees all chunks.
    pub(crate) fn release(&mut self, memory: &Memory) {
        memory.give_outside(self.beside * u64::from(self.granted));
        for chunk in self.chunks.drain(..) {
            memory.free(chunk);
        }
        self.granted = 0;
    }
}
