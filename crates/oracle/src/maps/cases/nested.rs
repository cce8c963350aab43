//! ARRAY_OF_MAPS and HASH_OF_MAPS.

use skep_abi::MapType;

use super::super::{Case, Spec};
use super::names::*;
use super::{case, locked, spec};

pub(super) fn cases() -> Vec<Case> {
    let outer = |kind, inner: Spec| Spec { inner: Some(Box::new(inner)), ..spec(kind, 4, 4, 3) };
    let inner = spec(ARRAY, 4, 8, 2);
    let hash = Spec { flags: NO_PREALLOC, ..spec(HASH, 4, 8, 2) };
    let mut cases = Vec::new();
    for (name, kind) in [("array_of_maps", ARRAY_OF_MAPS), ("hash_of_maps", HASH_OF_MAPS)] {
        let bare = Spec { inner: None, ..outer(kind, inner.clone()) };
        cases.push(Case { name: format!("create {name}: no template"), spec: bare, steps: Vec::new() });
        let sorts =
            [("array", inner.clone()), ("hash", hash.clone()), ("array, any length", any_length(&inner))];
        for (what, inner) in sorts {
            let of = outer(kind, inner);
            cases.extend([
                case(&format!("{name} of {what}: life of a slot"), of.clone(), LIFE),
                case(&format!("{name} of {what}: flags"), of.clone(), FLAGS),
                case(&format!("{name} of {what}: what fits"), of, FITS),
            ]);
        }
        let lock = locked(spec(ARRAY, 4, 16, 2), 8);
        cases.push(case(&format!("{name} of locks: what fits"), outer(kind, lock), FITS));
        cases.push(case(&format!("{name}: full"), outer(kind, inner.clone()), FULL));
        cases.push(case(&format!("{name}: frozen"), outer(kind, inner.clone()), FROZEN));
        cases.extend(kinds(name, kind));
    }
    let wide = Spec { inner: Some(Box::new(inner)), ..spec(HASH_OF_MAPS, 16, 4, 3) };
    cases.push(case("hash_of_maps: keys of 16", wide, WIDE));
    cases
}

fn any_length(inner: &Spec) -> Spec {
    Spec { flags: 0x1000, ..inner.clone() }
}

/// Every type as the template.
fn kinds(name: &str, outer: u32) -> Vec<Case> {
    let shape = |kind: MapType| match kind {
        MapType::Ringbuf | MapType::UserRingbuf => (0, 0, 4096, 0),
        MapType::Queue | MapType::Stack | MapType::BloomFilter => (0, 4, 4, 0),
        MapType::LpmTrie => (8, 4, 4, NO_PREALLOC),
        MapType::StackTrace => (4, 8, 4, 0),
        MapType::SkStorage | MapType::InodeStorage | MapType::TaskStorage | MapType::CgrpStorage => {
            (4, 8, 0, NO_PREALLOC)
        }
        MapType::CgroupStorage | MapType::PercpuCgroupStorage => (8, 8, 0, 0),
        MapType::Cpumap => (4, 4, 1, 0),
        _ => (4, 4, 4, 0),
    };
    let all = MapType::ALL.iter().copied().filter(|kind| {
        !matches!(kind, MapType::StructOps | MapType::Arena)
            && (*kind as u32 != ARRAY_OF_MAPS && *kind as u32 != HASH_OF_MAPS)
    });
    let case = |kind: MapType| {
        let (key, value, max, flags) = shape(kind);
        let typed = max == 0 && flags != 0;
        let inner = Spec { flags, typed, ..spec(kind as u32, key, value, max) };
        let spec = Spec { inner: Some(Box::new(inner)), ..spec(outer, 4, 4, 3) };
        Case { name: format!("create {name}: of {}", kind.name()), spec, steps: Vec::new() }
    };
    all.map(case).collect()
}

const LIFE: &str = "
    u0 held 00000000
    u0 delete 00000000
    p0 inner 00000000 01000000
    u0 set 00000000 map 0
    u0 held 00000000
    p0 inner 00000000 01000000
    p0 inner 00000000 09000000
    p0 inner 01000000 01000000
    p0 inner 07000000 01000000
    u0 set 00000000 map 0
    u0 delete 00000000
    u0 held 00000000
    u0 delete 00000000
    u0 set 02000000 map 0
    u0 held 02000000
    u0 order
    u0 take 02000000 0
    u0 lookup 02000000 4
";

const FLAGS: &str = "
    u0 set 00000000 map 2
    u0 set 00000000 map 1
    u0 set 00000000 map 1
    u0 set 00000000 map 2
    u0 set 00000000 map 3
    u0 set 00000000 map 4
    u0 set 00000000 bad 3
    u0 set 00000000 bad 0
    u0 set 07000000 bad 0
    u0 set 07000000 map 2
    u0 held ffffffff
    u0 delete 0a000000
";

const FITS: &str = "
    u0 set 00000000 map 0
    u0 set 01000000 map.max 0
    u0 set 01000000 map.value 0
    u0 set 01000000 map.type 0
    u0 set 01000000 map.mode 0
    u0 set 01000000 prog 0
    u0 held 00000000
    u0 held 01000000
";

const FULL: &str = "
    u0 set 00000000 map 0
    u0 set 01000000 map 0
    u0 set 02000000 map 0
    u0 set 03000000 map 0
    u0 set 02000000 map 0
    u0 delete 01000000
    u0 held 00000000
    u0 held 01000000
    u0 held 02000000
    u0 held 03000000
";

const FROZEN: &str = "
    u0 set 00000000 map 0
    u0 freeze
    u0 set 01000000 map 0
    u0 delete 00000000
    u0 held 00000000
    p0 inner 00000000 00000000
";

const WIDE: &str = "
    u0 set 000102030405060708090a0b0c0d0e0f map 0
    p0 inner 000102030405060708090a0b0c0d0e0f 01000000
    p0 inner 000102030405060708090a0b0c0d0e0e 01000000
    u0 next -
    u0 delete 000102030405060708090a0b0c0d0e0f
    u0 next -
";
