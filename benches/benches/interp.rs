//! The interpreter beside rbpf's, on programs that need no kernel, in one run.
//!
//! `cargo bench -p skep-benches --bench interp` measures with criterion and ends with a table of ratios;
//! `-- --ratios` prints the table alone, which takes a few seconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use skep_isa::Insn;
use skep_memory::{Arena, Memory, ObjectKind, Origin, Rights};
use skep_vm::{Exit, Machine, NoHost, Poison, Program, Stack};

/// Bytes of memory that each program is given: `LENGTH` of `programs/pure.h`.
const MEMORY: usize = 64 * 1024;
/// How often each program runs for the table; the fastest run counts.
const ROUNDS: usize = 200;

macro_rules! programs {
    ($($name:literal)*) => {
        /// What `programs/build.sh` made of the C sources.
        const PROGRAMS: &[(&str, &[u8])] =
            &[$(($name, include_bytes!(concat!("../programs/", $name, ".bin"))),)*];
    };
}

programs! {
    "fib" "collatz" "random32" "fnv" "murmur" "crc" "copy" "sieve" "matrix" "sort" "machine" "packet" "calls"
}

/// The bytes each run starts from.
fn input() -> Vec<u8> {
    let mut x = 1u32;
    let mut next = || {
        x = x.wrapping_mul(1664525).wrapping_add(1013904223);
        (x >> 24) as u8
    };
    (0..MEMORY).map(|_| next()).collect()
}

/// An engine with a program, ready to run it again and again.
trait Engine {
    fn name(&self) -> &'static str;
    /// One run on fresh input; the answer is r0.
    fn run(&mut self) -> u64;
}

struct Skep {
    memory: Memory,
    stack: Stack,
    program: Arc<Program>,
    input: Vec<u8>,
    block: u64,
    insns: u64,
    poison: Arc<Poison>,
}

impl Skep {
    fn new(program: &[u8], input: &[u8]) -> Skep {
        let insns = Insn::from_slice(program).expect("whole slots");
        let program = Arc::new(Program::new(&insns, 0xffff_ffff_fb00_0000).expect("a program that runs"));
        let memory = Memory::new().expect("address space");
        let stack = Stack::new(&memory).expect("a stack");
        let origin = Origin::new(ObjectKind::Raw, "memory");
        let block = memory.alloc(Arena::Kernel, MEMORY, 8, Rights::RW, origin).expect("a block");
        Skep {
            memory,
            stack,
            program,
            input: input.to_vec(),
            block,
            insns: 0,
            poison: Arc::new(Poison::new(1)),
        }
    }
}

impl Engine for Skep {
    fn name(&self) -> &'static str {
        "skep"
    }

    fn run(&mut self) -> u64 {
        self.memory.poke(self.block, &self.input).expect("the block is there");
        let args = [self.block, 0, 0, 0, 0];
        let mut machine = Machine::with_poison(self.program.clone(), self.stack, args, self.poison.clone());
        let exit = machine.run(&self.memory, &mut NoHost);
        self.insns = machine.insns();
        match exit {
            Exit::Return(r0) => r0,
            Exit::Fault(trap) => panic!("{trap}"),
        }
    }
}

struct Rbpf<'a> {
    program: &'a [u8],
    input: Vec<u8>,
    block: Vec<u8>,
}

impl<'a> Rbpf<'a> {
    fn new(program: &'a [u8], input: &[u8]) -> Rbpf<'a> {
        Rbpf { program, input: input.to_vec(), block: input.to_vec() }
    }
}

impl Engine for Rbpf<'_> {
    fn name(&self) -> &'static str {
        "rbpf"
    }

    fn run(&mut self) -> u64 {
        self.block.copy_from_slice(&self.input);
        let vm = rbpf::EbpfVmRaw::new(Some(self.program)).expect("a program that runs");
        vm.execute_program(&mut self.block).expect("no fault")
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures the host")]
fn now() -> Instant {
    Instant::now()
}

/// The fastest run of each engine. They take turns, so that whatever else the host does slows both.
fn fastest(ours: &mut dyn Engine, theirs: &mut dyn Engine) -> (Duration, Duration) {
    let time = |engine: &mut dyn Engine| {
        let start = now();
        std::hint::black_box(engine.run());
        start.elapsed()
    };
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        best.0 = best.0.min(time(ours));
        best.1 = best.1.min(time(theirs));
    }
    best
}

fn print_ratios() {
    let input = input();
    println!(
        "{:10} {:>10} {:>12} {:>12} {:>10} {:>8}",
        "program", "insns", "skep", "rbpf", "ns/insn", "ratio"
    );
    let mut product = 1.0;
    for (name, program) in PROGRAMS {
        let mut skep = Skep::new(program, &input);
        let mut rbpf = Rbpf::new(program, &input);
        assert_eq!(skep.run(), rbpf.run(), "{name}: the engines disagree");
        let (ours, theirs) = fastest(&mut skep, &mut rbpf);
        let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
        let per_insn = ours.as_secs_f64() * 1e9 / skep.insns as f64;
        product *= ratio;
        println!("{name:10} {:>10} {ours:>12.1?} {theirs:>12.1?} {per_insn:>10.3} {ratio:>7.2}x", skep.insns);
    }
    println!("geometric mean: {:.2}x", f64::powf(product, 1.0 / PROGRAMS.len() as f64));
}

fn measure(criterion: &mut Criterion) {
    let input = input();
    for (name, program) in PROGRAMS {
        let mut group = criterion.benchmark_group(*name);
        let engines: [Box<dyn Engine>; 2] =
            [Box::new(Skep::new(program, &input)), Box::new(Rbpf::new(program, &input))];
        for mut engine in engines {
            group.bench_function(engine.name(), |bench| bench.iter(|| engine.run()));
        }
        group.finish();
    }
}

fn main() {
    if !std::env::args().any(|arg| arg == "--ratios") {
        let mut criterion = Criterion::default()
            .sample_size(20)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1))
            .configure_from_args();
        measure(&mut criterion);
        criterion.final_summary();
    }
    print_ratios();
}
