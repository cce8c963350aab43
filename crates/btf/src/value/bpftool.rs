//! Values as `bpftool map dump` prints them when a map has BTF: JSON-like, but not JSON (a pointer to nothing is
//! `"(nil)"`, a bit-field is a bare `0x1f`).
//!
//! Where bpftool (as of Linux 6.12) gives up in the middle of a value, this goes on: floats are printed as numbers.

use super::ValueError;
use super::decode::int_bits;
use crate::types::*;
use crate::{Btf, TypeError, bits};

impl Btf {
    /// A value of type `id` as `bpftool map dump` prints it: over several lines, indented by 4.
    ///
    /// # Errors
    /// As [`Btf::decode`].
    pub fn format_value(&self, id: impl Into<TypeId>, bytes: &[u8]) -> Result<String, ValueError> {
        let mut printer = Printer::new(self);
        printer.whole(id.into(), bytes)?;
        Ok(printer.out)
    }

    /// All of a map as `bpftool map dump` prints it: keys and values, each with its type and bytes.
    ///
    /// # Errors
    /// As [`Btf::decode`].
    pub fn format_map<'e>(
        &self,
        key: impl Into<TypeId>,
        value: impl Into<TypeId>,
        entries: impl IntoIterator<Item = (&'e [u8], &'e [u8])>,
    ) -> Result<String, ValueError> {
        let (key_id, value_id) = (key.into(), value.into());
        let mut printer = Printer::new(self);
        printer.open('[');
        for (key, value) in entries {
            printer.open('{');
            printer.name("key");
            printer.whole(key_id, key)?;
            printer.name("value");
            printer.whole(value_id, value)?;
            printer.close('}');
        }
        printer.close(']');
        printer.out.push('\n');
        Ok(printer.out)
    }
}

struct Printer<'b> {
    btf: &'b Btf,
    out: String,
    depth: usize,
    /// Whether something stands before on this level, so that a comma is due.
    comma: bool,
    /// As in decoding: no more values than the bytes warrant.
    budget: usize,
}

impl<'b> Printer<'b> {
    fn new(btf: &'b Btf) -> Printer<'b> {
        Printer { btf, out: String::new(), depth: 0, comma: false, budget: 0 }
    }

    fn item(&mut self) {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
    }

    fn text(&mut self, text: &str) {
        self.item();
        self.out.push_str(text);
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("    ", self.depth));
    }

    fn open(&mut self, bracket: char) {
        self.item();
        self.out.push(bracket);
        self.depth += 1;
        self.comma = false;
    }

    fn close(&mut self, bracket: char) {
        self.depth -= 1;
        if self.comma {
            self.line();
        }
        self.out.push(bracket);
        self.comma = true;
    }

