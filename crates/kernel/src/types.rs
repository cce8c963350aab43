//! The types of the simulated kernel: its BTF.

use skep_btf::Btf;
use std::fmt;
use std::sync::Arc;

/// The BTF of the kernel that a machine simulates: what CO-RE relocations, attach targets, typed externs and kernel
/// objects are looked up in.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetBtf {
    /// Where it comes from, in a word for the output: `"bundled"`, `"host"`, a file's path.
    pub origin: Arc<str>,
    /// The kernel's own types.
    pub vmlinux: Arc<Btf>,
    /// The kernel's version as `LINUX_VERSION_CODE` has it, where it is known.
    pub version: Option<u32>,
    /// Types of modules, by module name: split BTF on top of `vmlinux`.
    pub modules: Vec<(Arc<str>, Arc<Btf>)>,
}

impl TargetBtf {
    /// The types of a kernel without modules.
    pub fn new(origin: impl Into<Arc<str>>, vmlinux: Arc<Btf>) -> TargetBtf {
        TargetBtf { origin: origin.into(), vmlinux, version: None, modules: Vec::new() }
    }
}

/// The types of a map's keys and values: what `BPF_MAP_CREATE` is told with `btf_fd`, `btf_key_type_id` and
/// `btf_value_type_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapTypes {
    /// The types that the numbers are of.
    pub btf: Arc<Btf>,
    /// The type of keys; 0: none.
    pub key: u32,
    /// The type of values; 0: none.
    pub value: u32,
    /// Those of the inner maps of a map of maps.
    pub inner: Option<Box<MapTypes>>,
}

impl TargetBtf {
    /// The types of a module.
    pub fn module(&self, name: &str) -> Option<&Arc<Btf>> {
        self.modules.iter().find(|it| &*it.0 == name).map(|it| &it.1)
    }
}

impl fmt::Debug for TargetBtf {
    /// Its origin and size: thousands of types say nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetBtf")
            .field("origin", &self.origin)
            .field("types", &self.vmlinux.end_id())
            .field("modules", &self.modules.len())
            .finish()
    }
}
