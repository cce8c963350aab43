//! Programs that call helpers with arguments that are right more often than not, and what the verifier of the real
//! kernel says of them.
//!
//! A recording begins with what all programs share: a line `b` with their BTF in hex and a line `m` for each map (type,
//! bytes of key and value, entries, flags, type of the value). Then come the programs: a line `p` with program type,
//! attach type, errno and instructions in hex, in which maps are numbers; behind it the log of level 2, each line with a
//! tab in front.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use skep_abi::helpers::{ArgKind, HELPERS, Helper, RetKind, func};
use skep_abi::{AttachType, MapType, ProgType};
use skep_btf::{Btf, BtfBuilder, Def, IntEncoding, Linkage, TypeId, TypeTag};
use skep_isa::{AluOp, Callee, Imm64, Insn, JmpOp, Op, Reg, Size};

use crate::numbers::Numbers;
use crate::sys::{Map, MapCreate, ProgLoad, btf_load};

/// A program from a seed.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its type.
    pub prog_type: ProgType,
    /// Its attach type, where the type has a choice.
    pub attach: Option<AttachType>,
    /// Its instructions; maps are numbers.
    pub insns: Vec<Insn>,
    /// Its functions: where they begin, and which of [`Types::funcs`] they are.
    pub funcs: Vec<(usize, usize)>,
}

/// A map that the programs use.
#[derive(Clone, Copy, Debug)]
pub struct MapRow {
    /// Its type.
    pub kind: MapType,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Elements.
    pub max_entries: u32,
    /// `BPF_F_*`.
    pub flags: u32,
    /// Type of the value, by its place in [`Types::values`].
    pub value: Option<usize>,
}

/// The BTF of programs and maps.
pub struct Types {
    /// All of it.
    pub btf: Btf,
    /// Of maps: the key, then values with a lock, a timer and a kernel pointer.
    pub values: Vec<TypeId>,
    /// Functions: the first, two callbacks, and a global one.
    pub funcs: [TypeId; 4],
}

const RDONLY_PROG: u32 = 1 << 7;
const NO_PREALLOC: u32 = 1;
/// `BPF_F_SLEEPABLE`: programs of system calls have to say it.
const SLEEPABLE: u32 = 1 << 4;
/// What is in the map that nobody can write.
pub const TEXT: &[u8; 16] = b"%d %s\0abc\0%x\0\0\0\0";
/// The number of that map.
pub const TEXT_MAP: usize = 4;
/// The number of the program array.
const PROG_ARRAY: usize = 8;

const fn row(kind: MapType, key_size: u32, value_size: u32, max_entries: u32) -> MapRow {
    MapRow { kind, key_size, value_size, max_entries, flags: 0, value: None }
}

/// The maps, by their numbers.
pub const MAPS: &[MapRow] = &[
    row(MapType::Array, 4, 16, 4),
    MapRow { value: Some(1), ..row(MapType::Array, 4, 16, 2) },
    MapRow { value: Some(2), ..row(MapType::Array, 4, 24, 2) },
    MapRow { value: Some(3), ..row(MapType::Hash, 4, 16, 2) },
    MapRow { flags: RDONLY_PROG, ..row(MapType::Array, 4, 16, 1) },
    row(MapType::Hash, 8, 32, 8),
    row(MapType::PercpuArray, 4, 8, 4),
    row(MapType::Ringbuf, 0, 0, 4096),
    row(MapType::ProgArray, 4, 4, 4),
    row(MapType::PerfEventArray, 4, 4, 4),
    row(MapType::StackTrace, 4, 64, 4),
    row(MapType::Queue, 0, 8, 4),
    row(MapType::BloomFilter, 0, 8, 4),
    row(MapType::LruHash, 4, 8, 4),
    row(MapType::CgroupArray, 4, 4, 4),
    row(MapType::Devmap, 4, 4, 4),
    row(MapType::Cpumap, 4, 4, 4),
    row(MapType::Xskmap, 4, 4, 4),
    row(MapType::Sockmap, 4, 4, 4),
    row(MapType::Sockhash, 4, 4, 4),
    row(MapType::UserRingbuf, 0, 0, 4096),
    MapRow { flags: NO_PREALLOC, value: Some(0), ..row(MapType::TaskStorage, 4, 4, 0) },
    MapRow { flags: NO_PREALLOC, value: Some(0), ..row(MapType::SkStorage, 4, 4, 0) },
    row(MapType::ReuseportSockarray, 4, 8, 4),
    row(MapType::PercpuHash, 4, 8, 4),
];

