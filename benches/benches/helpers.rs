//! What each emulated helper costs a program that calls it, and what a run costs that calls none.
//!
//! `cargo bench -p skep-benches --bench helpers` measures all of it; `-- map_lookup` what the name fits. The times of
//! `helper/` are per turn of a loop of [`TURNS`] turns in one program: the helper, and the two to six instructions that
//! set its arguments. `helper/none` is the loop itself. The times of `run/` are those of `Kernel::run` with a program
//! that returns 0, by program type and context.

use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion};
use skep::abi::helpers::helper_by_name;
use skep::abi::{MapType, ProgType};
use skep_isa::asm::assemble;
use skep_kernel::{
    Config, Context, Fd, Kernel, MapSpec, PacketCtx, PerfEventAttr, PerfRing, ProgLoad, PtRegs, Run,
};

/// Turns of a loop in one run.
const TURNS: u32 = 1000;
/// Calls in a chain of tail calls.
const TAIL_CALLS: u32 = 33;
/// Where the strings of user space lie.
const USER: u64 = 0x7f00_0000_0000;
/// How much room readers leave for one run's records, and more.
const RING: u32 = 1 << 20;

/// What a program does again and again. `{name}` stands for the address of a map of [`MAPS`], or for a helper's number.
struct Case {
    name: &'static str,
    /// Once, before the loop. r6 is the context; r8 and r9 are free.
    setup: &'static str,
    body: &'static str,
}

const fn case(name: &'static str, setup: &'static str, body: &'static str) -> Case {
    Case { name, setup, body }
}

const MAPS: &[(&str, MapType, u32, u32, u32)] = &[
    ("array", MapType::Array, 4, 64, 16),
    ("hash", MapType::Hash, 4, 64, 1024),
    ("ring", MapType::Ringbuf, 0, 0, RING),
    ("events", MapType::PerfEventArray, 4, 4, 1),
    ("progs", MapType::ProgArray, 4, 4, 1),
];

/// Key 3 on the stack: what the maps are asked for.
const KEY: &str = "*(u32 *)(r10 - 4) = 3";
/// r8: the address of a value in the kernel.
const VALUE: &str = "*(u32 *)(r10 - 4) = 3
    r2 = r10
    r2 += -4
    r1 = {array}
    call {map_lookup_elem}
    r8 = r0";
/// r8: the address of a string in user space.
const USER_STRING: &str = "r8 = 0x7f0000000000 ll";
/// 64 bytes of stack at r10 - 72.
const DATA: &str = "r0 = 0
    *(u64 *)(r10 - 72) = r0
    *(u64 *)(r10 - 64) = r0
    *(u64 *)(r10 - 56) = r0
    *(u64 *)(r10 - 48) = r0
    *(u64 *)(r10 - 40) = r0
    *(u64 *)(r10 - 32) = r0
    *(u64 *)(r10 - 24) = r0
    *(u64 *)(r10 - 16) = r0
    *(u32 *)(r10 - 4) = 3";

