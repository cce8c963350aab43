//! Option structures as their callers give them: older and newer than what this library knows (`OPTS_VALID` and its kin
//! in libbpf).
#![expect(unsafe_code, reason = "an option structure is as long as its first word says")]

use crate::layout::{Field, Options};
use skep_abi::Errno;
use std::ffi::c_void;

/// What a caller gave.
#[derive(Debug)]
pub(crate) struct Given {
    /// Where it is; null for none.
    at: *mut u8,
    /// As many bytes as the caller has and this library knows.
    known: Vec<u8>,
    /// How many the caller has.
    size: usize,
}

impl Given {
    /// Takes options in.
    ///
    /// # Errors
    /// `EINVAL`: shorter than its own size field, or something other than zero behind what this library knows.
    ///
    /// # Safety
    /// It is null, or begins with its size, and has as many bytes, which stay for as long as this.
    pub(crate) unsafe fn new(at: *const c_void, options: Options) -> Result<Given, Errno> {
        let at = at.cast::<u8>().cast_mut();
        if at.is_null() {
            return Ok(Given { at, known: Vec::new(), size: 0 });
        }
        // SAFETY: it begins with its size.
        let size = unsafe { at.cast::<usize>().read_unaligned() };
        if size < size_of::<usize>() {
            return Err(Errno::EINVAL);
        }
        // SAFETY: it has that many bytes.
        let bytes = unsafe { std::slice::from_raw_parts(at, size) };
        let (known, unknown) = bytes.split_at(size.min(options.end));
        if unknown.iter().any(|it| *it != 0) {
            return Err(Errno::EINVAL);
        }
        Ok(Given { at, known: known.to_vec(), size })
    }

    /// Whether the caller's structure has a field (`OPTS_HAS`).
    pub(crate) fn has(&self, field: Field) -> bool {
        self.size >= field.end()
    }

    /// A number; 0 where the caller's structure has none (`OPTS_GET`).
    pub(crate) fn u64(&self, field: Field) -> u64 {
        let bytes = if self.has(field) { self.known.get(field.offset..field.end()) } else { None };
        bytes.unwrap_or_default().iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    /// A number of four bytes.
    pub(crate) fn u32(&self, field: Field) -> u32 {
        self.u64(field) as u32
    }

    /// Whether nothing but zeros is behind a field (`OPTS_ZEROED`).
    pub(crate) fn zero_after(&self, field: Field) -> bool {
        self.known.get(field.end()..).unwrap_or_default().iter().all(|it| *it == 0)
    }

    /// Writes a number back, if the caller's structure has the field (`OPTS_SET`).
    ///
    /// # Safety
    /// The structure may be written.
    pub(crate) unsafe fn set(&self, field: Field, value: u64) {
        if self.has(field) {
            let bytes = value.to_le_bytes();
            // SAFETY: the field lies within the caller's structure, which may be written.
            unsafe { self.at.add(field.offset).copy_from(bytes.as_ptr(), field.size.min(bytes.len())) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{map_create, prog_query};

    fn take(bytes: &mut [u8], size: usize) -> Result<Given, Errno> {
        bytes[..8].copy_from_slice(&size.to_le_bytes());
        assert!(size <= bytes.len());
        // SAFETY: it has the bytes that it says.
        unsafe { Given::new(bytes.as_ptr().cast(), map_create::OPTIONS) }
    }

    #[test]
    fn none_is_all_zeros() {
        // SAFETY: null.
        let given = unsafe { Given::new(std::ptr::null(), map_create::OPTIONS) }.unwrap();
        assert!(!given.has(map_create::sz));
        assert_eq!(given.u64(map_create::map_extra), 0);
        assert!(given.zero_after(map_create::sz));
        // SAFETY: nothing is written.
        unsafe { given.set(map_create::map_extra, 7) };
    }

    #[test]
    fn older_ones_lack_fields() {
        let mut bytes = [0xff_u8; 64];
        // Ends in the middle of `map_flags`.
        let given = take(&mut bytes, 30).unwrap();
        assert_eq!(given.u32(map_create::inner_map_fd), u32::MAX);
        assert!(!given.has(map_create::map_flags));
        assert_eq!(given.u32(map_create::map_flags), 0, "half a field is none");
        assert!(!given.zero_after(map_create::inner_map_fd));
    }

    #[test]
    fn newer_ones_have_zeros_behind() {
        let mut bytes = [0; 80];
        bytes[55] = 1;
        assert!(take(&mut bytes, 80).is_ok());
        bytes[56] = 1;
        assert!(take(&mut bytes, 56).is_ok());
        assert_eq!(take(&mut bytes, 57).unwrap_err(), Errno::EINVAL);
        bytes[56] = 0;
        bytes[79] = 1;
        assert_eq!(take(&mut bytes, 80).unwrap_err(), Errno::EINVAL);
        for size in 0..8 {
            assert_eq!(take(&mut bytes, size).unwrap_err(), Errno::EINVAL, "{size}");
        }
        assert!(take(&mut bytes, 8).is_ok());
    }

    #[test]
    fn answers() {
        let mut bytes = [0_u8; 64];
        bytes[0] = 64;
        // SAFETY: 64 bytes.
        let given = unsafe { Given::new(bytes.as_mut_ptr().cast(), prog_query::OPTIONS) }.unwrap();
        // SAFETY: they may be written.
        unsafe {
            given.set(prog_query::attach_flags, 0x0102_0304_0506);
            given.set(prog_query::revision, u64::MAX);
        }
        assert_eq!(bytes[8..20], [0, 0, 0, 0, 6, 5, 4, 3, 0, 0, 0, 0]);
        assert_eq!(bytes[56..], [0xff; 8]);
    }
}
