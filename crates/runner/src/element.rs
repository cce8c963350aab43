//! Elements and events: by BTF where the object has types, in hex where not.

use std::collections::BTreeSet;

use serde_json::Value;
use skep::btf::{Btf, Def, TypeId};
use skep::object::Object;
use skep::{Event, MapSpec, Skep};

use crate::json::{hex_string, value_to_json};
use crate::report::{ElementReport, EventReport, LostReport, MapReport};

/// How many elements of a map are shown.
const SHOWN: usize = 1024;
/// How many elements of an array are looked at, zero ones included.
const LOOKED_AT: usize = 1 << 20;

/// All maps with their elements, but those whose values cannot be read.
pub(crate) fn maps(skep: &mut Skep) -> Vec<MapReport> {
    let names: Vec<String> =
        skep.loaded().maps().iter().filter(|map| map.fd.is_ok()).map(|map| map.name.clone()).collect();
    names.iter().filter_map(|name| map(skep, name)).collect()
}

fn map(skep: &mut Skep, name: &str) -> Option<MapReport> {
    let map = skep.map(name).ok()?;
    let MapSpec { kind, key_size, value_size, max_entries, .. } = *map.spec();
    let is_array = map.is_array();
    let mut elements = Vec::new();
    let mut omitted = 0;
    for entry in map.entries().take(LOOKED_AT) {
        let is_zero = entry.values.iter().flatten().all(|byte| *byte == 0);
        if elements.len() == SHOWN || (is_array && is_zero) {
            omitted += 1;
            continue;
        }
        let typed = |value: Option<skep::btf::Value>, bytes: &[u8]| {
            value.map_or_else(|| ElementReport::untyped(bytes), |value| value_to_json(&value))
        };
        let mut values: Vec<Value> =
            entry.values.iter().map(|bytes| typed(map.decode_value(bytes), bytes)).collect();
        let value = if map.is_percpu() { Value::Array(values) } else { values.pop().unwrap_or_default() };
        let key = typed(map.decode_key(&entry.key), &entry.key);
        elements.push(ElementReport { key, value, text: map.show(&entry) });
    }
    if is_array {
        omitted += u64::from(max_entries).saturating_sub(LOOKED_AT as u64);
    }
    Some(MapReport {
        name: name.to_owned(),
        map_type: kind.name(),
        key_size,
        value_size,
        max_entries,
        constant: map.is_section() && map.spec().flags & skep::flags::BPF_F_RDONLY_PROG != 0,
        elements,
        omitted,
    })
}

/// What the readers see now.
pub(crate) fn events(
    skep: &mut Skep,
    into: &mut Vec<EventReport>,
    lost: &mut Vec<LostReport>,
) -> skep::Result<()> {
    let names: Vec<String> = skep.event_maps().map(str::to_owned).collect();
    for name in names {
        let events = skep.events(&name)?;
        let typer = EventType::of(skep.loaded().object(), &name);
        into.extend(events.samples.iter().map(|event| typer.report(&name, event)));
        lost.extend(events.lost.iter().map(|&(cpu, count)| LostReport { map: name.clone(), cpu, count }));
    }
    Ok(())
}

/// What the samples of a map look like, as far as the object tells.
///
/// A ring buffer or perf buffer has no value type in BTF. A program may declare one all the same
/// (`__type(value, struct event)`); where it does not, a sample is taken for the one struct of the object that is as long
/// as it, if there is just one that is not a map's key or value or a part of another struct.
struct EventType<'a> {
    btf: Option<&'a Btf>,
    declared: Option<TypeId>,
    candidates: Vec<(TypeId, u64)>,
}

impl<'a> EventType<'a> {
    fn of(object: &'a Object, map: &str) -> EventType<'a> {
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
            .filter_map(|(id, _)| Some((id, btf.size_of(id).ok()?)))
            .collect();
        EventType { btf: Some(btf), declared: declared.filter(is_struct), candidates }
    }

    /// The type of a sample of this length, and its size. A perf ring pads to 8 bytes less the size word in front of
    /// the data, so a sample there may be up to 7 bytes longer than its type.
    fn of_sample(&self, event: &Event) -> Option<(TypeId, u64)> {
        let len = event.data.len() as u64;
        let slack = if event.cpu.is_some() { 7 } else { 0 };
        let fits = |size: u64| len >= size && len - size <= slack;
        if let Some(id) = self.declared {
            return self.btf?.size_of(id).ok().filter(|size| fits(*size)).map(|size| (id, size));
        }
        let mut fitting = self.candidates.iter().filter(|(_, size)| fits(*size));
        fitting.next().filter(|_| fitting.next().is_none()).copied()
    }

    fn report(&self, map: &str, event: &Event) -> EventReport {
        let typed = self.of_sample(event).and_then(|(id, size)| {
            let value = self.btf?.decode(id, &event.data[..size as usize]).ok()?;
            Some((self.btf?.name(id), value))
        });
        let data = hex_string(&event.data);
        EventReport {
            map: map.to_owned(),
            cpu: event.cpu,
            text: match &typed {
                Some((name, value)) => format!("{name} {value}"),
                None => format!("hex:{data}"),
            },
            decoded: typed.as_ref().map(|(_, value)| value_to_json(value)),
            decoded_as: typed.map(|(name, _)| name.to_owned()),
            data,
        }
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
