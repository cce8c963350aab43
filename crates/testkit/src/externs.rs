//! What the objects of `fixtures/externs` are loaded with: configurations, and kernels whose types have the symbols or not.

use std::sync::Arc;

use skep_btf::{Btf, BtfBuilder, Def, Enum, EnumValue, Error, IntEncoding, Linkage, TypeId, Var};

use crate::fixtures;

/// One load of `kconfig.bpf.o`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigCase {
    /// The line of `kconfig.cases`.
    pub text: String,
    /// The variable that is strong.
    pub strong: Option<String>,
    /// The configuration.
    pub config: String,
}

/// The loads of `kconfig.bpf.o`.
pub fn config_cases() -> Vec<ConfigCase> {
    let text = String::from_utf8(fixtures::read("externs/kconfig.cases")).unwrap_or_default();
    let is_comment = |line: &&str| line.starts_with("# ") && !line.contains("is not set");
    let lines = text.lines().filter(|line| !line.is_empty() && !is_comment(line));
    let case = |line: &str| {
        let is_name = |name: &str| name.bytes().all(|it| it.is_ascii_uppercase() || it == b'_');
        let (strong, config) = match line.split_once(':').filter(|it| is_name(it.0)) {
            Some((name, config)) => (Some(name.to_owned()), config.trim_start()),
            None => (None, line),
        };
        let config = config.split(";;").map(|it| format!("{it}\n")).collect();
        ConfigCase { text: line.to_owned(), strong, config }
    };
    lines.map(case).collect()
}

/// The types of a kernel, and of its modules by name.
#[derive(Clone, Debug)]
pub struct Target {
    /// The kernel's own.
    pub vmlinux: Arc<Btf>,
    /// The modules', on top of them.
    pub modules: Vec<(&'static str, Arc<Btf>)>,
    /// What `/proc/kallsyms` has: those symbols that have an address.
    pub kallsyms: &'static str,
}

/// One load of `ksyms.bpf.o`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolCase {
    /// The kernel: `whole`, `bare`, or `whole` with one symbol of another type: that symbol.
    pub target: &'static str,
    /// The symbol that is strong.
    pub strong: Option<&'static str>,
}

impl SymbolCase {
    /// A name for it.
    pub fn name(&self) -> String {
        format!("{} {}", self.target, self.strong.unwrap_or("-"))
    }
}

/// The symbols of `ksyms.bpf.o`.
pub const SYMBOLS: &[&str] = &[
    "place",
    "place_of_module",
    "nowhere",
    "number",
    "wide_number",
    "shape",
    "pointer",
    "array",
    "colour",
    "callback",
    "of_module",
    "not_there",
    "flavour___old",
    "plain",
    "nothing",
    "found",
    "module_plain",
    "other_module_plain",
    "missing",
    "plain___flavour",
    "plain___short",
    "in_both",
];

/// Symbols of which there is a kernel that has them with another type.
pub const OTHERS: &[&str] = &[
    "number",
    "wide_number",
    "shape",
    "pointer",
    "array",
    "colour",
    "callback",
    "of_module",
    "plain",
    "nothing",
    "found",
    "module_plain",
    "in_both",
];

/// The symbols of a kernel that has some.
const KALLSYMS: &str = "ffffffff81000010 T place\nffffffff81000020 t place_of_module\t[first]\n";

/// The release of the kernels (`uname -r`).
pub const RELEASE: &str = "6.12.34-skep";

/// The loads of `ksyms.bpf.o`.
pub fn symbol_cases() -> Vec<SymbolCase> {
    let strong = || std::iter::once(None).chain(SYMBOLS.iter().copied().map(Some));
    let whole = ["whole", "bare"]
        .into_iter()
        .flat_map(|target| strong().map(move |strong| SymbolCase { target, strong }));
    let others = OTHERS.iter().flat_map(|&target| {
        [None, Some(target)].into_iter().map(move |strong| SymbolCase { target, strong })
    });
    whole.chain(others).collect()
}

/// The kernel of a case.
///
/// # Panics
/// Its types cannot be made.
pub fn target(name: &str) -> Target {
    match make(name) {
        Ok(target) => target,
        Err(error) => panic!("{name}: {error}"),
    }
}

