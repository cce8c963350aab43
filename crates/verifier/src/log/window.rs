//! The log as user space gets it: in a buffer of a size that it chose (`bpf_vlog_init`, `bpf_verifier_vlog`,
//! `bpf_vlog_finalize` of `kernel/bpf/log.c`).

use skep_abi::Errno;

/// `BPF_LOG_FIXED`: the buffer has the beginning of a log that is too long; without it the buffer has its end.
pub const FIXED: u32 = 8;
/// All bits that `log_level` may have (`BPF_LOG_MASK`).
const LEVELS: u32 = 15;

/// How long a log has been between the cuts that shortened it: what a buffer of any size lost follows from this.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogExtent {
    /// Lengths that were reached before a cut, with the zero at the end, and to what the log was cut after that at the
    /// least. Shorter cuts come first.
    cuts: Vec<Cut>,
    /// The length since the last cut.
    reached: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cut {
    to: usize,
    reached: usize,
}

/// What user space finds after `BPF_PROG_LOAD`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogBuffer {
    /// The text, with a zero at its end; as long as the buffer at the most. Empty without a buffer.
    pub bytes: Vec<u8>,
    /// `log_true_size`: how long a buffer the whole of it takes.
    pub true_size: u32,
    /// The buffer was too short: the answer is `ENOSPC` unless there is another error.
    pub truncated: bool,
}

