//! RINGBUF: one ring of variable-sized records from programs to user space (kernel/bpf/ringbuf.c).
//!
//! The pages are those that the kernel maps to user space, in the same order and with the same bytes:
//!
//! | offset | content |
//! |---|---|
//! | 0 | consumer position (u64), alone in its page |
//! | 1 page | producer position (u64), pending position (u64) |
//! | 2 pages | data: records of 8-byte header and payload, each padded to 8 |
//! | 2 pages + size | the data again, so that a record that wraps is contiguous |

mod consumer;
#[cfg(test)]
mod tests;

use std::cell::RefCell;

use skep_abi::Errno;
use skep_abi::flags::{
    BPF_F_NUMA_NODE, BPF_RB_AVAIL_DATA, BPF_RB_CONS_POS, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP,
    BPF_RB_PROD_POS, BPF_RB_RING_SIZE,
};
use skep_memory::{Memory, ObjectKind, Origin, Rights, Site};

pub use consumer::Head;

use crate::backing::{Backing, RingPages};
use crate::handle::Displaced;
use crate::rules::{self, invalid};
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};
use crate::values::{no_room, own};

/// Bytes of a page in the layout.
pub const PAGE_SIZE: u64 = 4096;
/// Bytes of a record's header: length and flags, then the record's page number.
pub const HEADER_SIZE: u64 = 8;
/// Header flag: the record is reserved and not committed.
pub(crate) const BUSY: u32 = 1 << 31;
/// Header flag: the record was given up, and readers skip it.
pub(crate) const DISCARD: u32 = 1 << 30;
/// The longest payload (`RINGBUF_MAX_RECORD_SZ`).
const RECORD_MAX: u64 = u32::MAX as u64 / 4;
/// Pages in front of the data as headers count them: the kernel's own page, and both position pages.
const META_PAGES: u64 = 3;

/// Why a record could not be reserved. A program sees NULL, or -EAGAIN from `bpf_ringbuf_output`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// `bpf_ringbuf_reserve` takes no flags.
    Flags,
    /// No ring of this size could ever hold the record.
    TooBig,
    /// The consumer, or a record that is not committed, is too far behind.
    Full,
}

/// A ring buffer map. All methods take `&self`: the state is in simulated memory, where user space sees it too.
#[derive(Clone, Debug)]
pub struct RingBuffer {
    /// The consumer page.
    base: u64,
    /// Bytes of data, a power of two.
    size: u64,
    /// Whether the data behind the end is the same memory as that at the start. Otherwise it is copied.
    mirrored: bool,
    /// Address and size of each record that is reserved and not committed.
    reserved: RefCell<Vec<(u64, u32)>>,
    /// What reports call a record.
    origin: Origin,
}

/// The place of a record that does not exist yet.
#[derive(Clone, Copy)]
struct Claim {
    /// The address of its header.
    header: u64,
    /// Bytes of payload.
    size: u32,
    /// The page number that its header names.
    page: u32,
    /// The producer's position behind it.
    end: u64,
}

impl Claim {
    /// The header: length and `flags`, page number.
    fn header_word(&self, flags: u32) -> u64 {
        u64::from(self.size | flags) | u64::from(self.page) << 32
    }
}

impl RingBuffer {
    /// Reserves `size` bytes for a program (`bpf_ringbuf_reserve`): their address, accessible until they are committed.
    /// `site` is the instruction that did it, for reports.
    pub fn reserve(
        &self,
        memory: &Memory,
        size: u64,
        flags: u64,
        site: Option<Site>,
    ) -> Result<u64, Refused> {
        if flags != 0 {
            return Err(Refused::Flags);
        }
        let claim = self.claim(memory, size)?;
        // Memory of our own does not fail; if it did, the ring would be as good as full.
        self.open(memory, claim, site).map_err(|_| Refused::Full)
    }

    /// Finds the place of a new record (`__bpf_ringbuf_reserve`). Neither the consumer nor the oldest record that is
    /// not committed may be `self.size` bytes or more behind its end. Changes nothing but the pending position.
    fn claim(&self, memory: &Memory, size: u64) -> Result<Claim, Refused> {
        if size > RECORD_MAX {
            return Err(Refused::TooBig);
        }
        let len = record_len(size as u32);
        if len > self.size {
            return Err(Refused::TooBig);
        }
        let (consumer, start, pending) = self.positions(memory).map_err(|_| Refused::Full)?;
        let end = start.wrapping_add(len);
        let fits = |from: u64| end.wrapping_sub(from) <= self.mask();
        if !fits(consumer) || !fits(pending) {
            return Err(Refused::Full);
        }
        let offset = start & self.mask() & !7;
        let page = META_PAGES + offset / PAGE_SIZE;
        Ok(Claim { header: self.data() + offset, size: size as u32, page: page as u32, end })
    }

