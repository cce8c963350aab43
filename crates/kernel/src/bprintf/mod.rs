//! The format strings of `bpf_trace_printk`, `bpf_trace_vprintk`, `bpf_snprintf` and `bpf_seq_printf`.
//!
//! As in the kernel there are two passes: `bpf_bprintf_prepare` (`kernel/bpf/helpers.c`) refuses what a program must
//! not print, and copies the arguments into a buffer of 512 bytes, strings and addresses as text; `bstr_printf`
//! (`lib/vsprintf.c`) prints from that buffer. Programs can see both: running out of the buffer is an error, and text
//! that does not fit the output is not always counted.

mod copied;
mod out;
mod prepare;
mod print;
mod spec;

pub(crate) use out::Out;
use skep_abi::Errno;

/// `MAX_BPRINTF_VARARGS`: the arguments that `bpf_trace_vprintk` and `bpf_snprintf` may have.
pub(crate) const MAX_ARGS: usize = 12;
/// `MAX_BPRINTF_BUF`: what `bpf_trace_printk` prints at most, its NUL included.
pub(crate) const MAX_PRINTK: usize = 1024;

/// Which memory a `%s` argument points into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StringAt {
    /// `%s`: kernel or user memory, as the address says.
    Either,
    /// `%pks`.
    Kernel,
    /// `%pus`.
    User,
}

/// A function of the kernel, and a place in it.
pub(crate) struct Symbol<'s> {
    pub(crate) name: &'s str,
    pub(crate) offset: u64,
    /// Bytes of the function.
    pub(crate) size: u64,
}

/// What printing reads besides its arguments.
pub(crate) trait Source {
    /// Reads kernel memory without faulting; false if any of it is not mapped.
    fn read(&self, addr: u64, out: &mut [u8]) -> bool;

    /// Reads a NUL-terminated string of at most `room` bytes, its NUL included; the answer is without the NUL.
    /// `None` when it cannot be read.
    fn read_str(&self, at: StringAt, addr: u64, room: usize) -> Option<Vec<u8>>;

    /// The function that an address is in.
    fn symbol(&self, addr: u64) -> Option<Symbol<'_>>;

    /// The 32-bit number that stands for an address where the kernel does not want to show it.
    fn hash_pointer(&self, addr: u64) -> u32;
}

/// Prints `format` with `args` into `out`.
///
/// # Errors
/// `EINVAL`: control characters, a conversion outside the allowed ones, or more conversions than arguments.
/// `ENOSPC`: the arguments need more than 512 bytes.
pub(crate) fn print(
    out: &mut Out<'_>,
    format: &[u8],
    args: &[u64],
    source: &dyn Source,
) -> Result<(), Errno> {
    let (pieces, mut copied) = prepare::prepare(format, args, source)?;
    for piece in &pieces {
        print::piece(out, piece, &mut copied, source);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
