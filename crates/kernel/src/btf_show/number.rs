//! Plain values: integers, bit-fields, pointers, enumerations.

use super::{PTR_RAW, Show};
use skep_btf::{Btf, Enum, Int, IntEncoding, TypeId};

impl Show<'_> {
    pub(super) fn int(&mut self, int: Int, id: TypeId, named: TypeId, addr: u64, bit: u32) {
        let Some(at) = self.start(id, named, addr) else { return };
        let plain = bit == 0 && int.offset == 0;
        match int.bits {
            128 if plain => self.bits(self.wide(at, 16)),
            8 if plain => self.byte(at, int.encoding == IntEncoding::Signed),
            bits @ (16 | 32 | 64) if plain => {
                let word = self.word(at, usize::from(bits) / 8);
                self.number(word, u32::from(bits), int.encoding == IntEncoding::Signed);
            }
            bits => self.bitfield(at, bit + u32::from(int.offset), u32::from(bits)),
        }
        self.end();
    }

    fn number(&mut self, word: u64, bits: u32, signed: bool) {
        let text = match signed {
            true => (((word << (64 - bits)) as i64) >> (64 - bits)).to_string(),
            false => word.to_string(),
        };
        self.value_text(word == 0, text.as_bytes());
    }

    /// A byte, in an array of characters as one up to the first NUL.
    fn byte(&mut self, at: usize, signed: bool) {
        let byte = self.word(at, 1) as u8;
        if self.chars {
            if self.terminated || byte == 0 {
                self.terminated = true;
                return;
            }
            if is_printable(byte) {
                return self.value_text(false, &[b'\'', byte, b'\'']);
            }
        }
        self.number(u64::from(byte), 8, signed);
    }

    /// `bits` bits from the `bit`th of what was copied on.
    pub(super) fn bitfield(&mut self, at: usize, bit: u32, bits: u32) {
        let (at, bit) = (at + bit as usize / 8, bit % 8);
        let bits = bits.clamp(1, 128);
        let word = self.wide(at, 16) >> bit;
        self.bits(word & (u128::MAX >> (128 - bits)));
    }

    /// A number of up to 128 bits, in hex.
    fn bits(&mut self, number: u128) {
        let (upper, lower) = ((number >> 64) as u64, number as u64);
        match upper {
            0 => self.value_text(lower == 0, format!("{lower:#x}").as_bytes()),
            _ => self.value_text(false, format!("{upper:#x}{lower:016x}").as_bytes()),
        }
    }

    pub(super) fn pointer(&mut self, id: TypeId, named: TypeId, addr: u64) {
        let Some(at) = self.start(id, named, addr) else { return };
        let value = self.word(at, 8);
        // NULL and error pointers say nothing about the layout of memory, and are shown.
        let shown = self.has(PTR_RAW) || value == 0 || value > u64::MAX - 4095;
        let printed = if shown { value } else { u64::from(self.target.hash_pointer(value)) };
        self.value_text(value == 0, format!("{printed:#018x}").as_bytes());
        self.end();
    }

    pub(super) fn enumeration(&mut self, of: &Enum, wide: bool, id: TypeId, named: TypeId, addr: u64) {
        let Some(at) = self.start(id, named, addr) else { return };
        let size = if wide { 8 } else { 4 };
        let word = self.word(at, size);
        let is = |value: i64| if wide { value as u64 == word } else { value as u32 == word as u32 };
        let btf: &Btf = self.btf;
        match of.values.iter().find(|it| is(it.value)) {
            // Its name is what the kernel looks at to know whether it is zero.
            Some(value) => {
                self.value_text(false, btf.str(value.name).as_bytes());
                self.end();
            }
            None => self.number(word, 8 * size as u32, of.signed),
        }
    }
}

/// `isprint` of the kernel, whose table is that of Latin-1.
fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | 0xa0..)
}
