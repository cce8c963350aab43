//! What the samples of a map look like, as far as the object tells.

use std::collections::BTreeSet;

use skep_btf::{Btf, Def, Kind, TypeId, Value};
use skep_object::Object;

use crate::error::{Error, Result};
use crate::events::Event;

/// The struct that the samples of a ring buffer or perf buffer are.
///
/// These maps have no value type in BTF. A program may declare one all the same (`__type(value, struct event)`), and a
/// test may say it ([`Builder::event_type`](crate::Builder::event_type)). Where nobody does, a sample is taken for the one
/// struct of the object that is as long as it, if there is just one that is not a map's key or value, a part of another
/// struct, or the kernel's. clang only records what a program's maps, global variables and functions mention: where that is
/// none of them, `const struct event *unused __attribute__((unused));` is the field's way to have it there.
#[derive(Debug)]
pub struct EventType<'a> {
    btf: Option<&'a Btf>,
    declared: Option<TypeId>,
    candidates: Vec<(TypeId, u64)>,
}

impl<'a> EventType<'a> {
    /// What the object says of a map's samples; `kernel` is the kernel's types.
    pub fn of(object: &'a Object, map: &str, kernel: Option<&Btf>) -> EventType<'a> {
        let Some(btf) = object.btf.as_ref() else {
            return EventType { btf: None, declared: None, candidates: Vec::new() };
        };
        let is_struct = |id: &TypeId| matches!(btf.resolved(*id).map(|it| &it.def), Some(Def::Struct(_)));
        let declared = object.maps.iter().find(|def| def.name == map).and_then(|def| def.value_type);
        let taken: BTreeSet<TypeId> = object
            .maps
            .iter()
            .flat_map(|def| [def.key_type, def.value_type])
            .flatten()
            .map(|id| btf.resolve(id))
            .chain(btf.own_types().filter(|(id, _)| is_struct(id)).flat_map(|(id, _)| parts(btf, id)))
            .collect();
        let candidates = btf
            .own_types()
            .filter(|(id, _)| is_struct(id) && !btf.name(*id).is_empty() && !taken.contains(id))
            .filter(|(id, _)| kernel.is_none_or(|it| it.find(Kind::Struct, btf.name(*id)).is_none()))
            .filter_map(|(id, _)| Some((id, btf.size_of(id).ok()?)))
            .collect();
        EventType { btf: Some(btf), declared: declared.filter(is_struct), candidates }
    }

    /// The same, where somebody knows the struct's name. Samples that are shorter are its first part.
    ///
    /// # Errors
    /// The object has no such struct.
    pub fn named(object: &'a Object, name: &str) -> Result<EventType<'a>> {
        let found = object.btf.as_ref().and_then(|btf| Some((btf, btf.find(Kind::Struct, name)?)));
        let (btf, id) =
            found.ok_or_else(|| Error::bad_input(format!("the object has no struct {name:?}")))?;
        Ok(EventType { btf: Some(btf), declared: Some(id), candidates: Vec::new() })
    }

    /// The name of a sample's struct, and its value, if it is made of no more values than are `left`: see
    /// [`skep_btf::Btf::decode_within`].
    pub fn decode(&self, event: &Event, left: &mut usize) -> Option<(&'a str, Value)> {
        let (btf, (id, size)) = (self.btf?, self.of_sample(event)?);
        let mut bytes = event.data.clone();
        // A sample may be no more than the first part of a struct whose name is known.
        bytes.resize(size as usize, 0);
        Some((btf.name(id), btf.decode_within(id, &bytes, left).ok()?))
    }

    /// The type of a sample of this length, and its size. A perf ring pads to 8 bytes less the size word in front of
    /// the data, so a sample there may be up to 7 bytes longer than its type.
    fn of_sample(&self, event: &Event) -> Option<(TypeId, u64)> {
        let len = event.data.len() as u64;
        let slack = if event.cpu.is_some() { 7 } else { 0 };
        let fits = |size: u64| len >= size && len - size <= slack;
        if let Some(id) = self.declared {
            let size = self.btf?.size_of(id).ok()?;
            return (len <= size.saturating_add(slack)).then_some((id, size));
        }
        let mut fitting = self.candidates.iter().filter(|(_, size)| fits(*size));
        fitting.next().filter(|_| fitting.next().is_none()).copied()
    }
}

/// The structs that a struct is made of, one level down.
fn parts(btf: &Btf, id: TypeId) -> Vec<TypeId> {
    let innermost = |mut id: TypeId| {
        // Arrays of arrays end: BTF that nests deeper than this is nobody's event.
        for _ in 0..8 {
            match btf.resolved(id).map(|it| &it.def) {
                Some(Def::Array(array)) => id = array.element,
                _ => break,
            }
        }
        btf.resolve(id)
    };
    btf.members(id).map(|member| innermost(member.type_id)).collect()
}
