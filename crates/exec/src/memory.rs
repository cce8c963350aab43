//! The memory of a process, for a kernel that is not the one it runs on.
#![expect(unsafe_code, reason = "process_vm_readv and process_vm_writev are not in rustix")]

use skep_abi::Errno;
use skep_kernel::UserMemory;
use std::io;

/// The memory of one process, read and written as a kernel does it: an address that is none answers `EFAULT`, and so
/// does a write to read-only pages. Nothing here can crash the process.
///
/// It is `process_vm_readv(2)`, which a process may always do to itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcessMemory {
    pid: i32,
}

impl ProcessMemory {
    /// The memory of this process.
    ///
    /// # Errors
    /// The host lets nobody do this (a sandbox that forbids `process_vm_readv`).
    pub fn own() -> io::Result<ProcessMemory> {
        let memory = ProcessMemory { pid: std::process::id().cast_signed() };
        let probe = [0x5a_u8];
        let mut seen = [0];
        match memory.copy_from(probe.as_ptr().expose_provenance() as u64, &mut seen) {
            Ok(()) if seen == probe => Ok(memory),
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this host does not let a process read its own memory with process_vm_readv(2)",
            )),
        }
    }

    fn copy_from(&self, addr: u64, into: &mut [u8]) -> Result<(), Errno> {
        let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
        // SAFETY: `local` is all of `into`, which is ours to write for the whole call. `remote` is looked up by the host's
        // kernel, which answers EFAULT or a short count for what is not there.
        self.transfer(addr, into.len(), |remote| unsafe {
            libc::process_vm_readv(self.pid, &local, 1, remote, 1, 0)
        })
    }

    fn copy_to(&self, addr: u64, from: &[u8]) -> Result<(), Errno> {
        let local = libc::iovec { iov_base: from.as_ptr().cast_mut().cast(), iov_len: from.len() };
        // SAFETY: `local` is only read, and is all of `from`. What is at `addr` is the caller's to give: whoever passes an
        // address to a system call lets the kernel write there, at any time until it returns.
        self.transfer(addr, from.len(), |remote| unsafe {
            libc::process_vm_writev(self.pid, &local, 1, remote, 1, 0)
        })
    }

    fn transfer(
        &self,
        addr: u64,
        len: usize,
        call: impl FnOnce(*const libc::iovec) -> isize,
    ) -> Result<(), Errno> {
        if len == 0 {
            return Ok(());
        }
        let base = usize::try_from(addr).map_err(|_| Errno::EFAULT)?;
        let remote = libc::iovec { iov_base: std::ptr::with_exposed_provenance_mut(base), iov_len: len };
        // A count that is short says that a page in the middle is missing.
        if usize::try_from(call(&remote)) == Ok(len) { Ok(()) } else { Err(Errno::EFAULT) }
    }
}

impl UserMemory for ProcessMemory {
    fn read(&mut self, addr: u64, into: &mut [u8]) -> Result<(), Errno> {
        self.copy_from(addr, into)
    }

    fn write(&mut self, addr: u64, from: &[u8]) -> Result<(), Errno> {
        self.copy_to(addr, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

    fn addr_of<T>(it: *const T) -> u64 {
        it.expose_provenance() as u64
    }

    #[test]
    fn own_bytes() {
        let mut memory = ProcessMemory::own().unwrap();
        let mut bytes = *b"a hive for bees";
        let addr = addr_of(bytes.as_mut_ptr());
        let mut seen = [0; 4];
        memory.read(addr + 2, &mut seen).unwrap();
        assert_eq!(&seen, b"hive");
        memory.write(addr + 2, b"home").unwrap();
        assert_eq!(&std::hint::black_box(bytes), b"a home for bees");
    }

    #[test]
    fn bad_addresses_are_efault() {
        let mut memory = ProcessMemory::own().unwrap();
        for addr in [0, 1, 0xfff, 1 << 47, 0xffff_8000_0000_0000, u64::MAX, u64::MAX - 3] {
            assert_eq!(memory.read(addr, &mut [0; 8]), Err(Errno::EFAULT), "{addr:#x}");
            assert_eq!(memory.write(addr, &[0; 8]), Err(Errno::EFAULT), "{addr:#x}");
            assert_eq!(memory.read(addr, &mut []), Ok(()), "{addr:#x}: nothing is always there");
        }
    }

    #[test]
    fn a_read_only_page_is_not_written_and_a_missing_one_not_read() {
        let mut memory = ProcessMemory::own().unwrap();
        let page = rustix::param::page_size();
        // SAFETY: a new mapping of our own, at an address that the kernel chooses; nothing else refers to it.
        let base = unsafe {
            let base = mmap_anonymous(
                std::ptr::null_mut(),
                3 * page,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            );
            let base = base.unwrap();
            mprotect(base.byte_add(page), page, MprotectFlags::READ).unwrap();
            munmap(base.byte_add(2 * page), page).unwrap();
            base
        };
        let start = addr_of(base);
        let end = start + 2 * page as u64;
        assert_eq!(memory.read(start + page as u64 - 4, &mut [1; 8]), Ok(()));
        assert_eq!(memory.write(start + page as u64 - 4, &[1; 4]), Ok(()));
        assert_eq!(memory.write(start + page as u64 - 4, &[1; 8]), Err(Errno::EFAULT));
        assert_eq!(memory.read(end - 4, &mut [1; 4]), Ok(()));
        assert_eq!(memory.read(end - 4, &mut [1; 5]), Err(Errno::EFAULT));
        // SAFETY: these two pages are ours, and nothing refers to them any more.
        unsafe { munmap(base, 2 * page).unwrap() };
    }
}
