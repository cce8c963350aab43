//! The grammar: a program is pieces that know roughly what each register holds.
//!
//! One file a family: numbers and jumps, the stack, maps, packets and contexts, calls.

mod calls;
mod flow;
mod maps;
mod numbers;
mod objects;
mod packet;
mod stack;

use skep_abi::{ProgType, flags};
use skep_isa::{AluOp, Insn, JmpOp, Op, Operand, Reg, Size, Width};

use super::{Function, Sample};
use crate::fuzz::Input;

/// The most functions beside the main one.
const MOST_FUNCTIONS: usize = 3;

/// Flags worth trying: alignment, states kept always, broken ranges refused.
const FLAGS: [u32; 4] = [
    flags::BPF_F_STRICT_ALIGNMENT,
    flags::BPF_F_ANY_ALIGNMENT,
    flags::BPF_F_TEST_STATE_FREQ,
    flags::BPF_F_TEST_REG_INVARIANTS,
];

/// Roughly what a register holds.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    /// Nothing that may be read.
    Nothing,
    Number,
    Context,
    /// That many bytes below the frame's end.
    Stack(i16),
    /// A value of that map.
    Value(usize),
    /// The same or NULL.
    MaybeValue(usize),
    /// That many bytes of the packet.
    Packet(i16),
    /// A record of that many bytes.
    Record(i16),
}

/// What a function is called with.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Called {
    /// The program itself.
    Main,
    /// Two registers of these kinds.
    With(Kind, Kind),
    /// A callback of `bpf_loop`.
    Loop,
    /// A callback of `bpf_for_each_map_elem`, of that map.
    Each(usize),
}

/// A distance that is known once all functions are in place.
#[derive(Clone, Copy)]
struct Fixup {
    func: usize,
    slot: usize,
    target: usize,
}

/// A program in the making.
struct Builder<'a, 'b> {
    input: &'a mut Input<'b>,
    prog_type: ProgType,
    /// The current function's instructions.
    insns: Vec<Insn>,
    /// Its number.
    func: usize,
    called: Vec<Called>,
    fixups: Vec<Fixup>,
    kinds: [Kind; 10],
    /// Registers that nothing may write to.
    kept: u16,
    /// Offsets (from the frame's end, negative) of 8 bytes of the stack that were written, and what is there.
    slots: Vec<(i16, Kind)>,
    /// Pieces around the current one.
    depth: usize,
    /// How many pieces may follow.
    room: usize,
    /// One piece in this many is wrong on purpose.
    care: usize,
}

/// A program.
pub(super) fn program(input: &mut Input<'_>) -> Sample {
    use ProgType::*;
    let prog_type =
        input.pick(&[SchedCls, SchedCls, SchedCls, Xdp, Xdp, Xdp, SocketFilter, SocketFilter, CgroupSkb]);
    let care = [30, 150, 400, 1000][input.below(4)];
    let room = 3 + input.below(14);
    let mut builder = Builder {
        input,
        prog_type,
        insns: Vec::new(),
        func: 0,
        called: vec![Called::Main],
        fixups: Vec::new(),
        kinds: [Kind::Nothing; 10],
        kept: 0,
        slots: Vec::new(),
        depth: 0,
        room,
        care,
    };
    let mut functions = Vec::new();
    while functions.len() < builder.called.len() {
        builder.function(functions.len());
        functions.push(std::mem::take(&mut builder.insns));
    }
    // Callbacks need types; where there are some, functions that take numbers may be global.
    let typed = builder.called.iter().any(|it| matches!(it, Called::Loop | Called::Each(_)));
    let global = builder.input.below(3) == 0;
    let numbers = Called::With(Kind::Number, Kind::Number);
    let is_global: Vec<bool> = builder.called.iter().map(|it| global && *it == numbers).collect();
    let typed = typed || is_global.contains(&true);
    let fixups = std::mem::take(&mut builder.fixups);
    let starts: Vec<usize> = functions
        .iter()
        .scan(0, |at, it| {
            let start = *at;
            *at += it.len();
            Some(start)
        })
        .collect();
    let mut insns = functions.concat();
    for fixup in fixups {
        let slot = starts[fixup.func] + fixup.slot;
        insns[slot].imm = starts[fixup.target] as i32 - slot as i32 - 1;
    }
    let function = |(start, global): (&usize, bool)| Function { slot: *start as u32, global };
    let funcs = if typed { starts.iter().zip(is_global).map(function).collect() } else { Vec::new() };
    let flags = if builder.input.below(4) == 0 { builder.input.pick(&FLAGS) } else { 0 };
    Sample { prog_type, flags, insns, funcs }
}

