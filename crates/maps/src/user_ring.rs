//! USER_RINGBUF: records from user space to programs (kernel/bpf/ringbuf.c, `__bpf_user_ringbuf_peek`).
//!
//! The pages are laid out as those of a RINGBUF; here user space is the producer.

use skep_abi::Errno;
use skep_memory::{Memory, ObjectKind, Origin, Rights, Site};

use crate::backing::{Backing, RingPages};
use crate::handle::Displaced;
use crate::ringbuf::{BUSY, DISCARD, HEADER_SIZE, PAGE_SIZE, check};
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};
use crate::values::{no_room, own};

/// The longest record that fits a dynptr (`DYNPTR_MAX_SIZE`).
const RECORD_MAX: u32 = (1 << 24) - 1;

/// A ring whose producer is user space.
#[derive(Clone, Debug)]
pub struct UserRing {
    base: u64,
    /// Bytes of data, a power of two.
    size: u64,
    origin: Origin,
}

/// What a program finds next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sample {
    /// A record: the address of its payload, and the bytes of it.
    Ready(u64, u32),
    /// A record that its producer gave up: it was passed over.
    Discarded,
}

fn record_len(size: u32) -> u64 {
    (u64::from(size) + HEADER_SIZE).next_multiple_of(8)
}

impl UserRing {
    fn consumer(&self, memory: &Memory) -> Result<u64, Errno> {
        own(memory.peek_u64(self.base))
    }

    fn producer(&self, memory: &Memory) -> Result<u64, Errno> {
        own(memory.peek_u64(self.base + PAGE_SIZE))
    }

    fn at(&self, position: u64) -> u64 {
        self.base + 2 * PAGE_SIZE + (position & (self.size - 1))
    }

    /// Appends a record as a user space producer does (libbpf's `user_ring_buffer__reserve` and `submit`).
    ///
    /// # Errors
    /// -E2BIG: no ring of this size could hold it. -ENOSPC: there is no room until a program drained some.
    pub fn push(&self, memory: &Memory, data: &[u8]) -> Result<(), Errno> {
        self.append(memory, data, 0)
    }

    /// Appends a record that is given up at once: programs do not see it.
    ///
    /// # Errors
    /// As for [`UserRing::push`].
    pub fn push_discarded(&self, memory: &Memory, data: &[u8]) -> Result<(), Errno> {
        self.append(memory, data, DISCARD)
    }

    /// Appends a record that its producer still writes: programs stop at it.
    ///
    /// # Errors
    /// As for [`UserRing::push`].
    pub fn push_busy(&self, memory: &Memory, data: &[u8]) -> Result<(), Errno> {
        self.append(memory, data, BUSY)
    }

    fn append(&self, memory: &Memory, data: &[u8], flags: u32) -> Result<(), Errno> {
        let size = u32::try_from(data.len()).ok().filter(|size| *size < DISCARD).ok_or(Errno::E2BIG)?;
        let len = record_len(size);
        if len > self.size {
            return Err(Errno::E2BIG);
        }
        let (from, to) = (self.consumer(memory)?, self.producer(memory)?);
        if to.wrapping_sub(from) > self.size - len {
            return Err(Errno::ENOSPC);
        }
        let header = self.at(to);
        // A record goes on behind the end of the data, where its start is seen again.
        own(memory.poke(header + HEADER_SIZE, data))?;
        own(memory.poke_u64(header, u64::from(size | flags)))?;
        own(memory.poke_u64(self.base + PAGE_SIZE, to + len))
    }

    /// Moves the producer's position, as a producer with errors of its own may do.
    ///
    /// # Errors
    /// None but for a ring that is gone.
    pub fn set_producer(&self, memory: &Memory, position: u64) -> Result<(), Errno> {
        own(memory.poke_u64(self.base + PAGE_SIZE, position))
    }

    /// The next record, if there is one that is complete. It is accessible to programs until it is released.
    ///
    /// # Errors
    /// -EINVAL: the producer's position is none, or its record leaves what it says is there. -E2BIG: the record is
    /// larger than the ring, or than a dynptr.
    pub fn peek(&self, memory: &Memory, site: Option<Site>) -> Result<Option<Sample>, Errno> {
        let (from, to) = (self.consumer(memory)?, self.producer(memory)?);
        if to % 8 != 0 {
            return Err(Errno::EINVAL);
        }
        if from >= to {
            return Ok(None);
        }
        let header = own(memory.peek_u32(self.at(from)))?;
        let size = header & !(BUSY | DISCARD);
        // The kernel counts in 32 bits.
        let len = u64::from(size.wrapping_add(HEADER_SIZE as u32 + 7) & !7);
        if len > to - from {
            return Err(Errno::EINVAL);
        }
        if len > self.size || size > RECORD_MAX {
            return Err(Errno::E2BIG);
        }
        if header & DISCARD != 0 {
            own(memory.poke_u64(self.base, from + len))?;
            return Ok(Some(Sample::Discarded));
        }
        if header & BUSY != 0 {
            return Ok(None);
        }
        let addr = self.at(from) + HEADER_SIZE;
        if size > 0 {
            let origin = Origin { site, ..self.origin.clone() };
            memory.carve(addr, size as usize, Rights::RW, origin);
        }
        Ok(Some(Sample::Ready(addr, size)))
    }

    /// Gives the record back that [`UserRing::peek`] answered (`__bpf_user_ringbuf_sample_release`).
    ///
    /// # Errors
    /// None but for a ring that is gone.
    pub fn release(&self, memory: &Memory, addr: u64, size: u32, site: Option<Site>) -> Result<(), Errno> {
        if size > 0 {
            memory.uncarve(addr, site);
        }
        let from = self.consumer(memory)?;
        own(memory.poke_u64(self.base, from + record_len(size)))
    }

    /// Bytes that wait for a program.
    ///
    /// # Errors
    /// None but for a ring that is gone.
    pub fn waiting(&self, memory: &Memory) -> Result<u64, Errno> {
        Ok(self.producer(memory)?.wrapping_sub(self.consumer(memory)?))
    }
}

impl Storage for UserRing {
    /// `ringbuf_map_alloc`.
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        check(spec)
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, backing: Backing<'_>) -> Result<UserRing, CreateError> {
        let size = u64::from(spec.max_entries);
        let origin = Origin::new(ObjectKind::Ring, spec.name.as_str());
        let pages = backing.ring(cx.memory, 2 * PAGE_SIZE as usize, size as usize, origin);
        let RingPages { base, .. } = pages.map_err(|why| no_room(spec, &why))?;
        Ok(UserRing { base, size, origin: Origin::new(ObjectKind::RingRecord, spec.name.as_str()) })
    }

    fn mappable(_spec: &MapSpec) -> bool {
        true
    }

    fn shared_len(spec: &MapSpec) -> u64 {
        2 * PAGE_SIZE + u64::from(spec.max_entries)
    }

    fn pages(&self) -> Option<u64> {
        Some(self.base)
    }

    fn lookup(&self, _cx: &Cx<'_>, _key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn read(&self, _cx: &Cx<'_>, _key: &[u8]) -> Result<Vec<u8>, Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn update(&mut self, _cx: &Cx<'_>, _change: Change<'_>, _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn delete(&mut self, _cx: &Cx<'_>, _key: &[u8], _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn next_key(&self, _key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn user_ring(&self) -> Option<&UserRing> {
        Some(self)
    }

    fn release(&mut self, memory: &Memory, _out: &mut Displaced) {
        memory.free(self.base);
    }
}
