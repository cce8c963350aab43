//! The recorded objects: raw sections that clang wrote, and what bpftool lists of them (see `data/regen.sh`).

#![allow(dead_code, reason = "not every test file needs everything")]

use skep_btf::Btf;

/// One object's sections.
pub(crate) struct Object {
    pub(crate) name: &'static str,
    pub(crate) btf: &'static [u8],
    pub(crate) btf_ext: &'static [u8],
    pub(crate) raw_dump: &'static str,
}

macro_rules! objects {
    ($($name:literal)*) => {
        pub(crate) const OBJECTS: &[Object] = &[$(Object {
            name: $name,
            btf: include_bytes!(concat!("../data/", $name, ".btf")),
            btf_ext: include_bytes!(concat!("../data/", $name, ".btf.ext")),
            raw_dump: include_str!(concat!("../data/", $name, ".dump.txt")),
        },)*];
    };
}

objects!("kinds" "core" "values" "pads");

impl Object {
    pub(crate) fn btf(&self) -> Btf {
        Btf::parse(self.btf).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

/// The object with every kind of type.
pub(crate) fn kinds() -> Btf {
    OBJECTS[0].btf()
}
