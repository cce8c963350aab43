//! What is said about objects that are wrong in one way: place, reason and advice.

mod common;

use expect_test::{Expect, expect};
use object::read::elf::{ElfFile64, FileHeader, SectionHeader as _};
use object::{LittleEndian, Object as _, ObjectSection, ObjectSymbol, SymbolIndex, elf};
use skep_object::{ErrorKind, Object};

/// An object to be broken.
struct Image {
    bytes: Vec<u8>,
}

/// Offsets in `Elf64_Shdr`.
mod shdr {
    pub(crate) const NAME: usize = 0;
    pub(crate) const TYPE: usize = 4;
    pub(crate) const FLAGS: usize = 8;
    pub(crate) const OFFSET: usize = 24;
    pub(crate) const SIZE: usize = 32;
    pub(crate) const LINK: usize = 40;
    pub(crate) const ENTSIZE: usize = 56;
}

/// Offsets in `Elf64_Sym`.
mod sym {
    pub(crate) const INFO: usize = 4;
    pub(crate) const SHNDX: usize = 6;
    pub(crate) const VALUE: usize = 8;
    pub(crate) const SIZE: usize = 16;
}

impl Image {
    fn file(&self) -> ElfFile64<'_, LittleEndian> {
        ElfFile64::parse(&*self.bytes).unwrap()
    }

    fn put(&mut self, at: usize, new: &[u8]) {
        self.bytes[at..at + new.len()].copy_from_slice(new);
    }

    /// A field of the section's header.
    fn section(&mut self, name: &str, field: usize, new: &[u8]) {
        let file = self.file();
        let table = file.elf_header().e_shoff(LittleEndian) as usize;
        let index = file.section_by_name(name).unwrap().index().0;
        self.put(table + index * 64 + field, new);
    }

    /// A field of the symbol.
    fn symbol(&mut self, name: &str, field: usize, new: &[u8]) {
        let file = self.file();
        let SymbolIndex(index) = file.symbols().find(|it| it.name() == Ok(name)).unwrap().index();
        let table = file.elf_section_table();
        let symtab = table.iter().find(|it| it.sh_type(LittleEndian) == elf::SHT_SYMTAB).unwrap();
        let at = symtab.sh_offset(LittleEndian) as usize + index * 24 + field;
        self.put(at, new);
    }

    /// Bytes of the section's content.
    fn content(&mut self, name: &str, offset: usize, new: &[u8]) {
        let (start, _) = self.file().section_by_name(name).unwrap().file_range().unwrap();
        self.put(start as usize + offset, new);
    }

    /// Replaces a string wherever it stands (names in string tables).
    fn rename(&mut self, old: &str, new: &str) {
        assert_eq!(old.len(), new.len());
        let places: Vec<usize> = (0..self.bytes.len() - old.len())
            .filter(|&at| self.bytes[at..].starts_with(old.as_bytes()))
            .collect();
        assert!(!places.is_empty(), "{old}");
        places.into_iter().for_each(|at| self.put(at, new.as_bytes()));
    }
}

fn check(name: &str, change: impl FnOnce(&mut Image), expected: Expect) {
    let mut image = Image { bytes: common::read(name) };
    change(&mut image);
    let answer = match Object::parse(&image.bytes) {
        Ok(object) => format!("accepted: {:?}", object.warnings),
        Err(error) => format!("{} + {:#x}: {}", error.section, error.offset, error.reason()),
    };
    expected.assert_eq(&answer);
}

#[test]
fn text_of_an_error() {
    let error = Object::parse(b"hello").unwrap_err().to_string();
    expect!["file + 0x0: this is not an ELF file; give the object file that `clang --target=bpf -c` wrote"]
        .assert_eq(&error);
    let mut image = Image { bytes: common::read("kitchen") };
    image.content(".relxdp", 8, &[99]);
    let error = Object::parse(&image.bytes).unwrap_err().to_string();
    expect!["section 'xdp' + 0x0: relocation type 99 against 'table' is not one of BPF's; compile with clang --target=bpf"].assert_eq(&error);
}

