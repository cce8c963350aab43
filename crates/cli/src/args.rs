//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Runs, inspects and tests BPF programs in user space: no root, no kernel BPF.
#[derive(Parser, Debug)]
#[command(name = "skep", version, about, propagate_version = true, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 all well; 1 the program was rejected, faulted or a test failed; 2 bad usage or input, or no more memory."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a program of an object against a packet, a capture or a context
    Run(Box<RunArgs>),
    /// Show what an object contains: programs, maps, globals, externs, relocations, helpers
    Inspect(InspectArgs),
    /// Print the instructions of an object or of raw code
    Disasm(DisasmArgs),
    /// Assemble text to raw instructions
    Asm(AsmArgs),
    /// Speak the bpf_conformance plugin protocol: program in hex on stdin, r0 in hex on stdout
    Conformance(ConformanceArgs),
    /// Verify programs as the kernel would, each alone
    Verify(VerifyArgs),
    /// Link objects into one, as `bpftool gen object` does
    Link(LinkArgs),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Engine {
    /// The reference interpreter
    Interp,
    /// The x86-64 compiler (not built yet)
    Jit,
}

/// How a program is run, whatever it came from.
#[derive(Args, Clone, Debug)]
pub(crate) struct EngineArgs {
    /// What executes the program
    #[arg(long, value_enum, default_value_t = Engine::Interp)]
    pub(crate) engine: Engine,
    /// Run the program unverified: every access is checked either way
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Leave out the access checks; for the compiler only
    #[arg(long)]
    pub(crate) unchecked: bool,
    /// Instructions a run may execute before it is stopped
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget: Option<u64>,
    /// How much of the host's memory simulated objects may take before a run is stopped (suffixes K, M, G) [default: 128M]
    #[arg(long, value_name = "SIZE", value_parser = crate::input::size)]
    pub(crate) memory: Option<u64>,
    /// Run N times and report the time of one run; packet and context are restored in between
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: Option<u32>,
    /// Print one JSON document on stdout and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The object that clang made (.bpf.o)
    #[arg(required_unless_present = "raw")]
    pub(crate) object: Option<PathBuf>,
    /// The program, by function name; may be left out where the object has one
    #[arg(conflicts_with = "raw")]
    pub(crate) program: Option<String>,
    /// The packet: a file of raw bytes, or hex:0011aabb...
    #[arg(long, value_name = "FILE|hex:..", conflicts_with = "pcap")]
    pub(crate) packet: Option<String>,
    /// Run once for each packet of a capture (pcap or pcapng)
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// The context: raw bytes of what the program's r1 points to, or hex:..
    #[arg(long, value_name = "FILE|hex:..")]
    pub(crate) ctx: Option<String>,
    /// An argument that the program is fired with: NAME=VALUE (an integer, text, hex:.., a JSON list or object; user:
    /// or kernel: before it says where it lies in memory). What is not given is zero
    #[arg(long = "arg", value_name = "NAME=VALUE", conflicts_with_all = ["packet", "pcap", "ctx", "raw"])]
    pub(crate) arg: Vec<String>,
    /// What the program is fired at, if not what its section says: what a section would say behind its slash
    #[arg(long, value_name = "TARGET", conflicts_with_all = ["packet", "pcap", "ctx", "raw"])]
    pub(crate) at: Option<String>,
    /// Set a global variable before loading: NAME=VALUE (an integer, or hex:.. for its bytes)
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Fill in a map before running, or size it: MAP[KEY]=VALUE (integers, or hex:.. for bytes), MAP.max_entries=N
    #[arg(long = "map", value_name = "MAP[KEY]=VALUE")]
    pub(crate) map: Vec<String>,
    /// The types of the simulated kernel: a file (BTF, vmlinux, vmlinuz, or a BTFHub archive), a folder of vmlinux and
    /// modules, `host`, or `bundled`
    #[arg(long, value_name = "FILE|host|bundled", default_value = "bundled", conflicts_with = "raw")]
    pub(crate) btf: String,
    /// The configuration of the simulated kernel: a file (plain or gzip, as /boot/config-* and /proc/config.gz), or `host`
    /// [default: that of a kernel like Debian's 6.12]
    #[arg(long, value_name = "FILE|host", conflicts_with = "raw")]
    pub(crate) kconfig: Option<String>,
    /// The simulated cpu that runs the program
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) cpu: u32,
    /// How many cpus the simulated machine has
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) cpus: u32,
    /// The seed of everything random: get_prandom_u32, stack bytes, registers after a call
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Raw 8-byte instructions instead of an object
    #[arg(long, value_name = "FILE", requires = "mem")]
    pub(crate) raw: Option<PathBuf>,
    /// With --raw: the memory that r1 points to (r2 is its length), a file or hex:..
    #[arg(long, value_name = "FILE|hex:..", requires = "raw")]
    pub(crate) mem: Option<String>,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// The object that clang made (.bpf.o)
    pub(crate) object: PathBuf,
    /// Types of a kernel to judge the object by: bundled, host, or a file or folder as `skep run` takes them; may be
    /// given several times
    #[arg(long, value_name = "FILE|host|bundled", default_value = "bundled")]
    pub(crate) btf: Vec<String>,
    /// The configuration of these kernels: a file (plain or gzip), or `host` [default: that of a kernel like Debian's 6.12]
    #[arg(long, value_name = "FILE|host")]
    pub(crate) kconfig: Option<String>,
    /// Print one JSON document on stdout and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DisasmArgs {
    /// An object (.bpf.o), or with --raw a file of 8-byte instructions; - for stdin
    pub(crate) file: PathBuf,
    /// The program, by function name; all of them where it is left out
    #[arg(conflicts_with = "raw")]
    pub(crate) program: Option<String>,
    /// The file holds raw 8-byte instructions
    #[arg(long)]
    pub(crate) raw: bool,
    /// Only text that `skep asm` takes back: no addresses, bytes or source lines
    #[arg(long)]
    pub(crate) plain: bool,
}

