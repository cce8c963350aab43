//! Types by themselves, as they are read (`btf_check_meta`, and `check_meta` of each kind).

use super::member::Member;
use super::{Check, Checker, MAX_TYPE, Raw, kind};
use skep_abi::Errno;

/// The bits that `info` and the word of an integer may have.
const INFO: u32 = 0x9f00_ffff;
const INT: u32 = 0x0fff_ffff;
/// Bytes of `struct btf_type`.
const HEAD: usize = 12;

impl Checker<'_> {
    pub(super) fn all_metas(&mut self) -> Check {
        let mut at = 0;
        self.at = 1;
        while at < self.types_at.len() {
            let left = self.types_at.len() - at;
            if left < HEAD {
                let id = self.at;
                return self.refuse(format_args!("[{id}] meta_left:{left} meta_needed:{HEAD}"));
            }
            let head = Raw { at, ..Raw::VOID };
            let ty = Raw {
                name: self.word(head, 0),
                info: self.word(head, 1),
                word: self.word(head, 2),
                at: at + HEAD,
            };
            let own = self.meta(ty, left - HEAD)?;
            self.types.push(ty);
            at += HEAD + own;
            self.at += 1;
        }
        Ok(())
    }

    /// Checks a type; answers how many bytes of its own data there are.
    fn meta(&mut self, ty: Raw, left: usize) -> Check<usize> {
        let id = self.at;
        if ty.info & !INFO != 0 {
            return self.refuse(format_args!("[{id}] Invalid btf_info:{:x}", ty.info));
        }
        if ty.kind() == kind::VOID || ty.kind() > kind::ENUM64 {
            return self.refuse(format_args!("[{id}] Invalid kind:{}", ty.kind()));
        }
        if !self.is_name(ty.name) {
            return self.refuse(format_args!("[{id}] Invalid name_offset:{}", ty.name));
        }
        let needed = match ty.kind() {
            kind::INT | kind::VAR | kind::DECL_TAG => 4,
            kind::ARRAY => 12,
            kind::STRUCT | kind::UNION | kind::ENUM64 | kind::DATASEC => 12 * ty.vlen() as usize,
            kind::ENUM | kind::FUNC_PROTO => 8 * ty.vlen() as usize,
            _ => 0,
        };
        if left < needed {
            return self.bad_basic(ty, &format!("meta_left:{left} meta_needed:{needed}"));
        }
        match ty.kind() {
            kind::INT => self.int(ty),
            kind::ARRAY => self.array(ty),
            kind::STRUCT | kind::UNION => self.composite(ty),
            kind::ENUM | kind::ENUM64 => self.enumeration(ty),
            kind::FWD => self.forward(ty),
            kind::FUNC => self.func(ty),
            kind::FUNC_PROTO => self.func_proto(ty),
            kind::VAR => self.var(ty),
            kind::DATASEC => self.datasec(ty),
            kind::FLOAT => self.float(ty),
            kind::DECL_TAG => self.decl_tag(ty),
            _ => self.reference(ty),
        }?;
        Ok(needed)
    }

    fn no_vlen(&mut self, ty: Raw) -> Check {
        if ty.vlen() == 0 { Ok(()) } else { self.bad_type(ty, "vlen != 0") }
    }

    fn no_kflag(&mut self, ty: Raw) -> Check {
        if ty.kflag() { self.bad_type(ty, "Invalid btf_info kind_flag") } else { Ok(()) }
    }

    /// It has a name, which is an identifier.
    fn named(&mut self, ty: Raw) -> Check {
        if ty.name != 0 && self.is_identifier(ty.name) { Ok(()) } else { self.bad_type(ty, "Invalid name") }
    }

    /// If it has a name, that is an identifier.
    fn perhaps_named(&mut self, ty: Raw) -> Check {
        if ty.name == 0 { Ok(()) } else { self.named(ty) }
    }

    fn unnamed(&mut self, ty: Raw) -> Check {
        if ty.name == 0 { Ok(()) } else { self.bad_type(ty, "Invalid name") }
    }

    /// It has a name that is any text.
    fn has_text(&self, ty: Raw) -> bool {
        self.name(ty.name).is_some_and(|it| !it.is_empty())
    }

    fn good(&mut self, ty: Raw) -> Check {
        self.type_line(ty, "");
        Ok(())
    }

    fn int(&mut self, ty: Raw) -> Check {
        self.no_vlen(ty)?;
        self.no_kflag(ty)?;
        let data = self.word(ty, 0);
        if data & !INT != 0 {
            return self.bad_basic(ty, &format!("Invalid int_data:{data:x}"));
        }
        let bits = (data & 0xff) + (data >> 16 & 0xff);
        if bits > 128 {
            return self.bad_type(ty, "nr_bits exceeds 128");
        }
        if bits.div_ceil(8) > ty.word {
            return self.bad_type(ty, "nr_bits exceeds type_size");
        }
        if !matches!(data >> 24 & 0xf, 0 | 1 | 2 | 4) {
            self.type_line(ty, "Unsupported encoding");
            return Err(Errno::ENOTSUPP);
        }
        self.good(ty)
    }

    /// Pointers and modifiers (`btf_ref_type_check_meta`).
    fn reference(&mut self, ty: Raw) -> Check {
        self.no_vlen(ty)?;
        // Tags may be attributes (6.15).
        if ty.kind() != kind::TYPE_TAG {
            self.no_kflag(ty)?;
        }
        if ty.word > MAX_TYPE {
            return self.bad_type(ty, "Invalid type_id");
        }
        match ty.kind() {
            kind::TYPEDEF => self.named(ty)?,
            kind::TYPE_TAG if self.has_text(ty) => {}
            kind::TYPE_TAG => return self.bad_type(ty, "Invalid name"),
            _ => self.unnamed(ty)?,
        }
        self.good(ty)
    }

    fn forward(&mut self, ty: Raw) -> Check {
        self.no_vlen(ty)?;
        if ty.word != 0 {
            return self.bad_type(ty, "type != 0");
        }
        self.named(ty)?;
        self.good(ty)
    }

    fn array(&mut self, ty: Raw) -> Check {
        self.unnamed(ty)?;
        self.no_vlen(ty)?;
        self.no_kflag(ty)?;
        if ty.word != 0 {
            return self.bad_type(ty, "size != 0");
        }
        let bad = |id: u32| id == 0 || id > MAX_TYPE;
        if bad(self.word(ty, 0)) {
            return self.bad_type(ty, "Invalid elem");
        }
        if bad(self.word(ty, 1)) {
            return self.bad_type(ty, "Invalid index");
        }
        self.good(ty)
    }

    fn composite(&mut self, ty: Raw) -> Check {
        self.perhaps_named(ty)?;
        self.good(ty)?;
        let mut last = 0;
        for index in 0..ty.vlen() as usize {
            let member = self.member(ty, index);
            let offset = member.bit_offset(ty);
            if !self.is_name(member.name) {
                let what = format!("Invalid member name_offset:{}", member.name);
                return self.bad_member(ty, member, &what);
            }
            if member.name != 0 && !self.is_identifier(member.name) {
                return self.bad_member(ty, member, "Invalid name");
            }
            if member.ty == 0 || member.ty > MAX_TYPE {
                return self.bad_member(ty, member, "Invalid type_id");
            }
            if ty.kind() == kind::UNION && offset != 0 || last > offset {
                return self.bad_member(ty, member, "Invalid member bits_offset");
            }
            if offset.div_ceil(8) > ty.word {
                return self.bad_member(ty, member, "Member bits_offset exceeds its struct size");
            }
            self.member_line(ty, member, "");
            last = offset;
        }
        Ok(())
    }

    fn enumeration(&mut self, ty: Raw) -> Check {
        if ty.word > 8 || !ty.word.is_power_of_two() {
            return self.bad_type(ty, "Unexpected size");
        }
        self.perhaps_named(ty)?;
        self.good(ty)?;
        let wide = ty.kind() == kind::ENUM64;
        let words = if wide { 3 } else { 2 };
        for index in 0..ty.vlen() as usize {
            let name = self.word(ty, words * index);
            if !self.is_name(name) {
                return self.refuse(format_args!("\tInvalid name_offset:{name}"));
            }
            if name == 0 || !self.is_identifier(name) {
                return self.bad_type(ty, "Invalid name");
            }
            let low = self.word(ty, words * index + 1);
            let high = if wide { self.word(ty, words * index + 2) } else { 0 };
            let value = u64::from(high) << 32 | u64::from(low);
            let value = match (ty.kflag(), wide) {
                (false, _) => value.to_string(),
                (true, false) => (low as i32).to_string(),
                (true, true) => (value as i64).to_string(),
            };
            let text = format!("\t{} val={value}\n", self.printed(name));
            self.write(text);
        }
        Ok(())
    }

    fn func_proto(&mut self, ty: Raw) -> Check {
        self.unnamed(ty)?;
        self.no_kflag(ty)?;
        self.good(ty)
    }

    fn func(&mut self, ty: Raw) -> Check {
        self.named(ty)?;
        if ty.vlen() > 1 {
            return self.bad_type(ty, "Invalid func linkage");
        }
        self.no_kflag(ty)?;
        self.good(ty)
    }

    fn var(&mut self, ty: Raw) -> Check {
        self.no_vlen(ty)?;
        self.no_kflag(ty)?;
        self.named(ty)?;
        if ty.word == 0 || ty.word > MAX_TYPE {
            return self.bad_type(ty, "Invalid type_id");
        }
        if self.word(ty, 0) > 1 {
            return self.bad_type(ty, "Linkage not supported");
        }
        self.good(ty)
    }

    fn datasec(&mut self, ty: Raw) -> Check {
        if ty.word == 0 {
            return self.bad_type(ty, "size == 0");
        }
        self.no_kflag(ty)?;
        if ty.name == 0 || !self.is_section(ty.name) {
            return self.bad_type(ty, "Invalid name");
        }
        self.good(ty)?;
        let (mut end, mut sum) = (0_u64, 0_u64);
        let whole = u64::from(ty.word);
        for index in 0..ty.vlen() as usize {
            let variable = self.variable(ty, index);
            let [id, offset, size] = variable;
            let what = if id == 0 || id > MAX_TYPE {
                "Invalid type_id"
            } else if u64::from(offset) < end || u64::from(offset) >= whole {
                "Invalid offset"
            } else if size == 0 || u64::from(size) > whole {
                "Invalid size"
            } else if u64::from(offset) + u64::from(size) > whole {
                "Invalid offset+size"
            } else {
                ""
            };
            self.variable_line(ty, variable, what);
            if !what.is_empty() {
                return Err(Errno::EINVAL);
            }
            end = u64::from(offset) + u64::from(size);
            sum += u64::from(size);
        }
        if whole < sum { self.bad_type(ty, "Invalid btf_info size") } else { Ok(()) }
    }

    fn float(&mut self, ty: Raw) -> Check {
        self.no_vlen(ty)?;
        self.no_kflag(ty)?;
        if !matches!(ty.word, 2 | 4 | 8 | 12 | 16) {
            return self.bad_type(ty, "Invalid type_size");
        }
        self.good(ty)
    }

    fn decl_tag(&mut self, ty: Raw) -> Check {
        if !self.has_text(ty) {
            return self.bad_type(ty, "Invalid value");
        }
        self.no_vlen(ty)?;
        if (self.word(ty, 0) as i32) < -1 {
            return self.bad_type(ty, "Invalid component_idx");
        }
        self.good(ty)
    }

    /// A member of a struct.
    pub(super) fn member(&self, ty: Raw, index: usize) -> Member {
        Member {
            name: self.word(ty, 3 * index),
            ty: self.word(ty, 3 * index + 1),
            offset: self.word(ty, 3 * index + 2),
        }
    }

    /// A variable of a section: its type, offset and size.
    pub(super) fn variable(&self, ty: Raw, index: usize) -> [u32; 3] {
        [0, 1, 2].map(|word| self.word(ty, 3 * index + word))
    }
}
