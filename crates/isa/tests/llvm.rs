//! Text and bytes of every instruction against what LLVM 19 makes of them (`fixtures/insn/llvm-19.txt`).

use skep_isa::asm::assemble;
use skep_isa::{AtomicOp, Callee, Imm64, Insn, Op, PacketMode, decode, disassemble};

const RECORDING: &str = include_str!("../../../fixtures/insn/llvm-19.txt");

struct Row {
    insns: Vec<Insn>,
    /// `llvm-objdump -d`.
    listed: &'static str,
    /// `llvm-mc`, if LLVM reads its own listing as the same bytes.
    spelled: Option<&'static str>,
}

fn rows() -> impl Iterator<Item = Row> {
    RECORDING.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (hex, texts) = line.split_once('\t').unwrap();
        let (listed, spelled) = texts.rsplit_once('\t').unwrap();
        let digits = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digits).collect();
        let spelled = Some(spelled).filter(|text| *text != "-");
        Row { insns: Insn::from_slice(&bytes).unwrap(), listed, spelled }
    })
}

/// Instructions that LLVM 19 has no text for, or one that says something else.
fn beyond_llvm(op: &Op) -> bool {
    match op {
        Op::Atomic { op, .. } => matches!(op, AtomicOp::LoadAcquire | AtomicOp::StoreRelease),
        Op::LoadPacket { mode: PacketMode::Ind(_), imm, .. } => *imm != 0,
        Op::Call(callee) => !matches!(callee, Callee::Helper(_)),
        Op::LoadImm64 { value, .. } => !matches!(value, Imm64::Const(_)),
        _ => false,
    }
}

#[test]
fn our_text_is_objdumps() {
    let mut seen = 0;
    for Row { insns, listed, .. } in rows() {
        let op = decode(&insns, 0).unwrap();
        if !beyond_llvm(&op) {
            assert_eq!(op.to_string(), listed);
            seen += 1;
        }
    }
    assert!(seen > 900, "{seen}");
}

#[test]
fn their_text_assembles_to_their_bytes() {
    for Row { insns, listed, spelled } in rows() {
        for text in spelled.iter().chain(spelled.is_some().then_some(&listed)) {
            assert_eq!(assemble(text).as_ref(), Ok(&insns), "{text}");
        }
    }
}

/// What LLVM reads differently from how it lists it is known to be so, or too far for its assembler.
#[test]
fn nothing_else_is_skipped() {
    for Row { insns, listed, spelled } in rows() {
        let op = decode(&insns, 0).unwrap();
        let is_far = matches!(op, Op::JumpLong { off } if i16::try_from(off).is_err());
        assert!(spelled.is_some() || beyond_llvm(&op) || is_far, "{op}: {listed}");
    }
}

/// The whole corpus at once, as a listing with numbers and bytes.
#[test]
fn the_listing_assembles() {
    let all: Vec<Insn> = rows().flat_map(|row| row.insns).collect();
    let listing: String = disassemble(&all).map(|line| format!("{line:#}\n")).collect();
    assert_eq!(assemble(&listing), Ok(all));
}
