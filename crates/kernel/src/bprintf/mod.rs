//! The format strings of `bpf_trace_printk`, `bpf_trace_vprintk`, `bpf_snprintf` and `bpf_seq_printf`.
//!
//! Two passes in the kernel, `bpf_bprintf_prepare` (`kernel/bpf/helpers.c`) and `bstr_printf` (`lib/vsprintf.c`):
//! the first refuses what a program must not print and copies strings and addresses into a buffer of 512 bytes, the
//! second prints. Nothing shows in between, so one pass does both here; the 512 bytes are counted, because running
//! out of them is an error that programs can see.

mod out;
mod spec;

pub(crate) use out::Out;
use skep_abi::Errno;
use spec::{Conversion, Pointer, Spec, next};

/// `MAX_BPRINTF_VARARGS`: the arguments that `bpf_trace_vprintk` and `bpf_snprintf` may have.
pub(crate) const MAX_ARGS: usize = 12;
/// `MAX_BPRINTF_BUF`: what `bpf_trace_printk` prints at most, its NUL included.
pub(crate) const MAX_PRINTK: usize = 1024;
/// `MAX_BPRINTF_BIN_ARGS`: room for the copied arguments, in bytes.
const MAX_COPIED: usize = 512;

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

/// What printing reads besides its arguments.
pub(crate) trait Source {
    /// Reads kernel memory without faulting; false if any of it is not mapped.
    fn read(&self, addr: u64, out: &mut [u8]) -> bool;

    /// Reads a NUL-terminated string of at most `room` bytes, its NUL included; the answer is without the NUL.
    /// `None` when it cannot be read.
    fn read_str(&self, at: StringAt, addr: u64, room: usize) -> Option<Vec<u8>>;

    /// The 32-bit number that stands for an address where the kernel does not want to show it.
    fn hash_pointer(&self, addr: u64) -> u32;
}

/// Prints `format` (up to its NUL, or all of it) with `args` into `out`.
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
    let mut printer = Printer { out, source, used: 0, has_buffer: !args.is_empty() };
    let mut args = args.iter().copied();
    let mut at = 0;
    while at < format.len() {
        let (piece, end) = next(format, at, args.len() > 0)?;
        match piece {
            spec::Piece::Text(text) => printer.out.text(text),
            spec::Piece::Argument(spec) => {
                let arg = args.next().ok_or(Errno::EINVAL)?;
                printer.argument(&spec, arg)?;
            }
        }
        at = end;
    }
    Ok(())
}

/// Where printing stands.
struct Printer<'a, 'o> {
    out: &'a mut Out<'o>,
    source: &'a dyn Source,
    /// Bytes of copied arguments so far.
    used: usize,
    has_buffer: bool,
}

impl Printer<'_, '_> {
    fn argument(&mut self, spec: &Spec, arg: u64) -> Result<(), Errno> {
        match spec.conversion {
            Conversion::Signed { long } => {
                self.take_number(if long { 8 } else { 4 })?;
                let value = if long { arg as i64 } else { i64::from(arg as i32) };
                self.out.signed(spec, value);
            }
            Conversion::Unsigned { long, base, upper } => {
                self.take_number(if long { 8 } else { 4 })?;
                let value = if long { arg } else { u64::from(arg as u32) };
                self.out.unsigned(spec, value, base, upper);
            }
            Conversion::Char => {
                self.need(1)?;
                self.used += 1;
                self.out.char(spec, arg as u8);
            }
            Conversion::Str(at) => self.string(spec, at, arg)?,
            Conversion::Pointer(pointer) => self.pointer(spec, pointer, arg)?,
        }
        Ok(())
    }

    /// A number is copied at a multiple of four, whatever its size.
    fn take_number(&mut self, size: usize) -> Result<(), Errno> {
        if self.has_buffer {
            self.used = self.used.next_multiple_of(4);
            self.need(size)?;
            self.used += size;
        }
        Ok(())
    }

    fn need(&self, size: usize) -> Result<(), Errno> {
        if MAX_COPIED.saturating_sub(self.used) < size { Err(Errno::ENOSPC) } else { Ok(()) }
    }

    fn string(&mut self, spec: &Spec, at: StringAt, addr: u64) -> Result<(), Errno> {
        self.need(1)?;
        let text = self.source.read_str(at, addr, MAX_COPIED - self.used).unwrap_or_default();
        self.used += text.len() + 1;
        // `%pks` and `%pus` are printed as they were copied, without width or flags.
        let plain = Spec { width: None, ..*spec };
        self.out.padded(if at == StringAt::Either { spec } else { &plain }, &text);
        Ok(())
    }

    fn pointer(&mut self, spec: &Spec, pointer: Pointer, addr: u64) -> Result<(), Errno> {
        match pointer {
            Pointer::Hashed => {
                self.take_number(8)?;
                // NULL and error pointers say nothing about the layout of memory, and are shown.
                let shown = addr == 0 || addr > u64::MAX - 4095;
                let value = if shown { addr } else { u64::from(self.source.hash_pointer(addr)) };
                self.out.address(spec, value);
            }
            Pointer::Plain => {
                self.take_number(8)?;
                self.out.address(spec, addr);
            }
            // There are no kernel symbols here: the kernel prints such an address as a number, too.
            Pointer::Symbol => {
                self.take_number(8)?;
                self.out.padded(spec, format!("{addr:#x}").as_bytes());
            }
            Pointer::Backtrace => {
                let text = format!("{addr:#x}");
                self.copied(text.as_bytes());
            }
            Pointer::Ip { six, leading } => {
                let mut bytes = [0; 16];
                let bytes = if six { &mut bytes[..] } else { &mut bytes[..4] };
                self.need(bytes.len())?;
                if !self.source.read(addr, bytes) {
                    bytes.fill(0);
                }
                let text = ip_text(bytes, leading);
                self.copied(text.as_bytes());
            }
        }
        Ok(())
    }

    /// Text that the first pass made: what does not fit into its buffer is cut off.
    fn copied(&mut self, text: &[u8]) {
        let room = MAX_COPIED.saturating_sub(self.used + 1);
        self.out.text(&text[..text.len().min(room)]);
        self.used += text.len() + 1;
    }
}

/// An address as `%pI4`, `%pi4` (`leading` zeroes), `%pI6` and `%pi6` (`leading`: no colons) print it.
fn ip_text(bytes: &[u8], leading: bool) -> String {
    let mut text = String::new();
    for (i, byte) in bytes.iter().enumerate() {
        match (bytes.len(), leading) {
            (4, false) => text += &format!("{}{byte}", if i > 0 { "." } else { "" }),
            (4, true) => text += &format!("{}{byte:03}", if i > 0 { "." } else { "" }),
            (_, false) => text += &format!("{}{byte:02x}", if i > 0 && i % 2 == 0 { ":" } else { "" }),
            (_, true) => text += &format!("{byte:02x}"),
        }
    }
    text
}

#[cfg(test)]
mod tests;
