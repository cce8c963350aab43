//! Split BTFs of one base made one: the types of a kernel and of all of its modules in one range of ids.

use std::sync::Arc;

use super::BtfBuilder;
use crate::{Btf, Def, Error, Kind, StrOff, Type, TypeId};

impl Btf {
    /// The types of several split BTFs, each with a word for it, on top of the base that all of them have. Types of a kind
    /// and name that is there already get the word behind theirs, as a flavour: `thing___word`.
    ///
    /// Types of the base keep their ids; a part's own follow those of the parts before it, in their order.
    ///
    /// # Errors
    /// There are too many types, or too much text.
    ///
    /// ```
    /// use skep_btf::{Btf, BtfBuilder, IntEncoding, Kind};
    /// use std::sync::Arc;
    ///
    /// let mut base = BtfBuilder::new();
    /// let int = base.int("int", 4, IntEncoding::Signed);
    /// let base = Arc::new(base.build()?);
    /// let part = |name| {
    ///     let mut part = BtfBuilder::on(base.clone());
    ///     part.structure(name, 4, &[("x", int, 0)]);
    ///     part.build().map(Arc::new)
    /// };
    /// let all = Btf::merged(&base, &[("a", part("one")?), ("b", part("two")?), ("c", part("two")?)])?;
    /// let names = ["one", "two", "two___c"].map(|it| all.find(Kind::Struct, it).map(|id| id.0));
    /// assert_eq!(names, [Some(2), Some(3), Some(4)]);
    /// # Ok::<(), skep_btf::Error>(())
    /// ```
    pub fn merged(base: &Arc<Btf>, parts: &[(impl AsRef<str>, Arc<Btf>)]) -> Result<Btf, Error> {
        let mut builder = BtfBuilder::on(Arc::clone(base));
        let mut taken = std::collections::HashSet::new();
        for (word, part) in parts {
            // Parts have ids from the same one on.
            let shift = builder.next_id().0.saturating_sub(base.end_id());
            for (_, ty) in part.own_types() {
                let mut def = ty.def.clone();
                def.for_each_id(&mut |id| {
                    if id.0 >= base.end_id() {
                        id.0 = id.0.saturating_add(shift);
                    }
                });
                def.for_each_name(&mut |name| *name = builder.string(part.str(*name)));
                let name = unique(base, &mut taken, part, ty, word.as_ref());
                builder.add(&name, def);
            }
        }
        builder.build()
    }
}

/// The name of a type, with a word behind it if there is one of its kind already.
fn unique<'p>(
    base: &Btf,
    taken: &mut std::collections::HashSet<(Kind, &'p str)>,
    part: &'p Btf,
    ty: &Type,
    word: &str,
) -> String {
    let (kind, name) = (ty.kind(), part.str(ty.name));
    let is_tag = matches!(kind, Kind::DeclTag | Kind::TypeTag);
    if name.is_empty() || is_tag || base.find(kind, name).is_none() && taken.insert((kind, name)) {
        return name.to_owned();
    }
    format!("{name}___{word}")
}

impl Def {
    /// Lets `change` change every type that this one refers to, in recorded order.
    pub fn for_each_id(&mut self, change: &mut impl FnMut(&mut TypeId)) {
        match self {
            Def::Void | Def::Int(_) | Def::Float(_) | Def::Fwd(_) | Def::Enum(_) | Def::Enum64(_) => {}
            Def::Ptr(id) | Def::Typedef(id) | Def::Volatile(id) | Def::Const(id) | Def::Restrict(id) => {
                change(id)
            }
            Def::TypeTag(tag) => change(&mut tag.target),
            Def::DeclTag(tag) => change(&mut tag.target),
            Def::Var(var) => change(&mut var.type_id),
            Def::Func(func) => change(&mut func.proto),
            Def::Array(array) => [&mut array.element, &mut array.index].into_iter().for_each(change),
            Def::Struct(c) | Def::Union(c) => c.members.iter_mut().for_each(|m| change(&mut m.type_id)),
            Def::DataSec(section) => section.vars.iter_mut().for_each(|v| change(&mut v.type_id)),
            Def::FuncProto(proto) => {
                change(&mut proto.ret);
                proto.params.iter_mut().for_each(|p| change(&mut p.type_id));
            }
        }
    }

    /// Lets `change` change every name in it, but for the type's own, in recorded order.
    pub fn for_each_name(&mut self, change: &mut impl FnMut(&mut StrOff)) {
        match self {
            Def::Struct(c) | Def::Union(c) => c.members.iter_mut().for_each(|m| change(&mut m.name)),
            Def::Enum(e) | Def::Enum64(e) => e.values.iter_mut().for_each(|v| change(&mut v.name)),
            Def::FuncProto(proto) => proto.params.iter_mut().for_each(|p| change(&mut p.name)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IntEncoding, Linkage};

    #[test]
    fn parts_keep_their_meaning() {
        let mut base = BtfBuilder::new();
        let int = base.int("int", 4, IntEncoding::Signed);
        let shared = base.structure("shared", 4, &[("x", int, 0)]);
        let base = Arc::new(base.build().unwrap());
        let part = |extra: u32| {
            let mut part = BtfBuilder::on(Arc::clone(&base));
            for _ in 0..extra {
                part.enumeration("filler", &[("NONE", -1)]);
            }
            let own = part.structure("shared", 8, &[("inner", shared, 0), ("y", int, 32)]);
            let ptr = part.add("", Def::Ptr(own));
            part.func("act", Linkage::Global, ptr, &[("it", ptr), ("by", int)]);
            Arc::new(part.build().unwrap())
        };
        let all = Btf::merged(&base, &[("a", part(0)), ("b", part(2))]).unwrap();
        let declare = |kind, name| all.declare(all.find(kind, name).unwrap()).unwrap();
        assert_eq!(declare(Kind::Struct, "shared"), "struct shared {\n\tint x;\n};");
        for (name, func) in [("shared___a", "act"), ("shared___b", "act___b")] {
            assert_eq!(
                declare(Kind::Struct, name),
                format!("struct {name} {{\n\tstruct shared inner;\n\tint y;\n}};")
            );
            let proto = all.func_proto(all.find(Kind::Func, func).unwrap()).unwrap();
            let params: Vec<_> = proto.params.iter().map(|it| all.str(it.name)).collect();
            assert_eq!(params, ["it", "by"]);
            assert_eq!(all.c_type(proto.ret).unwrap(), format!("struct {name} *"));
        }
        let filler = all.find_all(Kind::Enum, "filler___b").chain(all.find_all(Kind::Enum, "filler"));
        assert_eq!(filler.filter(|id| all.enum_value(*id, "NONE") == Some(-1)).count(), 2);
        let none: [(&str, Arc<Btf>); 0] = [];
        assert_eq!(Btf::merged(&base, &none).unwrap().end_id(), base.end_id());
    }
}
