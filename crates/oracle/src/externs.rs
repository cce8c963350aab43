//! What libbpf makes of externs: configuration values, and kernel symbols with and without types.
//!
//! The recording has a part for each of the cases of [`skep_testkit::externs`]: what libbpf says, the bytes of the
//! `.kconfig` section, and every program's calls and wide loads, or `refused`.

use std::path::Path;
use std::process::Command;

use skep_testkit::externs::{self, Target};
use skep_testkit::fixtures;

use crate::libbpf::{Folder, compile, output};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What libbpf asks of the host, and is answered by the recorder.
const ASKED: &[&str] = &[
    "btf__load_vmlinux_btf",
    "fopen",
    "fopen64",
    "gzopen",
    "gzopen64",
    "uname",
    "probe_kern_syscall_wrapper",
    "bpf_btf_get_next_id",
    "bpf_btf_get_fd_by_id",
    "bpf_btf_get_info_by_fd",
    "bpf_prog_load",
];

/// Lets libbpf load the fixtures in every case. `library` is an archive of the libbpf to ask (`libbpf.a`): the shared one
/// cannot be made to look elsewhere than at the host.
///
/// # Errors
/// There is no C compiler or no libbpf, or the kernel lets nobody make a map.
pub fn record(library: &str) -> Result<String> {
    let folder = Folder::new("externs")?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/externs/libbpf.c");
    let wraps: Vec<String> = ASKED.iter().map(|it| format!("-Wl,--wrap={it}")).collect();
    let asker = Asker { program: compile(&folder.0, &source, Some(library), &wraps)?, folder: &folder.0 };
    let mut text = String::new();
    let mut last = String::new();
    for case in externs::config_cases() {
        let object = fixtures::object("externs/kconfig");
        let object = case.strong.as_deref().map_or(object.clone(), |it| externs::strengthen(&object, it));
        text += &format!("config {}\n", case.text);
        // The code is the same each time.
        let said = asker.ask(&object, &externs::target("whole"), &case.config)?;
        let is_new = |line: &&str| {
            !line.starts_with("\tlook") || std::mem::replace(&mut last, (*line).to_owned()) != **line
        };
        said.lines().filter(is_new).for_each(|line| text += &format!("{line}\n"));
    }
    for case in externs::symbol_cases() {
        let object = fixtures::object("externs/ksyms");
        let object = case.strong.map_or(object.clone(), |it| externs::strengthen(&object, it));
        text += &format!("symbols {}\n", case.name());
        text += &asker.ask(&object, &externs::target(case.target), "")?;
    }
    Ok(text)
}

struct Asker<'a> {
    program: std::path::PathBuf,
    folder: &'a Path,
}

impl Asker<'_> {
    /// What libbpf says of an object on a kernel.
    fn ask(&self, object: &[u8], target: &Target, config: &str) -> Result<String> {
        let path = |name: &str| self.folder.join(name);
        let mut command = Command::new(&self.program);
        let write = |name: &str, bytes: &[u8]| std::fs::write(path(name), bytes).map(|()| path(name));
        command.arg(write("object.bpf.o", object)?);
        command.arg(write("vmlinux.btf", &target.vmlinux.to_bytes())?);
        command.arg(write("kallsyms", target.kallsyms.as_bytes())?);
        command.arg(write("config", config.as_bytes())?);
        command.args([externs::RELEASE, "1"]);
        for (name, btf) in &target.modules {
            command.arg(name).arg(write(&format!("{name}.btf"), &btf.to_bytes())?);
        }
        output(&mut command)
    }
}
