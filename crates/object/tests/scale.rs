//! Large objects, honest and hostile: time and memory stay in proportion. Anything quadratic here would run for
//! minutes.

use object::write::{Object as Writer, Relocation, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, LittleEndian, Object as _, ObjectSection as _, RelocationFlags,
    SectionKind, SymbolFlags, SymbolKind, SymbolScope, elf,
};
use skep_object::{ErrorKind, Object, Target};

const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];
const CALL: [u8; 8] = [0x85, 0x10, 0, 0, 0xff, 0xff, 0xff, 0xff];

fn writer() -> Writer<'static> {
    Writer::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little)
}

fn function(name: &str, section: object::write::SectionId, value: u64, size: u64) -> Symbol {
    Symbol {
        name: name.as_bytes().to_vec(),
        value,
        size,
        kind: SymbolKind::Text,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    }
}

fn call(offset: u64, symbol: SymbolId) -> Relocation {
    Relocation { offset, symbol, addend: 0, flags: RelocationFlags::Elf { r_type: elf::RelocationType(10) } }
}

#[test]
fn many_functions_that_call_each_other() {
    const COUNT: u64 = 50_000;
    let mut it = writer();
    let text = it.add_section(vec![], b".text".to_vec(), SectionKind::Text);
    let mut symbols = Vec::new();
    for i in 0..COUNT {
        let offset = it.append_section_data(text, &[CALL, EXIT].concat(), 8);
        symbols.push(it.add_symbol(function(&format!("f{i}"), text, offset, 16)));
    }
    for i in 0..COUNT {
        // `object` moves a call's addend into its place; BPF's is -1 there already.
        let target = symbols[((i * 7919 + 1) % COUNT) as usize];
        it.add_relocation(text, call(i * 16, target)).unwrap();
    }
    let mut bytes = it.write().unwrap();
    restore_calls(&mut bytes, COUNT);
    let object = Object::parse(&bytes).unwrap();
    assert_eq!(object.programs.len() as u64, COUNT);
    for (i, program) in object.programs.iter().enumerate() {
        let expected = (i * 7919 + 1) % COUNT as usize;
        assert_eq!(program.relocs[0].target, Target::Subprog { program: expected, pointer: false });
    }
}

/// Puts the calls' immediates back to -1, whatever the writer made of them.
fn restore_calls(bytes: &mut [u8], count: u64) {
    let file = object::read::elf::ElfFile64::<LittleEndian>::parse(&*bytes).unwrap();
    let (start, _) = file.section_by_name(".text").unwrap().file_range().unwrap();
    for i in 0..count as usize {
        let at = start as usize + i * 16;
        bytes[at..at + 8].copy_from_slice(&CALL);
    }
}

#[test]
fn many_names_for_one_large_function() {
    let mut it = writer();
    let section = it.add_section(vec![], b"xdp".to_vec(), SectionKind::Text);
    let code = EXIT.repeat(10_000);
    it.append_section_data(section, &code, 8);
    for i in 0..10_000 {
        it.add_symbol(function(&format!("alias{i}"), section, 0, code.len() as u64));
    }
    let error = Object::parse(&it.write().unwrap()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutOfProportion);
}

