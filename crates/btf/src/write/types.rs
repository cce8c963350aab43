//! One type as words.

use super::Out;
use crate::Reason;
use crate::types::*;

/// Most items of a list: `vlen` has 16 bits.
const MAX_VLEN: usize = 0xffff;

impl Out {
    pub(super) fn ty(&mut self, ty: &Type) {
        let (kflag, vlen, word) = head(&ty.def);
        let info = u32::from(kflag) << 31 | (ty.kind() as u32) << 24 | vlen;
        self.words([ty.name.0, info, word]);
        self.tail(&ty.def);
    }

    fn tail(&mut self, def: &Def) {
        match def {
            Def::Int(int) => {
                self.u32((int.encoding as u32) << 24 | u32::from(int.offset) << 16 | u32::from(int.bits));
            }
            Def::Array(array) => self.words([array.element.0, array.index.0, array.len]),
            Def::Struct(c) | Def::Union(c) => self.words(c.members.iter().flat_map(|m| {
                let bits = if c.kflag { u32::from(m.bit_size) << 24 } else { 0 };
                [m.name.0, m.type_id.0, bits | m.bit_offset]
            })),
            Def::Enum(e) => self.words(e.values.iter().flat_map(|v| [v.name.0, v.value as u32])),
            Def::Enum64(e) => {
                self.words(e.values.iter().flat_map(|v| [v.name.0, v.value as u32, (v.value >> 32) as u32]));
            }
            Def::FuncProto(proto) => self.words(proto.params.iter().flat_map(|p| [p.name.0, p.type_id.0])),
            Def::Var(var) => self.u32(var.linkage as u32),
            Def::DataSec(section) => {
                self.words(section.vars.iter().flat_map(|v| [v.type_id.0, v.offset, v.size]));
            }
            Def::DeclTag(tag) => self.u32(tag.component.unwrap_or(u32::MAX)),
            _ => {}
        }
    }
}

/// `kind_flag`, `vlen`, and the word that is a size or a type.
fn head(def: &Def) -> (bool, u32, u32) {
    let len = |len: usize| len as u32;
    match def {
        Def::Void | Def::Array(_) => (false, 0, 0),
        Def::Int(int) => (false, 0, int.size),
        Def::Float(size) => (false, 0, *size),
        Def::Ptr(id) | Def::Typedef(id) | Def::Volatile(id) | Def::Const(id) | Def::Restrict(id) => {
            (false, 0, id.0)
        }
        Def::Struct(c) | Def::Union(c) => (c.kflag, len(c.members.len()), c.size),
        Def::Enum(e) | Def::Enum64(e) => (e.signed, len(e.values.len()), e.size),
        Def::Fwd(kind) => (*kind == FwdKind::Union, 0, 0),
        Def::Func(func) => (false, func.linkage as u32, func.proto.0),
        Def::FuncProto(proto) => (false, len(proto.params.len()), proto.ret.0),
        Def::Var(var) => (false, 0, var.type_id.0),
        Def::DataSec(section) => (false, len(section.vars.len()), section.size),
        Def::DeclTag(tag) => (tag.attribute, 0, tag.target.0),
        Def::TypeTag(tag) => (tag.attribute, 0, tag.target.0),
    }
}

/// That nothing is lost when `def` is written: lists fit `vlen`, numbers fit their fields.
pub(super) fn check_writable(def: &Def) -> Result<(), Reason> {
    let list = |len: usize| if len <= MAX_VLEN { Ok(()) } else { Err(Reason::TooMuch) };
    match def {
        Def::Void => Err(Reason::UnknownKind(0)),
        Def::Struct(c) | Def::Union(c) => {
            list(c.members.len())?;
            let fits = |m: &Member| if c.kflag { m.bit_offset < 1 << 24 } else { m.bit_size == 0 };
            match c.members.iter().find(|m| !fits(m)) {
                Some(m) => Err(Reason::Field { field: "offset of a bit-field", value: m.bit_offset }),
                None => Ok(()),
            }
        }
        Def::Enum(e) => {
            list(e.values.len())?;
            let range =
                if e.signed { i64::from(i32::MIN)..=i64::from(i32::MAX) } else { 0..=i64::from(u32::MAX) };
            match e.values.iter().find(|v| !range.contains(&v.value)) {
                Some(v) => Err(Reason::Field { field: "value of a 32-bit enum", value: v.value as u32 }),
                None => Ok(()),
            }
        }
        Def::Enum64(e) => list(e.values.len()),
        Def::FuncProto(proto) => list(proto.params.len()),
        Def::DataSec(section) => list(section.vars.len()),
        _ => Ok(()),
    }
}
