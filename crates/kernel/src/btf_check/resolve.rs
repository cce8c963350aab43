//! What types refer to (`btf_check_all_types`, `btf_resolve`, and `resolve` of each kind).

use super::{Check, Checker, Raw, kind};
use skep_abi::Errno;

/// How far a type may be from what it comes to (`MAX_RESOLVE_DEPTH`).
const MAX_DEPTH: usize = 32;

/// How far a type has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Visit {
    Not,
    Begun,
    Resolved,
}

/// What is being looked for, which says where it ends (`enum resolve_mode`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Any,
    Pointer,
    StructOrArray,
}

/// A type on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vertex {
    id: u32,
    ty: Raw,
    /// The member to go on with.
    next: usize,
}

impl Checker<'_> {
    pub(super) fn all_types(&mut self) -> Check {
        let count = self.types.len();
        self.second_pass = true;
        self.visits = vec![Visit::Not; count];
        self.resolved_ids = vec![0; count];
        self.resolved_sizes = vec![0; count];
        for id in 1..count as u32 {
            self.at = id;
            let ty = self.ty(id).ok_or(Errno::EINVAL)?;
            if ty.needs_resolve() && !self.is_resolved(id) {
                self.resolve(ty, id)?;
            }
            if ty.kind() == kind::FUNC_PROTO {
                self.prototype_types(ty)?;
            }
        }
        Ok(())
    }

    fn is_resolved(&self, id: u32) -> bool {
        self.visits.get(id as usize) == Some(&Visit::Resolved)
    }

    /// The type that a resolved one comes to (`btf_type_id_resolve`).
    fn target(&self, id: &mut u32) -> Option<Raw> {
        *id = *self.resolved_ids.get(*id as usize)?;
        self.ty(*id)
    }

    /// The type that has a type's size, and that (`btf_type_id_size`).
    pub(super) fn sized(&self, id: &mut u32) -> Option<(Raw, u32)> {
        let own = |ty: Raw, id: u32| match ty.kind() {
            _ if ty.has_size() => Some(ty.word),
            kind::ARRAY => self.resolved_sizes.get(id as usize).copied(),
            kind::PTR => Some(8),
            _ => None,
        };
        let ty = self.ty(*id).filter(|it| !it.has_no_size())?;
        if let Some(size) = own(ty, *id) {
            return Some((ty, size));
        }
        let mut next = *id;
        let ty = self.target(&mut next).filter(|it| !it.has_no_size())?;
        let size = own(ty, next)?;
        *id = next;
        Some((ty, size))
    }

    fn resolve(&mut self, ty: Raw, id: u32) -> Check {
        let before = self.at;
        self.mode = Mode::Any;
        let _ = self.push(ty, id);
        let mut result = Ok(());
        while let (Ok(()), Some(&vertex)) = (result, self.stack.last()) {
            self.at = vertex.id;
            result = self.step(vertex);
        }
        self.at = id;
        match result {
            Err(Errno::E2BIG) => self.type_line(ty, &format!("Exceeded max resolving depth:{MAX_DEPTH}")),
            Err(Errno::EEXIST) => self.type_line(ty, "Loop detected"),
            _ => {}
        }
        if result.is_ok() && !self.is_consistent(ty, id) {
            self.type_line(ty, "Invalid resolve state");
            result = Err(Errno::EINVAL);
        }
        self.at = before;
        result
    }

    fn push(&mut self, ty: Raw, id: u32) -> Check {
        if self.stack.len() == MAX_DEPTH {
            return Err(Errno::E2BIG);
        }
        match self.visits.get_mut(id as usize) {
            Some(visit) if *visit == Visit::Not => *visit = Visit::Begun,
            _ => return Err(Errno::EEXIST),
        }
        self.stack.push(Vertex { id, ty, next: 0 });
        if self.mode == Mode::Any {
            self.mode = match ty.kind() {
                kind::PTR => Mode::Pointer,
                kind::STRUCT | kind::UNION | kind::ARRAY => Mode::StructOrArray,
                _ => Mode::Any,
            };
        }
        Ok(())
    }

    fn pop(&mut self, id: u32, size: u32) -> Check {
        if let Some(vertex) = self.stack.pop() {
            let at = vertex.id as usize;
            self.resolved_ids[at] = id;
            self.resolved_sizes[at] = size;
            self.visits[at] = Visit::Resolved;
        }
        Ok(())
    }

    /// Whether one need not go on from a type (`env_type_is_resolve_sink`).
    fn is_sink(&self, ty: Raw) -> bool {
        match self.mode {
            Mode::Any => !ty.needs_resolve(),
            Mode::Pointer => !ty.is_modifier() && ty.kind() != kind::PTR,
            Mode::StructOrArray => !ty.is_modifier() && !ty.is_composite() && ty.kind() != kind::ARRAY,
        }
    }

    /// Whether a type has to be resolved first.
    fn is_ahead(&self, ty: Raw, id: u32) -> bool {
        !self.is_sink(ty) && !self.is_resolved(id)
    }

    /// `btf_resolve_valid`.
    fn is_consistent(&self, ty: Raw, id: u32) -> bool {
        let (to, size) = (self.resolved_ids[id as usize], self.resolved_sizes[id as usize]);
        if !self.is_resolved(id) {
            return false;
        }
        match ty.kind() {
            kind::STRUCT | kind::UNION | kind::DATASEC => to == 0 && size == 0,
            kind::DECL_TAG | kind::FUNC => to != 0 && size == 0,
            kind::ARRAY => {
                let mut elem = self.word(ty, 0);
                self.sized(&mut elem).is_some_and(|(of, each)| {
                    !of.is_modifier() && self.word(ty, 2).wrapping_mul(each) == size
                })
            }
            _ => self.ty(to).is_some_and(|it| !it.is_modifier() && !it.is(&[kind::VAR, kind::DATASEC])),
        }
    }

    fn step(&mut self, vertex: Vertex) -> Check {
        match vertex.ty.kind() {
            kind::PTR => self.reference_step(vertex, true),
            kind::VAR => self.var_step(vertex),
            kind::ARRAY => self.array_step(vertex),
            kind::STRUCT | kind::UNION => self.struct_step(vertex),
            kind::FUNC => self.func_step(vertex),
            kind::DATASEC => self.datasec_step(vertex),
            kind::DECL_TAG => self.decl_tag_step(vertex),
            _ if vertex.ty.is_modifier() => self.reference_step(vertex, false),
            _ => self.bad_basic(vertex.ty, "Unsupported resolve"),
        }
    }

    /// The type that something refers to, unless nothing may.
    fn referred(&mut self, ty: Raw) -> Check<Raw> {
        match self.ty(ty.word).filter(|it| !it.is_no_target()) {
            Some(next) => Ok(next),
            None => self.bad_type(ty, "Invalid type_id"),
        }
    }

    /// A modifier may have ended at a pointer, from which one has to go on.
    fn pointer_behind(&self, ty: Raw, id: u32) -> Option<(Raw, u32)> {
        let mut to = id;
        let target = self.target(&mut to).filter(|_| ty.is_modifier())?;
        (target.kind() == kind::PTR && self.is_ahead(target, to)).then_some((target, to))
    }

    /// Modifiers and pointers.
    fn reference_step(&mut self, Vertex { ty, .. }: Vertex, pointer: bool) -> Check {
        let (next, mut id) = (self.referred(ty)?, ty.word);
        if self.is_ahead(next, id) {
            return self.push(next, id);
        }
        if let Some((target, to)) = self.pointer_behind(next, id).filter(|_| pointer) {
            return self.push(target, to);
        }
        if self.sized(&mut id).is_none() {
            let mut next = next;
            if self.is_resolved(id) {
                next = self.target(&mut id).unwrap_or(Raw::VOID);
            }
            if !next.is(&[kind::VOID, kind::FWD, kind::FUNC_PROTO]) {
                return self.bad_type(ty, "Invalid type_id");
            }
        }
        self.pop(id, 0)
    }

    fn var_step(&mut self, Vertex { ty, .. }: Vertex) -> Check {
        let (next, mut id) = (self.referred(ty)?, ty.word);
        if self.is_ahead(next, id) {
            return self.push(next, id);
        }
        if let Some((target, to)) = self.pointer_behind(next, id) {
            return self.push(target, to);
        }
        if self.sized(&mut id).is_none() {
            return self.bad_type(ty, "Invalid type_id");
        }
        self.pop(id, 0)
    }

    fn array_step(&mut self, Vertex { ty, .. }: Vertex) -> Check {
        let usable = |it: &Raw| !it.has_no_size() && !it.is_no_target();
        let mut index = self.word(ty, 1);
        let Some(next) = self.ty(index).filter(usable) else { return self.bad_type(ty, "Invalid index") };
        if self.is_ahead(next, index) {
            return self.push(next, index);
        }
        let of_index = self.sized(&mut index);
        if !of_index.is_some_and(|it| it.0.kind() == kind::INT && self.is_regular(it.0)) {
            return self.bad_type(ty, "Invalid index");
        }
        let mut elem = self.word(ty, 0);
        let Some(next) = self.ty(elem).filter(usable) else { return self.bad_type(ty, "Invalid elem") };
        if self.is_ahead(next, elem) {
            return self.push(next, elem);
        }
        let Some((of, size)) = self.sized(&mut elem) else { return self.bad_type(ty, "Invalid elem") };
        if of.kind() == kind::INT && !self.is_regular(of) {
            return self.bad_type(ty, "Invalid array of int");
        }
        match size.checked_mul(self.word(ty, 2)) {
            Some(size) => self.pop(elem, size),
            None => self.bad_type(ty, "Array size overflows U32_MAX"),
        }
    }

    fn struct_step(&mut self, Vertex { ty, next, .. }: Vertex) -> Check {
        if let Some(last) = next.checked_sub(1) {
            let member = self.member(ty, last);
            let of = self.ty(member.ty).ok_or(Errno::EINVAL)?;
            self.fits(ty, member, of)?;
        }
        for index in next..ty.vlen() as usize {
            let member = self.member(ty, index);
            let of = self.ty(member.ty).filter(|it| !it.has_no_size() && !it.is_no_target());
            let Some(of) = of else { return self.bad_member(ty, member, "Invalid member") };
            if self.is_ahead(of, member.ty) {
                self.go_on_at(index + 1);
                return self.push(of, member.ty);
            }
            self.fits(ty, member, of)?;
        }
        self.pop(0, 0)
    }

    fn go_on_at(&mut self, next: usize) {
        if let Some(vertex) = self.stack.last_mut() {
            vertex.next = next;
        }
    }

    /// `btf_func_check`.
    fn func_step(&mut self, Vertex { ty, .. }: Vertex) -> Check {
        let Some(proto) = self.ty(ty.word).filter(|it| it.kind() == kind::FUNC_PROTO) else {
            return self.bad_type(ty, "Invalid type_id");
        };
        for index in 0..proto.vlen() as usize {
            if self.word(proto, 2 * index) == 0 && self.word(proto, 2 * index + 1) != 0 {
                return self.bad_type(ty, &format!("Invalid arg#{}", index + 1));
            }
        }
        self.pop(ty.word, 0)
    }

    fn datasec_step(&mut self, Vertex { ty, next, .. }: Vertex) -> Check {
        self.mode = Mode::Any;
        for index in next..ty.vlen() as usize {
            let variable = self.variable(ty, index);
            let [id, _, size] = variable;
            let Some(var) = self.ty(id).filter(|it| it.kind() == kind::VAR) else {
                return self.bad_variable(ty, variable, "Not a VAR kind member");
            };
            if self.is_ahead(var, id) {
                self.go_on_at(index + 1);
                return self.push(var, id);
            }
            let mut of = var.word;
            match self.sized(&mut of) {
                None => return self.bad_variable(ty, variable, "Invalid type"),
                Some((_, least)) if size < least => {
                    return self.bad_variable(ty, variable, "Invalid size");
                }
                Some(_) => {}
            }
        }
        self.pop(0, 0)
    }

    fn decl_tag_step(&mut self, Vertex { ty, .. }: Vertex) -> Check {
        use kind::{FUNC, STRUCT, TYPEDEF, UNION, VAR};
        let next = self.ty(ty.word).filter(|it| it.is(&[FUNC, STRUCT, UNION, VAR, TYPEDEF]));
        let Some(next) = next else { return self.bad_type(ty, "Invalid type_id") };
        if self.is_ahead(next, ty.word) {
            return self.push(next, ty.word);
        }
        let component = self.word(ty, 0);
        if component as i32 != -1 {
            let parts = match next.kind() {
                VAR | TYPEDEF => return self.bad_type(ty, "Invalid component_idx"),
                FUNC => self.ty(next.word).map_or(0, Raw::vlen),
                _ => next.vlen(),
            };
            if component >= parts {
                return self.bad_type(ty, "Invalid component_idx");
            }
        }
        self.pop(ty.word, 0)
    }

    /// `btf_func_proto_check`.
    fn prototype_types(&mut self, ty: Raw) -> Check {
        if ty.word != 0 {
            self.part(ty, ty.word, "Invalid return type")?;
        }
        let mut count = ty.vlen() as usize;
        if count > 0 && self.word(ty, 2 * count - 1) == 0 {
            if self.word(ty, 2 * count - 2) != 0 {
                return self.bad_type(ty, &format!("Invalid arg#{count}"));
            }
            count -= 1;
        }
        for index in 0..count {
            let what = format!("Invalid arg#{}", index + 1);
            let (name, id) = (self.word(ty, 2 * index), self.word(ty, 2 * index + 1));
            let of = self.ty(id).filter(|it| !it.is_no_target());
            let named = name == 0 || self.is_name(name) && self.is_identifier(name);
            if of.is_none() || !named {
                return self.bad_type(ty, &what);
            }
            self.part(ty, id, &what)?;
        }
        Ok(())
    }

    /// A type that a function takes or returns.
    fn part(&mut self, ty: Raw, id: u32, what: &str) -> Check {
        let Some(of) = self.ty(id).filter(|it| !it.is_no_target()) else { return self.bad_type(ty, what) };
        if of.needs_resolve() && !self.is_resolved(id) {
            self.resolve(of, id)?;
        }
        let mut id = id;
        if self.sized(&mut id).is_none() { self.bad_type(ty, what) } else { Ok(()) }
    }
}
