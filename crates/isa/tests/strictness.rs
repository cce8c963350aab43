//! What decodes against what a real kernel takes for an instruction (`fixtures/oracle/strictness.txt`).

use expect_test::expect;
use skep_isa::{Error, Insn, Op, Operand, decode};

const RECORDING: &str = include_str!("../../../fixtures/oracle/strictness.txt");

fn insns(hex: &str) -> Vec<Insn> {
    let digits = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digits).collect();
    Insn::from_slice(&bytes).unwrap()
}

/// All slots of the recording with the kernel's answer, decoded with another instruction behind.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, Result<Op, Error>)> {
    let mut answer = "";
    RECORDING.lines().filter(|line| !line.starts_with('#')).filter_map(move |line| {
        if let Some(text) = line.strip_prefix("= ") {
            answer = text;
            return None;
        }
        let mut insns = insns(line);
        insns.push(Insn::new(0xb7, 0, 0, 0, 0));
        Some((answer, line, decode(&insns, 0)))
    })
}

/// Whether the verifier's message is about the slot alone, not about what is in the registers.
fn is_about_the_slot(message: &str) -> bool {
    let parts = [
        "unknown opcode",
        "uses reserved fields",
        " is invalid",
        "bpf_ld_imm64 insn",
        "invalid atomic",
        "invalid may_goto imm",
    ];
    parts.iter().any(|part| message.contains(part)) && !message.starts_with("fd_idx")
}

#[test]
fn every_refusal_of_a_slot_is_ours_too() {
    let mut seen = 0;
    for (answer, hex, ours) in rows().filter(|row| is_about_the_slot(row.0)) {
        match ours {
            Ok(op) => panic!("{hex}: the kernel says {answer}, and we take it for `{op}`"),
            Err(error) => assert_eq!(error.kernel_message(), answer, "{hex}: {error}"),
        }
        seen += 1;
    }
    assert!(seen > 4000, "{seen}");
}

/// But for `exit` with an offset, which RFC 9669 leaves no room for.
#[test]
fn all_that_the_kernel_takes_decodes() {
    let refused: Vec<String> = rows()
        .filter(|(answer, ..)| *answer == "ok")
        .filter_map(|(_, hex, ours)| Some(format!("{hex} {}\n", ours.err()?)))
        .collect();
    expect![[r#"
        9500010000000000 insn 0 (code 0x95): off is 1, which is reserved; it must be 0
        9500020000000000 insn 0 (code 0x95): off is 2, which is reserved; it must be 0
        9500080000000000 insn 0 (code 0x95): off is 8, which is reserved; it must be 0
        9500100000000000 insn 0 (code 0x95): off is 16, which is reserved; it must be 0
        9500200000000000 insn 0 (code 0x95): off is 32, which is reserved; it must be 0
        9500ffff00000000 insn 0 (code 0x95): off is -1, which is reserved; it must be 0
    "#]]
    .assert_eq(&refused.concat());
}

/// Where the kernel complains of registers' contents, the slot itself is good; in these few it looked at a target first
/// and would have come to the slot's fields next.
#[test]
fn other_complaints_are_no_matter_of_decoding() {
    let refused: Vec<String> = rows()
        .filter(|(answer, ..)| *answer != "ok" && !is_about_the_slot(answer))
        .filter_map(|(answer, hex, ours)| Some(format!("{hex} {answer} / {}\n", ours.err()?)))
        .collect();
    expect![[r#"
        18110100000000000000000000000000 fd 0 is not pointing to valid bpf_map / insn 0 (code 0x18): off is 1, which is reserved; it must be 0
        18210100000000000000000000000000 fd 0 is not pointing to valid bpf_map / insn 0 (code 0x18): off is 1, which is reserved; it must be 0
        18510100000000000000000000000000 fd_idx without fd_array is invalid / insn 0 (code 0x18): off is 1, which is reserved; it must be 0
        18610100000000000000000000000000 fd_idx without fd_array is invalid / insn 0 (code 0x18): off is 1, which is reserved; it must be 0
        8511000000000000 jump out of range from insn 6 to 8 / insn 0 (code 0x85): dst is 1, which is reserved; it must be 0
        18410000000000000000000001000000 jump out of range from insn 6 to 9 / insn 0 (code 0x18): the second slot of a map or function address holds an immediate; it must be 0
        18410100000000000000000000000000 jump out of range from insn 6 to 9 / insn 0 (code 0x18): off is 1, which is reserved; it must be 0
        06010000a0000000 jump out of range from insn 7 to 168 / insn 0 (code 0x06): dst is 1, which is reserved; it must be 0
        06010000a1000000 jump out of range from insn 7 to 169 / insn 0 (code 0x06): dst is 1, which is reserved; it must be 0
        06010000e0000000 jump out of range from insn 7 to 232 / insn 0 (code 0x06): dst is 1, which is reserved; it must be 0
        06010000e1000000 jump out of range from insn 7 to 233 / insn 0 (code 0x06): dst is 1, which is reserved; it must be 0
        06010000f0000000 jump out of range from insn 7 to 248 / insn 0 (code 0x06): dst is 1, which is reserved; it must be 0
        06010000f1000000 jump out of range from insn 7 to 249 / insn 0 (code 0x06): dst is 1, which is reserved; it must be 0
        0601000000010000 jump out of range from insn 7 to 264 / insn 0 (code 0x06): dst is 1, which is reserved; it must be 0
        0601000001010000 jump out of range from insn 7 to 265 / insn 0 (code 0x06): dst is 1, which is reserved; it must be 0
        0601000010010000 jump out of range from insn 7 to 280 / insn 0 (code 0x06): dst is 1, which is reserved; it must be 0
        0601000000000100 jump out of range from insn 7 to 65544 / insn 0 (code 0x06): dst is 1, which is reserved; it must be 0
        0601000051000000 jump out of range from insn 7 to 89 / insn 0 (code 0x06): dst is 1, which is reserved; it must be 0
        18310100000000000000000000000000 pseudo btf_id 0 in ldimm64 isn't KIND_VAR or KIND_FUNC / insn 0 (code 0x18): off is 1, which is reserved; it must be 0
    "#]].assert_eq(&refused.concat());
}

/// The rule that zero divisors and large shifts are the verifier's business, by example.
#[test]
fn division_by_a_zero_immediate_decodes() {
    let op = decode(&[Insn::new(0x37, 1, 0, 0, 0)], 0);
    assert!(matches!(op, Ok(Op::Alu { src: Operand::Imm(0), .. })), "{op:?}");
}
