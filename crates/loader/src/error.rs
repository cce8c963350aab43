//! Why an object could not be opened or loaded.

use std::fmt;

use skep_abi::Errno;
use skep_kernel::Class;

/// An error of the loader: what went wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Whose fault it is.
    pub class: Class,
    /// The place: `program x, instruction 12`, `map m`, `variable v`; empty for the object as a whole.
    pub place: String,
    /// What is wrong, and what to do about it.
    pub message: String,
    /// What libbpf returns for it (as a negative number), where that is told.
    pub errno: Option<Errno>,
    /// What `BPF_PROG_LOAD` answered and logged, where the kernel was asked and refused a program.
    pub refused: Option<Refused>,
    /// It is nobody's fault: it was not to be loaded.
    pub(crate) skipped: bool,
}

/// Why the kernel refused a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What `BPF_PROG_LOAD` answered.
    pub errno: Errno,
    /// The last line of the log; one sentence where the kernel logs nothing.
    pub message: String,
    /// The instruction, if it is about one.
    pub slot: Option<usize>,
}

impl Error {
    pub(crate) fn new(class: Class, place: impl Into<String>, message: impl Into<String>) -> Error {
        Error {
            class,
            place: place.into(),
            message: message.into(),
            errno: None,
            refused: None,
            skipped: false,
        }
    }

    pub(crate) fn with_errno(self, errno: Errno) -> Error {
        Error { errno: Some(errno), ..self }
    }

    pub(crate) fn bad_input(place: impl Into<String>, message: impl Into<String>) -> Error {
        Error::new(Class::BadInput, place, message)
    }

    pub(crate) fn skipped(place: impl Into<String>, message: impl Into<String>) -> Error {
        Error { skipped: true, ..Error::bad_input(place, message) }
    }

    /// Whether the thing is missing because it was not to be loaded.
    pub fn is_skipped(&self) -> bool {
        self.skipped
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.class == Class::NotEmulated {
            write!(f, "{}: ", self.class)?;
        }
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
