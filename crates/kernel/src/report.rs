//! What went wrong, where in the program and whose fault it is.

use crate::notes::Note;
use crate::prog::LineInfo;
use skep_abi::Errno;
use skep_isa::Reg;
use skep_memory::{HostLimit, ObjectInfo, OverLimit};
use std::fmt;

/// Whose fault an error is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    /// The program did something that the verifier would not have let through, or did not end.
    ProgramFault,
    /// The verifier, or a check before it, refused the program.
    Rejected,
    /// The emulated kernel does not do this yet; the real one does.
    NotEmulated,
    /// The caller asked for something that makes no sense.
    BadInput,
    /// The host ran out of something.
    HostLimit,
}

impl Class {
    /// The words for it in a report: `"program fault"`.
    pub const fn name(self) -> &'static str {
        match self {
            Class::ProgramFault => "program fault",
            Class::Rejected => "rejected",
            Class::NotEmulated => "not emulated",
            Class::BadInput => "bad input",
            Class::HostLimit => "host limit",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a program stopped in the middle, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Whose fault it is.
    pub class: Class,
    /// The name of the program that was running: after a tail call, not the one that was started.
    pub program: String,
    /// The instruction, as a slot of that program.
    pub slot: usize,
    /// The instruction in the kernel's syntax.
    pub insn: String,
    /// The function that it is in, if the program came with names.
    pub function: Option<String>,
    /// The line of C that it was made from, if the program came with lines.
    pub line: Option<LineInfo>,
    /// The registers before the instruction.
    pub regs: [u64; Reg::COUNT],
    /// How many frames were active: 1 in the entry function.
    pub depth: usize,
    /// One sentence: what happened.
    pub message: String,
    /// The object that a memory access missed, as far as one can tell.
    pub object: Option<ObjectInfo>,
    /// What happened before that its author should know.
    pub notes: Vec<Note>,
}

impl fmt::Display for Report {
    /// The sentence, then the place in the program.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.class, self.message)?;
        write!(f, "  in {}", self.program)?;
        if let Some(function) = self.function.as_ref().filter(|it| **it != self.program) {
            write!(f, ", function {function}")?;
        }
        write!(f, ", instruction {}: {}", self.slot, self.insn)?;
        if let Some(line) = &self.line {
            write!(f, "\n  at {line}")?;
        }
        self.notes.iter().try_for_each(|note| write!(f, "\n{note}"))
    }
}

/// Why [`Kernel::prog_load`](crate::Kernel::prog_load) refused a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadError {
    /// What `BPF_PROG_LOAD` answers.
    pub errno: Errno,
    /// Whose fault it is.
    pub class: Class,
    /// The instruction, if it is about one, as a slot of the program.
    pub slot: Option<usize>,
    /// The line of C that the instruction was made from.
    pub line: Option<LineInfo>,
    /// One sentence; where the kernel logs one, that.
    pub message: String,
    /// The verifier's log.
    pub log: String,
}

impl LoadError {
    pub(crate) fn rejected(errno: Errno, slot: Option<usize>, message: impl Into<String>) -> LoadError {
        let message = message.into();
        LoadError { errno, class: Class::Rejected, slot, line: None, log: message.clone(), message }
    }

    pub(crate) fn host_limit(slot: Option<usize>, message: impl Into<String>) -> LoadError {
        LoadError { class: Class::HostLimit, ..LoadError::rejected(Errno::ENOMEM, slot, message) }
    }

    pub(crate) fn not_emulated(slot: Option<usize>, message: impl Into<String>) -> LoadError {
        LoadError { class: Class::NotEmulated, ..LoadError::rejected(Errno::EOPNOTSUPP, slot, message) }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.class, self.message, self.errno)?;
        if let Some(slot) = self.slot {
            write!(f, "\n  at instruction {slot}")?;
        }
        if let Some(line) = &self.line {
            write!(f, "\n  at {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// Why a run has no result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunError {
    /// The program stopped in the middle.
    Fault(Box<Report>),
    /// The request makes no sense: no such program, CPU or context.
    BadInput(String),
    /// The kernel could run this; the emulated one cannot yet.
    NotEmulated(String),
    /// The host ran out of something.
    HostLimit(String),
}

impl RunError {
    /// Whose fault it is.
    pub fn class(&self) -> Class {
        match self {
            RunError::Fault(report) => report.class,
            RunError::BadInput(_) => Class::BadInput,
            RunError::NotEmulated(_) => Class::NotEmulated,
            RunError::HostLimit(_) => Class::HostLimit,
        }
    }

    /// The report, if the program had started.
    pub fn report(&self) -> Option<&Report> {
        match self {
            RunError::Fault(report) => Some(report),
            _ => None,
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Fault(report) => report.fmt(f),
            RunError::BadInput(text) | RunError::NotEmulated(text) | RunError::HostLimit(text) => {
                write!(f, "{}: {text}", self.class())
            }
        }
    }
}

impl std::error::Error for RunError {}

/// What [`Config::memory`](crate::Config::memory) refused, and what can be done.
pub(crate) fn over_limit(refused: &OverLimit) -> String {
    format!("{refused}; Config::memory sets the limit, and so does skep run --memory")
}

/// Why there is no [`Kernel`](crate::Kernel).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// The configuration makes no sense.
    BadInput(String),
    /// The host refused the address space.
    HostLimit(HostLimit),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::BadInput(text) => f.write_str(text),
            Error::HostLimit(limit) => limit.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// Whose fault it is.
    pub fn class(&self) -> Class {
        match self {
            Error::BadInput(_) => Class::BadInput,
            Error::HostLimit(_) => Class::HostLimit,
        }
    }
}

impl From<HostLimit> for Error {
    fn from(limit: HostLimit) -> Error {
        Error::HostLimit(limit)
    }
}