const CASES: &[Case] = &[
    case("none", "", ""),
    case(
        "map_lookup_elem array",
        KEY,
        "r2 = r10
        r2 += -4
        r1 = {array}
        call {map_lookup_elem}",
    ),
    case(
        "map_lookup_elem hash",
        KEY,
        "r2 = r10
        r2 += -4
        r1 = {hash}
        call {map_lookup_elem}",
    ),
    case(
        "map_update_elem hash",
        DATA,
        "r2 = r10
        r2 += -4
        r3 = r10
        r3 += -72
        r4 = 0
        r1 = {hash}
        call {map_update_elem}",
    ),
    case(
        "map_delete_elem+map_update_elem hash",
        DATA,
        "r2 = r10
        r2 += -4
        r1 = {hash}
        call {map_delete_elem}
        r2 = r10
        r2 += -4
        r3 = r10
        r3 += -72
        r4 = 0
        r1 = {hash}
        call {map_update_elem}",
    ),
    case(
        "probe_read_kernel 8",
        VALUE,
        "r1 = r10
        r1 += -72
        r2 = 8
        r3 = r8
        call {probe_read_kernel}",
    ),
    case(
        "probe_read_kernel 64",
        VALUE,
        "r1 = r10
        r1 += -72
        r2 = 64
        r3 = r8
        call {probe_read_kernel}",
    ),
    case(
        "probe_read_user 8",
        USER_STRING,
        "r1 = r10
        r1 += -72
        r2 = 8
        r3 = r8
        call {probe_read_user}",
    ),
    case(
        "probe_read_user_str 64",
        USER_STRING,
        "r1 = r10
        r1 += -72
        r2 = 64
        r3 = r8
        call {probe_read_user_str}",
    ),
    case("ktime_get_ns", "", "call {ktime_get_ns}"),
    case("get_prandom_u32", "", "call {get_prandom_u32}"),
    case("get_smp_processor_id", "", "call {get_smp_processor_id}"),
    case("get_current_pid_tgid", "", "call {get_current_pid_tgid}"),
    case(
        "get_current_comm",
        "",
        "r1 = r10
        r1 += -16
        r2 = 16
        call {get_current_comm}",
    ),
    // The format is "pid %d".
    case(
        "trace_printk",
        "r1 = 0x642520646970 ll
        *(u64 *)(r10 - 8) = r1",
        "r1 = r10
        r1 += -8
        r2 = 7
        r3 = 42
        call {trace_printk}",
    ),
    case(
        "perf_event_output 64",
        DATA,
        "r1 = r6
        r2 = {events}
        r3 = 0
        r4 = r10
        r4 += -72
        r5 = 64
        call {perf_event_output}",
    ),
    case(
        "ringbuf_reserve+ringbuf_submit 64",
        "",
        "r1 = {ring}
        r2 = 64
        r3 = 0
        call {ringbuf_reserve}
        if r0 == 0 goto full
        r1 = r0
        r2 = 0
        call {ringbuf_submit}",
    ),
    case(
        "ringbuf_output 64",
        DATA,
        "r1 = {ring}
        r2 = r10
        r2 += -72
        r3 = 64
        r4 = 0
        call {ringbuf_output}",
    ),
    case(
        "xdp_adjust_head",
        "r8 = 4",
        "r1 = r6
        r2 = r8
        r8 = -r8
        call {xdp_adjust_head}",
    ),
    case(
        "redirect",
        "",
        "r1 = 2
        r2 = 0
        call {redirect}",
    ),
];

/// The loop around a body. r0 is what the last turn left there.
fn in_loop(case: &Case) -> String {
    format!(
        "r6 = r1
        r7 = {TURNS}
        {}
        r0 = 0
        turn:
        {}
        r7 += -1
        if r7 != 0 goto turn
        full:
        exit",
        case.setup, case.body
    )
}

/// A program that calls itself until it may not any more.
const TAIL_CALL: &str = "r2 = {progs}
    r3 = 0
    call {tail_call}
    r0 = 0
    exit";

/// An empty callback, again and again.
const LOOP: &str = "r1 = 1000
    r2 = callback ll
    r3 = 0
    r4 = 0
    call {loop}
    r0 = 0
    exit
    callback:
    r0 = 0
    exit";

/// A machine with the maps, and readers for what programs send.
struct World {
    kernel: Kernel,
    maps: Vec<(&'static str, Fd)>,
    events: PerfRing,
}

impl World {
    fn new() -> World {
        let mut kernel = Kernel::new(Config::default()).expect("a kernel");
        kernel.user_memory_mut().insert(USER, *b"/usr/local/bin/true\0").expect("free addresses");
        let make = |&(name, kind, key, value, entries): &(_, _, _, _, _)| {
            let spec = MapSpec::new(kind, key, value, entries).with_name(name);
            (name, kernel.map_create(&spec).expect("a map"))
        };
        let maps: Vec<_> = MAPS.iter().map(make).collect();
        let event = kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).expect("an event");
        let events = kernel.perf_mmap(event, RING / 4096).expect("pages");
        let mut world = World { kernel, maps, events };
        for key in 0..8u32 {
            world.set("hash", key, &[1; 64]);
        }
        world.set("events", 0, &event.0.to_le_bytes());
        world
    }

    fn map(&self, name: &str) -> Option<Fd> {
        self.maps.iter().find(|it| it.0 == name).map(|it| it.1)
    }

    fn set(&mut self, map: &str, key: u32, value: &[u8]) {
        let fd = self.map(map).expect("a map of the table");
        self.kernel.map_update_elem(fd, &key.to_le_bytes(), value, 0).expect("room");
    }

