//! Any helper with any arguments: an answer or a fault, never a panic, and nothing left behind.

use crate::support::{asm, kernel, value_map, word};
use proptest::prelude::*;
use skep_abi::{MapType, ProgType};
use skep_kernel::{
    Class, Config, Context, Fd, Kernel, MapSpec, PacketCtx, PerfEventAttr, ProgLoad, PtRegs, Run,
    emulated_helpers, vmlinux,
};

/// A kernel with maps of many types, some filled; with kernel objects if it is to have types.
fn world(typed: bool) -> (Kernel, Vec<Fd>) {
    let btf = typed.then(vmlinux::bundled);
    let mut kernel = Kernel::new(Config { btf, ..Config::default() }).unwrap();
    let kinds = [
        (MapType::Array, 4, 16, 2),
        (MapType::Hash, 4, 16, 4),
        (MapType::PercpuArray, 4, 8, 2),
        (MapType::PercpuHash, 4, 8, 2),
        (MapType::LruHash, 4, 8, 4),
        (MapType::ProgArray, 4, 4, 2),
        (MapType::PerfEventArray, 4, 4, 4),
        (MapType::Ringbuf, 0, 0, 4096),
    ];
    let mut maps: Vec<Fd> = kinds
        .iter()
        .map(|&(kind, key, value, count)| kernel.map_create(&MapSpec::new(kind, key, value, count)).unwrap())
        .collect();
    kernel.map_update_elem(maps[1], &word(0), &[1; 16], 0).unwrap();
    let event = kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).unwrap();
    kernel.perf_mmap(event, 1).unwrap();
    kernel.map_update_elem(maps[6], &word(0), &word(event.0), 0).unwrap();
    kernel.user_memory_mut().insert(0x7fff_0000_0000, b"user string\0".to_vec()).unwrap();
    maps.push(value_map(&mut kernel, 64));
    let text = b"%d %s %p %pI4\0";
    let mut format = text.to_vec();
    format.resize(64, 0);
    kernel.map_update_elem(maps[8], &word(0), &format, 0).unwrap();
    maps.push(kernel.map_create(&MapSpec::new(MapType::StackTrace, 4, 80, 4)).unwrap());
    (kernel, maps)
}

/// Addresses of some kernel objects; none without types.
fn objects(kernel: &mut Kernel) -> Vec<u64> {
    if kernel.btf().is_none() {
        return Vec::new();
    }
    let task = kernel.current().unwrap().addr();
    let file = kernel.file("/etc/passwd").unwrap().addr();
    let names = ["inode", "sock"];
    let made = names.map(|name| kernel.object(name).unwrap().addr());
    [vec![task, file], made.to_vec()].concat()
}

/// What an argument may be; numbers of maps are in the order of [`world`].
#[derive(Clone, Debug)]
enum Arg {
    Number(u64),
    Stack(i32),
    Map(usize),
    Value(usize, u32),
    Context,
    /// What the call before returned.
    Answer,
    /// The start of the packet, if there is one.
    Packet(i32),
    Callback,
    /// A kernel object: the current task, a file, an inode, a socket, some place in them.
    Object(usize, u64),
}

fn arg() -> impl Strategy<Value = Arg> {
    let number = prop_oneof![
        0u64..20,
        prop::sample::select(vec![
            64,
            256,
            4096,
            1 << 16,
            1 << 20,
            1 << 23,
            (1 << 23) + 1,
            1 << 31,
            u64::MAX,
            u64::MAX - 4095,
            1 << 32,
            1 << 52,
            1 << 63,
            0x7fff_0000_0000,
            0xffff_8000_0000_0000,
            0xffff_ffff,
            0xffff_ffff_fa00_0000,
            0xffff_ffff_fb00_0000,
        ]),
        any::<u64>(),
    ];
    prop_oneof![
        4 => number.prop_map(Arg::Number),
        3 => (-520i32..16).prop_map(Arg::Stack),
        4 => (0usize..10).prop_map(Arg::Map),
        2 => (prop::sample::select(vec![8usize]), 0u32..64).prop_map(|(map, off)| Arg::Value(map, off)),
        4 => Just(Arg::Context),
        2 => Just(Arg::Answer),
        1 => (-4i32..80).prop_map(Arg::Packet),
        1 => Just(Arg::Callback),
        3 => (0usize..4, prop_oneof![Just(0u64), 0u64..200]).prop_map(|(object, off)| Arg::Object(object, off)),
    ]
}

