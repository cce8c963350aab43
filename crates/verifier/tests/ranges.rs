//! Numbers of registers against what the verifier of Linux 6.18.44 says of them: programs of random arithmetic and
//! branches (`fixtures/oracle/ranges-6.18.txt.gz`; `record-ranges` of `skep-oracle` wrote it).

use std::collections::VecDeque;
use std::fmt::Write;
use std::io::Read;

use skep_isa::{AluOp, Insn, JmpOp, Op, Operand, Reg, Width, decode};
use skep_verifier::scalar::{Scalar, alu, branch_taken, end, fork, refine, refine_same};
use skep_verifier::tnum::Tnum;

type Numbers = [Scalar; 11];

fn recording() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/oracle/ranges-6.18.txt.gz");
    let file = std::fs::File::open(path).expect("the recording is there");
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("it is text");
    text
}

/// One line of a recording.
#[derive(Debug)]
struct Event<'a> {
    /// Where the path was left that is taken up.
    from: Option<usize>,
    slot: usize,
    /// `R6` and so on, and what the kernel says.
    numbers: Vec<(usize, &'a str)>,
}

fn event(line: &str) -> Event<'_> {
    let mut words = line.split(" R");
    let mut place = words.next().expect("a place").split(' ');
    let number = |word: Option<&str>| word.and_then(|word| word.parse().ok()).expect("a slot");
    let (from, slot) = match place.next() {
        Some("from") => {
            let from = number(place.next());
            place.next();
            (Some(from), number(place.next()))
        }
        word => (None, number(word)),
    };
    let numbers = words
        .filter_map(|word| word.split_once('='))
        .map(|(reg, text)| (reg.parse().expect("a register"), text));
    Event { from, slot, numbers: numbers.collect() }
}

/// What the kernel's text says: what it does not mention is as far away as can be.
fn scalar(text: &str) -> Scalar {
    let Some(fields) = text.strip_prefix("scalar(").and_then(|rest| rest.strip_suffix(')')) else {
        return Scalar::constant(signed(text) as u64);
    };
    let mut scalar = Scalar::UNKNOWN;
    let (ranges, bits) = fields.split_once("var_off=").unwrap_or((fields, ""));
    for group in ranges.split(',').filter(|group| !group.is_empty()) {
        let (names, value) = group.rsplit_once('=').expect("a value");
        for name in names.split('=') {
            set(&mut scalar, name, signed(value));
        }
    }
    if let Some((value, mask)) = bits.trim_matches(['(', ')']).split_once("; ") {
        scalar.var_off = Tnum { value: signed(value) as u64, mask: signed(mask) as u64 };
    }
    scalar
}

fn signed(text: &str) -> i128 {
    match text.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16),
        None => text.parse(),
    }
    .unwrap_or_else(|_| panic!("{text} is no number"))
}

fn set(scalar: &mut Scalar, name: &str, value: i128) {
    match name {
        "smin" => scalar.smin = value as i64,
        "smax" => scalar.smax = value as i64,
        "umin" => scalar.umin = value as u64,
        "umax" => scalar.umax = value as u64,
        "smin32" => scalar.s32_min = value as i32,
        "smax32" => scalar.s32_max = value as i32,
        "umin32" => scalar.u32_min = value as u32,
        "umax32" => scalar.u32_max = value as u32,
        _ => panic!("what is {name}?"),
    }
}

/// Follows a program as the verifier does: falls through first, later jumps.
struct Replay<'a> {
    insns: &'a [Insn],
    events: VecDeque<Event<'a>>,
    pending: Vec<(usize, usize, Numbers)>,
    /// What was wrong first.
    wrong: Option<String>,
    compared: usize,
}

