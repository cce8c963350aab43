//! What the parser adds to the types: data sections have their sizes and places, as after libbpf's fixups.

mod common;

use skep_btf::{Def, Kind};

/// The variables of a `DataSec` with their places.
fn datasec(name: &str, section: &str) -> (u32, Vec<(String, u32)>) {
    let object = common::parse(name);
    let btf = object.btf.unwrap();
    let Some(Def::DataSec(list)) =
        btf.find(Kind::DataSec, section).map(|id| &btf.type_by_id(id).unwrap().def)
    else {
        panic!("no {section}");
    };
    let vars = list.vars.iter().map(|it| (btf.name(it.type_id).to_string(), it.offset)).collect();
    (list.size, vars)
}

fn check(name: &str, section: &str, size: u32, vars: &[(&str, u32)]) {
    let vars = vars.iter().map(|&(name, offset)| (name.to_string(), offset)).collect();
    assert_eq!(datasec(name, section), (size, vars));
}

#[test]
fn data_sections_are_placed() {
    check("kitchen", ".data", 28, &[("initialised", 0), ("wide", 8), ("pointer", 16), ("hidden_here", 24)]);
    check("kitchen", ".bss", 40, &[("zero", 0), ("zero_hidden_here", 8)]);
    check(
        "maps",
        ".maps",
        0x160,
        &[
            ("inner_b", 0),
            ("inner_a", 0x20),
            ("outer", 0x40),
            ("jumps", 0x78),
            ("flows", 0xa8),
            ("events", 0xe0),
            ("ring", 0xf8),
            ("seen", 0x108),
            ("arena", 0x128),
            ("outer_hash", 0x148),
        ],
    );
}

#[test]
fn configuration_values_are_placed() {
    let places = [
        ("CONFIG_HZ", 0),
        ("CONFIG_IPV6", 8),
        ("LINUX_KERNEL_VERSION", 12),
        ("CONFIG_BPF", 16),
        ("CONFIG_CC_VERSION_TEXT", 17),
    ];
    check("kitchen", ".kconfig", 33, &places);
}

#[test]
fn variables_agree_with_the_types() {
    for path in common::objects() {
        let object = skep_object::Object::parse(&std::fs::read(&path).unwrap()).unwrap();
        let Some(btf) = &object.btf else { continue };
        for section in &object.data {
            for var in &section.vars {
                let type_id = var.type_id.unwrap();
                assert_eq!(btf.size_of(type_id), Ok(var.size), "{}: {}", path.display(), var.name);
            }
        }
        for map in &object.maps {
            for (id, size) in [(map.key_type, map.key_size), (map.value_type, map.value_size)] {
                assert!(id.is_none_or(|id| btf.size_of(id) == Ok(size.into())), "{}", map.name);
            }
        }
    }
}
