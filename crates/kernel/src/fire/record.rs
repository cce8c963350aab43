//! Records of tracepoints: fixed fields, and strings and arrays behind them.
//!
//! What a record looks like is said by the format of the event, if one was given; else by the kernel's types
//! (`struct trace_event_raw_<class>`); else by the struct that the program itself takes it for.

use super::place::Side;
use super::setup::Setup;
use super::{Firing, Refusal};
use crate::context::Context;
use crate::world::FieldValue;
use skep_abi::events::class_of;
use skep_btf::{Btf, Kind, TypeId};
use std::sync::Arc;

/// What a field of a record holds.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Holds {
    /// A value of a type.
    Typed(TypeId),
    /// Bytes of no known type: of an array if the number is the size of its elements.
    Plain { element: Option<usize> },
    /// Offset and length of something behind the fields (`__data_loc`), from the start of the record; or from the end of
    /// the field (`__rel_loc`).
    Elsewhere { relative: bool },
}

/// A field of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Field {
    name: String,
    offset: usize,
    size: usize,
    holds: Holds,
}

/// The form of a record.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Format {
    fields: Vec<Field>,
    /// Bytes of the fields.
    size: usize,
}

/// The longest record that a program may be given (`PERF_MAX_TRACE_SIZE`).
const MAX_RECORD: usize = 8192;

impl Format {
    /// Reads a `format` file of tracefs.
    ///
    /// # Errors
    /// A line with a field that cannot be read.
    pub(crate) fn parse(text: &str) -> Result<Format, String> {
        let mut format = Format::default();
        for line in text.lines().map(str::trim).filter(|it| it.starts_with("field:")) {
            let field = parse_field(line).ok_or_else(|| format!("no field of a tracepoint: {line:?}"))?;
            format.size = format.size.max(field.offset + field.size);
            format.fields.push(field);
        }
        if format.size == 0 || format.size > MAX_RECORD {
            return Err(
                "the format of a tracepoint has lines like \"field:int x; offset:8; size:4; signed:1;\""
                    .to_owned(),
            );
        }
        Ok(format)
    }

    /// Reads a struct of a record.
    fn of_struct(btf: &Btf, id: TypeId) -> Option<Format> {
        let mut format = Format { fields: Vec::new(), size: btf.size_of(id).ok()? as usize };
        if format.size > MAX_RECORD {
            return None;
        }
        for member in btf.members(id) {
            let offset = member.bit_offset as usize / 8;
            // A bit-field is none of tracepoints.
            let size = btf.size_of(member.type_id).unwrap_or(0) as usize;
            let (name, holds) = if let Some(name) = member.name.strip_prefix("__data_loc_") {
                (name, Holds::Elsewhere { relative: false })
            } else if let Some(name) = member.name.strip_prefix("__rel_loc_") {
                (name, Holds::Elsewhere { relative: true })
            } else {
                (member.name, Holds::Typed(member.type_id))
            };
            let common = member.name == "ent" || member.name == "__data" || size == 0;
            if !common {
                format.fields.push(Field { name: name.to_owned(), offset, size, holds });
            }
        }
        // What is behind the fields begins where __data is.
        if let Ok(data) = btf.field(id, "__data") {
            format.size = format.size.min(data.bit_offset as usize / 8).max(8);
        }
        Some(format)
    }

    fn names(&self) -> Vec<&str> {
        self.fields.iter().map(|it| it.name.as_str()).filter(|it| !it.starts_with("common_")).collect()
    }
}

