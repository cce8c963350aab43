//! What `bpf_trace_printk` writes: the lines of `/sys/kernel/tracing/trace_pipe`.

use std::fmt;

/// One line, as a program printed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceLine {
    /// The CPU that the program ran on.
    pub cpu: u32,
    /// The current task's id.
    pub pid: u32,
    /// The current task's command name.
    pub comm: String,
    /// When, on the monotonic clock, in nanoseconds.
    pub time_ns: u64,
    /// What was printed, without the newline that `trace_pipe` adds. Bytes are kept as they were.
    pub text: Vec<u8>,
}

impl TraceLine {
    /// What was printed, as text; bytes that are not UTF-8 show as replacement characters.
    pub fn message(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

impl fmt::Display for TraceLine {
    /// The line as `trace_pipe` shows it (`trace_print_context`, `kernel/trace/trace_output.c`): task, CPU, the state
    /// of interrupts and preemption, seconds, event, text. The state is that of a program that a probe runs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usecs = (self.time_ns + 500) / 1_000;
        write!(
            f,
            "{:>16}-{:<7} [{:03}] ...11 {:5}.{:06}: bpf_trace_printk: {}",
            self.comm,
            self.pid,
            self.cpu,
            usecs / 1_000_000,
            usecs % 1_000_000,
            self.message()
        )
    }
}

/// Lines that are kept until somebody takes them, and bytes of text.
const MAX_LINES: usize = 1 << 14;
const MAX_BYTES: usize = 4 << 20;

/// What programs printed and nobody took yet: the oldest lines, so that a program that prints without end leaves its
/// beginning. (The kernel's ring keeps the newest.)
#[derive(Default)]
pub(crate) struct TraceLog {
    lines: Vec<TraceLine>,
    bytes: usize,
    lost: u64,
}

impl TraceLog {
    pub(crate) fn push(&mut self, line: TraceLine) {
        let fits = self.lines.len() < MAX_LINES && line.text.len() <= MAX_BYTES - self.bytes;
        if fits && self.lost == 0 {
            self.bytes += line.text.len();
            self.lines.push(line);
        } else {
            self.lost += 1;
        }
    }

    pub(crate) fn lines(&self) -> &[TraceLine] {
        &self.lines
    }

    /// How many lines found no room since the last were taken.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    pub(crate) fn take(&mut self) -> Vec<TraceLine> {
        std::mem::take(self).lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_keeps_its_beginning_and_counts_the_rest() {
        let line = |pid| TraceLine { cpu: 0, pid, comm: String::new(), time_ns: 0, text: Vec::new() };
        let mut log = TraceLog::default();
        (0..MAX_LINES as u32 + 3).for_each(|pid| log.push(line(pid)));
        assert_eq!((log.lines()[0].pid, log.lines().len(), log.lost()), (0, MAX_LINES, 3));
        assert_eq!((log.take().len(), log.lines().len(), log.lost()), (MAX_LINES, 0, 0));
    }

    #[test]
    fn long_lines_fill_it_sooner_and_no_short_one_slips_in_behind() {
        let line = |len| TraceLine { cpu: 0, pid: 1, comm: String::new(), time_ns: 0, text: vec![b'x'; len] };
        let mut log = TraceLog::default();
        (0..5).for_each(|_| log.push(line(1 << 20)));
        log.push(line(0));
        assert_eq!((log.lines().len(), log.lost()), (4, 2));
        log.take();
        log.push(line(1));
        assert_eq!((log.lines().len(), log.lost()), (1, 0));
    }

    #[test]
    fn a_line_of_trace_pipe() {
        let line = TraceLine {
            cpu: 3,
            pid: 1234,
            comm: "cat".to_owned(),
            time_ns: 12_000_345_678,
            text: b"hello 7".to_vec(),
        };
        assert_eq!(
            line.to_string(),
            "             cat-1234    [003] ...11    12.000346: bpf_trace_printk: hello 7"
        );
    }
}
