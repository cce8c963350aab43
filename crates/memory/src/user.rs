//! User memory: what `bpf_probe_read_user` reads. A table of ranges, apart from the window.

use crate::layout::{PACKET_BASE, PACKET_SIZE, VALUES_BASE};
use std::collections::BTreeMap;
use std::fmt;

/// The memory of the simulated user space: ranges of bytes at any 64-bit address that is not simulated kernel memory.
///
/// ```
/// # use skep_memory::UserRanges;
/// let mut user = UserRanges::new();
/// user.insert(0x7fff_0000_1000, b"/bin/sh\0".to_vec())?;
/// let mut name = [0; 16];
/// assert_eq!(user.read_str(0x7fff_0000_1005, &mut name)?, 3);
/// assert_eq!(&name[..3], b"sh\0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Debug)]
pub struct UserRanges {
    /// By first address. None is empty, none overlaps another.
    ranges: BTreeMap<u64, Range>,
}

#[derive(Clone, Debug)]
struct Range {
    bytes: Vec<u8>,
    writable: bool,
}

/// A range was not inserted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum UserRangeError {
    /// It has no bytes.
    Empty,
    /// It goes past the last address.
    Wraps,
    /// Another range, which starts at this address, has some of its addresses.
    Overlaps(u64),
    /// Some of its addresses are those of simulated kernel memory: packets, or the high half of the window.
    Kernel,
}

impl fmt::Display for UserRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UserRangeError::Empty => write!(f, "a range of user memory needs at least one byte"),
            UserRangeError::Wraps => write!(f, "the range goes past the end of the address space"),
            UserRangeError::Overlaps(other) => write!(f, "the range overlaps the one at {other:#x}"),
            UserRangeError::Kernel => write!(
                f,
                "the range overlaps simulated kernel memory ({PACKET_BASE:#x} to {:#x} and {VALUES_BASE:#x} up)",
                PACKET_BASE + PACKET_SIZE - 1
            ),
        }
    }
}

impl std::error::Error for UserRangeError {}

/// An access to user memory that failed. The kernel's answer to this is -EFAULT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct UserFault {
    /// The first address that could not be accessed.
    pub addr: u64,
    /// There is memory, but it is read-only.
    pub read_only: bool,
}

impl fmt::Display for UserFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.read_only { "is read-only" } else { "is not mapped" };
        write!(f, "user address {:#x} {what}", self.addr)
    }
}

impl std::error::Error for UserFault {}

impl UserRanges {
    /// No memory at all: every access fails.
    pub fn new() -> UserRanges {
        UserRanges::default()
    }

    /// Maps `bytes` at `addr`. Ranges that touch can be read across.
    ///
    /// # Errors
    /// The range is not acceptable, and why.
    pub fn insert(&mut self, addr: u64, bytes: impl Into<Vec<u8>>) -> Result<(), UserRangeError> {
        self.insert_range(addr, Range { bytes: bytes.into(), writable: true })
    }

    /// Maps `bytes` at `addr`, where `bpf_probe_write_user` cannot write.
    ///
    /// # Errors
    /// As for [`insert`](UserRanges::insert).
    pub fn insert_read_only(&mut self, addr: u64, bytes: impl Into<Vec<u8>>) -> Result<(), UserRangeError> {
        self.insert_range(addr, Range { bytes: bytes.into(), writable: false })
    }

    fn insert_range(&mut self, addr: u64, range: Range) -> Result<(), UserRangeError> {
        let beyond = (range.bytes.len() as u64).checked_sub(1).ok_or(UserRangeError::Empty)?;
        let last = addr.checked_add(beyond).ok_or(UserRangeError::Wraps)?;
        if last >= VALUES_BASE || (addr < PACKET_BASE + PACKET_SIZE && last >= PACKET_BASE) {
            return Err(UserRangeError::Kernel);
        }
        if let Some((&start, before)) = self.ranges.range(..=last).next_back()
            && start + (before.bytes.len() as u64 - 1) >= addr
        {
            return Err(UserRangeError::Overlaps(start));
        }
        self.ranges.insert(addr, range);
        Ok(())
    }

