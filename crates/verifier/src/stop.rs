//! Why verification stops.

use skep_abi::Errno;

/// Why a check stops verification. What is wrong is in the log already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stop {
    /// What `BPF_PROG_LOAD` answers.
    pub errno: Errno,
    /// On a path that only a wrong prediction takes, a barrier in front of the instruction makes it harmless
    /// (`error_recoverable_with_nospec`: `EPERM`, `EACCES`, `EINVAL` by themselves; this says more).
    pub internal: bool,
}

impl Stop {
    /// The program is refused.
    pub(crate) const fn new(errno: Errno) -> Stop {
        Stop { errno, internal: false }
    }
}

/// What a check gives.
pub(crate) type Check<T = ()> = Result<T, Stop>;

/// Writes a line (or a part of one) to the log.
macro_rules! verbose {
    ($v:expr, $($arg:tt)*) => { $v.log.write(format_args!($($arg)*)) };
}

/// Writes to the log why the program is refused, and gives the `Err` to return.
macro_rules! refuse {
    ($v:expr, $errno:ident, $($arg:tt)*) => {{
        $v.log.write(format_args!($($arg)*));
        Err($crate::stop::Stop::new(skep_abi::Errno::$errno))
    }};
}

pub(crate) use {refuse, verbose};
