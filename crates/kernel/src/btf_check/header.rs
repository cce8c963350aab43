//! The header, and where the sections lie (`btf_parse_hdr`, `btf_check_sec_info`, `btf_parse_str_sec`).

use super::{Check, Checker};
use skep_abi::Errno;

/// Bytes of `struct btf_header`, and of its beginning up to its own length.
const SIZE: usize = 24;
const UP_TO_LEN: usize = 8;
const MAGIC: u32 = 0xeb9f;
/// `BTF_MAX_NAME_OFFSET`.
pub(super) const MAX_NAME_OFFSET: u32 = 0xff_ffff;

/// The header's fields about sections.
pub(super) struct Header {
    len: u32,
    pub(super) type_off: u32,
    pub(super) type_len: u32,
    str_off: u32,
    str_len: u32,
}

impl Checker<'_> {
    pub(super) fn header(&mut self) -> Check<Header> {
        let data = self.data;
        let size = data.len();
        if size < UP_TO_LEN {
            return self.refuse("hdr_len not found");
        }
        let mut bytes = [0; SIZE];
        let len = u32::from_le_bytes([data[4], data[5], data[6], data[7]]);
        if size < len as usize {
            return self.refuse("btf_header not found");
        }
        if data[..len as usize].iter().skip(SIZE).any(|it| *it != 0) {
            self.write("Unsupported btf_header");
            return Err(Errno::E2BIG);
        }
        let known = (len as usize).min(SIZE);
        bytes[..known].copy_from_slice(&data[..known]);
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (magic, version, flags) = (word(0) & 0xffff, bytes[2], bytes[3]);
        // Of a header that is shorter than its own length says, the kernel has zeros there.
        let header = Header {
            len: word(4),
            type_off: word(8),
            type_len: word(12),
            str_off: word(16),
            str_len: word(20),
        };
        self.write(format_args!(
            "magic: 0x{magic:x}\nversion: {version}\nflags: 0x{flags:x}\nhdr_len: {}\n",
            header.len
        ));
        self.write(format_args!("type_off: {}\ntype_len: {}\n", header.type_off, header.type_len));
        self.write(format_args!("str_off: {}\nstr_len: {}\n", header.str_off, header.str_len));
        self.write(format_args!("btf_total_size: {size}\n"));
        if magic != MAGIC {
            return self.refuse("Invalid magic");
        }
        if version != 1 || flags != 0 {
            self.write(if version != 1 { "Unsupported version" } else { "Unsupported flags" });
            return Err(Errno::ENOTSUPP);
        }
        if size as u64 == u64::from(header.len) {
            return self.refuse("No data");
        }
        self.sections(&header)?;
        let section = |off: u32, len: u32| {
            let from = (header.len as usize).checked_add(off as usize)?;
            data.get(from..from.checked_add(len as usize)?)
        };
        // They lie inside: that was looked at.
        self.types_at = section(header.type_off, header.type_len).unwrap_or_default();
        self.strings = section(header.str_off, header.str_len).unwrap_or_default();
        Ok(header)
    }

    fn sections(&mut self, header: &Header) -> Check {
        let mut sections = [(header.type_off, header.type_len), (header.str_off, header.str_len)];
        sections.sort_unstable();
        let expected = (self.data.len() as u32).wrapping_sub(header.len);
        let mut total: u32 = 0;
        for (off, len) in sections {
            if expected < off {
                return self.refuse("Invalid section offset");
            }
            if total < off {
                return self.refuse("Unsupported section found");
            }
            if total > off {
                return self.refuse("Section overlap found");
            }
            if expected - total < len {
                return self.refuse("Total section length too long");
            }
            total += len;
        }
        if expected == total { Ok(()) } else { self.refuse("Unsupported section found") }
    }

    pub(super) fn string_section(&mut self, header: &Header) -> Check {
        let end = u64::from(header.len) + u64::from(header.str_off) + u64::from(header.str_len);
        if end != self.data.len() as u64 {
            return self.refuse("String section is not at the end");
        }
        let known = header.str_len != 0 && header.str_len - 1 <= MAX_NAME_OFFSET;
        let (first, last) = (self.strings.first(), self.strings.last());
        if !known || last != Some(&0) || first != Some(&0) {
            return self.refuse("Invalid string section");
        }
        Ok(())
    }
}
