//! The ring of a perf event: a header page and a power of two of data pages, as `mmap` of the event's fd shows them.

use skep_abi::Errno;
use skep_abi::ctx::Field;
use skep_abi::uapi::perf_event_mmap_page as page;
use skep_memory::{Arena, Memory, ObjectKind, Origin, PageFile, Rights};

/// Bytes of a page.
pub(super) const PAGE: u64 = 4096;

/// Where a mapped ring is, and access to it as user space has: read records between tail and head, then move the tail.
///
/// Positions count bytes since the ring was made; they wrap in the ring, not in their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerfRing {
    addr: u64,
    data_size: u64,
}

impl PerfRing {
    /// The simulated address of the header page (`struct perf_event_mmap_page`).
    pub fn addr(&self) -> u64 {
        self.addr
    }

    /// The simulated address of the data pages.
    pub fn data_addr(&self) -> u64 {
        self.addr + PAGE
    }

    /// Bytes of data pages: a power of two of pages, or 0.
    pub fn data_size(&self) -> u64 {
        self.data_size
    }

    fn field(&self, field: &Field) -> u64 {
        self.addr + field.offset as u64
    }

    /// Where the kernel writes next.
    pub fn data_head(&self, memory: &Memory) -> u64 {
        memory.load_acquire_u64(self.field(&page::data_head)).unwrap_or(0)
    }

    /// Where the reader reads next.
    pub fn data_tail(&self, memory: &Memory) -> u64 {
        memory.load_acquire_u64(self.field(&page::data_tail)).unwrap_or(0)
    }

    /// Tells the kernel that everything before `tail` was read.
    pub fn set_data_tail(&self, memory: &Memory, tail: u64) {
        // A ring that is gone has no reader to tell.
        let _ = memory.store_release_u64(self.field(&page::data_tail), tail);
    }

    /// Copies `out.len()` bytes from a position, around the end of the ring if need be. False if there are no data
    /// pages, `out` is longer than they are, or the ring is gone.
    pub fn read_at(&self, memory: &Memory, position: u64, out: &mut [u8]) -> bool {
        if out.len() as u64 > self.data_size {
            return false;
        }
        self.pieces(position, out.len()).is_some_and(|pieces| {
            pieces.into_iter().all(|(addr, range)| memory.peek(addr, &mut out[range]).is_ok())
        })
    }

    /// The at most two runs of addresses that `len` bytes from a position occupy. The caller keeps `len` within the
    /// data pages.
    fn pieces(&self, position: u64, len: usize) -> Option<[(u64, std::ops::Range<usize>); 2]> {
        let at = position.checked_rem(self.data_size)?;
        let first = len.min((self.data_size - at) as usize);
        Some([(self.data_addr() + at, 0..first), (self.data_addr(), first..len)])
    }

    /// Writes bytes at a position and says where they end. More than the ring holds overwrites itself, as the kernel's
    /// page-wise copy does.
    fn write_at(&self, memory: &Memory, mut position: u64, bytes: &[u8]) -> u64 {
        for chunk in bytes.chunks(self.data_size.max(1) as usize) {
            for (addr, range) in self.pieces(position, chunk.len()).into_iter().flatten() {
                // The pages live as long as the ring.
                let _ = memory.poke(addr, &chunk[range]);
            }
            position = position.wrapping_add(chunk.len() as u64);
        }
        position
    }
}

/// The kernel's side of a ring (`struct perf_buffer`).
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    pub(crate) ring: PerfRing,
    /// Where the next record goes.
    head: u64,
    /// Samples that found no room since the last record that did.
    lost: u64,
    /// Bytes after which readers are woken.
    watermark: u64,
    /// Where the last wake-up for a watermark was.
    wakeup: u64,
    /// Samples since the last wake-up for a number of events.
    events: u64,
    /// Nobody reads along: what is old is written over.
    overwrite: bool,
    /// Nothing is written until somebody says so.
    paused: bool,
    /// A reader should be woken: `poll` of the fd would say so.
    pub(crate) poll: bool,
}

/// What goes into a ring at once.
pub(crate) struct Entry<'a> {
    /// The record to put before, if samples were lost: its size is known beforehand, its content is not.
    pub(crate) lost_size: usize,
    /// Makes that record from the count.
    pub(crate) lost: &'a dyn Fn(u64) -> Vec<u8>,
    /// The sample.
    pub(crate) sample: &'a super::record::Sample,
}

