//! Programs of every type that call helpers with arguments of about the right kind: they end, in an answer or a fault,
//! and twice in the same.

use skep_abi::helpers::{ArgKind, Helper};
use skep_abi::{MapType, ProgType};
use skep_isa::{Imm64, Insn, JmpOp, Op, Reg, Size};
use skep_kernel::{
    Config, Context, Fd, Kernel, MapSpec, PacketCtx, PerfEventAttr, PerfRing, ProgLoad, PtRegs, RawRun, Run,
    RunError, emulated_helpers,
};
use skep_vm::Hook;

use super::input::Input;
use super::insns::instruction;

const CPUS: u32 = 2;
/// Taken jumps, calls and charges that a run may take.
const BUDGET: u64 = 20_000;
/// Runs of one program.
const RUNS: usize = 3;
/// Steps of one program.
const MOST: usize = 24;
/// Registers that keep results across calls; R6 keeps the context.
const KEPT: [Reg; 3] = [Reg::R7, Reg::R8, Reg::R9];
/// The offset of a function pointer before it is known where the function is.
const CALLBACK: i32 = i32::MAX;

/// Kind, key size, value size and entries of the maps that there are.
const MAPS: [(MapType, u32, u32, u32); 8] = [
    (MapType::Hash, 4, 16, 3),
    (MapType::Array, 4, 64, 1),
    (MapType::PercpuArray, 4, 8, 2),
    (MapType::PercpuHash, 8, 8, 2),
    (MapType::LruHash, 4, 8, 2),
    (MapType::Ringbuf, 0, 0, 4096),
    (MapType::PerfEventArray, 4, 4, 2),
    (MapType::ProgArray, 4, 4, 2),
];

/// Makes maps and a program as the bytes say, runs it, and does all of it again with a hook that looks on.
pub fn kernel(bytes: &[u8]) {
    let first = World::new().life(&mut Input::new(bytes), false);
    let again = World::new().life(&mut Input::new(bytes), true);
    assert_eq!(first, again);
}

/// All that can be seen of a kernel's life.
#[derive(PartialEq, Debug, Default)]
struct Seen {
    /// What runs came to.
    runs: Vec<String>,
    /// Elements of maps, then records of rings.
    data: Vec<Vec<u8>>,
    printed: Vec<String>,
}

struct Quiet;
impl Hook for Quiet {}

struct World {
    kernel: Kernel,
    maps: Vec<Fd>,
    rings: Vec<PerfRing>,
}

