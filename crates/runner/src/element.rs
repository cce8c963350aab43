//! Elements and events: by BTF where the object has types, in hex where not.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use skep::abi::MapType;
use skep::btf::{Btf, Def, TypeId};
use skep::object::Object;
use skep::{Entry, Event, Map, MapSpec, Seen, Skep};

use crate::json::{hex_string, value_to_json};
use crate::report::{ElementReport, EventReport, LostReport, MapReport, RunReport};

/// How many elements of a map are shown.
const SHOWN: usize = 1024;
/// What looking at an element costs beside its bytes, and what an event in the report takes beside its data.
const ELEMENT: usize = 16;
const EVENT: usize = 256;

/// How much goes into a report, in bytes of keys, values and samples. What a program can make has no end.
pub(crate) struct Room {
    /// Elements that are looked at, zero ones included.
    look: usize,
    /// Elements that are shown.
    show: usize,
    /// Samples.
    events: usize,
    /// Values that bytes are decoded to, in elements and in samples; what finds no more room is shown in hex. Each takes
    /// some 250 bytes as a value, as JSON and as text, and unions make many of one byte.
    element_values: usize,
    event_values: usize,
}

impl Default for Room {
    fn default() -> Room {
        Room {
            look: 16 << 20,
            show: 512 << 10,
            events: 4 << 20,
            element_values: 128 << 10,
            event_values: 128 << 10,
        }
    }
}

/// Takes a part of a room, if it is left.
fn take(room: &mut usize, part: usize) -> bool {
    let left = room.checked_sub(part);
    *room = left.unwrap_or(*room);
    left.is_some()
}

/// All maps with their elements, but those whose values cannot be read.
pub(crate) fn maps(skep: &mut Skep, room: &mut Room) -> Vec<MapReport> {
    let names: Vec<String> =
        skep.loaded().maps().iter().filter(|map| map.fd.is_ok()).map(|map| map.name.clone()).collect();
    names.iter().filter_map(|name| map(skep, name, room)).collect()
}

/// Whether indices of such a map may have no value.
fn is_sparse(kind: MapType) -> bool {
    use MapType::*;
    matches!(
        kind,
        ProgArray
            | PerfEventArray
            | CgroupArray
            | ArrayOfMaps
            | Devmap
            | Cpumap
            | Xskmap
            | Sockmap
            | ReuseportSockarray
    )
}

fn map(skep: &mut Skep, name: &str, room: &mut Room) -> Option<MapReport> {
    let cpus = skep.kernel().cpus() as usize;
    let map = skep.map(name).ok()?;
    let MapSpec { kind, key_size, value_size, max_entries, .. } = *map.spec();
    let (is_array, copies) = (map.is_array(), if map.is_percpu() { cpus } else { 1 });
    let size = ELEMENT + key_size as usize + (value_size as usize).saturating_mul(copies);
    let (mut elements, mut omitted) = (Vec::new(), 0);
    let mut entries = map.entries();
    // Slots without a value are passed over in one call: they are paid for beforehand.
    let is_sparse = is_sparse(kind);
    let beforehand = if is_sparse { size.saturating_mul(max_entries as usize) } else { 0 };
    let mut looked_at_all = take(&mut room.look, beforehand);
    while looked_at_all {
        looked_at_all = is_sparse || take(&mut room.look, size);
        if !looked_at_all {
            break;
        }
        let Some(entry) = entries.next() else { break };
        let is_zero = entry.values.iter().flatten().all(|byte| *byte == 0);
        if (is_array && is_zero) || elements.len() == SHOWN || !take(&mut room.show, size) {
            omitted += 1;
        } else {
            elements.push(element(&map, &entry, &mut room.element_values));
        }
    }
    if !looked_at_all && is_array {
        omitted = u64::from(max_entries).saturating_sub(elements.len() as u64);
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

fn element(map: &Map<'_>, entry: &Entry, left: &mut usize) -> ElementReport {
    let json = |value: Option<&skep::btf::Value>, bytes: &[u8]| {
        value.map_or_else(|| ElementReport::untyped(bytes), value_to_json)
    };
    let key = map.decode_key_within(&entry.key, left);
    let values: Vec<_> = entry.values.iter().map(|bytes| map.decode_value_within(bytes, left)).collect();
    let pairs = || values.iter().map(Option::as_ref).zip(entry.values.iter().map(Vec::as_slice));
    let mut shown: Vec<Value> = pairs().map(|(value, bytes)| json(value, bytes)).collect();
    ElementReport {
        key: json(key.as_ref(), &entry.key),
        value: if map.is_percpu() { Value::Array(shown) } else { shown.pop().unwrap_or_default() },
        text: skep::show_element((key.as_ref(), &entry.key), pairs()),
    }
}

/// What the readers see now.
pub(crate) fn events(skep: &mut Skep, report: &mut RunReport, room: &mut Room) -> skep::Result<()> {
    let names: Vec<String> = skep.event_maps().map(str::to_owned).collect();
    let object = Arc::clone(skep.loaded().object());
    for name in names {
        let mut typer = None;
        skep.each_event(&name, &mut |seen| match seen {
            Seen::Event(event) if take(&mut room.events, EVENT + event.data.len()) => {
                let typer = typer.get_or_insert_with(|| EventType::of(&object, &name));
                report.events.push(typer.report(&name, &event, &mut room.event_values));
            }
            Seen::Event(_) => report.events_omitted += 1,
            Seen::Lost { cpu, count } => {
                match report.lost.iter_mut().find(|it| it.map == name && it.cpu == cpu) {
                    Some(lost) => lost.count += count,
                    None => report.lost.push(LostReport { map: name.clone(), cpu, count }),
                }
            }
        })?;
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

    fn report(&self, map: &str, event: &Event, left: &mut usize) -> EventReport {
        let typed = self.of_sample(event).and_then(|(id, size)| {
            let value = self.btf?.decode_within(id, &event.data[..size as usize], left).ok()?;
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
