//! The vocabulary of CO-RE relocations: one table.

/// What a relocation is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Subject {
    /// A member or array element: it has an access string of several indices.
    Field,
    /// A type as a whole.
    Type,
    /// A named value of an enumeration.
    EnumValue,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal, $subject:ident;)*) => {
        /// What of a type an instruction wants to know (`enum bpf_core_relo_kind`).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u32)]
        pub enum ReloKind { $($(#[$doc])* $name = $number,)* }

        impl ReloKind {
            /// Every kind, in the order of their numbers.
            pub const ALL: &'static [ReloKind] = &[$(ReloKind::$name,)*];

            /// The kind with this number in a record, or `None`.
            pub const fn from_number(number: u32) -> Option<ReloKind> {
                match number { $($number => Some(ReloKind::$name),)* _ => None }
            }

            /// libbpf's short name: `"byte_off"`, `"enumval_exists"`.
            pub const fn name(self) -> &'static str {
                match self { $(ReloKind::$name => $text,)* }
            }

            /// What it is about.
            pub const fn subject(self) -> Subject {
                match self { $(ReloKind::$name => Subject::$subject,)* }
            }
        }
    };
}

kinds! {
    /// Bytes from the start of the type to a field.
    FieldByteOffset = 0, "byte_off", Field;
    /// Bytes of a field.
    FieldByteSize = 1, "byte_sz", Field;
    /// Whether the target has a field.
    FieldExists = 2, "field_exists", Field;
    /// Whether a field is signed.
    FieldSigned = 3, "signed", Field;
    /// How far to shift a loaded bit-field left, in 64 bits.
    FieldLshiftU64 = 4, "lshift_u64", Field;
    /// How far to shift it right again.
    FieldRshiftU64 = 5, "rshift_u64", Field;
    /// The type's id in the object itself.
    TypeIdLocal = 6, "local_type_id", Type;
    /// The type's id in the target.
    TypeIdTarget = 7, "target_type_id", Type;
    /// Whether the target has a type.
    TypeExists = 8, "type_exists", Type;
    /// Bytes of a type.
    TypeSize = 9, "type_size", Type;
    /// Whether the target has a named value.
    EnumValueExists = 10, "enumval_exists", EnumValue;
    /// The number of a named value.
    EnumValue = 11, "enumval_value", EnumValue;
    /// Whether the target has a type that matches in all its members.
    TypeMatches = 12, "type_matches", Type;
}

impl ReloKind {
    /// The number in a record.
    pub const fn number(self) -> u32 {
        self as u32
    }
}
