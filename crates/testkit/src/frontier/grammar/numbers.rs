//! Numbers: where they come from, arithmetic, bounds.

use skep_abi::ProgType;
use skep_abi::helpers::func;
use skep_isa::{AluOp, End, JmpOp, Op, Operand, Reg, Size, Width};

use super::{Builder, Kind};

/// Immediates worth trying.
const EDGES: [i32; 18] = [0, 1, 2, 3, 7, 8, 15, 16, 31, 63, 64, 127, 255, 0xffff, i32::MAX, i32::MIN, -1, -2];

impl Builder<'_, '_> {
    /// Puts a number of which little is known into a register.
    pub(super) fn unknown(&mut self, dst: Reg) {
        let value = self.find(|it| matches!(it, Kind::Value(_)));
        match (self.input.below(4), self.context(), value) {
            (0, _, Some(value)) => {
                let size = self.size();
                let signed = size != Size::DW && self.input.below(3) == 0;
                self.emit(Op::Load { size, signed, dst, base: value, off: 0 });
            }
            // An XDP context has small numbers only.
            (_, Some(context), _) if self.prog_type != ProgType::Xdp || self.input.below(3) == 0 => {
                let off = self.context_number();
                self.emit(Op::load(Size::W, dst, context, off));
            }
            // Whatever lies on the stack.
            _ => {
                let off = -8 * (1 + self.input.below(8) as i16);
                self.emit(Op::load(Size::DW, dst, Reg::FP, off));
            }
        }
        self.set(dst, Kind::Number);
    }

    fn random(&mut self) -> u32 {
        self.input.pick(&[
            func::get_prandom_u32,
            func::get_prandom_u32,
            func::ktime_get_ns,
            func::get_smp_processor_id,
        ])
    }

    /// The offset of a number in the context.
    pub(super) fn context_number(&mut self) -> i16 {
        match self.prog_type {
            ProgType::Xdp => self.input.pick(&[12, 16]),
            _ => self.input.pick(&[0, 4, 8, 16, 40, 48, 52, 60]),
        }
    }

    pub(super) fn unknown_number(&mut self) {
        let reg = self.saved();
        let helper = self.random();
        self.emit(Op::call(helper));
        self.clobber(Kind::Number);
        self.copy(reg, Reg::R0);
    }

    pub(super) fn immediate(&mut self) -> i32 {
        match self.input.below(3) {
            0 => self.input.pick(&EDGES),
            1 => self.input.below(80) as i32 - 16,
            _ => 1 << self.input.below(31),
        }
    }

    fn operand(&mut self) -> Operand {
        match self.input.below(3) {
            0 => self.some_number().into(),
            _ => self.immediate().into(),
        }
    }

    pub(super) fn arithmetic(&mut self) {
        for _ in 0..1 + self.input.below(3) {
            let dst = self.some_number();
            if dst.index() < 10 && self.kept & 1 << dst.index() == 0 {
                self.arithmetic_on(dst);
            }
        }
    }

    fn arithmetic_on(&mut self, dst: Reg) {
        use AluOp::*;
        let width = self.width();
        match self.input.below(10) {
            0 => {
                let kind = self.input.pick(&[End::ToLe, End::ToBe, End::Swap]);
                let bits = self.input.pick(&[16, 32, 64]);
                self.emit(Op::End { kind, bits, dst });
            }
            1 => {
                let op = self.input.pick(&[MovSx8, MovSx16, MovSx32]);
                let width = if op == MovSx32 { Width::W64 } else { width };
                let src = self.some_number();
                self.alu(op, width, dst, src);
            }
            2 => {
                let op = self.input.pick(&[Lsh, Rsh, Arsh]);
                let by = self.input.below(width.bits() as usize) as i32;
                let by = self.about(by.into()) as i32;
                self.alu(op, width, dst, by);
            }
            3 => {
                let op = self.input.pick(&[Div, SDiv, Mod, SMod]);
                let src = match self.operand() {
                    Operand::Imm(0) => Operand::Imm(3),
                    other => other,
                };
                self.alu(op, width, dst, src);
            }
            4 => self.alu(Neg, width, dst, 0),
            _ => {
                let op = self.input.pick(&[Add, Sub, And, Or, Xor, Mul, Mov, Add, And, Lsh, Rsh, Arsh]);
                let shifts = matches!(op, Lsh | Rsh | Arsh);
                let src = if shifts { self.some_number().into() } else { self.operand() };
                self.alu(op, width, dst, src);
            }
        }
    }

