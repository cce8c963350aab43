//! What has to be given back, and what lives on the stack: dynptrs and sockets.

use skep_abi::ProgType;
use skep_abi::helpers::func;
use skep_isa::{AluOp, JmpOp, Op, Reg, Size, Width};

use super::super::{MAPS, RING};
use super::{Builder, Kind};

/// Where dynptrs are put.
const DYNPTRS: [i16; 3] = [-16, -32, -64];

impl Builder<'_, '_> {
    /// A dynptr, of a map's value or a record of the ring buffer, and what is done with it.
    pub(super) fn dynptr(&mut self) {
        let off = DYNPTRS[self.input.below(3)];
        self.slots.retain(|it| it.0 != off && it.0 != off + 8);
        let record = self.input.below(2) == 0 && self.depth < 2;
        if record {
            self.emit(Op::map_fd(Reg::R1, RING as i32));
            let len = self.input.pick(&[8, 16, 40]);
            self.emit(Op::mov64(Reg::R2, len));
            self.emit(Op::mov64(Reg::R3, 0));
            self.point(Reg::R4, off);
            self.emit(Op::call(func::ringbuf_reserve_dynptr));
        } else {
            let Some(value) = self.find(|it| matches!(it, Kind::Value(_))) else { return self.lookup() };
            let Kind::Value(map) = self.kind(value) else { return };
            let len = self.about(MAPS[map].value_size.into()) as i32;
            self.emit(Op::mov64(Reg::R1, value));
            self.emit(Op::mov64(Reg::R2, len));
            self.emit(Op::mov64(Reg::R3, 0));
            self.point(Reg::R4, off);
            self.emit(Op::call(func::dynptr_from_mem));
        }
        self.clobber(Kind::Number);
        for _ in 0..self.input.below(3) {
            self.use_dynptr(off);
        }
        if self.slip() {
            self.emit(Op::store(Size::B, Reg::FP, off + 3, 0));
        }
        if record && !self.slip() {
            self.point(Reg::R1, off);
            self.emit(Op::mov64(Reg::R2, 0));
            let helper = self.input.pick(&[func::ringbuf_submit_dynptr, func::ringbuf_discard_dynptr]);
            self.emit(Op::call(helper));
            self.clobber(Kind::Nothing);
        }
    }

    fn use_dynptr(&mut self, off: i16) {
        match self.input.below(4) {
            0 => {
                self.point(Reg::R3, off);
                self.point(Reg::R1, -96);
                let len = self.about(8) as i32;
                self.emit(Op::mov64(Reg::R2, len));
                let at = self.input.below(20) as i32;
                self.emit(Op::mov64(Reg::R4, at));
                self.emit(Op::mov64(Reg::R5, 0));
                self.emit(Op::call(func::dynptr_read));
            }
            1 => {
                let source = self.bytes(8);
                if source <= off + 8 && off <= source + 8 && !self.slip() {
                    return;
                }
                self.point(Reg::R1, off);
                let at = self.input.below(20) as i32;
                self.emit(Op::mov64(Reg::R2, at));
                self.point(Reg::R3, source);
                self.emit(Op::mov64(Reg::R4, 8));
                self.emit(Op::mov64(Reg::R5, 0));
                self.emit(Op::call(func::dynptr_write));
            }
            _ => {
                self.point(Reg::R1, off);
                let at = self.input.below(12) as i32;
                self.emit(Op::mov64(Reg::R2, at));
                self.emit(Op::mov64(Reg::R3, 8));
                self.emit(Op::call(func::dynptr_data));
                self.clobber(Kind::Nothing);
                let over = self.branch_over(JmpOp::Eq, Width::W64, Reg::R0, 0);
                let size = self.size();
                let last = 8 - size.bytes() as i64;
                let at = self.about(last) as i16;
                let dst = self.target();
                self.emit(Op::load(size, dst, Reg::R0, at));
                self.land(over);
                self.set(dst, Kind::Nothing);
                return;
            }
        }
        self.clobber(Kind::Number);
    }

