//! Fields of map values that the kernel manages, found by their types (`btf_parse_fields`).

use skep_btf::{Btf, Def, TypeId};
use skep_maps::{SpecialField, SpecialKind};

/// The structs that the kernel knows by name.
const STRUCTS: &[(&str, SpecialKind)] = &[
    ("bpf_spin_lock", SpecialKind::SpinLock),
    ("bpf_res_spin_lock", SpecialKind::ResSpinLock),
    ("bpf_timer", SpecialKind::Timer),
    ("bpf_wq", SpecialKind::Workqueue),
    ("bpf_task_work", SpecialKind::TaskWork),
    ("bpf_list_head", SpecialKind::ListHead),
    ("bpf_rb_root", SpecialKind::RbRoot),
    ("bpf_refcount", SpecialKind::Refcount),
];

/// The type tags of pointers that own something.
const TAGS: &[(&str, SpecialKind)] = &[
    ("kptr_untrusted", SpecialKind::KptrUnref),
    ("kptr", SpecialKind::KptrRef),
    ("percpu_kptr", SpecialKind::KptrPercpu),
];

/// How deep structs and arrays are followed, and how many fields there may be: as the kernel has it.
const MAX_DEPTH: usize = 4;
const MAX_FIELDS: usize = 11;

/// The fields of a value of this type that the kernel manages, by offset: what belongs into
/// [`MapSpec::special`](skep_maps::MapSpec::special).
pub fn special_fields(btf: &Btf, value: TypeId) -> Vec<SpecialField> {
    let mut found = Vec::new();
    walk(btf, value, 0, MAX_DEPTH, &mut found);
    found.sort_by_key(|field| field.offset);
    found
}

fn walk(btf: &Btf, id: TypeId, offset: u32, depth: usize, found: &mut Vec<SpecialField>) {
    let id = btf.resolve(id);
    let Some(Def::Struct(_)) = btf.type_by_id(id).map(|it| &it.def) else { return };
    for member in btf.members(id).filter(|member| member.bit_size.is_none()) {
        if found.len() == MAX_FIELDS || depth == 0 {
            return;
        }
        let (type_id, count) = element(btf, member.type_id);
        let size = btf.size_of(type_id).unwrap_or(0) as u32;
        // An array of such structs has one field for each element.
        for index in 0..count.min(MAX_FIELDS as u32) {
            let at = offset.wrapping_add(member.bit_offset / 8).wrapping_add(index.wrapping_mul(size));
            match kind(btf, type_id) {
                Some(kind) if found.len() < MAX_FIELDS => found.push(SpecialField { kind, offset: at }),
                Some(_) => return,
                None => walk(btf, type_id, at, depth - 1, found),
            }
        }
    }
}

/// The type of an array's elements and how many there are; of anything else, itself.
fn element(btf: &Btf, id: TypeId) -> (TypeId, u32) {
    match btf.resolved(id).map(|it| &it.def) {
        Some(Def::Array(array)) => (array.element, array.len),
        _ => (id, 1),
    }
}

/// What a member of this type is to the kernel.
fn kind(btf: &Btf, id: TypeId) -> Option<SpecialKind> {
    let named = |table: &[(&str, SpecialKind)], name: &str| {
        table.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    };
    match btf.resolved(id).map(|it| &it.def)? {
        Def::Struct(_) => named(STRUCTS, btf.name(btf.resolve(id))),
        Def::Ptr(target) => match btf.type_by_id(*target).map(|it| &it.def)? {
            Def::TypeTag(_) => named(TAGS, btf.name(*target)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_btf::{BtfBuilder, IntEncoding};

    #[test]
    fn locks_and_timers_are_found_where_they_are() {
        let mut btf = BtfBuilder::new();
        let int = btf.int("int", 4, IntEncoding::Signed);
        let lock = btf.structure("bpf_spin_lock", 4, &[("val", int, 0)]);
        let timer = btf.structure("bpf_timer", 16, &[("opaque", int, 0)]);
        let inner = btf.structure("inner", 24, &[("x", int, 0), ("timer", timer, 64)]);
        let value =
            btf.structure("value", 32, &[("inner", inner, 0), ("lock", lock, 24 * 8), ("y", int, 28 * 8)]);
        let btf = btf.build().unwrap();
        assert_eq!(
            special_fields(&btf, value),
            [
                SpecialField { kind: SpecialKind::Timer, offset: 8 },
                SpecialField { kind: SpecialKind::SpinLock, offset: 24 }
            ]
        );
        assert_eq!(special_fields(&btf, int), []);
    }
}
