//! The compiler of the fixtures: clang 19 as Debian and Ubuntu package it.

use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::command::Failure;

/// The only major version whose output is committed: another one makes other instructions.
const MAJOR: &str = "19";

const INSTALL: &str = "\
install the compiler and the headers that the fixtures include:
    apt-get install clang-19 llvm-19 libbpf-dev linux-libc-dev
(Debian 12 or later, Ubuntu 24.04 or later; elsewhere from https://apt.llvm.org)";

/// A clang and its llvm-strip, both of the right version.
pub(crate) struct Clang {
    clang: String,
    strip: String,
    /// The first line of `clang --version`.
    pub(crate) version: String,
}

impl Clang {
    /// Finds clang 19 and llvm-strip 19, or says how to install them.
    pub(crate) fn find(sh: &Shell) -> Result<Clang, Failure> {
        let (clang, version) = find_tool(sh, "clang")?;
        let (strip, _) = find_tool(sh, "llvm-strip")?;
        if !Path::new("/usr/include/bpf/bpf_helpers.h").exists() {
            return Err(Failure::Missing(format!("libbpf's headers are not in /usr/include/bpf\n{INSTALL}")));
        }
        Ok(Clang { clang, strip, version })
    }

    /// Compiles `source` (a path from the repository's root, which is `sh`'s directory) to the bytes of an object:
    /// BTF and line info stay, DWARF and every absolute path go.
    pub(crate) fn compile(&self, sh: &Shell, source: &str) -> Result<Vec<u8>, Failure> {
        let text = sh.read_file(source)?;
        let extra = extra_flags(&text);
        let root = sh.current_dir();
        // The compilation directory becomes nothing at all, so that line info names `fixtures/NAME.bpf.c`.
        let map = format!("-ffile-prefix-map={}=", root.display());
        let arch_headers = arch_headers();
        let temp = sh.create_temp_dir()?;
        let object: PathBuf = temp.path().join("object.o");
        let Clang { clang, strip, .. } = self;
        cmd!(sh, "{clang} -O2 -g --target=bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Wall -Wextra -Wno-unused-parameter -Werror")
            .args([&map, "-idirafter", arch_headers])
            .args([format!("-I{}", crate::vmlinux::FOLDER)])
            .args(extra)
            .args(["-c", source, "-o"])
            .arg(&object)
            .quiet()
            .run()?;
        cmd!(sh, "{strip} -g {object}").quiet().run()?;
        Ok(sh.read_binary_file(&object)?)
    }
}

impl Clang {
    /// Compiles a text that includes headers of `folder` alone (a path from `sh`'s directory) to an object with types
    /// and no code that matters.
    pub(crate) fn compile_types(&self, sh: &Shell, text: &str, folder: &str) -> Result<Vec<u8>, Failure> {
        let temp = sh.create_temp_dir()?;
        let (source, object) = (temp.path().join("types.c"), temp.path().join("types.o"));
        sh.write_file(&source, text)?;
        let Clang { clang, .. } = self;
        // A structure with a flexible array may be a member of another: the kernel has those.
        cmd!(sh, "{clang} -g -O2 --target=bpf -mcpu=v3 -nostdinc -Wall -Werror -Wno-gnu-variable-sized-type-not-at-end")
            .args([format!("-I{folder}"), "-c".to_owned()])
            .arg(&source)
            .arg("-o")
            .arg(&object)
            .quiet()
            .run()?;
        Ok(sh.read_binary_file(&object)?)
    }
}

/// Where `asm/types.h` is: Debian keeps it in a directory named after the architecture.
fn arch_headers() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "/usr/include/aarch64-linux-gnu"
    } else {
        "/usr/include/x86_64-linux-gnu"
    }
}

/// The flags of a source's `// clang: FLAG...` lines, for the few that need their own.
fn extra_flags(source: &str) -> Vec<&str> {
    source.lines().filter_map(|line| line.strip_prefix("// clang:")).flat_map(str::split_whitespace).collect()
}

/// The first of a tool's usual names that answers with the right version, and that answer.
fn find_tool(sh: &Shell, tool: &str) -> Result<(String, String), Failure> {
    let names = [format!("{tool}-{MAJOR}"), format!("/usr/lib/llvm-{MAJOR}/bin/{tool}"), tool.to_string()];
    let mut found = String::from("none is installed");
    for name in names {
        let Ok(text) = cmd!(sh, "{name} --version").quiet().ignore_stderr().read() else { continue };
        let Some(line) = text.lines().find(|line| line.contains("version")) else { continue };
        if line.contains(&format!("version {MAJOR}.")) {
            return Ok((name, line.trim().to_string()));
        }
        found = format!("found: {}", line.trim());
    }
    Err(Failure::Missing(format!("{tool} {MAJOR} is needed ({found})\n{INSTALL}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_may_ask_for_its_own_flags() {
        assert_eq!(extra_flags("// a\n// clang: -mcpu=v4 -DX\nint x;\n"), ["-mcpu=v4", "-DX"]);
        assert!(extra_flags("int x; // clang: -mcpu=v4\n").is_empty());
    }

    #[test]
    fn a_missing_tool_is_named_with_the_way_to_get_it() {
        let sh = Shell::new().unwrap();
        let text = find_tool(&sh, "no-such-tool").unwrap_err().to_string();
        assert!(text.starts_with("no-such-tool 19 is needed (none is installed)"), "{text}");
        assert!(text.contains("apt-get install clang-19"), "{text}");
    }
}
