//! What libbpf does with SEC() handlers: which one takes a section, what their callbacks get, what their errors become.
//!
//! The recording is a script, each command followed by what came of it: first what `handlers/cases.txt` has, then
//! registrations and searches at random.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use skep_testkit::fixtures;

use crate::libbpf::{Folder, compile};
use crate::numbers::Numbers;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Lets libbpf run the script. `library` is an archive of the libbpf to ask (`libbpf.a`).
///
/// # Errors
/// There is no C compiler or no libbpf, or the kernel lets nobody load types.
pub fn record(library: &str) -> Result<String> {
    let folder = Folder::new("handlers")?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/handlers/libbpf.c");
    let wraps = ["-Wl,--wrap=bpf_prog_load".to_owned()];
    let asker = compile(&folder.0, &source, Some(library), &wraps)?;
    let object = folder.0.join("sections.bpf.o");
    std::fs::write(&object, fixtures::object("sections"))?;
    let mut command = Command::new(asker);
    let mut running = command.arg(object).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let script = include_str!("handlers/cases.txt").to_owned() + &at_random(1_200);
    // It reads a line, and writes no more about it than a pipe holds before it reads the next.
    let mut input = running.stdin.take().ok_or("it has no input")?;
    let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
    let output = running.wait_with_output()?;
    writer.join().map_err(|_| "writing the script failed")??;
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stdout)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Beginnings of section names.
const STEMS: &[&str] = &[
    "abc",
    "abc/x",
    "ab",
    "xdp",
    "xdp.frags",
    "xdp/devmap",
    "kprobe",
    "uprobe.multi.s",
    "fentry",
    "tc",
    "tcx/ingress",
    "cgroup/connect4",
    "cgroup",
    "lsm_cgroup",
    "sk_skb",
    "iter.s",
    "struct_ops",
    "?abc",
    "",
];

/// What follows them in a pattern, and in a name.
const PATTERN_ENDS: &[&str] = &["", "", "/", "+", "/x", "//", "++", "/+"];
const NAME_ENDS: &[&str] = &["", "", "", "/", "/x", "/x/y", "x", "+", "//x"];

/// Registrations, searches and the like, as many as `count`. Every registration has types of its own, so that an answer
/// says whose it is.
fn at_random(count: usize) -> String {
    let mut numbers = Numbers(5);
    let mut pick = |list: &[&'static str]| list[(numbers.draw() % list.len() as u64) as usize];
    let mut text = String::new();
    let mut registered = 16;
    for step in 0..count {
        let what = pick(&["type", "type", "type", "attach-type", "register", "unregister"]);
        let name = |stem: &str, end: &str| match format!("{stem}{end}") {
            empty if empty.is_empty() => "\"\"".to_owned(),
            name => name,
        };
        let _ = match what {
            "register" => {
                registered += 1;
                let sec = match step % 7 {
                    0 => "NULL".to_owned(),
                    _ => name(pick(STEMS), pick(PATTERN_ENDS)),
                };
                writeln!(text, "register {sec} {} {}", registered % 33, registered % 57)
            }
            "unregister" => writeln!(text, "unregister {}", (step * 13) as i64 % (registered + 3) - 1),
            what => writeln!(text, "{what} {}", name(pick(STEMS), pick(NAME_ENDS))),
        };
    }
    text
}
