//! One perf event: what it counts, where it runs, and its ring.

use super::attr::PerfEventAttr;
use super::record::{self, Sender};
use super::ring::{Buffer, Entry, PerfRing};
use crate::effects::PerfValue;
use skep_abi::Errno;
use skep_memory::Memory;

/// A perf event (`struct perf_event`).
#[derive(Debug)]
pub(crate) struct PerfEvent {
    pub(crate) attr: PerfEventAttr,
    /// Unique in the machine: what `PERF_RECORD_LOST` and `PERF_SAMPLE_ID` carry.
    pub(crate) id: u64,
    /// The CPU it is bound to.
    pub(crate) cpu: Option<u32>,
    /// The thread it is bound to.
    pub(crate) pid: Option<u32>,
    pub(crate) enabled: bool,
    /// What it counted.
    pub(crate) value: PerfValue,
    buffer: Option<Buffer>,
}

/// The payload of a sample, in two pieces: what the program sent, and bytes of its packet.
pub(crate) type SampleOf<'a> = [&'a [u8]; 2];

impl PerfEvent {
    pub(crate) fn new(attr: PerfEventAttr, id: u64, cpu: Option<u32>, pid: Option<u32>) -> PerfEvent {
        PerfEvent { attr, id, cpu, pid, enabled: !attr.disabled, value: PerfValue::default(), buffer: None }
    }

    /// What it counted, read where thread `pid` runs on `cpu` (`perf_event_read_local`, `kernel/events/core.c`).
    ///
    /// # Errors
    /// `EOPNOTSUPP`: children count, too. `EINVAL`: it counts another thread or on another CPU.
    pub(crate) fn read_local(&self, cpu: u32, pid: u32) -> Result<PerfValue, Errno> {
        if self.attr.inherit {
            return Err(Errno::EOPNOTSUPP);
        }
        let here = match self.pid {
            Some(task) => task == pid,
            None => self.cpu == Some(cpu),
        };
        if here { Ok(self.value) } else { Err(Errno::EINVAL) }
    }

    /// Whether the event is running on `cpu` (`event->oncpu`), where thread `pid` runs.
    pub(crate) fn is_on(&self, cpu: u32, pid: u32) -> bool {
        self.enabled && self.cpu.is_none_or(|it| it == cpu) && self.pid.is_none_or(|it| it == pid)
    }

    /// Maps the ring: makes it the first time, and afterwards wants the same size (`perf_mmap`).
    pub(crate) fn map(&mut self, memory: &Memory, pages: u32) -> Result<PerfRing, Errno> {
        if self.cpu.is_none() && self.attr.inherit {
            return Err(Errno::EINVAL);
        }
        if let Some(buffer) = &self.buffer {
            let same = buffer.ring.data_size() == u64::from(pages) * super::ring::PAGE;
            return if same { Ok(buffer.ring) } else { Err(Errno::EINVAL) };
        }
        let name = match self.cpu {
            Some(cpu) => format!("perf ring of CPU {cpu}"),
            None => "perf ring".to_owned(),
        };
        let watermark = if self.attr.watermark { self.attr.wakeup } else { 0 };
        let buffer = Buffer::new(memory, &name, pages, watermark)?;
        Ok(self.buffer.insert(buffer).ring)
    }

    /// The ring, if it is mapped.
    pub(crate) fn ring(&self) -> Option<PerfRing> {
        self.buffer.as_ref().map(|it| it.ring)
    }

    /// Whether a reader should be woken; asking takes the wake-up away (`perf_poll`).
    pub(crate) fn take_poll(&mut self) -> bool {
        self.buffer.as_mut().is_some_and(|it| std::mem::take(&mut it.poll))
    }

    /// Writes a sample (`perf_event_output`).
    ///
    /// # Errors
    /// `ENOSPC`: no ring, or no room in it.
    pub(crate) fn output(
        &mut self,
        memory: &Memory,
        sender: &Sender,
        payload: SampleOf<'_>,
    ) -> Result<(), Errno> {
        let PerfEvent { attr, id, buffer, .. } = self;
        let buffer = buffer.as_mut().ok_or(Errno::ENOSPC)?;
        let sender = Sender { id: *id, ..*sender };
        let sample = record::sample(attr.sample_type, &sender, payload);
        let lost = |count| record::lost(attr, &sender, count);
        let entry = Entry { lost_size: record::lost_size(attr), lost: &lost, sample: &sample };
        let wakeup_events = if attr.watermark { 0 } else { attr.wakeup };
        buffer.output(memory, &entry, wakeup_events)
    }

    /// Gives the ring back.
    pub(crate) fn destroy(self, memory: &Memory) {
        if let Some(buffer) = self.buffer {
            buffer.free(memory);
        }
    }
}
