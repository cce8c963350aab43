//! Perf events: `perf_event_open(2)`, the rings behind their fds, and the records in them.

mod api;
mod attr;
mod event;
mod record;
mod ring;

pub use attr::PerfEventAttr;
pub(crate) use event::PerfEvent;
pub(crate) use record::Sender;
pub use ring::PerfRing;

#[cfg(test)]
mod tests;
