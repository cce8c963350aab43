//! Global variables.

use skep_btf::TypeId;

use crate::program::Target;

/// A section of global variables. A loader makes an array map with one value of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataSection {
    /// The section's name: `.data`, `.rodata`, `.bss`, `.data.name`, `.rodata.str1.1`, `.kconfig`...
    pub name: String,
    /// What it is for.
    pub kind: DataKind,
    /// Its initial content.
    pub bytes: Vec<u8>,
    /// The variables that are known by name, by offset. Each lies in `bytes`.
    pub vars: Vec<Var>,
    /// The section's type (`DataSec`) in the object's BTF.
    pub btf_datasec: Option<TypeId>,
    /// Pointers in it that a linker would fill in, by offset. libbpf leaves them as they are.
    pub relocs: Vec<DataReloc>,
}

impl DataSection {
    /// The variable with this name.
    pub fn var(&self, name: &str) -> Option<&Var> {
        self.vars.iter().find(|it| it.name == name)
    }
}

/// What a data section is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DataKind {
    /// Variables with an initial value.
    Data,
    /// Constants: programs can not write them, loaders can before they load.
    RoData,
    /// Variables that start as zero.
    Bss,
    /// Values of the kernel's configuration, filled in by the loader.
    Kconfig,
    /// Variables in the arena (`.addr_space.1`).
    Arena,
}

/// A global variable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Var {
    /// Its name; that of a variable in a function is `function.variable`.
    pub name: String,
    /// Where in the section, in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its type (not the `Var`) in the object's BTF.
    pub type_id: Option<TypeId>,
    /// Whether only its own file sees it.
    pub is_static: bool,
}

/// A pointer in a data section.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DataReloc {
    /// Where in the section, in bytes.
    pub offset: u64,
    /// What it points to; `None` for something that is not in the object's sections of code, maps and data.
    pub target: Option<Target>,
}
