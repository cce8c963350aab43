//! Branches and loops.

use skep_isa::{AluOp, JmpOp, Op, Reg, Width};

use super::{Builder, Kind};

impl Builder<'_, '_> {
    /// A few pieces inside another one.
    pub(super) fn body(&mut self, most: usize) {
        self.depth += 1;
        for _ in 0..1 + self.input.below(most) {
            if self.depth > 3 || self.insns.len() > 400 {
                self.arithmetic();
            } else {
                self.piece();
            }
        }
        self.depth -= 1;
    }

    fn condition(&mut self) -> usize {
        let dst = self.some_number();
        let (op, width) = (self.input.pick(JmpOp::ALL), self.width());
        if self.input.below(4) == 0 {
            let src = self.some_number();
            self.branch_over(op, width, dst, src)
        } else {
            let src = self.immediate();
            self.branch_over(op, width, dst, src)
        }
    }

    /// `if` with one or two arms; one may leave.
    pub(super) fn branch(&mut self) {
        let over = self.condition();
        let (kinds, slots) = (self.kinds, self.slots.clone());
        if self.input.below(6) == 0 {
            self.leave();
            self.land(over);
            return;
        }
        self.body(2);
        if self.input.below(2) == 0 {
            self.land(over);
            self.meet(kinds, &slots);
            return;
        }
        self.emit(Op::Jump { off: 0 });
        let end = self.insns.len() - 1;
        self.land(over);
        let then = (std::mem::replace(&mut self.kinds, kinds), std::mem::replace(&mut self.slots, slots));
        self.body(2);
        self.land(end);
        self.meet(then.0, &then.1);
    }

    /// One of two numbers, or of two registers, by a condition: paths that meet with different numbers.
    pub(super) fn diamond(&mut self) {
        let reg = self.saved();
        let (a, b) = (self.immediate(), self.immediate());
        let by_copy = self.input.below(4) == 0;
        self.number(reg, a.into());
        let over = self.condition();
        if by_copy {
            let other = self.some_number();
            self.emit(Op::mov64(reg, other));
        } else {
            self.number(reg, b.into());
        }
        self.land(over);
        if self.input.below(2) == 0 {
            self.emit(Op::store(skep_isa::Size::DW, Reg::FP, -56, reg));
            self.emit(Op::load(skep_isa::Size::DW, reg, Reg::FP, -56));
        }
    }

    /// A loop over a counter, or `may_goto`.
    pub(super) fn counted_loop(&mut self) {
        let counter = self.saved();
        let first = [0, 0, 1, -3][self.input.below(4)];
        if self.input.below(5) == 0 {
            self.unknown(counter);
            self.bound(counter, 6);
        } else {
            self.number(counter, first);
        }
        // Whatever is in these then must be all right in the second turn too.
        self.kinds[..6].fill(Kind::Nothing);
        let (kinds, slots, kept) = (self.kinds, self.slots.clone(), self.kept);
        self.kept |= 1 << counter.index();
        for (reg, kind) in kinds.iter().enumerate().take(10).skip(6) {
            if !matches!(kind, Kind::Number | Kind::Nothing) {
                self.kept |= 1 << reg;
            }
        }
        let may_goto = self.input.below(5) == 0;
        let head = self.insns.len();
        if may_goto {
            self.emit(Op::MayGoto { off: 0 });
        }
        self.body(2);
        let (width, step) = (self.width(), 1 + self.input.below(2) as i32);
        let step = self.about(step.into()) as i32;
        self.alu(AluOp::Add, width, counter, step);
        let back = head as i64 - self.insns.len() as i64 - 1;
        if may_goto {
            self.emit(Op::Jump { off: back as i16 });
            self.land(head);
        } else {
            let limit = 1 + self.input.below(9) as i32;
            let ops = [JmpOp::Slt, JmpOp::Lt, JmpOp::Sle, JmpOp::Ne];
            let op = ops[self.input.below(if first == 0 && step == 1 { 4 } else { 3 })];
            let op = if first < 0 { JmpOp::Slt } else { op };
            let width = if self.slip() { Width::W32 } else { width };
            self.emit(Op::Branch { op, width, dst: counter, src: limit.into(), off: back as i16 });
        }
        self.kept = kept;
        self.meet(kinds, &slots);
    }
}
