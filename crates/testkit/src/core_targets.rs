//! Types that the objects of `fixtures/core` are relocated against.

use skep_btf::{Btf, BtfBuilder, Def, Error, Int, IntEncoding, TypeId};

use crate::fixtures;

/// A target's name, and what makes it.
pub type Target = (&'static str, fn() -> Btf);

/// The targets, by name: the recording has a part for each.
pub const TARGETS: &[Target] = &[("moved", moved), ("narrow", narrow), ("bare", bare)];

/// The target of this name.
///
/// # Panics
/// There is none.
pub fn target(name: &str) -> Btf {
    match TARGETS.iter().find(|(it, _)| *it == name) {
        Some((_, make)) => make(),
        None => panic!("there is no target {name}"),
    }
}

/// A kernel that has everything somewhere else: `fixtures/core/moved.bpf.c`.
fn moved() -> Btf {
    let object = skep_object::Object::parse(&fixtures::object("core/moved"));
    match object.map(|object| object.btf) {
        Ok(Some(btf)) => btf,
        other => panic!("fixtures/core/moved.bpf.o: {other:?}"),
    }
}

/// A 32-bit kernel: pointers and `long` have 4 bytes.
fn narrow() -> Btf {
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let long = b.int("long unsigned int", 4, IntEncoding::Unsigned);
    let byte = b.int("unsigned char", 1, IntEncoding::Unsigned);
    let point = b.structure("point", 8, &[("y", int, 0), ("x", int, 32)]);
    let pointer = b.add("", Def::Ptr(point));
    let void = b.add("", Def::Ptr(TypeId::VOID));
    b.structure("plain", 16, &[("b", long, 0), ("pointer", pointer, 32), ("a", int, 64), ("c", byte, 96)]);
    b.structure("widths", 16, &[("pointer", void, 0), ("shrinks", long, 32), ("becomes_pointer", void, 64)]);
    let chain = b.add("", Def::Ptr(pointer));
    b.structure("outer", 8, &[("more", int, 0), ("chain", chain, 32)]);
    built(b.build())
}

/// A kernel that has next to nothing, and bit-fields in the encoding of old compilers.
fn bare() -> Btf {
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let old = Int { size: 4, bits: 3, offset: 0, encoding: IntEncoding::Unsigned };
    let bits = b.add("unsigned int", Def::Int(old));
    let shifted = b.add("unsigned int", Def::Int(Int { offset: 5, ..old }));
    b.structure("bits", 8, &[("u3", bits, 4), ("whole", int, 32), ("across", shifted, 8)]);
    built(b.build())
}

fn built(btf: Result<Btf, Error>) -> Btf {
    match btf {
        Ok(btf) => btf,
        Err(error) => panic!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_can_be_made() {
        let sizes: Vec<u32> = TARGETS.iter().map(|(name, _)| target(name).pointer_size()).collect();
        assert_eq!(sizes, [8, 4, 8]);
    }
}
