//! Properties: nothing given to this crate makes it panic or grow out of bounds; what it makes, it reads.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use skep_btf::*;

mod objects;
use objects::OBJECTS;

/// Asks everything of every type; answers do not matter.
fn exercise(btf: &Btf) {
    let zeros = [0; 256];
    for (id, ty) in btf.types().take(300) {
        let _ = (btf.describe(id), btf.declare(id), btf.c_type(id), btf.size_of(id), btf.align_of(id));
        let _ = (btf.find(ty.kind(), btf.name(id)), btf.func_proto(id), btf.decl_tags(id).count());
        let _ = btf.format_value(id, &zeros);
        if let Ok(value) = btf.decode(id, &zeros) {
            let _ = (value.to_string(), btf.encode(id, &value));
        }
        for member in btf.members(id).take(20) {
            let _ = btf.field(id, member.name);
        }
        let _ = btf.field(id, "a[1].b[2]");
        assert!(btf.same_type(id, btf, id));
    }
    assert_eq!(Btf::parse(&btf.to_bytes()).as_ref(), Ok(btf));
}

/// A section of one of the objects with a few bytes changed.
fn mutated(section: fn(&objects::Object) -> &'static [u8]) -> impl Strategy<Value = (usize, Vec<u8>)> {
    let change = (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(0), Just(1), Just(0xff)]);
    (0..OBJECTS.len(), vec(change, 1..8), any::<Option<prop::sample::Index>>()).prop_map(
        move |(object, changes, cut)| {
            let mut bytes = section(&OBJECTS[object]).to_vec();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut.filter(|_| object == 0) {
                bytes.truncate(cut.index(bytes.len()));
            }
            (object, bytes)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..512)) {
        if let Ok(btf) = Btf::parse(&bytes) {
            exercise(&btf);
        }
    }

    /// Words behind a good header: more of them get past the first checks.
    #[test]
    fn any_types(words in vec(prop_oneof![0..8u32, (0..20u32, 0..3u32).prop_map(|(k, v)| k << 24 | v), any::<u32>()], 0..64)) {
        let len = words.len() as u32 * 4;
        let words = [0x1_eb9f, 24, 0, len, len, 8].into_iter().chain(words);
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).chain(*b"\0a\0b\0cd\0").collect();
        if let Ok(btf) = Btf::parse(&bytes) {
            exercise(&btf);
        }
    }

    #[test]
    fn mutated_btf((_, bytes) in mutated(|object| object.btf)) {
        if let Ok(btf) = Btf::parse(&bytes) {
            exercise(&btf);
        }
        if let Ok(btf) = Btf::parse_split(&bytes, Arc::new(OBJECTS[1].btf())) {
            prop_assert_eq!(btf.to_bytes().len() <= bytes.len() + 24, true);
        }
    }

    #[test]
    fn mutated_ext((object, bytes) in mutated(|object| object.btf_ext)) {
        let btf = OBJECTS[object].btf();
        if let Ok(ext) = BtfExt::parse(&bytes, &btf) {
            prop_assert_eq!(BtfExt::parse(&ext.to_bytes(), &btf), Ok(ext));
        }
    }
}