impl World {
    fn new() -> World {
        let config = Config { cpus: CPUS, budget: BUDGET, ..Config::default() };
        let mut kernel = Kernel::new(config).expect("the host has room for a window");
        let specs = MAPS.map(|(kind, key, value, entries)| MapSpec::new(kind, key, value, entries));
        let maps: Vec<Fd> = specs.iter().map(|spec| kernel.map_create(spec).expect("a plain map")).collect();
        let mut rings = Vec::new();
        for cpu in 0..CPUS {
            let event =
                kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, cpu as i32).expect("an event");
            rings.push(kernel.perf_mmap(event, 1).expect("a ring of a page"));
            let fd = event.0.to_le_bytes();
            kernel.map_update_elem(maps[6], &cpu.to_le_bytes(), &fd, 0).expect("room for each cpu's event");
        }
        World { kernel, maps, rings }
    }

    fn life(&mut self, input: &mut Input<'_>, is_watched: bool) -> Seen {
        let mut seen = Seen::default();
        let prog_type = input.pick(&[
            ProgType::SocketFilter,
            ProgType::Xdp,
            ProgType::SchedCls,
            ProgType::Kprobe,
            ProgType::Tracepoint,
            ProgType::RawTracepoint,
        ]);
        let format = input.bytes(64);
        self.kernel.map_update_elem(self.maps[1], &[0; 4], &format, 0).expect("an array's value");
        let insns = program(input, &self.maps);
        let raw = RawRun { budget: Some(BUDGET), ..RawRun::new(insns.clone(), vec![7; 40]) };
        seen.runs.push(format!("{:?}", self.kernel.raw_run(raw)));
        match self.kernel.prog_load(ProgLoad::new("fuzzed", prog_type, insns)) {
            Err(error) => seen.runs.push(error.to_string()),
            Ok(fd) => self.runs(input, fd, prog_type, is_watched, &mut seen),
        }
        self.look(&mut seen);
        seen
    }

    fn runs(
        &mut self,
        input: &mut Input<'_>,
        fd: Fd,
        prog_type: ProgType,
        is_watched: bool,
        seen: &mut Seen,
    ) {
        let _ = self.kernel.map_update_elem(self.maps[7], &[0; 4], &fd.0.to_le_bytes(), 0);
        for _ in 0..RUNS {
            let mut quiet = Quiet;
            let mut run = Run::new(context(input, prog_type)).on(input.below(CPUS as usize) as u32);
            run.hook = is_watched.then_some(&mut quiet);
            let ran = self.kernel.run(fd, run);
            if let Err(error) = &ran {
                assert!(!matches!(error, RunError::BadInput(_)), "{error}");
            }
            seen.runs.push(format!("{ran:?}"));
            self.user(input);
        }
    }

    /// What user space does meanwhile.
    fn user(&mut self, input: &mut Input<'_>) {
        let map = input.pick(&self.maps);
        let key = [input.byte() % 3, 0, 0, 0];
        match input.below(6) {
            0 => drop(self.kernel.map_delete_elem(map, &key)),
            1 => drop(self.kernel.map_update_elem(map, &key, &[input.byte(); 16], 0)),
            2 => {
                let tail = u64::from_le_bytes(input.array());
                self.rings[0].set_data_tail(self.kernel.memory(), tail);
            }
            3 => {
                let ring = self.kernel.map(self.maps[5]).ok().and_then(|map| map.ring());
                let position = u64::from_le_bytes(input.array());
                let set = ring.map(|ring| ring.set_consumer_pos(self.kernel.memory(), position));
                assert_eq!(set, Some(Ok(())));
            }
            _ => {}
        }
    }

    fn look(&mut self, seen: &mut Seen) {
        for map in &self.maps {
            let mut key = self.kernel.map_get_next_key(*map, None);
            while let Ok(at) = key {
                seen.data.extend(self.kernel.map_lookup_elem(*map, &at));
                key = self.kernel.map_get_next_key(*map, Some(&at));
                seen.data.push(at);
                assert!(seen.data.len() < 100, "a walk without end");
            }
        }
        let memory = self.kernel.memory();
        for ring in &self.rings {
            let mut data = vec![0; ring.data_size() as usize];
            assert!(ring.read_at(memory, 0, &mut data));
            seen.data.push(data);
        }
        let ring = self.kernel.map(self.maps[5]).ok().and_then(|map| map.ring()).expect("the ring is there");
        seen.data.extend(std::iter::from_fn(|| ring.consume(memory).ok()?).take(100));
        seen.printed = self.kernel.trace_log().iter().map(|line| format!("{line:?}")).collect();
    }
}

fn context(input: &mut Input<'_>, prog_type: ProgType) -> Context {
    let len = 14 + input.below(100);
    match prog_type {
        ProgType::Kprobe => {
            Context::Regs(PtRegs { rdi: u64::from_le_bytes(input.array()), ..PtRegs::default() })
        }
        ProgType::Tracepoint => Context::Record(input.bytes(len)),
        ProgType::RawTracepoint => Context::Raw(vec![u64::from_le_bytes(input.array()); 3]),
        _ => Context::Packet(PacketCtx::new(input.bytes(len))),
    }
}

/// Steps, and behind them a function to be called back.
fn program(input: &mut Input<'_>, maps: &[Fd]) -> Vec<Insn> {
    let mut ops = vec![Op::mov64(Reg::R6, Reg::R1)];
    ops.extend(KEPT.map(|reg| Op::mov64(reg, 0)));
    ops.extend([8, 16].map(|below| Op::store(Size::DW, Reg::FP, -below, 0)));
    for _ in 0..1 + input.below(MOST) {
        step(input, maps, &mut ops);
    }
    ops.extend([Op::mov64(Reg::R0, 1), Op::Exit]);
    let callback = Insn::encode(&ops).len();
    ops.push(Op::mov64(Reg::R6, Reg::R1));
    for _ in 0..input.below(3) {
        step(input, maps, &mut ops);
    }
    ops.extend([Op::mov64(Reg::R0, i32::from(input.byte() % 2)), Op::Exit]);
    point_at(&mut ops, callback);
    Insn::encode(&ops)
}