    /// Two registers that are the same number, or differ by a constant; a bound on one is a bound on the other.
    pub(super) fn tie(&mut self) {
        let from = self.some_number();
        let to = self.saved();
        let width = self.width();
        self.alu(AluOp::Mov, width, to, from);
        self.set(to, Kind::Number);
        if self.input.below(2) == 0 {
            let by = self.immediate();
            let op = self.input.pick(&[AluOp::Add, AluOp::Sub]);
            let width = self.width();
            self.alu(op, width, to, by);
        }
        let bounded = self.input.pick(&[from, to]);
        let op = self.input.pick(JmpOp::ALL);
        let (width, limit) = (self.width(), self.immediate());
        self.require(op, width, bounded, limit);
    }

    /// Keeps a number in `0..=most`.
    pub(super) fn bound(&mut self, reg: Reg, most: i64) {
        use AluOp::*;
        let exact = self.about(most).clamp(0, 0x7fff_ffff) as i32;
        let width = self.width();
        match self.input.below(10) {
            0 | 1 => {
                let mask =
                    if exact == 0 { 0 } else { (1u32 << (31 - (exact + 1).leading_zeros())) as i32 - 1 };
                let mask = if self.slip() { mask * 2 + 1 } else { mask };
                self.alu(And, width, reg, mask);
            }
            2 => self.alu(Mod, width, reg, exact.saturating_add(1)),
            3 => {
                let bits = 63 - (i64::from(exact) + 1).leading_zeros() as i32;
                self.alu(Rsh, Width::W64, reg, (64 - bits).clamp(0, 63));
                if bits == 0 {
                    self.number(reg, 0);
                }
            }
            4 => {
                self.require(JmpOp::Sle, width, reg, exact);
                let least = self.about(0) as i32;
                self.require(JmpOp::Sge, width, reg, least);
                self.narrow(reg, width);
            }
            5 => {
                self.require(JmpOp::Lt, width, reg, exact.saturating_add(1));
                self.narrow(reg, width);
            }
            6 => {
                let other = self.target();
                self.number(other, exact.into());
                self.require(JmpOp::Le, width, reg, other);
                self.narrow(reg, width);
            }
            _ => {
                self.require(JmpOp::Le, width, reg, exact);
                self.narrow(reg, width);
            }
        }
    }

    /// A bound on the low half says nothing of the upper one.
    fn narrow(&mut self, reg: Reg, width: Width) {
        if width == Width::W32 && !self.slip() {
            self.alu(AluOp::Mov, Width::W32, reg, reg);
        }
    }

    /// An index in `0..=most` in some register, by way of the stack now and then.
    pub(super) fn index(&mut self, most: i64) -> Reg {
        let reg = loop_free(self.some_number());
        if self.kept & 1 << reg.index() != 0 {
            return reg;
        }
        let before = self.input.below(8) == 0;
        if before {
            self.emit(Op::store(Size::DW, Reg::FP, -40, reg));
        }
        self.bound(reg, most);
        match self.input.below(8) {
            0 => {
                self.emit(Op::store(Size::DW, Reg::FP, -48, reg));
                let size = self.input.pick(&[Size::DW, Size::DW, Size::W]);
                self.emit(Op::load(size, reg, Reg::FP, -48));
            }
            // The bound was found after the copy was put away: it holds for the copy too.
            1 if before => self.emit(Op::load(Size::DW, reg, Reg::FP, -40)),
            _ => {}
        }
        reg
    }
}

/// R10 is no number.
fn loop_free(reg: Reg) -> Reg {
    if reg == Reg::FP { Reg::R9 } else { reg }
}
