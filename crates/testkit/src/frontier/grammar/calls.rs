//! Calls of helpers, of functions, and back.

use skep_abi::ProgType;
use skep_abi::helpers::func;
use skep_isa::{AluOp, Callee, Imm64, JmpOp, Op, Reg, Size, Width};

use super::super::{LOOKED_UP, MAPS, PROGS, RING};
use super::{Builder, Called, Fixup, Kind, MOST_FUNCTIONS};

impl Builder<'_, '_> {
    /// A helper that keeps nothing.
    pub(super) fn helper(&mut self) {
        match self.input.below(8) {
            0 => self.update(),
            1 => self.delete(),
            2 => self.load_bytes(),
            3 if matches!(self.prog_type, ProgType::SchedCls | ProgType::Xdp) => self.checksum(),
            4 => self.output(),
            5 => self.tail_call(),
            6 if matches!(self.prog_type, ProgType::SchedCls | ProgType::Xdp) => self.change_packet(),
            _ => {
                self.unknown_number();
            }
        }
    }

    fn update(&mut self) {
        let map = self.input.below(LOOKED_UP);
        let shape = MAPS[map];
        let key = self.bytes(shape.key_size as usize);
        let value =
            self.find(|it| matches!(it, Kind::Value(other) if MAPS[other].value_size >= shape.value_size));
        match value {
            Some(reg) if self.input.below(2) == 0 => self.emit(Op::mov64(Reg::R3, reg)),
            _ => {
                let off = self.bytes(shape.value_size as usize);
                self.point(Reg::R3, off);
            }
        }
        self.point(Reg::R2, key);
        self.emit(Op::map_fd(Reg::R1, map as i32));
        let flags = self.input.below(3) as i32;
        self.emit(Op::mov64(Reg::R4, flags));
        self.emit(Op::call(func::map_update_elem));
        self.clobber(Kind::Number);
    }

    fn delete(&mut self) {
        let map = self.input.pick(&[0, 4, 6]);
        let key = self.bytes(MAPS[map].key_size as usize);
        self.point(Reg::R2, key);
        self.emit(Op::map_fd(Reg::R1, map as i32));
        self.emit(Op::call(func::map_delete_elem));
        self.clobber(Kind::Number);
    }

    /// `bpf_csum_diff`: memory that may be of no bytes, of a size that a number tells.
    fn checksum(&mut self) {
        let value = self.find(|it| matches!(it, Kind::Value(_)));
        let len = match value.map(|it| self.kind(it)) {
            Some(Kind::Value(map)) => i64::from(MAPS[map].value_size),
            _ => 32,
        };
        let size = self.index(len);
        if size == Reg::FP || Some(size) == value {
            return;
        }
        if !self.slip() {
            self.alu(AluOp::And, Width::W64, size, !3);
        }
        self.emit(Op::mov64(Reg::R4, size));
        match value {
            Some(reg) if reg != Reg::R4 => self.emit(Op::mov64(Reg::R3, reg)),
            _ => {
                let off = self.bytes(32);
                self.point(Reg::R3, off);
            }
        }
        self.emit(Op::mov64(Reg::R1, 0));
        self.emit(Op::mov64(Reg::R2, 0));
        self.emit(Op::mov64(Reg::R5, 0));
        self.emit(Op::call(func::csum_diff));
        self.clobber(Kind::Number);
    }

    fn output(&mut self) {
        let len = [1, 8, 12][self.input.below(3)];
        let off = self.bytes(len);
        self.point(Reg::R2, off);
        self.emit(Op::map_fd(Reg::R1, RING as i32));
        let len = self.about(len as i64) as i32;
        self.emit(Op::mov64(Reg::R3, len));
        self.emit(Op::mov64(Reg::R4, 0));
        self.emit(Op::call(func::ringbuf_output));
        self.clobber(Kind::Number);
    }

    fn tail_call(&mut self) {
        let Some(context) = self.context() else { return };
        let at = self.immediate();
        self.emit(Op::mov64(Reg::R3, at));
        self.emit(Op::mov64(Reg::R1, context));
        self.emit(Op::map_fd(Reg::R2, PROGS as i32));
        self.emit(Op::call(func::tail_call));
        self.clobber(Kind::Number);
    }

