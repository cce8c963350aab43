//! Every instruction there is, with a few operands each.

use skep_isa::{
    AluForm, AluOp, AtomicOp, Callee, End, Imm64, JmpOp, Op, Operand, PacketMode, Reg, Size, Width,
};

const WIDTHS: [Width; 2] = [Width::W32, Width::W64];
const IMM: [i32; 6] = [0, 1, -1, 0x12345678, i32::MAX, i32::MIN];
const OFF: [i16; 5] = [0, 8, -8, i16::MAX, i16::MIN];
const PAIRS: [(Reg, Reg); 3] = [(Reg::R0, Reg::R1), (Reg::R9, Reg::R9), (Reg::R5, Reg::R10)];

/// All instructions of the tables.
pub fn corpus() -> Vec<Op> {
    let mut all = Vec::new();
    all.extend(AluOp::ALL.iter().flat_map(|&op| WIDTHS.map(|width| alu(op, width))).flatten());
    all.extend(JmpOp::ALL.iter().flat_map(|&op| WIDTHS.map(|width| branch(op, width))).flatten());
    for (kind, bits) in End::ALL.into_iter().flat_map(|kind| End::BITS.map(|bits| (kind, bits))) {
        all.extend([Reg::R0, Reg::R9].map(|dst| Op::End { kind, bits, dst }));
    }
    for size in Size::ALL {
        all.extend(memory(size));
    }
    all.extend(wide());
    all.extend(control());
    all
}

fn alu(op: AluOp, width: Width) -> Vec<Op> {
    let make = |dst, src| Op::Alu { op, width, dst, src };
    match op.form() {
        _ if op == AluOp::MovSx32 && width == Width::W32 => Vec::new(),
        AluForm::Unary => PAIRS.map(|(dst, _)| make(dst, Operand::Imm(0))).to_vec(),
        AluForm::RegOnly => PAIRS.map(|(dst, src)| make(dst, Operand::Reg(src))).to_vec(),
        AluForm::Binary => {
            let registers = PAIRS.map(|(dst, src)| make(dst, Operand::Reg(src)));
            registers.into_iter().chain(IMM.map(|imm| make(Reg::R3, Operand::Imm(imm)))).collect()
        }
    }
}

fn branch(op: JmpOp, width: Width) -> Vec<Op> {
    let make = |dst, src, off| Op::Branch { op, width, dst, src, off };
    let mut all = PAIRS.map(|(dst, src)| make(dst, Operand::Reg(src), 3)).to_vec();
    all.extend(OFF.map(|off| make(Reg::R1, Operand::Reg(Reg::R2), off)));
    all.extend(IMM.map(|imm| make(Reg::R1, Operand::Imm(imm), -4)));
    all
}

fn memory(size: Size) -> Vec<Op> {
    let mut all = Vec::new();
    for (a, base) in PAIRS {
        all.extend(OFF.map(|off| Op::Load { size, signed: false, dst: a, base, off }));
        all.extend(OFF.map(|off| Op::Store { size, base, off, value: Operand::Reg(a) }));
    }
    all.extend(IMM.map(|imm| Op::Store { size, base: Reg::R10, off: -16, value: Operand::Imm(imm) }));
    if size != Size::DW {
        all.extend(OFF.map(|off| Op::Load { size, signed: true, dst: Reg::R2, base: Reg::R3, off }));
        all.extend(IMM.map(|imm| Op::LoadPacket { mode: PacketMode::Abs, size, imm }));
        all.extend(IMM.map(|imm| Op::LoadPacket { mode: PacketMode::Ind(Reg::R7), size, imm }));
    }
    for &op in AtomicOp::ALL.iter().filter(|op| op.supports(size)) {
        all.extend(OFF.map(|off| Op::Atomic { op, size, base: Reg::R1, off, reg: Reg::R2 }));
        all.push(Op::Atomic { op, size, base: Reg::R10, off: -8, reg: Reg::R0 });
    }
    all
}

fn wide() -> Vec<Op> {
    let consts = [0, 1, u64::MAX, 0x1234_5678_9abc_def0, 1 << 63, 1 << 32, 0xffff_ffff].map(Imm64::Const);
    let pseudo = [
        Imm64::MapFd(3),
        Imm64::MapValue { fd: 3, off: 16 },
        Imm64::BtfId { id: 7, obj_fd: 0 },
        Imm64::BtfId { id: 7, obj_fd: 9 },
        Imm64::Func(5),
        Imm64::Func(-5),
        Imm64::MapIdx(0),
        Imm64::MapIdxValue { idx: 1, off: 0 },
    ];
    consts.into_iter().chain(pseudo).map(|value| Op::LoadImm64 { dst: Reg::R1, value }).collect()
}

fn control() -> Vec<Op> {
    let mut all = vec![Op::Exit];
    all.extend(OFF.map(|off| Op::Jump { off }));
    all.extend(OFF.map(|off| Op::MayGoto { off }));
    all.extend(IMM.map(|off| Op::JumpLong { off }));
    all.extend(IMM.map(|id| Op::Call(Callee::Helper(id as u32))));
    all.extend(IMM.map(|off| Op::Call(Callee::Local(off))));
    all.extend(OFF.map(|off| Op::Call(Callee::Kfunc { btf_id: 1234, off })));
    all.extend([(0, 1), (1, 0)].map(|(to, from)| Op::AddrSpaceCast { dst: Reg::R1, src: Reg::R2, to, from }));
    all
}
