//! What the tests share: the committed objects and a text form of an [`Object`].
#![allow(dead_code, reason = "each test binary uses its part")]

use std::fmt::Write;
use std::path::PathBuf;

use skep_object::{
    DataKind, Extern, ExternKind, KconfigType, MapDef, Object, Program, SourceLine, Target, ValueRef,
};

/// Every object of this crate, then those of the repository's fixtures.
pub(crate) fn objects() -> Vec<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for dir in ["tests/data", "../../fixtures"] {
        let Ok(entries) = std::fs::read_dir(here.join(dir)) else { continue };
        let mut paths: Vec<_> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
        paths.retain(|it| it.to_string_lossy().ends_with(".bpf.o"));
        paths.sort();
        found.extend(paths);
    }
    assert!(found.len() >= 8, "the objects in tests/data are gone");
    found
}

/// The bytes of an object in `tests/data`.
pub(crate) fn read(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(format!("{name}.bpf.o"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An object of `tests/data`.
pub(crate) fn parse(name: &str) -> Object {
    Object::parse(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The whole object as text, but for instructions and types.
pub(crate) fn summary(object: &Object) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "license {:?}", object.license);
    if let Some(version) = object.version {
        let _ = writeln!(out, "version {version:#x}");
    }
    for (index, it) in object.programs.iter().enumerate() {
        program(&mut out, object, index, it);
    }
    for (index, it) in object.maps.iter().enumerate() {
        let _ = write!(out, "map {index} ");
        map(&mut out, object, it);
    }
    data(&mut out, object);
    for (index, it) in object.externs.iter().enumerate() {
        let _ = writeln!(out, "extern {index} {}", extern_text(object, it));
    }
    for it in &object.warnings {
        let _ = writeln!(out, "warning: {it}");
    }
    out
}

fn program(out: &mut String, object: &Object, index: usize, it: &Program) {
    let role = if it.is_subprogram { "subprogram" } else { "program" };
    let _ = write!(out, "{role} {index} {} in {:?} + {:#x}", it.name, it.section, it.section_offset);
    let _ = write!(out, ", {} slots, {:?}", it.insns.len(), it.linkage);
    let _ = write!(out, "{}", if it.hidden { ", hidden" } else { "" });
    let _ = write!(out, "{}", if it.autoload { "" } else { ", not loaded" });
    let btf = object.btf.as_ref();
    if let (Some(btf), Some(id)) = (btf, it.btf_func) {
        let _ = write!(out, ", func {}", btf.name(id));
    }
    let _ = writeln!(out);
    for reloc in &it.relocs {
        let line =
            source_line(object, it, reloc.insn).map_or(String::new(), |it| format!("  // {}", it.line));
        let _ = writeln!(out, "    {}: {}{line}", reloc.insn, target(object, reloc.target));
    }
    for relo in &it.core_relos {
        let access = btf.map_or("", |btf| btf.str(relo.access));
        let name = btf.map_or("", |btf| btf.name(relo.type_id));
        let _ = writeln!(out, "    {}: core {} of {name} [{access}]", relo.insn_off / 8, relo.kind);
    }
}

/// The line of a slot, found the long way.
pub(crate) fn source_line<'a>(
    object: &'a Object,
    program: &'a Program,
    slot: usize,
) -> Option<SourceLine<'a>> {
    object.source_lines(program).take_while(|it| it.slot <= slot).last()
}

fn target(object: &Object, target: Target) -> String {
    match target {
        Target::Map(at) => format!("map {}", object.maps[at].name),
        Target::Data { section, offset } => {
            let section = &object.data[section];
            let var = section.vars.iter().find(|it| it.offset == offset).map_or("?", |it| &it.name);
            format!("{} + {offset} ({var})", section.name)
        }
        Target::Subprog { program, pointer: false } => format!("call {}", object.programs[program].name),
        Target::Subprog { program, pointer: true } => format!("address of {}", object.programs[program].name),
        Target::Extern(at) => format!("extern {}", object.externs[at].name),
    }
}

fn map(out: &mut String, object: &Object, it: &MapDef) {
    let kind = it.map_type().map_or(it.kind.to_string(), |kind| kind.to_string());
    let _ = write!(out, "{}: {kind}, key {}, value {}", it.name, it.key_size, it.value_size);
    let _ = write!(out, ", {} entries, flags {:#x}", it.max_entries, it.map_flags);
    let btf = object.btf.as_ref();
    let name = |id| btf.map_or("", |btf| btf.name(id));
    for (what, id) in [("key", it.key_type), ("value", it.value_type)] {
        let _ = id.map(|id| write!(out, ", {what} type {:?}", name(id)));
    }
    if it.map_extra != 0 {
        let _ = write!(out, ", extra {:#x}", it.map_extra);
    }
    if it.numa_node != 0 {
        let _ = write!(out, ", node {}", it.numa_node);
    }
    let _ = write!(out, "{}", if it.pinning == Default::default() { "" } else { ", pinned" });
    let _ = writeln!(out, "{}", if it.legacy { ", legacy" } else { "" });
    if let Some(inner) = &it.inner {
        let _ = write!(out, "    inner ");
        map(out, object, inner);
    }
    for (index, value) in &it.values {
        let name = match value {
            ValueRef::Map(at) => &object.maps[*at].name,
            ValueRef::Program(at) => &object.programs[*at].name,
        };
        let _ = writeln!(out, "    [{index}] = {name}");
    }
    if let Some(ops) = &it.struct_ops {
        let type_name = name(ops.type_id);
        let _ = writeln!(out, "    struct {type_name}, link {}, created {}", ops.link, ops.autocreate);
        for (at, program) in &ops.funcs {
            let _ = writeln!(out, "    byte {at}: {}", object.programs[*program].name);
        }
    }
}

fn data(out: &mut String, object: &Object) {
    for (index, it) in object.data.iter().enumerate() {
        let _ = writeln!(out, "data {index} {} ({:?}), {} bytes", it.name, it.kind, it.bytes.len());
        for var in &it.vars {
            let content = it.bytes.get(var.offset as usize..(var.offset + var.size) as usize);
            let zero = matches!(it.kind, DataKind::Bss | DataKind::Kconfig);
            let content = content.filter(|_| !zero).map_or(String::new(), |it| format!(" = {it:02x?}"));
            let own = if var.is_static { " static" } else { "" };
            let _ = writeln!(out, "    {} + {}: {}{own}{content}", var.offset, var.size, var.name);
        }
        for reloc in &it.relocs {
            let to = reloc.target.map_or("?".to_string(), |it| target(object, it));
            let _ = writeln!(out, "    {}: -> {to}", reloc.offset);
        }
    }
}

fn extern_text(object: &Object, it: &Extern) -> String {
    let weak = if it.weak { ", weak" } else { "" };
    let btf = object.btf.as_ref();
    let kind = match it.kind {
        ExternKind::Kconfig { value, size, offset } => {
            let value = match value {
                KconfigType::Int { signed: true } => "signed".to_string(),
                KconfigType::Int { signed: false } => "unsigned".to_string(),
                other => format!("{other:?}").to_lowercase(),
            };
            format!("kconfig {value}, {size} bytes at {offset}")
        }
        ExternKind::KsymVar { type_id: None } => "variable".to_string(),
        ExternKind::KsymVar { type_id: Some(id) } => {
            format!("variable of type {:?}", btf.map_or("", |btf| btf.name(id)))
        }
        ExternKind::KsymFunc { .. } => "function".to_string(),
        ExternKind::Undefined => "undefined".to_string(),
    };
    format!("{}: {kind}{weak}", it.name)
}
