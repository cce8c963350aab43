//! What a layout is, and the macro that makes one from its rows.

/// A struct of the UAPI, field by field.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The struct's C name, without `struct`.
    pub name: &'static str,
    /// Its size in bytes.
    pub size: usize,
    /// Its fields by offset; fields of one union share offsets.
    pub fields: &'static [Field],
}

impl Layout {
    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|it| it.name == name)
    }

    /// The first field that covers the byte at this offset; `None` for padding and past the end.
    pub fn field_at(&self, offset: usize) -> Option<&'static Field> {
        self.fields.iter().find(|it| it.range().contains(&offset))
    }
}

/// One field, or an array of `count` elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its C name.
    pub name: &'static str,
    /// Where it starts, in bytes.
    pub offset: usize,
    /// Bytes of one element.
    pub width: usize,
    /// How many elements; 1 for a plain field.
    pub count: usize,
    /// What is in it, and how a program may read it.
    pub kind: FieldKind,
}

impl Field {
    /// Bytes of all elements.
    pub const fn size(&self) -> usize {
        self.width * self.count
    }

    /// The bytes it covers.
    pub const fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.size()
    }
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// A number; a program may read any aligned part of an element.
    Number,
    /// A number; a program may read it, or only its first bytes.
    Head,
    /// A number that a program may only read an element at a time.
    Whole,
    /// A number; a program may read any aligned part of it that has at least two bytes.
    Halves,
    /// Numbers; a program may read and write any aligned bytes, also across elements.
    Bytes,
    /// Numbers; as [`FieldKind::Number`], and two elements may be read or written together where they are aligned to
    /// eight bytes.
    Wide,
    /// Two bytes with two of padding behind them; a program may read all four together.
    Port,
    /// As [`FieldKind::Port`]; a program may read the padding alone, too.
    PaddedPort,
    /// Start of the packet.
    PacketStart,
    /// Start of the metadata in front of the packet.
    PacketMeta,
    /// End of the packet.
    PacketEnd,
    /// A full socket (`struct bpf_sock`).
    Socket,
    /// A full socket, or NULL.
    SocketOrNull,
    /// A socket of any state (the common part of `struct bpf_sock`), or NULL.
    SockCommonOrNull,
    /// The dissected keys (`struct bpf_flow_keys`).
    FlowKeys,
    /// A kernel struct of this name.
    BtfId(&'static str),
}

impl FieldKind {
    /// Whether the field holds an address.
    pub const fn is_pointer(self) -> bool {
        use FieldKind::{BtfId, FlowKeys, PacketEnd, PacketMeta, PacketStart};
        use FieldKind::{SockCommonOrNull, Socket, SocketOrNull};
        matches!(
            self,
            PacketStart
                | PacketMeta
                | PacketEnd
                | Socket
                | SocketOrNull
                | SockCommonOrNull
                | FlowKeys
                | BtfId(_)
        )
    }
}

macro_rules! layouts {
    ($(
        $(#[$doc:meta])*
        mod $module:ident $name:literal $size:literal {
            $( $field:ident: $offset:literal, $width:literal $(* $count:literal)?, $kind:ident $(($of:literal))?; )*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[allow(non_upper_case_globals, reason = "the UAPI spelling")]
            pub mod $module {
                use $crate::ctx::{Field, FieldKind, Layout};

                /// The whole struct.
                pub static LAYOUT: Layout = Layout { name: $name, size: $size, fields: &[ $( $field ),* ] };

                $(
                    #[doc = concat!("At byte ", $offset, " of `struct ", $name, "`.")]
                    pub const $field: Field = Field {
                        name: $crate::name::bare(stringify!($field)),
                        offset: $offset,
                        width: $width,
                        count: 1 $(* $count)?,
                        kind: FieldKind::$kind $(($of))?,
                    };
                )*
            }
        )*

        /// Every layout of this module.
        pub static LAYOUTS: &[&$crate::ctx::Layout] = &[ $( &$module::LAYOUT ),* ];
    };
}

pub(crate) use layouts;
