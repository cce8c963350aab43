//! The static linker: what a linked object is to who reads it, what is refused and in which words, and that no input
//! brings it down.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use skep_loader::linker::{Linked, link};
use skep_object::{MapDef, Object, Program, Target};
use skep_testkit::fixtures;
use skep_testkit::linking::PARTS;

fn read(name: &str) -> Vec<u8> {
    fixtures::read(&format!("{name}.bpf.o"))
}

fn linked(names: &[&str]) -> Linked {
    let files: Vec<Vec<u8>> = names.iter().map(|name| read(name)).collect();
    link_files(names, &files)
}

fn link_files(names: &[&str], files: &[Vec<u8>]) -> Linked {
    let inputs: Vec<(&str, &[u8])> = names.iter().copied().zip(files.iter().map(Vec::as_slice)).collect();
    link(&inputs).unwrap_or_else(|error| panic!("{names:?}: {error}"))
}

/// All that a loader sees of an object, with names in place of numbers: types may have others, sections lie elsewhere.
fn summary(bytes: &[u8]) -> String {
    let object = Object::parse(bytes).unwrap();
    let mut lines = vec![format!("license {}, version {:?}", object.license, object.version)];
    lines.extend(object.programs.iter().map(|program| of_program(&object, program)));
    lines.extend(object.maps.iter().map(|map| of_map(&object, map)));
    for data in &object.data {
        lines.push(format!("{} {:?} {:?} {:?}", data.name, data.kind, data.bytes, data.relocs.len()));
        lines.extend(data.vars.iter().map(|var| format!("  {} at {} of {}", var.name, var.offset, var.size)));
    }
    lines.extend(object.externs.iter().map(|it| format!("extern {} weak: {}", it.name, it.weak)));
    lines.join("\n")
}

fn of_program(object: &Object, program: &Program) -> String {
    let btf = object.btf.as_ref().unwrap();
    let mut lines =
        vec![format!("{} {} {:?} {}", program.section, program.name, program.linkage, program.hidden)];
    lines.push(
        skep_isa::disassemble(&program.insns).map(|line| line.to_string()).collect::<Vec<_>>().join("; "),
    );
    lines.extend(
        program.relocs.iter().map(|reloc| format!("  {}: {}", reloc.insn, of_target(object, reloc.target))),
    );
    lines.extend(object.source_lines(program).map(|line| format!("  {line:?}")));
    let funcs = program.func_info.iter();
    lines.extend(funcs.map(|it| format!("  {}: {}", it.slot, btf.name(it.type_id))));
    for relo in &program.core_relos {
        let (ty, access) = (btf.c_type(relo.type_id).unwrap_or_default(), btf.str(relo.access));
        lines.push(format!("  {}: {ty} {access} {}", relo.insn_off, relo.kind));
    }
    lines.join("\n")
}

fn of_target(object: &Object, target: Target) -> String {
    match target {
        Target::Map(index) => format!("map {}", object.maps[index].name),
        Target::Data { section, offset } => format!("{} + {offset}", object.data[section].name),
        Target::Subprog { program, pointer } => format!("{} {pointer}", object.programs[program].name),
        Target::Extern(index) => format!("extern {}", object.externs[index].name),
    }
}

fn of_map(object: &Object, map: &MapDef) -> String {
    let name = |id: Option<_>| id.map(|id| object.btf.as_ref().unwrap().c_type(id).unwrap_or_default());
    let types = (name(map.key_type), name(map.value_type));
    let plain = MapDef {
        key_type: None,
        value_type: None,
        section_index: 0,
        inner: None,
        struct_ops: None,
        ..map.clone()
    };
    let inner = map.inner.as_ref().map(|inner| of_map(object, inner));
    let ops = map.struct_ops.as_ref().map(|ops| (ops.bytes.len(), &ops.funcs, ops.link));
    format!("{plain:?} {types:?} {inner:?} {ops:?}")
}

#[test]
fn one_object_alone_stays_what_it_is() {
    for name in fixtures::names().iter().map(String::as_str).chain(["linked/report"]) {
        let file = read(name);
        let once = linked(&[name]);
        assert_eq!(summary(&once.bytes), summary(&file), "{name}");
        let twice = link_files(&[name], &[once.bytes]);
        let thrice = link_files(&[name], std::slice::from_ref(&twice.bytes));
        assert_eq!(twice.bytes, thrice.bytes, "{name}");
    }
}

#[test]
fn it_does_not_matter_how_files_are_put_together() {
    let [gate, rules, report] = PARTS;
    let all = summary(&linked(&PARTS).bytes);
    let pair = linked(&[gate, rules]).bytes;
    assert_eq!(summary(&link_files(&["pair", report], &[pair, read(report)]).bytes), all);
    let pair = linked(&[rules, report]).bytes;
    assert_eq!(summary(&link_files(&[gate, "pair"], &[read(gate), pair]).bytes), all);
    for [a, b, c] in [["cidr_block", "globals", "xdp_firewall"], ["declarations", "printk", "fault_stale"]] {
        let Ok(_) = link(&[(a, &read(a)), (b, &read(b)), (c, &read(c))]) else { continue };
        let all = summary(&linked(&[a, b, c]).bytes);
        let pair = linked(&[a, b]).bytes;
        assert_eq!(summary(&link_files(&["pair", c], &[pair, read(c)]).bytes), all);
    }
}

