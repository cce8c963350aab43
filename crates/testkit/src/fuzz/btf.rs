//! BTF: whatever the bytes, there are types or an error; what there is can be printed, decoded and written again.

use std::sync::{Arc, OnceLock};

use skep_btf::{Btf, BtfExt};
use skep_object::Object;

use super::corpus;
use super::input::Input;

/// Types of one section that are looked at.
const MOST: usize = 300;

/// Takes the bytes for a section, for the types behind a good header, and for changes to a fixture's sections.
pub fn btf(bytes: &[u8]) {
    parse(bytes);
    let input = &mut Input::new(bytes);
    parse(&behind_header(input.bytes(bytes.len().min(400))));
    let bases = bases();
    let input = &mut Input::new(bytes);
    let (types, ext) = &bases[input.below(bases.len())];
    if input.below(2) == 0 {
        let mut section = types.to_bytes();
        input.mutate(&mut section);
        parse(&section);
        if let Ok(split) = Btf::parse_split(&section, types.clone()) {
            assert!(split.to_bytes().len() <= section.len() + 24);
        }
    } else {
        let mut section = ext.to_bytes();
        input.mutate(&mut section);
        parse_ext(&section, types);
    }
}

/// The sections of the fixtures.
fn bases() -> &'static [(Arc<Btf>, BtfExt)] {
    static BASES: OnceLock<Vec<(Arc<Btf>, BtfExt)>> = OnceLock::new();
    BASES.get_or_init(|| {
        let objects = corpus::objects().iter().filter_map(|bytes| Object::parse(bytes).ok());
        objects.filter_map(|object| Some((Arc::new(object.btf?), object.btf_ext?))).collect()
    })
}

/// A section of these types, with a few names.
fn behind_header(mut types: Vec<u8>) -> Vec<u8> {
    types.truncate(types.len() & !3);
    let len = types.len() as u32;
    let names = b"\0a\0b\0cd\0";
    let header = [0x1_eb9f, 24, 0, len, len, names.len() as u32];
    [header.map(u32::to_le_bytes).as_flattened(), &types, names].concat()
}

fn parse(section: &[u8]) {
    match Btf::parse(section) {
        Ok(types) => look(&types),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn parse_ext(section: &[u8], types: &Btf) {
    let Ok(ext) = BtfExt::parse(section, types) else { return };
    for name in ["xdp", "socket", ".text", "tc", "kprobe/do_sys_open"] {
        let _ = (ext.lines(name).len(), ext.funcs(name).len(), ext.core_relos(name).len());
    }
    assert_eq!(BtfExt::parse(&ext.to_bytes(), types).as_ref(), Ok(&ext));
}

/// Asks everything of every type.
pub(super) fn look(types: &Btf) {
    let zeroes = [0; 4096];
    for (id, ty) in types.types().take(MOST) {
        let _ = (types.describe(id), types.declare(id), types.c_type(id), types.align_of(id));
        let _ = (types.find(ty.kind(), types.name(id)), types.func_proto(id), types.decl_tags(id).count());
        let _ = types.field(id, "a[1].b[2]");
        assert!(types.same_type(id, types, id));
        for member in types.members(id).take(20) {
            let _ = types.field(id, member.name);
        }
        if types.size_of(id).is_ok_and(|size| size <= 4096) {
            let _ = types.format_value(id, &zeroes);
            if let Ok(value) = types.decode(id, &zeroes) {
                let _ = (value.to_string(), types.encode(id, &value));
            }
        }
    }
    assert_eq!(Btf::parse(&types.to_bytes()).as_ref(), Ok(types));
}
