//! libbpf's `perf_buffer`: one event and one ring on each CPU.

use std::ops::ControlFlow;

use skep_abi::uapi::perf_record::{PERF_RECORD_LOST, PERF_RECORD_SAMPLE};
use skep_abi::{Errno, MapType};
use skep_kernel::{Fd, Kernel, PerfEventAttr, PerfRing};

use super::Flow;

/// `struct perf_event_header`: type, misc, size.
const HEADER: usize = 8;

/// A reader of what programs send with `bpf_perf_event_output`.
///
/// Opening it puts an event of each CPU into the PERF_EVENT_ARRAY; until then programs get `ENOENT`.
#[derive(Debug)]
pub struct PerfBuffer {
    map: Fd,
    rings: Vec<CpuRing>,
}

#[derive(Debug)]
struct CpuRing {
    cpu: u32,
    event: Fd,
    ring: PerfRing,
}

/// One record of a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PerfRecord<'a> {
    /// What a program sent, with the padding that the kernel added.
    Sample {
        /// The CPU whose ring it was in.
        cpu: u32,
        /// The bytes.
        data: &'a [u8],
    },
    /// Samples that found the ring full.
    Lost {
        /// The CPU whose ring was full.
        cpu: u32,
        /// How many.
        count: u64,
    },
}

impl PerfBuffer {
    /// Opens an event on each CPU that the map has a slot for, with `pages` data pages (a power of two) each, and puts
    /// them into the map (`perf_buffer__new`).
    ///
    /// # Errors
    /// `EINVAL`: `map` is no PERF_EVENT_ARRAY, or `pages` no power of two; and those of the calls it makes.
    pub fn new(kernel: &mut Kernel, map: Fd, pages: u32) -> Result<PerfBuffer, Errno> {
        PerfBuffer::with_attr(kernel, map, pages, &PerfEventAttr::bpf_output())
    }

    /// The same, with an event of the caller's (`perf_buffer__new_raw`).
    ///
    /// # Errors
    /// As [`PerfBuffer::new`].
    pub fn with_attr(
        kernel: &mut Kernel,
        map: Fd,
        pages: u32,
        attr: &PerfEventAttr,
    ) -> Result<PerfBuffer, Errno> {
        let spec = kernel.map_info(map)?;
        if spec.kind != MapType::PerfEventArray || !pages.is_power_of_two() {
            return Err(Errno::EINVAL);
        }
        let cpus = match spec.max_entries {
            0 => kernel.cpus(),
            slots => kernel.cpus().min(slots),
        };
        let mut buffer = PerfBuffer { map, rings: Vec::with_capacity(cpus as usize) };
        for cpu in 0..cpus {
            if let Err(errno) = buffer.open_cpu(kernel, cpu, pages, attr) {
                buffer.close(kernel);
                return Err(errno);
            }
        }
        Ok(buffer)
    }

    fn open_cpu(
        &mut self,
        kernel: &mut Kernel,
        cpu: u32,
        pages: u32,
        attr: &PerfEventAttr,
    ) -> Result<(), Errno> {
        let event = kernel.perf_event_open(attr, -1, cpu as i32)?;
        let ring = match kernel.perf_mmap(event, pages) {
            Ok(ring) => ring,
            Err(errno) => {
                kernel.close(event)?;
                return Err(errno);
            }
        };
        self.rings.push(CpuRing { cpu, event, ring });
        kernel.perf_enable(event)?;
        kernel.map_update_elem(self.map, &cpu.to_ne_bytes(), &event.0.to_ne_bytes(), 0)
    }

    /// The map that it reads.
    pub fn map(&self) -> Fd {
        self.map
    }

    /// The ring of a CPU, for what a reader of libbpf's could do with its memory.
    pub fn ring(&self, cpu: u32) -> Option<PerfRing> {
        self.rings.iter().find(|it| it.cpu == cpu).map(|it| it.ring)
    }

    /// The event of a CPU.
    pub fn event(&self, cpu: u32) -> Option<Fd> {
        self.rings.iter().find(|it| it.cpu == cpu).map(|it| it.event)
    }

