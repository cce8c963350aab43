//! Conformance cases of instructions: `fixtures/insn/*.cases`, run by every engine.
//!
//! A file has one subject and holds cases with a blank line between them:
//!
//! ```text
//! # Division by zero is no fault.
//! case divide-by-zero
//!     r0 = *(u32 *)(r1 + 0)
//!     r2 = 0
//!     r0 /= r2
//!     exit
//! mem 2a 00 00 00
//! r0 0x0
//! kernel 6.18
//! ```
//!
//! - `#` lines in front of a case say why it is there;
//! - indented lines are the program, in the assembler's syntax, `.hex` for slots that are no instruction;
//! - `mem` is the memory in hex: R1 holds its address, R2 its length (without it both are 0 and there is none);
//! - `packet` is a packet in hex, for programs that load from one: R1 then holds a context;
//! - `r0` is R0 at exit, all 64 bits; `out` is the memory afterwards, if it is not what it was;
//! - `undecodable N text` instead: slot N is no instruction, and the error says `text`;
//! - `fault memory` instead: the program decodes and must be stopped at an access it has no right to;
//! - `kernel 6.18`: that kernel ran it and agrees; `kernel 6.18 refuses: text`: its verifier would not have it.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use skep_isa::asm::assemble;
use skep_isa::{Insn, decode};

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file's name without `.cases`.
    pub subject: String,
    /// Unique in its file.
    pub name: String,
    /// Line of the file where it starts, from 1.
    pub line: usize,
    /// Lines of comment in front, without `#`.
    pub comment: Vec<String>,
    /// The program as it stands in the file, a line each, without indentation.
    pub source: Vec<String>,
    /// The program.
    pub insns: Vec<Insn>,
    /// The memory that R1 points to; none if empty.
    pub memory: Vec<u8>,
    /// The packet that packet loads read from; R1 holds its context.
    pub packet: Option<Vec<u8>>,
    /// What must come of it.
    pub expect: Expect,
    /// What a real kernel said.
    pub kernel: Option<Opinion>,
}

/// What must come of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expect {
    /// It ends.
    Returns {
        /// R0.
        r0: u64,
        /// The memory afterwards, as long as before.
        memory: Vec<u8>,
    },
    /// It is no program.
    Undecodable {
        /// The slot that is no instruction.
        slot: usize,
        /// Part of the error's text.
        text: String,
    },
    /// It is stopped at a bad memory access.
    FaultsOnMemory,
    /// Not recorded yet; [`load_cases`] refuses it.
    Unknown,
}

/// What a real kernel said of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opinion {
    /// `major.minor`.
    pub version: String,
    /// The last line of the verifier's log, if it would not load the program.
    pub refusal: Option<String>,
}

/// A file that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseError {
    /// The file.
    pub path: PathBuf,
    /// Line from 1; 0 is the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.message)
    }
}

impl std::error::Error for CaseError {}

/// `fixtures/insn` of this repository.
pub fn cases_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/insn")
}

/// All cases of the `*.cases` files in a folder, in the files' alphabetical order.
///
/// # Errors
/// If a file cannot be read or is not as it should be, a name comes twice, or a case has no expectation.
pub fn load_cases(dir: &Path) -> Result<Vec<Case>, CaseError> {
    let mut all = Vec::new();
    for path in case_files(dir)? {
        let fail = |line, message: String| CaseError { path: path.clone(), line, message };
        let text = std::fs::read_to_string(&path).map_err(|error| fail(0, error.to_string()))?;
        let cases = parse_cases(&subject(&path), &text).map_err(|(line, message)| fail(line, message))?;
        if let Some(case) = cases.iter().find(|case| case.expect == Expect::Unknown) {
            return Err(fail(case.line, format!("{}: nothing is expected of it", case.name)));
        }
        all.extend(cases);
    }
    Ok(all)
}