    /// A socket: looked up, checked, read and released.
    pub(super) fn socket(&mut self) {
        let Some(context) = self.context() else { return self.arithmetic() };
        if !matches!(self.prog_type, ProgType::SchedCls | ProgType::Xdp) || self.depth > 1 {
            return self.arithmetic();
        }
        let tuple = self.bytes(12);
        self.emit(Op::mov64(Reg::R1, context));
        self.point(Reg::R2, tuple);
        self.emit(Op::mov64(Reg::R3, 12));
        self.emit(Op::mov64(Reg::R4, -1));
        self.emit(Op::mov64(Reg::R5, 0));
        let helper = self.input.pick(&[func::sk_lookup_tcp, func::sk_lookup_udp, func::skc_lookup_tcp]);
        self.emit(Op::call(helper));
        self.clobber(Kind::Nothing);
        let saved = self.saved();
        self.emit(Op::mov64(saved, Reg::R0));
        self.set(saved, Kind::Nothing);
        let checked = self.input.pick(&[saved, Reg::R0]);
        let over = self.branch_over(JmpOp::Eq, Width::W64, checked, 0);
        if self.input.below(2) == 0 {
            let dst = self.target();
            if dst != saved {
                let at = self.input.pick(&[0, 4, 8, 12, 16, 24, 44, 48]);
                self.emit(Op::load(Size::W, dst, saved, at));
                self.set(dst, Kind::Nothing);
            }
        }
        if !self.slip() {
            self.emit(Op::mov64(Reg::R1, saved));
            self.emit(Op::call(func::sk_release));
        }
        self.land(over);
        self.clobber(Kind::Nothing);
        self.set(saved, Kind::Nothing);
    }

    /// Memory of a caller's frame: numbers, pointers and parts of them.
    pub(super) fn stack_pointer(&mut self) {
        let Some(pointer) = self.find(|it| matches!(it, Kind::Stack(_))) else { return self.spill() };
        let size = if self.input.below(2) == 0 { Size::DW } else { self.size() };
        let within = self.input.below(16 / size.bytes()) * size.bytes();
        let off = self.about(within as i64) as i16;
        match self.input.below(4) {
            0 | 1 => {
                let dst = self.target();
                self.emit(Op::load(size, dst, pointer, off));
                self.set(dst, Kind::Number);
            }
            2 => {
                let value = self.some_number();
                self.emit(Op::store(size, pointer, off, value));
            }
            _ => {
                let value = self.find(|it| it != Kind::Nothing).unwrap_or(Reg::FP);
                let off = off & !7;
                self.emit(Op::store(Size::DW, pointer, off, value));
                if self.input.below(2) == 0 {
                    let dst = self.target();
                    let kind = self.kind(value);
                    self.emit(Op::load(Size::DW, dst, pointer, off));
                    self.set(dst, kind);
                }
            }
        }
    }

    /// Metadata in front of an XDP packet.
    pub(super) fn metadata(&mut self) {
        let Some(context) = self.context() else { return self.arithmetic() };
        if self.prog_type != ProgType::Xdp {
            return self.arithmetic();
        }
        let (meta, data, past) = (Reg::R2, Reg::R3, Reg::R4);
        self.emit(Op::load(Size::W, meta, context, 8));
        self.emit(Op::load(Size::W, data, context, 0));
        self.emit(Op::mov64(past, meta));
        let len = self.input.pick(&[4, 8]);
        self.alu(AluOp::Add, Width::W64, past, len);
        let over = self.branch_over(JmpOp::Gt, Width::W64, past, data);
        let size = self.input.pick(&[Size::B, Size::H, Size::W]);
        let last = i64::from(len) - size.bytes() as i64;
        let off = self.about(last) as i16;
        self.emit(Op::load(size, Reg::R0, meta, off));
        self.land(over);
        self.kinds[..6].fill(Kind::Nothing);
    }
}
