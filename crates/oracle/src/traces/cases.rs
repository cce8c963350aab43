//! Small programs, one for each thing that the verifier says of arithmetic and branches.
//!
//! A line is an instruction as the assembler takes it, or a slot that it does not (`! code dst src off imm`, the code in
//! hex). The lines of a program are separated by `;`.

use skep_isa::{Insn, asm};

use super::{Case, SCHED_CLS, SOCKET_FILTER, TEST_REG_INVARIANTS, XDP};

const VALUE: &str = "r1 = 0; *(u64 *)(r10 - 8) = r1; r2 = r10; r2 += -8; r1 = map[fd:1002]; call 1; if r0 != 0 goto +2; r0 = 0; exit; r6 = r0";
const VALUE_OR_NULL: &str =
    "r6 = r1; *(u64 *)(r10 - 8) = 0; r2 = r10; r2 += -8; r1 = map[fd:1002]; call 1; r7 = r0; r8 = r0";
const PACKET: &str = "r6 = *(u32 *)(r1 + 0); r7 = *(u32 *)(r1 + 4); r8 = *(u32 *)(r1 + 8)";

/// Name, what comes first (or nothing), the program. Each ends with `r0 = 0; exit`.
type Row = (&'static str, &'static str, &'static str);

/// With all capabilities.
const PRIVILEGED: &[Row] = &[
    ("neg-imm", "", "r0 = 1; ! 87 0 0 0 1"),
    ("neg-src", "", "r0 = 1; ! 87 0 1 0 0"),
    ("end-24", "", "r0 = 1; ! d4 0 0 0 24"),
    ("end-swap-x", "", "r0 = 1; ! df 0 0 0 16"),
    ("neg-pointer", "", "r1 = -r1"),
    ("end-pointer", "", "r1 = be16 r1"),
    (
        "end-64",
        "",
        "r2 = *(u8 *)(r1 + 8); r3 = r2; r3 = le64 r3; r3 = be64 r3; r2 = bswap32 r2; r2 = le16 r2",
    ),
    ("neg-copies", "", "r2 = *(u8 *)(r1 + 8); r3 = r2; r3 = -r3; w2 = -w2"),
    ("mov-imm-src", "", "! b7 0 1 0 0"),
    ("mov-off", "", "! bf 0 1 3 0"),
    ("mov32-off", "", "! bc 0 1 32 0"),
    ("mov-imm", "", "! bf 0 1 0 1"),
    ("cast-spaces", "", "! bf 0 1 1 3"),
    ("cast-no-arena", "", "! bf 0 1 1 1"),
    ("movsx-pointer", "", "r2 = (s8)r1; w3 = (s16)w1; w4 = w1"),
    (
        "movsx-copies",
        "",
        "r2 = *(u8 *)(r1 + 8); r3 = (s16)r2; r4 = (s8)r2; w5 = (s16)w2; w7 = w2; if r2 > 7 goto +0",
    ),
    ("alu-imm", "", "r0 = 1; ! 0f 0 1 0 5"),
    ("alu-src", "", "r0 = 1; ! 07 0 1 0 5"),
    ("alu-off", "", "r0 = 1; ! 0f 0 1 1 0"),
    ("alu-off-2", "", "r0 = 1; ! 37 0 0 2 5"),
    ("div-0", "", "r0 = 1; ! 37 0 0 0 0"),
    ("mod-0", "", "r0 = 1; ! 94 0 0 0 0"),
    ("sdiv-0", "", "r0 = 1; ! 37 0 0 1 0"),
    ("div", "", "r0 = 7; r2 = *(u8 *)(r1 + 8); r0 /= r2; r2 %= 3; r2 = 9; w2 s/= 2"),
    ("shift-64", "", "r0 = 1; ! 67 0 0 0 64"),
    ("shift-32", "", "r0 = 1; ! 64 0 0 0 32"),
    ("shift-minus", "", "r0 = 1; ! c7 0 0 0 -1"),
    ("shift-reg", "", "r2 = *(u8 *)(r1 + 8); r3 = 70; r2 <<= r3; r4 = 3; r4 <<= r2"),
    ("unread", "", "r0 += r2"),
    ("frame-pointer", "", "r10 += 1"),
    ("frame-pointer-mov", "", "r10 = r1"),
    ("register-11", "", "r0 = 1; ! 07 11 0 0 1"),
    ("pointer-32", "", "w1 += 1"),
    ("pointer-32-sub", "", "w1 -= 1; r2 = r1"),
    ("pointer-or-null", VALUE_OR_NULL, "r7 += 1"),
    ("pointer-and", "", "r1 &= 1"),
    ("pointer-or", "", "r2 = 1; r2 |= r1"),
    ("pointer-xor", "", "r1 ^= 1"),
    ("pointer-mul", "", "r1 *= 2"),
    ("pointer-shift", "", "r1 <<= 2"),
    ("pointer-mod", "", "r1 %= 2"),
    ("pointer-pointer", "", "r1 += r10"),
    ("pointer-minus-pointer", "", "r2 = r10; r2 -= r1; r3 = r2"),
    ("number-minus-pointer", "", "r2 = 1; r2 -= r1"),
    ("stack-minus", "", "r2 = r10; r2 -= 8"),
    ("map-plus-0", "", "r2 = map[fd:1001]; r2 += 0; r2 += 1"),
    ("far", "", "r1 += 0x20000000"),
    ("far-fixed", "", "r1 += 0x1fffffff; r1 += 0x1fffffff"),
    ("far-known", "", "r2 = 0x100000000 ll; r1 += r2"),
    ("unbounded", "", "r6 = r1; call 7; r6 += r0"),
    ("far-least", "", "r6 = r1; call 7; r0 s>>= 8; r6 += r0"),
    ("value-variable", VALUE, "call 7; w0 = w0; r6 += r0; r0 &= 7; r6 -= r0; if r6 == 0 goto +0"),
    ("number-plus-value", VALUE, "call 7; r0 &= 7; r0 += r6; r1 = *(u8 *)(r0 + 0)"),
    ("stack-in-callee", "", "call pc+2; r0 = 0; exit; r1 = -8; r1 += r10"),
    ("fork-and", "", "r2 = *(u32 *)(r1 + 8); r2 <<= 32; r2 s>>= 63; r2 &= 8"),
    ("fork-or", "", "call 7; w0 s>>= 31; w0 |= 3"),
    ("jmp-imm", "", "! 1d 1 1 0 5"),
    ("jmp-src", "", "! 15 1 1 0 5"),
    ("jmp-unread", "", "if r2 > 1 goto +0"),
    ("may-goto-imm", "", "! e5 0 0 1 5; r0 = 0"),
    ("may-goto-32", "", "! e6 0 0 1 0; r0 = 0"),
    ("may-goto", "", "r2 = *(u8 *)(r1 + 8); ! e5 0 0 2 0; r2 += 1; ! 05 0 0 -3 0; r2 = 0"),
    ("null", VALUE_OR_NULL, "if r7 == 0 goto +1; r1 = *(u8 *)(r8 + 0); r2 = r8"),
    ("null-32", VALUE_OR_NULL, "if w7 == 0 goto +1; r1 = *(u8 *)(r8 + 0)"),
    (
        "null-reference",
        "",
        "r1 = map[fd:1003]; r2 = 8; r3 = 0; call 131; if r0 == 0 goto +3; r1 = r0; r2 = 0; call 132",
    ),
    ("null-reference-leak", "", "r1 = map[fd:1003]; r2 = 8; r3 = 0; call 131; if r0 != 0 goto +0"),
    ("equal-to-stack", VALUE_OR_NULL, "if r7 == r10 goto +2; r0 = 0; exit; r1 = *(u8 *)(r7 + 0)"),
    ("not-equal-to-stack", VALUE_OR_NULL, "if r7 != r10 goto +1; r1 = *(u8 *)(r7 + 0)"),
    ("map-is-not-null", "", "r2 = map[fd:1001]; if r2 == 0 goto +0; if w2 != 0 goto +0"),
    ("itself", "", "call 7; if r0 > r0 goto +0; if w0 s<= w0 goto +0; if r0 & r0 goto +0"),
    (
        "copies",
        "",
        "call 7; r6 = r0; r7 = r0; r7 += 4; w8 = w0; if r0 > 100 goto +4; r6 += 0; r7 += 0; w8 += 1; if w8 > 5 goto +0",
    ),
    (
        "sums",
        "",
        "r6 = *(u8 *)(r1 + 8); r7 = r6; r8 = r6; w7 += 4; w8 -= 4; if r6 > 10 goto +3; r0 = r7; r0 = r8; if w7 < 6 goto +0",
    ),
    ("sum-of-sum", "", "call 7; r6 = r0; r6 += 1; r6 += 1; r7 = r0; r7 += 1; r8 = r7; if r0 < 9 goto +0"),
    (
        "too-many-copies",
        "",
        "call 7; r1 = r0; r2 = r0; r3 = r0; r4 = r0; r5 = r0; r6 = r0; r7 = r0; if r7 > 5 goto +1; r0 = r6; r0 = r1; r0 = r2; r0 = r3; r0 = r4; r0 = r5",
    ),
];

/// XDP, with all capabilities; behind `PACKET`: R6 is the packet, R7 its end, R8 its metadata.
const PACKETS: &[(&str, &str)] = &[
    ("gt", "r2 = r6; r2 += 8; if r2 > r7 goto +1; r3 = *(u64 *)(r6 + 0)"),
    ("gt-flipped", "r2 = r6; r2 += 8; if r7 > r2 goto +2; r0 = 0; exit; r3 = *(u64 *)(r6 + 1)"),
    ("ge", "r2 = r6; r2 += 8; if r2 >= r7 goto +1; r3 = *(u64 *)(r6 + 1)"),
    ("lt", "r2 = r6; r2 += 8; if r2 < r7 goto +2; r0 = 0; exit; r3 = *(u8 *)(r6 + 9)"),
    ("le", "r2 = r6; r2 += 8; if r2 <= r7 goto +2; r0 = 0; exit; r3 = *(u64 *)(r6 + 0)"),
    ("le-flipped", "r2 = r6; r2 += 8; if r7 <= r2 goto +1; r3 = *(u64 *)(r6 + 0)"),
    ("narrow", "r2 = r6; r2 += 8; if w2 > w7 goto +1; r3 = *(u64 *)(r6 + 0)"),
    ("equal", "r2 = r6; r2 += 8; if r2 == r7 goto +1; r3 = *(u64 *)(r6 + 0)"),
    (
        "twice",
        "r2 = r6; r2 += 8; if r2 > r7 goto +1; r3 = *(u64 *)(r6 + 0); if r2 >= r7 goto +0; if r7 >= r2 goto +0",
    ),
    ("metadata", "r2 = r8; r2 += 4; if r2 > r6 goto +1; r3 = *(u32 *)(r8 + 0)"),
    ("metadata-moved", "r2 = r8; r2 += 4; r3 = r6; r3 += 1; if r2 > r3 goto +1; r3 = *(u32 *)(r8 + 0)"),
    (
        "variable",
        "r2 = *(u32 *)(r1 + 12); r2 &= 15; r3 = r6; r3 += r2; r4 = r3; r4 += 8; if r4 > r7 goto +1; r5 = *(u64 *)(r3 + 0)",
    ),
    (
        "variable-far",
        "r2 = *(u32 *)(r1 + 12); r3 = r6; r3 += r2; r4 = r3; r4 += 8; if r4 > r7 goto +1; r5 = *(u64 *)(r3 + 0)",
    ),
    ("before", "r2 = r6; r2 += -8; if r2 > r7 goto +1; r3 = *(u64 *)(r6 + 0)"),
    ("end-plus", "r7 += 1"),
    ("end-of-end", "if r7 > r7 goto +0; if r6 > r6 goto +0; if r8 > r7 goto +0"),
    ("subtract", "r2 = *(u32 *)(r1 + 12); r2 &= 3; r3 = r6; r3 += 8; if r3 > r7 goto +2; r3 -= r2; r4 = r3"),
    ("difference", "r2 = r7; r2 -= r6; if r2 < 20 goto +0"),
];

/// Without `CAP_PERFMON`.
const UNPRIVILEGED: &[Row] = &[
    ("neg", "", "r1 = -r1"),
    ("end", "", "r1 = be16 r1"),
    ("movsx", "", "r2 = (s8)r1"),
    ("mov32", "", "w2 = w1"),
    ("minus", "", "r2 = r10; r2 -= r1"),
    ("minus-32", "", "w1 -= 1"),
    ("compare", "", "if r1 == 5 goto +0"),
    ("compare-null", "", "if r1 == 0 goto +0"),
    ("compare-registers", "", "if r1 == r10 goto +0"),
    ("compare-number", "", "r2 = 5; if r2 == r1 goto +0"),
    ("bounds", VALUE, "call 7; r1 = r0; r1 s>>= 40; r6 += r1"),
    ("bounds-flipped", VALUE, "call 7; r1 = r0; r1 s>>= 40; r1 += r6"),
    ("type", "", "r2 = 8; r1 += r2"),
    ("type-flipped", "", "r2 = 8; r2 += r1"),
    ("paths", VALUE, "call 7; r1 = 1; if r0 > 9 goto +1; r1 = 2; r6 += r1; r6 -= r1; r2 = *(u8 *)(r6 + 0)"),
    ("paths-of-numbers", VALUE, "call 7; r1 = r6; r2 = 1; if r0 > 9 goto +1; r1 = 3; r1 += r2"),
    ("masked", VALUE, "call 7; r0 &= 15; r6 += r0; r1 = *(u8 *)(r6 + 0)"),
    ("masked-flipped", VALUE, "call 7; r0 &= 15; r0 += r6; r1 = *(u8 *)(r0 + 0)"),
    ("masked-left", VALUE, "call 7; r0 &= 15; r6 += 20; r6 -= r0; r1 = *(u8 *)(r6 + 0)"),
    ("beyond", VALUE, "call 7; r0 &= 63; r6 += r0"),
    ("below", VALUE, "r6 += -1"),
    ("above", VALUE, "r6 += 48"),
    ("stack", "", "r2 = r10; r2 += -520"),
    ("stack-up", "", "r2 = r10; r2 += 8"),
    ("stack-variable", "", "r2 = *(u32 *)(r1 + 0); r2 &= 7; r3 = r10; r3 += -16; r3 += r2"),
    ("stack-masked", "", "r2 = -16; r3 = r10; r3 += r2; *(u64 *)(r3 + 0) = 0"),
    ("one-way", "", "r2 = *(u32 *)(r1 + 0); r2 &= 7; if r2 > 8 goto +1; r0 = 1"),
    ("other-way", "", "r2 = *(u32 *)(r1 + 0); r2 &= 7; r3 = 9; if r2 < r3 goto +1; r0 = *(u8 *)(r2 + 0)"),
];

/// Branches that are never taken, which the kernel does not see, and what is known there contradicts itself. With and without
/// the flag that makes this an error.
const INVARIANTS: &[(&str, &str)] = &[
    ("low", "call 7; r1 = 0xffffffff0000000c ll; r0 &= r1; if w0 < 5 goto +2; if w0 > 7 goto +1; r2 = r0"),
    ("wide", "call 7; r0 &= 12; if r0 < 5 goto +2; if r0 > 7 goto +1; r2 = r0"),
    ("itself", "r0 = *(u8 *)(r1 + 8); r0 &= 1; r0 |= 128; if w0 >= w0 goto +1; r2 = r0"),
    ("known", "call 7; w0 &= 7; r0 += 8; if w0 s< 9 goto +2; if w0 != 8 goto +1; r2 = r0"),
];

fn insns(text: &str) -> Vec<Insn> {
    let lines = text.split(';').map(str::trim).filter(|line| !line.is_empty());
    lines.flat_map(line).collect()
}

fn line(line: &str) -> Vec<Insn> {
    let Some(slot) = line.strip_prefix('!') else {
        return asm::assemble(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    };
    let mut words = slot.split_whitespace();
    let code = words.next().and_then(|code| u8::from_str_radix(code, 16).ok());
    let mut number = || words.next().and_then(|word| word.parse::<i32>().ok()).expect("a number");
    vec![Insn::new(code.expect("a code"), number() as u8, number() as u8, number() as i16, number())]
}

fn case(group: &str, name: &str, prog_type: u32, unprivileged: bool, text: &str) -> Case {
    let insns = insns(&format!("{text}; r0 = 0; exit"));
    Case { name: format!("{group}-{name}"), prog_type, unprivileged, flags: 0, insns }
}

/// All of them.
pub fn all() -> Vec<Case> {
    let privileged = PRIVILEGED
        .iter()
        .map(|(name, first, rest)| case("all", name, SOCKET_FILTER, false, &format!("{first}; {rest}")));
    let packets =
        PACKETS.iter().map(|(name, rest)| case("packet", name, XDP, false, &format!("{PACKET}; {rest}")));
    let unprivileged = UNPRIVILEGED
        .iter()
        .map(|(name, first, rest)| case("bpf", name, SCHED_CLS, true, &format!("{first}; {rest}")));
    let invariants = INVARIANTS.iter().flat_map(|(name, text)| {
        let without = case("invariants", name, SOCKET_FILTER, false, text);
        let with = case("strict-invariants", name, SOCKET_FILTER, false, text);
        [without, Case { flags: TEST_REG_INVARIANTS, ..with }]
    });
    privileged.chain(packets).chain(unprivileged).chain(invariants).collect()
}