    /// The consumer's and the producer's position, and that of the oldest record that is not committed.
    fn positions(&self, memory: &Memory) -> Result<(u64, u64, u64), Errno> {
        let consumer = self.consumer_pos(memory)?;
        let producer = own(memory.peek_u64(self.producer()))?;
        let before = own(memory.peek_u64(self.pending()))?;
        let mut pending = before;
        // No record is longer than the ring: past that, the pages are not what we wrote.
        while pending != producer && producer.wrapping_sub(pending) <= self.size {
            let header = own(memory.peek_u32(self.data() + (pending & self.mask() & !7)))?;
            if header & BUSY != 0 {
                break;
            }
            pending = pending.wrapping_add(record_len(header & !DISCARD));
        }
        if pending != before {
            own(memory.poke_u64(self.pending(), pending))?;
        }
        Ok((consumer, producer, pending))
    }

    /// Puts a record in its place, busy, and lets programs into its payload: the payload's address.
    fn open(&self, memory: &Memory, claim: Claim, site: Option<Site>) -> Result<u64, Errno> {
        let record = claim.header + HEADER_SIZE;
        own(memory.poke_u64(claim.header, claim.header_word(BUSY)))?;
        self.copy_overhang(memory, claim.header, claim.size, Wrap::Out)?;
        if claim.size > 0 {
            let mut origin = self.origin.clone();
            origin.site = site;
            memory.carve(record, claim.size as usize, Rights::RW, origin);
        }
        self.reserved.borrow_mut().push((record, claim.size));
        own(memory.store_release_u64(self.producer(), claim.end))?;
        Ok(record)
    }

    /// Copies the part of a record that lies past the end of the data to where it wraps to, or from there. Both are
    /// the same bytes to a reader.
    fn copy_overhang(&self, memory: &Memory, header: u64, size: u32, way: Wrap) -> Result<(), Errno> {
        let end = self.data() + self.size;
        let over = (header + HEADER_SIZE + u64::from(size)).saturating_sub(end);
        if over == 0 || self.mirrored {
            return Ok(());
        }
        let (from, to) = if way == Wrap::Out { (self.data(), end) } else { (end, self.data()) };
        let mut bytes = vec![0; over as usize];
        own(memory.peek(from, &mut bytes))?;
        own(memory.poke(to, &bytes))
    }

    /// Hands a reserved record over to the reader, or gives it up (`bpf_ringbuf_submit`, `bpf_ringbuf_discard`). Says
    /// whether sleeping readers would be woken.
    ///
    /// # Errors
    /// -EINVAL: `addr` is not that of a reserved record of this ring; nothing happened.
    pub fn commit(&self, memory: &Memory, addr: u64, flags: u64, discard: bool) -> Result<bool, Errno> {
        self.commit_at(memory, addr, flags, discard, None)
    }

    /// The same, by an instruction that reports of a later access will name.
    ///
    /// # Errors
    /// As for [`RingBuffer::commit`].
    pub fn commit_at(
        &self,
        memory: &Memory,
        addr: u64,
        flags: u64,
        discard: bool,
        site: Option<Site>,
    ) -> Result<bool, Errno> {
        let at =
            self.reserved.borrow().iter().rposition(|&(record, _)| record == addr).ok_or(Errno::EINVAL)?;
        let (_, size) = self.reserved.borrow_mut().swap_remove(at);
        let header = addr - HEADER_SIZE;
        memory.uncarve(addr, site);
        self.copy_overhang(memory, header, size, Wrap::Back)?;
        let flag = if discard { DISCARD } else { 0 };
        own(memory.store_release_u32(header, size | flag))?;
        self.wakes(memory, header, flags)
    }

    /// Whether a reader who waits for the record at `header` is woken: it is at its position, or `flags` force it.
    fn wakes(&self, memory: &Memory, header: u64, flags: u64) -> Result<bool, Errno> {
        let consumer = self.consumer_pos(memory)? & self.mask();
        let waited_for = consumer == header - self.data();
        Ok(flags & BPF_RB_FORCE_WAKEUP != 0 || (waited_for && flags & BPF_RB_NO_WAKEUP == 0))
    }

