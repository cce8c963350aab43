//! C declarations against what bpftool wrote for the same objects.

use std::collections::HashSet;

use skep_btf::*;

/// The declarations in a recorded dump: blocks of text between empty lines.
fn blocks(dump: &str) -> impl Iterator<Item = &str> {
    dump.split("\n\n").map(str::trim).filter(|block| !block.is_empty() && !block.starts_with(['#', '/']))
}

/// A declaration ahead of its definition, which the order of a whole file needs: `struct x;`
fn is_forward(btf: &Btf, block: &str) -> bool {
    let name = |kind| Some(block.strip_prefix(kind)?.strip_suffix(';')?.trim());
    let found = |kind, name: Option<&str>| name.is_some_and(|name| btf.find(kind, name).is_some());
    found(Kind::Struct, name("struct")) || found(Kind::Union, name("union"))
}

#[track_caller]
fn check(btf: &[u8], dump: &str) {
    let btf = Btf::parse(btf).unwrap();
    let named = btf.types().filter(|(_, ty)| !ty.name.is_empty());
    let declared: HashSet<String> = named.filter_map(|(id, _)| btf.declare(id).ok()).collect();
    for block in blocks(dump) {
        if !declared.contains(block) && !is_forward(&btf, block) {
            let all: Vec<_> = declared.iter().map(String::as_str).collect();
            panic!("bpftool says:\n{block}\nwe say:\n{}", all.join("\n"));
        }
    }
}

#[test]
fn every_kind() {
    check(include_bytes!("data/kinds.btf"), include_str!("data/kinds.dump.h"));
}

#[test]
fn bit_fields() {
    check(include_bytes!("data/core.btf"), include_str!("data/core.dump.h"));
}

#[test]
fn values() {
    check(include_bytes!("data/values.btf"), include_str!("data/values.dump.h"));
}

#[test]
fn padding_and_declarators() {
    check(include_bytes!("data/pads.btf"), include_str!("data/pads.dump.h"));
}
