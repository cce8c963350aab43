//! C declarations against what bpftool wrote for the same objects.

use std::collections::HashMap;

use skep_btf::*;

/// The declarations in a recorded dump: blocks of text between empty lines.
fn blocks(dump: &str) -> Vec<&str> {
    let types = dump.split("\n\n").map(str::trim);
    types.filter(|block| !block.is_empty() && !block.starts_with('#')).collect()
}

fn check(btf: &[u8], dump: &str) {
    let btf = Btf::parse(btf).unwrap();
    let mut declared: HashMap<String, TypeId> = HashMap::new();
    for (id, ty) in btf.types() {
        if let Ok(text) = btf.declare(id)
            && !ty.name.is_empty()
        {
            declared.insert(text, id);
        }
    }
    for block in blocks(dump) {
        assert!(declared.remove(block).is_some(), "not declared:\n{block}\n{declared:#?}");
    }
}

#[test]
fn declarations_are_those_of_bpftool() {
    check(include_bytes!("data/kinds.btf"), include_str!("data/kinds.dump.h"));
    check(include_bytes!("data/core.btf"), include_str!("data/core.dump.h"));
}
