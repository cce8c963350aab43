//! Declarators: from a chain of types to C's inside-out notation.
//!
//! The whitespace is libbpf's (`btf_dump_emit_type_chain` in `tools/lib/bpf/btf_dump.c`).

use super::Writer;
use crate::TypeError;
use crate::types::*;

/// Longest chain of pointers, arrays and qualifiers.
const MAX_CHAIN: usize = 256;

impl Writer<'_> {
    /// A declaration of `name` (which may be empty) as that type.
    pub(super) fn decl(&mut self, id: TypeId, name: &str, level: usize) -> Result<(), TypeError> {
        let chain = self.chain(id)?;
        self.chain_text(&chain, name, level)
    }

    /// The types from `id` down to the first that has a name of its own, or is `void`.
    fn chain(&self, id: TypeId) -> Result<Vec<TypeId>, TypeError> {
        let mut chain = vec![id];
        let mut last = id;
        loop {
            last = match &self.get(last)?.def {
                Def::Ptr(to) | Def::Volatile(to) | Def::Const(to) | Def::Restrict(to) => *to,
                Def::TypeTag(tag) => tag.target,
                Def::Array(array) => array.element,
                Def::FuncProto(proto) => proto.ret,
                Def::Func(_) | Def::Var(_) | Def::DataSec(_) | Def::DeclTag(_) => {
                    return Err(TypeError::NotC(last));
                }
                _ => return Ok(chain),
            };
            chain.push(last);
            // Pointers may go round in a circle.
            if chain.len() > MAX_CHAIN {
                return Err(TypeError::TooComplex(id));
            }
        }
    }

    /// `chain` has the outermost type first; C writes it from the last.
    fn chain_text(&mut self, chain: &[TypeId], name: &str, level: usize) -> Result<(), TypeError> {
        let id = chain.last().copied().unwrap_or_default();
        self.nested(id, |w| w.links(chain, name, level))
    }

    fn links(&mut self, mut chain: &[TypeId], name: &str, level: usize) -> Result<(), TypeError> {
        // A star needs no space before a name, another star, or behind a parenthesis.
        let mut after_star = true;
        while let Some((id, outer)) = chain.split_last() {
            chain = outer;
            match &self.get(*id)?.def {
                Def::Ptr(_) => self.out.push_str(if after_star { "*" } else { " *" }),
                Def::Volatile(_) => self.out.push_str(" volatile"),
                Def::Const(_) => self.out.push_str(" const"),
                Def::Restrict(_) => self.out.push_str(" restrict"),
                Def::TypeTag(tag) => self.type_tag(*id, tag),
                Def::Array(array) => {
                    let chain = self.strip_qualifiers(chain);
                    return self.array(array, chain, name, after_star, level);
                }
                Def::FuncProto(proto) => {
                    let chain = self.strip_qualifiers(chain);
                    return self.proto(proto, chain, name, after_star, level);
                }
                _ => {
                    chain = self.qualifiers(chain);
                    self.base(*id, level)?;
                }
            }
            after_star = matches!(self.get(*id)?.def, Def::Ptr(_));
        }
        self.name(name, after_star);
        Ok(())
    }

    fn name(&mut self, name: &str, after_star: bool) {
        if !name.is_empty() && !after_star {
            self.out.push(' ');
        }
        self.out.push_str(name);
    }

    /// Writes the qualifiers that end `chain`: C has them before a type that is not a pointer.
    fn qualifiers<'c>(&mut self, mut chain: &'c [TypeId]) -> &'c [TypeId] {
        while let Some((id, outer)) = chain.split_last() {
            self.out.push_str(match self.btf.type_by_id(*id).map(|ty| &ty.def) {
                Some(Def::Volatile(_)) => "volatile ",
                Some(Def::Const(_)) => "const ",
                Some(Def::Restrict(_)) => "restrict ",
                _ => break,
            });
            chain = outer;
        }
        chain
    }

    /// GCC qualifies arrays (bug 8354) and functions that do not return; C has no notation for it.
    fn strip_qualifiers<'c>(&self, mut chain: &'c [TypeId]) -> &'c [TypeId] {
        while let Some((id, outer)) = chain.split_last() {
            if self.btf.type_by_id(*id).and_then(Type::qualified).is_none() {
                break;
            }
            chain = outer;
        }
        chain
    }

    fn type_tag(&mut self, id: TypeId, tag: &TypeTag) {
        let text = self.btf.name(id);
        self.out.push_str(&match tag.attribute {
            true => format!(" __attribute__(({text}))"),
            false => format!(" __attribute__((btf_type_tag(\"{text}\")))"),
        });
    }

    /// The type at the end of a chain.
    fn base(&mut self, id: TypeId, level: usize) -> Result<(), TypeError> {
        let ty = self.get(id)?;
        let name = self.btf.str(ty.name);
        let keyword = match &ty.def {
            Def::Struct(_) | Def::Fwd(FwdKind::Struct) => "struct",
            Def::Union(_) | Def::Fwd(FwdKind::Union) => "union",
            Def::Enum(_) | Def::Enum64(_) => "enum",
            other => {
                self.out.push_str(if matches!(other, Def::Void) { "void" } else { name });
                return Ok(());
            }
        };
        match &ty.def {
            Def::Struct(c) | Def::Union(c) if name.is_empty() && !self.elide => {
                self.composite(id, keyword, name, c, level)?;
            }
            Def::Enum(e) | Def::Enum64(e) if name.is_empty() && !self.elide => {
                self.enumeration(id, ty, e, level)?;
            }
            _ => {
                self.out.push_str(keyword);
                self.out.push(' ');
                self.out.push_str(if name.is_empty() { "{...}" } else { name });
            }
        }
        Ok(())
    }

    fn array(
        &mut self,
        array: &Array,
        outer: &[TypeId],
        name: &str,
        after_star: bool,
        level: usize,
    ) -> Result<(), TypeError> {
        match outer.last() {
            None => self.name(name, after_star),
            Some(next) => {
                let of_arrays = matches!(self.get(*next)?.def, Def::Array(_));
                if !name.is_empty() && !after_star {
                    self.out.push(' ');
                }
                self.out.push_str(if of_arrays { "" } else { "(" });
                self.chain_text(outer, name, level)?;
                self.out.push_str(if of_arrays { "" } else { ")" });
            }
        }
        self.out.push_str(&format!("[{}]", array.len));
        Ok(())
    }

    fn proto(
        &mut self,
        proto: &FuncProto,
        outer: &[TypeId],
        name: &str,
        after_star: bool,
        level: usize,
    ) -> Result<(), TypeError> {
        if outer.is_empty() {
            self.name(name, after_star);
        } else {
            self.out.push_str(" (");
            self.chain_text(outer, name, level)?;
            self.out.push(')');
        }
        self.out.push('(');
        let (params, rest) = match proto.params.split_last() {
            Some((last, params)) if last.type_id == TypeId::VOID => (params, "..."),
            _ => (&*proto.params, ""),
        };
        for (index, param) in params.iter().enumerate() {
            self.out.push_str(if index == 0 { "" } else { ", " });
            self.decl(param.type_id, self.btf.str(param.name), level)?;
        }
        self.out.push_str(match (params.is_empty(), rest) {
            // clang writes `f(void)` with one nameless parameter of no type.
            (true, _) => "void",
            (false, "") => "",
            (false, _) => ", ...",
        });
        self.out.push(')');
        Ok(())
    }
}
