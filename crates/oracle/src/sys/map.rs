//! Maps of the real kernel, as user space sees them.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::{Attr, Cmd, bpf, bpf_fd, possible_cpus};

/// Arguments of `BPF_MAP_CREATE`; the numbers are the kernel's.
#[derive(Clone, Debug, Default)]
pub struct MapCreate {
    /// `BPF_MAP_TYPE_*`.
    pub kind: u32,
    /// Bytes.
    pub key_size: u32,
    /// Bytes.
    pub value_size: u32,
    /// Elements (ring buffers: bytes).
    pub max_entries: u32,
    /// `BPF_F_*`.
    pub flags: u32,
    /// Inner map of a map of maps; 0 is none.
    pub inner_map_fd: i32,
    /// NUMA node, with its flag.
    pub numa_node: u32,
    /// At most 15 bytes are used.
    pub name: String,
    /// BTF object, 0 is none.
    pub btf_fd: i32,
    /// Type of the key.
    pub btf_key_type_id: u32,
    /// Type of the value.
    pub btf_value_type_id: u32,
    /// Meaning depends on the type.
    pub map_extra: u64,
}

/// A map of the real kernel. Closed on drop.
#[derive(Debug)]
pub struct Map {
    fd: OwnedFd,
    key_size: usize,
    user_value_size: usize,
}

/// `BPF_MAP_TYPE_*` whose user-side value is one value per possible CPU, each rounded up to 8 bytes: PERCPU_HASH,
/// PERCPU_ARRAY, LRU_PERCPU_HASH, PERCPU_CGROUP_STORAGE (kernel/bpf/syscall.c, bpf_map_value_size).
const PER_CPU: [u32; 4] = [5, 6, 10, 21];
/// Those whose user-side value is a descriptor, whatever `value_size` says: PROG_ARRAY, PERF_EVENT_ARRAY,
/// CGROUP_ARRAY, ARRAY_OF_MAPS, HASH_OF_MAPS.
const FD_VALUES: [u32; 5] = [3, 4, 8, 12, 13];

impl MapCreate {
    /// Creates the map.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn create(&self) -> io::Result<Map> {
        let mut name = [0u8; 16];
        let len = self.name.len().min(15);
        name[..len].copy_from_slice(&self.name.as_bytes()[..len]);
        let mut attr = Attr::new()
            .u32(0, self.kind)
            .u32(4, self.key_size)
            .u32(8, self.value_size)
            .u32(12, self.max_entries)
            .u32(16, self.flags)
            .u32(20, self.inner_map_fd as u32)
            .u32(24, self.numa_node)
            .put(28, &name)
            .u32(48, self.btf_fd as u32)
            .u32(52, self.btf_key_type_id)
            .u32(56, self.btf_value_type_id)
            .u64(64, self.map_extra);
        // SAFETY: this command follows no pointer.
        let fd = unsafe { bpf_fd(Cmd::MapCreate, &mut attr)? };
        Ok(Map { fd, key_size: self.key_size as usize, user_value_size: self.user_value_size()? })
    }

    fn user_value_size(&self) -> io::Result<usize> {
        let size = self.value_size as usize;
        Ok(match self.kind {
            kind if PER_CPU.contains(&kind) => size.next_multiple_of(8) * possible_cpus()?,
            kind if FD_VALUES.contains(&kind) => size.max(4),
            _ => size,
        })
    }
}

impl Map {
    /// The raw descriptor number, for `ldimm64` of kind 1 and for maps of maps.
    pub fn raw_fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// Bytes of a value as user space sees it: for per-CPU maps one value per possible CPU, each rounded up to 8.
    pub fn user_value_size(&self) -> usize {
        self.user_value_size
    }

    /// `BPF_MAP_LOOKUP_ELEM`.
    ///
    /// # Errors
    /// The kernel's errno, ENOENT for a key that is not there.
    pub fn lookup(&self, key: &[u8], flags: u64) -> io::Result<Vec<u8>> {
        self.read_value(Cmd::MapLookupElem, key, flags)
    }

    /// `BPF_MAP_LOOKUP_AND_DELETE_ELEM` (queues and stacks take an empty key).
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn lookup_and_delete(&self, key: &[u8], flags: u64) -> io::Result<Vec<u8>> {
        self.read_value(Cmd::MapLookupAndDeleteElem, key, flags)
    }

    fn read_value(&self, cmd: Cmd, key: &[u8], flags: u64) -> io::Result<Vec<u8>> {
        self.check_len(key, self.key_size)?;
        let mut value = vec![0; self.user_value_size];
        // The value of a bloom filter is an input as well; nothing else reads it.
        let mut attr = self.attr().input(8, key).output(16, &mut value).u64(24, flags);
        // SAFETY: `key` has the map's key size, `value` its user-side value size.
        unsafe { bpf(cmd, &mut attr)? };
        Ok(value)
    }

    /// `BPF_MAP_LOOKUP_ELEM` of a bloom filter, which reads the value.
    ///
    /// # Errors
    /// The kernel's errno, ENOENT for a value that is not there.
    pub fn contains(&self, value: &[u8]) -> io::Result<()> {
        self.check_len(value, self.user_value_size)?;
        let mut value = value.to_vec();
        let mut attr = self.attr().output(16, &mut value);
        // SAFETY: `value` has the map's value size; there is no key.
        unsafe { bpf(Cmd::MapLookupElem, &mut attr)? };
        Ok(())
    }

    /// `BPF_MAP_UPDATE_ELEM` (queues and stacks take an empty key).
    ///
    /// # Errors
    /// The kernel's errno; EINVAL from here if `key` or `value` is not of the map's size.
    pub fn update(&self, key: &[u8], value: &[u8], flags: u64) -> io::Result<()> {
        self.check_len(key, self.key_size)?;
        self.check_len(value, self.user_value_size)?;
        let mut attr = self.attr().input(8, key).input(16, value).u64(24, flags);
        // SAFETY: both slices have the sizes that the kernel reads.
        unsafe { bpf(Cmd::MapUpdateElem, &mut attr)? };
        Ok(())
    }

    /// `BPF_MAP_DELETE_ELEM`.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn delete(&self, key: &[u8]) -> io::Result<()> {
        self.check_len(key, self.key_size)?;
        let mut attr = self.attr().input(8, key);
        // SAFETY: `key` has the map's key size.
        unsafe { bpf(Cmd::MapDeleteElem, &mut attr)? };
        Ok(())
    }

    /// `BPF_MAP_GET_NEXT_KEY`; `None` asks for the first.
    ///
    /// # Errors
    /// The kernel's errno, ENOENT after the last.
    pub fn next_key(&self, key: Option<&[u8]>) -> io::Result<Vec<u8>> {
        if let Some(key) = key {
            self.check_len(key, self.key_size)?;
        }
        let mut next = vec![0; self.key_size];
        let mut attr = self.attr().input(8, key.unwrap_or_default()).output(16, &mut next);
        // SAFETY: both have the map's key size, or NULL stands for no key.
        unsafe { bpf(Cmd::MapGetNextKey, &mut attr)? };
        Ok(next)
    }

    /// `BPF_MAP_FREEZE`.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn freeze(&self) -> io::Result<()> {
        let mut attr = self.attr();
        // SAFETY: this command follows no pointer.
        unsafe { bpf(Cmd::MapFreeze, &mut attr)? };
        Ok(())
    }

    fn attr<'a>(&self) -> Attr<'a> {
        Attr::new().u32(0, self.raw_fd() as u32)
    }

    fn check_len(&self, bytes: &[u8], expected: usize) -> io::Result<()> {
        if bytes.len() == expected { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EINVAL)) }
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
