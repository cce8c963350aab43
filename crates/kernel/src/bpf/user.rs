//! The memory of whoever makes a system call.

use skep_abi::Errno;
use skep_memory::UserRanges;

/// The memory of the process that calls [`Kernel::bpf`](crate::Kernel::bpf): the only way to it. A simulated process
/// has [`UserRanges`]; a real one, its own address space.
pub trait UserMemory {
    /// Copies bytes from an address (`copy_from_user`).
    ///
    /// # Errors
    /// `EFAULT`: some of them cannot be read.
    fn read(&mut self, addr: u64, into: &mut [u8]) -> Result<(), Errno>;

    /// Copies bytes to an address (`copy_to_user`).
    ///
    /// # Errors
    /// `EFAULT`: some of them cannot be written. Those before may have been.
    fn write(&mut self, addr: u64, from: &[u8]) -> Result<(), Errno>;
}

impl UserMemory for UserRanges {
    fn read(&mut self, addr: u64, into: &mut [u8]) -> Result<(), Errno> {
        UserRanges::read(self, addr, into).map_err(|_| Errno::EFAULT)
    }

    fn write(&mut self, addr: u64, from: &[u8]) -> Result<(), Errno> {
        UserRanges::write(self, addr, from).map_err(|_| Errno::EFAULT)
    }
}