fn def(btf: &mut BtfBuilder, name: &str, def: Def) -> TypeId {
    btf.add(name, def)
}

/// The BTF: `struct with_lock { struct bpf_spin_lock lock; int rest[3]; }` and so on.
pub fn types() -> Option<Types> {
    let mut btf = BtfBuilder::new();
    let int = btf.int("int", 4, IntEncoding::Signed);
    let long = btf.int("long", 8, IntEncoding::Signed);
    let void_ptr = def(&mut btf, "", Def::Ptr(TypeId::VOID));
    let lock = btf.structure("bpf_spin_lock", 4, &[("val", int, 0)]);
    let timer = btf.structure("bpf_timer", 16, &[("a", long, 0), ("b", long, 64)]);
    let task = btf.structure("task_struct", 4, &[("any", int, 0)]);
    let kptr = def(&mut btf, "kptr", Def::TypeTag(TypeTag { target: task, attribute: false }));
    let kptr = def(&mut btf, "", Def::Ptr(kptr));
    let with_lock = btf.structure("with_lock", 16, &[("lock", lock, 0), ("rest", long, 64)]);
    let with_timer = btf.structure("with_timer", 24, &[("rest", long, 0), ("timer", timer, 64)]);
    let with_kptr = btf.structure("with_kptr", 16, &[("task", kptr, 0), ("rest", long, 64)]);
    let first = btf.func("first", Linkage::Global, int, &[("ctx", void_ptr)]);
    let args = [("a", void_ptr), ("b", void_ptr), ("c", void_ptr), ("d", void_ptr)];
    let callback = btf.func("callback", Linkage::Static, int, &args);
    let other = btf.func("other", Linkage::Static, int, &args);
    let with_rest = def(&mut btf, "", Def::Ptr(with_lock));
    let global = btf.func("global", Linkage::Global, int, &[("rest", with_rest), ("n", int)]);
    let values = vec![int, with_lock, with_timer, with_kptr];
    Some(Types { btf: btf.build().ok()?, values, funcs: [first, callback, other, global] })
}

/// Writes a program.
struct Writer {
    numbers: Numbers,
    ops: Vec<Op>,
    /// Wide loads of callbacks and calls: which operation, which function.
    callbacks: Vec<(usize, usize)>,
    prog_type: ProgType,
}

/// Program types, and the attach types that they are tried with.
const TYPES: &[(ProgType, Option<AttachType>)] = &[
    (ProgType::SchedCls, None),
    (ProgType::Xdp, None),
    (ProgType::Kprobe, None),
    (ProgType::SchedCls, None),
    (ProgType::SocketFilter, None),
    (ProgType::CgroupSkb, Some(AttachType::CgroupInetEgress)),
    (ProgType::SockOps, Some(AttachType::CgroupSockOps)),
    (ProgType::Tracepoint, None),
    (ProgType::RawTracepoint, None),
    (ProgType::PerfEvent, None),
    (ProgType::CgroupSockAddr, Some(AttachType::CgroupInet4Connect)),
    (ProgType::SkMsg, Some(AttachType::SkMsgVerdict)),
    (ProgType::SkSkb, Some(AttachType::SkSkbStreamVerdict)),
    (ProgType::CgroupSockopt, Some(AttachType::CgroupSetsockopt)),
    (ProgType::SkLookup, Some(AttachType::SkLookup)),
    (ProgType::LwtXmit, None),
    (ProgType::SkReuseport, Some(AttachType::SkReuseportSelect)),
    (ProgType::CgroupSock, Some(AttachType::CgroupInetSockCreate)),
    (ProgType::FlowDissector, Some(AttachType::FlowDissector)),
    (ProgType::CgroupSysctl, Some(AttachType::CgroupSysctl)),
    (ProgType::Syscall, None),
];

