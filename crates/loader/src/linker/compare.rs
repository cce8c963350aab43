//! Whether two files mean the same type by a global name (`glob_sym_btf_matches`).

use std::collections::HashSet;

use skep_btf::{Btf, Composite, Def, FuncProto, FwdKind, Linkage, Type, TypeId};

use super::budget::Comparisons;

/// A type of some file.
type Of<'b> = (&'b Btf, TypeId);

/// Compares two variables, functions or types: equal in shape, but for qualifiers, names of parameters, lengths of
/// arrays, encodings and values; behind pointers names and kinds are enough, and forward declarations will do.
///
/// # Errors
/// How they differ.
pub(super) fn check(budget: &Comparisons, a: Of<'_>, b: Of<'_>) -> Result<(), String> {
    let mut compared = HashSet::new();
    let mut open = vec![Pair { exact: true, a: a.1, b: b.1 }];
    while let Some(pair) = open.pop() {
        if !compared.insert((pair.exact, pair.a, pair.b)) {
            continue;
        }
        let first = open.len();
        Compare { a: a.0, b: b.0, open: &mut open }.pair(pair)?;
        budget.pay(1 + open.len() - first)?;
        // What was met first is compared first.
        open[first..].reverse();
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Pair {
    exact: bool,
    a: TypeId,
    b: TypeId,
}

struct Compare<'c, 'b> {
    a: &'b Btf,
    b: &'b Btf,
    open: &'c mut Vec<Pair>,
}

impl Compare<'_, '_> {
    fn pair(&mut self, Pair { exact, a, b }: Pair) -> Result<(), String> {
        let (Some(left), Some(right)) = (self.a.resolved(a), self.b.resolved(b)) else {
            return Err("its BTF is broken".to_owned());
        };
        match (&left.def, &right.def) {
            (Def::Fwd(_), Def::Fwd(_)) => return self.names(left, right),
            (Def::Fwd(fwd), _) if !exact => return self.declared(*fwd, left, right, right),
            (_, Def::Fwd(fwd)) if !exact => return self.declared(*fwd, left, right, left),
            _ => {}
        }
        if left.kind() != right.kind() {
            return Err(format!("incompatible BTF kinds {} and {}", kind(left), kind(right)));
        }
        match (&left.def, &right.def) {
            (Def::Void, _) => Ok(()),
            (Def::Int(x), Def::Int(y)) => self.sizes(left, x.size, y.size),
            (Def::Float(x), Def::Float(y)) => self.sizes(left, *x, *y),
            (Def::Enum(x), Def::Enum(y)) | (Def::Enum64(x), Def::Enum64(y)) => {
                self.names(left, right)?;
                self.sizes(left, x.size, y.size)
            }
            // Only the shape of what it points to matters.
            (Def::Ptr(x), Def::Ptr(y)) => self.then(false, *x, *y),
            (Def::Array(x), Def::Array(y)) => self.then(exact, x.element, y.element),
            (Def::Func(x), Def::Func(y)) => {
                self.names(left, right)?;
                self.linkage(left, x.linkage, y.linkage)?;
                self.then(exact, x.proto, y.proto)
            }
            (Def::Var(x), Def::Var(y)) => {
                self.names(left, right)?;
                self.linkage(left, x.linkage, y.linkage)?;
                self.then(exact, x.type_id, y.type_id)
            }
            (Def::Struct(x), Def::Struct(y)) | (Def::Union(x), Def::Union(y)) => {
                self.names(left, right)?;
                if exact { self.members(left, x, y) } else { Ok(()) }
            }
            (Def::FuncProto(x), Def::FuncProto(y)) => self.protos(exact, x, y),
            _ => Err(format!("unsupported BTF kind {}", kind(left))),
        }
    }

    fn then(&mut self, exact: bool, a: TypeId, b: TypeId) -> Result<(), String> {
        self.open.push(Pair { exact, a, b });
        Ok(())
    }

    fn names(&self, a: &Type, b: &Type) -> Result<(), String> {
        let (left, right) = (self.a.str(a.name), self.b.str(b.name));
        match left == right {
            true => Ok(()),
            false => Err(format!("incompatible {} names '{left}' and '{right}'", kind(a))),
        }
    }

    fn sizes(&self, ty: &Type, a: u32, b: u32) -> Result<(), String> {
        match a == b {
            true => Ok(()),
            false => Err(format!("incompatible {} '{}' size {a} and {b}", kind(ty), self.a.str(ty.name))),
        }
    }

    /// Extern and global will do with each other.
    fn linkage(&self, ty: &Type, a: Linkage, b: Linkage) -> Result<(), String> {
        match (a == Linkage::Static) == (b == Linkage::Static) {
            true => Ok(()),
            false => Err(format!("incompatible {} '{}' linkage", kind(ty), self.a.str(ty.name))),
        }
    }

    /// One is a forward declaration, of `fwd`, and the other, `whole`, is not.
    fn declared(&self, fwd: FwdKind, a: &Type, b: &Type, whole: &Type) -> Result<(), String> {
        let (left, right) = (self.a.str(a.name), self.b.str(b.name));
        if left != right {
            return Err(format!("incompatible forward declaration names '{left}' and '{right}'"));
        }
        match (fwd, &whole.def) {
            (FwdKind::Struct, Def::Struct(_)) | (FwdKind::Union, Def::Union(_)) => Ok(()),
            _ => {
                let declared = if fwd == FwdKind::Union { "union" } else { "struct" };
                Err(format!("incompatible {declared} forward declaration and concrete kind {}", kind(whole)))
            }
        }
    }

    fn members(&mut self, ty: &Type, a: &Composite, b: &Composite) -> Result<(), String> {
        let (left, right) = (a.members.len(), b.members.len());
        if left != right {
            return Err(format!("incompatible number of {} fields {left} and {right}", kind(ty)));
        }
        for (nth, (x, y)) in a.members.iter().zip(&b.members).enumerate() {
            let (left, right) = (self.a.str(x.name), self.b.str(y.name));
            if left != right {
                return Err(format!("incompatible field #{nth} names '{left}' and '{right}'"));
            }
            if (x.bit_offset, x.bit_size) != (y.bit_offset, y.bit_size) {
                return Err(format!("incompatible field #{nth} ('{left}') offsets"));
            }
            self.then(true, x.type_id, y.type_id)?;
        }
        Ok(())
    }

    fn protos(&mut self, exact: bool, a: &FuncProto, b: &FuncProto) -> Result<(), String> {
        let (left, right) = (a.params.len(), b.params.len());
        if left != right {
            return Err(format!("incompatible number of func_proto params {left} and {right}"));
        }
        for (x, y) in a.params.iter().zip(&b.params) {
            self.then(exact, x.type_id, y.type_id)?;
        }
        self.then(exact, a.ret, b.ret)
    }
}

/// A kind as libbpf spells it.
fn kind(ty: &Type) -> String {
    ty.kind().name().to_ascii_lowercase()
}
