//! Mapping the ring of an event (`perf_mmap`).

use super::buffers::{BufferId, Shared};
use super::ring::{Buffer, PAGE, PerfRing};
use crate::mmap::{Mapped, MappedPart, Mmap, PagesKind};
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::uapi::perf_event_mmap_page as page;
use skep_maps::ObjRef;
use skep_memory::PageFile;

impl Sys<'_> {
    /// Maps an event's ring: makes it the first time, and wants the same size afterwards.
    ///
    /// # Errors
    /// `EINVAL`: of a thread on all CPUs whose children inherit the event; private; a number of pages that no ring has,
    /// or another than before. `EBUSY`: the ring is another event's. `ENOMEM`: no room.
    pub(crate) fn perf_map(&mut self, id: ObjRef, request: &Mmap, shared: bool) -> Result<Mapped, Errno> {
        let event = self.core.objects.perf(id).ok_or(Errno::EINVAL)?;
        if (event.place.cpu.is_none() && event.inherited()) || !shared {
            return Err(Errno::EINVAL);
        }
        let pages = request.len / PAGE;
        if pages > i32::MAX as u64 {
            return Err(Errno::ENOMEM);
        }
        if request.offset != 0 {
            return Err(self.no_aux(id, request));
        }
        let ring = self.perf_ring_of(id, pages - 1, request.writes())?;
        let file = self.core.buffer_of(id).and_then(|it| it.file.clone());
        Ok(Mapped { addr: 0, parts: parts(ring, file, request.writes()), writes: false })
    }

    /// The ring of an event, of `pages` data pages, with one mapping more.
    pub(super) fn perf_ring_of(&mut self, id: ObjRef, pages: u64, writable: bool) -> Result<PerfRing, Errno> {
        if pages != 0 && !pages.is_power_of_two() {
            return Err(Errno::EINVAL);
        }
        let ring = match self.core.buffer_of(id) {
            Some(shared) if shared.buffer.ring.data_size() != pages * PAGE => return Err(Errno::EINVAL),
            // Two events would write to one header page.
            Some(_) if self.core.objects.perf(id).is_some_and(|it| it.mappings == 0) => {
                return Err(Errno::EBUSY);
            }
            Some(shared) => shared.buffer.ring,
            None => self.new_ring(id, pages, writable)?,
        };
        if let Some(shared) = self.core.buffer_of_mut(id) {
            shared.mappings += 1;
        }
        if let Some(event) = self.core.objects.perf_mut(id) {
            event.mappings += 1;
        }
        Ok(ring)
    }

    fn new_ring(&mut self, id: ObjRef, pages: u64, writable: bool) -> Result<PerfRing, Errno> {
        let event = self.core.objects.perf(id).ok_or(Errno::EINVAL)?;
        let watermark = event.attr.wakeup().0;
        let name = match event.place.cpu {
            Some(cpu) => format!("perf ring of CPU {cpu}"),
            None => "perf ring".to_owned(),
        };
        let file = self.core.supply(PagesKind::PerfRing, PAGE + pages * PAGE, &name);
        let memory = self.memory;
        let buffer = Buffer::new(memory, &name, pages, watermark, file.as_ref())?.overwriting(!writable);
        let ring = buffer.ring;
        let shared = Shared { buffer, mappings: 0, events: Vec::new(), file };
        let buffer = self.core.buffers.add(shared);
        self.core.attach_buffer(memory, id, Some(buffer));
        Ok(ring)
    }

    /// Why there is nothing behind the ring (`perf_mmap_aux`): no event of this machine has a trace of the hardware's.
    fn no_aux(&self, id: ObjRef, request: &Mmap) -> Errno {
        let Some(shared) = self.core.buffer_of(id) else { return Errno::EINVAL };
        let ring = shared.buffer.ring;
        let said = |field| self.memory.peek_u64(ring.addr() + field).unwrap_or(0);
        let (offset, size) = (said(page::aux_offset.offset as u64), said(page::aux_size.offset as u64));
        let fits = offset >= ring.data_size() + PAGE
            && offset == request.offset
            && size == request.len
            && (request.len / PAGE).is_power_of_two();
        if fits { Errno::EOPNOTSUPP } else { Errno::EINVAL }
    }
}

impl Core {
    /// The ring that a mapping which was just made through an event is of.
    pub(crate) fn buffer_id(&self, event: ObjRef) -> Option<BufferId> {
        self.objects.perf(event)?.buffer
    }

    /// Ends a mapping of a ring through an event (`perf_mmap_close`): an event that is not mapped has no ring, and
    /// neither has any once nobody maps that.
    pub(crate) fn perf_unmap(&mut self, memory: &skep_memory::Memory, id: ObjRef, buffer: BufferId) {
        let Some(shared) = self.buffers.get_mut(buffer) else { return };
        shared.mappings -= 1;
        let rest = if shared.mappings == 0 { shared.events.clone() } else { Vec::new() };
        if let Some(event) = self.objects.perf_mut(id) {
            event.mappings -= 1;
            if event.mappings == 0 {
                self.attach_buffer(memory, id, None);
                rest.into_iter().filter(|it| *it != id).for_each(|it| self.attach_buffer(memory, it, None));
            }
        }
        self.end_buffer(memory, buffer);
    }
}

/// The header page, which user space may write, and the data, which it may not.
fn parts(ring: PerfRing, file: Option<PageFile>, writable: bool) -> Vec<MappedPart> {
    let part = |at: u64, len: u64, writable: bool| MappedPart {
        at,
        len,
        addr: ring.addr() + at,
        writable,
        file: file.as_ref().map(|it| (it.clone(), it.offset() + at)),
    };
    let mut parts = vec![part(0, PAGE, writable)];
    if ring.data_size() > 0 {
        parts.push(part(PAGE, ring.data_size(), false));
    }
    parts
}