/// The `*.cases` files of a folder, sorted.
///
/// # Errors
/// If the folder cannot be read.
pub fn case_files(dir: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let fail = |error: std::io::Error| CaseError { path: dir.into(), line: 0, message: error.to_string() };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.extension().is_some_and(|extension| extension == "cases") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A file's name without its extension.
pub fn subject(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

type Parsed<T> = Result<T, (usize, String)>;

/// The cases of a file's text. Expectations may be missing.
///
/// # Errors
/// The line, from 1, and what is wrong.
pub fn parse_cases(subject: &str, text: &str) -> Parsed<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    let mut comment = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        if text.is_empty() {
            continue;
        }
        if let Some(text) = text.strip_prefix('#') {
            comment.push(text.trim().to_string());
        } else if word == "case" {
            if cases.iter().any(|case| case.name == rest) {
                return Err((line, format!("there is a case `{rest}` already")));
            }
            cases.push(Case::new(subject, rest, line, std::mem::take(&mut comment)));
        } else {
            let case = cases.last_mut().ok_or((line, "the first line is `case NAME`".to_string()))?;
            case.read_line(text).map_err(|message| (line, message))?;
        }
    }
    for case in &mut cases {
        case.finish()?;
    }
    Ok(cases)
}

impl Case {
    fn new(subject: &str, name: &str, line: usize, comment: Vec<String>) -> Case {
        Case {
            subject: subject.into(),
            name: name.into(),
            line,
            comment,
            source: Vec::new(),
            insns: Vec::new(),
            memory: Vec::new(),
            packet: None,
            expect: Expect::Unknown,
            kernel: None,
        }
    }

    fn read_line(&mut self, text: &str) -> Result<(), String> {
        if let Some(source) = text.strip_prefix("    ") {
            self.source.push(source.into());
            return Ok(());
        }
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "mem" => self.memory = bytes(rest)?,
            "packet" => self.packet = Some(bytes(rest)?),
            "r0" => self.expect = Expect::Returns { r0: number(rest)?, memory: Vec::new() },
            "out" => match &mut self.expect {
                Expect::Returns { memory, .. } => *memory = bytes(rest)?,
                _ => return Err("`out` comes after `r0`".into()),
            },
            "undecodable" => {
                let (slot, text) = rest.split_once(' ').unwrap_or((rest, ""));
                let slot = slot.parse().map_err(|_| format!("`{slot}` is no slot number"))?;
                self.expect = Expect::Undecodable { slot, text: text.into() };
            }
            "fault" if rest == "memory" => self.expect = Expect::FaultsOnMemory,
            "kernel" => self.kernel = Some(Opinion::parse(rest)),
            _ => return Err(format!("`{word}` is no line of a case; program lines are indented by four")),
        }
        Ok(())
    }

    /// Assembles the program, fills in the memory that stays as it was.
    fn finish(&mut self) -> Parsed<()> {
        self.insns = assemble(&self.source.join("\n"))
            .map_err(|error| (self.line + error.line, format!("{}: {error}", self.name)))?;
        if self.insns.is_empty() {
            return Err((self.line, format!("{} has no program", self.name)));
        }
        if let Expect::Returns { memory, .. } = &mut self.expect {
            if memory.is_empty() {
                memory.clone_from(&self.memory);
            }
            if memory.len() != self.memory.len() {
                return Err((self.line, format!("{}: `mem` and `out` differ in length", self.name)));
            }
        }
        Ok(())
    }

    /// `subject/name`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.subject, self.name)
    }

    /// The first slot that is no instruction, and why.
    pub fn decode_error(&self) -> Option<skep_isa::Error> {
        let mut slot = 0;
        while slot < self.insns.len() {
            match decode(&self.insns, slot) {
                Ok(op) => slot += op.slots(),
                Err(error) => return Some(error),
            }
        }
        None
    }
}

impl Opinion {
    fn parse(text: &str) -> Opinion {
        match text.split_once(" refuses: ") {
            Some((version, refusal)) => Opinion { version: version.into(), refusal: Some(refusal.into()) },
            None => Opinion { version: text.into(), refusal: None },
        }
    }
}

fn number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").ok_or("a number starts with 0x")?;
    u64::from_str_radix(digits, 16).map_err(|_| format!("`{text}` is no number"))
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| *c != ' ')
        .map(|c| c.to_digit(16).ok_or_else(|| format!("`{c}` is no hex digit")))
        .collect::<Result<_, _>>()?;
    if !digits.len().is_multiple_of(2) {
        return Err("half a byte is too much".into());
    }
    Ok(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
    }
}

