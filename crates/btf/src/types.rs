//! One BTF type, as parsed.

use crate::{Kind, StrOff};

/// The number of a type. 0 is `void`; the first type of a `.BTF` section is 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct TypeId(pub u32);

impl TypeId {
    /// `void`, or "no type".
    pub const VOID: TypeId = TypeId(0);
}

impl From<u32> for TypeId {
    fn from(id: u32) -> TypeId {
        TypeId(id)
    }
}

impl std::fmt::Display for TypeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}]", self.0)
    }
}

/// One type: its name (the empty string for an anonymous one) and what it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Type {
    /// Its name in the string table; offset 0 is "no name".
    pub name: StrOff,
    /// What it is.
    pub def: Def,
}

/// What a type is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Def {
    /// No type: id 0.
    Void,
    /// An integer.
    Int(Int),
    /// A pointer to that type.
    Ptr(TypeId),
    /// An array.
    Array(Array),
    /// A structure.
    Struct(Composite),
    /// A union.
    Union(Composite),
    /// An enumeration whose values are 32-bit numbers.
    Enum(Enum),
    /// An enumeration whose values are 64-bit numbers.
    Enum64(Enum),
    /// A forward declaration.
    Fwd(FwdKind),
    /// Another name of that type.
    Typedef(TypeId),
    /// That type, `volatile`.
    Volatile(TypeId),
    /// That type, `const`.
    Const(TypeId),
    /// That (pointer) type, `restrict`.
    Restrict(TypeId),
    /// A function.
    Func(Func),
    /// A function's prototype.
    FuncProto(FuncProto),
    /// A global variable.
    Var(Var),
    /// A data section.
    DataSec(DataSec),
    /// A floating point number of that many bytes (2, 4, 8, 12 or 16).
    Float(u32),
    /// A tag on a declaration. The tag's text is the type's name.
    DeclTag(DeclTag),
    /// A tag on a type. The tag's text is the type's name.
    TypeTag(TypeTag),
}

/// An integer type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Int {
    /// Bytes of storage.
    pub size: u32,
    /// Bits of the value; fewer than `8 * size` for a bit-field in the old encoding.
    pub bits: u8,
    /// Where the value starts in its storage, in bits (old encoding of bit-fields; otherwise 0).
    pub offset: u8,
    /// How its bits are read.
    pub encoding: IntEncoding,
}

/// How an integer's bits are to be read and shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum IntEncoding {
    /// Unsigned.
    #[default]
    Unsigned = 0,
    /// Two's complement. clang's `char` is one of these.
    Signed = 1,
    /// A character.
    Char = 2,
    /// A truth value.
    Bool = 4,
}

impl IntEncoding {
    /// The encoding with these bits, or `None`: the kernel takes no combinations (`btf_int_check_meta`).
    pub const fn from_number(number: u32) -> Option<IntEncoding> {
        match number {
            0 => Some(IntEncoding::Unsigned),
            1 => Some(IntEncoding::Signed),
            2 => Some(IntEncoding::Char),
            4 => Some(IntEncoding::Bool),
            _ => None,
        }
    }

    /// `"(none)"`, `"SIGNED"`, `"CHAR"` or `"BOOL"`, as bpftool has it.
    pub const fn name(self) -> &'static str {
        match self {
            IntEncoding::Unsigned => "(none)",
            IntEncoding::Signed => "SIGNED",
            IntEncoding::Char => "CHAR",
            IntEncoding::Bool => "BOOL",
        }
    }
}

/// An array type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Array {
    /// The type of an element.
    pub element: TypeId,
    /// The type of the index (compilers make up an `int` for it).
    pub index: TypeId,
    /// The number of elements; 0 for a flexible array.
    pub len: u32,
}

/// A structure or union.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Composite {
    /// Bytes.
    pub size: u32,
    /// Whether the members say themselves how wide their bit-fields are (`kind_flag`); if not, their integer
    /// types do.
    pub kflag: bool,
    /// The members in declaration order.
    pub members: Box<[Member]>,
}

/// A member as recorded. [`Btf::members`](crate::Btf::members) has the encodings of bit-fields resolved.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Member {
    /// Its name; offset 0 for an anonymous struct or union.
    pub name: StrOff,
    /// Its type.
    pub type_id: TypeId,
    /// Bits from the start of the structure.
    pub bit_offset: u32,
    /// Width of the bit-field as the member records it; 0: not a bit-field, or `kflag` is unset.
    pub bit_size: u8,
}

/// An enumeration.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Enum {
    /// Bytes.
    pub size: u32,
    /// Whether its values are signed (`kind_flag`).
    pub signed: bool,
    /// The named values in declaration order.
    pub values: Box<[EnumValue]>,
}

/// A named value of an enumeration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EnumValue {
    /// Its name.
    pub name: StrOff,
    /// The number: sign- or zero-extended by the enumeration's signedness; for an unsigned one of 64 bits the
    /// same bits. [`Enum::number`] gives it whole.
    pub value: i64,
}

impl Enum {
    /// The mathematical value of one of its named values.
    pub fn number(&self, value: &EnumValue) -> i128 {
        if self.signed { value.value.into() } else { (value.value as u64).into() }
    }
}

/// Whether a forward declaration is of a `struct` or of a `union`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FwdKind {
    /// `struct name;`
    Struct,
    /// `union name;`
    Union,
}

/// Who can see a function or a variable (`BTF_FUNC_*` and `BTF_VAR_*` share their numbers).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Linkage {
    /// This object alone.
    Static = 0,
    /// Everyone.
    Global = 1,
    /// Defined elsewhere: a kfunc, a kernel symbol, a Kconfig value.
    Extern = 2,
}

