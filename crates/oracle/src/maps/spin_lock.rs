//! The smallest BTF that tells the kernel about a `struct bpf_spin_lock` in a map's value.

use std::io;
use std::os::fd::OwnedFd;

use crate::sys::btf_load;

/// Type id of the `u32` that serves as key.
pub(super) const KEY: u32 = 1;
/// Type id of the value.
pub(super) const VALUE: u32 = 3;

const INT: u32 = 1;
const STRUCT: u32 = 4;

/// Loads BTF of `struct value { struct bpf_spin_lock lock; }` with the lock at an offset and of a given size, both
/// multiples of 4.
pub(super) fn load(lock_at: u32, size: u32) -> io::Result<OwnedFd> {
    let strings = b"\0u32\0bpf_spin_lock\0val\0value\0lock\0";
    let at = |name: &[u8]| strings.windows(name.len()).position(|it| it == name).unwrap_or(0) as u32;
    let info = |kind: u32, members: u32| kind << 24 | members;
    let mut types: Vec<u32> = Vec::new();
    types.extend([at(b"u32\0"), info(INT, 0), 4, 32]);
    types.extend([at(b"bpf_spin_lock\0"), info(STRUCT, 1), 4, at(b"val\0"), KEY, 0]);
    types.extend([at(b"value\0"), info(STRUCT, 1), size, at(b"lock\0"), 2, 8 * lock_at]);
    let types: Vec<u8> = types.into_iter().flat_map(u32::to_le_bytes).collect();
    let mut btf = [0x9f, 0xeb, 1, 0].to_vec();
    for word in [24, 0, types.len() as u32, types.len() as u32, strings.len() as u32] {
        btf.extend(u32::to_le_bytes(word));
    }
    btf.extend(types);
    btf.extend(strings);
    btf_load(&btf).map_err(|rejected| io::Error::other(format!("{rejected}: {}", rejected.log)))
}