    /// A helper that reads or writes memory of a size that a number tells.
    pub(super) fn memory_helper(&mut self) {
        let most = [4, 8, 16, 24, 64][self.input.below(5)];
        let size = self.index(most);
        if size == Reg::FP || size == Reg::R1 {
            return self.arithmetic();
        }
        let value = self.find(|it| matches!(it, Kind::Value(_)));
        let room = -(most as i16 + 7) / 8 * 8 - 8 * self.input.below(30) as i16;
        match (self.input.below(3), self.context()) {
            (0, Some(context)) if self.prog_type == ProgType::Xdp => {
                self.emit(Op::mov64(Reg::R4, size));
                self.emit(Op::mov64(Reg::R1, context));
                self.emit(Op::mov64(Reg::R2, 2));
                self.point(Reg::R3, room);
                let helper = self.input.pick(&[func::xdp_load_bytes, func::xdp_store_bytes]);
                self.emit(Op::call(helper));
            }
            (0, Some(context)) if self.prog_type == ProgType::SchedCls => {
                self.emit(Op::mov64(Reg::R4, size));
                self.emit(Op::mov64(Reg::R1, context));
                self.emit(Op::mov64(Reg::R2, 14));
                self.point(Reg::R3, room);
                self.emit(Op::mov64(Reg::R5, 0));
                self.emit(Op::call(func::skb_store_bytes));
            }
            _ => {
                self.emit(Op::mov64(Reg::R2, size));
                match value {
                    Some(reg) if reg != Reg::R2 => self.emit(Op::mov64(Reg::R1, reg)),
                    _ => self.point(Reg::R1, room),
                }
                self.point(Reg::R3, -64);
                self.emit(Op::call(func::probe_read_kernel));
            }
        }
        self.clobber(Kind::Number);
    }

    /// A length that a helper answers, as an index.
    pub(super) fn text_length(&mut self) {
        let Some(value) = self.find(|it| matches!(it, Kind::Value(_))) else { return self.lookup() };
        let Kind::Value(map) = self.kind(value) else { return };
        if value.index() < 6 || self.kept & 1 << value.index() != 0 {
            return self.arithmetic();
        }
        let size = MAPS[map].value_size as i32;
        self.emit(Op::mov64(Reg::R1, value));
        let len = self.about(size.into()) as i32;
        self.emit(Op::mov64(Reg::R2, len));
        self.point(Reg::R3, -64);
        self.emit(Op::call(func::probe_read_kernel_str));
        self.clobber(Kind::Number);
        let signed = if self.slip() { JmpOp::Sge } else { JmpOp::Sgt };
        self.require(signed, Width::W64, Reg::R0, 0);
        self.alu(AluOp::Add, Width::W64, value, Reg::R0);
        let off = self.about(-1) as i16;
        self.emit(Op::store(Size::B, value, off, 0));
        self.set(value, Kind::Nothing);
    }

    /// Packet pointers are worth nothing afterwards.
    fn change_packet(&mut self) {
        let Some(context) = self.context() else { return };
        self.emit(Op::mov64(Reg::R1, context));
        let by = self.input.pick(&[0, 4, -4, 14]);
        self.emit(Op::mov64(Reg::R2, by));
        let helper = match self.prog_type {
            ProgType::Xdp => self.input.pick(&[func::xdp_adjust_head, func::xdp_adjust_tail]),
            _ => func::skb_pull_data,
        };
        self.emit(Op::call(helper));
        self.clobber(Kind::Number);
        if !self.slip() {
            for kind in &mut self.kinds {
                if matches!(kind, Kind::Packet(_)) {
                    *kind = Kind::Nothing;
                }
            }
            self.slots.retain(|it| !matches!(it.1, Kind::Packet(_)));
        }
    }

    /// A record of the ring buffer: reserved, written, given back.
    pub(super) fn record(&mut self) {
        if self.depth > 1 {
            return self.arithmetic();
        }
        let len = [8, 16, 20][self.input.below(3)];
        self.emit(Op::map_fd(Reg::R1, RING as i32));
        self.emit(Op::mov64(Reg::R2, i32::from(len)));
        self.emit(Op::mov64(Reg::R3, 0));
        self.emit(Op::call(func::ringbuf_reserve));
        self.clobber(Kind::Record(len));
        let record = self.saved();
        self.emit(Op::mov64(record, Reg::R0));
        self.set(record, Kind::Record(len));
        if !self.slip() {
            self.require(JmpOp::Ne, Width::W64, record, 0);
        }
        for _ in 0..self.input.below(3) {
            let size = self.input.pick(&[Size::B, Size::H, Size::W]);
            let last = i64::from(len) - size.bytes() as i64;
            let off = self.about(last) as i16;
            let kept = self.keep(record);
            self.access(size, record, off);
            self.kept = kept;
        }
        let kept = self.keep(record);
        if self.input.below(3) == 0 {
            self.arithmetic();
        }
        self.kept = kept;
        if self.slip() {
            return;
        }
        self.emit(Op::mov64(Reg::R1, record));
        self.emit(Op::mov64(Reg::R2, 0));
        let helper = self.input.pick(&[func::ringbuf_submit, func::ringbuf_discard]);
        self.emit(Op::call(helper));
        self.clobber(Kind::Nothing);
        self.set(record, Kind::Nothing);
    }

