//! Records what the real kernel and LLVM say, into `fixtures/`. Needs root for the kernel, llvm-19 for LLVM.
//!
//! `cargo run -p skep-oracle -- meaning` and so on; without an argument it lists what it can record.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use skep_isa::Insn;
use skep_oracle::{cases, core, corpus, externs, handlers, link, llvm, meaning, raw, strictness, sys};
use skep_testkit::insn_cases;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// One thing to record.
struct Command {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "meaning",
        what: "what arithmetic, comparisons and atomics compute: fixtures/oracle/meaning.txt",
        run: record_meaning,
    },
    Command {
        name: "strictness",
        what: "which slots are instructions: fixtures/oracle/strictness.txt",
        run: record_strictness,
    },
    Command { name: "cases", what: "R0 and memory of the cases: fixtures/insn/*.cases", run: record_cases },
    Command {
        name: "llvm",
        what: "how LLVM 19 writes instructions: fixtures/insn/llvm-19.txt",
        run: record_llvm,
    },
    Command {
        name: "core",
        what: "how libbpf relocates fixtures/core/kinds.bpf.o: fixtures/oracle/core.txt (core [LIBBPF.a])",
        run: record_core,
    },
    Command {
        name: "externs",
        what: "what libbpf makes of fixtures/externs: fixtures/oracle/externs.txt (externs LIBBPF.a)",
        run: record_externs,
    },
    Command {
        name: "handlers",
        what: "what libbpf does with SEC() handlers: fixtures/oracle/handlers.txt (handlers LIBBPF.a)",
        run: record_handlers,
    },
    Command {
        name: "link",
        what: "what libbpf links fixtures to: fixtures/oracle/link.txt (link [LIBBPF.a])",
        run: record_link,
    },
];

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1);
    let Some(command) = COMMANDS.iter().find(|command| Some(command.name) == wanted.as_deref()) else {
        for command in COMMANDS {
            eprintln!("{:10} {}", command.name, command.what);
        }
        return ExitCode::from(2);
    };
    match (command.run)() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", command.name);
            ExitCode::FAILURE
        }
    }
}

/// `fixtures/`.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn write(path: &str, text: &str) -> Result<()> {
    let path = fixtures().join(path);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&path, text)?;
    eprintln!("{}: {} lines", path.display(), text.lines().count());
    Ok(())
}

/// The first line of every recording of the kernel.
fn header(command: &str) -> String {
    format!("# linux {}, by `cargo run -p skep-oracle -- {command}`\n", sys::kernel_release())
}

fn record_meaning() -> Result<()> {
    let text = meaning::record().map_err(|failure| match failure {
        raw::Failure::Rejected(rejected) => rejected.to_string(),
        raw::Failure::Io(error) => error.to_string(),
    })?;
    write("oracle/meaning.txt", &(header("meaning") + &text))
}

fn record_strictness() -> Result<()> {
    write("oracle/strictness.txt", &(header("strictness") + &strictness::record()?))
}

fn record_llvm() -> Result<()> {
    let instructions: Vec<Vec<Insn>> = corpus::corpus()
        .iter()
        .map(|op| {
            let mut insns = Vec::new();
            op.encode_into(&mut insns);
            insns
        })
        .collect();
    let header = "# LLVM 19, by `cargo run -p skep-oracle -- llvm`\n".to_string();
    write("insn/llvm-19.txt", &(header + &llvm::record(&instructions)?))
}

fn record_core() -> Result<()> {
    let library = std::env::args().nth(2);
    let said = core::record(library.as_deref())?;
    let (version, programs) = said.split_once('\n').unwrap_or((&said, ""));
    write(
        "oracle/core.txt",
        &format!("{version}, by `cargo run -p skep-oracle -- core LIBBPF.a`\n{programs}"),
    )
}

fn record_externs() -> Result<()> {
    let library = std::env::args()
        .nth(2)
        .ok_or("say where libbpf.a is: it is linked with what answers for the host")?;
    let said = externs::record(&library)?;
    write(
        "oracle/externs.txt",
        &format!("# libbpf 1.5, by `cargo run -p skep-oracle -- externs LIBBPF.a`\n{said}"),
    )
}

fn record_handlers() -> Result<()> {
    let library =
        std::env::args().nth(2).ok_or("say where libbpf.a is: its programs are not to be loaded")?;
    let said = handlers::record(&library)?;
    write(
        "oracle/handlers.txt",
        &format!("# libbpf 1.5, by `cargo run -p skep-oracle -- handlers LIBBPF.a`\n{said}"),
    )
}

fn record_link() -> Result<()> {
    let said = link::record(std::env::args().nth(2).as_deref())?;
    write(
        "oracle/link.txt",
        &format!("# libbpf 1.5.1, by `cargo run -p skep-oracle -- link LIBBPF.a`\n{said}"),
    )
}

fn record_cases() -> Result<()> {
    for path in insn_cases::case_files(&insn_cases::cases_dir())? {
        let text = std::fs::read_to_string(&path)?;
        let mut parsed = insn_cases::parse_cases(&insn_cases::subject(&path), &text)
            .map_err(|(line, message)| format!("{}:{line}: {message}", path.display()))?;
        for case in &mut parsed {
            if let Some(remark) = cases::record(case)? {
                eprintln!("{}: {remark}", case.id());
            }
        }
        std::fs::write(&path, insn_cases::render_cases(&parsed))?;
    }
    Ok(())
}
