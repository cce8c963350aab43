//! Which event writes to which ring: events share one with `PERF_EVENT_IOC_SET_OUTPUT`, and a ring is there as long as
//! somebody maps it.

use super::record::{self, Sender};
use super::ring::{Buffer, Entry};
use crate::poll::Waiter;
use crate::state::Core;
use skep_abi::Errno;
use skep_maps::ObjRef;
use skep_memory::{Memory, PageFile};
use std::collections::BTreeMap;

/// Names a ring.
pub(crate) type BufferId = u32;

/// The payload of a sample, in two pieces: what the program sent, and bytes of its packet.
pub(crate) type SampleOf<'a> = [&'a [u8]; 2];

/// A ring, and who uses it (`struct perf_buffer`).
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) buffer: Buffer,
    /// Mappings of it, through whatever event.
    pub(super) mappings: u32,
    /// Events that write to it.
    pub(super) events: Vec<ObjRef>,
    /// The file that supplied its pages.
    pub(super) file: Option<PageFile>,
}

/// All rings.
#[derive(Default, Debug)]
pub(crate) struct Buffers {
    all: BTreeMap<BufferId, Shared>,
    made: BufferId,
}

impl Buffers {
    pub(super) fn add(&mut self, shared: Shared) -> BufferId {
        self.made = self.made.wrapping_add(1);
        self.all.insert(self.made, shared);
        self.made
    }

    pub(super) fn get(&self, id: BufferId) -> Option<&Shared> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: BufferId) -> Option<&mut Shared> {
        self.all.get_mut(&id)
    }
}

impl Core {
    /// The ring that an event writes to.
    pub(super) fn buffer_of(&self, event: ObjRef) -> Option<&Shared> {
        self.buffers.get(self.objects.perf(event)?.buffer?)
    }

    /// The same, to change it.
    pub(super) fn buffer_of_mut(&mut self, event: ObjRef) -> Option<&mut Shared> {
        self.buffers.get_mut(self.objects.perf(event)?.buffer?)
    }

    /// Has an event write to a ring, or to none (`ring_buffer_attach`).
    pub(super) fn attach_buffer(&mut self, memory: &Memory, id: ObjRef, buffer: Option<BufferId>) {
        let Some(event) = self.objects.perf_mut(id) else { return };
        let before = std::mem::replace(&mut event.buffer, buffer);
        if let Some(shared) = buffer.and_then(|it| self.buffers.get_mut(it)) {
            shared.events.push(id);
        }
        if let Some(before) = before {
            self.leave_buffer(memory, id, before);
        }
    }

    /// Takes an event off a ring, which ends with its last event and mapping.
    pub(super) fn leave_buffer(&mut self, memory: &Memory, id: ObjRef, buffer: BufferId) {
        if let Some(shared) = self.buffers.get_mut(buffer)
            && let Some(at) = shared.events.iter().position(|it| *it == id)
        {
            shared.events.remove(at);
        }
        self.end_buffer(memory, buffer);
    }

    /// Ends a ring that nobody uses any more.
    pub(super) fn end_buffer(&mut self, memory: &Memory, buffer: BufferId) {
        let unused = self.buffers.get(buffer).is_some_and(|it| it.events.is_empty() && it.mappings == 0);
        if unused && let Some(shared) = self.buffers.all.remove(&buffer) {
            shared.buffer.free(memory);
        }
    }

    /// Writes a sample of an event (`perf_event_output`), and wakes who waits for it.
    ///
    /// # Errors
    /// `ENOSPC`: no ring, or no room in it.
    pub(crate) fn perf_output(
        &mut self,
        memory: &Memory,
        id: ObjRef,
        sender: &Sender,
        payload: SampleOf<'_>,
    ) -> Result<(), Errno> {
        let event = self.objects.perf_mut(id).ok_or(Errno::ENOENT)?;
        let shared = event.buffer.and_then(|it| self.buffers.get_mut(it)).ok_or(Errno::ENOSPC)?;
        let sender = Sender { id: event.id, ..*sender };
        let attr = event.attr;
        let sample = record::sample(&attr, &sender, payload);
        let lost = |count| record::lost(&attr, &sender, count);
        let entry = Entry { lost_size: record::lost_size(&attr), lost: &lost, sample: &sample };
        let sent = shared.buffer.output(memory, &entry, attr.wakeup().1, event.backward());
        match sent {
            Ok(true) => {
                let waiting = shared.events.clone();
                waiting.into_iter().for_each(|it| self.wake(Waiter(it)));
            }
            Err(_) if shared.buffer.has_pages() => event.lost += 1,
            _ => {}
        }
        sent.map(drop)
    }
}
