//! How LLVM writes instructions: `llvm-objdump -d`'s form, and that of clang's assembly output.
//!
//! A line of the recording has the bytes in hex and the two texts, with tabs between. `-` stands where LLVM has no text.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use skep_isa::Insn;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Where the tools of LLVM 19 are.
const TOOLS: &str = "/usr/lib/llvm-19/bin";

/// Asks LLVM about every instruction.
///
/// # Errors
/// If a tool is not there or fails.
pub fn record(instructions: &[Vec<Insn>]) -> Result<String> {
    let hex: Vec<String> = instructions.iter().map(|insns| hex(insns)).collect();
    let listed = listing(instructions)?;
    let mut out = String::new();
    for (hex, text) in hex.iter().zip(listed) {
        let text = text.filter(|text| !text.starts_with("<unknown>"));
        let spelled = text.as_deref().map_or(Ok(None), |text| spelling(text, hex))?;
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let _ = writeln!(out, "{hex}\t{}\t{}", or_dash(text), or_dash(spelled));
    }
    Ok(out)
}

fn hex(insns: &[Insn]) -> String {
    Insn::to_vec(insns).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What `llvm-objdump` prints for each.
fn listing(instructions: &[Vec<Insn>]) -> Result<Vec<Option<String>>> {
    let mut source = String::new();
    for insns in instructions {
        let bytes: Vec<String> = Insn::to_vec(insns).iter().map(u8::to_string).collect();
        let _ = writeln!(source, ".byte {}", bytes.join(","));
    }
    let object = std::env::temp_dir().join(format!("skep-oracle-{}.o", std::process::id()));
    tool("llvm-mc", &["-triple", "bpfel", "-filetype=obj", "-o", path(&object)?], &source)?;
    let listing = tool("llvm-objdump", &["-d", "--mcpu=v4", path(&object)?], "");
    std::fs::remove_file(&object)?;
    let listing = listing?;
    // "      12:\tb7 00 ...\tr0 = 0x7"; a text may hold a tab itself.
    let texts = listing.lines().filter_map(|line| {
        let mut columns = line.splitn(3, '\t');
        let slot = columns.next()?.trim().strip_suffix(':')?.parse::<usize>().ok()?;
        columns.next()?;
        Some((slot, without_symbol(columns.next()?.trim())))
    });
    let texts: std::collections::HashMap<usize, String> = texts.collect();
    let slots = instructions.iter().scan(0, |slot, insns| {
        let first = *slot;
        *slot += insns.len();
        Some(first)
    });
    Ok(slots.map(|slot| texts.get(&slot).cloned()).collect())
}

/// Cuts the comment `<.text+0x18>` off a target, and tabs, which separate our columns.
fn without_symbol(text: &str) -> String {
    text.split(" <.text").next().unwrap_or(text).replace('\t', " ")
}

/// How `llvm-mc` writes the text itself, if it reads it as the same bytes.
fn spelling(text: &str, hex: &str) -> Result<Option<String>> {
    let args = ["-triple", "bpfel", "-mcpu=v4", "--show-encoding"];
    let Ok(answer) = tool("llvm-mc", &args, &format!("{text}\n")) else { return Ok(None) };
    let Some((spelled, encoding)) = answer.lines().find_map(|line| line.split_once("# encoding: [")) else {
        return Ok(None);
    };
    let encoding: String =
        encoding.trim_end_matches(']').split(',').map(|b| b.trim_start_matches("0x")).collect();
    Ok((encoding == hex).then(|| spelled.trim().replace('\t', " ")))
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| "the temporary folder's name is not UTF-8".into())
}

/// Runs a tool on an input and gives its output.
fn tool(name: &str, args: &[&str], input: &str) -> Result<String> {
    let mut child = Command::new(Path::new(TOOLS).join(name))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
