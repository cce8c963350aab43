//! The `skep` command: arguments, output, exit codes. What it does is in `skep-runner`.

mod args;
mod cmd;
mod exit;
mod input;
mod show;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => cmd::run::main(&args),
        Command::Inspect(args) => cmd::inspect::main(&args),
        Command::Disasm(args) => cmd::disasm::main(&args),
        Command::Asm(args) => cmd::asm::main(&args),
        Command::Conformance(args) => cmd::conformance::main(&args),
        Command::Verify(args) => cmd::verify::main(&args),
        Command::Link(args) => cmd::link::main(&args),
    };
    exit::code(result)
}