/// A program from a seed.
pub fn program(seed: u64) -> Case {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
    let (prog_type, attach) = TYPES[numbers.draw() as usize % TYPES.len()];
    let mut writer = Writer { numbers, ops: Vec::new(), callbacks: Vec::new(), prog_type };
    writer.body();
    let mut funcs = vec![(0, 0)];
    let mut starts = [0; 3];
    // What nothing refers to is no function.
    for (which, start) in starts.iter_mut().enumerate() {
        if writer.callbacks.iter().any(|(_, it)| *it == which) {
            *start = writer.slots();
            funcs.push((*start, which + 1));
            if which < 2 {
                writer.callback();
            } else {
                writer.global();
            }
        }
    }
    let mut insns = Insn::encode(&writer.ops);
    for (at, which) in &writer.callbacks {
        let slot: usize = writer.ops[..*at].iter().map(Op::slots).sum();
        insns[slot].imm = starts[*which] as i32 - slot as i32 - 1;
    }
    Case { prog_type, attach, insns, funcs }
}

impl Writer {
    fn slots(&self) -> usize {
        self.ops.iter().map(Op::slots).sum()
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.numbers.draw() % below
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.draw(many) == 0
    }

    fn push(&mut self, op: Op) {
        self.ops.push(op);
    }

    fn body(&mut self) {
        self.push(Op::mov64(Reg::R6, Reg::R1));
        self.push(Op::mov64(Reg::R7, 0));
        self.push(Op::call(func::get_prandom_u32));
        self.push(Op::mov64(Reg::R8, Reg::R0));
        if !self.one_in(3) {
            let mask = [7, 15, 63, 511][self.draw(4) as usize];
            self.push(Op::alu64(AluOp::And, Reg::R8, mask));
        }
        self.stack();
        self.something();
        for _ in 0..1 + self.draw(3) {
            self.any_call();
        }
        if self.one_in(3) {
            self.give_back();
        }
        self.push(Op::mov64(Reg::R0, 0));
        self.push(Op::Exit);
    }

    /// Some of the stack is written.
    fn stack(&mut self) {
        for slot in 1..=8 {
            let off = -8 * slot;
            match self.draw(6) {
                0 => {}
                1 => self.push(Op::store(Size::DW, Reg::R10, off, Reg::R8)),
                2 => self.push(Op::store(Size::W, Reg::R10, off, 1)),
                3 => self.push(Op::store(Size::DW, Reg::R10, off, 3)),
                _ => self.push(Op::store(Size::DW, Reg::R10, off, 0)),
            }
        }
    }

    /// R7 is something: a map's value, a record, a socket, packet bytes, a task.
    fn something(&mut self) {
        match self.draw(8) {
            0..=2 => {
                let map = [0, 1, 2, 3, 5, 1, 2, 3][self.draw(8) as usize];
                self.push(Op::store(Size::DW, Reg::R10, -8, 0));
                self.map(Reg::R1, map);
                self.frame(Reg::R2, -8);
                self.push(Op::call(func::map_lookup_elem));
                self.not_null();
            }
            3 => {
                self.map(Reg::R1, 7);
                self.push(Op::mov64(Reg::R2, 16));
                self.push(Op::mov64(Reg::R3, 0));
                self.push(Op::call(func::ringbuf_reserve));
                self.not_null();
            }
            4 => self.packet(),
            5 => {
                self.push(Op::call(func::get_current_task_btf));
                self.push(Op::mov64(Reg::R7, Reg::R0));
            }
            6 => {
                self.push(Op::mov64(Reg::R1, Reg::R6));
                self.frame(Reg::R2, -48);
                self.push(Op::mov64(Reg::R3, 12));
                self.push(Op::mov64(Reg::R4, 0));
                self.push(Op::mov64(Reg::R5, 0));
                self.push(Op::call(func::sk_lookup_tcp));
                self.not_null();
            }
            _ => {}
        }
    }