#[test]
fn header() {
    check(
        "counter",
        |it| it.put(0, b"BC\xc0\xde"),
        expect![" + 0x0: this is LLVM bitcode, not an object file"],
    );
    check("counter", |it| it.put(0, b"#!/bin"), expect![" + 0x0: this is not an ELF file"]);
    check("counter", |it| it.bytes.truncate(0), expect![" + 0x0: this is not an ELF file"]);
    check("counter", |it| it.bytes.truncate(5), expect![" + 0x5: the file ends inside its ELF header"]);
    check("counter", |it| it.bytes.truncate(63), expect![" + 0x3f: the file ends inside its ELF header"]);
    check("counter", |it| it.put(4, &[1]), expect![" + 0x4: ELF class 1 is not 64-bit (2)"]);
    check("counter", |it| it.put(5, &[2]), expect![" + 0x5: ELF byte order 2 is not little-endian (1)"]);
    check("counter", |it| it.put(16, &[2]), expect![" + 0x10: ELF type 2 is not a relocatable object (1)"]);
    check("counter", |it| it.put(18, &[62]), expect![" + 0x12: machine 62 is not BPF (247)"]);
    check("counter", |it| it.put(18, &[0]), expect!["accepted: []"]);
}

#[test]
fn section_table() {
    check("counter", |it| it.put(40, &[0; 8]), expect![" + 0x28: there is no symbol table"]);
    check(
        "counter",
        |it| it.put(40, &[0xff; 8]),
        expect![" + 0x9f8: the file ends inside its section table"],
    );
    check("counter", |it| it.put(58, &[40]), expect![" + 0x3a: a section entry of 40 bytes"]);
    check(
        "counter",
        |it| it.put(60, &[0xff; 2]),
        expect![" + 0x9f8: the file ends inside its section table"],
    );
    check(
        "counter",
        |it| it.put(62, &[0xf0]),
        expect![" + 0x3e: the ELF header refers to section 240, which does not exist"],
    );
    check(
        "counter",
        |it| it.bytes.truncate(it.bytes.len() - 1),
        expect![" + 0x9f7: the file ends inside its section table"],
    );
    check(
        "counter",
        |it| it.section("xdp", shdr::NAME, &[0xff; 4]),
        expect![
            " + 0x778: a section's name is outside its string table, longer than 4096 bytes, or not UTF-8"
        ],
    );
    check(
        "counter",
        |it| it.section("xdp", shdr::OFFSET, &[0xff; 8]),
        expect!["xdp + 0x0: bytes 0xffffffffffffffff + 0x68 lie outside the file of 0x9f8 bytes"],
    );
    check(
        "counter",
        |it| it.section("xdp", shdr::SIZE, &[0xf8, 0xff, 0, 0]),
        expect!["xdp + 0x0: bytes 0x40 + 0xfff8 lie outside the file of 0x9f8 bytes"],
    );
    check(
        "counter",
        |it| it.section(".maps", shdr::FLAGS, &[0, 8]),
        expect![".maps + 0x0: the section is compressed"],
    );
    check(
        "counter",
        |it| it.section("license", shdr::OFFSET, &[0, 0, 0, 1]),
        expect!["license + 0x0: bytes 0x1000000 + 0x4 lie outside the file of 0x9f8 bytes"],
    );
}

#[test]
fn symbols() {
    check(
        "counter",
        |it| it.section(".symtab", shdr::TYPE, &[1]),
        expect![" + 0x0: there is no symbol table"],
    );
    check(
        "counter",
        |it| it.section(".text", shdr::TYPE, &[2]),
        expect![".symtab + 0x0: there is a second symbol table"],
    );
    check(
        "counter",
        |it| it.section(".symtab", shdr::ENTSIZE, &[16]),
        expect![".symtab + 0x0: a symbol entry of 16 bytes"],
    );
    check(
        "counter",
        |it| it.section(".symtab", shdr::LINK, &[99]),
        expect![".symtab + 0x0: the symbol table refers to section 99, which does not exist"],
    );
    check(
        "counter",
        |it| it.symbol("count", 0, &[0xff; 4]),
        expect![
            ".strtab + 0xffffffff: a symbol's name is outside its string table, longer than 4096 bytes, or not UTF-8"
        ],
    );
}