    /// Unmaps the range that starts at `addr` and returns its bytes.
    pub fn remove(&mut self, addr: u64) -> Option<Vec<u8>> {
        self.ranges.remove(&addr).map(|range| range.bytes)
    }

    /// All ranges: first address and bytes, by address.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.ranges.iter().map(|(start, range)| (*start, range.bytes.as_slice()))
    }

    /// Reads bytes, as `bpf_probe_read_user` does.
    ///
    /// # Errors
    /// Some are not mapped; then `into` is as it was (the helper is the one who clears it).
    pub fn read(&self, addr: u64, into: &mut [u8]) -> Result<(), UserFault> {
        self.check(addr, into.len(), false)?;
        let mut done = 0;
        while let Some(from) = self.mapped_at(addr.wrapping_add(done as u64)).filter(|_| done < into.len()) {
            let len = from.len().min(into.len() - done);
            into[done..done + len].copy_from_slice(&from[..len]);
            done += len;
        }
        Ok(())
    }

    /// Reads a string: all bytes up to the first NUL, that included, but at most `into.len()`, the last of which is
    /// then made a NUL. Answers how many it wrote, as `bpf_probe_read_user_str` does (mm/maccess.c,
    /// `strncpy_from_user_nofault`). 0 if `into` is empty.
    ///
    /// # Errors
    /// The mapped bytes ended before the string did; `into` then holds what came before.
    pub fn read_str(&self, addr: u64, into: &mut [u8]) -> Result<usize, UserFault> {
        let mut done = 0;
        while done < into.len() {
            let at = addr.wrapping_add(done as u64);
            let from = self.mapped_at(at).ok_or(UserFault { addr: at, read_only: false })?;
            let from = &from[..from.len().min(into.len() - done)];
            let string = from.iter().position(|byte| *byte == 0).map_or(from, |nul| &from[..=nul]);
            into[done..done + string.len()].copy_from_slice(string);
            done += string.len();
            if string.last() == Some(&0) {
                return Ok(done);
            }
        }
        if let Some(last) = into.last_mut() {
            *last = 0;
        }
        Ok(done)
    }

    /// Writes bytes, as `bpf_probe_write_user` does.
    ///
    /// # Errors
    /// Some are not mapped, or read-only; then nothing was written.
    pub fn write(&mut self, addr: u64, from: &[u8]) -> Result<(), UserFault> {
        self.check(addr, from.len(), true)?;
        let mut done = 0;
        while done < from.len() {
            let at = addr.wrapping_add(done as u64);
            let Some((start, range)) = self.ranges.range_mut(..=at).next_back() else { break };
            let Some(into) = range.bytes.get_mut((at - start) as usize..) else { break };
            let len = into.len().min(from.len() - done);
            into[..len].copy_from_slice(&from[done..done + len]);
            done += len;
        }
        Ok(())
    }

    /// The bytes from `addr` to the end of the range it lies in; at least one.
    fn mapped_at(&self, addr: u64) -> Option<&[u8]> {
        self.range_at(addr).map(|(bytes, _)| bytes)
    }

    fn range_at(&self, addr: u64) -> Option<(&[u8], bool)> {
        let (start, range) = self.ranges.range(..=addr).next_back()?;
        let from = usize::try_from(addr - start).ok()?;
        range.bytes.get(from..).filter(|bytes| !bytes.is_empty()).map(|bytes| (bytes, range.writable))
    }

    fn check(&self, addr: u64, len: usize, write: bool) -> Result<(), UserFault> {
        let (mut at, mut left) = (addr, len);
        while left > 0 {
            match self.range_at(at) {
                Some((bytes, writable)) if writable || !write => {
                    at = at.wrapping_add(bytes.len() as u64);
                    left = left.saturating_sub(bytes.len());
                }
                found => return Err(UserFault { addr: at, read_only: found.is_some() }),
            }
        }
        Ok(())
    }
}