/// `field:char comm[16];  offset:8;  size:16;  signed:0;`
fn parse_field(line: &str) -> Option<Field> {
    let mut parts = line.split(';').map(str::trim);
    let declaration = parts.next()?.strip_prefix("field:")?;
    let (mut offset, mut size) = (None, None);
    for part in parts {
        match part.split_once(':') {
            Some(("offset", number)) => offset = number.trim().parse::<usize>().ok(),
            Some(("size", number)) => size = number.trim().parse::<usize>().ok(),
            _ => {}
        }
    }
    let (offset, size) = (offset?, size?);
    if offset.checked_add(size)? > MAX_RECORD {
        return None;
    }
    let (declaration, count) = match declaration.strip_suffix(']').and_then(|it| it.rsplit_once('[')) {
        Some((declaration, count)) => (declaration, Some(count.parse::<usize>().unwrap_or(0))),
        None => (declaration, None),
    };
    let name = declaration.split_ascii_whitespace().next_back()?.trim_start_matches('*').to_owned();
    let holds = match declaration {
        it if it.starts_with("__data_loc") => Holds::Elsewhere { relative: false },
        it if it.starts_with("__rel_loc") => Holds::Elsewhere { relative: true },
        _ => Holds::Plain { element: count.filter(|it| *it > 0).map(|count| size / count) },
    };
    (!name.is_empty()).then_some(Field { name, offset, size, holds })
}

impl Firing<'_, '_> {
    /// The record of a tracepoint.
    pub(super) fn record(&mut self, category: &str, event: &str) -> Result<Setup, Refusal> {
        let given = self.kernel.core.formats.get(&format!("{category}/{event}")).cloned();
        if let Some(format) = given {
            return self.filled(&format, None);
        }
        if let Some(setup) = self.syscall_record(category, event) {
            return setup;
        }
        if let Some((btf, format)) = self.of_kernel(category, event) {
            return self.filled(&format, Some(&btf));
        }
        if let Some((btf, id)) = self.own
            && let Some(format) = Format::of_struct(btf, id)
        {
            return self.filled(&format, Some(btf));
        }
        if self.args.is_done() {
            return Ok(Setup::from(Context::Record(vec![0; MAX_RECORD])));
        }
        Err(format!(
            "the types do not say what a record of {category}/{event} holds (struct trace_event_raw_{event}): give its \
             format, as tracefs has it in events/{category}/{event}/format"
        ))
    }

    /// The struct that the kernel's types have for an event: its own, its class's, or the one that the program names.
    fn of_kernel(&self, category: &str, event: &str) -> Option<(Arc<Btf>, Format)> {
        let btf = self.btf.clone()?;
        let of = |name: &str| btf.find(Kind::Struct, &format!("trace_event_raw_{name}"));
        let own = || {
            let (types, id) = self.own?;
            btf.find(Kind::Struct, types.name(id)).filter(|_| types.name(id).starts_with("trace_event_raw_"))
        };
        let id = of(event).or_else(|| of(class_of(category, event)?)).or_else(own)?;
        let format = Format::of_struct(&btf, id)?;
        Some((btf, format))
    }

    fn filled(&mut self, format: &Format, btf: Option<&Btf>) -> Result<Setup, Refusal> {
        let mut bytes = vec![0; format.size];
        self.common(&mut bytes)?;
        for field in &format.fields {
            let Some(value) = self.args.take(&field.name) else {
                if let Holds::Elsewhere { relative } = field.holds {
                    append(&mut bytes, field, relative, &[0]);
                }
                continue;
            };
            let named = |why: String| format!("{}: {why}", field.name);
            match field.holds {
                Holds::Elsewhere { relative } => {
                    let data = dynamic(&value).map_err(named)?;
                    append(&mut bytes, field, relative, &data);
                }
                Holds::Typed(id) => {
                    let Some(btf) = btf else { continue };
                    let new = self.bytes_of(btf, id, &value, Side::Kernel).map_err(named)?;
                    put(&mut bytes, field, &new);
                }
                Holds::Plain { element } => {
                    let new = self.plain(&value, field.size, element).map_err(named)?;
                    put(&mut bytes, field, &new);
                }
            }
        }
        if bytes.len() > MAX_RECORD {
            return Err(format!("a record of {} bytes: at most {MAX_RECORD}", bytes.len()));
        }
        self.args.finish(&self.target.to_string(), &format.names())?;
        Ok(Setup::from(Context::Record(bytes)))
    }