impl Linkage {
    /// The linkage with this number, or `None`.
    pub const fn from_number(number: u32) -> Option<Linkage> {
        match number {
            0 => Some(Linkage::Static),
            1 => Some(Linkage::Global),
            2 => Some(Linkage::Extern),
            _ => None,
        }
    }

    /// `"static"`, `"global"` or `"extern"`.
    pub const fn name(self) -> &'static str {
        match self {
            Linkage::Static => "static",
            Linkage::Global => "global",
            Linkage::Extern => "extern",
        }
    }
}

/// A function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Func {
    /// Its prototype, a [`Def::FuncProto`].
    pub proto: TypeId,
    /// Who can see it.
    pub linkage: Linkage,
}

/// A function's prototype.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FuncProto {
    /// What it returns.
    pub ret: TypeId,
    /// Its parameters. A last one without name and of type `void` stands for `...`.
    pub params: Box<[Param]>,
}

/// A parameter of a function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Param {
    /// Its name; may be empty.
    pub name: StrOff,
    /// Its type.
    pub type_id: TypeId,
}

/// A global variable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Var {
    /// Its type.
    pub type_id: TypeId,
    /// Who can see it.
    pub linkage: Linkage,
}

/// A data section.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DataSec {
    /// Bytes; 0 as compilers write it, before a loader has filled it in from the ELF section.
    pub size: u32,
    /// The variables in it.
    pub vars: Box<[SecVar]>,
}

/// A variable's place in a data section.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SecVar {
    /// The variable, a [`Def::Var`] (or a [`Def::Func`] in a section of externs).
    pub type_id: TypeId,
    /// Bytes from the start of the section; 0 as compilers write it.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
}

/// A tag on a declaration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DeclTag {
    /// What it is on: a struct, union, typedef, variable or function.
    pub target: TypeId,
    /// The member or parameter it is on; `None`: the whole declaration.
    pub component: Option<u32>,
    /// Whether the text is a C attribute (`kind_flag`, since Linux 6.15) and not a `btf_decl_tag`.
    pub attribute: bool,
}

/// A tag on a type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TypeTag {
    /// The type it is on.
    pub target: TypeId,
    /// Whether the text is a C attribute (`kind_flag`, since Linux 6.15) and not a `btf_type_tag`.
    pub attribute: bool,
}

impl Type {
    /// `void`.
    pub(crate) const VOID: Type = Type { name: StrOff(0), def: Def::Void };

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match &self.def {
            Def::Void => Kind::Void,
            Def::Int(_) => Kind::Int,
            Def::Ptr(_) => Kind::Ptr,
            Def::Array(_) => Kind::Array,
            Def::Struct(_) => Kind::Struct,
            Def::Union(_) => Kind::Union,
            Def::Enum(_) => Kind::Enum,
            Def::Enum64(_) => Kind::Enum64,
            Def::Fwd(_) => Kind::Fwd,
            Def::Typedef(_) => Kind::Typedef,
            Def::Volatile(_) => Kind::Volatile,
            Def::Const(_) => Kind::Const,
            Def::Restrict(_) => Kind::Restrict,
            Def::Func(_) => Kind::Func,
            Def::FuncProto(_) => Kind::FuncProto,
            Def::Var(_) => Kind::Var,
            Def::DataSec(_) => Kind::DataSec,
            Def::Float(_) => Kind::Float,
            Def::DeclTag(_) => Kind::DeclTag,
            Def::TypeTag(_) => Kind::TypeTag,
        }
    }

    /// The type behind a `typedef`, a qualifier or a type tag.
    pub fn modified(&self) -> Option<TypeId> {
        match self.def {
            Def::Typedef(id) => Some(id),
            _ => self.qualified(),
        }
    }

    /// The type behind a qualifier or a type tag; a `typedef` is not one.
    pub fn qualified(&self) -> Option<TypeId> {
        match self.def {
            Def::Volatile(id) | Def::Const(id) | Def::Restrict(id) => Some(id),
            Def::TypeTag(tag) => Some(tag.target),
            _ => None,
        }
    }

    /// Calls `visit` with every type that this one refers to, in recorded order.
    pub fn for_each_reference(&self, mut visit: impl FnMut(TypeId)) {
        match &self.def {
            Def::Void | Def::Int(_) | Def::Float(_) | Def::Fwd(_) | Def::Enum(_) | Def::Enum64(_) => {}
            Def::Ptr(id) | Def::Typedef(id) | Def::Volatile(id) | Def::Const(id) | Def::Restrict(id) => {
                visit(*id)
            }
            Def::TypeTag(tag) => visit(tag.target),
            Def::DeclTag(tag) => visit(tag.target),
            Def::Var(var) => visit(var.type_id),
            Def::Func(func) => visit(func.proto),
            Def::Array(array) => [array.element, array.index].into_iter().for_each(visit),
            Def::Struct(c) | Def::Union(c) => c.members.iter().for_each(|m| visit(m.type_id)),
            Def::DataSec(section) => section.vars.iter().for_each(|v| visit(v.type_id)),
            Def::FuncProto(proto) => {
                visit(proto.ret);
                proto.params.iter().for_each(|p| visit(p.type_id));
            }
        }
    }

    /// The structure or union that this is.
    pub fn composite(&self) -> Option<&Composite> {
        match &self.def {
            Def::Struct(c) | Def::Union(c) => Some(c),
            _ => None,
        }
    }

    /// The enumeration that this is, of either width.
    pub fn enumeration(&self) -> Option<&Enum> {
        match &self.def {
            Def::Enum(e) | Def::Enum64(e) => Some(e),
            _ => None,
        }
    }
}
