//! Kernel versions, as the `since` column of every table has them.

use std::fmt;
use std::str::FromStr;

/// A Linux release, `major.minor`. Ordered.
///
/// ```
/// use skep_abi::KernelVersion;
/// assert!(KernelVersion::new(4, 9) < KernelVersion::new(4, 20));
/// assert_eq!("6.12.4-amd64".parse(), Ok(KernelVersion::new(6, 12)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KernelVersion {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl KernelVersion {
    /// Linux `major.minor`.
    pub const fn new(major: u16, minor: u16) -> KernelVersion {
        KernelVersion { major, minor }
    }

    /// `KERNEL_VERSION(major, minor, 0)`, as `LINUX_VERSION_CODE` and the `version` section have it.
    pub const fn code(self) -> u32 {
        ((self.major as u32) << 16) | ((self.minor as u32) << 8)
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The text is not `major.minor`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseKernelVersionError;

impl fmt::Display for ParseKernelVersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a kernel version is written major.minor, such as 6.12")
    }
}

impl std::error::Error for ParseKernelVersionError {}

impl FromStr for KernelVersion {
    type Err = ParseKernelVersionError;

    /// Reads `6.12`, and what `uname -r` prints: anything after the minor number is ignored if it starts with `.`,
    /// `-` or `+`.
    fn from_str(text: &str) -> Result<KernelVersion, ParseKernelVersionError> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (major, rest) = text.split_once('.').ok_or(ParseKernelVersionError)?;
        let minor = rest.split(['.', '-', '+']).next().unwrap_or(rest);
        match (number(major), number(minor)) {
            (Some(major), Some(minor)) => Ok(KernelVersion { major, minor }),
            _ => Err(ParseKernelVersionError),
        }
    }
}

/// Digits only: `u16::from_str` would take a sign.
fn number(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
