//! The lines of the log (`btf_verifier_log_type` and its kin).

use super::member::Member;
use super::{Check, Checker, Raw, kind};
use skep_abi::Errno;
use std::fmt::{Display, Write};

/// What one call of the kernel's log writes at most (`BPF_VERIFIER_TMP_LOG_SIZE`, with a NUL).
const MAX_PIECE: usize = 1023;

const KINDS: [&str; 20] = [
    "UNKNOWN",
    "INT",
    "PTR",
    "ARRAY",
    "STRUCT",
    "UNION",
    "ENUM",
    "FWD",
    "TYPEDEF",
    "VOLATILE",
    "CONST",
    "RESTRICT",
    "FUNC",
    "FUNC_PROTO",
    "VAR",
    "DATASEC",
    "FLOAT",
    "DECL_TAG",
    "TYPE_TAG",
    "ENUM64",
];

impl Checker<'_> {
    /// Writes to the log.
    pub(super) fn write(&mut self, text: impl Display) {
        if !self.wanted {
            return;
        }
        let start = self.log.len();
        let _ = write!(self.log, "{text}");
        if self.log.len() - start > MAX_PIECE {
            let end = (start..=start + MAX_PIECE).rev().find(|at| self.log.is_char_boundary(*at));
            self.log.truncate(end.unwrap_or(start));
        }
    }

    /// Says why the types are refused.
    pub(super) fn refuse<T>(&mut self, text: impl Display) -> Check<T> {
        self.write(text);
        Err(Errno::EINVAL)
    }

    /// The line of a type, with its details and what else there is to say.
    pub(super) fn type_line(&mut self, ty: Raw, what: &str) {
        self.head(ty, " ");
        let details = self.details(ty);
        self.write(details);
        self.rest(what);
    }

    fn head(&mut self, ty: Raw, end: &str) {
        let kind = KINDS.get(ty.kind() as usize).copied().unwrap_or(KINDS[0]);
        let text = format!("[{}] {kind} {}{end}", self.at, self.printed(ty.name));
        self.write(text);
    }

    fn rest(&mut self, what: &str) {
        if !what.is_empty() {
            self.write(" ");
            self.write(what);
        }
        self.write("\n");
    }

    /// Refuses a type, with its line.
    pub(super) fn bad_type<T>(&mut self, ty: Raw, what: &str) -> Check<T> {
        self.type_line(ty, what);
        Err(Errno::EINVAL)
    }

    /// Refuses a type, with its line but for the details.
    pub(super) fn bad_basic<T>(&mut self, ty: Raw, what: &str) -> Check<T> {
        self.head(ty, "");
        self.rest(what);
        Err(Errno::EINVAL)
    }

    /// What is told of a type (`log_details`).
    fn details(&self, ty: Raw) -> String {
        let (word, vlen) = (ty.word, ty.vlen());
        match ty.kind() {
            kind::INT => {
                let data = self.word(ty, 0);
                let encoding = match data >> 24 & 0xf {
                    0 => "(none)",
                    1 => "SIGNED",
                    2 => "CHAR",
                    4 => "BOOL",
                    _ => "UNKN",
                };
                let (offset, bits) = (data >> 16 & 0xff, data & 0xff);
                format!("size={word} bits_offset={offset} nr_bits={bits} encoding={encoding}")
            }
            kind::ARRAY => format!(
                "type_id={} index_type_id={} nr_elems={}",
                self.word(ty, 0),
                self.word(ty, 1),
                self.word(ty, 2)
            ),
            kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64 | kind::DATASEC => {
                format!("size={word} vlen={vlen}")
            }
            kind::FWD => (if ty.kflag() { "union" } else { "struct" }).to_owned(),
            kind::FUNC_PROTO => self.prototype(ty),
            kind::VAR => format!("type_id={word} linkage={}", self.word(ty, 0)),
            kind::FLOAT => format!("size={word}"),
            kind::DECL_TAG => format!("type={word} component_idx={}", self.word(ty, 0) as i32),
            _ => format!("type_id={word}"),
        }
    }

    fn prototype(&self, ty: Raw) -> String {
        let count = ty.vlen() as usize;
        let argument = |index: usize| match (self.word(ty, 2 * index + 1), self.word(ty, 2 * index)) {
            // Only the last one is taken for others of any type.
            (0, _) if index + 1 == count => "vararg".to_owned(),
            (id, name) => format!("{id} {}", self.printed(name)),
        };
        let list: Vec<String> = (0..count).map(argument).collect();
        let list = if list.is_empty() { "void".to_owned() } else { list.join(", ") };
        format!("return={} args=({list})", ty.word)
    }

    /// The line of a struct's member.
    pub(super) fn member_line(&mut self, of: Raw, member: Member, what: &str) {
        if self.second_pass {
            self.type_line(of, "");
        }
        let name = self.printed(member.name);
        let text = match of.kflag() {
            true => format!(
                "\t{name} type_id={} bitfield_size={} bits_offset={}",
                member.ty,
                member.offset >> 24,
                member.offset & 0xff_ffff
            ),
            false => format!("\t{name} type_id={} bits_offset={}", member.ty, member.offset),
        };
        self.write(text);
        self.rest(what);
    }

    /// Refuses a struct for a member.
    pub(super) fn bad_member<T>(&mut self, of: Raw, member: Member, what: &str) -> Check<T> {
        self.member_line(of, member, what);
        Err(Errno::EINVAL)
    }

    /// The line of a variable in its section.
    pub(super) fn variable_line(&mut self, of: Raw, [ty, offset, size]: [u32; 3], what: &str) {
        if self.second_pass {
            self.type_line(of, "");
        }
        self.write(format_args!("\t type_id={ty} offset={offset} size={size}"));
        self.rest(what);
    }

    /// Refuses a section for a variable.
    pub(super) fn bad_variable<T>(&mut self, of: Raw, variable: [u32; 3], what: &str) -> Check<T> {
        self.variable_line(of, variable, what);
        Err(Errno::EINVAL)
    }
}
