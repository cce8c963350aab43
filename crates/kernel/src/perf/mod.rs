//! Perf events: `perf_event_open(2)`, what can be done with the descriptors, the rings behind them, and the records in those.
//!
//! - `attr`, `full`: attributes, the few that matter and all of them
//! - `pmu`, `tracepoints`: what events count
//! - `open`, `ioctl`, `read`, `mmap`: the system calls
//! - `attach`: programs of events
//! - `event`, `buffers`, `ring`, `record`: events, which of them write to which ring, rings, and what is in them

mod api;
mod attach;
mod attr;
mod buffers;
mod event;
mod full;
mod ioctl;
mod mmap;
mod open;
mod pmu;
mod read;
mod record;
mod ring;
mod tracepoints;

pub use attr::PerfEventAttr;
pub(crate) use buffers::{BufferId, Buffers};
pub(crate) use event::PerfEvent;
pub use pmu::{PERF_TYPE_KPROBE, PERF_TYPE_UPROBE};
pub(crate) use record::Sender;
pub use ring::PerfRing;
pub(crate) use tracepoints::Tracepoints;

#[cfg(test)]
mod tests;
