//! Host time: the only clock that is read, and only when `--repeat` asks how long a run takes.

use std::time::{Duration, Instant};

/// How long `work` takes on this host.
#[expect(clippy::disallowed_methods, reason = "the user asks for the host's time with --repeat")]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

/// Nanoseconds of one of `count` runs.
pub(crate) fn per_run(time: Duration, count: u32) -> f64 {
    time.as_nanos() as f64 / f64::from(count.max(1))
}