/// Whether user space may ask for a log so: its level, whether there is a buffer, and the buffer's size
/// (`bpf_verifier_log_attr_valid`).
///
/// # Errors
/// `EINVAL`: a buffer without a size or a level, a size without a buffer or beyond 1 GiB, an unknown level.
pub const fn check_log_request(level: u32, has_buffer: bool, size: u32) -> Result<(), Errno> {
    let matches = has_buffer == (size != 0);
    if matches && !(has_buffer && level == 0) && level & !LEVELS == 0 && size <= u32::MAX >> 2 {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

impl LogExtent {
    /// The log has grown to `len` bytes.
    pub(super) fn grow(&mut self, len: usize) {
        self.reached = self.reached.max(len + 1);
    }

    /// The log is cut to `len` bytes.
    pub(super) fn cut(&mut self, len: usize) {
        let mut reached = std::mem::take(&mut self.reached);
        while let Some(last) = self.cuts.pop_if(|last| last.to >= len) {
            reached = reached.max(last.reached);
        }
        match reached > len + 1 {
            true => self.cuts.push(Cut { to: len, reached }),
            false => self.reached = reached,
        }
    }

    /// The greatest length that it ever had, with the zero at the end.
    fn longest(&self) -> usize {
        self.cuts.iter().map(|cut| cut.reached).fold(self.reached, usize::max)
    }

    /// Where what a buffer that keeps the end has begins: what was lost once does not come back.
    fn start(&self, size: usize) -> usize {
        let lost = |cut: &Cut| cut.reached.saturating_sub(size).min(cut.to);
        self.cuts.iter().map(lost).fold(self.reached.saturating_sub(size), usize::max)
    }

    /// What a buffer of `size` bytes has of the log `text`; 0: there is no buffer.
    ///
    /// ```
    /// use skep_verifier::LogExtent;
    ///
    /// let text = "0: exit\n";
    /// let buffer = LogExtent::of(text).buffer(text, 1, 5);
    /// assert_eq!(buffer.bytes, b"xit\n\0");
    /// assert_eq!((buffer.true_size, buffer.truncated), (9, true));
    /// ```
    pub fn buffer(&self, text: &str, level: u32, size: u32) -> LogBuffer {
        if level == 0 {
            return LogBuffer { bytes: Vec::new(), true_size: 0, truncated: false };
        }
        let (longest, room) = (self.longest(), size as usize);
        let true_size = u32::try_from(longest).unwrap_or(u32::MAX);
        if room == 0 {
            return LogBuffer { bytes: Vec::new(), true_size, truncated: false };
        }
        let (from, to) = match level & FIXED {
            0 => (self.start(room).min(text.len()), text.len()),
            _ => (0, text.len().min(room - 1)),
        };
        let mut bytes = text.as_bytes()[from..to].to_vec();
        bytes.push(0);
        LogBuffer { bytes, true_size, truncated: longest > room }
    }

    /// That of a log that was never cut.
    pub fn of(text: &str) -> LogExtent {
        LogExtent { cuts: Vec::new(), reached: text.len() + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The kernel's own way: a ring of `size` bytes that is written as the log grows.
    struct Ring {
        bytes: Vec<u8>,
        start: usize,
        end: usize,
        longest: usize,
    }

    impl Ring {
        fn write(&mut self, text: &str) {
            let size = self.bytes.len();
            let with_zero = [text.as_bytes(), b"\0"].concat();
            self.longest = self.longest.max(self.end + with_zero.len());
            let new_end = self.end + with_zero.len();
            if new_end - self.start >= size {
                self.start = new_end - size;
            }
            self.end = new_end - 1;
            let kept = with_zero.len().min(size);
            for (i, byte) in with_zero[with_zero.len() - kept..].iter().enumerate() {
                self.bytes[(new_end - kept + i) % size] = *byte;
            }
        }

        fn reset(&mut self, to: usize) {
            let size = self.bytes.len();
            self.end = to;
            self.start = self.start.min(to);
            self.bytes[to % size] = 0;
        }

        /// What user space reads, up to the first zero.
        fn text(mut self) -> Vec<u8> {
            if self.start != 0 {
                let by = self.start % self.bytes.len();
                self.bytes.rotate_left(by);
            }
            let end = self.bytes.iter().position(|byte| *byte == 0).unwrap_or(self.bytes.len());
            self.bytes[..end].to_vec()
        }
    }

    proptest! {
        #[test]
        fn as_a_ring(steps in prop::collection::vec((any::<bool>(), 0..40usize), 1..40), size in 1..60usize) {
            let mut ring = Ring { bytes: vec![0; size], start: 0, end: 0, longest: 0 };
            let mut log = super::super::Log::new(1);
            let steps = steps.into_iter().chain([(true, 3)]);
            for (i, (grows, n)) in steps.enumerate() {
                if grows {
                    let text: String = (0..n).map(|j| char::from(b'a' + ((i * 7 + j) % 26) as u8)).collect();
                    log.write(format_args!("{text}"));
                    ring.write(&text);
                } else {
                    let to = log.pos().saturating_sub(n);
                    log.reset(to);
                    ring.reset(to);
                }
            }
            let longest = ring.longest;
            let buffer = log.extent().buffer(log.text(), 1, size as u32);
            prop_assert_eq!(buffer.true_size as usize, longest);
            prop_assert_eq!(buffer.truncated, longest > size);
            let mut expected = ring.text();
            expected.push(0);
            prop_assert_eq!(buffer.bytes, expected);
        }
    }

    #[test]
    fn fixed() {
        let text = "0: (b7) r0 = 0\n1: (95) exit\n";
        let buffer = LogExtent::of(text).buffer(text, 1 | FIXED, 8);
        assert_eq!(buffer.bytes, b"0: (b7)\0");
        assert!(buffer.truncated);
        assert!(!LogExtent::of(text).buffer(text, 1 | FIXED, 29).truncated);
    }

    #[test]
    fn requests() {
        let ok = |level, has_buffer, size| check_log_request(level, has_buffer, size).is_ok();
        assert!(ok(0, false, 0) && ok(1, true, 100) && ok(15, true, 1) && ok(2, false, 0));
        assert!(!ok(0, true, 100) && !ok(1, true, 0) && !ok(1, false, 100) && !ok(16, true, 100));
        assert!(ok(1, true, u32::MAX >> 2) && !ok(1, true, (u32::MAX >> 2) + 1));
    }
}