    /// R7 = R0, and nothing more where that is NULL; that is forgotten now and then.
    fn not_null(&mut self) {
        if !self.one_in(8) {
            self.push(Op::branch64(JmpOp::Ne, Reg::R0, 0, 2));
            self.push(Op::mov64(Reg::R0, 0));
            self.push(Op::Exit);
        }
        self.push(Op::mov64(Reg::R7, Reg::R0));
    }

    fn packet(&mut self) {
        let (data, end) = match self.prog_type {
            ProgType::Xdp => (0, 4),
            ProgType::SchedCls | ProgType::CgroupSkb | ProgType::SkSkb | ProgType::LwtXmit => (76, 80),
            _ => return,
        };
        self.push(Op::load(Size::W, Reg::R7, Reg::R6, data));
        self.push(Op::load(Size::W, Reg::R3, Reg::R6, end));
        self.push(Op::mov64(Reg::R2, Reg::R7));
        let size = [4, 16, 64][self.draw(3) as usize];
        self.push(Op::alu64(AluOp::Add, Reg::R2, size));
        self.push(Op::branch64(JmpOp::Le, Reg::R2, Reg::R3, 2));
        self.push(Op::mov64(Reg::R0, 0));
        self.push(Op::Exit);
    }

    fn map(&mut self, reg: Reg, map: usize) {
        self.push(Op::LoadImm64 { dst: reg, value: Imm64::MapFd(map as i32) });
    }

    fn frame(&mut self, reg: Reg, off: i32) {
        self.push(Op::mov64(reg, Reg::R10));
        self.push(Op::alu64(AluOp::Add, reg, off));
    }

    /// A call of a function of the program, with whatever is there.
    fn local_call(&mut self) {
        for reg in [Reg::R1, Reg::R2, Reg::R3, Reg::R4] {
            if self.one_in(3) {
                self.frame(reg, -16);
            } else {
                self.odd(reg);
            }
        }
        let which = self.draw(3) as usize;
        self.callbacks.push((self.ops.len(), which));
        self.push(Op::Call(Callee::Local(0)));
        if self.one_in(2) {
            self.push(Op::mov64(Reg::R8, Reg::R0));
        }
    }

    /// A function that is looked at by itself: it takes 16 bytes of memory and a number.
    fn global(&mut self) {
        if !self.one_in(4) {
            self.push(Op::branch64(JmpOp::Ne, Reg::R1, 0, 2));
            self.push(Op::mov64(Reg::R0, 0));
            self.push(Op::Exit);
        }
        let off = [0, 8, 12, 16][self.draw(4) as usize];
        self.push(Op::load(Size::W, Reg::R0, Reg::R1, off));
        if self.one_in(3) {
            self.push(Op::mov64(Reg::R0, Reg::R2));
        }
        self.push(Op::Exit);
    }

    fn any_call(&mut self) {
        if self.one_in(8) {
            return self.local_call();
        }
        let helper = loop {
            let helper = &HELPERS[self.draw(HELPERS.len() as u64) as usize];
            // Most programs may not call most helpers, which says little.
            let kernel = skep_abi::KernelVersion::new(6, 18);
            let attach = TYPES.iter().find(|it| it.0 == self.prog_type).and_then(|it| it.1);
            if helper.allowed(self.prog_type, attach, kernel).is_some() || self.one_in(40) {
                break helper;
            }
        };
        for argno in 0..helper.arg_count() {
            let reg = [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5][argno];
            if self.one_in(12) {
                self.odd(reg);
            } else {
                self.argument(helper, argno, reg);
            }
        }
        self.push(Op::call(helper.id));
        self.after(helper);
    }

