//! `cargo xtask header`: `crates/capi/include/skep.h` is what its Rust source says.

use crate::command::{Args, Command, Failure};
use crate::tree::{self, Made, Mode};

/// The row of this command.
pub(crate) const COMMAND: Command = Command {
    name: "header",
    summary: "make crates/capi/include/skep.h of the functions for C, or check that it is what that makes",
    help: "\
usage: cargo xtask header [--check]

Turns what crates/capi/src/skep.rs has for C into crates/capi/include/skep.h.

    --check   write nothing; exit 1 when the committed header is not what the source makes",
    run,
};

const OPENING: &str = "\
/* skep: the emulated kernel for C. Link with -lskep.
 *
 * Made of crates/capi/src/skep.rs by `cargo xtask header`. libskep has the functions of <bpf/bpf.h> as well; they work
 * on the kernel that skep_default_kernel() answers.
 */";

fn run(mut args: Args) -> Result<(), Failure> {
    let mode = if args.flag("--check") { Mode::Check } else { Mode::Write };
    args.done()?;
    let folder = tree::root().join("crates/capi");
    let made = Made { path: folder.join("include/skep.h"), bytes: header(&folder)? };
    tree::settle(&[made], mode, "cargo xtask header")
}

fn header(folder: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        header: Some(OPENING.to_owned()),
        no_includes: true,
        sys_includes: vec!["stddef.h".to_owned(), "stdint.h".to_owned()],
        include_guard: Some("SKEP_H".to_owned()),
        cpp_compat: true,
        style: cbindgen::Style::Tag,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        usize_is_size_t: true,
        line_length: 110,
        tab_width: 4,
        ..cbindgen::Config::default()
    };
    config.export.rename.insert("Machine".to_owned(), "skep_kernel".to_owned());
    config.export.include.push("Machine".to_owned());
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(folder.join("src/skep.rs"))
        .with_src(folder.join("src/machine.rs"))
        .generate()
        .map_err(|error| Failure::Differs(error.to_string()))?;
    let mut bytes = Vec::new();
    bindings.write(&mut bytes);
    Ok(without_safety(&String::from_utf8_lossy(&bytes)).into_bytes())
}

/// C has no unsafe functions: what Rust says of them is what C takes for granted.
fn without_safety(header: &str) -> String {
    let mut inside = false;
    let mut lines: Vec<&str> = Vec::new();
    for line in header.lines() {
        let text = line.trim_start();
        inside = (inside || text == "* # Safety") && text != "*/";
        if !inside {
            if text == "*/" && lines.last().is_some_and(|it| it.trim() == "*") {
                lines.pop();
            }
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}
