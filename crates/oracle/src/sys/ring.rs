//! The pages of a ring buffer map, as a reader maps them.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Map;

/// Bytes of a page of this machine as far as the recordings go.
const PAGE: usize = 4096;

/// A mapping of `len` bytes. Unmapped on drop.
#[derive(Debug)]
struct Mapping {
    start: *mut libc::c_void,
    len: usize,
}

impl Mapping {
    fn new(map: &Map, offset: usize, len: usize, writable: bool) -> io::Result<Mapping> {
        let prot = if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ };
        let fd = map.as_fd().as_raw_fd();
        // SAFETY: a new mapping at a place that the kernel chooses touches no memory of ours.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), len, prot, libc::MAP_SHARED, fd, offset as libc::off_t)
        };
        if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Mapping { start, len }) }
    }

    /// The aligned number at a byte offset that is a multiple of 8.
    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.len, "offset {offset} of {} bytes", self.len);
        // SAFETY: the mapping is page-aligned, lives as long as `self`, and the offset was checked.
        unsafe { &*self.start.cast::<u8>().add(offset).cast::<AtomicU64>() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what `new` mapped; nothing borrows from it any more.
        unsafe { libc::munmap(self.start, self.len) };
    }
}

/// A ring buffer map seen by its reader.
#[derive(Debug)]
pub struct RingPages {
    consumer: Mapping,
    producer: Mapping,
    size: usize,
}

impl RingPages {
    /// Maps the pages of a ring buffer with `size` bytes of data.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn map(map: &Map, size: usize) -> io::Result<RingPages> {
        Ok(RingPages {
            consumer: Mapping::new(map, 0, PAGE, true)?,
            producer: Mapping::new(map, PAGE, PAGE + 2 * size, false)?,
            size,
        })
    }

    /// Consumer, producer and pending position.
    pub fn positions(&self) -> [u64; 3] {
        let words = [self.consumer.word(0), self.producer.word(0), self.producer.word(8)];
        words.map(|word| word.load(Ordering::Acquire))
    }

    /// Moves the consumer.
    pub fn set_consumer(&self, position: u64) {
        self.consumer.word(0).store(position, Ordering::Release);
    }

    /// The data, once.
    pub fn data(&self) -> Vec<u8> {
        let words = (0..self.size / 8).map(|at| self.producer.word(PAGE + 8 * at).load(Ordering::Acquire));
        words.flat_map(u64::to_ne_bytes).collect()
    }
}

/// Binds the calling thread to one CPU, so that per-CPU state is told apart.
///
/// # Errors
/// There is no such CPU.
pub fn pin_to_cpu(cpu: usize) -> io::Result<()> {
    // SAFETY: an all-zero set is a valid, empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the set is ours and `cpu` was checked against its size.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the kernel reads a set of the size that is given.
    let answer = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