    fn after(&mut self, helper: &Helper) {
        match helper.proto.ret.kind {
            RetKind::Void => {}
            RetKind::Integer if self.one_in(3) => self.push(Op::mov64(Reg::R8, Reg::R0)),
            RetKind::Integer => {}
            _ if helper.proto.ret.nullable && !self.one_in(4) => {
                self.not_null();
                if self.one_in(2) {
                    self.push(Op::load(Size::W, Reg::R1, Reg::R7, 0));
                }
            }
            _ => self.push(Op::mov64(Reg::R7, Reg::R0)),
        }
    }

    /// What is held in R7 is given back, whatever it is.
    fn give_back(&mut self) {
        self.push(Op::mov64(Reg::R1, Reg::R7));
        self.push(Op::mov64(Reg::R2, 0));
        let id = [func::ringbuf_submit, func::sk_release, func::spin_unlock][self.draw(3) as usize];
        self.push(Op::call(id));
    }

    /// Anything at all.
    fn odd(&mut self, reg: Reg) {
        match self.draw(8) {
            0 => self.push(Op::mov64(reg, Reg::R6)),
            1 => self.push(Op::mov64(reg, Reg::R7)),
            2 => self.push(Op::mov64(reg, Reg::R8)),
            3 => self.push(Op::mov64(reg, 0)),
            4 => self.push(Op::mov64(reg, -1)),
            5 => self.push(Op::mov64(reg, Reg::R10)),
            6 => {
                let map = self.draw(MAPS.len() as u64) as usize;
                self.map(reg, map);
            }
            _ => {
                let off = -(self.draw(70) as i32);
                self.frame(reg, off);
            }
        }
    }

    fn argument(&mut self, helper: &Helper, argno: usize, reg: Reg) {
        let arg = helper.proto_for(self.prog_type, None).args[argno];
        if arg.nullable() && self.one_in(3) {
            return self.push(Op::mov64(reg, 0));
        }
        match arg.kind {
            ArgKind::Ctx => self.push(Op::mov64(reg, Reg::R6)),
            ArgKind::ConstMapPtr => {
                let map = self.map_for(helper);
                self.map(reg, map);
            }
            ArgKind::MapKey
            | ArgKind::MapValue
            | ArgKind::Mem
            | ArgKind::FixedMem(_)
            | ArgKind::Stack
            | ArgKind::Dynptr(_) => {
                if self.one_in(4) {
                    return self.push(Op::mov64(reg, Reg::R7));
                }
                let off = -8 * (1 + self.draw(8) as i32);
                self.frame(reg, off);
            }
            ArgKind::ConstSize | ArgKind::ConstSizeOrZero | ArgKind::ConstAllocSizeOrZero => {
                if self.one_in(4) {
                    return self.push(Op::mov64(reg, Reg::R8));
                }
                let size = [0, 1, 4, 8, 8, 12, 16, 24, 64, 512][self.draw(10) as usize];
                self.push(Op::mov64(reg, size));
            }
            ArgKind::Anything | ArgKind::Unused => {
                if self.one_in(3) {
                    return self.push(Op::mov64(reg, Reg::R8));
                }
                let value = self.draw(4) as i32;
                self.push(Op::mov64(reg, value));
            }
            ArgKind::Func => {
                let which = self.draw(2) as usize;
                self.callbacks.push((self.ops.len(), which));
                self.push(Op::LoadImm64 { dst: reg, value: Imm64::Func(0) });
            }
            ArgKind::ConstStr => {
                let off = [0, 6, 10, 12][self.draw(4) as usize];
                self.push(Op::LoadImm64 { dst: reg, value: Imm64::MapValue { fd: TEXT_MAP as i32, off } });
            }
            ArgKind::Timer => {
                self.push(Op::mov64(reg, Reg::R7));
                self.push(Op::alu64(AluOp::Add, reg, 8));
            }
            _ => self.push(Op::mov64(reg, Reg::R7)),
        }
    }

