//! Whether two types are the same, whatever their ids.

use std::collections::HashMap;

use crate::types::*;
use crate::{Btf, StrOff};

/// A type of the left or the right BTF.
type Node = (bool, TypeId);

/// Pairs that are taken to be the same until something shows that they are not (as in Hopcroft and Karp's test of
/// automata): each union joins two sets of types, so that even types that refer to each other in circles need no
/// more steps than there are types.
struct Classes(HashMap<Node, Node>);

impl Classes {
    fn find(&mut self, node: Node) -> Node {
        let mut root = node;
        while let Some(parent) = self.0.get(&root) {
            root = *parent;
        }
        let mut node = node;
        while node != root {
            node = self.0.insert(node, root).unwrap_or(root);
        }
        root
    }

    /// False if they were joined before.
    fn join(&mut self, a: Node, b: Node) -> bool {
        let (a, b) = (self.find(a), self.find(b));
        if a != b {
            self.0.insert(a, b);
        }
        a != b
    }
}

impl Btf {
    /// Whether type `id` is the same as `other`'s type `other_id`: names, sizes, offsets, values, and all types
    /// they refer to, in the same order. Ids and places of strings do not count.
    pub fn same_type(&self, id: impl Into<TypeId>, other: &Btf, other_id: impl Into<TypeId>) -> bool {
        let mut classes = Classes(HashMap::new());
        let mut open = vec![(id.into(), other_id.into())];
        while let Some((a, b)) = open.pop() {
            if !classes.join((false, a), (true, b)) {
                continue;
            }
            let (Some(left), Some(right)) = (self.type_by_id(a), other.type_by_id(b)) else { return false };
            if !(Pair { a: self, b: other }).same(left, right) {
                return false;
            }
            let (mut lefts, mut rights) = (Vec::new(), Vec::new());
            left.for_each_reference(|id| lefts.push(id));
            right.for_each_reference(|id| rights.push(id));
            if lefts.len() != rights.len() {
                return false;
            }
            open.extend(lefts.into_iter().zip(rights));
        }
        true
    }
}

struct Pair<'b> {
    a: &'b Btf,
    b: &'b Btf,
}

impl Pair<'_> {
    fn name(&self, a: StrOff, b: StrOff) -> bool {
        self.a.str(a) == self.b.str(b)
    }

    /// Equal but for the types they refer to.
    fn same(&self, a: &Type, b: &Type) -> bool {
        if a.kind() != b.kind() || !self.name(a.name, b.name) {
            return false;
        }
        match (&a.def, &b.def) {
            (Def::Int(a), Def::Int(b)) => a == b,
            (Def::Float(a), Def::Float(b)) => a == b,
            (Def::Array(a), Def::Array(b)) => a.len == b.len,
            (Def::Struct(a) | Def::Union(a), Def::Struct(b) | Def::Union(b)) => self.composite(a, b),
            (Def::Enum(a) | Def::Enum64(a), Def::Enum(b) | Def::Enum64(b)) => {
                let value =
                    |(a, b): (&EnumValue, &EnumValue)| a.value == b.value && self.name(a.name, b.name);
                (a.size, a.signed) == (b.size, b.signed) && zip_all(&a.values, &b.values, value)
            }
            (Def::Fwd(a), Def::Fwd(b)) => a == b,
            (Def::Func(a), Def::Func(b)) => a.linkage == b.linkage,
            (Def::FuncProto(a), Def::FuncProto(b)) => {
                zip_all(&a.params, &b.params, |(a, b)| self.name(a.name, b.name))
            }
            (Def::Var(a), Def::Var(b)) => a.linkage == b.linkage,
            (Def::DataSec(a), Def::DataSec(b)) => {
                let var = |(a, b): (&SecVar, &SecVar)| (a.offset, a.size) == (b.offset, b.size);
                a.size == b.size && zip_all(&a.vars, &b.vars, var)
            }
            (Def::DeclTag(a), Def::DeclTag(b)) => (a.component, a.attribute) == (b.component, b.attribute),
            (Def::TypeTag(a), Def::TypeTag(b)) => a.attribute == b.attribute,
            // Pointers, qualifiers, typedefs, void: what they refer to is all.
            _ => true,
        }
    }

    fn composite(&self, a: &Composite, b: &Composite) -> bool {
        let members = a.members.len() == b.members.len();
        let infos = |btf: &Btf, c: &Composite, index: usize| {
            let info = btf.member_info(c.kflag, &c.members[index]);
            (info.bit_offset, info.bit_size)
        };
        let same = |i: usize| {
            infos(self.a, a, i) == infos(self.b, b, i) && self.name(a.members[i].name, b.members[i].name)
        };
        a.size == b.size && members && (0..a.members.len()).all(same)
    }
}

fn zip_all<T>(a: &[T], b: &[T], same: impl FnMut((&T, &T)) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(same)
}
