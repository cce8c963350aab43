//! A path, looked up in the types once: which pointers it goes through, and where it ends.

use super::error::Problem;
use super::path::{Placed, Step, parse};
use super::types;
use skep_btf::{Btf, Def, FieldRef, TypeId, ValueError};

/// A pointer on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hop {
    /// Where the pointer is in what came before.
    pub(crate) at: FieldRef,
    /// Not the pointer that is there, but the address of the place.
    pub(crate) address_of: bool,
    /// What it points to.
    pub(crate) target: TypeId,
    /// It points to this many bytes behind the start of the target.
    pub(crate) inner: u64,
    /// Which one of the array that it points to, if it is one.
    pub(crate) index: Option<u64>,
    /// The pointer is declared as one to user memory.
    pub(crate) user: bool,
    /// The path up to the pointer, in bytes.
    pub(crate) end: usize,
}

/// Where a path leads, from an object of a type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Route {
    pub(crate) hops: Vec<Hop>,
    /// The place in what the last hop led to.
    pub(crate) last: FieldRef,
    /// The path goes on behind a `void *`, from this byte of it: the type is that of the object that it points to.
    pub(crate) untyped: Option<usize>,
}

struct Finder<'b> {
    btf: &'b Btf,
    path: &'b str,
    hops: Vec<Hop>,
    here: FieldRef,
    /// The path up to `here`.
    end: usize,
    /// Errors have names that are like a wrong one.
    suggests: bool,
    /// `here` ends what it is in, so that an array may go on behind it.
    last: bool,
}

/// Looks a path up. `suggests`: an error has the names that are like a wrong one, which takes a while.
pub(crate) fn find(btf: &Btf, id: TypeId, path: &str, suggests: bool) -> Result<Route, Problem> {
    let steps = parse(path)?;
    let here = whole(btf, id)?;
    let mut finder = Finder { btf, path, hops: Vec::new(), here, end: 0, suggests, last: true };
    let mut steps = steps.into_iter().peekable();
    while let Some((step, end)) = steps.next() {
        let untyped = match step {
            Step::Member(name) => finder.enter()? || finder.member(name, end)?,
            Step::Index(index) => finder.index(index, end)?,
            Step::Cast { to, member } => {
                let index = steps.next_if(|it| matches!(it.0, Step::Index(_)));
                finder.cast(to, member, index)?;
                false
            }
        };
        if untyped {
            return Ok(Route { untyped: Some(finder.end), hops: finder.hops, last: finder.here });
        }
        finder.end = finder.end.max(end);
    }
    Ok(Route { hops: finder.hops, last: finder.here, untyped: None })
}

/// All of a value of a type.
pub(crate) fn whole(btf: &Btf, id: TypeId) -> Result<FieldRef, Problem> {
    btf.field(id, "").map_err(|error| match error {
        ValueError::Type(_) => Problem::NoLayout(types::called(btf, id)),
        error => error.into(),
    })
}

impl Finder<'_> {
    fn part(&self, end: usize) -> String {
        self.path.get(..end).unwrap_or(self.path).to_owned()
    }

    /// Follows the pointer here, if it is one, to find a member. True: nobody knows to what.
    fn enter(&mut self) -> Result<bool, Problem> {
        match types::pointee(self.btf, self.here.type_id) {
            None => Ok(false),
            Some((target, _)) if types::is_void(self.btf, target) => Ok(true),
            Some((target, user)) => {
                self.follow(target, 0, None, user)?;
                Ok(false)
            }
        }
    }

    fn follow(&mut self, target: TypeId, inner: u64, index: Option<u64>, user: bool) -> Result<(), Problem> {
        let (at, end) = (self.here, self.end);
        self.here = whole(self.btf, target)?;
        self.last = true;
        self.hops.push(Hop { at, address_of: false, target, inner, index, user, end });
        Ok(())
    }

    fn member(&mut self, name: &str, end: usize) -> Result<bool, Problem> {
        let id = self.here.type_id;
        if self.btf.resolved(id).and_then(|ty| ty.composite()).is_none() {
            return Err(self.nothing_inside());
        }
        match self.btf.field(id, name) {
            Ok(field) => {
                let size = self.here.bit_size;
                self.last &= field.bit_offset.saturating_add(field.bit_size).saturating_add(63) >= size;
                self.step(field);
                Ok(false)
            }
            Err(ValueError::NoMember(_)) => Err(Problem::NoMember {
                inside: types::called(self.btf, id),
                part: self.part(end),
                near: if self.suggests { types::near_members(self.btf, id, name) } else { Vec::new() },
            }),
            Err(error) => Err(error.into()),
        }
    }

    fn nothing_inside(&self) -> Problem {
        let btf = self.btf;
        let is = match btf.resolved(self.here.type_id).map(|ty| &ty.def) {
            Some(Def::Ptr(_)) => {
                format!("a pointer to a pointer ({})", types::called(btf, self.here.type_id))
            }
            Some(Def::Array(_)) => format!("an array ({})", types::called(btf, self.here.type_id)),
            _ => types::called(btf, self.here.type_id),
        };
        Problem::NotInside { part: self.part(self.end), is }
    }

    /// `field` is relative to here.
    fn step(&mut self, field: FieldRef) {
        let bit_offset = self.here.bit_offset.saturating_add(field.bit_offset);
        self.here = FieldRef { bit_offset, ..field };
    }

    fn index(&mut self, index: u64, end: usize) -> Result<bool, Problem> {
        let (btf, id) = (self.btf, self.here.type_id);
        if let Some((target, user)) = types::pointee(btf, id) {
            if types::is_void(btf, target) {
                return Err(Problem::Untyped { part: self.part(self.end) });
            }
            self.follow(target, 0, Some(index), user)?;
            return Ok(false);
        }
        let Some(array) = types::array(btf, id) else { return Err(self.nothing_inside()) };
        let open = array.len == 0 || array.len == 1 && self.last;
        if !open && index >= array.len.into() {
            return Err(Problem::NoElement { part: self.part(end), len: array.len.into() });
        }
        let element = whole(btf, array.element)?;
        let bit_offset = element.bit_size.checked_mul(index).filter(|it| *it <= u64::from(u32::MAX) * 8);
        let Some(bit_offset) = bit_offset else {
            return Err(Problem::NoElement { part: self.part(end), len: array.len.into() });
        };
        self.last &= open;
        self.step(FieldRef { bit_offset, ..element });
        Ok(false)
    }

    fn cast(&mut self, to: &str, member: &str, index: Option<Placed<'_>>) -> Result<(), Problem> {
        let btf = self.btf;
        let target = types::find(btf, to)?;
        let inner = match btf.field(target, member) {
            Ok(field) => field.bit_offset / 8,
            Err(_) => {
                let near = types::near_members(btf, target, member);
                let inside = types::called(btf, target);
                return Err(Problem::NoMember { inside, part: member.to_owned(), near });
            }
        };
        let nth = match index {
            Some((Step::Index(index), _)) => Some(index),
            _ => None,
        };
        let id = self.here.type_id;
        let pointer = types::pointee(btf, id);
        let address_of = pointer.is_none() && !types::holds_address(btf, id);
        if address_of && (index.is_some() || btf.resolved(id).and_then(|ty| ty.composite()).is_none()) {
            return Err(self.nothing_inside());
        }
        self.follow(target, inner, nth, pointer.is_some_and(|it| it.1))?;
        if let Some(hop) = self.hops.last_mut() {
            hop.address_of = address_of;
        }
        if let Some((_, end)) = index {
            self.end = end;
        }
        Ok(())
    }
}
