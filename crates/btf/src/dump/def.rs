//! Bodies of structures, unions and enumerations.

use super::Writer;
use super::pad::{Gap, padding};
use crate::types::*;
use crate::{Kind, MemberInfo, TypeError};

/// Where the member before the next one ends.
#[derive(Clone, Copy, Default)]
struct End {
    /// Bits from the start of the structure.
    at: u64,
    /// Whether it is a bit-field.
    bitfield: bool,
}

impl Writer<'_> {
    pub(super) fn composite(
        &mut self,
        id: TypeId,
        keyword: &str,
        name: &str,
        c: &Composite,
        level: usize,
    ) -> Result<(), TypeError> {
        let is_struct = keyword == "struct";
        let align = self.btf.align_of(id).unwrap_or(1);
        let packed = is_struct && align == 1 && self.wants_packed(c);
        self.head(keyword, name);
        self.out.push_str(" {");
        let mut end = End::default();
        for member in &c.members {
            let info = self.btf.member_info(c.kflag, member);
            if is_struct {
                let in_bitfield = end.bitfield && info.bit_size.is_some();
                let align = if packed { 1 } else { self.btf.align_of(info.type_id).unwrap_or(0) };
                let gap = Gap { from: end.at, to: info.bit_offset.into(), align, in_bitfield };
                self.padding(&gap, id, level + 1)?;
            }
            end = self.member(&info, level + 1)?;
        }
        if is_struct {
            let gap = Gap { from: end.at, to: u64::from(c.size) * 8, align, in_bitfield: false };
            self.padding(&gap, id, level + 1)?;
        }
        // `struct empty {}` stays on one line.
        if !c.members.is_empty() || c.size != 0 {
            self.indent(level);
        }
        self.out.push_str(if packed { "} __attribute__((packed))" } else { "}" });
        Ok(())
    }

    fn member(&mut self, info: &MemberInfo<'_>, level: usize) -> Result<End, TypeError> {
        self.indent(level);
        self.decl(info.type_id, info.name, level)?;
        let bits = match info.bit_size {
            Some(bits) => {
                self.out.push_str(&format!(": {bits}"));
                bits.into()
            }
            None => self.btf.size_of(info.type_id).unwrap_or(0).saturating_mul(8),
        };
        self.out.push(';');
        Ok(End { at: u64::from(info.bit_offset).saturating_add(bits), bitfield: info.bit_size.is_some() })
    }

    fn head(&mut self, keyword: &str, name: &str) {
        self.out.push_str(keyword);
        if !name.is_empty() {
            self.out.push(' ');
            self.out.push_str(name);
        }
    }

    /// Whether a structure of alignment 1 has members of a greater one.
    fn wants_packed(&self, c: &Composite) -> bool {
        c.members.iter().any(|member| self.btf.align_of(member.type_id).is_ok_and(|align| align > 1))
    }

    fn padding(&mut self, gap: &Gap, id: TypeId, level: usize) -> Result<(), TypeError> {
        for (unit, bits) in padding(gap).ok_or(TypeError::TooComplex(id))? {
            self.indent(level);
            self.out.push_str(&format!("{unit}: {bits};"));
        }
        Ok(())
    }

    pub(super) fn enumeration(
        &mut self,
        id: TypeId,
        ty: &Type,
        e: &Enum,
        level: usize,
    ) -> Result<(), TypeError> {
        self.head("enum", self.btf.str(ty.name));
        if e.values.is_empty() {
            return Ok(());
        }
        self.out.push_str(" {");
        let wide = ty.kind() == Kind::Enum64;
        let suffix = match (wide, e.signed) {
            (false, _) => "",
            (true, true) => "LL",
            (true, false) => "ULL",
        };
        for value in &e.values {
            self.check_len(id)?;
            self.indent(level + 1);
            let (name, number) = (self.btf.str(value.name), e.number(value));
            self.out.push_str(&format!("{name} = {number}{suffix},"));
        }
        self.indent(level);
        self.out.push('}');
        // The sizes that the values alone do not call for.
        let small = |v: &EnumValue| v.value as u64 >> 32 == 0;
        match e.size {
            1 => self.out.push_str(" __attribute__((mode(byte)))"),
            8 if !wide || e.values.iter().all(small) => self.out.push_str(" __attribute__((mode(word)))"),
            _ => {}
        }
        Ok(())
    }
}
