//! Types back to bytes, and new BTF from scratch.

mod builder;
mod merge;
mod resize;
mod types;

pub use builder::BtfBuilder;
pub use resize::Unresizable;

use crate::ext::{BtfExt, ExtSection};
use crate::header::MAGIC;
use crate::{Btf, CoreRelo, FuncInfo, LineInfo};

/// Appends little-endian words.
struct Out(Vec<u8>);

impl Out {
    fn u32(&mut self, word: u32) {
        self.0.extend_from_slice(&word.to_le_bytes());
    }

    fn words(&mut self, words: impl IntoIterator<Item = u32>) {
        words.into_iter().for_each(|word| self.u32(word));
    }

    /// Magic, version 1, no flags, and the header's length.
    fn head(header_len: u32) -> Out {
        let mut out = Out(Vec::new());
        out.u32(u32::from(MAGIC) | 1 << 16);
        out.u32(header_len);
        out
    }
}

impl Btf {
    /// The bytes of a `.BTF` section that parses to the same types and strings; of split BTF: those that it adds
    /// to its base. What compilers write comes out byte for byte.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut types = Out(Vec::new());
        for (_, ty) in self.own_types() {
            types.ty(ty);
        }
        let strings = self.strings.as_bytes();
        let (type_len, string_len) = (types.0.len() as u32, strings.len() as u32);
        let mut out = Out::head(24);
        out.words([0, type_len, type_len, string_len]);
        out.0.extend_from_slice(&types.0);
        out.0.extend_from_slice(strings);
        out.0
    }
}

impl BtfExt {
    /// The bytes of a `.BTF.ext` section that parses to the same records, with the string table of the same
    /// [`Btf`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let funcs = part(self.func_sections(), |r: &FuncInfo| [r.insn_off, r.type_id.0]);
        let lines = part(self.line_sections(), |r: &LineInfo| {
            [r.insn_off, r.file.0, r.line_text.0, r.line << 10 | (r.column & 0x3ff)]
        });
        let relos =
            part(self.core_relo_sections(), |r: &CoreRelo| [r.insn_off, r.type_id.0, r.access.0, r.kind]);
        let mut out = Out::head(32);
        let mut offset = 0;
        for part in [&funcs, &lines, &relos] {
            out.words([offset, part.len() as u32]);
            offset += part.len() as u32;
        }
        [funcs, lines, relos].iter().for_each(|part| out.0.extend_from_slice(part));
        out.0
    }
}

/// One part of `.BTF.ext`, with records of `N` words; nothing at all if there are none.
fn part<T, const N: usize>(sections: &[ExtSection<T>], words: impl Fn(&T) -> [u32; N]) -> Vec<u8> {
    let mut out = Out(Vec::new());
    if !sections.is_empty() {
        out.u32(N as u32 * 4);
    }
    for section in sections {
        out.words([section.name_off.0, section.records.len() as u32]);
        out.words(section.records.iter().flat_map(&words));
    }
    out.0
}