/// One type to build, from numbers: kinds, sizes and references to types before it.
#[derive(Clone, Debug)]
enum Recipe {
    Int { size: u8, encoding: IntEncoding },
    Float(bool),
    Ptr(u32),
    Array { of: u32, len: u32 },
    Struct(Vec<(u32, u8)>),
    Union(Vec<u32>),
    Enum(Vec<i64>),
    Modifier { kind: u8, of: u32 },
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let id = any::<u32>();
    prop_oneof![
        (0..5u32, 0..6u8).prop_map(|(log, encoding)| match (log, encoding) {
            (0, 0) => Recipe::Int { size: 1, encoding: IntEncoding::Bool },
            (0, 1) => Recipe::Int { size: 1, encoding: IntEncoding::Char },
            (_, 2 | 3) => Recipe::Int { size: 1 << log, encoding: IntEncoding::Signed },
            _ => Recipe::Int { size: 1 << log, encoding: IntEncoding::Unsigned },
        }),
        any::<bool>().prop_map(Recipe::Float),
        id.prop_map(Recipe::Ptr),
        (id, 0..6u32).prop_map(|(of, len)| Recipe::Array { of, len }),
        vec((id, 0..20u8), 0..6).prop_map(Recipe::Struct),
        vec(id, 0..4).prop_map(Recipe::Union),
        vec(prop_oneof![-3..100i64, any::<i64>(), any::<i32>().prop_map(i64::from)], 1..5)
            .prop_map(Recipe::Enum),
        (0..5u8, id).prop_map(|(kind, of)| Recipe::Modifier { kind, of }),
    ]
}

/// Builds types from recipes; what would be invalid is left out. Members are laid out as a compiler would, or
/// packed as bit-fields.
struct Kitchen {
    builder: BtfBuilder,
    /// Size of every type so far, from id 1.
    sizes: Vec<u64>,
    /// Levels of containment.
    depths: Vec<u32>,
    /// Whether it is an integer, and so may be a bit-field.
    ints: Vec<bool>,
}

impl Kitchen {
    fn pick(&self, number: u32) -> Option<(TypeId, usize)> {
        let index = (number as usize).checked_rem(self.sizes.len())?;
        (self.sizes[index] < 1 << 12 && self.depths[index] < 12).then_some((TypeId(index as u32 + 1), index))
    }

    fn done(&mut self, size: u64, depth: u32, int: bool) {
        self.sizes.push(size);
        self.depths.push(depth);
        self.ints.push(int);
    }

    fn cook(&mut self, recipe: &Recipe) {
        let name = format!("t{}", self.sizes.len());
        match recipe {
            Recipe::Int { size, encoding } => {
                self.builder.int(&name, *size, *encoding);
                self.done((*size).into(), 0, true);
            }
            Recipe::Float(double) => {
                let size = if *double { 8 } else { 4 };
                self.builder.add(&name, Def::Float(size));
                self.done(size.into(), 0, false);
            }
            Recipe::Ptr(to) => {
                let to = to % (self.sizes.len() as u32 + 1);
                self.builder.add("", Def::Ptr(TypeId(to)));
                self.done(8, 0, false);
            }
            Recipe::Array { of, len } => {
                let Some((element, index)) = self.pick(*of) else { return };
                self.builder.add("", Def::Array(Array { element, index: element, len: *len }));
                self.done(self.sizes[index] * u64::from(*len), self.depths[index] + 1, false);
            }
            Recipe::Struct(members) => self.composite(&name, members),
            Recipe::Union(members) => {
                let picked: Vec<_> = members.iter().filter_map(|of| self.pick(*of)).collect();
                let size = picked.iter().map(|(_, index)| self.sizes[*index]).max().unwrap_or(0);
                let depth = picked.iter().map(|(_, index)| self.depths[*index]).max().unwrap_or(0);
                let names: Vec<_> = (0..picked.len()).map(|i| format!("m{i}")).collect();
                let members: Vec<_> =
                    names.iter().zip(&picked).map(|(name, (id, _))| (name.as_str(), *id)).collect();
                self.builder.union(&name, size as u32, &members);
                self.done(size, depth + 1, false);
            }
            Recipe::Enum(values) => {
                let names: Vec<_> = (0..values.len()).map(|i| format!("{name}_{i}")).collect();
                let pairs: Vec<_> =
                    names.iter().zip(values).map(|(name, value)| (name.as_str(), *value)).collect();
                self.builder.enumeration(&name, &pairs);
                let built = self.builder.clone().build().unwrap();
                let size = built.size_of(built.end_id() - 1).unwrap();
                self.done(size, 0, false);
            }
            Recipe::Modifier { kind, of } => {
                let Some((id, index)) = self.pick(*of) else { return };
                let (name, def) = match kind {
                    0 => (name.as_str(), Def::Typedef(id)),
                    1 => ("", Def::Const(id)),
                    2 => ("", Def::Volatile(id)),
                    3 => ("tag", Def::TypeTag(TypeTag { target: id, attribute: false })),
                    _ => ("", Def::Restrict(id)),
                };
                self.builder.add(name, def);
                self.done(self.sizes[index], self.depths[index] + 1, self.ints[index]);
            }
        }
    }