/// Makes function pointers point to this slot.
fn point_at(ops: &mut [Op], target: usize) {
    let mut slot = 0;
    for op in ops {
        if let Op::LoadImm64 { value: Imm64::Func(off @ CALLBACK), .. } = op {
            *off = target as i32 - slot as i32 - 1;
        }
        slot += op.slots();
    }
}

fn step(input: &mut Input<'_>, maps: &[Fd], ops: &mut Vec<Op>) {
    let kept = input.pick(&KEPT);
    match input.below(8) {
        0..=3 => {
            let helpers: Vec<&Helper> = emulated_helpers().collect();
            let helper = input.pick(&helpers);
            call(input, helper, maps, ops);
        }
        4 => ops.push(instruction(input, 4)),
        // Through a result, if there is one.
        5 => ops.extend([
            Op::branch64(JmpOp::Eq, kept, 0, 1),
            Op::store(input.pick(&Size::ALL), kept, input.below(20) as i16, Reg::R0),
        ]),
        6 => ops.push(Op::load(input.pick(&Size::ALL), kept, Reg::R6, (input.below(48) * 4) as i16)),
        _ => ops.push(Op::store(Size::DW, Reg::FP, -8, i32::from(input.byte() % 3))),
    }
}

fn call(input: &mut Input<'_>, helper: &Helper, maps: &[Fd], ops: &mut Vec<Op>) {
    let registers = [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5];
    for (reg, kind) in registers.into_iter().zip(helper.proto.args.map(|arg| arg.kind)) {
        // Now and then of another kind.
        if input.below(16) == 0 {
            ops.push(Op::mov64(reg, input.pick(&Reg::ALL[6..])));
        } else {
            argument(input, reg, kind, maps, ops);
        }
    }
    ops.push(Op::call(helper.id));
    if input.below(2) == 0 {
        ops.push(Op::mov64(input.pick(&KEPT), Reg::R0));
    }
}

fn argument(input: &mut Input<'_>, reg: Reg, kind: ArgKind, maps: &[Fd], ops: &mut Vec<Op>) {
    use ArgKind::*;
    match kind {
        Unused => {}
        ConstMapPtr => ops.push(Op::map_fd(reg, input.pick(maps).0)),
        Ctx => ops.push(Op::mov64(reg, Reg::R6)),
        Func => ops.push(Op::LoadImm64 { dst: reg, value: Imm64::Func(CALLBACK) }),
        ConstSize | ConstSizeOrZero | ConstAllocSizeOrZero => {
            ops.push(Op::mov64(reg, input.pick(&[0, 1, 4, 5, 8, 16, 24, 64, 512, -1])));
        }
        Anything | Scalar if input.below(2) == 0 => {
            let number = [0, 1, 2, 3, 7, -1, -2, -14, 0x100, 0xff_ffff, i32::MAX, i32::MIN];
            ops.push(Op::mov64(reg, input.pick(&number)));
        }
        ConstStr => ops.push(map_value(input, reg, maps)),
        _ => match input.below(5) {
            0 | 1 => {
                let below = [8, 8, 16, 64, 512];
                ops.extend([
                    Op::mov64(reg, Reg::FP),
                    Op::alu64(skep_isa::AluOp::Add, reg, -input.pick(&below)),
                ]);
            }
            2 => ops.push(map_value(input, reg, maps)),
            3 => ops.push(Op::mov64(reg, input.pick(&KEPT))),
            _ => ops.push(Op::imm64(reg, u64::from_le_bytes(input.array()))),
        },
    }
}

/// The address of a byte of the array's value.
fn map_value(input: &mut Input<'_>, dst: Reg, maps: &[Fd]) -> Op {
    Op::LoadImm64 { dst, value: Imm64::MapValue { fd: maps[1].0, off: input.below(60) as u32 } }
}
