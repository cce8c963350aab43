//! The smallest BTF that tells the kernel about a special field in a map's value.

use std::io;
use std::os::fd::OwnedFd;

use super::Field;
use crate::sys::btf_load;

/// Type id of the `u32` that serves as key.
pub(super) const KEY: u32 = 1;
/// Type id of the value.
pub(super) const VALUE: u32 = 3;

const INT: u32 = 1;
const STRUCT: u32 = 4;

/// Loads BTF of a value of `size` bytes that has nothing but the field, if that has a size. The sizes of fields are multiples of 4.
pub(super) fn load(field: &Field, size: u32) -> io::Result<OwnedFd> {
    let mut strings = b"\0u32\0value\0field\0a\0b\0c\0d\0".to_vec();
    let at = |name: &[u8]| strings.windows(name.len()).position(|it| it == name).unwrap_or(0) as u32;
    let names = [at(b"a\0"), at(b"b\0"), at(b"c\0"), at(b"d\0")];
    let (word, value, member) = (at(b"u32\0"), at(b"value\0"), at(b"field\0"));
    let kind = strings.len() as u32;
    strings.extend(field.kind.as_bytes());
    strings.push(0);

    let info = |kind: u32, members: u32| kind << 24 | members;
    let mut types: Vec<u32> = vec![word, info(INT, 0), 4, 32];
    types.extend([kind, info(STRUCT, field.size / 4), field.size]);
    for (at, name) in (0..field.size / 4).zip(names) {
        types.extend([name, KEY, 32 * at]);
    }
    match field.size {
        0 => types.extend([value, info(STRUCT, 0), size]),
        _ => types.extend([value, info(STRUCT, 1), size, member, 2, 8 * field.at]),
    }
    let types: Vec<u8> = types.into_iter().flat_map(u32::to_le_bytes).collect();
    let mut btf = [0x9f, 0xeb, 1, 0].to_vec();
    for word in [24, 0, types.len() as u32, types.len() as u32, strings.len() as u32] {
        btf.extend(u32::to_le_bytes(word));
    }
    btf.extend(types);
    btf.extend(strings);
    btf_load(&btf).map_err(|rejected| io::Error::other(format!("{rejected}: {}", rejected.log)))
}