impl Builder<'_, '_> {
    fn function(&mut self, number: usize) {
        self.func = number;
        self.kinds = [Kind::Nothing; 10];
        self.slots.clear();
        self.kept = 0;
        let called = self.called[number];
        match called {
            Called::Main => {
                self.kinds[1] = Kind::Context;
                self.copy(Reg::R6, Reg::R1);
                self.kept = 1 << 6;
            }
            Called::With(a, b) => (self.kinds[1], self.kinds[2]) = (a, b),
            Called::Loop => (self.kinds[1], self.kinds[2]) = (Kind::Number, Kind::Nothing),
            Called::Each(map) => self.kinds[3] = Kind::Value(map),
        }
        if number > 0 {
            self.room = 1 + self.input.below(5);
        }
        // Arguments do not survive calls.
        if self.kinds[1] != Kind::Nothing && number > 0 {
            self.copy(Reg::R7, Reg::R1);
        }
        if self.kinds[2] != Kind::Nothing {
            self.copy(Reg::R8, Reg::R2);
        }
        while self.room > 0 {
            self.room -= 1;
            self.piece();
        }
        self.end();
    }

    /// One piece.
    fn piece(&mut self) {
        match self.input.below(44) {
            0..=3 => self.arithmetic(),
            4 => self.unknown_number(),
            5 => self.tie(),
            6 | 7 => self.branch(),
            8 => self.diamond(),
            9 => self.counted_loop(),
            10 | 11 => self.spill(),
            12 | 13 => self.fill(),
            14 => self.stack_at_number(),
            15..=17 => self.lookup(),
            18..=21 => self.value_access(),
            22..=24 => self.packet_access(),
            25 => self.context_access(),
            26 | 27 => self.helper(),
            28 => self.record(),
            29 => self.local_call(),
            30 => self.callback(),
            31 | 32 => self.dynptr(),
            33 => self.socket(),
            34..=36 => self.stack_pointer(),
            37 => self.metadata(),
            38 => self.local_call(),
            39 => self.inner_map(),
            40 | 41 => self.memory_helper(),
            42 => self.text_length(),
            _ => self.oddity(),
        }
    }

    /// Now and then: do something wrong.
    fn slip(&mut self) -> bool {
        self.input.below(self.care) == self.care - 1
    }

    /// `number`, or wrong by a little.
    fn about(&mut self, number: i64) -> i64 {
        if self.slip() { number + self.input.pick(&[1, -1, 2, 4, 8, -8, 64]) } else { number }
    }

    fn emit(&mut self, op: Op) {
        op.encode_into(&mut self.insns);
    }

    fn alu(&mut self, op: AluOp, width: Width, dst: Reg, src: impl Into<Operand>) {
        self.emit(Op::Alu { op, width, dst, src: src.into() });
    }

    fn set(&mut self, reg: Reg, kind: Kind) {
        if reg.index() < 10 {
            self.kinds[reg.index()] = kind;
        }
    }

    fn kind(&self, reg: Reg) -> Kind {
        if reg.index() < 10 { self.kinds[reg.index()] } else { Kind::Stack(0) }
    }

    fn copy(&mut self, dst: Reg, src: Reg) {
        self.emit(Op::mov64(dst, src));
        let kind = self.kind(src);
        self.set(dst, kind);
    }

    fn number(&mut self, dst: Reg, value: i64) {
        match i32::try_from(value) {
            Ok(small) => self.emit(Op::mov64(dst, small)),
            Err(_) => self.emit(Op::imm64(dst, value as u64)),
        }
        self.set(dst, Kind::Number);
    }

    /// A call happened.
    fn clobber(&mut self, result: Kind) {
        self.kinds[..6].fill(Kind::Nothing);
        self.kinds[0] = result;
    }