    fn composite(&mut self, name: &str, members: &[(u32, u8)]) {
        let (mut at, mut depth, mut list) = (0u64, 0, Vec::new());
        for (number, (of, bits)) in members.iter().enumerate() {
            let Some((type_id, index)) = self.pick(*of) else { continue };
            let size = self.sizes[index];
            let bit_size = if self.ints[index] && u64::from(*bits) < size * 8 { *bits } else { 0 };
            if bit_size == 0 {
                at = at.next_multiple_of(8);
            }
            let name = self.builder.string(&format!("m{number}"));
            list.push(Member { name, type_id, bit_offset: at as u32, bit_size });
            at += if bit_size == 0 { size * 8 } else { bit_size.into() };
            depth = depth.max(self.depths[index]);
        }
        let size = at.div_ceil(8);
        let composite = Composite { size: size as u32, kflag: true, members: list.into() };
        self.builder.add(name, Def::Struct(composite));
        self.done(size, depth + 1, false);
    }
}

fn generated() -> impl Strategy<Value = Btf> {
    vec(recipe(), 1..40).prop_map(|recipes| {
        let mut kitchen = Kitchen { builder: BtfBuilder::new(), sizes: vec![], depths: vec![], ints: vec![] };
        recipes.iter().for_each(|recipe| kitchen.cook(recipe));
        let btf = kitchen.builder.build().unwrap();
        for (index, size) in kitchen.sizes.iter().enumerate() {
            assert_eq!(btf.size_of(index as u32 + 1), Ok(*size));
        }
        btf
    })
}

/// A NaN is not equal to itself, nor is a value with one in it.
fn is_comparable(value: &Value) -> bool {
    value.clone() == *value
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_btf_round_trips(btf in generated()) {
        exercise(&btf);
    }

    #[test]
    fn values_round_trip(btf in generated(), seed in vec(any::<u8>(), 1..64), noise in any::<u8>()) {
        for (id, _) in btf.types() {
            let Ok(size) = btf.size_of(id) else { continue };
            let bytes: Vec<u8> = seed.iter().cycle().take(size as usize).copied().collect();
            let Ok(value) = btf.decode(id, &bytes) else { continue };
            if !is_comparable(&value) {
                continue;
            }
            // Whatever was there before: all that the value says is stored.
            let mut again = vec![noise; size as usize];
            prop_assert_eq!(btf.set(id, &mut again, "", &value), Ok(()));
            prop_assert_eq!(btf.decode(id, &again).unwrap(), value);
        }
    }

    /// A number stored by path is read back, and no other member changes, unless in a union.
    #[test]
    fn fields_do_not_touch_each_other(btf in generated(), fill in any::<u8>()) {
        for (id, ty) in btf.types().filter(|(_, ty)| matches!(ty.def, Def::Struct(_))) {
            let size = btf.size_of(id).unwrap() as usize;
            for member in btf.members(id) {
                let mut bytes = vec![fill; size];
                let place = btf.field(id, member.name).unwrap();
                prop_assert_eq!(place.bit_offset, u64::from(member.bit_offset));
                if place.write(&mut bytes, !u128::from(fill)).is_none() {
                    continue;
                }
                for other in btf.members(id).filter(|other| other.name != member.name) {
                    let place = btf.field(id, other.name).unwrap();
                    prop_assert_eq!(place.read(&bytes), place.read(&vec![fill; size]), "{:?}", ty);
                }
            }
        }
    }
}
