//! Events, as user space reads them.

use std::ops::ControlFlow;

use bytemuck::AnyBitPattern;
use skep_kernel::Kernel;
use skep_loader::readers::PerfRecord;

use crate::error::{Error, Result};
use crate::machine::{Reader, Source};
use crate::map::as_pod;

/// The events of one map, in the order in which its reader saw them: a perf buffer's cpu by cpu.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Events {
    /// The samples.
    pub samples: Vec<Event>,
    /// Samples that found a perf ring full: cpu and how many.
    pub lost: Vec<(u32, u64)>,
}

/// One sample.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The cpu whose ring it was in; a ring buffer has one for all.
    pub cpu: Option<u32>,
    /// Its bytes. A perf buffer pads them: there are up to 7 more than the program sent.
    pub data: Vec<u8>,
}

impl Events {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// How many samples were lost, of all cpus.
    pub fn lost_count(&self) -> u64 {
        self.lost.iter().map(|(_, count)| count).sum()
    }

    /// All samples as values of a plain type.
    ///
    /// # Errors
    /// A sample is shorter than the type.
    pub fn read<T: AnyBitPattern>(&self) -> Result<Vec<T>> {
        self.samples.iter().map(Event::read).collect()
    }
}

impl Event {
    /// The sample as a value of a plain type; bytes behind it are padding.
    ///
    /// # Errors
    /// The sample is shorter than the type.
    pub fn read<T: AnyBitPattern>(&self) -> Result<T> {
        let bytes = self.data.get(..size_of::<T>()).unwrap_or(&self.data);
        as_pod(bytes, || "event".to_owned())
    }
}

/// What a reader sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// A sample.
    Event(Event),
    /// Samples that found a perf ring full.
    Lost {
        /// The cpu whose ring it was.
        cpu: u32,
        /// How many.
        count: u64,
    },
}

impl Extend<Seen> for Events {
    fn extend<T: IntoIterator<Item = Seen>>(&mut self, seen: T) {
        for seen in seen {
            match seen {
                Seen::Event(event) => self.samples.push(event),
                Seen::Lost { cpu, count } => self.lost.push((cpu, count)),
            }
        }
    }
}

/// Reads all there is. A reader is part of the host: no limit of the machine's is in its way.
pub(crate) fn drain(kernel: &mut Kernel, reader: &mut Reader, sink: &mut dyn FnMut(Seen)) -> Result<()> {
    let limit = kernel.memory().limit();
    kernel.memory().set_limit(u64::MAX);
    let result = match &mut reader.source {
        Source::Perf(buffer) => buffer.consume(kernel, &mut |record| {
            sink(match record {
                PerfRecord::Sample { cpu, data } => {
                    Seen::Event(Event { cpu: Some(cpu), data: data.to_vec() })
                }
                PerfRecord::Lost { cpu, count } => Seen::Lost { cpu, count },
            });
            ControlFlow::Continue(())
        }),
        Source::Ring(ring) => ring
            .consume(kernel, &mut |_, data| {
                sink(Seen::Event(Event { cpu: None, data: data.to_vec() }));
                ControlFlow::Continue(())
            })
            .map(drop),
    };
    kernel.memory().set_limit(limit);
    result.map_err(|errno| Error::call(format!("reading the events of map {}", reader.map), errno))
}