#[test]
fn two_names_for_one_function() {
    let mut it = writer();
    let section = it.add_section(vec![], b"xdp".to_vec(), SectionKind::Text);
    it.append_section_data(section, &EXIT, 8);
    it.add_symbol(function("one", section, 0, 8));
    it.add_symbol(function("two", section, 0, 8));
    let object = Object::parse(&it.write().unwrap()).unwrap();
    assert_eq!(object.programs.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn many_functions_that_share_a_long_name() {
    const COUNT: usize = 20_000;
    let mut it = writer();
    let section = it.add_section(vec![], b"xdp".to_vec(), SectionKind::Text);
    for i in 0..COUNT {
        let offset = it.append_section_data(section, &EXIT, 8);
        it.add_symbol(function(&format!("f{i}"), section, offset, 8));
    }
    it.add_symbol(function(&"x".repeat(4000), section, 0, 8));
    let mut bytes = it.write().unwrap();
    // Let every symbol's name be a tail of the long one.
    let long = bytes.windows(4000).position(|it| it.iter().all(|&byte| byte == b'x')).unwrap();
    let file = object::read::elf::ElfFile64::<LittleEndian>::parse(&*bytes).unwrap();
    let start = |name| file.section_by_name(name).unwrap().file_range().unwrap();
    let (names, symbols) = (start(".strtab").0 as usize, start(".symtab"));
    for i in 0..symbols.1 as usize / 24 {
        let at = symbols.0 as usize + i * 24;
        if bytes[at + 4] & 15 == elf::STT_FUNC.0 {
            bytes[at..at + 4].copy_from_slice(&((long - names + i % 1000) as u32).to_le_bytes());
        }
    }
    let error = Object::parse(&bytes).unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutOfProportion);
}

#[test]
fn many_sections() {
    let mut it = writer();
    for i in 0..20_000 {
        let section = it.add_section(vec![], format!("uprobe/{i}").into_bytes(), SectionKind::Text);
        it.append_section_data(section, &EXIT, 8);
        it.add_symbol(function(&format!("f{i}"), section, 0, 8));
    }
    let object = Object::parse(&it.write().unwrap()).unwrap();
    assert_eq!(object.programs.len(), 20_000);
    assert!(object.programs.iter().all(|it| !it.is_subprogram));
}

#[test]
fn more_sections_than_an_elf_header_can_count() {
    let mut it = writer();
    for i in 0..0xff10 {
        let section = it.add_section(vec![], format!("s{i}").into_bytes(), SectionKind::ReadOnlyData);
        it.append_section_data(section, &[1], 1);
    }
    // The count is in the first section's size then, and the index of the names in its link.
    let object = Object::parse(&it.write().unwrap()).unwrap();
    assert_eq!(object, Object::default());
}

#[test]
fn many_tables_at_the_same_bytes() {
    let mut it = writer();
    let section = it.add_section(vec![], b"xdp".to_vec(), SectionKind::Text);
    it.append_section_data(section, &EXIT.repeat(4000), 8);
    let symbol = it.add_symbol(function("f", section, 0, 32_000));
    for i in 0..4000 {
        it.add_relocation(section, call(i * 8, symbol)).unwrap();
    }
    for i in 0..10_000 {
        it.add_section(vec![], format!("s{i}").into_bytes(), SectionKind::Other);
    }
    let mut bytes = it.write().unwrap();
    // Every empty section becomes one more table of the same relocations.
    let file = object::read::elf::ElfFile64::<LittleEndian>::parse(&*bytes).unwrap();
    let headers = file.elf_header().e_shoff.get(LittleEndian) as usize;
    let index = file.section_by_name(".relxdp").unwrap().index().0;
    let table = bytes[headers + index * 64..][4..64].to_vec();
    for i in 0..file.elf_section_table().len() {
        let at = headers + i * 64;
        if bytes[at + 32..at + 40] == [0; 8] && i > 0 {
            bytes[at + 4..at + 64].copy_from_slice(&table);
        }
    }
    let error = Object::parse(&bytes).unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutOfProportion);
}

#[test]
fn many_pointers_in_data() {
    const COUNT: u64 = 50_000;
    let mut it = writer();
    let data = it.add_section(vec![], b".data".to_vec(), SectionKind::Data);
    let symbol = it.add_symbol(Symbol { kind: SymbolKind::Data, ..function("it", data, 8, 8) });
    it.append_section_data(data, &vec![0; COUNT as usize * 8], 8);
    for i in 0..COUNT {
        let flags = RelocationFlags::Elf { r_type: elf::RelocationType(2) };
        it.add_relocation(data, Relocation { offset: i * 8, symbol, addend: 0, flags }).unwrap();
    }
    let object = Object::parse(&it.write().unwrap()).unwrap();
    assert_eq!(object.data[0].relocs.len() as u64, COUNT);
    let target = Some(Target::Data { section: 0, offset: 8 });
    assert!(object.data[0].relocs.iter().all(|it| it.target == target));
}

#[test]
fn large_objects_of_the_field_have_room() {
    // 29,049 instructions and 169 programs are the most that was seen in the field.
    let mut it = writer();
    let section = it.add_section(vec![], b"kprobe".to_vec(), SectionKind::Text);
    for i in 0..169 {
        let code = EXIT.repeat(29_049);
        let offset = it.append_section_data(section, &code, 8);
        it.add_symbol(function(&format!("f{i}"), section, offset, code.len() as u64));
    }
    let object = Object::parse(&it.write().unwrap()).unwrap();
    assert!(object.programs.iter().all(|it| it.insns.len() == 29_049));
}