#[derive(Args, Debug)]
pub(crate) struct AsmArgs {
    /// The text; - for stdin
    pub(crate) file: PathBuf,
    /// Where the raw 8-byte instructions go; without it they are printed in hex
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ConformanceArgs {
    /// The memory in hex, if the first argument is hex; other arguments are ignored, as the protocol allows
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) args: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Objects that clang made (.bpf.o)
    #[arg(required = true)]
    pub(crate) objects: Vec<PathBuf>,
    /// Only this program
    #[arg(long, value_name = "NAME")]
    pub(crate) prog: Option<String>,
    /// Flags of BPF_PROG_LOAD beside those of the section's name (BPF_F_STRICT_ALIGNMENT is 1)
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) prog_flags: u32,
    /// The types of the kernel: a file (BTF, vmlinux, vmlinuz, or a BTFHub archive), `host`, or `bundled`
    #[arg(long, value_name = "FILE|host|bundled", default_value = "bundled")]
    pub(crate) btf: String,
    /// Which kernel: 5.4, 5.10, 5.15, 6.1, 6.6, 6.12, 6.18, or all of them [default: 6.18]
    #[arg(long, value_name = "V|all")]
    pub(crate) kernel: Option<String>,
    /// Verify as for a user without any capability
    #[arg(long, conflicts_with = "caps")]
    pub(crate) unpriv: bool,
    /// The capabilities of who loads the programs [default: bpf,perfmon,net_admin]
    #[arg(long, value_name = "LIST", value_parser = crate::input::caps)]
    pub(crate) caps: Option<CapList>,
    /// Print the log: 1 the path that failed, 2 every path, plus 4 statistics
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "1", value_parser = clap::value_parser!(u32).range(0..=7))]
    pub(crate) log: Option<u32>,
    /// Print one JSON document on stdout and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct LinkArgs {
    /// The object to write; none of the inputs
    pub(crate) output: PathBuf,
    /// The objects that clang made (.bpf.o), in the order in which their sections are put behind each other
    #[arg(required = true)]
    pub(crate) inputs: Vec<PathBuf>,
    /// Print one JSON document on stdout and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

/// Capabilities, as `--caps` has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CapList(pub(crate) skep::kernel::Caps);