#[test]
fn functions() {
    check(
        "counter",
        |it| it.symbol("count", sym::SIZE, &[0]),
        expect!["xdp + 0x0: function 'count' has 0 bytes, which are no whole instructions"],
    );
    check(
        "counter",
        |it| it.symbol("count", sym::SIZE, &[12]),
        expect!["xdp + 0x0: function 'count' has 12 bytes, which are no whole instructions"],
    );
    check(
        "counter",
        |it| it.symbol("count", sym::SIZE, &[0x70]),
        expect![
            "xdp + 0x0: function 'count' of 112 bytes does not lie in its section on an instruction boundary"
        ],
    );
    check(
        "counter",
        |it| it.symbol("count", sym::SIZE, &[0xf8; 8]),
        expect![
            "xdp + 0x0: function 'count' of 17940362863843014904 bytes does not lie in its section on an instruction boundary"
        ],
    );
    check(
        "counter",
        |it| it.symbol("count", sym::VALUE, &[4]),
        expect![
            "xdp + 0x4: function 'count' of 104 bytes does not lie in its section on an instruction boundary"
        ],
    );
    check(
        "counter",
        |it| it.symbol("count", sym::SHNDX, &[0xf1, 0xff]),
        expect![[r#"accepted: ["section 'xdp' has no function symbols: functions are guessed"]"#]],
    );
    check(
        "kitchen",
        |it| it.symbol("second", sym::VALUE, &[0xc8]),
        expect!["xdp + 0xc8: function 'second' overlaps 'first'"],
    );
    check(
        "kitchen",
        |it| it.symbol("second", sym::VALUE, &[0]),
        expect!["xdp + 0x0: function 'first' overlaps 'second'"],
    );
}

#[test]
fn relocations() {
    check(
        "counter",
        |it| it.content(".relxdp", 0, &[4]),
        expect!["xdp + 0x4: a relocation is not at an instruction of its section"],
    );
    check(
        "counter",
        |it| it.content(".relxdp", 0, &[0xff; 8]),
        expect!["xdp + 0xffffffffffffffff: a relocation is not at an instruction of its section"],
    );
    check(
        "counter",
        |it| it.content(".relxdp", 0, &[0]),
        expect![
            "xdp + 0x0: a relocation against 'packets' is at an instruction of code 0x61, neither a call nor a 64-bit load"
        ],
    );
    check(
        "counter",
        |it| it.content(".relxdp", 8, &[99]),
        expect!["xdp + 0x28: relocation type 99 against 'packets' is not one of BPF's"],
    );
    check(
        "counter",
        |it| it.content(".relxdp", 12, &[0xff; 4]),
        expect!["xdp + 0x28: a relocation refers to symbol 4294967295, which does not exist"],
    );
    check(
        "counter",
        |it| it.section(".relxdp", shdr::ENTSIZE, &[24]),
        expect![".relxdp + 0x0: a relocation entry of 24 bytes"],
    );
    check(
        "counter",
        |it| it.section(".relxdp", shdr::TYPE, &[4]),
        expect![".relxdp + 0x0: the relocations have explicit addends (SHT_RELA)"],
    );
    check(
        "counter",
        |it| it.symbol("packets", sym::VALUE, &[8]),
        expect![".maps + 0x8: map 'packets': the variable has no name or does not fit its section"],
    );
    check(
        "counter",
        |it| it.symbol("packets", sym::SHNDX, &[0xf2, 0xff]),
        expect!["xdp + 0x28: 'packets' is not defined in any section"],
    );
    check(
        "counter",
        |it| it.symbol("packets", sym::SHNDX, &[6]),
        expect!["xdp + 0x28: 'packets' is in section 'license', which programs can not refer to"],
    );
    check(
        "counter",
        |it| it.content("xdp", 0x60, &[0x18]),
        expect!["xdp + 0x60: a 64-bit load lacks its second half"],
    );
    check(
        "counter",
        |it| it.content(".relxdp", 0, &[0x30]),
        expect!["xdp + 0x30: a second relocation, against 'packets', is at the same instruction"],
    );
}

#[test]
fn calls() {
    // The third instruction of `entry` calls `inside` without a relocation.
    check(
        "static_prog",
        |it| it.content("tc", 2 * 8 + 4, &[6, 0, 0, 0]),
        expect![
            "tc + 0x10: the call or function pointer goes to byte 72 of section 'tc', where no function starts"
        ],
    );
    check(
        "static_prog",
        |it| it.content("tc", 2 * 8 + 4, &[0xff, 0xff, 0xff, 0x7f]),
        expect![
            "tc + 0x10: the call or function pointer goes to byte 17179869200 of section 'tc', where no function starts"
        ],
    );
    check(
        "static_prog",
        |it| it.content("tc", 2 * 8 + 4, &[0, 0, 0, 0x80]),
        expect![
            "tc + 0x10: the call or function pointer goes to byte -17179869160 of section 'tc', where no function starts"
        ],
    );
    check("static_prog", |it| it.content("tc", 2 * 8 + 4, &[1, 0, 0, 0]), expect!["accepted: []"]);
    check(
        "static_prog",
        |it| it.content("tc", 8 * 8, &[0x18, 0x40]),
        expect!["tc + 0x40: a function's address is loaded without a relocation"],
    );
    // `first` calls `local` through its section's symbol.
    check(
        "kitchen",
        |it| it.content("xdp", 10 * 8 + 4, &[12, 0, 0, 0]),
        expect![
            "xdp + 0x50: the call or function pointer goes to byte 104 of section '.text', where no function starts"
        ],
    );
    check(
        "kitchen",
        |it| it.content("xdp", 2 * 8 + 4, &[0xc4, 0, 0, 0]),
        expect![
            "xdp + 0x10: the call or function pointer goes to byte 196 of section '.text', where no function starts"
        ],
    );
}

#[test]
fn maps() {
    check(
        "maps",
        |it| it.rename("\0pinning\0", "\0pinninx\0"),
        expect![".maps + 0xa8: map 'flows': unknown member 'pinninx'"],
    );
    check(
        "maps",
        |it| it.rename("\0type\0", "\0typo\0"),
        expect![".maps + 0x0: map 'inner_b': unknown member 'typo'"],
    );
    check(
        "maps",
        |it| it.rename("\0map_extra\0", "\0map_flags\0"),
        expect![".maps + 0x128: map 'arena': member 'map_flags' is not declared as it has to be"],
    );
    check(
        "maps",
        |it| it.rename("\0value_size\0", "\0value_type\0"),
        expect![".maps + 0xe0: map 'events': unknown member 'value_type'"],
    );
    check("maps", |it| it.rename("\0inner_a\0", "\0inner_x\0"), expect!["accepted: []"]);
    check(
        "maps",
        |it| it.symbol("outer_hash", sym::VALUE, &[0x70, 1]),
        expect![".maps + 0x170: map 'outer_hash': the variable has no name or does not fit its section"],
    );
    check(
        "maps",
        |it| it.symbol("even", sym::INFO, &[0x10]),
        expect![".maps + 0x98: 'even' can not be a value here in 'jumps'"],
    );
    check(
        "maps",
        |it| it.content(".rel.maps", 0, &[0x41]),
        expect![".maps + 0x41: 'inner_b' can not be a value here in 'outer'"],
    );
    check(
        "maps",
        |it| it.content(".rel.maps", 0, &[0x10]),
        expect![".maps + 0x10: 'inner_b' can not be a value here in 'inner_b'"],
    );
    check(
        "maps",
        |it| it.content(".rel.maps", 0, &[0xa0]),
        expect![".maps + 0xa0: 'inner_b' can not be a value here in 'jumps'"],
    );
    check(
        "maps",
        |it| it.section(".BTF", shdr::TYPE, &[8]),
        expect![".maps + 0x0: maps or externs need BTF, and there is none"],
    );
    check(
        "arena",
        |it| it.rename("\0.maps\0", "\0.spam\0"),
        expect![".addr_space.1 + 0x0: there are arena variables, but no arena map"],
    );
}

#[test]
fn legacy_maps() {
    check(
        "legacy",
        |it| it.symbol("counters", sym::SIZE, &[15]),
        expect![
            "maps + 0x0: legacy map 'counters' of 15 bytes, which are too few or lie outside the section"
        ],
    );
    check(
        "legacy",
        |it| it.symbol("routes", sym::VALUE, &[0x18]),
        expect!["maps + 0x18: legacy map 'routes' of 20 bytes, which are too few or lie outside the section"],
    );
    check(
        "legacy",
        |it| it.symbol("routes", sym::VALUE, &[0xff; 8]),
        expect![
            "maps + 0xffffffffffffffff: legacy map 'routes' of 0 bytes, which are too few or lie outside the section"
        ],
    );
    check(
        "legacy",
        |it| it.section("version", shdr::SIZE, &[3]),
        expect!["version + 0x0: the kernel version has 3 bytes, not 4"],
    );
}

#[test]
fn data() {
    check(
        "kitchen",
        |it| it.section(".bss", shdr::SIZE, &[0, 0, 0, 4]),
        expect![".bss.more + 0x0: zero-initialised data of 67108868 bytes is beyond the limit of 67108864"],
    );
    check(
        "kitchen",
        |it| it.section(".bss", shdr::SIZE, &[0xff; 8]),
        expect![
            ".bss + 0x0: zero-initialised data of 18446744073709551615 bytes is beyond the limit of 67108864"
        ],
    );
    check(
        "kitchen",
        |it| it.section(".data", shdr::OFFSET, &[0xff; 4]),
        expect![".data + 0x0: bytes 0xffffffff + 0x1c lie outside the file of 0x2c30 bytes"],
    );
}

#[test]
fn externs() {
    check(
        "kitchen",
        |it| it.rename("\0.kconfig\0", "\0.kcinfog\0"),
        expect![".kconfig + 0x0: extern 'CONFIG_BPF': it is in neither .kconfig nor .ksyms"],
    );
    check(
        "kitchen",
        |it| it.rename("\0libbpf_tristate\0", "\0libbpf_tristats\0"),
        expect![".kconfig + 0x0: extern 'CONFIG_IPV6': the type can not hold a configuration value"],
    );
    check(
        "kitchen",
        |it| it.rename("\0init_task\0", "\0init_tusk\0"),
        expect![[r#"accepted: ["section '.data': 1 initialised pointers stay as they are"]"#]],
    );
}

#[test]
fn struct_ops() {
    check(
        "struct_ops",
        |it| it.rename("\0tcp_congestion_ops\0", "\0\0cp_congestion_ops\0"),
        expect![".struct_ops.link + 0x0: struct_ops 'lazy': its structure has no name"],
    );
    check(
        "struct_ops",
        |it| it.content(".rel.struct_ops.link", 0, &[4]),
        expect![".struct_ops.link + 0x4: 'ssthresh' can not be a value here in 'lazy'"],
    );
    check(
        "struct_ops",
        |it| it.content(".rel.struct_ops.link", 0, &[60]),
        expect![".struct_ops.link + 0x3c: 'ssthresh' can not be a value here in 'lazy'"],
    );
    check(
        "struct_ops",
        |it| it.symbol("ssthresh", sym::SHNDX, &[0]),
        expect![".struct_ops.link + 0x0: 'ssthresh' can not be a value here in 'lazy'"],
    );
}

/// What is wrong with the types is said by another crate, in its words.
#[test]
fn types() {
    let parse = |name: &str, change: fn(&mut Image)| {
        let mut image = Image { bytes: common::read(name) };
        change(&mut image);
        Object::parse(&image.bytes)
    };
    let error = parse("maps", |it| it.content(".BTF", 0, &[0])).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Btf { .. }), "maps are defined by types: {error}");
    assert_eq!((error.section.as_str(), error.offset), (".BTF", 0));

    let object = parse("bare", |_| {}).unwrap();
    assert_eq!((object.btf, object.btf_ext), (None, None));

    let object = parse("kitchen", |it| it.content(".BTF.ext", 4, &[0xff])).unwrap();
    assert!(object.warnings.iter().any(|it| it.starts_with(".BTF.ext is ignored: ")));
    assert!(object.btf.is_some() && object.btf_ext.is_none());
    assert!(object.programs.iter().all(|it| it.lines.is_empty()));
}
