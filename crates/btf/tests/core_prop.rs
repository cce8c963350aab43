//! Structures that are taken apart and put together in another order: whatever a relocated instruction reads, it is the
//! field that the source names.

use proptest::prelude::*;
use skep_btf::core::{Outcome, Patched, ReloKind, Relocator, Target, patch};
use skep_btf::{
    Array, Btf, BtfBuilder, Composite, CoreRelo, Def, IntEncoding, Member, StrOff, TypeId, Value,
};
use skep_isa::Insn;

/// A number of a structure.
#[derive(Clone, Debug)]
struct Leaf {
    name: String,
    /// Bytes.
    size: u32,
    signed: bool,
    /// Width, if it is a bit-field.
    bits: Option<u32>,
    /// Elements, if it is an array.
    len: Option<u32>,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Leaf),
    /// A structure or union, maybe anonymous.
    Group {
        name: String,
        is_union: bool,
        nodes: Vec<Node>,
    },
}

fn leaf() -> impl Strategy<Value = Node> {
    let size = prop_oneof![Just(1u32), Just(2), Just(4), Just(8)];
    (size, any::<bool>(), prop::option::weighted(0.3, 1u32..64), prop::option::weighted(0.2, 1u32..5))
        .prop_map(|(size, signed, bits, len)| {
            let bits = bits.map(|bits| bits.min(size * 8));
            Node::Leaf(Leaf { name: String::new(), size, signed, bits, len: len.filter(|_| bits.is_none()) })
        })
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let tree = leaf().prop_recursive(3, 24, 6, |inner| {
        (any::<bool>(), any::<bool>(), prop::collection::vec(inner, 1..6)).prop_map(
            |(named, is_union, nodes)| {
                let name = if named { "g".to_owned() } else { String::new() };
                Node::Group { name, is_union, nodes }
            },
        )
    });
    prop::collection::vec(tree, 1..8).prop_map(|mut nodes| {
        number(&mut nodes, &mut 0);
        nodes
    })
}

/// Gives everything that has to have one a name of its own.
fn number(nodes: &mut [Node], next: &mut u32) {
    for node in nodes {
        *next += 1;
        match node {
            Node::Leaf(leaf) => leaf.name = format!("f{next}"),
            Node::Group { name, nodes, .. } => {
                if !name.is_empty() {
                    *name = format!("g{next}");
                }
                number(nodes, next);
            }
        }
    }
}

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

/// The same fields elsewhere: shuffled, padded, put into anonymous structures, unsigned ones wider or narrower.
fn moved(nodes: &[Node], dice: &mut Dice) -> Vec<Node> {
    let mut out: Vec<Node> = nodes
        .iter()
        .map(|node| match node {
            Node::Leaf(leaf) => {
                let mut leaf = leaf.clone();
                if !leaf.signed && leaf.bits.is_none() && leaf.len.is_none() && dice.roll(2) == 0 {
                    leaf.size = 1 << dice.roll(4);
                }
                leaf.len = leaf.len.map(|len| len + dice.roll(3) as u32);
                Node::Leaf(leaf)
            }
            Node::Group { name, is_union, nodes } => {
                Node::Group { name: name.clone(), is_union: *is_union, nodes: moved(nodes, dice) }
            }
        })
        .collect();
    for at in (1..out.len()).rev() {
        out.swap(at, dice.roll(at + 1));
    }
    if dice.roll(2) == 0 {
        let pad = Leaf {
            name: format!("pad{}", dice.roll(1 << 20)),
            size: 1 << dice.roll(4),
            signed: true,
            bits: None,
            len: Some(1 + dice.roll(9) as u32),
        };
        out.insert(dice.roll(out.len() + 1), Node::Leaf(pad));
    }
    if dice.roll(3) == 0 {
        let tail = out.split_off(dice.roll(out.len()));
        out.push(Node::Group { name: String::new(), is_union: false, nodes: tail });
    }
    out
}

/// Makes types of structures.
struct Maker {
    b: BtfBuilder,
    ints: Vec<(u32, bool, TypeId)>,
}

impl Maker {
    fn new() -> Maker {
        let mut maker = Maker { b: BtfBuilder::new(), ints: Vec::new() };
        for (size, signed) in [1, 2, 4, 8].into_iter().flat_map(|size| [(size, false), (size, true)]) {
            let encoding = if signed { IntEncoding::Signed } else { IntEncoding::Unsigned };
            let id =
                maker.b.int(&format!("{}int{size}", if signed { "" } else { "u" }), size as u8, encoding);
            maker.ints.push((size, signed, id));
        }
        maker
    }

