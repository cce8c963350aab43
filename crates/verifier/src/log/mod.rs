//! The log: the kernel's, byte for byte.

mod disasm;
pub(crate) mod names;
mod print;
mod reg;
mod stats;
mod window;

use std::fmt::{self, Write};

pub(crate) use self::names::type_name;
pub use self::window::{FIXED, LogBuffer, LogExtent, check_log_request};

/// Level 1: the path that failed.
pub(crate) const LEVEL1: u32 = 1;
/// Level 2: every path.
pub(crate) const LEVEL2: u32 = 2;
/// Statistics alone.
pub(crate) const STATS: u32 = 4;

/// A text that grows, and is cut back where a path turns out well.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// `log_level`.
    pub level: u32,
    text: String,
    extent: LogExtent,
}

impl Log {
    /// An empty log.
    pub fn new(level: u32) -> Log {
        Log { level, ..Log::default() }
    }

    /// Whether instructions and states are to be written (level 1 or 2).
    pub fn wants_path(&self) -> bool {
        self.level & (LEVEL1 | LEVEL2) != 0
    }

    /// Whether all of them are (level 2).
    pub fn wants_all(&self) -> bool {
        self.level & LEVEL2 != 0
    }

    /// Adds text.
    pub fn write(&mut self, args: fmt::Arguments<'_>) {
        // A `String` never fails to grow short of running out of memory.
        let _ = self.text.write_fmt(args);
        self.extent.grow(self.text.len());
    }

    /// How long it is, in bytes (`end_pos`).
    pub fn pos(&self) -> usize {
        self.text.len()
    }

    /// Cuts it back to a length that [`Log::pos`] gave (`bpf_vlog_reset`).
    pub fn reset(&mut self, pos: usize) {
        self.text.truncate(pos);
        self.extent.cut(pos);
    }

    /// How long it has been.
    pub fn extent(&self) -> &LogExtent {
        &self.extent
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }
}
