//! Strings in maps that nobody can write: arguments, and formats.

use skep_abi::flags::BPF_F_RDONLY_PROG;
use skep_abi::{Errno, MapType};

use crate::access::AccessSrc;
use crate::input::MapInfo;
use crate::state::reg::{Extra, MapNr};
use crate::state::types::Base;
use crate::stop::{Check, Stop, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// A pointer to a string that ends within its map (`check_reg_const_str`).
    pub(crate) fn check_reg_const_str(&mut self, regno: usize) -> Check {
        let reg = *self.reg(regno);
        let Extra::Map { map, .. } = reg.extra else { return Err(Stop::new(Errno::EINVAL)) };
        if !reg.ty.is(Base::PtrToMapValue) {
            return Err(Stop::new(Errno::EINVAL));
        }
        if !is_rdonly(self.map(map)) {
            return refuse!(self, EACCES, "R{regno} does not point to a readonly map'\n");
        }
        let Some(var) = reg.scalar.const_value() else {
            return refuse!(self, EACCES, "R{regno} is not a constant address'\n");
        };
        if !matches!(self.map(map).kind, MapType::Array | MapType::Arena) {
            return refuse!(self, EACCES, "no direct value access support for this map type\n");
        }
        let rest = self.map(map).value_size.wrapping_sub(reg.off as u32);
        self.check_map_access(regno, reg.off, rest, false, AccessSrc::Helper)?;
        let off = (reg.off.wrapping_add(var as i32)) as u32;
        if self.map(map).max_entries != 1 || off >= self.map(map).value_size {
            let errno = if self.map(map).max_entries != 1 { Errno::ENOTSUPP } else { Errno::EINVAL };
            crate::stop::verbose!(self, "direct value access on string failed\n");
            return Err(Stop::new(errno));
        }
        if self.string_at(map, off).is_none() {
            return refuse!(self, EINVAL, "string is not zero-terminated\n");
        }
        Ok(())
    }

    /// The string at an offset of a map's value, without its zero; `None`: it does not end.
    fn string_at(&self, map: MapNr, off: u32) -> Option<Vec<u8>> {
        let map = self.map(map);
        let mut text = Vec::new();
        for at in off..map.value_size {
            match self.env.map_bytes(map, at, 1)? {
                0 => return Some(text),
                byte => text.push(byte as u8),
            }
        }
        None
    }

    /// The format of `bpf_snprintf`, against the number of its arguments (`check_bpf_snprintf_call`).
    pub(super) fn check_snprintf_format(&mut self) -> Check {
        let (fmt, len) = (*self.reg(3), self.reg(5).scalar.var_off.value);
        if len % 8 != 0 {
            return Err(Stop::new(Errno::EINVAL));
        }
        let off = fmt.off.wrapping_add(fmt.scalar.var_off.value as i32) as u32;
        let text = fmt.map().and_then(|map| self.string_at(map, off));
        let Some(text) = text else {
            return refuse!(self, EFAULT, "failed to retrieve map value address\n");
        };
        if !format_takes(&text, len / 8) {
            return refuse!(self, EINVAL, "Invalid format string\n");
        }
        Ok(())
    }
}

/// Nobody can write it any more (`bpf_map_is_rdonly`).
pub(crate) fn is_rdonly(map: &MapInfo) -> bool {
    map.flags & BPF_F_RDONLY_PROG != 0 && map.frozen
}

/// Whether the kernel formats this with that many arguments (`bpf_bprintf_prepare`).
fn format_takes(fmt: &[u8], args: u64) -> bool {
    let mut used = 0;
    let mut rest = fmt;
    while let [c, tail @ ..] = rest {
        rest = tail;
        if c.is_ascii() && !(b' '..=b'~').contains(c) && !is_space(*c) {
            return false;
        }
        if *c != b'%' {
            continue;
        }
        if let [b'%', tail @ ..] = rest {
            rest = tail;
            continue;
        }
        let Some(tail) = conversion(rest).filter(|_| used < args) else { return false };
        rest = tail;
        used += 1;
    }
    true
}

/// What follows a conversion; `None`: the kernel does not know it.
fn conversion(fmt: &[u8]) -> Option<&[u8]> {
    if !fmt.first()?.is_ascii() {
        return None;
    }
    let rest = skip(fmt, |c| b"0+- ".contains(&c));
    let rest = match rest {
        [b'1'..=b'9', ..] => skip(rest, |c| c.is_ascii_digit()),
        _ => rest,
    };
    match rest {
        [b'p', b'k' | b'u', b's', rest @ ..] => ends(rest).then_some(rest),
        [b'p', b'K' | b'x' | b's' | b'S' | b'B', rest @ ..] => Some(rest),
        [b'p', b'i' | b'I', b'4' | b'6', rest @ ..] => Some(rest),
        [b'p' | b's', rest @ ..] => ends(rest).then_some(rest),
        [b'c', rest @ ..] => Some(rest),
        _ => number(rest),
    }
}

fn number(rest: &[u8]) -> Option<&[u8]> {
    let rest = rest.strip_prefix(b"l").unwrap_or(rest);
    let rest = rest.strip_prefix(b"l").unwrap_or(rest);
    match rest {
        [b'i' | b'd' | b'u' | b'x' | b'X', rest @ ..] => Some(rest),
        _ => None,
    }
}

fn skip(text: &[u8], which: impl Fn(u8) -> bool) -> &[u8] {
    &text[text.iter().take_while(|c| which(**c)).count()..]
}

/// Where `%p` and `%s` have to end.
fn ends(rest: &[u8]) -> bool {
    rest.first().is_none_or(|c| is_space(*c) || c.is_ascii_punctuation())
}

/// `isspace` of the kernel, which knows the vertical tab and, in Latin-1, the space that does not break.
fn is_space(c: u8) -> bool {
    matches!(c, b'\t'..=b'\r' | b' ' | 0xa0)
}

#[cfg(test)]
mod tests {
    use super::format_takes;

    #[test]
    fn formats() {
        for (text, args, good) in [
            ("", 0, true),
            ("plain\n", 3, true),
            ("%d", 0, false),
            ("%d %u %x %X %i", 5, true),
            ("%ld %lld", 2, true),
            ("%llld", 1, false),
            ("%%", 0, true),
            ("%", 1, false),
            ("%s, %s", 2, true),
            ("%sx", 1, false),
            ("%p %pK %px %ps %pS %pB", 6, true),
            ("%pi4 %pI6", 2, true),
            ("%pi5", 1, false),
            ("%pks %pus", 2, true),
            ("%pksx", 1, false),
            ("%c%c", 2, true),
            ("%+05d|%-8x", 2, true),
            ("%f", 1, false),
            ("\u{1}", 0, false),
            ("\u{fc}", 0, true),
            ("%\u{fc}", 1, false),
        ] {
            assert_eq!(format_takes(text.as_bytes(), args), good, "{text:?} with {args}");
        }
    }
}
