//! Which memory an address is in, and reading it without faulting (`mm/maccess.c`, `arch/x86/mm/maccess.c`).

use crate::bprintf::{Source, StringAt, Symbol};
use crate::state::Core;
use crate::symbols::STRIDE;
use skep_abi::Errno;
use skep_memory::{Arena, Memory};

/// The first address that is no user address on x86-64 with four levels of page tables (`TASK_SIZE_MAX`).
pub(crate) const TASK_SIZE: u64 = (1 << 47) - PAGE;
const PAGE: u64 = 4096;
/// The page of the legacy system calls, which counts as user memory.
const VSYSCALL: u64 = 0xffff_ffff_ff60_0000;

/// Whether an address is one that kernel code may be given to probe (`copy_from_kernel_nofault_allowed`): no user
/// address, the guard page behind user space and the legacy system calls included, and canonical.
///
/// Packets lie at low addresses here, because 32-bit context fields point to them; they are kernel memory all the same.
fn is_kernel(addr: u64) -> bool {
    if Arena::Packet.contains(addr) {
        return true;
    }
    let canonical = addr as i64 >> 47 == -1;
    addr >= TASK_SIZE + PAGE && addr & !(PAGE - 1) != VSYSCALL && canonical
}

/// Whether `bpf_probe_read` and `%s` take an address for one of user space.
pub(crate) fn is_user(addr: u64) -> bool {
    addr < TASK_SIZE && !Arena::Packet.contains(addr)
}

/// Reads kernel memory (`copy_from_kernel_nofault`).
///
/// # Errors
/// `ERANGE`: not a kernel address. `EFAULT`: some of it is not mapped.
pub(crate) fn read_kernel(memory: &Memory, addr: u64, out: &mut [u8]) -> Result<(), Errno> {
    if !is_kernel(addr) {
        return Err(Errno::ERANGE);
    }
    memory.peek(addr, out).map_err(|_| Errno::EFAULT)
}

/// A string that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Text {
    /// Its bytes, the NUL included.
    pub(crate) len: usize,
    /// The bytes that were written: zeroes may follow the string.
    pub(crate) written: usize,
}

/// Reads a string from kernel memory (`strncpy_from_kernel_nofault`).
///
/// # Errors
/// As for [`read_kernel`].
pub(crate) fn read_kernel_str(memory: &Memory, addr: u64, out: &mut [u8]) -> Result<Text, Errno> {
    if out.is_empty() {
        return Ok(Text { len: 0, written: 0 });
    }
    if !is_kernel(addr) {
        return Err(Errno::ERANGE);
    }
    let len = memory.peek_str(addr, out).map_err(|_| Errno::EFAULT)?;
    Ok(Text { len, written: len })
}

impl Core {
    /// Reads user memory (`copy_from_user_nofault`).
    ///
    /// # Errors
    /// `EFAULT`: not a user address, or some of it is not mapped.
    pub(crate) fn read_user(&self, addr: u64, out: &mut [u8]) -> Result<(), Errno> {
        check_user(addr, out.len())?;
        self.user.read(addr, out).map_err(|_| Errno::EFAULT)
    }

    /// Reads a string from user memory (`strncpy_from_user_nofault`).
    ///
    /// The kernel copies eight bytes at a time while it can, and zeroes what follows the NUL among the last eight.
    ///
    /// # Errors
    /// `EFAULT`: not a user address, or some of it is not mapped.
    pub(crate) fn read_user_str(&self, addr: u64, out: &mut [u8]) -> Result<Text, Errno> {
        if out.is_empty() {
            return Ok(Text { len: 0, written: 0 });
        }
        if addr >= TASK_SIZE || Arena::Packet.contains(addr) {
            return Err(Errno::EFAULT);
        }
        let room = out.len().min(usize::try_from(TASK_SIZE - addr).unwrap_or(usize::MAX));
        let len = self.user.read_str(addr, &mut out[..room]).map_err(|_| Errno::EFAULT)?;
        if len == room && room < out.len() {
            return Err(Errno::EFAULT);
        }
        let word = (len - 1) / 8 * 8;
        let whole = word + 8 <= room && self.user.read(addr + word as u64, &mut [0; 8]).is_ok();
        if whole {
            out[len..word + 8].fill(0);
        }
        Ok(Text { len, written: if whole { word + 8 } else { len } })
    }
}

/// `access_ok`: whether a range is in user space.
fn check_user(addr: u64, len: usize) -> Result<(), Errno> {
    let end = addr.checked_add(len as u64).filter(|end| *end <= TASK_SIZE);
    match end {
        Some(_) if !Arena::Packet.contains(addr) => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// What printing reads.
pub(crate) struct Printing<'a> {
    pub(crate) core: &'a Core,
    pub(crate) memory: &'a Memory,
}

impl Source for Printing<'_> {
    fn read(&self, addr: u64, out: &mut [u8]) -> bool {
        read_kernel(self.memory, addr, out).is_ok()
    }

    fn read_str(&self, at: StringAt, addr: u64, room: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; room];
        let user = match at {
            StringAt::Either => is_user(addr),
            StringAt::Kernel => false,
            StringAt::User => true,
        };
        let text = if user {
            self.core.read_user_str(addr, &mut bytes)
        } else {
            read_kernel_str(self.memory, addr, &mut bytes)
        };
        bytes.truncate(text.ok()?.len.saturating_sub(1));
        Some(bytes)
    }

    fn symbol(&self, addr: u64) -> Option<Symbol<'_>> {
        let (name, offset) = self.core.symbols.at(addr)?;
        Some(Symbol { name, offset, size: STRIDE })
    }

    fn hash_pointer(&self, addr: u64) -> u32 {
        self.core.hash_pointer(addr)
    }
}
