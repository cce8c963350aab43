//! `cargo xtask captures`: the packet captures of the tests, made packet by packet.

use crate::command::{Args, Command, Failure};
use crate::tree::{self, Made, Mode};

/// The row of this command.
pub(crate) const COMMAND: Command = Command {
    name: "captures",
    summary: "make fixtures/captures/*, or check that the committed ones are as made",
    help: "\
usage: cargo xtask captures [--check]

Makes the packet captures and the expectation files of fixtures/captures and says which changed.

    --check   write nothing; exit 1 when a committed file differs",
    run,
};

fn run(mut args: Args) -> Result<(), Failure> {
    let mode = if args.flag("--check") { Mode::Check } else { Mode::Write };
    args.done()?;
    let made: Vec<Made> = Vec::new();
    tree::settle(&made, mode, "cargo xtask captures")
}