    /// Reads the rings that have something for a woken reader (`perf_buffer__poll` with no timeout), and says how many
    /// rings that were.
    ///
    /// # Errors
    /// As [`PerfBuffer::consume`].
    pub fn poll(
        &mut self,
        kernel: &mut Kernel,
        on_record: &mut dyn FnMut(PerfRecord<'_>) -> Flow,
    ) -> Result<usize, Errno> {
        let mut ready = 0;
        for ring in &self.rings {
            if kernel.perf_poll(ring.event)? {
                ready += 1;
                ring.consume(kernel, on_record)?;
            }
        }
        Ok(ready)
    }

    /// Reads all rings, whether a reader was woken or not (`perf_buffer__consume`).
    ///
    /// # Errors
    /// `EINVAL`: a ring holds what no kernel writes there. A callback that breaks with a negative number stops the
    /// reader with that errno; its record counts as read.
    pub fn consume(
        &mut self,
        kernel: &mut Kernel,
        on_record: &mut dyn FnMut(PerfRecord<'_>) -> Flow,
    ) -> Result<(), Errno> {
        self.rings.iter().try_for_each(|ring| ring.consume(kernel, on_record))
    }

    /// Takes the events out of the map and closes them (`perf_buffer__free`).
    pub fn close(self, kernel: &mut Kernel) {
        for ring in self.rings {
            // Whoever closed the map or emptied the slot before did this work already.
            let _ = kernel.map_delete_elem(self.map, &ring.cpu.to_ne_bytes());
            let _ = kernel.close(ring.event);
        }
    }
}

impl CpuRing {
    /// libbpf's `perf_event_read_simple`: every record between tail and head, and the tail behind each that was read.
    fn consume(
        &self,
        kernel: &mut Kernel,
        on_record: &mut dyn FnMut(PerfRecord<'_>) -> Flow,
    ) -> Result<(), Errno> {
        let memory = kernel.memory();
        let head = self.ring.data_head(memory);
        let mut tail = self.ring.data_tail(memory);
        let mut record = Vec::new();
        while tail != head {
            let mut header = [0; HEADER];
            let left = head.wrapping_sub(tail);
            if left < HEADER as u64 || !self.ring.read_at(memory, tail, &mut header) {
                return Err(Errno::EINVAL);
            }
            let kind = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]);
            let size = u16::from_ne_bytes([header[6], header[7]]) as usize;
            record.resize(size, 0);
            if size < HEADER || size as u64 > left || !self.ring.read_at(memory, tail, &mut record) {
                return Err(Errno::EINVAL);
            }
            tail = tail.wrapping_add(size as u64);
            self.ring.set_data_tail(memory, tail);
            let flow = match self.record(kind, &record[HEADER..])? {
                Some(record) => on_record(record),
                None => ControlFlow::Continue(()),
            };
            if let ControlFlow::Break(code) = flow {
                return Err(Errno::from_return(code.into()).unwrap_or(Errno::ECANCELED));
            }
        }
        Ok(())
    }

    /// What a record says; `None` for kinds that this reader has no use for.
    fn record<'a>(&self, kind: u32, body: &'a [u8]) -> Result<Option<PerfRecord<'a>>, Errno> {
        let cpu = self.cpu;
        match kind {
            PERF_RECORD_SAMPLE => {
                let (size, rest) = body.split_first_chunk().ok_or(Errno::EINVAL)?;
                let data = rest.get(..u32::from_ne_bytes(*size) as usize).ok_or(Errno::EINVAL)?;
                Ok(Some(PerfRecord::Sample { cpu, data }))
            }
            PERF_RECORD_LOST => {
                let count = body.get(8..).and_then(|it| it.first_chunk()).ok_or(Errno::EINVAL)?;
                Ok(Some(PerfRecord::Lost { cpu, count: u64::from_ne_bytes(*count) }))
            }
            _ => Ok(None),
        }
    }
}
