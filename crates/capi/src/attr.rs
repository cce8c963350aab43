//! `union bpf_attr`, filled in for the process-wide kernel.

use crate::given::Given;
use crate::layout;
use crate::machine::default_kernel;
use skep_abi::Errno;
use skep_abi::attr::{Cmd, SIZE};
use skep_abi::ctx::Field;
use std::ffi::{CStr, c_int, c_void};

/// Attributes of one call.
pub(crate) struct Attr {
    bytes: [u8; SIZE],
    len: usize,
}

impl Attr {
    /// Zeros, up to the last field that libbpf 1.5 gives with a command.
    pub(crate) fn until(last: &Field) -> Attr {
        Attr { bytes: [0; SIZE], len: last.offset + last.size() }
    }

    /// Sets a number.
    pub(crate) fn put(&mut self, field: &Field, value: impl Number) -> &mut Attr {
        self.bytes[field.range()].copy_from_slice(&value.word().to_le_bytes()[..field.size()]);
        self
    }

    /// Sets a name, cut to what fits with its NUL (`libbpf_strlcpy`).
    pub(crate) fn put_name(&mut self, field: &Field, name: Option<&CStr>) -> &mut Attr {
        let name = name.map(CStr::to_bytes).unwrap_or_default();
        let len = name.len().min(field.size() - 1);
        self.bytes[field.offset..field.offset + len].copy_from_slice(&name[..len]);
        self
    }

    /// Sets numbers from fields of options, 0 where those have none.
    pub(crate) fn copy(&mut self, given: &Given, fields: &[(&Field, layout::Field)]) -> &mut Attr {
        for (into, from) in fields {
            self.put(into, given.u64(*from));
        }
        self
    }

    /// A number.
    pub(crate) fn get(&self, field: &Field) -> u64 {
        self.bytes[field.range()].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    /// Calls the process-wide kernel. What it answers in the attributes is in here afterwards, whatever the result.
    pub(crate) fn call(&mut self, cmd: Cmd) -> Result<i32, Errno> {
        let kernel = default_kernel()?;
        kernel.with(|it| it.bpf_with(cmd as u32, &mut self.bytes[..self.len]))
    }

    /// The same for a command that answers a new descriptor: never one of the standard streams' numbers
    /// (`ensure_good_fd`).
    pub(crate) fn open(&mut self, cmd: Cmd) -> Result<i32, Errno> {
        let fd = self.call(cmd)?;
        if fd > 2 {
            return Ok(fd);
        }
        let kernel = default_kernel()?;
        kernel.with(|it| {
            let good = it.dup(fd, 3);
            let _ = it.close(fd);
            good
        })
    }
}

/// What attributes hold.
pub(crate) trait Number {
    fn word(self) -> u64;
}

macro_rules! numbers {
    ($($type:ty),*) => { $( impl Number for $type { fn word(self) -> u64 { self as u64 } } )* };
}
numbers!(u32, i32, u64, usize);

impl<T> Number for *const T {
    fn word(self) -> u64 {
        self.expose_provenance() as u64
    }
}

impl<T> Number for *mut T {
    fn word(self) -> u64 {
        self.expose_provenance() as u64
    }
}

/// What libbpf's functions return: a number from 0 on, or a negative errno, which is in `errno` as well.
pub(crate) fn done(result: Result<i32, Errno>) -> c_int {
    result.unwrap_or_else(|error| {
        crate::errno::set(error);
        -error.code()
    })
}

/// Options, as a pointer that C gave.
pub(crate) type Opts = *const c_void;
