//! The first pass: what may be printed, and the arguments as text and numbers (`bpf_bprintf_prepare`).

use super::copied::Copied;
use super::spec::{Conversion, Piece, Pointer, next};
use super::{Source, StringAt, Symbol};
use skep_abi::Errno;

/// Takes a format apart and copies its arguments. The copies are ready to be read.
pub(super) fn prepare<'f>(
    format: &'f [u8],
    args: &[u64],
    source: &dyn Source,
) -> Result<(Vec<Piece<'f>>, Copied), Errno> {
    let mut pieces = Vec::new();
    let mut copied = Copied::new();
    let mut args = args.iter().copied();
    let mut at = 0;
    while at < format.len() {
        let (piece, end) = next(format, at, args.len() > 0)?;
        if let Piece::Argument(spec) = &piece {
            let arg = args.next().ok_or(Errno::EINVAL)?;
            copy(&mut copied, spec.conversion, arg, source)?;
        }
        pieces.push(piece);
        at = end;
    }
    Ok((pieces, copied.rewind()))
}

fn copy(copied: &mut Copied, conversion: Conversion, arg: u64, source: &dyn Source) -> Result<(), Errno> {
    match conversion {
        Conversion::Signed { long: false } | Conversion::Unsigned { long: false, .. } => {
            copied.put_number(&(arg as u32).to_le_bytes())
        }
        Conversion::Signed { .. }
        | Conversion::Unsigned { .. }
        | Conversion::Pointer(Pointer::Hashed | Pointer::Plain | Pointer::Symbol { .. }) => {
            copied.put_number(&arg.to_le_bytes())
        }
        Conversion::Char => copied.put_byte(arg as u8),
        Conversion::Str(at) => string(copied, at, arg, source),
        Conversion::Pointer(Pointer::Backtrace) => {
            copied.put_text(symbol(arg, 1, true, source).as_bytes());
            Ok(())
        }
        Conversion::Pointer(Pointer::Ip { six, leading }) => ip(copied, six, leading, arg, source),
    }
}

/// A string as far as there is room; none where it cannot be read.
fn string(copied: &mut Copied, at: StringAt, addr: u64, source: &dyn Source) -> Result<(), Errno> {
    copied.need(1)?;
    let text = source.read_str(at, addr, copied.room()).unwrap_or_default();
    copied.put_text(&text);
    Ok(())
}

/// An address as text; of all zeroes where it cannot be read.
fn ip(copied: &mut Copied, six: bool, leading: bool, addr: u64, source: &dyn Source) -> Result<(), Errno> {
    let mut bytes = [0; 16];
    let bytes = if six { &mut bytes[..] } else { &mut bytes[..4] };
    copied.need(bytes.len())?;
    if !source.read(addr, bytes) {
        bytes.fill(0);
    }
    copied.put_text(ip_text(bytes, leading).as_bytes());
    Ok(())
}

/// The function that an address is in, or the address (`__sprint_symbol`, `kernel/kallsyms.c`). Return addresses are looked
/// up one byte before: a call may be the last instruction of its function.
pub(super) fn symbol(addr: u64, before: u64, with_offset: bool, source: &dyn Source) -> String {
    match source.symbol(addr.wrapping_sub(before)) {
        Some(Symbol { name, .. }) if !with_offset => name.to_owned(),
        Some(Symbol { name, offset, size }) => format!("{name}+{:#x}/{size:#x}", offset + before),
        None => format!("{addr:#x}"),
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
