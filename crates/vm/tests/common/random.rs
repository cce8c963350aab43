//! Random programs out of valid instructions.
#![allow(dead_code, unreachable_pub, reason = "every test binary uses its own part")]

use proptest::prelude::*;
use skep_isa::{
    AluForm, AluOp, AtomicOp, Callee, End, Imm64, Insn, JmpOp, Op, Operand, PacketMode, Reg, Size, Width,
};

use crate::common::id;

/// Any register that may be written.
fn writable() -> impl Strategy<Value = Reg> {
    (0u8..10).prop_map(|n| Reg::ALL[n as usize])
}

/// Any register; those that begin as pointers more often.
fn any_reg() -> impl Strategy<Value = Reg> {
    prop_oneof![Just(Reg::R1), Just(Reg::R3), Just(Reg::R10), (0u8..11).prop_map(|n| Reg::ALL[n as usize])]
}

fn imm() -> impl Strategy<Value = i32> {
    prop_oneof![-3i32..70, any::<i32>(), Just(i32::MIN), Just(i32::MAX)]
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![any_reg().prop_map(Operand::Reg), imm().prop_map(Operand::Imm)]
}

fn width() -> impl Strategy<Value = Width> {
    prop_oneof![Just(Width::W32), Just(Width::W64)]
}

fn size() -> impl Strategy<Value = Size> {
    prop::sample::select(&Size::ALL[..])
}

/// Offsets that hit the block or the frame, miss them by little, or by much.
fn off() -> impl Strategy<Value = i16> {
    prop_oneof![-8i16..72, -520i16..8, any::<i16>()]
}

fn alu() -> impl Strategy<Value = Op> {
    let ops = prop::sample::select(AluOp::ALL);
    (ops, width(), writable(), operand(), any_reg()).prop_map(|(op, width, dst, src, reg)| {
        let width = if op == AluOp::MovSx32 { Width::W64 } else { width };
        let src = match op.form() {
            AluForm::Binary => src,
            AluForm::RegOnly => Operand::Reg(reg),
            AluForm::Unary => Operand::Imm(0),
        };
        Op::Alu { op, width, dst, src }
    })
}

/// Instructions; targets of jumps are any 16 bits here and become instructions of the program in [`link`].
pub fn op() -> impl Strategy<Value = Op> {
    let target = any::<i16>;
    prop_oneof![
        6 => alu(),
        1 => (prop::sample::select(&End::ALL[..]), prop::sample::select(&End::BITS[..]), writable())
            .prop_map(|(kind, bits, dst)| Op::End { kind, bits, dst }),
        1 => (writable(), any::<u64>()).prop_map(|(dst, v)| Op::LoadImm64 { dst, value: Imm64::Const(v) }),
        1 => (writable(), target()).prop_map(|(dst, to)| Op::LoadImm64 { dst, value: Imm64::Func(to.into()) }),
        4 => (size(), any::<bool>(), writable(), any_reg(), off()).prop_map(|(size, signed, dst, base, off)| {
            Op::Load { size, signed: signed && size != Size::DW, dst, base, off }
        }),
        4 => (size(), any_reg(), off(), operand())
            .prop_map(|(size, base, off, value)| Op::Store { size, base, off, value }),
        3 => (prop::sample::select(AtomicOp::ALL), size(), any_reg(), off(), writable()).prop_map(
            |(op, size, base, off, reg)| {
                let size = if op.supports(size) { size } else { Size::DW };
                Op::Atomic { op, size, base, off, reg }
            }
        ),
        1 => target().prop_map(|off| Op::Jump { off }),
        1 => target().prop_map(|off| Op::JumpLong { off: off.into() }),
        4 => (prop::sample::select(JmpOp::ALL), width(), any_reg(), operand(), target())
            .prop_map(|(op, width, dst, src, off)| Op::Branch { op, width, dst, src, off }),
        1 => target().prop_map(|off| Op::MayGoto { off }),
        2 => target().prop_map(|off| Op::Call(Callee::Local(off.into()))),
        1 => Just(Op::Call(Callee::Helper(id::ADD))),
        1 => (0i32..3).prop_map(|imm| Op::LoadPacket { mode: PacketMode::Abs, size: Size::B, imm }),
        1 => Just(Op::Exit),
    ]
}

/// Makes a program: every target some instruction of it, and an exit behind the last.
pub fn link(mut ops: Vec<Op>) -> Vec<Insn> {
    ops.push(Op::Exit);
    let mut starts = Vec::new();
    let mut slots = 0;
    for op in &ops {
        starts.push(slots);
        slots += op.slots() as i32;
    }
    let mut insns = Vec::new();
    for (index, op) in ops.iter().enumerate() {
        let to = |wish: i32| starts[wish.rem_euclid(starts.len() as i32) as usize] - starts[index] - 1;
        let linked = match *op {
            Op::Jump { off } => Op::Jump { off: to(off.into()) as i16 },
            Op::JumpLong { off } => Op::JumpLong { off: to(off) },
            Op::Branch { op, width, dst, src, off } => {
                Op::Branch { op, width, dst, src, off: to(off.into()) as i16 }
            }
            Op::MayGoto { off } => Op::MayGoto { off: to(off.into()) as i16 },
            Op::Call(Callee::Local(off)) => Op::Call(Callee::Local(to(off))),
            Op::LoadImm64 { dst, value: Imm64::Func(off) } => {
                Op::LoadImm64 { dst, value: Imm64::Func(to(off)) }
            }
            other => other,
        };
        let (first, second) = linked.encode();
        insns.push(first);
        insns.extend(second);
    }
    insns
}

/// A few instructions that together are a call of a helper with arguments that mean something.
pub fn helper_call() -> impl Strategy<Value = Vec<Op>> {
    let set = |dst, imm| Op::Alu { op: AluOp::Mov, width: Width::W64, dst, src: Operand::Imm(imm) };
    let call = |number| Op::Call(Callee::Helper(number));
    prop_oneof![
        (any::<i16>(), 0i32..5).prop_map(move |(to, count)| {
            let func = Op::LoadImm64 { dst: Reg::R2, value: Imm64::Func(to.into()) };
            vec![func, set(Reg::R1, count), call(id::LOOP)]
        }),
        (0i32..3).prop_map(move |index| vec![set(Reg::R3, index), call(id::TAIL_CALL)]),
        (0i32..3).prop_map(move |index| vec![set(Reg::R3, index), call(id::TAIL_CALL_BLINDLY)]),
        (0i32..50).prop_map(move |cost| vec![set(Reg::R1, cost), call(id::CHARGE)]),
        prop::sample::select(&[id::ADD, id::READ, id::FAIL, id::THROW, id::LOOP, 9999][..])
            .prop_map(move |number| vec![call(number)]),
        (any::<i32>(), any::<i16>()).prop_map(|(btf_id, off)| vec![Op::Call(Callee::Kfunc { btf_id, off })]),
        (writable(), any_reg()).prop_map(|(dst, src)| vec![Op::AddrSpaceCast { dst, src, to: 0, from: 1 }]),
        (any_reg(), -2i32..9).prop_map(|(reg, imm)| {
            vec![Op::LoadPacket { mode: PacketMode::Ind(reg), size: Size::H, imm }]
        }),
    ]
}

/// Programs that call all there is to call.
pub fn program() -> impl Strategy<Value = Vec<Insn>> {
    let piece = prop_oneof![6 => op().prop_map(|op| vec![op]), 1 => helper_call()];
    prop::collection::vec(piece, 1..25).prop_map(|pieces| link(pieces.concat()))
}