    /// The type, its size and its alignment in bytes.
    fn group(&mut self, name: &str, is_union: bool, nodes: &[Node]) -> (TypeId, u32, u32) {
        let (mut members, mut bit, mut size, mut align) = (Vec::new(), 0u32, 0u32, 1u32);
        for node in nodes {
            let (name, type_id, bits, unit, node_align) = match node {
                Node::Leaf(leaf) => {
                    let int = self.ints.iter().find(|it| (it.0, it.1) == (leaf.size, leaf.signed)).unwrap().2;
                    let (id, bytes) = match leaf.len {
                        None => (int, leaf.size),
                        Some(len) => {
                            let array = Array { element: int, index: int, len };
                            (self.b.add("", Def::Array(array)), leaf.size * len)
                        }
                    };
                    (leaf.name.as_str(), id, leaf.bits.unwrap_or(bytes * 8), bytes * 8, leaf.size)
                }
                Node::Group { name, is_union, nodes } => {
                    let (id, size, align) = self.group("", *is_union, nodes);
                    (name.as_str(), id, size * 8, size * 8, align)
                }
            };
            let is_bits = matches!(node, Node::Leaf(Leaf { bits: Some(_), .. }));
            if is_union {
                bit = 0;
            } else if !is_bits || bit % unit + bits > unit {
                bit = bit.next_multiple_of(node_align * 8);
            }
            let (name, bit_size) = (self.b.string(name), if is_bits { bits as u8 } else { 0 });
            members.push(Member { name, type_id, bit_offset: bit, bit_size });
            bit += bits;
            size = size.max(bit.div_ceil(8));
            align = align.max(node_align);
        }
        let size = size.next_multiple_of(align);
        let composite = Composite { size, kflag: true, members: members.into() };
        let def = if is_union { Def::Union(composite) } else { Def::Struct(composite) };
        (self.b.add(name, def), size, align)
    }
}

/// A field of the object: its access string, its path in C, and what it is.
struct Field {
    access: String,
    path: String,
    leaf: Leaf,
}

fn fields(nodes: &[Node], access: &str, path: &str, out: &mut Vec<Field>) {
    for (index, node) in nodes.iter().enumerate() {
        let access = format!("{access}:{index}");
        match node {
            Node::Leaf(leaf) => {
                let (mut access, mut path) = (access, format!("{path}{}", leaf.name));
                if let Some(len) = leaf.len {
                    access += &format!(":{}", len - 1);
                    path += &format!("[{}]", len - 1);
                }
                out.push(Field { access, path, leaf: leaf.clone() });
            }
            Node::Group { name, nodes, .. } => {
                let path = if name.is_empty() { path.to_owned() } else { format!("{path}{name}.") };
                fields(nodes, &access, &path, out);
            }
        }
    }
}

/// An object and a kernel, with the same structure laid out differently.
struct Pair {
    local: Btf,
    root: TypeId,
    fields: Vec<(Field, StrOff)>,
    target: Btf,
    target_root: TypeId,
}

fn pair(nodes: &[Node], other: &[Node]) -> Pair {
    let mut maker = Maker::new();
    let (root, ..) = maker.group("thing___mine", false, nodes);
    let mut found = Vec::new();
    fields(nodes, "0", "", &mut found);
    let fields = found.into_iter().map(|field| {
        let access = maker.b.string(&field.access);
        (field, access)
    });
    let fields = fields.collect();
    let mut kernel = Maker::new();
    let (target_root, ..) = kernel.group("thing", false, other);
    Pair { local: maker.b.build().unwrap(), root, fields, target: kernel.b.build().unwrap(), target_root }
}

impl Pair {
    fn ask(&self, access: StrOff, kind: ReloKind) -> Outcome {
        let relo = CoreRelo { insn_off: 0, type_id: self.root, access, kind: kind.number() };
        Relocator::new(&self.local, Target::new(&self.target)).relocate(&relo).unwrap()
    }

    fn number(&self, access: StrOff, kind: ReloKind) -> u64 {
        self.ask(access, kind).value.unwrap()
    }

