//! The `object` crate reads the same files: sections, symbols and relocations have to be the same.

mod common;

use std::collections::BTreeMap;

use object::read::elf::{ElfFile64, FileHeader};
use object::{
    LittleEndian, Object as _, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SymbolKind, elf,
};
use skep_object::{ExternKind, Linkage, Object, Target};

type File<'a> = ElfFile64<'a, LittleEndian>;

fn for_each(check: impl Fn(&str, &Object, &File<'_>)) {
    for path in common::objects() {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let ours = Object::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let theirs = File::parse(&*bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(theirs.elf_header().e_machine(LittleEndian), elf::EM_BPF);
        check(&name, &ours, &theirs);
    }
}

fn section<'d, 'f>(
    file: &'f File<'d>,
    index: usize,
) -> object::read::elf::ElfSection64<'d, 'f, LittleEndian> {
    file.section_by_index(SectionIndex(index)).unwrap()
}

#[test]
fn functions_are_the_function_symbols() {
    for_each(|name, ours, theirs| {
        if name == "bare.bpf.o" {
            return;
        }
        let mut symbols: Vec<_> = theirs.symbols().filter(|it| it.kind() == SymbolKind::Text).collect();
        symbols.retain(|it| it.section_index().is_some());
        symbols.sort_by_key(|it| (it.section_index().map(|it| it.0), it.address()));
        let names: Vec<_> = symbols.iter().map(|it| it.name().unwrap()).collect();
        let found: Vec<_> = ours.programs.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(found, names, "{name}");
        for (symbol, program) in symbols.iter().zip(&ours.programs) {
            assert_eq!(program.section_offset as u64, symbol.address(), "{name}: {}", program.name);
            assert_eq!(program.size() as u64, symbol.size(), "{name}: {}", program.name);
            assert_eq!(Some(program.section_index), symbol.section_index().map(|it| it.0), "{name}");
            let linkage = match (symbol.is_local(), symbol.is_weak()) {
                (true, _) => Linkage::Static,
                (_, true) => Linkage::Weak,
                _ => Linkage::Global,
            };
            assert_eq!(program.linkage, linkage, "{name}: {}", program.name);
        }
    });
}

#[test]
fn code_is_the_sections_bytes() {
    for_each(|name, ours, theirs| {
        for program in &ours.programs {
            let section = section(theirs, program.section_index);
            assert_eq!(section.name().unwrap().trim_start_matches('?'), program.section, "{name}");
            let code = &section.data().unwrap()[program.section_offset..][..program.size()];
            assert_eq!(skep_isa::Insn::to_vec(&program.insns), code, "{name}: {}", program.name);
        }
    });
}

/// Where `object` says each relocation of a program goes, in words that both sides can say.
fn expected(theirs: &File<'_>, program: &skep_object::Program) -> BTreeMap<usize, (String, Option<u64>)> {
    let start = program.section_offset as u64;
    let inside = start..start + program.size() as u64;
    let relocations = section(theirs, program.section_index).relocations();
    let mut found = BTreeMap::new();
    for (offset, relocation) in relocations.filter(|(offset, _)| inside.contains(offset)) {
        let RelocationTarget::Symbol(index) = relocation.target() else { panic!("{relocation:?}") };
        let symbol = theirs.symbol_by_index(index).unwrap();
        let slot = ((offset - start) / 8) as usize;
        let insn = program.insns[slot];
        let place = match symbol.section_index() {
            None => (symbol.name().unwrap().to_string(), None),
            Some(at) => {
                let name = section(theirs, at.0).name().unwrap().to_string();
                let addend = match insn.code {
                    0x85 => (i64::from(insn.imm) + 1) * 8,
                    _ => i64::from(insn.imm),
                };
                (name, Some(symbol.address().wrapping_add(addend as u64)))
            }
        };
        found.insert(slot, place);
    }
    found
}

#[test]
fn relocations_go_where_the_symbols_are() {
    for_each(|name, ours, theirs| {
        for program in &ours.programs {
            let mut expected = expected(theirs, program);
            for reloc in &program.relocs {
                let place = match reloc.target {
                    Target::Map(at) => {
                        let map = &ours.maps[at];
                        let section = section(theirs, map.section_index).name().unwrap().to_string();
                        (section, Some(map.section_offset))
                    }
                    Target::Data { section, offset } => (ours.data[section].name.clone(), Some(offset)),
                    Target::Subprog { program, .. } => {
                        let target = &ours.programs[program];
                        let name = section(theirs, target.section_index).name().unwrap().to_string();
                        (name, Some(target.section_offset as u64))
                    }
                    Target::Extern(at) => (ours.externs[at].name.clone(), None),
                };
                match expected.remove(&reloc.insn) {
                    Some(expected) => assert_eq!(place, expected, "{name}: {} {reloc:?}", program.name),
                    None => assert!(
                        matches!(reloc.target, Target::Subprog { pointer: false, .. }),
                        "{name}: only a call inside a section needs no relocation: {reloc:?}"
                    ),
                }
            }
            assert!(expected.is_empty(), "{name}: {}: {expected:?}", program.name);
        }
    });
}

#[test]
fn data_is_the_sections_content_and_its_variables() {
    for_each(|name, ours, theirs| {
        for it in ours.data.iter().filter(|it| it.name != ".kconfig") {
            let section = theirs.section_by_name(&it.name).unwrap();
            assert_eq!(it.bytes.len() as u64, section.size(), "{name}: {}", it.name);
            match section.kind() {
                object::SectionKind::UninitializedData => assert!(it.bytes.iter().all(|&byte| byte == 0)),
                _ => assert_eq!(it.bytes, section.data().unwrap(), "{name}: {}", it.name),
            }
            let mut symbols: Vec<_> = theirs
                .symbols()
                .filter(|symbol| symbol.kind() == SymbolKind::Data)
                .filter(|symbol| symbol.section_index() == Some(section.index()))
                .map(|symbol| (symbol.address(), symbol.name().unwrap().to_string(), symbol.size()))
                .collect();
            symbols.sort();
            // Private constants (`.L.str`) have no symbol; BTF never has a variable without one.
            let vars: Vec<_> = it.vars.iter().map(|var| (var.offset, var.name.clone(), var.size)).collect();
            assert_eq!(vars, symbols, "{name}: {}", it.name);
        }
    });
}

#[test]
fn externs_are_the_undefined_symbols() {
    for_each(|name, ours, theirs| {
        let mut undefined: Vec<_> = theirs
            .symbols()
            .filter(|it| it.is_undefined() && !it.name().unwrap().is_empty())
            .map(|it| (it.name().unwrap().to_string(), it.is_weak()))
            .collect();
        undefined.sort();
        let mut found: Vec<_> = ours.externs.iter().map(|it| (it.name.clone(), it.weak)).collect();
        found.sort();
        assert_eq!(found, undefined, "{name}");
        let known = ours.externs.iter().filter(|it| it.kind != ExternKind::Undefined);
        assert!(known.into_iter().all(|it| it.btf_id.is_some()), "{name}");
    });
}

#[test]
fn every_btf_map_is_a_symbol_of_its_section() {
    for_each(|name, ours, theirs| {
        for map in &ours.maps {
            let symbol = theirs.symbols().find(|it| it.name() == Ok(&map.name)).unwrap();
            assert_eq!(symbol.address(), map.section_offset, "{name}: {}", map.name);
            assert_eq!(symbol.section_index(), Some(SectionIndex(map.section_index)), "{name}: {}", map.name);
        }
    });
}

#[test]
fn lines_lie_in_their_program_in_order() {
    for_each(|name, ours, theirs| {
        let has_lines = theirs.section_by_name(".BTF.ext").is_some();
        for program in &ours.programs {
            assert_eq!(has_lines, !program.lines.is_empty(), "{name}: {}", program.name);
            assert_eq!(has_lines, program.btf_func.is_some(), "{name}: {}", program.name);
            assert!(program.lines.is_sorted_by_key(|it| it.slot), "{name}: {}", program.name);
            assert!(program.lines.iter().all(|it| it.slot < program.insns.len()), "{name}: {}", program.name);
            let first = ours.source_lines(program).next();
            let is_source = |file: &str| file.ends_with(".c") || file.ends_with(".h");
            assert!(first.is_none_or(|it| it.slot == 0 && is_source(it.file)), "{name}: {first:?}");
            for slot in 0..program.insns.len() {
                let long_way = common::source_line(ours, program, slot);
                assert_eq!(
                    program.line_at(slot).map(|it| it.slot),
                    long_way.map(|it| it.slot),
                    "{name}: {slot}"
                );
            }
        }
    });
}