    /// Reserves, copies and commits (`bpf_ringbuf_output`). Says whether sleeping readers would be woken.
    ///
    /// # Errors
    /// -EINVAL: unknown flags. -EAGAIN: no room.
    pub fn output(&self, memory: &Memory, data: &[u8], flags: u64) -> Result<bool, Errno> {
        if flags & !(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP) != 0 {
            return Err(Errno::EINVAL);
        }
        let claim = self.claim(memory, data.len() as u64).map_err(|_| Errno::EAGAIN)?;
        own(memory.poke_u64(claim.header, claim.header_word(0)))?;
        own(memory.poke(claim.header + HEADER_SIZE, data))?;
        self.copy_overhang(memory, claim.header, claim.size, Wrap::Back)?;
        own(memory.store_release_u64(self.producer(), claim.end))?;
        self.wakes(memory, claim.header, flags)
    }

    /// `bpf_ringbuf_query`: what `flag` asks for, 0 for an unknown one.
    pub fn query(&self, memory: &Memory, flag: u64) -> u64 {
        let (consumer, producer) = (self.consumer_pos(memory), self.producer_pos(memory));
        let (consumer, producer) = (consumer.unwrap_or(0), producer.unwrap_or(0));
        match flag {
            BPF_RB_AVAIL_DATA => producer.wrapping_sub(consumer),
            BPF_RB_RING_SIZE => self.size,
            BPF_RB_CONS_POS => consumer,
            BPF_RB_PROD_POS => producer,
            _ => 0,
        }
    }

    /// Whether `addr` is that of a record which is reserved and not committed.
    pub fn is_reserved(&self, addr: u64) -> bool {
        self.reserved.borrow().iter().any(|&(record, _)| record == addr)
    }

    /// Bytes of the data area.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The address of the consumer page, the first of the pages that user space maps.
    pub fn pages(&self) -> u64 {
        self.base
    }

    /// The address of the data area.
    pub fn data(&self) -> u64 {
        self.base + 2 * PAGE_SIZE
    }

    fn producer(&self) -> u64 {
        self.base + PAGE_SIZE
    }

    fn pending(&self) -> u64 {
        self.producer() + 8
    }

    fn mask(&self) -> u64 {
        self.size - 1
    }
}

/// Which way bytes behind the end of the data are copied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrap {
    /// From the start of the data to behind its end, for a new record.
    Out,
    /// Back to the start, for a record that is done.
    Back,
}

/// Bytes that a record with this payload takes, header and padding included. The sum is made in 32 bits, as in the
/// kernel.
fn record_len(payload: u32) -> u64 {
    u64::from(payload.wrapping_add(HEADER_SIZE as u32).wrapping_add(7) & !7)
}

/// `ringbuf_map_alloc`, for rings both ways.
pub(crate) fn check(spec: &MapSpec) -> Result<(), CreateError> {
    rules::flags_within(spec, BPF_F_NUMA_NODE)?;
    if spec.key_size != 0 || spec.value_size != 0 {
        return Err(invalid("key_size and value_size of a ring buffer are 0"));
    }
    if !spec.max_entries.is_power_of_two() || !u64::from(spec.max_entries).is_multiple_of(PAGE_SIZE) {
        let text = "max_entries {}: the size of a ring buffer is a power of two and whole pages";
        return Err(invalid(text.replace("{}", &spec.max_entries.to_string())));
    }
    Ok(())
}

impl Storage for RingBuffer {
    /// `ringbuf_map_alloc`.
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        check(spec)
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, backing: Backing<'_>) -> Result<RingBuffer, CreateError> {
        let size = u64::from(spec.max_entries);
        let origin = Origin::new(ObjectKind::Ring, spec.name.as_str());
        let pages = backing.ring(cx.memory, 2 * PAGE_SIZE as usize, size as usize, origin);
        let RingPages { base, mirrored } = pages.map_err(|why| no_room(spec, &why))?;
        let origin = Origin::new(ObjectKind::RingRecord, spec.name.as_str());
        Ok(RingBuffer { base, size, mirrored, reserved: RefCell::default(), origin })
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

    fn ring(&self) -> Option<&RingBuffer> {
        Some(self)
    }

    fn release(&mut self, memory: &Memory, _out: &mut Displaced) {
        memory.free(self.base);
    }
}
