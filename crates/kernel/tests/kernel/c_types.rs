//! BTF from a few lines of C, for tests of kernel objects.

use skep_btf::{Array, Btf, BtfBuilder, Composite, Def, FwdKind, Int, IntEncoding, Member, TypeId, TypeTag};
use std::collections::HashMap;
use std::iter::Peekable;
use std::vec::IntoIter;

const INTS: [(&str, u32, IntEncoding); 9] = [
    ("char", 1, IntEncoding::Signed),
    ("u8", 1, IntEncoding::Unsigned),
    ("u16", 2, IntEncoding::Unsigned),
    ("short", 2, IntEncoding::Signed),
    ("int", 4, IntEncoding::Signed),
    ("u32", 4, IntEncoding::Unsigned),
    ("long", 8, IntEncoding::Signed),
    ("u64", 8, IntEncoding::Unsigned),
    ("bool", 1, IntEncoding::Bool),
];

/// The types that a piece of C declares: structs and unions, pointers, arrays, bit-fields, anonymous members, `const` and
/// `__user`. Layout is that of x86-64. What is named and not declared is a forward declaration.
pub(crate) fn c_types(text: &str) -> Btf {
    let mut spaced = String::new();
    for c in text.chars() {
        match c.is_alphanumeric() || c == '_' {
            true => spaced.push(c),
            false => spaced.extend([' ', c, ' ']),
        }
    }
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser::default();
    for (name, size, encoding) in INTS {
        let def = Def::Int(Int { size, bits: size as u8 * 8, offset: 0, encoding });
        let id = parser.add(name, def, size, size);
        parser.named.insert(name.to_owned(), id);
    }
    parser.named.insert("void".to_owned(), TypeId::VOID);
    // Structs get their ids first, so that pointers can be to later ones.
    for three in tokens.windows(3) {
        if let [word @ ("struct" | "union"), name, "{"] = *three {
            let id = parser.add(name, Def::Void, 0, 1);
            parser.named.insert(format!("{word} {name}"), id);
        }
    }
    parser.tokens = tokens.into_iter().map(str::to_owned).collect::<Vec<_>>().into_iter().peekable();
    while parser.tokens.peek().is_some() {
        parser.base();
        parser.expect(";");
    }
    for (name, def) in &parser.types {
        parser.builder.add(name, def.clone());
    }
    parser.builder.build().expect("the C of a test is fine")
}

struct Parser {
    tokens: Peekable<IntoIter<String>>,
    builder: BtfBuilder,
    named: HashMap<String, TypeId>,
    types: Vec<(String, Def)>,
    /// Bytes and alignment, by index.
    sizes: Vec<(u32, u32)>,
}

impl Default for Parser {
    fn default() -> Parser {
        Parser {
            tokens: Vec::new().into_iter().peekable(),
            builder: BtfBuilder::new(),
            named: HashMap::new(),
            types: Vec::new(),
            sizes: Vec::new(),
        }
    }
}

impl Parser {
    fn add(&mut self, name: &str, def: Def, size: u32, align: u32) -> TypeId {
        self.types.push((name.to_owned(), def));
        self.sizes.push((size, align));
        TypeId(self.types.len() as u32)
    }

    fn next(&mut self) -> String {
        self.tokens.next().expect("the C goes on")
    }

    fn eat(&mut self, token: &str) -> bool {
        self.tokens.next_if(|it| it == token).is_some()
    }

    fn at(&mut self, tokens: &[&str]) -> bool {
        self.tokens.peek().is_some_and(|it| tokens.contains(&it.as_str()))
    }

    fn expect(&mut self, token: &str) {
        assert_eq!(self.next(), token);
    }

    /// A type, before the name of what has it.
    fn base(&mut self) -> TypeId {
        if self.eat("const") {
            let target = self.base();
            let (size, align) = self.size(target);
            return self.add("", Def::Const(target), size, align);
        }
        let word = self.next();
        if !matches!(word.as_str(), "struct" | "union") {
            return *self.named.get(&word).unwrap_or_else(|| panic!("there is no type {word}"));
        }
        let name = if self.at(&["{"]) { String::new() } else { self.next() };
        let key = format!("{word} {name}");
        if self.eat("{") {
            let id = match self.named.get(&key) {
                Some(id) => *id,
                None => self.add("", Def::Void, 0, 1),
            };
            self.body(id, word == "union");
            return id;
        }
        if let Some(id) = self.named.get(&key) {
            return *id;
        }
        let kind = if word == "union" { FwdKind::Union } else { FwdKind::Struct };
        let id = self.add(&name, Def::Fwd(kind), 0, 1);
        self.named.insert(key, id);
        id
    }

    fn body(&mut self, id: TypeId, union: bool) {
        let mut members = Vec::new();
        let (mut bits, mut size, mut most) = (0u32, 0u32, 1u32);
        while !self.eat("}") {
            let base = self.base();
            let (name, type_id, width) = self.declarator(base);
            let (bytes, align) = self.size(type_id);
            let at = match width {
                _ if union => 0,
                Some(width) if bits / (bytes * 8) == (bits + width - 1) / (bytes * 8) => bits,
                _ => bits.next_multiple_of(align * 8),
            };
            bits = at + width.unwrap_or(bytes * 8);
            size = size.max(bits.div_ceil(8));
            most = most.max(align);
            let name = self.builder.string(&name);
            members.push(Member { name, type_id, bit_offset: at, bit_size: width.unwrap_or(0) as u8 });
            self.expect(";");
        }
        let size = size.next_multiple_of(most);
        let composite = Composite { size, kflag: true, members: members.into() };
        let index = id.0 as usize - 1;
        self.types[index].1 = if union { Def::Union(composite) } else { Def::Struct(composite) };
        self.sizes[index] = (size, most);
    }

    /// `* __user name [n] : bits`.
    fn declarator(&mut self, base: TypeId) -> (String, TypeId, Option<u32>) {
        let mut id = base;
        loop {
            if self.eat("__user") {
                id = self.add("user", Def::TypeTag(TypeTag { target: id, attribute: false }), 0, 1);
            } else if self.eat("*") {
                id = self.add("", Def::Ptr(id), 8, 8);
            } else {
                break;
            }
        }
        let name = if self.at(&[";", "[", ":"]) { String::new() } else { self.next() };
        let mut lens = Vec::new();
        while self.eat("[") {
            lens.push(if self.at(&["]"]) { 0 } else { self.next().parse().expect("a length") });
            self.expect("]");
        }
        for len in lens.into_iter().rev() {
            let (bytes, align) = self.size(id);
            let index = self.named["int"];
            id = self.add("", Def::Array(Array { element: id, index, len }), bytes * len, align);
        }
        let width = self.eat(":").then(|| self.next().parse().expect("a width"));
        (name, id, width)
    }

    fn size(&self, id: TypeId) -> (u32, u32) {
        (id.0 as usize).checked_sub(1).map_or((0, 1), |index| self.sizes[index])
    }
}
