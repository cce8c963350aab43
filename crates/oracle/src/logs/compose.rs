//! Programs put together from pieces: branches, loops, calls, callbacks, spills, map values, packets.

use std::fmt::Write;

use skep_btf::{Btf, Kind};

use super::{Case, FuncText, MapText};
use crate::numbers::Numbers;
use skep_abi::{MapType, ProgType};

/// R6 is the context, R7 and R8 are numbers, R9 counts in loops.
struct Composer {
    numbers: Numbers,
    labels: u32,
    text: String,
    /// Functions, behind the program.
    functions: String,
    /// Their names, and whether they call back: then the program needs BTF.
    names: Vec<String>,
    callbacks: bool,
    prog_type: ProgType,
    depth: u32,
    in_loop: bool,
    in_section: bool,
    kfuncs: Option<[u32; KFUNCS.len()]>,
}

/// Kernel functions that pieces call.
const KFUNCS: [&str; 7] = [
    "bpf_iter_num_new",
    "bpf_iter_num_next",
    "bpf_iter_num_destroy",
    "bpf_rcu_read_lock",
    "bpf_rcu_read_unlock",
    "bpf_preempt_disable",
    "bpf_preempt_enable",
];

/// Program types, and a field of the context that they may read.
const TYPES: [(ProgType, &str); 9] = [
    (ProgType::Xdp, "r7 = *(u32 *)(r6 + 12)"),
    (ProgType::SchedCls, "r7 = *(u32 *)(r6 + 8)"),
    (ProgType::SocketFilter, "r7 = *(u32 *)(r6 + 0)"),
    (ProgType::Kprobe, "r7 = *(u64 *)(r6 + 112)"),
    (ProgType::RawTracepoint, "r7 = *(u64 *)(r6 + 0)"),
    (ProgType::Tracepoint, "r7 = *(u64 *)(r6 + 8)"),
    (ProgType::PerfEvent, "r7 = *(u64 *)(r6 + 16)"),
    (ProgType::CgroupSkb, "r7 = *(u32 *)(r6 + 0)"),
    (ProgType::SockOps, "r7 = *(u32 *)(r6 + 0)"),
];

const OPS: [&str; 12] = ["+=", "-=", "*=", "&=", "|=", "^=", "<<=", ">>=", "s>>=", "/=", "%=", "="];
const JUMPS: [&str; 11] = ["==", "!=", ">", ">=", "<", "<=", "s>", "s>=", "s<", "s<=", "&"];

/// The program of a seed.
pub fn compose(seed: u64) -> Case {
    compose_with(seed, None)
}

/// The program of a seed, with pieces that call functions of the running kernel, by its BTF.
pub fn compose_with(seed: u64, kernel: Option<&Btf>) -> Case {
    let mut numbers = Numbers(seed);
    let (prog_type, load) = TYPES[numbers.draw() as usize % TYPES.len()];
    let mut it = Composer {
        numbers,
        labels: 0,
        text: String::new(),
        functions: String::new(),
        names: Vec::new(),
        callbacks: false,
        prog_type,
        depth: 0,
        in_loop: false,
        in_section: false,
        kfuncs: kernel.map(|btf| KFUNCS.map(|name| btf.find(Kind::Func, name).map_or(0, |id| id.0))),
    };
    it.line("r6 = r1");
    it.line("call 7");
    it.line("r8 = r0");
    it.line(load);
    let count = 3 + it.pick(6);
    it.pieces(count);
    it.line("r0 = 0");
    it.line("exit");
    let map = |kind, key_size, value_size, max_entries, name: &str| MapText {
        kind,
        key_size,
        value_size,
        max_entries,
        flags: 0,
        name: name.to_owned(),
    };
    let with_btf = it.callbacks || it.pick(2) == 0;
    let lines = with_btf && it.pick(2) == 0;
    // Those whose names begin with g take two numbers.
    let func = |(i, name): (usize, String)| {
        let takes_numbers = name.starts_with('g');
        let params = if takes_numbers { vec!["int".to_owned(); 2] } else { Vec::new() };
        FuncText { global: i == 0 || takes_numbers, params, name }
    };
    let names = std::iter::once("main".to_owned()).chain(std::mem::take(&mut it.names));
    let funcs = if with_btf { names.enumerate().map(func).collect() } else { Vec::new() };
    Case {
        funcs,
        lines,
        name: format!("composed {seed}"),
        prog_type: Some(prog_type),
        maps: vec![
            map(MapType::Array, 4, 16, 1, "one"),
            map(MapType::Hash, 8, 32, 16, "many"),
            map(MapType::Ringbuf, 0, 0, 4096, "ring"),
        ],
        text: it.text + &it.functions,
        ..Case::default()
    }
}