    /// The bytes of a field of which the size alone is known.
    fn plain(&mut self, value: &FieldValue, size: usize, element: Option<usize>) -> Result<Vec<u8>, Refusal> {
        let bytes = match (value, element) {
            (FieldValue::Str(text), Some(_)) => text.as_bytes().to_vec(),
            (FieldValue::Bytes(bytes), _) => bytes.clone(),
            (FieldValue::List(list), Some(element)) => {
                let mut bytes = Vec::new();
                for value in list {
                    bytes.extend(self.plain(value, element, None)?);
                }
                bytes
            }
            (FieldValue::Int(number), _) if size <= 8 => {
                super::place::fit(*number, size as u64)?.to_le_bytes()[..size].to_vec()
            }
            (value, _) => self.untyped(value, Side::Kernel)?.to_le_bytes().to_vec(),
        };
        if bytes.len() > size {
            return Err(format!("{} bytes do not fit into {size}", bytes.len()));
        }
        let mut padded = bytes;
        padded.resize(size, 0);
        Ok(padded)
    }
}

fn put(bytes: &mut [u8], field: &Field, new: &[u8]) {
    if let Some(place) = bytes.get_mut(field.offset..field.offset + new.len()) {
        place.copy_from_slice(new);
    }
}

/// What lies behind the fields: a string with its NUL, or bytes.
fn dynamic(value: &FieldValue) -> Result<Vec<u8>, Refusal> {
    match value {
        FieldValue::Str(text) => Ok(text.bytes().chain([0]).collect()),
        FieldValue::Bytes(bytes) => Ok(bytes.clone()),
        _ => Err("a string, or bytes".to_owned()),
    }
}

/// Puts something behind the fields, and its place into its field: the length in the upper half.
fn append(bytes: &mut Vec<u8>, field: &Field, relative: bool, data: &[u8]) {
    let from = if relative { field.offset + field.size } else { 0 };
    let place = (data.len() as u32) << 16 | (bytes.len().saturating_sub(from) as u32 & 0xffff);
    put(bytes, field, &place.to_le_bytes()[..field.size.min(4)]);
    bytes.extend_from_slice(data);
}

impl crate::kernel::Kernel {
    /// Says what the records of a tracepoint look like, in the words of its `format` file in tracefs: for events that the
    /// kernel's types do not have, or of another kernel.
    ///
    /// # Errors
    /// A text that is no format: a sentence.
    pub fn set_tracepoint_format(&mut self, category: &str, name: &str, text: &str) -> Result<(), String> {
        let format = Format::parse(text)?;
        self.core.formats.insert(format!("{category}/{name}"), format);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::word;
    use super::*;

    const SWITCH: &str = "name: sched_switch\nID: 314\nformat:\n\
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
        \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\
        \tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n\
        \tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n\
        \tfield:const char * name;\toffset:32;\tsize:8;\tsigned:0;\n\
        \tfield:__data_loc char[] what;\toffset:40;\tsize:4;\tsigned:0;\n\nprint fmt: \"x\"\n";

    #[test]
    fn formats_of_tracefs_are_read() {
        let format = Format::parse(SWITCH).unwrap();
        assert_eq!(format.size, 44);
        assert_eq!(format.names(), ["prev_comm", "prev_pid", "name", "what"]);
        assert_eq!(format.fields[2].holds, Holds::Plain { element: Some(1) });
        assert_eq!(format.fields[5].holds, Holds::Elsewhere { relative: false });
        assert!(Format::parse("").is_err() && Format::parse("field:x; offset:a; size:4;").is_err());
        assert!(Format::parse("field:int x; offset:18446744073709551615; size:4;").is_err());
    }

    #[test]
    fn what_lies_behind_has_its_place_in_the_field() {
        let field =
            |offset| Field { name: String::new(), offset, size: 4, holds: Holds::Plain { element: None } };
        let mut bytes = vec![0; 12];
        append(&mut bytes, &field(8), false, b"ab\0");
        assert_eq!(word(&bytes[8..12]), 3 << 16 | 12);
        append(&mut bytes, &field(4), true, b"c");
        assert_eq!(word(&bytes[4..8]), 1 << 16 | 7);
        assert_eq!(&bytes[12..], b"ab\0c");
    }
}
