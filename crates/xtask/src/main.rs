//! Chores of the skep repository: what is committed but made by a program is made, and checked, from here.
//!
//! `cargo xtask --help` lists the commands, `cargo xtask COMMAND --help` explains one. A command is one file under
//! `commands/` and one row of [`commands::TABLE`].
//!
//! Exit codes: 0 all well; 1 something committed is not what it should be; 2 bad usage, or a tool is missing.

mod capture;
mod clang;
mod command;
mod commands;
mod tree;
mod vmlinux;

use std::io::Write as _;
use std::process::ExitCode;

use command::{Args, Failure};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let outcome = match words.next().as_deref() {
        None => Err(Failure::Usage(command::overview(commands::TABLE))),
        Some("help" | "--help" | "-h") => {
            say(&command::overview(commands::TABLE));
            Ok(())
        }
        Some(name) => run(name, words.collect()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.to_string().trim_end());
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Runs the command called `name`, or prints its help.
fn run(name: &str, words: Vec<String>) -> Result<(), Failure> {
    let Some(command) = commands::TABLE.iter().find(|command| command.name == name) else {
        let list = command::overview(commands::TABLE);
        return Err(Failure::Usage(format!("there is no command `{name}`\n\n{list}")));
    };
    if words.iter().any(|word| word == "--help" || word == "-h") {
        say(command.help);
        return Ok(());
    }
    (command.run)(Args::new(command.name, words))
}

/// Prints help on stdout. A reader that went away (`| head`) is not an error.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}
