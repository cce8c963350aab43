//! Members of structures and variables of sections, with both encodings of bit-fields resolved.

use crate::types::*;
use crate::{Btf, StrOff};

/// A member of a structure or union.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemberInfo<'b> {
    /// Its name; empty for an anonymous struct or union, whose members count as the outer one's.
    pub name: &'b str,
    /// The name's place in the string table.
    pub name_off: StrOff,
    /// Its type.
    pub type_id: TypeId,
    /// Bits from the start of the structure.
    pub bit_offset: u32,
    /// Width in bits, if it is a bit-field.
    pub bit_size: Option<u32>,
}

/// A variable in a data section.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct VarInfo<'b> {
    /// Its name.
    pub name: &'b str,
    /// The [`Def::Var`] (or [`Def::Func`], in a section of externs).
    pub id: TypeId,
    /// The type of the variable (or of the function).
    pub type_id: TypeId,
    /// Who can see it.
    pub linkage: Linkage,
    /// Bytes from the start of the section; 0 as compilers write it.
    pub offset: u32,
    /// Bytes, as the section records it.
    pub size: u32,
}

impl Btf {
    /// The members of a structure or union (or of a typedef of one), in declaration order; none for other types.
    pub fn members(&self, id: impl Into<TypeId>) -> impl ExactSizeIterator<Item = MemberInfo<'_>> {
        let composite = self.resolved(id).and_then(Type::composite);
        let (kflag, members) = composite.map_or((false, &[][..]), |c| (c.kflag, &c.members));
        members.iter().map(move |member| self.member_info(kflag, member))
    }

    /// Member number `index`, from 0, of a structure or union (or of a typedef of one).
    pub fn member(&self, id: impl Into<TypeId>, index: usize) -> Option<MemberInfo<'_>> {
        let composite = self.resolved(id)?.composite()?;
        composite.members.get(index).map(|member| self.member_info(composite.kflag, member))
    }

    pub(crate) fn member_info(&self, kflag: bool, member: &Member) -> MemberInfo<'_> {
        let (bit_offset, bit_size) = match (kflag, self.old_bitfield(member)) {
            (false, Some(int)) => (member.bit_offset + u32::from(int.offset), Some(int.bits.into())),
            _ => (member.bit_offset, (member.bit_size != 0).then_some(member.bit_size.into())),
        };
        let name = self.str(member.name);
        MemberInfo { name, name_off: member.name, type_id: member.type_id, bit_offset, bit_size }
    }

    /// The integer that makes a member without `kind_flag` a bit-field: one that does not fill its bytes, or
    /// that starts inside of one.
    fn old_bitfield(&self, member: &Member) -> Option<Int> {
        match self.resolved(member.type_id)?.def {
            Def::Int(int) => {
                let whole = int.offset == 0
                    && u64::from(int.bits) == u64::from(int.size) * 8
                    && member.bit_offset.is_multiple_of(8);
                (!whole).then_some(int)
            }
            _ => None,
        }
    }

    /// The variables of a data section, in recorded order; none for other types.
    pub fn vars(&self, id: impl Into<TypeId>) -> impl Iterator<Item = VarInfo<'_>> {
        let vars = match self.type_by_id(id).map(|ty| &ty.def) {
            Some(Def::DataSec(section)) => &section.vars[..],
            _ => &[],
        };
        vars.iter().filter_map(|var| {
            let ty = self.type_by_id(var.type_id)?;
            let (type_id, linkage) = match ty.def {
                Def::Var(var) => (var.type_id, var.linkage),
                Def::Func(func) => (func.proto, func.linkage),
                _ => return None,
            };
            let name = self.str(ty.name);
            Some(VarInfo { name, id: var.type_id, type_id, linkage, offset: var.offset, size: var.size })
        })
    }

    /// The prototype of a function, of a (typedef of a) pointer to one, or the prototype itself.
    pub fn func_proto(&self, id: impl Into<TypeId>) -> Option<&FuncProto> {
        let id = match &self.resolved(id)?.def {
            Def::FuncProto(proto) => return Some(proto),
            Def::Func(func) => func.proto,
            Def::Ptr(target) => *target,
            _ => return None,
        };
        match &self.resolved(id)?.def {
            Def::FuncProto(proto) => Some(proto),
            _ => None,
        }
    }

    /// The number of a named value of an enumeration (or of a typedef of one).
    pub fn enum_value(&self, id: impl Into<TypeId>, name: &str) -> Option<i128> {
        let e = self.resolved(id)?.enumeration()?;
        e.values.iter().find(|v| self.str(v.name) == name).map(|v| e.number(v))
    }

    /// The first name of a number of an enumeration. Only the bits that the enumeration stores count: old
    /// compilers record negative values as unsigned.
    pub(crate) fn enum_name(&self, e: &Enum, number: i128, bits: u32) -> Option<StrOff> {
        let mask = crate::bits::mask(bits.clamp(1, 64));
        let same = |v: &&EnumValue| (v.value as u128 ^ number as u128) & mask == 0;
        e.values.iter().find(same).map(|v| v.name)
    }
}