    /// What `BPF_CORE_READ_BITFIELD` reads.
    fn bitfield(&self, access: StrOff, bytes: &[u8]) -> i128 {
        let at = self.number(access, ReloKind::FieldByteOffset) as usize;
        let size = self.number(access, ReloKind::FieldByteSize) as usize;
        let loaded = little_endian(&bytes[at..at + size]);
        let left = loaded << self.number(access, ReloKind::FieldLshiftU64);
        let right = self.number(access, ReloKind::FieldRshiftU64);
        match self.number(access, ReloKind::FieldSigned) {
            0 => (left >> right).into(),
            _ => (left as i64 >> right).into(),
        }
    }

    /// What a load that was compiled for the object's own layout reads.
    fn load(&self, access: StrOff, leaf: &Leaf, bytes: &[u8]) -> u64 {
        let outcome = self.ask(access, ReloKind::FieldByteOffset);
        let code =
            0x61 | [(4, 0), (2, 8), (1, 0x10), (8, 0x18)].iter().find(|it| it.0 == leaf.size).unwrap().1;
        let mut insns = [Insn::new(code, 0, 1, outcome.original as i16, 0)];
        assert_eq!(patch(&mut insns, 0, &outcome), Ok(Patched::Relocated));
        let size = [4, 2, 1, 8][usize::from(insns[0].code >> 3 & 3)];
        let at = insns[0].off as usize;
        little_endian(&bytes[at..at + size])
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn value_of(leaf: &Leaf, target: &Leaf, bits: u64) -> i128 {
    let width = leaf.bits.unwrap_or(leaf.size.min(target.size) * 8);
    let cut = i128::from(bits) & ((1 << width) - 1);
    if leaf.signed && cut >> (width - 1) & 1 == 1 { cut - (1 << width) } else { cut }
}

fn find<'n>(nodes: &'n [Node], name: &str) -> Option<&'n Leaf> {
    nodes.iter().find_map(|node| match node {
        Node::Leaf(leaf) => (leaf.name == name).then_some(leaf),
        Node::Group { nodes, .. } => find(nodes, name),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn relocated_accesses_read_the_right_field(nodes in nodes(), seed: u64, content: u64) {
        let other = moved(&nodes, &mut Dice(seed));
        let pair = pair(&nodes, &other);
        let size = pair.target.size_of(pair.target_root).unwrap() as usize;
        for (field, access) in &pair.fields {
            let target_leaf = find(&other, &field.leaf.name).unwrap();
            let value = value_of(&field.leaf, target_leaf, content);
            let mut bytes = vec![0x5a; size];
            let written = if field.leaf.signed { Value::Int(value) } else { Value::from(value as u64) };
            pair.target.set(pair.target_root, &mut bytes, &field.path, &written).unwrap();
            prop_assert_eq!(pair.number(*access, ReloKind::FieldExists), 1);
            if field.leaf.len.is_none() {
                prop_assert_eq!(pair.bitfield(*access, &bytes), value, "{}", field.path);
            }
            if field.leaf.bits.is_none() {
                let size = pair.number(*access, ReloKind::FieldByteSize);
                prop_assert_eq!(size, u64::from(target_leaf.size));
                let mask = u64::MAX >> (64 - target_leaf.size * 8);
                prop_assert_eq!(pair.load(*access, &field.leaf, &bytes), value as u64 & mask, "{}", field.path);
            }
        }
    }

    #[test]
    fn what_was_left_out_is_missed(nodes in nodes(), seed: u64, which: prop::sample::Index) {
        let mut all = Vec::new();
        fields(&nodes, "0", "", &mut all);
        let gone = which.get(&all).leaf.name.clone();
        let mut other = moved(&nodes, &mut Dice(seed));
        rename(&mut other, &gone);
        let pair = pair(&nodes, &other);
        for (field, access) in &pair.fields {
            let there = field.leaf.name != gone;
            let outcome = pair.ask(*access, ReloKind::FieldByteOffset);
            prop_assert_eq!(outcome.value.is_some(), there, "{}", field.path);
            prop_assert_eq!(pair.number(*access, ReloKind::FieldExists), u64::from(there));
            if !there {
                let mut insns = [Insn::new(0x61, 0, 1, outcome.original as i16, 0)];
                prop_assert_eq!(patch(&mut insns, 0, &outcome), Ok(Patched::Missing));
            }
        }
    }
}

fn rename(nodes: &mut [Node], gone: &str) {
    for node in nodes {
        match node {
            Node::Leaf(leaf) if leaf.name == gone => leaf.name += "_renamed",
            Node::Leaf(_) => {}
            Node::Group { nodes, .. } => rename(nodes, gone),
        }
    }
}