impl Composer {
    fn pick(&mut self, below: u64) -> u64 {
        self.numbers.draw() % below
    }

    fn of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.pick(from.len() as u64) as usize]
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(&text.replace("+ -", "- "));
        self.text.push('\n');
    }

    fn label(&mut self) -> u32 {
        self.labels += 1;
        self.labels
    }

    fn number(&mut self) -> String {
        self.of(&["r7", "r8"]).to_owned()
    }

    fn constant(&mut self) -> i64 {
        match self.pick(4) {
            0 => self.pick(8) as i64,
            1 => self.pick(300) as i64 - 20,
            2 => self.pick(1 << 20) as i64,
            _ => -(self.pick(1 << 30) as i64),
        }
    }

    fn pieces(&mut self, count: u64) {
        for _ in 0..count {
            self.piece();
        }
    }

    fn piece(&mut self) {
        let nested = self.depth < 3;
        if let Some(kfuncs) = self.kfuncs
            && self.pick(5) == 0
        {
            return self.of_kernel(kfuncs);
        }
        match self.pick(24) {
            0..=3 => self.arithmetic(),
            4..=7 if nested => self.branch(),
            8 if nested && !self.in_loop => self.bounded_loop(),
            9 if nested && !self.in_loop => self.may_goto(),
            10 | 11 => self.spill(),
            12 | 13 => self.stack_bytes(),
            14 | 15 => self.map_value(),
            16 => self.hash_update(),
            17 | 18 if nested => self.subprogram(),
            19 if nested => self.callback(),
            20 => self.ring_buffer(),
            21 => self.direct_value(),
            22 => self.packet(),
            _ => self.branch_out(),
        }
    }

    /// Pieces that need the kernel's functions, and others that came with them.
    fn of_kernel(&mut self, kfuncs: [u32; KFUNCS.len()]) {
        let nested = self.depth < 2;
        match self.pick(5) {
            0 | 1 if nested => self.iterator(kfuncs),
            2 if nested && !self.in_section => {
                let (begin, end) = if self.pick(2) == 0 { (3, 4) } else { (5, 6) };
                self.in_section = true;
                self.depth += 1;
                self.line(&format!("call kfunc#{}", kfuncs[begin]));
                self.arithmetic();
                self.map_value();
                self.line(&format!("call kfunc#{}", kfuncs[end]));
                self.depth -= 1;
                self.in_section = false;
            }
            3 => self.dynptr(),
            _ => self.global_function(),
        }
    }

    fn iterator(&mut self, kfuncs: [u32; KFUNCS.len()]) {
        let (label, end, number) = (self.label(), self.label(), self.number());
        let at = -64 - 8 * i64::from(self.depth);
        self.line("r1 = r10");
        self.line(&format!("r1 += {at}"));
        self.line("r2 = 0");
        match self.pick(2) {
            0 => self.line("r3 = 10"),
            _ => self.line(&format!("r3 = {number}")),
        }
        self.line(&format!("call kfunc#{}", kfuncs[0]));
        self.line(&format!("l{label}:"));
        self.line("r1 = r10");
        self.line(&format!("r1 += {at}"));
        self.line(&format!("call kfunc#{}", kfuncs[1]));
        self.line(&format!("if r0 == 0 goto l{end}"));
        if self.pick(2) == 0 {
            self.line(&format!("{number} = *(u32 *)(r0 + 0)"));
        }
        let in_loop = std::mem::replace(&mut self.in_loop, true);
        self.depth += 1;
        self.pieces(1);
        self.depth -= 1;
        self.in_loop = in_loop;
        self.line(&format!("goto l{label}"));
        self.line(&format!("l{end}:"));
        self.line("r1 = r10");
        self.line(&format!("r1 += {at}"));
        self.line(&format!("call kfunc#{}", kfuncs[2]));
    }

    fn dynptr(&mut self) {
        let label = self.label();
        self.line("r1 = map[idx:2] ll");
        let number = self.number();
        match self.pick(2) {
            0 => self.line("r2 = 32"),
            _ => self.line(&format!("r2 = {number}")),
        }
        self.line("r3 = 0");
        self.line("r4 = r10");
        self.line("r4 += -104");
        self.line("call 198");
        self.line("r1 = r10");
        self.line("r1 += -104");
        self.line("r2 = 8");
        self.line("r3 = 8");
        self.line("call 203");
        self.line(&format!("if r0 == 0 goto l{label}"));
        self.line(&format!("*(u64 *)(r0 + 0) = {number}"));
        self.line(&format!("l{label}:"));
        self.line("r1 = r10");
        self.line("r1 += -104");
        self.line("r2 = 0");
        let submit = self.of(&["call 199", "call 200"]);
        self.line(submit);
    }

    fn global_function(&mut self) {
        let label = self.label();
        let number = self.number();
        self.callbacks = true;
        self.line(&format!("r1 = {number}"));
        self.line("r2 = 7");
        self.line(&format!("call f{label}"));
        self.line(&format!("{number} = r0"));
        self.names.push(format!("g{label}"));
        let body = match self.pick(3) {
            0 => "r0 = r1\nif r2 > 3 goto +1\nr0 += r2\n",
            1 => "*(u64 *)(r10 - 8) = r1\nr0 = *(u32 *)(r10 - 8)\n",
            _ => "r0 = 0\nif r1 > 9 goto +2\nr0 += 1\nif r0 < 5 goto -2\n",
        };
        let _ = write!(self.functions, "f{label}:\n{body}exit\n");
    }

    fn arithmetic(&mut self) {
        let (op, dst) = (self.of(&OPS), self.number());
        let wide = self.pick(2) == 0;
        let dst = if wide { dst } else { dst.replace('r', "w") };
        let amount =
            if op.contains("<<") || op.contains(">>") { self.pick(31) as i64 + 1 } else { self.constant() };
        let amount = if amount == 0 { 1 } else { amount };
        if self.pick(3) == 0 && !op.contains("<<") && !op.contains(">>") {
            let src = if dst.ends_with('7') { "8" } else { "7" };
            let src = format!("{}{src}", &dst[..1]);
            self.line(&format!("{dst} {op} {src}"));
        } else {
            self.line(&format!("{dst} {op} {amount}"));
        }
    }

    fn condition(&mut self) -> String {
        let (op, dst) = (self.of(&JUMPS), self.number());
        let dst = if self.pick(3) == 0 { dst.replace('r', "w") } else { dst };
        if self.pick(4) == 0 {
            let src = if dst.ends_with('7') { "8" } else { "7" };
            return format!("{dst} {op} {}{src}", &dst[..1]);
        }
        let value = self.constant() as i32;
        format!("{dst} {op} {value}")
    }

    fn branch(&mut self) {
        let (label, condition) = (self.label(), self.condition());
        self.line(&format!("if {condition} goto l{label}"));
        self.depth += 1;
        let count = 1 + self.pick(2);
        self.pieces(count);
        if self.pick(2) == 0 {
            let end = self.label();
            self.line(&format!("goto l{end}"));
            self.line(&format!("l{label}:"));
            self.pieces(1);
            self.line(&format!("l{end}:"));
        } else {
            self.line(&format!("l{label}:"));
        }
        self.depth -= 1;
    }

    fn branch_out(&mut self) {
        let (label, condition) = (self.label(), self.condition());
        self.line(&format!("if {condition} goto l{label}"));
        self.line("r0 = 1");
        self.line("exit");
        self.line(&format!("l{label}:"));
    }

    fn bounded_loop(&mut self) {
        let (label, times) = (self.label(), 2 + self.pick(6));
        self.line("r9 = 0");
        self.line(&format!("l{label}:"));
        self.in_loop = true;
        self.depth += 1;
        self.pieces(1);
        self.depth -= 1;
        self.in_loop = false;
        self.line("r9 += 1");
        self.line(&format!("if r9 < {times} goto l{label}"));
    }

    fn may_goto(&mut self) {
        let (label, end) = (self.label(), self.label());
        self.line("r9 = 0");
        self.line(&format!("l{label}:"));
        self.line(&format!("may_goto l{end}"));
        self.in_loop = true;
        self.depth += 1;
        self.pieces(1);
        self.depth -= 1;
        self.in_loop = false;
        self.line("r9 += 1");
        self.line(&format!("goto l{label}"));
        self.line(&format!("l{end}:"));
    }

    fn slot(&mut self) -> i64 {
        -8 * (2 + self.pick(5) as i64)
    }

    fn spill(&mut self) {
        let (slot, src, dst) = (self.slot(), self.number(), self.number());
        let (size, part) = match self.pick(4) {
            0 => ("u32", 4 * self.pick(2) as i64),
            _ => ("u64", 0),
        };
        let at = slot + part;
        self.line(&format!("*({size} *)(r10 + {at}) = {src}"));
        if self.pick(3) == 0 {
            self.pieces(1);
        }
        self.line(&format!("{dst} = *({size} *)(r10 + {at})"));
    }

    fn stack_bytes(&mut self) {
        let (slot, dst) = (self.slot(), self.number());
        let zero = self.of(&["0", "0", "7"]);
        match self.pick(3) {
            0 => {
                self.line(&format!("*(u64 *)(r10 + {slot}) = {zero}"));
                self.line(&format!("{dst} = *(u8 *)(r10 + {})", slot + 3));
            }
            1 => {
                self.line(&format!("*(u16 *)(r10 + {slot}) = {zero}"));
                self.line(&format!("{dst} = *(u16 *)(r10 + {slot})"));
            }
            _ => {
                self.line(&format!("*(u64 *)(r10 + {slot}) = r10"));
                self.line(&format!("r1 = *(u64 *)(r10 + {slot})"));
                self.line(&format!("*(u32 *)(r1 + {slot}) = {zero}"));
                self.line(&format!("{dst} = *(u32 *)(r10 + {slot})"));
            }
        }
    }

    fn map_value(&mut self) {
        let label = self.label();
        let (number, dst) = (self.number(), self.number());
        let key = self.of(&["0", "0", "3"]);
        if self.pick(3) == 0 {
            self.line(&format!("*(u32 *)(r10 - 4) = {number}"));
        } else {
            self.line(&format!("*(u32 *)(r10 - 4) = {key}"));
        }
        self.line("r2 = r10");
        self.line("r2 += -4");
        self.line("r1 = map[idx:0] ll");
        self.line("call 1");
        if self.pick(8) != 0 {
            self.line(&format!("if r0 == 0 goto l{label}"));
        }
        match self.pick(4) {
            0 => self.line(&format!("{dst} = *(u64 *)(r0 + 8)")),
            1 => self.line(&format!("*(u64 *)(r0 + 0) = {number}")),
            2 => {
                self.line("r1 = 1");
                self.line("r1 = atomic_fetch_add((u64 *)(r0 + 8), r1)");
            }
            _ => {
                let bound = self.of(&["15", "15", "16", "31"]);
                self.line(&format!("r1 = {number}"));
                self.line(&format!("r1 &= {bound}"));
                self.line("r0 += r1");
                self.line(&format!("{dst} = *(u8 *)(r0 + 0)"));
            }
        }
        self.line(&format!("l{label}:"));
    }

    fn hash_update(&mut self) {
        let number = self.number();
        self.line(&format!("*(u64 *)(r10 - 16) = {number}"));
        for at in [-48, -40, -32, -24] {
            self.line(&format!("*(u64 *)(r10 + {at}) = 0"));
        }
        self.line("r1 = map[idx:1] ll");
        self.line("r2 = r10");
        self.line("r2 += -16");
        self.line("r3 = r10");
        self.line("r3 += -48");
        self.line("r4 = 0");
        self.line("call 2");
    }

    fn subprogram(&mut self) {
        let label = self.label();
        let number = self.number();
        self.line("*(u64 *)(r10 - 32) = 1");
        self.line("r1 = r10");
        self.line("r1 += -32");
        self.line(&format!("r2 = {number}"));
        self.line(&format!("call f{label}"));
        self.line(&format!("{number} = r0"));
        let body = match self.pick(4) {
            0 => "r0 = *(u64 *)(r1 + 0)\n",
            1 => "*(u64 *)(r1 + 0) = r2\nr0 = r2\n",
            2 => {
                "*(u64 *)(r10 - 8) = r2\nr0 = 0\nif r2 > 9 goto +2\n*(u32 *)(r1 + 4) = 5\nr0 = *(u64 *)(r10 - 8)\n"
            }
            _ => "r6 = r1\ncall 5\n*(u64 *)(r6 + 0) = r0\nr0 &= 63\n",
        };
        self.names.push(format!("f{label}"));
        let _ = write!(self.functions, "f{label}:\n{body}exit\n");
    }

    fn callback(&mut self) {
        let label = self.label();
        self.callbacks = true;
        self.line("*(u64 *)(r10 - 24) = 0");
        self.line("r1 = 5");
        self.line(&format!("r2 = f{label} ll"));
        self.line("r3 = r10");
        self.line("r3 += -24");
        self.line("r4 = 0");
        self.line("call 181");
        let number = self.number();
        self.line(&format!("{number} = *(u64 *)(r10 - 24)"));
        let body = match self.pick(3) {
            0 => "r0 = 0\n",
            1 => "r1 = *(u64 *)(r2 + 0)\nr1 += 1\n*(u64 *)(r2 + 0) = r1\nr0 = 0\n",
            _ => "r0 = 0\nif r1 > 2 goto +1\nr0 = 1\n",
        };
        self.names.push(format!("f{label}"));
        let _ = write!(self.functions, "f{label}:\n{body}exit\n");
    }

    fn ring_buffer(&mut self) {
        let label = self.label();
        let number = self.number();
        self.line("r1 = map[idx:2] ll");
        self.line("r2 = 16");
        self.line("r3 = 0");
        self.line("call 131");
        self.line(&format!("if r0 == 0 goto l{label}"));
        self.line(&format!("*(u64 *)(r0 + 8) = {number}"));
        self.line("r1 = r0");
        self.line("r2 = 0");
        if self.pick(10) != 0 {
            self.line(self.of_call());
        }
        self.line(&format!("l{label}:"));
    }

    fn of_call(&self) -> &'static str {
        if self.labels.is_multiple_of(2) { "call 132" } else { "call 133" }
    }

    fn direct_value(&mut self) {
        let (dst, off) = (self.number(), self.pick(3) * 4);
        self.line(&format!("r1 = map[idx:0][0]+{off} ll"));
        self.line(&format!("{dst} = *(u32 *)(r1 + 4)"));
        self.line("*(u8 *)(r1 + 1) = 1");
    }

    fn packet(&mut self) {
        let (label, dst) = (self.label(), self.number());
        let (data, end) = match self.prog_type {
            ProgType::Xdp => (0, 4),
            ProgType::SchedCls | ProgType::CgroupSkb => (76, 80),
            _ => return self.arithmetic(),
        };
        let size = 8 + self.pick(32);
        self.line(&format!("r2 = *(u32 *)(r6 + {data})"));
        self.line(&format!("r3 = *(u32 *)(r6 + {end})"));
        self.line("r4 = r2");
        if self.pick(3) == 0 {
            self.line(&format!("r5 = {dst}"));
            self.line("r5 &= 255");
            self.line("r4 += r5");
            self.line("r2 = r4");
        }
        self.line(&format!("r4 += {size}"));
        self.line(&format!("if r4 > r3 goto l{label}"));
        self.line(&format!("{dst} = *(u16 *)(r2 + {})", size - 2));
        self.line(&format!("l{label}:"));
    }
}