    /// A map that the helper takes, as its name tells.
    fn map_for(&mut self, helper: &Helper) -> usize {
        use MapType::{
            BloomFilter, CgroupArray, Devmap, PercpuArray, PerfEventArray, ProgArray, Queue, Ringbuf,
            SkStorage, StackTrace, TaskStorage, UserRingbuf,
        };
        let kinds: &[MapType] = match helper.name {
            "tail_call" => &[ProgArray],
            "redirect_map" => &[Devmap, MapType::Cpumap, MapType::Xskmap],
            "get_stackid" => &[StackTrace],
            "user_ringbuf_drain" => &[UserRingbuf],
            "map_push_elem" | "map_peek_elem" | "map_pop_elem" => &[Queue, BloomFilter],
            "map_lookup_percpu_elem" => &[PercpuArray, MapType::PercpuHash],
            name if name.contains("ringbuf") => &[Ringbuf],
            name if name.contains("perf_event") || name.ends_with("_output") => &[PerfEventArray],
            name if name.contains("cgroup") => &[CgroupArray],
            name if name.starts_with("task_storage") => &[TaskStorage],
            name if name.starts_with("sk_storage") => &[SkStorage],
            name if name.contains("sock_map") || name.ends_with("redirect_map") => &[MapType::Sockmap],
            name if name.contains("hash") => &[MapType::Sockhash],
            _ => return [0, 1, 2, 3, 4, 5, 6, 13, 17, 18][self.draw(10) as usize],
        };
        let kind = kinds[self.draw(kinds.len() as u64) as usize];
        MAPS.iter().position(|it| it.kind == kind).unwrap_or(0)
    }

    /// A function that is called back: it looks at what it got and returns something.
    fn callback(&mut self) {
        for reg in [Reg::R1, Reg::R2, Reg::R3, Reg::R4] {
            match self.draw(10) {
                0 => self.push(Op::load(Size::W, Reg::R0, reg, 0)),
                1 => self.push(Op::store(Size::W, reg, 0, 1)),
                2 => self.push(Op::mov64(Reg::R0, reg)),
                _ => {}
            }
        }
        if self.one_in(4) {
            self.push(Op::call(func::get_prandom_u32));
        }
        match self.draw(6) {
            0 => {}
            1 => self.push(Op::mov64(Reg::R0, 2)),
            2 => self.push(Op::mov64(Reg::R0, 1)),
            _ => self.push(Op::mov64(Reg::R0, 0)),
        }
        self.push(Op::Exit);
    }
}

/// The maps and types in the real kernel.
pub struct World {
    types: Types,
    btf: OwnedFd,
    maps: Vec<Map>,
}

impl World {
    /// Makes them.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new() -> io::Result<World> {
        let types = types().ok_or(io::ErrorKind::InvalidData)?;
        let btf = btf_load(&types.btf.to_bytes()).map_err(|it| io::Error::from_raw_os_error(it.errno))?;
        let mut maps = Vec::new();
        for (at, row) in MAPS.iter().enumerate() {
            maps.push(create(at, row, &types, btf.as_raw_fd())?);
        }
        maps[TEXT_MAP].update(&[0; 4], TEXT, 0)?;
        maps[TEXT_MAP].freeze()?;
        Ok(World { types, btf, maps })
    }

    /// What the kernel says: an errno, 0 if it accepts, and the log.
    ///
    /// # Errors
    /// Making a map fails.
    pub fn ask(&self, case: &Case) -> io::Result<(i32, String)> {
        // A program array is for programs of the type that used it first.
        let fresh = create(PROG_ARRAY, &MAPS[PROG_ARRAY], &self.types, 0)?;
        let mut insns = case.insns.clone();
        let mut at = 0;
        while at < insns.len() {
            if insns[at].code == 0x18 {
                if matches!(insns[at].src, 1 | 2) {
                    let map = insns[at].imm as usize;
                    insns[at].imm = if map == PROG_ARRAY { fresh.raw_fd() } else { self.maps[map].raw_fd() };
                }
                at += 1;
            }
            at += 1;
        }
        let record = |(slot, which): &(usize, usize)| {
            [(*slot as u32).to_ne_bytes(), self.types.funcs[*which].0.to_ne_bytes()].concat()
        };
        let info: Vec<u8> = case.funcs.iter().flat_map(record).collect();
        let load = ProgLoad {
            prog_type: case.prog_type.to_u32(),
            insns: &insns,
            license: "GPL",
            log_level: 2,
            flags: if case.prog_type == ProgType::Syscall { SLEEPABLE } else { 0 },
            expected_attach_type: case.attach.map_or(0, AttachType::to_u32),
            btf_fd: self.btf.as_raw_fd(),
            func_info: &info,
            name: "calls",
            ..ProgLoad::default()
        };
        Ok(match load.load() {
            Ok(prog) => (0, prog.log),
            Err(rejected) => (rejected.errno, rejected.log),
        })
    }
}