    /// A register with something of a kind.
    fn find(&mut self, wanted: impl Fn(Kind) -> bool) -> Option<Reg> {
        let all: Vec<Reg> =
            Reg::ALL[..10].iter().copied().filter(|it| wanted(self.kinds[it.index()])).collect();
        (!all.is_empty()).then(|| self.input.pick(&all))
    }

    /// A register to write to: one with nothing worth keeping, rather.
    fn target(&mut self) -> Reg {
        let free = |it: &Reg, worth: bool| {
            self.kept & 1 << it.index() == 0
                && (!worth || matches!(self.kinds[it.index()], Kind::Nothing | Kind::Number))
        };
        let mut all: Vec<Reg> = Reg::ALL[..10].iter().copied().filter(|it| free(it, true)).collect();
        if all.is_empty() {
            all = Reg::ALL[..10].iter().copied().filter(|it| free(it, false)).collect();
        }
        self.input.pick(&all)
    }

    /// The same among those that calls leave alone.
    fn saved(&mut self) -> Reg {
        let all: Vec<Reg> =
            [Reg::R7, Reg::R8, Reg::R9].into_iter().filter(|it| self.kept & 1 << it.index() == 0).collect();
        if all.is_empty() { self.target() } else { self.input.pick(&all) }
    }

    /// A register with a number, made if there is none.
    fn some_number(&mut self) -> Reg {
        if self.slip() {
            return self.input.pick(&Reg::ALL);
        }
        if let Some(reg) = self.find(|it| it == Kind::Number)
            && self.kept & 1 << reg.index() == 0
        {
            return reg;
        }
        let reg = self.target();
        self.unknown(reg);
        reg
    }

    /// Keeps a register from being written; tells what was kept before.
    fn keep(&mut self, reg: Reg) -> u16 {
        let before = self.kept;
        self.kept |= 1 << reg.index();
        before
    }

    /// The context.
    fn context(&mut self) -> Option<Reg> {
        self.find(|it| it == Kind::Context)
    }

    /// Ends the function here with some answer.
    fn leave(&mut self) {
        let most = match self.called[self.func] {
            Called::Main if self.prog_type != ProgType::CgroupSkb => 5,
            _ => 2,
        };
        let answer = self.input.below(most) as i64;
        let answer = self.about(answer);
        self.emit(Op::mov64(Reg::R0, answer as i32));
        self.emit(Op::Exit);
    }

    /// The end of the function.
    fn end(&mut self) {
        let free = matches!(self.called[self.func], Called::With(..))
            || self.func == 0 && self.prog_type != ProgType::CgroupSkb;
        if free && self.input.below(3) == 0 {
            let reg = self.some_number();
            self.emit(Op::mov64(Reg::R0, reg));
            self.emit(Op::Exit);
        } else {
            self.leave();
        }
    }

    /// Jumps over what comes next, up to [`Builder::land`].
    fn branch_over(&mut self, op: JmpOp, width: Width, dst: Reg, src: impl Into<Operand>) -> usize {
        self.emit(Op::Branch { op, width, dst, src: src.into(), off: 0 });
        self.insns.len() - 1
    }

    /// The branch there comes to here.
    fn land(&mut self, branch: usize) {
        self.insns[branch].off = (self.insns.len() - branch - 1) as i16;
    }

    /// Ends the function unless the condition holds.
    fn require(&mut self, op: JmpOp, width: Width, dst: Reg, src: impl Into<Operand>) {
        let over = self.branch_over(op, width, dst, src);
        self.leave();
        self.land(over);
    }

    /// What is known where two paths meet.
    fn meet(&mut self, kinds: [Kind; 10], slots: &[(i16, Kind)]) {
        for (now, other) in self.kinds.iter_mut().zip(kinds) {
            if *now != other {
                *now = Kind::Nothing;
            }
        }
        self.slots.retain(|it| slots.contains(it));
    }

    fn size(&mut self) -> Size {
        self.input.pick(&Size::ALL)
    }

    fn width(&mut self) -> Width {
        self.input.pick(&[Width::W64, Width::W64, Width::W32])
    }
}
