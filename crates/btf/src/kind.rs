//! The vocabulary of BTF kinds: one table.

/// Parts of a type's head that most kinds have no use for.
enum Part {
    Flag,
    Vlen,
}

/// Declares the kinds once; number, name and lookups are derived.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal, [$($uses:ident)*];)*) => {
        /// What sort of thing a type is (`BTF_KIND_*` in the kernel's `uapi/linux/btf.h`).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Kind { $($(#[$doc])* $name = $number,)* }

        impl Kind {
            /// Every kind, in the order of their numbers.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The kind with this number in a `.BTF` section, or `None`.
            pub const fn from_number(number: u32) -> Option<Kind> {
                match number { $($number => Some(Kind::$name),)* _ => None }
            }

            /// The name `bpftool btf dump` gives it: `"INT"`, `"FUNC_PROTO"`.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$name => $text,)* }
            }

            /// What of a type's head it uses beside name and kind.
            const fn uses(self) -> &'static [Part] {
                match self { $(Kind::$name => &[$(Part::$uses,)*],)* }
            }
        }
    };
}

kinds! {
    /// No type at all: id 0, and what a `void *` points to. Never written to a file.
    Void = 0, "VOID", [];
    /// An integer, `bool` or `char`.
    Int = 1, "INT", [];
    /// A pointer.
    Ptr = 2, "PTR", [];
    /// An array of a fixed number of elements.
    Array = 3, "ARRAY", [];
    /// A `struct`.
    Struct = 4, "STRUCT", [Flag Vlen];
    /// A `union`.
    Union = 5, "UNION", [Flag Vlen];
    /// An enumeration of 32-bit (or narrower) values.
    Enum = 6, "ENUM", [Flag Vlen];
    /// A `struct` or `union` that is only declared.
    Fwd = 7, "FWD", [Flag];
    /// A `typedef`.
    Typedef = 8, "TYPEDEF", [];
    /// The `volatile` qualifier.
    Volatile = 9, "VOLATILE", [];
    /// The `const` qualifier.
    Const = 10, "CONST", [];
    /// The `restrict` qualifier.
    Restrict = 11, "RESTRICT", [];
    /// A function: a name for a prototype.
    Func = 12, "FUNC", [Vlen];
    /// A function's prototype.
    FuncProto = 13, "FUNC_PROTO", [Vlen];
    /// A global variable.
    Var = 14, "VAR", [];
    /// A data section (`.bss`, `.maps`, ...) and the variables in it.
    DataSec = 15, "DATASEC", [Vlen];
    /// A floating point number.
    Float = 16, "FLOAT", [];
    /// A `btf_decl_tag` on a declaration, a member or a parameter.
    DeclTag = 17, "DECL_TAG", [Flag];
    /// A `btf_type_tag` on a type.
    TypeTag = 18, "TYPE_TAG", [Flag];
    /// An enumeration of 64-bit values.
    Enum64 = 19, "ENUM64", [Flag Vlen];
}

impl Kind {
    /// Whether it has a use for `kind_flag`; it must be unset otherwise.
    pub(crate) fn has_flag(self) -> bool {
        self.uses().iter().any(|part| matches!(part, Part::Flag))
    }

    /// Whether it has a list, or something else in `vlen`, which must be zero otherwise.
    pub(crate) fn has_vlen(self) -> bool {
        self.uses().iter().any(|part| matches!(part, Part::Vlen))
    }

    /// Whether types of this kind only qualify another one: `const`, `volatile`, `restrict`, a type tag.
    pub const fn is_qualifier(self) -> bool {
        matches!(self, Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag)
    }
}
