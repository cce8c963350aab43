//! `cargo xtask btf`: the bundled BTF is what its header says.

use xshell::Shell;

use crate::clang::Clang;
use crate::command::{Args, Command, Failure};
use crate::tree::{self, Made, Mode};
use crate::vmlinux;

/// The row of this command.
pub(crate) const COMMAND: Command = Command {
    name: "btf",
    summary: "make crates/kernel/vmlinux/vmlinux.btf of vmlinux.h, or check that it is what that makes",
    help: "\
usage: cargo xtask btf [--check]

Compiles crates/kernel/vmlinux/vmlinux.h with clang 19, turns its rows into functions, tracepoints and variables, and
writes crates/kernel/vmlinux/vmlinux.btf: the types that skep takes when it is given no others.

    --check   write nothing; exit 1 when the committed file is not what this clang makes of the header

Needs clang-19, llvm-19 and libbpf-dev.",
    run,
};

fn run(mut args: Args) -> Result<(), Failure> {
    let mode = if args.flag("--check") { Mode::Check } else { Mode::Write };
    args.done()?;
    let sh = Shell::new()?;
    sh.change_dir(tree::root());
    let clang = Clang::find(&sh)?;
    eprintln!("{}", clang.version);
    let btf = vmlinux::make(&sh, &clang)?;
    let functions = btf.types().filter(|(_, ty)| matches!(ty.def, skep_btf::Def::Func(_))).count();
    let bytes = btf.to_bytes();
    eprintln!("{} types, {functions} of them functions; {} bytes", btf.types().count(), bytes.len());
    let made = Made { path: tree::root().join(vmlinux::FOLDER).join("vmlinux.btf"), bytes };
    tree::settle(&[made], mode, &format!("cargo xtask btf  # this is {}", clang.version))
}
