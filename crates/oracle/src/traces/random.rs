//! Random programs: arithmetic on numbers and pointers, spills, branches forward, accesses that may be refused.

use skep_isa::Reg::{self, *};
use skep_isa::{AluOp, Insn, JmpOp, Op, Operand, Size, Width};

use super::{Case, Maps, SCHED_CLS, SOCKET_FILTER, TEST_STATE_FREQ, XDP};
use crate::numbers::Numbers;

const LOOKUP: u32 = 1;
const GET_PRANDOM_U32: u32 = 7;
/// Registers that hold numbers at first.
const NUMBERS: [Reg; 6] = [R0, R1, R2, R3, R4, R5];
/// R6 is the context, R7 a map's value or NULL, R8 and R9 a packet and its end, or numbers.
const ALL: [Reg; 10] = [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9];

struct Random(Numbers);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0.draw() % end
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn width(&mut self) -> Width {
        self.pick(&[Width::W64, Width::W64, Width::W32])
    }

    /// A number most of the time.
    fn reg(&mut self) -> Reg {
        if self.one_in(7) { self.pick(&ALL) } else { self.pick(&NUMBERS) }
    }

    fn imm(&mut self) -> i32 {
        if self.one_in(2) { self.below(0x60) as i32 - 8 } else { self.0.immediate() }
    }

    fn operand(&mut self) -> Operand {
        if self.one_in(2) { self.reg().into() } else { self.imm().into() }
    }

    /// A slot of the stack.
    fn slot(&mut self) -> i16 {
        -8 * (1 + self.below(4) as i16)
    }

    /// What registers hold at first.
    fn begin(&mut self, prog_type: u32) -> Vec<Op> {
        let mut ops = vec![
            Op::mov64(R6, R1),
            Op::store(Size::DW, R10, -8, 0),
            Op::mov64(R2, R10),
            Op::alu64(AluOp::Add, R2, -8),
            Op::map_fd(R1, Maps::FDS[1]),
            Op::call(LOOKUP),
            Op::mov64(R7, R0),
        ];
        if !self.one_in(4) {
            ops.extend([Op::branch64(JmpOp::Ne, R7, 0, 2), Op::mov64(R0, 0), Op::Exit]);
        }
        match prog_type {
            SCHED_CLS => ops.extend([Op::load(Size::W, R8, R6, 76), Op::load(Size::W, R9, R6, 80)]),
            XDP => ops.extend([Op::load(Size::W, R8, R6, 0), Op::load(Size::W, R9, R6, 4)]),
            _ => ops.extend([Op::load(Size::W, R8, R6, 8), Op::mov64(R9, R8)]),
        }
        ops.push(Op::call(GET_PRANDOM_U32));
        match prog_type {
            XDP => ops.extend([Op::load(Size::W, R3, R6, 12), Op::mov64(R2, 5)]),
            _ => ops.extend([Op::load(Size::B, R2, R6, 8), Op::load(Size::W, R3, R6, 8)]),
        }
        let (wide, small) = (self.0.operand(), self.below(16) as i32);
        ops.extend([Op::mov64(R4, R0), Op::imm64(R5, wide), Op::mov64(R1, small)]);
        ops
    }

    fn step(&mut self) -> Vec<Op> {
        match self.below(24) {
            0..=5 => vec![self.copy()],
            6..=8 => {
                let (op, width) = (self.pick(&[AluOp::Add, AluOp::Sub]), self.width());
                vec![Op::Alu { op, width, dst: self.reg(), src: (self.below(40) as i32 - 8).into() }]
            }
            9..=11 => vec![self.arithmetic()],
            12..=16 => {
                let (op, width, dst) = (self.pick(JmpOp::ALL), self.width(), self.reg());
                vec![Op::Branch { op, width, dst, src: self.operand(), off: self.below(5) as i16 }]
            }
            17 => {
                let size = self.pick(&[Size::DW, Size::DW, Size::W]);
                vec![Op::store(size, R10, self.slot(), self.reg())]
            }
            18 => {
                let size = self.pick(&[Size::DW, Size::DW, Size::W, Size::B]);
                vec![Op::load(size, self.reg(), R10, self.slot())]
            }
            19..=21 => self.pointer(),
            22 => self.packet(),
            _ => {
                let op = self.pick(&[JmpOp::Eq, JmpOp::Ne]);
                let dst = if self.one_in(3) { self.reg() } else { R7 };
                let src = if self.one_in(4) { self.reg().into() } else { Operand::Imm(0) };
                vec![Op::branch64(op, dst, src, self.below(3) as i16)]
            }
        }
    }

    fn copy(&mut self) -> Op {
        let (dst, src) = (self.reg(), self.reg());
        match self.below(6) {
            0 => Op::mov32(dst, src),
            1 => {
                let (op, width) = (self.pick(&[AluOp::MovSx8, AluOp::MovSx16]), self.width());
                Op::Alu { op, width, dst, src: src.into() }
            }
            _ => Op::mov64(dst, src),
        }
    }

    fn arithmetic(&mut self) -> Op {
        use AluOp::*;
        let op = self.pick(&[Add, Sub, Mul, Or, Xor, And, And, And, Div, Mod, Neg, Lsh, Rsh, Arsh]);
        let (width, dst) = (self.width(), self.reg());
        let src = match op {
            Neg => Operand::Imm(0),
            And => Operand::Imm(self.below(64) as i32),
            Lsh | Rsh | Arsh => self.pick(&[1, 4, 8, 31, 32, 56, 63]).into(),
            _ => self.operand(),
        };
        Op::Alu { op, width, dst, src }
    }

    fn pointer(&mut self) -> Vec<Op> {
        let dst = self.pick(&NUMBERS);
        match self.below(3) {
            0 => {
                let (op, pointer) =
                    (self.pick(&[AluOp::Add, AluOp::Add, AluOp::Sub]), self.pick(&[R7, R7, R8]));
                vec![Op::mov64(dst, pointer), Op::alu64(op, dst, self.pick(&NUMBERS))]
            }
            1 => vec![Op::alu64(AluOp::Add, dst, self.pick(&[R7, R8, R10]))],
            _ => {
                let (size, base) = (self.pick(&[Size::B, Size::W]), self.pick(&[R7, R7, R8]));
                vec![Op::load(size, dst, base, self.below(20) as i16)]
            }
        }
    }

    fn packet(&mut self) -> Vec<Op> {
        let (dst, off) = (self.pick(&NUMBERS), self.below(30) as i32);
        let op = self.pick(&[JmpOp::Gt, JmpOp::Ge, JmpOp::Lt, JmpOp::Le]);
        let (a, b) = if self.one_in(2) { (dst, R9) } else { (R9, dst) };
        vec![Op::mov64(dst, R8), Op::alu64(AluOp::Add, dst, off), Op::branch64(op, a, b, 1)]
    }
}