    fn name(&mut self, name: &str) {
        self.item();
        self.line();
        self.quoted(name);
        self.out.push_str(": ");
        self.comma = false;
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.out.extend(['\\', c]),
                '\n' => self.out.push_str("\\n"),
                '\t' => self.out.push_str("\\t"),
                '\r' => self.out.push_str("\\r"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn whole(&mut self, id: TypeId, bytes: &[u8]) -> Result<(), ValueError> {
        let wanted = self.btf.size_of(id)?;
        if (bytes.len() as u64) < wanted {
            return Err(ValueError::Short { id, wanted, have: bytes.len() });
        }
        self.budget = bytes.len().saturating_mul(16).saturating_add(4096);
        self.value(id, bytes, 0)
    }

    /// The value that starts at bit `at`.
    fn value(&mut self, id: TypeId, bytes: &[u8], at: u64) -> Result<(), ValueError> {
        self.budget = self.budget.checked_sub(1).ok_or(ValueError::TooMany)?;
        let (btf, id) = (self.btf, self.btf.resolve(id));
        let ty = btf.type_by_id(id).ok_or(TypeError::NoSuchType(id))?;
        match &ty.def {
            Def::Array(array) => self.array(array, bytes, at),
            Def::Struct(c) | Def::Union(c) => self.members(c, bytes, at),
            Def::DataSec(section) => self.section(btf.str(ty.name), section, bytes, at),
            Def::Var(var) => {
                self.open('{');
                self.name(btf.str(ty.name));
                self.value(var.type_id, bytes, at)?;
                self.close('}');
                Ok(())
            }
            scalar => {
                let (at, len) = scalar_bits(self.btf, scalar, at).ok_or(TypeError::NoSize(id))?;
                let wanted = btf.size_of(id)?;
                let number = bits::read(bytes, at, len);
                self.scalar(scalar, number.ok_or(ValueError::Short { id, wanted, have: bytes.len() })?);
                Ok(())
            }
        }
    }

    fn scalar(&mut self, def: &Def, number: u128) {
        match def {
            Def::Int(int) => self.int(int, number),
            Def::Float(4) => self.text(&f32::from_bits(number as u32).to_string()),
            Def::Float(8) => self.text(&f64::from_bits(number as u64).to_string()),
            Def::Ptr(_) if number == 0 => self.text("\"(nil)\""),
            Def::Ptr(_) => self.text(&format!("\"{number:#x}\"")),
            Def::Enum(e) | Def::Enum64(e) => {
                // bpftool reads them all as signed.
                let len = e.size * 8;
                let number = bits::sign_extend(number, len);
                match self.btf.enum_name(e, number, len) {
                    Some(name) => {
                        self.item();
                        self.quoted(self.btf.str(name));
                    }
                    None => self.text(&number.to_string()),
                }
            }
            _ => self.hex(number),
        }
    }

    fn hex(&mut self, number: u128) {
        self.text(&format!("{number:#x}"));
    }

    fn int(&mut self, int: &Int, number: u128) {
        let len = u32::from(int.bits);
        if int.offset != 0 || !matches!(len, 8 | 16 | 32 | 64) {
            return self.hex(number);
        }
        match int.encoding {
            IntEncoding::Bool => self.text(if number != 0 { "true" } else { "false" }),
            IntEncoding::Char => match number as u8 {
                byte @ 0x20..0x7f => self.text(&format!("\"{}\"", char::from(byte))),
                byte => self.hex(byte.into()),
            },
            IntEncoding::Signed => self.text(&bits::sign_extend(number, len).to_string()),
            IntEncoding::Unsigned => self.text(&number.to_string()),
        }
    }

    fn array(&mut self, array: &Array, bytes: &[u8], at: u64) -> Result<(), ValueError> {
        let element = self.btf.size_of(array.element)?;
        if let Some(text) = self.string(array, bytes, at) {
            self.item();
            self.quoted(text);
            return Ok(());
        }
        self.open('[');
        for index in 0..u64::from(array.len) {
            let at = at.saturating_add(index.saturating_mul(element).saturating_mul(8));
            self.value(array.element, bytes, at)?;
        }
        self.close(']');
        Ok(())
    }

    /// An array of `char` (not of a typedef of it) that holds printable ASCII up to a NUL.
    fn string<'d>(&self, array: &Array, bytes: &'d [u8], at: u64) -> Option<&'d str> {
        let ty = self.btf.type_by_id(self.btf.unqualified(array.element))?;
        match ty.def {
            Def::Int(Int { size: 1, encoding, .. })
                if encoding == IntEncoding::Char || self.btf.str(ty.name) == "char" => {}
            _ => return None,
        }
        let bytes = bytes.get(usize::try_from(at / 8).ok()?..)?.get(..array.len as usize)?;
        let end = bytes.iter().position(|byte| *byte == 0)?;
        let text = bytes.get(..end)?;
        let printable = text.iter().all(|byte| matches!(byte, 0x20..0x7f));
        if printable { std::str::from_utf8(text).ok() } else { None }
    }

    fn members(&mut self, c: &Composite, bytes: &[u8], at: u64) -> Result<(), ValueError> {
        self.open('{');
        for member in &c.members {
            let info = self.btf.member_info(c.kflag, member);
            let at = at.saturating_add(info.bit_offset.into());
            self.name(info.name);
            match info.bit_size {
                None => self.value(info.type_id, bytes, at)?,
                // bpftool prints all bit-fields as unsigned hexadecimal numbers, signed or enumerations or not.
                Some(len) => {
                    let id = info.type_id;
                    let wanted = at.saturating_add(len.into()).div_ceil(8);
                    let short = ValueError::Short { id, wanted, have: bytes.len() };
                    self.hex(bits::read(bytes, at, len).ok_or(short)?);
                }
            }
        }
        self.close('}');
        Ok(())
    }

    fn section(&mut self, name: &str, section: &DataSec, bytes: &[u8], at: u64) -> Result<(), ValueError> {
        self.open('{');
        self.name(name);
        self.open('[');
        for var in &section.vars {
            self.value(var.type_id, bytes, at.saturating_add(u64::from(var.offset) * 8))?;
        }
        self.close(']');
        self.close('}');
        Ok(())
    }
}

/// Where the bits of a number, pointer or enumeration at bit `at` are, and how many.
fn scalar_bits(btf: &Btf, def: &Def, at: u64) -> Option<(u64, u32)> {
    match def {
        Def::Int(int) => Some(int_bits(int, at, None)),
        Def::Float(size) => Some((at, size * 8)),
        Def::Ptr(_) => Some((at, btf.pointer_size() * 8)),
        Def::Enum(e) | Def::Enum64(e) => Some((at, e.size * 8)),
        _ => None,
    }
}
