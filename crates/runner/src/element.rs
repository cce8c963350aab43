//! Elements and events: by BTF where the object has types, in hex where not.

use std::sync::Arc;

use serde_json::Value;
use skep::abi::MapType;
use skep::{Entry, Event, EventType, Map, MapSpec, Seen, Skep};

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
    let kernel = skep.kernel().btf().map(|it| Arc::clone(&it.vmlinux));
    for name in names {
        let mut of = None;
        skep.each_event(&name, &mut |seen| match seen {
            Seen::Event(event) if take(&mut room.events, EVENT + event.data.len()) => {
                let of = of.get_or_insert_with(|| EventType::of(&object, &name, kernel.as_deref()));
                report.events.push(event_report(&name, &event, of, &mut room.event_values));
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

fn event_report(map: &str, event: &Event, of: &EventType<'_>, left: &mut usize) -> EventReport {
    let typed = of.decode(event, left);
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