/// The program of a seed.
pub fn program(seed: u64, prog_type: u32) -> Vec<Insn> {
    let mut random = Random(Numbers(seed));
    let mut ops = random.begin(prog_type);
    let start = ops.len();
    for _ in 0..8 + random.below(16) {
        let step = random.step();
        ops.extend(step);
    }
    let len = ops.len();
    for (at, op) in ops.iter_mut().enumerate().skip(start) {
        if let Op::Branch { off, .. } = op {
            *off = (*off).min((len - at - 1) as i16);
        }
    }
    ops.extend([Op::mov64(R0, 0), Op::Exit]);
    Insn::encode(&ops)
}

/// The program with a field or two changed.
pub fn mutated(seed: u64, prog_type: u32) -> Vec<Insn> {
    const OFFSETS: [i16; 8] = [0, 1, 8, 16, 32, -1, 5, -8];
    const IMMEDIATES: [i32; 7] = [0, 1, 16, 32, 64, -1, 65536];
    let mut insns = program(seed, prog_type);
    let mut random = Random(Numbers(!seed));
    for _ in 0..1 + random.below(2) {
        let at = random.below(insns.len() as u64) as usize;
        let insn = &mut insns[at];
        match random.below(6) {
            0 => insn.code ^= 1 << random.below(8),
            1 => insn.dst = random.below(12) as u8,
            2 => insn.src = random.below(12) as u8,
            3 => insn.off = random.pick(&OFFSETS),
            4 => insn.imm = random.0.immediate(),
            _ => insn.imm = random.pick(&IMMEDIATES),
        }
    }
    insns
}

/// `count` programs of each kind.
pub fn cases(count: u64) -> Vec<Case> {
    let kinds = [
        ("plain", SOCKET_FILTER, false),
        ("packet", SCHED_CLS, false),
        ("xdp", XDP, false),
        ("unprivileged", SOCKET_FILTER, true),
        ("unprivileged-packet", SCHED_CLS, true),
    ];
    let random = kinds.into_iter().flat_map(move |(kind, prog_type, unprivileged)| {
        (0..count).map(move |seed| Case {
            name: format!("{kind}-{seed}"),
            prog_type,
            unprivileged,
            flags: 0,
            insns: program(seed, prog_type),
        })
    });
    let mutated = (0..count).map(|seed| Case {
        name: format!("mutated-{seed}"),
        prog_type: SOCKET_FILTER,
        unprivileged: false,
        flags: 0,
        insns: mutated(seed, SOCKET_FILTER),
    });
    let often = (0..count).map(|seed| Case {
        name: format!("often-{seed}"),
        prog_type: SOCKET_FILTER,
        unprivileged: false,
        flags: TEST_STATE_FREQ,
        insns: program(!seed, SOCKET_FILTER),
    });
    random.chain(mutated).chain(often).collect()
}
