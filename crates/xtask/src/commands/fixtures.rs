//! `cargo xtask fixtures`: the committed objects are what clang makes of the committed sources.

use xshell::Shell;

use crate::clang::Clang;
use crate::command::{Args, Command, Failure};
use crate::tree::{self, Made, Mode};

/// The row of this command.
pub(crate) const COMMAND: Command = Command {
    name: "fixtures",
    summary: "compile fixtures/*.bpf.c with clang 19, or check that the committed objects are its output",
    help: "\
usage: cargo xtask fixtures [--check] [NAME...]

Compiles every fixtures/NAME.bpf.c, and those in core, externs and linked (or those named, the latter as core/NAME), to fixtures/NAME.bpf.o and says which objects changed.

    --check   write nothing; exit 1 when a committed object is not what this clang makes of its source

Needs clang-19, llvm-19, libbpf-dev and linux-libc-dev. The committed objects are from Debian 12's (19.1.7, 1.1.2 and
6.1): others may differ in a few bytes. The output depends on none of the machine's paths. A fixture that needs flags of its own has them in a line `// clang: FLAG...`.",
    run,
};

/// Where sources are, under `fixtures/`.
const FOLDERS: [&str; 4] = ["", "core/", "externs/", "linked/"];

fn run(mut args: Args) -> Result<(), Failure> {
    let mode = if args.flag("--check") { Mode::Check } else { Mode::Write };
    let names = args.rest()?;
    let sh = Shell::new()?;
    sh.change_dir(tree::root());
    let sources = sources(&sh, &names)?;
    let clang = Clang::find(&sh)?;
    eprintln!("{}", clang.version);
    let mut made = Vec::new();
    let mut broken = Vec::new();
    for name in &sources {
        match clang.compile(&sh, &format!("fixtures/{name}.bpf.c")) {
            Ok(bytes) => made.push(Made { path: tree::root().join(format!("fixtures/{name}.bpf.o")), bytes }),
            Err(failure) => broken.push(failure.to_string()),
        }
    }
    let hint = format!("cargo xtask fixtures  # this is {}", clang.version);
    tree::settle(&made, mode, &hint)?;
    if broken.is_empty() { Ok(()) } else { Err(Failure::Differs(broken.join("\n"))) }
}

/// The names to compile, sorted; without any given, every source there is.
fn sources(sh: &Shell, names: &[String]) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for folder in FOLDERS {
        for path in sh.read_dir(format!("fixtures/{folder}"))? {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            all.extend(file.strip_suffix(".bpf.c").map(|name| format!("{folder}{name}")));
        }
    }
    all.sort();
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        return Err(Failure::Usage(format!("no fixtures/{unknown}.bpf.c; there are: {}", all.join(", "))));
    }
    all.retain(|name| names.is_empty() || names.contains(name));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Shell {
        let sh = Shell::new().unwrap();
        sh.change_dir(tree::root());
        sh
    }

    #[test]
    fn every_source_has_its_object_and_every_object_its_source() {
        for name in sources(&shell(), &[]).unwrap() {
            assert!(
                tree::root().join(format!("fixtures/{name}.bpf.o")).exists(),
                "{name}.bpf.o is not committed"
            );
        }
        let folders = FOLDERS.map(|folder| shell().read_dir(format!("fixtures/{folder}")).unwrap());
        for path in folders.concat() {
            let path = path.display().to_string();
            if let Some(stem) = path.strip_suffix(".bpf.o") {
                assert!(std::path::Path::new(&format!("{stem}.bpf.c")).exists(), "{path} has no source");
            }
        }
    }

    #[test]
    fn objects_hold_types_and_lines_but_no_path_of_a_machine() {
        let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|at| at == text.as_bytes());
        for name in sources(&shell(), &[]).unwrap() {
            let bytes = std::fs::read(tree::root().join(format!("fixtures/{name}.bpf.o"))).unwrap();
            assert!(holds(&bytes, ".BTF.ext\0"), "{name}");
            assert!(holds(&bytes, &format!("\0fixtures/{name}.bpf.c\0")), "{name}");
            assert!(!holds(&bytes, &format!("/fixtures/{name}.bpf.c")), "{name}");
            assert!(!holds(&bytes, ".debug_info"), "{name}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_list() {
        let failure = sources(&shell(), &["nosuch".into()]).unwrap_err();
        assert!(failure.to_string().starts_with("no fixtures/nosuch.bpf.c"), "{failure}");
        assert_eq!(failure.exit_code(), 2);
    }
}
