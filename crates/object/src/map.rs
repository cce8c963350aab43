//! Map definitions.

use skep_abi::MapType;
use skep_btf::TypeId;

/// A map that the object defines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MapDef {
    /// The variable's name; an inner map's is `outer.inner`.
    pub name: String,
    /// The map type's number (`enum bpf_map_type`); see [`MapDef::map_type`].
    pub kind: u32,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// As the object says; 0 if it leaves it to the loader. A loader rounds a ring buffer's up to a power of two of
    /// pages.
    pub max_entries: u32,
    /// `BPF_F_*` of [`skep_abi::flags::MAP_CREATE`].
    pub map_flags: u32,
    /// Depends on the type.
    pub map_extra: u64,
    /// Whether to pin it by name.
    pub pinning: Pinning,
    /// The memory node, if `BPF_F_NUMA_NODE` is set.
    pub numa_node: u32,
    /// The key's type in the object's BTF.
    pub key_type: Option<TypeId>,
    /// The value's type in the object's BTF.
    pub value_type: Option<TypeId>,
    /// What the values of a map of maps look like.
    pub inner: Option<Box<MapDef>>,
    /// Elements that are filled in before the programs are loaded, by index (a hash's key is the index, as `u32`).
    pub values: Vec<(u32, ValueRef)>,
    /// Whether it is a `struct bpf_map_def` in a `maps` section.
    pub legacy: bool,
    /// What makes it a struct_ops map.
    pub struct_ops: Option<StructOps>,
    /// The section's index in the file.
    pub section_index: usize,
    /// Where in the section, in bytes.
    pub section_offset: u64,
}

impl MapDef {
    /// The map type, if it is one that Linux 6.18 knows.
    pub fn map_type(&self) -> Option<MapType> {
        MapType::from_u32(self.kind)
    }
}

/// Whether a map is pinned (`enum libbpf_pin_type`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Pinning {
    /// No.
    #[default]
    None,
    /// Under its name in the loader's directory.
    ByName,
}

/// What an element is initialised with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ValueRef {
    /// The map with this index in [`Object::maps`](crate::Object::maps).
    Map(usize),
    /// The program with this index in [`Object::programs`](crate::Object::programs).
    Program(usize),
}

/// The value of a struct_ops map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StructOps {
    /// The struct's type in the object's BTF.
    pub type_id: TypeId,
    /// The struct's content; function pointers are zero.
    pub bytes: Vec<u8>,
    /// The function pointers: byte in the struct, and index in [`Object::programs`](crate::Object::programs).
    pub funcs: Vec<(u32, usize)>,
    /// Whether it is attached by a link (`.struct_ops.link`).
    pub link: bool,
    /// Whether to create it unless told otherwise; a section called `?.struct_ops` says no.
    pub autocreate: bool,
}

/// Where a map's variable holds pointers that relocations fill in, in bytes from its start.
pub(crate) enum Slots {
    /// Nowhere.
    None,
    /// An array of pointers (`values`) from here to its end.
    Values(u64),
    /// Single function pointers, at these places.
    Functions(Vec<u32>),
}