fn make(other: &str) -> Result<Target, Error> {
    let mut b = Builder::new(BtfBuilder::new());
    if other == "bare" {
        return Ok(Target { vmlinux: Arc::new(b.btf.build()?), modules: Vec::new(), kallsyms: "" });
    }
    let Types { int, long, shape, to_shape, .. } = b.types;
    let is = |name: &str| other == name;
    b.var("number", if is("number") { shape } else { int });
    b.var("wide_number", if is("wide_number") { int } else { long });
    let empty = b.btf.structure("other_shape", 0, &[]);
    b.var("shape", if is("shape") { empty } else { shape });
    let to_int = b.btf.add("", Def::Ptr(int));
    let pointer = b.btf.add("", Def::Const(if is("pointer") { to_int } else { to_shape }));
    b.var("pointer", pointer);
    let array = b.btf.add("", Def::Array(skep_btf::Array { element: int, index: int, len: 8 }));
    b.var("array", if is("array") { to_int } else { array });
    let colour = b.colour(is("colour"));
    b.var("colour", colour);
    let param = if is("callback") { shape } else { int };
    let proto = b.proto(int, &[param, to_shape]);
    let callback = b.btf.add("", Def::Ptr(proto));
    b.var("callback", callback);
    b.var("flavour", int);
    b.func("place", TypeId::VOID, &[]);
    b.func("plain", int, &[int, to_shape][..if is("plain") { 1 } else { 2 }]);
    b.func("nothing", if is("nothing") { int } else { TypeId::VOID }, &[]);
    b.func("found", to_shape, &[if is("found") { to_shape } else { long }]);
    b.func("in_both", int, &[if is("in_both") { to_shape } else { int }]);
    // libbpf looks for this one.
    b.func("__x64_sys_bpf", long, &[to_int]);
    let types = b.types;
    let vmlinux = Arc::new(b.btf.build()?);

    let mut first = Builder { btf: BtfBuilder::on(Arc::clone(&vmlinux)), types };
    first.var("of_module", if is("of_module") { shape } else { int });
    first.func("place_of_module", TypeId::VOID, &[]);
    first.func("module_plain", int, &[if is("module_plain") { shape } else { int }]);
    first.func("in_both", TypeId::VOID, &[]);
    let mut second = Builder { btf: BtfBuilder::on(Arc::clone(&vmlinux)), types };
    second.func("other_module_plain", int, &[int]);
    let modules = vec![("first", Arc::new(first.btf.build()?)), ("second", Arc::new(second.btf.build()?))];
    Ok(Target { vmlinux, modules, kallsyms: KALLSYMS })
}

/// Types that all symbols are made of.
#[derive(Clone, Copy)]
struct Types {
    int: TypeId,
    long: TypeId,
    shape: TypeId,
    to_shape: TypeId,
}

struct Builder {
    btf: BtfBuilder,
    types: Types,
}

impl Builder {
    fn new(mut btf: BtfBuilder) -> Builder {
        let int = btf.int("int", 4, IntEncoding::Signed);
        let long = btf.int("long unsigned int", 8, IntEncoding::Unsigned);
        let shape = btf.structure("shape", 4, &[("sides", int, 0)]);
        let to_shape = btf.add("", Def::Ptr(shape));
        Builder { btf, types: Types { int, long, shape, to_shape } }
    }

    fn var(&mut self, name: &str, type_id: TypeId) {
        self.btf.add(name, Def::Var(Var { type_id, linkage: Linkage::Global }));
    }

    fn proto(&mut self, ret: TypeId, params: &[TypeId]) -> TypeId {
        let params: Vec<(&str, TypeId)> = params.iter().map(|it| ("x", *it)).collect();
        // The function around it is nobody's.
        let func = self.btf.func("unused", Linkage::Static, ret, &params);
        TypeId(func.0 - 1)
    }

    fn func(&mut self, name: &str, ret: TypeId, params: &[TypeId]) {
        let params: Vec<(&str, TypeId)> = params.iter().map(|it| ("x", *it)).collect();
        self.btf.func(name, Linkage::Static, ret, &params);
    }

