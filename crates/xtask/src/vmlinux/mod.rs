//! Making the bundled BTF of its header.
//!
//! Clang writes BTF for what a translation unit uses, and C has no words for some of what a kernel's BTF has. So the
//! unit has a variable for each type (`keep`), rows of the header are structures that stand for functions, and what
//! clang makes of them is rewritten (`rewrite`).

mod keep;
mod rewrite;

use skep_btf::Btf;
use xshell::Shell;

use crate::clang::Clang;
use crate::command::Failure;

/// Where the header and its BTF are, from the repository's root.
pub(crate) const FOLDER: &str = "crates/kernel/vmlinux";

/// Compiles the header and rewrites what clang made of it.
pub(crate) fn make(sh: &Shell, clang: &Clang) -> Result<Btf, Failure> {
    let mut text = String::from("#define SKEP_BTF\n#include \"vmlinux.h\"\n");
    for path in sh.read_dir(FOLDER)? {
        if path.extension().is_some_and(|it| it == "h") {
            keep::variables(&sh.read_file(&path)?, &mut text);
        }
    }
    let object = clang.compile_types(sh, &text, FOLDER)?;
    let bad = |error: String| Failure::Differs(format!("what clang made of {FOLDER}/vmlinux.h: {error}"));
    let section = skep_object::btf_section(&object)
        .map_err(|error| bad(error.to_string()))?
        .ok_or_else(|| bad("there is no .BTF".to_owned()))?;
    let btf = Btf::parse(section).map_err(|error| bad(error.to_string()))?;
    rewrite::rewrite(&btf).map_err(bad)
}
