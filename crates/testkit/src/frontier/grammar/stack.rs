//! The stack: spills and fills of all sizes, places that a number tells.

use skep_isa::{AluOp, Op, Reg, Size, Width};

use super::{Builder, Kind};

/// Bytes of stack that pieces use.
const BYTES: usize = 128;

impl Builder<'_, '_> {
    /// The offset of 8 bytes.
    fn slot(&mut self) -> i16 {
        let bytes = if self.input.below(16) == 0 { 512 } else { BYTES };
        -8 * (1 + self.input.below(bytes / 8) as i16)
    }

    fn forget(&mut self, off: i16) {
        self.slots.retain(|it| it.0 != off);
    }

    /// Stores something.
    pub(super) fn spill(&mut self) {
        let off = self.slot();
        let size = if self.input.below(2) == 0 { Size::DW } else { self.size() };
        let within = self.input.below(8 / size.bytes()) as i16 * size.bytes() as i16;
        let within = self.about(within.into()) as i16;
        if self.input.below(4) == 0 {
            let value = self.immediate();
            self.emit(Op::store(size, Reg::FP, off + within, value));
            self.forget(off);
            self.slots.push((off, Kind::Number));
            return;
        }
        let reg = match self.find(|it| !matches!(it, Kind::Nothing)) {
            Some(reg) => reg,
            None => self.some_number(),
        };
        let kind = self.kind(reg);
        let size = if kind == Kind::Number || self.slip() { size } else { Size::DW };
        let within = if size == Size::DW { 0 } else { within };
        self.emit(Op::store(size, Reg::FP, off + within, reg));
        self.forget(off);
        self.slots.push((off, kind));
    }

    /// Loads something that was stored, in part perhaps.
    pub(super) fn fill(&mut self) {
        if self.slots.is_empty() {
            self.spill();
        }
        let slots = self.slots.clone();
        let (off, kind) = self.input.pick(&slots);
        let dst = self.target();
        if !matches!(kind, Kind::Number) && !self.slip() {
            self.emit(Op::load(Size::DW, dst, Reg::FP, off));
            self.set(dst, kind);
            return;
        }
        let size = if self.input.below(2) == 0 { Size::DW } else { self.size() };
        let within = self.input.below(8 / size.bytes()) as i16 * size.bytes() as i16;
        let within = self.about(within.into()) as i16;
        let signed = size != Size::DW && self.input.below(4) == 0;
        self.emit(Op::Load { size, signed, dst, base: Reg::FP, off: off + within });
        self.set(dst, Kind::Number);
    }

    /// Reads or writes where a number says.
    pub(super) fn stack_at_number(&mut self) {
        let size = self.input.pick(&[Size::B, Size::B, Size::W, Size::DW]);
        let bytes = size.bytes() as i64;
        let reach = [8, 16, 24][self.input.below(3)];
        let base = 32 + self.input.below(64) as i64 / 8 * 8;
        if self.input.below(2) == 0 {
            for off in (0..reach).step_by(8) {
                let value = self.immediate();
                self.emit(Op::store(Size::DW, Reg::FP, (off - base) as i16, value));
            }
        }
        let index = self.index((reach - bytes).min(base - bytes));
        if bytes > 1 && !self.slip() {
            self.alu(AluOp::And, Width::W64, index, !(bytes as i32 - 1));
        }
        let pointer = self.target();
        if pointer == index {
            return;
        }
        self.emit(Op::mov64(pointer, Reg::FP));
        self.alu(AluOp::Add, Width::W64, pointer, index);
        let off = self.about(-base) as i16;
        match self.input.below(4) {
            0 => {
                let value = self.immediate();
                self.emit(Op::store(size, pointer, off, value));
            }
            1 => {
                let value = self.some_number();
                self.emit(Op::store(size, pointer, off, value));
            }
            _ => {
                let dst = self.target();
                self.emit(Op::load(size, dst, pointer, off));
                self.set(pointer, Kind::Nothing);
                self.set(dst, Kind::Number);
                return;
            }
        }
        self.set(pointer, Kind::Nothing);
        self.slots.retain(|it| it.1 == Kind::Number);
    }

    /// Bytes on the stack that a helper may read; their offset.
    pub(super) fn bytes(&mut self, len: usize) -> i16 {
        let off = -(len.div_ceil(8) as i16 * 8) - 8 * self.input.below(4) as i16;
        for at in (0..len).step_by(8) {
            let place = off + at as i16;
            if self.slip() {
                continue;
            }
            if self.input.below(3) == 0 {
                let value = self.some_number();
                self.emit(Op::store(Size::DW, Reg::FP, place, value));
            } else {
                let value = self.input.below(6) as i32;
                self.emit(Op::store(Size::DW, Reg::FP, place, value));
            }
            self.forget(place);
            self.slots.push((place, Kind::Number));
        }
        off
    }

    /// A pointer to the stack in an argument register.
    pub(super) fn point(&mut self, reg: Reg, off: i16) {
        self.emit(Op::mov64(reg, Reg::FP));
        let off = self.about(off.into());
        self.alu(AluOp::Add, Width::W64, reg, off as i32);
        self.set(reg, Kind::Stack(off as i16));
    }
}