    /// Loads a text.
    fn load(&mut self, prog_type: ProgType, text: &str) -> Fd {
        let insns = assemble(&self.filled(text)).unwrap_or_else(|error| panic!("{error} in:\n{text}"));
        self.kernel.prog_load(ProgLoad::new("bench", prog_type, insns)).expect("a program that loads")
    }

    /// The text with numbers for what stands in braces.
    fn filled(&self, text: &str) -> String {
        let fill = |part: &str| match part.split_once('}') {
            Some((name, rest)) => format!("{}{rest}", self.number(name)),
            None => part.to_owned(),
        };
        text.split('{').map(fill).collect()
    }

    fn number(&self, name: &str) -> String {
        match (self.map(name), helper_by_name(name)) {
            (Some(fd), _) => format!("map[fd:{fd}] ll"),
            (None, Some(helper)) => helper.id.to_string(),
            (None, None) => panic!("{name} is neither map nor helper"),
        }
    }

    /// Runs a program a number of times, and empties what it filled outside the time.
    fn time(&mut self, prog: Fd, runs: u64) -> Duration {
        let mut elapsed = Duration::ZERO;
        for _ in 0..runs {
            let run = Run::new(packet(64));
            let start = now();
            let ran = self.kernel.run(prog, run);
            elapsed += start.elapsed();
            ran.expect("no fault");
            self.drain();
        }
        elapsed
    }

    fn drain(&mut self) {
        let memory = self.kernel.memory();
        self.events.set_data_tail(memory, self.events.data_head(memory));
        let ring = self.map("ring").and_then(|fd| self.kernel.map(fd).ok()?.ring());
        if let Some((ring, Ok(end))) = ring.map(|it| (it, it.producer_pos(memory))) {
            ring.set_consumer_pos(memory, end).expect("a ring");
        }
        self.kernel.take_trace_log();
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures the host")]
fn now() -> Instant {
    Instant::now()
}

fn packet(len: usize) -> Context {
    Context::Packet(PacketCtx::new(vec![0; len]))
}

/// Measures a program that does something `turns` times: the time of one.
fn per_turn(criterion: &mut Criterion, world: &mut World, name: &str, prog: Fd, turns: u32) {
    criterion.bench_function(&format!("helper/{name}"), |bench| {
        bench.iter_custom(|iterations| {
            let runs = iterations.div_ceil(turns.into());
            let share = iterations as f64 / (runs * u64::from(turns)) as f64;
            world.time(prog, runs).mul_f64(share)
        });
    });
}

fn helpers(criterion: &mut Criterion) {
    let world = &mut World::new();
    for case in CASES {
        let prog = world.load(ProgType::Xdp, &in_loop(case));
        per_turn(criterion, world, case.name, prog, TURNS);
    }
    let prog = world.load(ProgType::Xdp, LOOP);
    per_turn(criterion, world, "loop", prog, TURNS);
    let prog = world.load(ProgType::Xdp, TAIL_CALL);
    world.set("progs", 0, &prog.0.to_le_bytes());
    per_turn(criterion, world, "tail_call", prog, TAIL_CALLS);
}

/// `Kernel::run` of next to nothing.
fn runs(criterion: &mut Criterion) {
    let cases = [
        ("xdp without packet", ProgType::Xdp, Context::None),
        ("xdp 64", ProgType::Xdp, packet(64)),
        ("xdp 1500", ProgType::Xdp, packet(1500)),
        ("sched_cls 64", ProgType::SchedCls, packet(64)),
        ("socket 64", ProgType::SocketFilter, packet(64)),
        ("kprobe", ProgType::Kprobe, Context::Regs(PtRegs::call(&[1, 2, 3]))),
        ("raw_tracepoint", ProgType::RawTracepoint, Context::Raw(vec![1, 2])),
        ("tracepoint 64", ProgType::Tracepoint, Context::Record(vec![0; 64])),
    ];
    let world = &mut World::new();
    for (name, prog_type, ctx) in cases {
        let prog = world.load(prog_type, "r0 = 0\nexit");
        criterion.bench_function(&format!("run/{name}"), |bench| {
            bench.iter_batched(
                || Run::new(ctx.clone()),
                |run| world.kernel.run(prog, run).expect("no fault"),
                BatchSize::SmallInput,
            );
        });
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .configure_from_args();
    helpers(&mut criterion);
    runs(&mut criterion);
    criterion.final_summary();
}
