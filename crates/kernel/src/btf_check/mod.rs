//! What the kernel asks of types before it takes them, and what its log says of them (`btf_parse`, `kernel/bpf/btf.c`).
//!
//! [`skep_btf`] takes more than the kernel does: names that are no identifiers, types that nothing resolves. Here a
//! section is looked at as the kernel does, kind by kind and in its order:
//!
//! - `header`: the header and where the sections lie
//! - `meta`: each type by itself, as they come
//! - `resolve`: what types refer to, and `member`: what structs hold
//! - `names`, `print`: identifiers, and the lines of the log

mod header;
mod member;
mod meta;
mod names;
mod print;
mod resolve;

use resolve::{Mode, Vertex, Visit};
use skep_abi::Errno;

/// Kinds by number (`BTF_KIND_*`).
mod kind {
    pub(super) const VOID: u32 = 0;
    pub(super) const INT: u32 = 1;
    pub(super) const PTR: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const FWD: u32 = 7;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC: u32 = 12;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const FLOAT: u32 = 16;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// `BTF_MAX_TYPE`.
const MAX_TYPE: u32 = 0xf_ffff;
/// How many modifiers may follow each other.
const MAX_CHAIN: u32 = 32;

/// What a check comes to. What is wrong is in the log.
type Check<T = ()> = Result<T, Errno>;

/// A type as it lies in its section (`struct btf_type`).
#[derive(Clone, Copy, Debug)]
struct Raw {
    name: u32,
    info: u32,
    /// A size, or a type.
    word: u32,
    /// Where its own data starts, in the type section.
    at: usize,
}

impl Raw {
    /// `void`.
    const VOID: Raw = Raw { name: 0, info: 0, word: 0, at: 0 };

    fn kind(self) -> u32 {
        self.info >> 24 & 0x1f
    }

    fn vlen(self) -> u32 {
        self.info & 0xffff
    }

    fn kflag(self) -> bool {
        self.info >> 31 != 0
    }

    fn is(self, kinds: &[u32]) -> bool {
        kinds.contains(&self.kind())
    }

    fn is_modifier(self) -> bool {
        use kind::{CONST, RESTRICT, TYPE_TAG, TYPEDEF, VOLATILE};
        self.is(&[TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG])
    }

    fn is_composite(self) -> bool {
        self.is(&[kind::STRUCT, kind::UNION])
    }

    /// `btf_type_nosize`.
    fn has_no_size(self) -> bool {
        self.is(&[kind::VOID, kind::FWD, kind::FUNC, kind::FUNC_PROTO, kind::DECL_TAG])
    }

    /// `btf_type_is_resolve_source_only`.
    fn is_no_target(self) -> bool {
        self.is(&[kind::VAR, kind::DECL_TAG, kind::DATASEC])
    }

    /// `btf_type_needs_resolve`.
    fn needs_resolve(self) -> bool {
        use kind::{ARRAY, DATASEC, DECL_TAG, FUNC, PTR, VAR};
        self.is_modifier() || self.is_composite() || self.is(&[PTR, ARRAY, VAR, FUNC, DECL_TAG, DATASEC])
    }

    /// `btf_type_has_size`.
    fn has_size(self) -> bool {
        use kind::{DATASEC, ENUM, ENUM64, FLOAT, INT};
        self.is_composite() || self.is(&[INT, ENUM, DATASEC, FLOAT, ENUM64])
    }
}

/// A section of types while it is looked at.
pub(crate) struct Checker<'a> {
    data: &'a [u8],
    /// Where types and strings are.
    types_at: &'a [u8],
    strings: &'a [u8],
    types: Vec<Raw>,
    visits: Vec<Visit>,
    /// What types refer to in the end, and how large that is.
    resolved_ids: Vec<u32>,
    resolved_sizes: Vec<u32>,
    stack: Vec<Vertex>,
    mode: Mode,
    /// All types have been read, and are looked at again.
    second_pass: bool,
    /// The type that the log is about.
    at: u32,
    wanted: bool,
    log: String,
}

impl<'a> Checker<'a> {
    /// Looks at a section; with a log, if the level asks for one.
    pub(crate) fn check(data: &'a [u8], level: u32) -> (Check, String) {
        let mut checker = Checker {
            data,
            types_at: &[],
            strings: &[],
            types: vec![Raw::VOID],
            visits: Vec::new(),
            resolved_ids: Vec::new(),
            resolved_sizes: Vec::new(),
            stack: Vec::new(),
            mode: Mode::Any,
            second_pass: false,
            at: 1,
            wanted: level != 0,
            log: String::new(),
        };
        let result = checker.run();
        (result, checker.log)
    }

    fn run(&mut self) -> Check {
        let header = self.header()?;
        self.string_section(&header)?;
        if !header.type_off.is_multiple_of(4) {
            return self.refuse("Unaligned type_off");
        }
        if header.type_len == 0 {
            return self.refuse("No type found");
        }
        self.all_metas()?;
        self.all_types()?;
        self.type_tags()
    }

    /// A type; nothing past the last one.
    fn ty(&self, id: u32) -> Option<Raw> {
        self.types.get(id as usize).copied()
    }

    /// A word of a type's own data.
    fn word(&self, ty: Raw, index: usize) -> u32 {
        let from = ty.at + 4 * index;
        let bytes = self.types_at.get(from..from + 4).and_then(|it| it.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    }

    /// Tags of types come before other modifiers (`btf_check_type_tags`).
    fn type_tags(&mut self) -> Check {
        let mut good = 0;
        for id in 1..self.types.len() as u32 {
            let (mut current, mut left) = (id, MAX_CHAIN);
            let mut ty = self.ty(id).ok_or(Errno::EINVAL)?;
            if !ty.is_modifier() {
                continue;
            }
            let mut in_tags = ty.kind() == kind::TYPE_TAG;
            while ty.is_modifier() {
                if left == 0 {
                    self.write("Max chain length or cycle detected");
                    return Err(Errno::ELOOP);
                }
                left -= 1;
                match ty.kind() == kind::TYPE_TAG {
                    true if !in_tags => return self.refuse("Type tags don't precede modifiers"),
                    true => {}
                    false => in_tags = false,
                }
                if current <= good {
                    break;
                }
                current = ty.word;
                ty = self.ty(current).ok_or(Errno::EINVAL)?;
            }
            good = id;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
