//! Types as `bpftool btf dump ... format raw` lists them.

use std::fmt::{self, Write};

use crate::types::*;
use crate::{Btf, StrOff};

impl Btf {
    /// What is recorded of a type, as `bpftool btf dump file X format raw` lists it (as of Linux 6.12): a line,
    /// and one for each member, value, parameter or variable, indented by a tab. `None` past the end, and for `void`.
    pub fn describe(&self, id: impl Into<TypeId>) -> Option<String> {
        let id = id.into();
        let ty = self.type_by_id(id).filter(|_| id != TypeId::VOID)?;
        let mut out = String::new();
        // Writing to a String does not fail.
        raw(self, id, ty, &mut out).ok().map(|()| out)
    }
}

fn raw(btf: &Btf, id: TypeId, ty: &Type, out: &mut String) -> fmt::Result {
    let name = |offset| Name(btf.str(offset));
    write!(out, "{id} {} {}", ty.kind().name(), name(ty.name))?;
    match &ty.def {
        Def::Void => Ok(()),
        Def::Int(int) => int_line(int, out),
        Def::Ptr(to) | Def::Typedef(to) | Def::Volatile(to) | Def::Const(to) | Def::Restrict(to) => {
            write!(out, " type_id={}", to.0)
        }
        Def::TypeTag(tag) => write!(out, " type_id={}", tag.target.0),
        Def::Array(a) => {
            write!(out, " type_id={} index_type_id={} nr_elems={}", a.element.0, a.index.0, a.len)
        }
        Def::Struct(c) | Def::Union(c) => {
            write!(out, " size={} vlen={}", c.size, c.members.len())?;
            c.members.iter().try_for_each(|m| {
                write!(out, "\n\t{} type_id={} bits_offset={}", name(m.name), m.type_id.0, m.bit_offset)?;
                if m.bit_size == 0 { Ok(()) } else { write!(out, " bitfield_size={}", m.bit_size) }
            })
        }
        Def::Enum(e) => enum_lines(btf, e, ["", ""], out),
        Def::Enum64(e) => enum_lines(btf, e, ["ULL", "LL"], out),
        Def::Fwd(FwdKind::Struct) => write!(out, " fwd_kind=struct"),
        Def::Fwd(FwdKind::Union) => write!(out, " fwd_kind=union"),
        Def::Func(func) => write!(out, " type_id={} linkage={}", func.proto.0, func.linkage.name()),
        Def::FuncProto(proto) => {
            write!(out, " ret_type_id={} vlen={}", proto.ret.0, proto.params.len())?;
            let mut param = |p: &Param| write!(out, "\n\t{} type_id={}", name(p.name), p.type_id.0);
            proto.params.iter().try_for_each(&mut param)
        }
        Def::Var(var) => write!(out, " type_id={}, linkage={}", var.type_id.0, var.linkage.name()),
        Def::DataSec(section) => section_lines(btf, section, out),
        Def::Float(size) => write!(out, " size={size}"),
        Def::DeclTag(tag) => {
            let component = tag.component.map_or(-1, i64::from);
            write!(out, " type_id={} component_idx={component}", tag.target.0)
        }
    }
}

/// A name in quotes.
struct Name<'b>(&'b str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", if self.0.is_empty() { "(anon)" } else { self.0 })
    }
}

fn int_line(int: &Int, out: &mut String) -> fmt::Result {
    let encoding = int.encoding.name();
    write!(out, " size={} bits_offset={} nr_bits={} encoding={encoding}", int.size, int.offset, int.bits)
}

/// `suffixes`: of unsigned and of signed numbers.
fn enum_lines(btf: &Btf, e: &Enum, suffixes: [&str; 2], out: &mut String) -> fmt::Result {
    let encoding = if e.signed { "SIGNED" } else { "UNSIGNED" };
    write!(out, " encoding={encoding} size={} vlen={}", e.size, e.values.len())?;
    let suffix = suffixes[usize::from(e.signed)];
    let mut value = |v: &EnumValue| write!(out, "\n\t{} val={}{suffix}", Name(btf.str(v.name)), e.number(v));
    e.values.iter().try_for_each(&mut value)
}

fn section_lines(btf: &Btf, section: &DataSec, out: &mut String) -> fmt::Result {
    write!(out, " size={} vlen={}", section.size, section.vars.len())?;
    section.vars.iter().try_for_each(|var| {
        let ty = btf.type_by_id(var.type_id);
        let (kind, name) = ty.map_or(("", StrOff::EMPTY), |ty| (ty.kind().name(), ty.name));
        let (id, offset, size, name) = (var.type_id.0, var.offset, var.size, Name(btf.str(name)));
        write!(out, "\n\ttype_id={id} offset={offset} size={size} ({kind} {name})")
    })
}