/// The case as it stands in a file.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.comment {
            writeln!(f, "{}", format!("# {line}").trim_end())?;
        }
        writeln!(f, "case {}", self.name)?;
        for line in &self.source {
            writeln!(f, "    {line}")?;
        }
        if !self.memory.is_empty() {
            writeln!(f, "mem{}", Hex(&self.memory))?;
        }
        if let Some(packet) = &self.packet {
            writeln!(f, "packet{}", Hex(packet))?;
        }
        match &self.expect {
            Expect::Returns { r0, memory } => {
                writeln!(f, "r0 {r0:#x}")?;
                if *memory != self.memory {
                    writeln!(f, "out{}", Hex(memory))?;
                }
            }
            Expect::Undecodable { slot, text } => writeln!(f, "undecodable {slot} {text}")?,
            Expect::FaultsOnMemory => writeln!(f, "fault memory")?,
            Expect::Unknown => {}
        }
        match &self.kernel {
            Some(Opinion { version, refusal: None }) => writeln!(f, "kernel {version}"),
            Some(Opinion { version, refusal: Some(text) }) => writeln!(f, "kernel {version} refuses: {text}"),
            None => Ok(()),
        }
    }
}

/// A whole file.
pub fn render_cases(cases: &[Case]) -> String {
    let mut out = String::new();
    for (i, case) in cases.iter().enumerate() {
        let _ = write!(out, "{}{case}", if i == 0 { "" } else { "\n" });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recorded files are as they would be written, and what they expect of decoding is so.
    #[test]
    fn the_files_hold_together() {
        let dir = cases_dir();
        for path in case_files(&dir).unwrap() {
            let text = std::fs::read_to_string(&path).unwrap();
            let cases = parse_cases(&subject(&path), &text).unwrap();
            assert_eq!(render_cases(&cases), text, "{}", path.display());
        }
        let cases = load_cases(&dir).unwrap_or_else(|error| panic!("{error}"));
        assert!(cases.len() > 500, "{}", cases.len());
        cases.iter().for_each(check);
    }

    fn check(case: &Case) {
        let id = case.id();
        match (&case.expect, case.decode_error()) {
            (Expect::Undecodable { slot, text }, Some(error)) => {
                assert_eq!(error.slot, *slot, "{id}: {error}");
                assert!(error.to_string().contains(text), "{id}: {error}");
                let refusal =
                    case.kernel.as_ref().and_then(|kernel| kernel.refusal.as_deref()).unwrap_or_default();
                // The kernel looks at the last slot before it looks at what the slots hold.
                if refusal != "last insn is not an exit or jmp" {
                    assert_eq!(error.kernel_message(), refusal, "{id}: {error}");
                }
            }
            (Expect::Undecodable { .. }, None) => panic!("{id} decodes"),
            (_, Some(error)) => panic!("{id}: {error}"),
            (Expect::FaultsOnMemory, None) => {
                let refuses = case.kernel.as_ref().is_none_or(|kernel| kernel.refusal.is_some());
                assert!(refuses, "{id}: the kernel runs it");
            }
            (_, None) => {}
        }
    }

    /// Every line of a broken file gets an error with its number.
    #[test]
    fn broken_files() {
        let messages = [
            ("r0 0x1", "1: the first line is `case NAME`"),
            ("case a\n    exit\ncase a\n    exit", "3: there is a case `a` already"),
            ("case a\n    exit\nr1 0x1", "3: `r1` is no line of a case; program lines are indented by four"),
            ("case a\n    exit\nr0 1", "3: a number starts with 0x"),
            ("case a\n    exit\nmem 0", "3: half a byte is too much"),
            ("case a\n    exit\nmem 0g", "3: `g` is no hex digit"),
            ("case a\n    exit\nout 00", "3: `out` comes after `r0`"),
            ("case a\n    exit\nmem 00\nr0 0x1\nout 00 00", "1: a: `mem` and `out` differ in length"),
            ("case a\nr0 0x1", "1: a has no program"),
            (
                "case a\n    r0 = 1\n    bye\n",
                "3: a: line 2, column 1: expected an instruction (`r0 = 1`, `if r1 > 2 goto +3`, `call 5`, `exit`, \
                 ...), found `bye`",
            ),
        ];
        for (text, expected) in messages {
            let (line, message) = parse_cases("x", text).unwrap_err();
            assert_eq!(format!("{line}: {message}"), expected);
        }
    }
}
