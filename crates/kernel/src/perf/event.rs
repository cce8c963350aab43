//! One perf event: what it counts, where it runs, and what it says.

use super::buffers::BufferId;
use super::full::Attr;
use super::pmu::Counted;
use crate::effects::PerfValue;
use skep_abi::Errno;
use skep_abi::uapi::attr_bits::{DISABLED, INHERIT, WRITE_BACKWARD};
use skep_abi::uapi::*;
use skep_maps::ObjRef;

/// Where an event counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// The CPU it is bound to.
    pub(crate) cpu: Option<u32>,
    /// The thread it is bound to.
    pub(crate) pid: Option<u32>,
    /// The cgroup whose threads it counts for.
    pub(crate) cgroup: Option<u64>,
}

/// A perf event (`struct perf_event`).
#[derive(Debug)]
pub(crate) struct PerfEvent {
    pub(crate) attr: Attr,
    pub(crate) counted: Counted,
    /// Unique in the machine: what `PERF_RECORD_LOST` and `PERF_SAMPLE_ID` carry.
    pub(crate) id: u64,
    pub(crate) place: Place,
    /// The clock that its times are of, if not the scheduler's.
    pub(super) clock: Option<u32>,
    /// The leader of its group, if that is another event.
    pub(super) leader: Option<ObjRef>,
    enabled: bool,
    /// Since when it is.
    since: u64,
    /// What it counted.
    pub(crate) value: PerfValue,
    /// Samples that found no room.
    pub(super) lost: u64,
    /// The program that runs for it, and the cookie.
    pub(super) attached: Option<(ObjRef, u64)>,
    /// The ring that it writes to.
    pub(super) buffer: Option<BufferId>,
    /// Mappings of that ring through this event.
    pub(super) mappings: u32,
}

impl PerfEvent {
    pub(super) fn new(attr: Attr, counted: Counted, id: u64, place: Place, now: u64) -> PerfEvent {
        PerfEvent {
            attr,
            counted,
            id,
            place,
            clock: None,
            leader: None,
            enabled: !attr.has(DISABLED),
            since: now,
            value: PerfValue::default(),
            lost: 0,
            attached: None,
            buffer: None,
            mappings: 0,
        }
    }

    /// Whether children inherit it: such events cannot be in maps.
    pub(crate) fn inherited(&self) -> bool {
        self.attr.has(INHERIT)
    }

    /// Whether it writes its ring from the end on.
    pub(super) fn backward(&self) -> bool {
        self.attr.has(WRITE_BACKWARD)
    }

    /// Starts or stops it.
    pub(super) fn switch(&mut self, on: bool, now: u64) {
        if self.enabled && !on {
            (self.value.enabled, self.value.running) = self.times(now);
        }
        if self.enabled != on {
            (self.enabled, self.since) = (on, now);
        }
    }

    /// For how long it was enabled, and counting.
    fn times(&self, now: u64) -> (u64, u64) {
        let since = if self.enabled { now.saturating_sub(self.since) } else { 0 };
        (self.value.enabled.wrapping_add(since), self.value.running.wrapping_add(since))
    }

    /// What it counted, read where thread `pid` runs on `cpu` (`perf_event_read_local`, `kernel/events/core.c`).
    ///
    /// # Errors
    /// `EOPNOTSUPP`: children count, too. `EINVAL`: it counts another thread or on another CPU.
    pub(crate) fn read_local(&self, cpu: u32, pid: u32) -> Result<PerfValue, Errno> {
        if self.inherited() {
            return Err(Errno::EOPNOTSUPP);
        }
        let here = match self.place.pid {
            Some(task) => task == pid,
            None => self.place.cpu == Some(cpu),
        };
        if here { Ok(self.value) } else { Err(Errno::EINVAL) }
    }

    /// Whether the event itself is running on `cpu` (`event->oncpu`), where thread `pid` runs. Its group's leader has to
    /// be, too.
    pub(super) fn is_on(&self, cpu: u32, pid: u32) -> bool {
        let here = |bound: Option<u32>, at: u32| bound.is_none_or(|it| it == at);
        self.enabled && here(self.place.cpu, cpu) && here(self.place.pid, pid)
    }

    /// What `read(2)` says of it beside what is of its group: the count, the id, the samples that were lost.
    pub(super) fn entry(&self, format: u64) -> impl Iterator<Item = u64> {
        let has = move |bit: u64, value: u64| (format & bit != 0).then_some(value);
        let rest = [has(PERF_FORMAT_ID, self.id), has(PERF_FORMAT_LOST, self.lost)];
        std::iter::once(self.value.counter).chain(rest.into_iter().flatten())
    }

    /// The times, as far as they are asked for.
    pub(super) fn asked_times(&self, format: u64, now: u64) -> impl Iterator<Item = u64> {
        let (enabled, running) = self.times(now);
        let times = [(PERF_FORMAT_TOTAL_TIME_ENABLED, enabled), (PERF_FORMAT_TOTAL_TIME_RUNNING, running)];
        times.into_iter().filter(move |it| format & it.0 != 0).map(|it| it.1)
    }
}
