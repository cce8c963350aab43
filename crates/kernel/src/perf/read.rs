//! What `read(2)` of an event answers.

use crate::files::Fd;
use crate::kernel::Kernel;
use crate::state::Core;
use skep_abi::Errno;
use skep_abi::uapi::*;

/// How many bytes that are, of a group of `events` (`__perf_event_read_size`).
pub(super) fn size(format: u64, events: usize) -> usize {
    let has = |bit: u64| usize::from(format & bit != 0);
    let head = has(PERF_FORMAT_TOTAL_TIME_ENABLED) + has(PERF_FORMAT_TOTAL_TIME_RUNNING);
    let entry = 1 + has(PERF_FORMAT_ID) + has(PERF_FORMAT_LOST);
    let words = match has(PERF_FORMAT_GROUP) {
        0 => head + entry,
        _ => head + 1 + entry * events,
    };
    8 * words
}

impl Kernel {
    /// Reads the count of an event, and of its group, into `room` bytes (`read(2)`): numbers as its `read_format` says. Times
    /// are those of the machine's clock.
    ///
    /// # Errors
    /// `EBADF`: no open fd. `EINVAL`: no event. `ENOSPC`: there is more than room.
    pub fn perf_read(&self, fd: Fd, room: usize) -> Result<Vec<u8>, Errno> {
        self.core.perf_read(fd, room)
    }
}

impl Core {
    /// See [`Kernel::perf_read`].
    pub(crate) fn perf_read(&self, fd: Fd, room: usize) -> Result<Vec<u8>, Errno> {
        let id = self.files.get(fd)?;
        let event = self.objects.perf(id).ok_or(Errno::EINVAL)?;
        let (format, now) = (event.attr.read_format(), self.clock.monotonic_ns);
        let words: Vec<u64> = if format & PERF_FORMAT_GROUP == 0 {
            let mut words: Vec<u64> = event.entry(format).collect();
            words.splice(1..1, event.asked_times(format, now));
            words
        } else {
            let leader = event.leader.unwrap_or(id);
            let events = std::iter::once(leader).chain(self.group(leader));
            let events: Vec<_> = events.filter_map(|it| self.objects.perf(it)).collect();
            let head = std::iter::once(events.len() as u64);
            let times = events.first().into_iter().flat_map(|it| it.asked_times(format, now));
            head.chain(times).chain(events.iter().flat_map(|it| it.entry(format))).collect()
        };
        if room < 8 * words.len() {
            return Err(Errno::ENOSPC);
        }
        Ok(words.into_iter().flat_map(u64::to_le_bytes).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(
            [0, 1, 3, 4, 7, 16, 31].map(|format| size(format, 3)),
            [8, 16, 24, 16, 32, 16, 8 + 16 + 72]
        );
        assert_eq!(size(PERF_FORMAT_GROUP, 1), 16);
    }
}
