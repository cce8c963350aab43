//! What is encoded decodes, what decodes encodes to the same bits, what is printed assembles to the same slots.

mod common;

use expect_test::expect;
use proptest::prelude::*;
use skep_isa::asm::assemble;
use skep_isa::{Error, ErrorKind, Insn, decode, disassemble};

/// Any slot, with fields that are zero or small often enough for many to decode.
fn slot() -> impl Strategy<Value = Insn> {
    let small = prop_oneof![3 => Just(0u8), 3 => 0u8..11, 1 => 0u8..16];
    let off = prop_oneof![2 => Just(0), 1 => Just(1), 2 => common::off()];
    let imm = prop_oneof![2 => Just(0), 2 => common::imm(), 1 => 0i32..0x120];
    (any::<u8>(), small.clone(), small, off, imm).prop_map(|(code, dst, src, off, imm)| Insn {
        code,
        dst,
        src,
        off,
        imm,
    })
}

fn listing(insns: &[Insn]) -> String {
    disassemble(insns).map(|line| format!("{line}\n")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn encode_then_decode(op in common::op()) {
        let mut insns = Vec::new();
        op.encode_into(&mut insns);
        prop_assert_eq!(insns.len(), op.slots());
        prop_assert_eq!(decode(&insns, 0), Ok(op));
        prop_assert_eq!(Insn::from_slice(&Insn::to_vec(&insns)), Ok(insns));
    }

    #[test]
    fn decode_then_encode(first in slot(), second in slot()) {
        let insns = [first, second];
        if let Ok(op) = decode(&insns, 0) {
            let (a, b) = op.encode();
            prop_assert_eq!(a, first);
            prop_assert_eq!(b, (op.slots() == 2).then_some(second));
        }
    }

    #[test]
    fn print_then_assemble(op in common::op()) {
        let text = op.to_string();
        let (first, second) = op.encode();
        let insns: Vec<Insn> = [Some(first), second].into_iter().flatten().collect();
        prop_assert_eq!(assemble(&text), Ok(insns), "{}", text);
    }

    #[test]
    fn list_then_assemble(insns in proptest::collection::vec(slot(), 0..40)) {
        let text = listing(&insns);
        prop_assert_eq!(assemble(&text), Ok(insns), "{}", text);
    }

    /// The form with slot numbers and bytes in front reads back too.
    #[test]
    fn list_with_bytes_then_assemble(ops in proptest::collection::vec(common::op(), 0..20)) {
        let mut insns = Vec::new();
        ops.iter().for_each(|op| op.encode_into(&mut insns));
        let text: String = disassemble(&insns).map(|line| format!("{line:#}\n")).collect();
        prop_assert_eq!(assemble(&text), Ok(insns), "{}", text);
    }
}

/// The opcodes that mean something, whatever their fields; all others are refused as unknown.
#[test]
fn every_opcode() {
    let unknown = |code: u8| {
        let insn = Insn { code, ..Insn::default() };
        matches!(decode(&[insn, Insn::default()], 0), Err(Error { kind: ErrorKind::UnknownOpcode, .. }))
    };
    let row = |high: u8| {
        let cell = |low: u8| if unknown(high << 4 | low) { ".." } else { "##" };
        (0..16).map(cell).collect::<Vec<_>>().join(" ")
    };
    let map: String = (0..16).map(|high| format!("{high:x}0 {}\n", row(high))).collect();
    expect![[r#"
        00 .. .. .. .. ## ## ## ## .. .. .. .. ## .. .. ##
        10 .. .. .. .. ## ## ## ## ## .. .. .. ## ## ## ##
        20 ## .. .. .. ## ## ## ## ## .. .. .. ## ## ## ##
        30 ## .. .. .. ## ## ## ## .. .. .. .. ## ## ## ##
        40 ## .. .. .. ## ## ## ## ## .. .. .. ## ## ## ##
        50 ## .. .. .. ## ## ## ## .. .. .. .. ## ## ## ##
        60 .. ## ## ## ## ## ## ## .. ## ## ## ## ## ## ##
        70 .. ## ## ## ## ## ## ## .. ## ## ## ## ## ## ##
        80 .. ## .. .. ## ## .. ## .. ## .. .. .. .. .. ..
        90 .. ## .. .. ## ## .. ## .. .. .. .. ## .. .. ##
        a0 .. .. .. .. ## ## ## ## .. .. .. .. ## ## ## ##
        b0 .. .. .. .. ## ## ## ## .. .. .. .. ## ## ## ##
        c0 .. .. .. ## ## ## ## ## .. .. .. ## ## ## ## ##
        d0 .. .. .. ## ## ## ## ## .. .. .. ## ## ## ## ..
        e0 .. .. .. .. .. ## .. .. .. .. .. .. .. .. .. ..
        f0 .. .. .. .. .. .. .. .. .. .. .. .. .. .. .. ..
    "#]]
    .assert_eq(&map);
}
