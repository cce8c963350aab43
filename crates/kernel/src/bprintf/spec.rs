//! Reading a format string: text and conversions, and which of them a program may use.

use super::StringAt;
use skep_abi::Errno;

/// Text between conversions, or one conversion.
pub(super) enum Piece<'a> {
    Text(&'a [u8]),
    Argument(Spec),
}

/// One conversion: its flags, its field width, what it prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) left: bool,
    pub(super) plus: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    pub(super) width: Option<i32>,
    pub(super) conversion: Conversion,
}

/// What a conversion prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    Signed { long: bool },
    Unsigned { long: bool, base: u8, upper: bool },
    Char,
    Str(StringAt),
    Pointer(Pointer),
}

/// The kinds of `%p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pointer {
    /// `%p`, `%pK`.
    Hashed,
    /// `%px`.
    Plain,
    /// `%ps`, `%pS`: a symbol where there is one.
    Symbol { offset: bool },
    /// `%pB`.
    Backtrace,
    /// `%pI4`, `%pi4`, `%pI6`, `%pi6`.
    Ip { six: bool, leading: bool },
}

/// The piece that starts at `at`, and where the next one does. A NUL counts as the end of the format.
pub(super) fn next(format: &[u8], at: usize, has_argument: bool) -> Result<(Piece<'_>, usize), Errno> {
    let byte = |i: usize| format.get(i).copied().unwrap_or(0);
    if byte(at) != b'%' {
        let len = format[at..].iter().position(|&it| it == b'%').unwrap_or(format.len() - at);
        let text = &format[at..at + len];
        // Bytes of 0x80 and up pass, so that UTF-8 can be printed.
        if text.iter().any(|&it| it.is_ascii_control() && !is_space(it)) {
            return Err(Errno::EINVAL);
        }
        return Ok((Piece::Text(text), at + len));
    }
    if byte(at + 1) == b'%' {
        return Ok((Piece::Text(&format[at..at + 1]), at + 2));
    }
    if !has_argument {
        return Err(Errno::EINVAL);
    }
    let mut i = at + 1;
    let mut spec = Spec {
        left: false,
        plus: false,
        space: false,
        zero: false,
        width: None,
        conversion: Conversion::Char,
    };
    loop {
        match byte(i) {
            b'0' => spec.zero = true,
            b'+' => spec.plus = true,
            b'-' => spec.left = true,
            b' ' => spec.space = true,
            _ => break,
        }
        i += 1;
    }
    if byte(i).is_ascii_digit() {
        let mut width = 0_i32;
        while byte(i).is_ascii_digit() {
            width = width.wrapping_mul(10).wrapping_add(i32::from(byte(i) - b'0'));
            i += 1;
        }
        // `struct printf_spec` keeps 24 bits of it.
        spec.width = Some((width << 8) >> 8);
    }
    (spec.conversion, i) = conversion(format, i)?;
    Ok((Piece::Argument(spec), i))
}

/// The conversion at `at`, and where the text after it starts.
fn conversion(format: &[u8], at: usize) -> Result<(Conversion, usize), Errno> {
    let byte = |i: usize| format.get(i).copied().unwrap_or(0);
    match byte(at) {
        b'p' => pointer(format, at + 1),
        b's' => string(format, at + 1, StringAt::Either),
        b'c' => Ok((Conversion::Char, at + 1)),
        _ => {
            let longs = (at..at + 2).take_while(|&i| byte(i) == b'l').count();
            let long = longs > 0;
            let found = match byte(at + longs) {
                b'd' | b'i' => Conversion::Signed { long },
                b'u' => Conversion::Unsigned { long, base: 10, upper: false },
                b'x' => Conversion::Unsigned { long, base: 16, upper: false },
                b'X' => Conversion::Unsigned { long, base: 16, upper: true },
                _ => return Err(Errno::EINVAL),
            };
            Ok((found, at + longs + 1))
        }
    }
}

/// What follows `%p`. The printing pass skips every letter and digit after it, so they print nothing.
fn pointer(format: &[u8], at: usize) -> Result<(Conversion, usize), Errno> {
    let byte = |i: usize| format.get(i).copied().unwrap_or(0);
    let (pointer, end) = match (byte(at), byte(at + 1)) {
        (it, _) if ends_word(it) => (Pointer::Hashed, at),
        (b'k', b's') => return string(format, at + 2, StringAt::Kernel),
        (b'u', b's') => return string(format, at + 2, StringAt::User),
        (b'K', _) => (Pointer::Hashed, at + 1),
        (b'x', _) => (Pointer::Plain, at + 1),
        (it @ (b's' | b'S'), _) => (Pointer::Symbol { offset: it == b'S' }, at + 1),
        (b'B', _) => (Pointer::Backtrace, at + 1),
        (it @ (b'i' | b'I'), six @ (b'4' | b'6')) => {
            (Pointer::Ip { six: six == b'6', leading: it == b'i' }, at + 2)
        }
        _ => return Err(Errno::EINVAL),
    };
    let skipped = format[end.min(format.len())..].iter().take_while(|&&it| is_alnum(it)).count();
    Ok((Conversion::Pointer(pointer), end + skipped))
}

/// A string conversion must be a word of its own.
fn string(format: &[u8], end: usize, at: StringAt) -> Result<(Conversion, usize), Errno> {
    let after = format.get(end).copied().unwrap_or(0);
    if ends_word(after) { Ok((Conversion::Str(at), end)) } else { Err(Errno::EINVAL) }
}

fn ends_word(byte: u8) -> bool {
    byte == 0 || is_space(byte) || is_punct(byte)
}

// The kernel's classes of bytes are those of Latin-1 (`lib/ctype.c`).

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0xa0)
}

fn is_punct(byte: u8) -> bool {
    byte.is_ascii_punctuation() || matches!(byte, 0xa1..=0xbf | 0xd7 | 0xf7)
}

fn is_alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || (byte >= 0xc0 && !is_punct(byte))
}
