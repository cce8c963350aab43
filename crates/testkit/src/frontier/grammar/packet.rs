//! Packets and contexts.

use skep_abi::ProgType;
use skep_abi::helpers::func;
use skep_isa::{AluOp, JmpOp, Op, PacketMode, Reg, Size, Width};

use super::{Builder, Kind};

impl Builder<'_, '_> {
    /// Packet bytes behind a check of their end.
    pub(super) fn packet_access(&mut self) {
        let Some(context) = self.context() else { return self.arithmetic() };
        if self.prog_type == ProgType::SocketFilter && !self.slip() {
            return self.classic_load();
        }
        if let Some(data) = self.find(|it| matches!(it, Kind::Packet(_)))
            && self.input.below(2) == 0
        {
            let Kind::Packet(len) = self.kind(data) else { return };
            return self.packet_bytes(data, len);
        }
        let data = self.saved();
        let (end, past) = (self.target(), self.target());
        if end == data || past == data || end == past || context == data || context == end {
            return;
        }
        let (from, to) = if self.prog_type == ProgType::Xdp { (0, 4) } else { (76, 80) };
        self.emit(Op::load(Size::W, data, context, from));
        self.emit(Op::load(Size::W, end, context, to));
        self.set(data, Kind::Nothing);
        self.set(end, Kind::Nothing);
        self.set(past, Kind::Nothing);
        let kept = self.kept;
        self.kept |= 1 << data.index() | 1 << end.index();
        if self.input.below(3) == 0 {
            let most = [15, 60, 255, 0xffff][self.input.below(4)];
            let index = self.index(most);
            if index != data && index != end && index != past && index != Reg::FP {
                self.alu(AluOp::Add, Width::W64, data, index);
            }
        }
        self.kept = kept;
        // The piece in between may have called something.
        if self.kinds[..6].iter().all(|it| *it == Kind::Nothing)
            && end.index() < 6
            && self.input.below(8) != 0
        {
            self.emit(Op::load(Size::W, end, context, to));
        }
        let len = [1, 2, 4, 8, 14, 20, 34, 54, 64][self.input.below(9)];
        self.emit(Op::mov64(past, data));
        self.alu(AluOp::Add, Width::W64, past, len);
        let len = len as i16;
        match self.input.below(6) {
            0 => self.require(JmpOp::Le, Width::W64, past, end),
            1 => self.require(JmpOp::Ge, Width::W64, end, past),
            2 => {
                let over = self.branch_over(JmpOp::Lt, Width::W64, past, end);
                self.leave();
                self.land(over);
            }
            3 => {
                let over = self.branch_over(JmpOp::Gt, Width::W64, past, end);
                let kinds = self.kinds;
                self.packet_bytes(data, len);
                self.leave();
                self.land(over);
                self.kinds = kinds;
                return;
            }
            4 => {
                let over = self.branch_over(JmpOp::Gt, Width::W64, end, past);
                self.leave();
                self.land(over);
            }
            _ => {
                let op = self.input.pick(&[JmpOp::Gt, JmpOp::Ge, JmpOp::Lt, JmpOp::Le]);
                let over = self.branch_over(op, Width::W64, end, past);
                self.leave();
                self.land(over);
            }
        }
        self.set(data, Kind::Packet(len));
        self.packet_bytes(data, len);
    }

    fn packet_bytes(&mut self, data: Reg, len: i16) {
        let size = self.size();
        let bytes = size.bytes() as i16;
        if len < bytes {
            return;
        }
        let off = if self.input.below(2) == 0 {
            len - bytes
        } else {
            self.input.below((len - bytes + 1) as usize) as i16
        };
        let off = self.about(off.into()) as i16;
        if self.input.below(5) == 0 {
            let value = self.immediate();
            self.emit(Op::store(size, data, off, value));
        } else {
            let dst = self.target();
            let signed = size != Size::DW && self.input.below(5) == 0;
            self.emit(Op::Load { size, signed, dst, base: data, off });
            self.set(dst, Kind::Number);
        }
    }

    /// `BPF_LD_ABS` and `BPF_LD_IND`, or `bpf_skb_load_bytes`.
    fn classic_load(&mut self) {
        let Some(context) = self.context() else { return };
        let size = self.input.pick(&[Size::B, Size::H, Size::W]);
        if context != Reg::R6 || self.input.below(2) == 0 {
            return self.load_bytes();
        }
        let imm = self.input.below(64) as i32;
        let mode = match self.input.below(2) {
            0 => PacketMode::Abs,
            _ => {
                let reg = self.some_number();
                PacketMode::Ind(reg)
            }
        };
        self.emit(Op::LoadPacket { mode, size, imm });
        self.clobber(Kind::Number);
    }

    /// Copies from the packet to the stack.
    pub(super) fn load_bytes(&mut self) {
        let Some(context) = self.context() else { return };
        if self.prog_type == ProgType::Xdp && !self.slip() {
            return;
        }
        let most = [1, 4, 8, 16, 40][self.input.below(5)];
        let fixed = self.input.below(2) == 0;
        let by = if fixed {
            None
        } else {
            let reg = self.index(most);
            if self.input.below(4) != 0 && reg != Reg::FP && self.kept & 1 << reg.index() == 0 {
                self.require(JmpOp::Ne, Width::W64, reg, 0);
            }
            Some(reg)
        };
        match by {
            Some(reg) if reg != Reg::R4 => self.emit(Op::mov64(Reg::R4, reg)),
            Some(_) => {}
            None => {
                let len = self.about(most) as i32;
                self.emit(Op::mov64(Reg::R4, len));
            }
        }
        let at = self.input.below(40) as i32;
        self.emit(Op::mov64(Reg::R1, context));
        self.emit(Op::mov64(Reg::R2, at));
        self.point(Reg::R3, -(most as i16 + 7) / 8 * 8);
        self.emit(Op::call(func::skb_load_bytes));
        self.clobber(Kind::Number);
    }

    /// A field of the context, right or wrong.
    pub(super) fn context_access(&mut self) {
        let Some(context) = self.context() else { return self.arithmetic() };
        let dst = self.target();
        let off = self.context_number();
        let (size, off) = match self.input.below(6) {
            0 => (self.size(), off),
            1 => (self.size(), self.about(off.into()) as i16),
            2 => (Size::B, off + self.input.below(4) as i16),
            _ => (Size::W, off),
        };
        let writes = self.prog_type != ProgType::Xdp && self.input.below(4) == 0;
        if writes {
            // cb[], mark, priority.
            let most = if self.prog_type == ProgType::SocketFilter { 5 } else { 7 };
            let off = [48, 52, 56, 60, 64, 8, 32][self.input.below(most)];
            let value = self.some_number();
            self.emit(Op::store(size, context, off, value));
            return;
        }
        self.emit(Op::load(size, dst, context, off));
        self.set(dst, Kind::Number);
    }
}
