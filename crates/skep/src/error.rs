//! The one error type.

use std::fmt;

use skep_abi::Errno;
use skep_kernel::{Class, Report, RunError};

/// What the functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where, and whose fault it is.
///
/// `{}` and `{:?}` print the same text, so that a `#[test]` that returns [`Result`] shows it as it is meant to be read.
#[derive(Clone)]
pub struct Error(Box<Kind>);

#[derive(Clone)]
enum Kind {
    Loader(skep_loader::Error),
    Run(RunError),
    /// An operation on a map that the kernel would refuse as well.
    Errno {
        what: String,
        errno: Errno,
    },
    Other(Class, String),
}

impl Error {
    /// Whose fault it is.
    pub fn class(&self) -> Class {
        match &*self.0 {
            Kind::Loader(error) => error.class,
            Kind::Run(error) => error.class(),
            Kind::Errno { .. } => Class::BadInput,
            Kind::Other(class, _) => *class,
        }
    }

    /// Where and how a program faulted, if that is what happened.
    pub fn report(&self) -> Option<&Report> {
        match &*self.0 {
            Kind::Run(error) => error.report(),
            _ => None,
        }
    }

    /// What `bpf(2)`, or libbpf (as a negative number), would have answered, where that is told.
    pub fn errno(&self) -> Option<Errno> {
        match &*self.0 {
            Kind::Errno { errno, .. } => Some(*errno),
            Kind::Loader(error) => error.errno,
            _ => None,
        }
    }

    pub(crate) fn call(what: impl Into<String>, errno: Errno) -> Error {
        Error(Box::new(Kind::Errno { what: what.into(), errno }))
    }

    /// An error about what the caller gave: class [`Class::BadInput`].
    pub fn from_input(message: impl Into<String>) -> Error {
        Error::bad_input(message)
    }

    pub(crate) fn bad_input(message: impl Into<String>) -> Error {
        Error::other(Class::BadInput, message)
    }

    pub(crate) fn other(class: Class, message: impl Into<String>) -> Error {
        Error(Box::new(Kind::Other(class, message.into())))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Loader(error) => error.fmt(f),
            Kind::Run(error) => error.fmt(f),
            Kind::Errno { what, errno } => write!(f, "{what}: {errno} ({})", errno.description()),
            Kind::Other(Class::BadInput, message) => f.write_str(message),
            Kind::Other(class, message) => write!(f, "{class}: {message}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

impl From<skep_loader::Error> for Error {
    fn from(error: skep_loader::Error) -> Error {
        Error(Box::new(Kind::Loader(error)))
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Error {
        Error(Box::new(Kind::Run(error)))
    }
}

impl From<skep_kernel::Error> for Error {
    fn from(error: skep_kernel::Error) -> Error {
        Error::other(error.class(), error.to_string())
    }
}

impl From<skep_kernel::ObjectError> for Error {
    fn from(error: skep_kernel::ObjectError) -> Error {
        Error::other(error.class(), error.to_string())
    }
}