    /// The enumeration, of 4 bytes or of 8.
    fn colour(&mut self, wide: bool) -> TypeId {
        let values = ["RED", "BLUE"]
            .iter()
            .zip(0..)
            .map(|(name, value)| EnumValue { name: self.btf.string(name), value });
        let values: Box<[EnumValue]> = values.collect();
        match wide {
            false => self.btf.add("colour", Def::Enum(Enum { size: 4, signed: false, values })),
            true => self.btf.add("colour", Def::Enum64(Enum { size: 8, signed: false, values })),
        }
    }
}

/// The object with a weak symbol made strong.
///
/// # Panics
/// It has no such symbol, or is no object file.
pub fn strengthen(object: &[u8], name: &str) -> Vec<u8> {
    match strong_symbol(object, name) {
        Some(at) => {
            let mut object = object.to_vec();
            // STB_WEAK is 2, STB_GLOBAL 1, both in the upper half of st_info.
            object[at] = 1 << 4 | object[at] & 15;
            object
        }
        None => panic!("the object has no symbol {name}"),
    }
}

/// Where the `st_info` of a symbol is in a little-endian 64-bit ELF file.
fn strong_symbol(elf: &[u8], name: &str) -> Option<usize> {
    let word = |at: usize, len: usize| -> Option<usize> {
        let bytes = elf.get(at..at.checked_add(len)?)?;
        Some(bytes.iter().rev().fold(0, |it, byte| it << 8 | usize::from(*byte)))
    };
    let (headers, count) = (word(0x28, 8)?, word(0x3c, 2)?);
    let section = |index: usize| {
        let at = headers + index * 64;
        Some((word(at + 4, 4)?, word(at + 0x18, 8)?, word(at + 0x20, 8)?, word(at + 0x28, 4)?))
    };
    // SHT_SYMTAB is 2.
    let (_, symbols, size, link) = (0..count).filter_map(section).find(|it| it.0 == 2)?;
    let (_, strings, ..) = section(link)?;
    (symbols..symbols + size).step_by(24).map(|at| at + 4).find(|info| {
        let named = word(info - 4, 4).and_then(|it| elf.get(strings + it..));
        named.and_then(|it| it.strip_prefix(name.as_bytes())).is_some_and(|rest| rest.first() == Some(&0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_btf::Kind;

    #[test]
    fn cases_are_read() {
        let cases = config_cases();
        assert!(cases.len() > 80, "{}", cases.len());
        let strong = cases.iter().find(|it| it.text == "CONFIG_BOOL: CONFIG_BOOL=n").unwrap();
        assert_eq!(
            (strong.strong.as_deref(), strong.config.as_str()),
            (Some("CONFIG_BOOL"), "CONFIG_BOOL=n\n")
        );
        assert!(cases.iter().any(|it| it.config == "CONFIG_BOOL=y\nCONFIG_BOOL=n\n"));
        assert!(cases.iter().any(|it| it.config == "# CONFIG_BOOL is not set\n"));
        assert_eq!(symbol_cases().len(), 2 * (1 + SYMBOLS.len()) + 2 * OTHERS.len());
    }

    #[test]
    fn targets_have_their_symbols() {
        let whole = target("whole");
        assert!(whole.vmlinux.find(Kind::Var, "number").is_some());
        assert_eq!(whole.modules.iter().map(|it| it.0).collect::<Vec<_>>(), ["first", "second"]);
        for other in OTHERS {
            let other = target(other);
            let same = *other.vmlinux == *whole.vmlinux
                && other.modules.iter().zip(&whole.modules).all(|(a, b)| a.1 == b.1);
            assert!(!same, "{other:?}");
        }
        assert!(target("bare").modules.is_empty());
    }

    #[test]
    fn a_symbol_becomes_strong() {
        let object = fixtures::object("externs/ksyms");
        let weak = |bytes: &[u8], name: &str| {
            let object = skep_object::Object::parse(bytes).unwrap();
            object.externs.iter().find(|it| it.name == *name).unwrap().weak
        };
        for name in SYMBOLS {
            assert!(weak(&object, name));
            assert!(!weak(&strengthen(&object, name), name), "{name}");
        }
    }
}