impl Replay<'_> {
    fn run(&mut self) {
        self.pending.push((0, 0, [Scalar::UNKNOWN; 11]));
        while let Some((from, to, mut numbers)) = self.pending.pop() {
            if self.events.front().is_some_and(|event| event.from == Some(from) && event.slot == to) {
                self.compare(&numbers, "taken up");
            } else if to != 0 {
                self.fail(format!("{from} to {to} is not taken up"));
            }
            let mut at = Some(to);
            while let Some(slot) = at {
                if self.wrong.is_some() {
                    return;
                }
                let op = decode(self.insns, slot).expect("an instruction");
                at = self.step(op, slot, &mut numbers);
                if self.events.front().is_some_and(|event| event.from.is_none() && event.slot == slot) {
                    self.compare(&numbers, &op.to_string());
                }
            }
        }
        if self.wrong.is_none() && !self.events.is_empty() {
            self.fail(format!("not reached: {:?}", self.events[0]));
        }
    }

    fn fail(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    fn compare(&mut self, numbers: &Numbers, what: &str) {
        let Some(event) = self.events.pop_front() else { return };
        for (reg, text) in event.numbers {
            self.compared += 1;
            let (mut ours, theirs) = (numbers[reg], scalar(text));
            if let Some(number) = ours.const_value() {
                // Of a number that it knows the kernel says no more, even where its ranges contradict it.
                ours = Scalar::constant(number);
            }
            if ours != theirs {
                let mut report = format!("{}: {what}: R{reg}\n  kernel {text}\n", event.slot);
                let _ = write!(report, "  theirs {theirs:x?}\n  ours   {ours:x?}");
                return self.fail(report);
            }
        }
    }

    /// Processes one instruction; gives the next slot.
    fn step(&mut self, op: Op, slot: usize, numbers: &mut Numbers) -> Option<usize> {
        let next = slot + op.slots();
        match op {
            Op::Alu { op, width, dst, src } => self.arithmetic(slot, op, width, dst, src, numbers),
            Op::LoadImm64 { dst, value: skep_isa::Imm64::Const(value) } => {
                numbers[dst.index()] = Scalar::constant(value);
            }
            Op::End { kind, bits, dst } => end(kind, bits, &mut numbers[dst.index()]),
            Op::Load { size, dst, .. } => {
                numbers[dst.index()] = Scalar::UNKNOWN;
                numbers[dst.index()].truncate(size.bytes() as u32);
            }
            Op::Call(_) => numbers[0] = Scalar::UNKNOWN,
            Op::Exit => return None,
            Op::Branch { op, width, dst, src, off } => {
                return Some(self.branch(slot, op, width, (dst, src, off), numbers));
            }
            other => panic!("{other} is not in these programs"),
        }
        Some(next)
    }

    fn arithmetic(
        &mut self,
        slot: usize,
        op: AluOp,
        width: Width,
        dst: Reg,
        src: Operand,
        numbers: &mut Numbers,
    ) {
        let source = operand(src, numbers);
        if let Some([zero, ones]) = fork(op, &numbers[dst.index()], &source) {
            let mut later = *numbers;
            later[dst.index()] = zero;
            self.pending.push((slot, slot, later));
            numbers[dst.index()] = ones;
        }
        let dst = &mut numbers[dst.index()];
        alu(op, width, dst, &source);
        if dst.sanity().is_err() {
            self.fail(format!("{slot}: contradiction after {op:?}"));
        }
    }

    fn branch(
        &mut self,
        slot: usize,
        op: JmpOp,
        width: Width,
        (dst, src, off): (Reg, Operand, i16),
        numbers: &mut Numbers,
    ) -> usize {
        let target = (slot as i64 + 1 + i64::from(off)) as usize;
        let (a, b) = (numbers[dst.index()], operand(src, numbers));
        match branch_taken(&a, &b, op, width) {
            Some(true) => return target,
            Some(false) => return slot + 1,
            None => {}
        }
        let mut sides = [true, false].map(|holds| {
            let (mut a, mut b) = (a, b);
            if src == Operand::Reg(dst) {
                refine_same(op, width, holds, &mut a);
                b = a;
            } else {
                refine(op, width, holds, &mut a, &mut b);
            }
            let _ = (a.sanity(), b.sanity());
            (a, b)
        });
        let mut jumped = *numbers;
        for (numbers, (a, b)) in [&mut jumped, numbers].into_iter().zip(&mut sides) {
            if let Operand::Reg(src) = src {
                numbers[src.index()] = *b;
            }
            numbers[dst.index()] = *a;
        }
        self.pending.push((slot, target, jumped));
        slot + 1
    }
}

fn operand(src: Operand, numbers: &Numbers) -> Scalar {
    match src {
        Operand::Reg(src) => numbers[src.index()],
        Operand::Imm(imm) => Scalar::constant(imm as u64),
    }
}

fn insns(hex: &str) -> Vec<Insn> {
    let bytes: Vec<u8> =
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("hex")).collect();
    Insn::from_slice(&bytes).expect("whole instructions")
}

#[test]
fn the_kernel_says_the_same() {
    let text = recording();
    let (mut programs, mut compared) = (0, 0);
    let mut wrong = Vec::new();
    for program in text.split("\np ").skip(1) {
        let mut lines = program.lines();
        let insns = insns(lines.next().expect("instructions"));
        let mut replay = Replay {
            insns: &insns,
            events: lines.map(event).collect(),
            pending: Vec::new(),
            wrong: None,
            compared: 0,
        };
        replay.run();
        programs += 1;
        compared += replay.compared;
        if let Some(what) = replay.wrong {
            let text: String = skep_isa::disassemble(&insns).map(|line| format!("{line}\n")).collect();
            wrong.push(format!("program {programs}:\n{text}{what}"));
        }
    }
    let shown = 3;
    for what in wrong.iter().take(shown) {
        eprintln!("{what}\n");
    }
    assert!(wrong.is_empty(), "{} of {programs} programs differ ({compared} numbers compared)", wrong.len());
    assert!(programs >= 2_000 && compared >= 20_000, "{programs} programs, {compared} numbers");
}
