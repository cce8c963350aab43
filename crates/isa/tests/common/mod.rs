//! Generators of instructions.

use proptest::prelude::*;
use skep_isa::{
    AluForm, AluOp, AtomicOp, Callee, End, Imm64, JmpOp, Op, Operand, PacketMode, Reg, Size, Width,
};

fn any_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

fn reg() -> impl Strategy<Value = Reg> {
    any_of(&Reg::ALL)
}

fn width() -> impl Strategy<Value = Width> {
    any_of(&[Width::W32, Width::W64])
}

fn size() -> impl Strategy<Value = Size> {
    any_of(&Size::ALL)
}

/// Numbers that sit on an edge as often as not.
pub(crate) fn imm() -> impl Strategy<Value = i32> {
    prop_oneof![
        any_of(&[0, 1, -1, 2, 7, 8, 16, 31, 32, 63, 64, i32::MAX, i32::MIN, 0x7fff, -0x8000]),
        any::<i32>(),
    ]
}

pub(crate) fn off() -> impl Strategy<Value = i16> {
    prop_oneof![any_of(&[0, 1, -1, 8, 16, 32, i16::MAX, i16::MIN]), any::<i16>()]
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![reg().prop_map(Operand::Reg), imm().prop_map(Operand::Imm)]
}

fn alu() -> impl Strategy<Value = Op> {
    (any_of(AluOp::ALL), width(), reg(), operand(), reg()).prop_map(|(op, width, dst, src, reg)| {
        let src = match op.form() {
            AluForm::Binary => src,
            AluForm::RegOnly => Operand::Reg(reg),
            AluForm::Unary => Operand::Imm(0),
        };
        let width = if op == AluOp::MovSx32 { Width::W64 } else { width };
        Op::Alu { op, width, dst, src }
    })
}

fn memory() -> impl Strategy<Value = Op> {
    let loads = (size(), any::<bool>(), reg(), reg(), off()).prop_map(|(size, signed, dst, base, off)| {
        Op::Load { size, signed: signed && size != Size::DW, dst, base, off }
    });
    let stores = (size(), reg(), off(), operand()).prop_map(|(size, base, off, value)| Op::Store {
        size,
        base,
        off,
        value,
    });
    let atomics =
        (any_of(AtomicOp::ALL), size(), reg(), off(), reg()).prop_map(|(op, size, base, off, reg)| {
            Op::Atomic { op, size: if op.supports(size) { size } else { Size::DW }, base, off, reg }
        });
    let mode = prop_oneof![Just(PacketMode::Abs), reg().prop_map(PacketMode::Ind)];
    let packet = (mode, any_of(&[Size::B, Size::H, Size::W]), imm())
        .prop_map(|(mode, size, imm)| Op::LoadPacket { mode, size, imm });
    prop_oneof![3 => loads, 3 => stores, 3 => atomics, 1 => packet]
}

fn imm64() -> impl Strategy<Value = Imm64> {
    prop_oneof![
        any::<u64>().prop_map(Imm64::Const),
        imm().prop_map(|imm| Imm64::Const(imm as i64 as u64)),
        imm().prop_map(Imm64::MapFd),
        (imm(), any::<u32>()).prop_map(|(fd, off)| Imm64::MapValue { fd, off }),
        (imm(), imm()).prop_map(|(id, obj_fd)| Imm64::BtfId { id, obj_fd }),
        imm().prop_map(Imm64::Func),
        imm().prop_map(Imm64::MapIdx),
        (imm(), any::<u32>()).prop_map(|(idx, off)| Imm64::MapIdxValue { idx, off }),
    ]
}

fn control() -> impl Strategy<Value = Op> {
    let callee = prop_oneof![
        any::<u32>().prop_map(Callee::Helper),
        imm().prop_map(Callee::Local),
        (imm(), off()).prop_map(|(btf_id, off)| Callee::Kfunc { btf_id, off }),
    ];
    prop_oneof![
        2 => off().prop_map(|off| Op::Jump { off }),
        2 => imm().prop_map(|off| Op::JumpLong { off }),
        1 => off().prop_map(|off| Op::MayGoto { off }),
        6 => (any_of(JmpOp::ALL), width(), reg(), operand(), off())
            .prop_map(|(op, width, dst, src, off)| Op::Branch { op, width, dst, src, off }),
        3 => callee.prop_map(Op::Call),
        1 => Just(Op::Exit),
    ]
}

/// Every instruction that exists.
pub(crate) fn op() -> impl Strategy<Value = Op> {
    let end = (any_of(&End::ALL), any_of(&End::BITS), reg()).prop_map(|(kind, bits, dst)| Op::End {
        kind,
        bits,
        dst,
    });
    let wide = (reg(), imm64()).prop_map(|(dst, value)| Op::LoadImm64 { dst, value });
    let cast = (reg(), reg(), any::<u16>(), any::<u16>())
        .prop_map(|(dst, src, to, from)| Op::AddrSpaceCast { dst, src, to, from });
    prop_oneof![6 => alu(), 6 => memory(), 5 => control(), 1 => end, 2 => wide, 1 => cast]
}