    /// A function that is called: one more, or one that there is.
    fn callee(&mut self, called: Called) -> Option<usize> {
        // No recursion: only functions behind this one.
        let later = (self.func + 1..self.called.len()).filter(|it| self.called[*it] == called);
        let all: Vec<usize> = later.collect();
        if !all.is_empty() && self.input.below(2) == 0 {
            return Some(self.input.pick(&all));
        }
        if self.called.len() > MOST_FUNCTIONS {
            return all.first().copied();
        }
        self.called.push(called);
        Some(self.called.len() - 1)
    }

    pub(super) fn local_call(&mut self) {
        let pointer = match self.input.below(3) {
            0 => self.context(),
            1 => self.find(|it| matches!(it, Kind::Value(_))),
            _ => None,
        };
        let first = match pointer {
            Some(reg) => self.kind(reg),
            None if self.input.below(2) == 0 => Kind::Stack(-16),
            None => Kind::Number,
        };
        let Some(target) = self.callee(Called::With(first, Kind::Number)) else { return self.arithmetic() };
        let number = self.some_number();
        self.emit(Op::mov64(Reg::R2, number));
        match (first, pointer) {
            (_, Some(reg)) if reg != Reg::R2 => self.emit(Op::mov64(Reg::R1, reg)),
            (Kind::Stack(_), _) => {
                let off = self.bytes(16);
                self.point(Reg::R1, off);
            }
            _ => {
                let value = self.immediate();
                self.emit(Op::mov64(Reg::R1, value));
            }
        }
        self.fixups.push(Fixup { func: self.func, slot: self.insns.len(), target });
        self.emit(Op::Call(Callee::Local(0)));
        self.clobber(Kind::Number);
    }

    pub(super) fn callback(&mut self) {
        if self.depth > 1 {
            return self.arithmetic();
        }
        let map = self.input.pick(&[0, 2]);
        let each = self.input.below(3) == 0;
        let called = if each { Called::Each(map) } else { Called::Loop };
        let Some(target) = self.callee(called) else { return self.arithmetic() };
        let (count, helper) = if each { (Reg::R1, func::for_each_map_elem) } else { (Reg::R1, func::r#loop) };
        if each {
            self.emit(Op::map_fd(count, map as i32));
        } else if self.input.below(3) == 0 {
            let number = self.index(9);
            self.emit(Op::mov64(count, number));
        } else {
            let times = self.input.below(5) as i32;
            self.emit(Op::mov64(count, times));
        }
        self.fixups.push(Fixup { func: self.func, slot: self.insns.len(), target });
        self.emit(Op::LoadImm64 { dst: Reg::R2, value: Imm64::Func(0) });
        if self.input.below(3) == 0 {
            self.emit(Op::mov64(Reg::R3, 0));
        } else {
            self.point(Reg::R3, -16);
        }
        self.emit(Op::mov64(Reg::R4, 0));
        self.emit(Op::call(helper));
        self.clobber(Kind::Number);
    }

    /// What is seldom right: arithmetic on pointers, comparisons of pointers, pointers in memory.
    pub(super) fn oddity(&mut self) {
        let Some(pointer) = self.find(|it| !matches!(it, Kind::Number | Kind::Nothing)) else {
            return self.arithmetic();
        };
        let other = self.target();
        if other == pointer {
            return;
        }
        match self.input.below(6) {
            0 => {
                self.emit(Op::mov64(other, pointer));
                let by = self.immediate();
                let op = self.input.pick(&[AluOp::Add, AluOp::Sub, AluOp::And, AluOp::Xor]);
                self.alu(op, Width::W64, other, by);
                self.set(other, Kind::Nothing);
            }
            1 => {
                self.emit(Op::mov64(other, pointer));
                self.alu(AluOp::Sub, Width::W64, other, pointer);
                self.set(other, Kind::Number);
            }
            2 => {
                self.emit(Op::mov32(other, pointer));
                self.set(other, Kind::Number);
            }
            3 => {
                let op = self.input.pick(&[JmpOp::Eq, JmpOp::Ne, JmpOp::Gt]);
                let second = self.find(|it| it != Kind::Nothing).unwrap_or(Reg::FP);
                let over = self.branch_over(op, Width::W64, pointer, second);
                let (kinds, slots) = (self.kinds, self.slots.clone());
                self.body(1);
                self.land(over);
                self.meet(kinds, &slots);
            }
            4 => {
                let value = self.find(|it| matches!(it, Kind::Value(_)));
                if let Some(value) = value {
                    self.emit(Op::store(Size::DW, value, 0, pointer));
                }
            }
            _ => {
                let size = self.size();
                let off = self.input.below(24) as i16 - 8;
                self.emit(Op::load(size, other, pointer, off));
                self.set(other, Kind::Number);
            }
        }
    }
}