fn create(at: usize, row: &MapRow, types: &Types, btf: i32) -> io::Result<Map> {
    let create = MapCreate {
        kind: row.kind.to_u32(),
        key_size: row.key_size,
        value_size: row.value_size,
        max_entries: row.max_entries,
        flags: row.flags,
        name: format!("m{at}"),
        btf_fd: if row.value.is_some() { btf } else { 0 },
        btf_key_type_id: if row.value.is_some() { types.values[0].0 } else { 0 },
        btf_value_type_id: row.value.map_or(0, |it| types.values[it].0),
        ..MapCreate::default()
    };
    create.create().map_err(|error| io::Error::new(error.kind(), format!("map {at} ({}): {error}", row.kind)))
}

/// What all programs of a recording share.
pub fn header() -> Option<String> {
    let types = types()?;
    let mut text = format!("b {}\n", hex(&types.btf.to_bytes()));
    for row in MAPS {
        let value = row.value.map_or(0, |it| types.values[it].0);
        text += &format!(
            "m {} {} {} {} {} {value}\n",
            row.kind, row.key_size, row.value_size, row.max_entries, row.flags
        );
    }
    Some(text)
}

/// A program and what the kernel said, as a recording has them.
pub fn entry(case: &Case, errno: i32, log: &str) -> String {
    let attach = case.attach.map_or("-", AttachType::name);
    let types = types();
    let id = |which: usize| types.as_ref().map_or(0, |it| it.funcs[which].0);
    let funcs: Vec<String> =
        case.funcs.iter().map(|(slot, which)| format!("{slot}:{}", id(*which))).collect();
    let insns = hex(&Insn::to_vec(&case.insns));
    let mut text = format!("p {} {attach} {errno} {} {insns}\n", case.prog_type, funcs.join(","));
    for line in log.lines() {
        text += &format!("\t{}\n", without_addresses(line));
    }
    text
}

/// A wide load's value is an address, which is another one each time.
pub fn without_addresses(line: &str) -> String {
    let Some((before, after)) = line.split_once("(18) r") else { return line.to_owned() };
    let Some((reg, value)) = after.split_once(" = 0x") else { return line.to_owned() };
    let rest = value.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    format!(
        "{before}(18) r{reg} = X{}",
        rest.trim_start().strip_prefix("; ").map_or(String::new(), |it| format!(" ; {it}"))
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{program, types, without_addresses};

    #[test]
    fn programs_are_well_formed() {
        assert!(types().is_some());
        for seed in 0..200 {
            let case = program(seed);
            assert!(case.funcs.is_sorted() && case.funcs.iter().all(|it| it.0 < case.insns.len()), "{seed}");
        }
    }

    #[test]
    fn addresses_are_left_out() {
        let line = "5: (18) r1 = 0xffff888103a8c000       ; R1_w=map_ptr(map=m0,ks=4,vs=16)";
        assert_eq!(without_addresses(line), "5: (18) r1 = X ; R1_w=map_ptr(map=m0,ks=4,vs=16)");
        assert_eq!(without_addresses("5: (95) exit"), "5: (95) exit");
    }
}