#[test]
fn what_is_extern_is_found_and_what_is_weak_gives_way() {
    let linked = linked(&PARTS);
    let object = Object::parse(&linked.bytes).unwrap();
    // Only the kernel's are left.
    expect![[r#"
        [
            "LINUX_KERNEL_VERSION",
            "bpf_link_fops",
            "bpf_rcu_read_lock",
            "bpf_rcu_read_unlock",
        ]
    "#]]
    .assert_debug_eq(&linked.externs);
    let names = |of: &str| {
        object.programs.iter().filter(|it| it.section == of).map(|it| it.name.as_str()).collect::<Vec<_>>()
    };
    // Both static functions `count` are there, and nothing calls the weak `priority`, which has no name any more.
    assert_eq!(names(".text"), ["count", "verdict", "count", "tell", "priority"]);
    let maps: Vec<_> =
        object.maps.iter().map(|it| (it.name.as_str(), it.section_offset, it.max_entries)).collect();
    assert_eq!(maps, [("seen", 0, 4), ("blocked", 32, 16), ("events", 64, 4096)]);
    let rodata = object.data.iter().find(|it| it.name == ".rodata").unwrap();
    let longest = &rodata.vars[0];
    assert_eq!((longest.name.as_str(), longest.offset), ("longest", 4));
    assert_eq!(rodata.bytes, [64, 0, 0, 0, 0xdc, 5, 0, 0]);
    // One description of each type.
    let btf = object.btf.as_ref().unwrap();
    assert_eq!(btf.find_all(skep_btf::Kind::Struct, "flow").count(), 1);
    assert_eq!(linked.types, (149, btf.own_types().len()));
}

fn refuses(names: &[&str], message: Expect) {
    let files: Vec<Vec<u8>> = names.iter().map(|name| read(name)).collect();
    let inputs: Vec<(&str, &[u8])> = names.iter().copied().zip(files.iter().map(Vec::as_slice)).collect();
    message.assert_eq(&link(&inputs).unwrap_err().to_string());
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let [gate, rules, _] = PARTS;
    refuses(
        &[rules, "linked/clash_function"],
        expect![
            "linked/clash_function: symbol 'verdict': a file before it defines it as well, and neither is weak"
        ],
    );
    refuses(
        &[rules, "linked/clash_params"],
        expect!["linked/clash_params: symbol 'verdict': incompatible number of func_proto params 1 and 2"],
    );
    refuses(
        &[rules, "linked/clash_pointee"],
        expect!["linked/clash_pointee: symbol 'verdict': incompatible struct names 'flow' and 'stream'"],
    );
    refuses(
        &[rules, "linked/clash_declared"],
        expect![
            "linked/clash_declared: symbol 'verdict': incompatible union forward declaration and concrete kind struct"
        ],
    );
    refuses(
        &[rules, "linked/clash_variable"],
        expect!["linked/clash_variable: symbol 'denied': incompatible int 'unsigned long long' size 8 and 4"],
    );
    refuses(
        &[rules, "linked/clash_map"],
        expect!["linked/clash_map: symbol 'blocked': map max_entries mismatch"],
    );
    refuses(
        &[rules, "linked/clash_map_value"],
        expect![
            "linked/clash_map_value: symbol 'blocked': map value type mismatch: incompatible BTF kinds int and struct"
        ],
    );
    refuses(
        &[rules, "linked/clash_section"],
        expect![
            "linked/clash_section: section '.data': symbol 'denied': files have it in different sections: '.bss' and '.data'"
        ],
    );
    refuses(
        &["linked/clash_section", rules],
        expect![
            "linked/rules: section '.bss': symbol 'denied': files have it in different sections: '.data' and '.bss'"
        ],
    );
    refuses(
        &[gate, "linked/clash_license"],
        expect![
            "linked/clash_license: section 'license': the files before it have another one, and there can be only one"
        ],
    );
}

#[test]
fn what_is_no_object_is_refused() {
    let file = read("linked/gate");
    let changed = |at: usize, byte: u8| {
        let mut file = file.clone();
        file[at] = byte;
        link(&[("it", &file)]).unwrap_err().to_string()
    };
    assert_eq!(link(&[("it", b"")]).unwrap_err().to_string(), "it: it is no ELF file");
    assert_eq!(changed(4, 1), "it: it is no 64-bit ELF file");
    assert_eq!(changed(5, 2), "it: big-endian objects are not supported; compile with --target=bpfel");
    assert_eq!(changed(16, 2), "it: it is no relocatable object for BPF");
    assert_eq!(changed(18, 62), "it: it is no relocatable object for BPF");
    assert!(link(&[("it", &file[..file.len() - 1])]).is_err());
}

#[test]
fn nothing_linked_is_an_empty_object() {
    let linked = link(&[]).unwrap();
    assert_eq!(linked.sections, [(".strtab".to_owned(), 17), (".symtab".to_owned(), 24)]);
    assert!(linked.externs.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Damaged objects are linked or refused; what comes out is an object in turn.
    #[test]
    fn damage_does_no_harm(
        first in 0..3_usize,
        second in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (mut damaged, other) = (read(PARTS[first]), read(PARTS[second]));
        for (at, byte) in &changes {
            let at = at.index(damaged.len());
            damaged[at] = *byte;
        }
        if let Some(cut) = cut {
            damaged.truncate(cut.index(damaged.len()));
        }
        for inputs in [[&damaged, &other], [&other, &damaged], [&damaged, &damaged]] {
            match link(&[("a", inputs[0]), ("b", inputs[1])]) {
                Ok(linked) => {
                    // Whatever a reader thinks of it.
                    let _ = Object::parse(&linked.bytes);
                    prop_assert!(linked.bytes.len() < 1 << 20);
                }
                Err(error) => prop_assert!(!error.message.is_empty()),
            }
        }
    }
}
