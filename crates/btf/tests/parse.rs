//! Parsing of real sections.

use skep_btf::*;

const KINDS: &[u8] = include_bytes!("data/kinds.btf");
const KINDS_EXT: &[u8] = include_bytes!("data/kinds.btf.ext");
const CORE: &[u8] = include_bytes!("data/core.btf");
const CORE_EXT: &[u8] = include_bytes!("data/core.btf.ext");

#[test]
fn parses_what_clang_writes() {
    for (btf, ext) in [(KINDS, KINDS_EXT), (CORE, CORE_EXT)] {
        let btf = Btf::parse(btf).unwrap();
        BtfExt::parse(ext, &btf).unwrap();
    }
}