impl Arg {
    fn load(&self, reg: usize, maps: &[Fd], objects: &[u64], packet: bool) -> String {
        match self {
            Arg::Number(value) => format!("r{reg} = {value:#x} ll\n"),
            Arg::Stack(off) => format!("r{reg} = r10\nr{reg} += {off}\n"),
            Arg::Map(map) => format!("r{reg} = map[fd:{}] ll\n", maps[*map]),
            Arg::Value(map, off) => format!("r{reg} = map[fd:{}][0]+{off} ll\n", maps[*map]),
            Arg::Context => format!("r{reg} = r9\n"),
            Arg::Answer => format!("r{reg} = r8\n"),
            Arg::Packet(off) if packet => format!("r{reg} = *(u32 *)(r9 + 0)\nr{reg} += {off}\n"),
            Arg::Packet(off) => format!("r{reg} = {off}\n"),
            Arg::Object(object, off) => {
                let addr = objects.get(*object).map_or(0, |addr| addr + off);
                format!("r{reg} = {addr:#x} ll\n")
            }
            Arg::Callback => format!("r{reg} = each ll\n"),
        }
    }
}

fn call() -> impl Strategy<Value = (u32, [Arg; 5])> {
    let ids: Vec<u32> = emulated_helpers().map(|it| it.id).collect();
    (prop::sample::select(ids), prop::array::uniform5(arg()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_call(calls in prop::collection::vec(call(), 1..6), kind in 0usize..4, typed: bool) {
        let (mut kernel, maps) = world(typed);
        let found = objects(&mut kernel);
        let xdp = kind == 0;
        let mut text = "r9 = r1\nr8 = 0\n".to_owned();
        for (id, args) in &calls {
            for (i, arg) in args.iter().enumerate() {
                text += &arg.load(i + 1, &maps, &found, xdp);
            }
            text += &format!("call {id}\nr8 = r0\n");
        }
        text += "r0 = r8\nexit\neach:\nr0 = 0\nif r1 != 3 goto out\nr0 = 1\nout:\nexit";
        let packet = PacketCtx::new((0..64).collect()).with_meta(vec![1; 4]);
        let (prog_type, ctx) = match kind {
            0 => (ProgType::Xdp, Context::Packet(packet)),
            1 => (ProgType::SchedCls, Context::Packet(packet)),
            2 => (ProgType::Kprobe, Context::Regs(PtRegs::call(&[1, 2]))),
            _ => (ProgType::RawTracepoint, Context::None),
        };
        let prog = kernel.prog_load(ProgLoad::new("any", prog_type, asm(&text))).unwrap();
        let run = || Run { budget: Some(100_000), repeat: 2, ..Run::new(ctx.clone()) };
        let first = kernel.run(prog, run());
        if let Err(error) = &first {
            prop_assert!(matches!(error.class(), Class::ProgramFault | Class::NotEmulated), "{}", error);
        }
        // The same program on the same kind of world does the same.
        let (mut other, _) = world(typed);
        objects(&mut other);
        let prog = other.prog_load(ProgLoad::new("any", prog_type, asm(&text))).unwrap();
        prop_assert_eq!(&first, &other.run(prog, run()));
    }
}

/// Strings that would go on behind the last address.
#[test]
fn strings_at_the_end_of_the_address_space() {
    let mut kernel = kernel();
    for text in [
        "r1 = r10\nr1 += -8\nr2 = 8\nr3 = -1\ncall 182\nexit",
        "r1 = 0\nr2 = 0\nr3 = -1\nr4 = 0\nr5 = 0\ncall 165\nexit",
    ] {
        assert_eq!(crate::support::fault(&mut kernel, text).class(), Class::ProgramFault);
    }
}

/// A kernel moves between threads.
#[test]
fn a_kernel_is_send() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&kernel());
}