impl Buffer {
    /// Makes a ring of `pages` data pages, none or a power of two, and fills its header page in
    /// (`perf_event_init_userpage`). `watermark` is in bytes; 0 means half of the ring.
    /// The pages are a file's, if there is one.
    pub(crate) fn new(
        memory: &Memory,
        name: &str,
        pages: u64,
        watermark: u32,
        file: Option<&PageFile>,
    ) -> Result<Buffer, Errno> {
        let data_size = pages * PAGE;
        let origin = Origin::new(ObjectKind::Ring, name);
        let bytes = (PAGE + data_size) as usize;
        let addr = match file {
            Some(file) => memory.map_file(Arena::Pages, file, bytes, Rights::NONE, origin),
            None => memory.alloc(Arena::Pages, bytes, PAGE as usize, Rights::NONE, origin),
        };
        let addr = addr.map_err(|_| Errno::ENOMEM)?;
        let ring = PerfRing { addr, data_size };
        // One update under the sequence lock; `cap_bit0_is_deprecated`; where `__reserved` starts.
        let header = [
            (&page::lock, 2),
            (&page::capabilities, 2),
            (&page::size, 0x60),
            (&page::data_offset, PAGE),
            (&page::data_size, data_size),
        ];
        for (field, value) in header {
            let bytes = value.to_le_bytes();
            memory.poke(ring.field(field), &bytes[..field.size()]).map_err(|_| Errno::ENOMEM)?;
        }
        let half = data_size / 2;
        let watermark = if watermark == 0 { half } else { u64::from(watermark).min(data_size) };
        Ok(Buffer {
            ring,
            head: 0,
            lost: 0,
            watermark,
            wakeup: 0,
            events: 0,
            overwrite: false,
            paused: data_size == 0,
            poll: false,
        })
    }

    /// A ring that was first mapped read-only: no reader moves the tail, so that there always is room.
    pub(crate) fn overwriting(self, overwrite: bool) -> Buffer {
        Buffer { overwrite, ..self }
    }

    /// Whether there are data pages.
    pub(crate) fn has_pages(&self) -> bool {
        self.ring.data_size > 0
    }

    /// Stops or starts what is written (`rb_toggle_paused`).
    pub(crate) fn pause(&mut self, paused: bool) {
        self.paused = paused || !self.has_pages();
    }

    /// Whether there is room: one byte stays free, so that a full ring is not an empty one (`ring_buffer_has_space`).
    fn has_space(&self, memory: &Memory, needed: u64, backward: bool) -> bool {
        let (mut head, mut tail) = (self.head, self.ring.data_tail(memory));
        if backward {
            (head, tail) = (tail, head);
        }
        self.overwrite || tail.wrapping_sub(head.wrapping_add(1)) & (self.ring.data_size - 1) >= needed
    }

    /// Puts a sample into the ring (`__perf_output_begin` and what follows it, `kernel/events/ring_buffer.c`).
    /// `wakeup_events` samples wake a reader, 0 never. Answers whether this one did.
    ///
    /// # Errors
    /// `ENOSPC`: no room between head and tail, a pause, or no data pages. The sample counts as lost.
    pub(crate) fn output(
        &mut self,
        memory: &Memory,
        entry: &Entry<'_>,
        wakeup_events: u32,
        backward: bool,
    ) -> Result<bool, Errno> {
        let lost_size = if self.lost > 0 { entry.lost_size as u64 } else { 0 };
        let needed = lost_size + u64::from(entry.sample.size);
        if self.paused || !self.has_space(memory, needed, backward) {
            self.lost += u64::from(self.has_pages());
            return Err(Errno::ENOSPC);
        }
        let mut position = self.head;
        if backward {
            position = position.wrapping_sub(needed);
            self.head = position;
        } else {
            self.head = position.wrapping_add(needed);
        }
        let woken = self.wakeup;
        let written = if backward { self.head.wrapping_neg() } else { self.head };
        if written.wrapping_sub(self.wakeup) > self.watermark {
            self.wakeup = self.wakeup.wrapping_add(self.watermark);
        }
        if self.lost > 0 {
            let record = (entry.lost)(std::mem::take(&mut self.lost));
            position = self.ring.write_at(memory, position, &record);
        }
        // Padding is skipped, not written: it shows what was there before.
        self.ring.write_at(memory, position, &entry.sample.bytes);
        let _ = memory.store_release_u64(self.ring.field(&page::data_head), self.head);
        self.count(wakeup_events);
        let wakes = self.wakeup != woken;
        self.poll |= wakes;
        Ok(wakes)
    }

    /// Counts a sample, and has a reader woken if it was as many as those.
    fn count(&mut self, wakeup_events: u32) {
        if wakeup_events > 0 {
            self.events += 1;
            if self.events >= u64::from(wakeup_events) {
                self.events -= u64::from(wakeup_events);
                self.wakeup = self.wakeup.wrapping_add(1);
            }
        }
    }

    /// Gives the pages back.
    pub(crate) fn free(self, memory: &Memory) {
        memory.free(self.ring.addr);
    }
}
