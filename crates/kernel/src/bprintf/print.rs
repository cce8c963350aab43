//! The second pass: printing what was copied (`bstr_printf`).

use super::copied::Copied;
use super::prepare::symbol;
use super::spec::{Conversion, Piece, Pointer, Spec};
use super::{Out, Source, StringAt};

/// Prints one piece of a format.
pub(super) fn piece(out: &mut Out<'_>, piece: &Piece<'_>, copied: &mut Copied, source: &dyn Source) {
    match piece {
        Piece::Text(text) => out.text(text),
        Piece::Argument(spec) => argument(out, spec, copied, source),
    }
}

fn argument(out: &mut Out<'_>, spec: &Spec, copied: &mut Copied, source: &dyn Source) {
    match spec.conversion {
        Conversion::Signed { long: true } => out.signed(spec, copied.take_number(8) as i64),
        Conversion::Signed { long: false } => out.signed(spec, i64::from(copied.take_number(4) as i32)),
        Conversion::Unsigned { long, base, upper } => {
            let value = copied.take_number(if long { 8 } else { 4 });
            out.unsigned(spec, value, base, upper);
        }
        Conversion::Char => out.padded(spec, &[copied.take_byte()]),
        Conversion::Str(StringAt::Either) => out.padded(spec, &copied.take_text()),
        Conversion::Pointer(Pointer::Hashed) => {
            let addr = copied.take_number(8);
            // NULL and error pointers say nothing about the layout of memory, and are shown.
            let shown = addr == 0 || addr > u64::MAX - 4095;
            out.address(spec, if shown { addr } else { u64::from(source.hash_pointer(addr)) });
        }
        Conversion::Pointer(Pointer::Plain) => out.address(spec, copied.take_number(8)),
        Conversion::Pointer(Pointer::Symbol { offset }) => {
            let text = symbol(copied.take_number(8), 0, offset, source);
            out.padded(spec, text.as_bytes());
        }
        // Text of the first pass goes out as it is. With no room left it is skipped: neither counted nor taken, so that
        // later arguments are read from where it is.
        Conversion::Str(StringAt::Kernel | StringAt::User)
        | Conversion::Pointer(Pointer::Backtrace | Pointer::Ip { .. }) => {
            if !out.is_full() {
                out.text(&copied.take_text());
            }
        }
    }
}
