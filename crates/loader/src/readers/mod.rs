//! The readers of user space: they see events as libbpf's do, as bytes of a ring between two positions.

mod perf;
mod ring;

pub use perf::{PerfBuffer, PerfRecord};
pub use ring::RingBuffer;

/// Whether a callback wants more records.
///
/// ```
/// use std::ops::ControlFlow;
/// use skep_loader::readers::Flow;
///
/// let stop: Flow = ControlFlow::Break(-4);
/// assert!(stop.is_break());
/// ```
///
/// libbpf's callbacks return a number: below 0 they stop the reader, which hands the number on.
pub type Flow = std::ops::ControlFlow<i32>;
