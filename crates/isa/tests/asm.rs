//! What the assembler reads beside our own form, what it says to the rest, and that no text upsets it.

mod common;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use skep_isa::asm::assemble;
use skep_isa::{Insn, disassemble};

/// Assembles, and lists what came of it.
fn listed(text: &str) -> Vec<String> {
    let insns = assemble(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    disassemble(&insns).map(|line| line.to_string()).collect()
}

/// Left: as others write it. Right: as we do.
#[test]
fn forms() {
    let forms = [
        // The kernel's verifier log (kernel/bpf/disasm.c).
        ("0: (b7) r0 = 7", "r0 = 0x7"),
        ("12: (bf) r6 = r1                      ; R1=ctx() R6_w=ctx()", "r6 = r1"),
        ("(b7) r0 = 7", "!"),
        ("3: (15) if r1 == 0x0 goto pc+2", "if r1 == 0x0 goto +0x2"),
        ("if r1 == 0xffffffff goto pc-3", "if r1 == -0x1 goto -0x3"),
        ("if w1 == 0xffffffff goto +3", "if w1 == -0x1 goto +0x3"),
        ("r1 = *(u32 *)(r1 +8)", "w1 = *(u32 *)(r1 + 0x8)"),
        ("*(u64 *)(r10 -8) = r1", "*(u64 *)(r10 - 0x8) = r1"),
        ("r0 = *(u16 *)skb[12]", "r0 = *(u16 *)skb[0xc]"),
        ("r0 = *(u8 *)skb[r7 + -4]", "r0 = *(u8 *)skb[r7 - 0x4]"),
        ("r0 = *(u8 *)skb[r7 + 0]", "r0 = *(u8 *)skb[r7]"),
        ("lock *(u64 *)(r1 +0) += r2", "lock *(u64 *)(r1 + 0x0) += r2"),
        ("r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)", "r2 = atomic_fetch_add((u64 *)(r1 + 0x0), r2)"),
        ("r2 = atomic_fetch_or((u32 *)(r1 +0), r2)", "w2 = atomic_fetch_or((u32 *)(r1 + 0x0), w2)"),
        ("r2 = atomic64_xchg((u64 *)(r1 +0), r2)", "r2 = xchg_64(r1 + 0x0, r2)"),
        ("r2 = atomic_xchg((u32 *)(r1 +0), r2)", "w2 = xchg32_32(r1 + 0x0, w2)"),
        ("r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)", "r0 = cmpxchg_64(r1 + 0x0, r0, r2)"),
        ("r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r2)", "w0 = cmpxchg32_32(r1 + 0x0, w0, w2)"),
        ("r2 = load_acquire((u32 *)(r1 +4))", "w2 = load_acquire((u32 *)(r1 + 0x4))"),
        ("store_release((u8 *)(r1 +4), r2)", "store_release((u8 *)(r1 + 0x4), w2)"),
        ("r1 = addr_space_cast(r2, 0, 1)", "r1 = addr_space_cast(r2, 0x0, 0x1)"),
        ("gotol pc-70000", "gotol -0x11170"),
        ("may_goto pc+5", "may_goto +0x5"),
        ("call bpf_map_lookup_elem#1", "call 0x1"),
        ("call unknown#195896080", "call 0xbad2310"),
        ("call pc+5", "call pc+5"),
        ("call kernel-function#42", "call kernel-function#42"),
        ("call kfunc#42 fd_array[3]", "call kernel-function#42 fd_array[3]"),
        ("18: (95) exit", "exit"),
        // bpftool's.
        ("r1 = map[fd:5]", "r1 = map[fd:5] ll"),
        ("r1 = map[fd:5][0]+16", "r1 = map[fd:5][0]+16 ll"),
        ("r1 = map[idx:0][0] ll", "r1 = map[idx:0][0]+0 ll"),
        ("r1 = subprog[+3]", "r1 = subprog[+3] ll"),
        ("r1 = btf[id:7]", "r1 = btf[id:7,fd:0] ll"),
        // llvm-objdump's.
        ("       5:\t05 00 03 00 00 00 00 00\tgoto +0x3 <LBB0_2>", "goto +0x3"),
        ("       0:\t18 01 00 00 ff 00 00 00 00 00 00 00 00 00 00 00\tr1 = 0xff ll", "r1 = 0xff ll"),
        ("if r1 > 0x5 goto -0x3 <f(int)+0x168>", "if r1 > 0x5 goto -0x3"),
        ("ld_pseudo\tr1, 0x1, 0x5", "r1 = map[fd:5] ll"),
        ("ld_pseudo r1, 2, 0x1000000003", "r1 = map[fd:3][0]+16 ll"),
        ("w1 = *(u8 *)(r2 + 0x0)", "w1 = *(u8 *)(r2 + 0x0)"),
        // Space and comments.
        ("  r0=1//x", "r0 = 0x1"),
        ("r0 = 1 # x", "r0 = 0x1"),
        ("r0 = /* not r2 */ r1", "r0 = r1"),
        ("r0 = 1 /* open", "r0 = 0x1"),
        ("*(u32*)(r1+4)=w2", "*(u32 *)(r1 + 0x4) = w2"),
        ("r1 s>>= 3", "r1 s>>= 0x3"),
        ("if r1 s> -1 goto +1", "if r1 s> -0x1 goto +0x1"),
        ("r1 = -r1", "r1 = -r1"),
        ("r1 = - 5", "r1 = -0x5"),
        ("w1 = 4294967295", "w1 = -0x1"),
        ("r1 = 0xffffffffffffffff ll", "r1 = -0x1 ll"),
    ];
    for (theirs, ours) in forms {
        match ours {
            "!" => assert!(assemble(theirs).is_err(), "{theirs}"),
            _ => assert_eq!(listed(theirs), [ours], "{theirs}"),
        }
    }
}

#[test]
fn a_listing_of_objdump() {
    let text = "
0000000000000000 <entry>:
       0:\tb7 00 00 00 00 00 00 00\tr0 = 0x0
       1:\t55 01 01 00 00 00 00 00\tif r1 != 0x0 goto +0x1 <LBB0_2>
       2:\t95 00 00 00 00 00 00 00\texit

0000000000000018 <LBB0_2>:
       3:\t18 02 00 00 01 00 00 00 00 00 00 00 02 00 00 00\tr2 = 0x200000001 ll
       5:\t05 00 fb ff 00 00 00 00\tgoto entry
";
    assert_eq!(
        listed(text),
        ["r0 = 0x0", "if r1 != 0x0 goto +0x1", "exit", "r2 = 0x200000001 ll", "goto -0x6"]
    );
}

#[test]
fn labels() {
    let text = "
main: r1 = callback ll      ; the address of a function
    call sub
    r2 = subprog[callback]
    goto out
back:
    exit
sub: callback:
    r0 = 0
    exit
out:
    if r0 == 0 goto back
    gotol main
    may_goto out
    exit
";
    let expected = [
        "r1 = subprog[+6] ll",
        "call pc+4",
        "r2 = subprog[+3] ll",
        "goto +0x3",
        "exit",
        "r0 = 0x0",
        "exit",
        "if r0 == 0x0 goto -0x4",
        "gotol -0xb",
        "may_goto -0x3",
        "exit",
    ];
    assert_eq!(listed(text), expected);
}

#[test]
fn raw_slots() {
    let insns = assemble(".hex b7000000 07000000 9500000000000000\n.hex ff ff ff ff ff ff ff ff").unwrap();
    assert_eq!(insns[..2], assemble("r0 = 7\nexit").unwrap());
    assert_eq!(insns[2], Insn::new(0xff, 15, 15, -1, -1));
}

fn check(texts: &[&str], expected: &Expect) {
    let errors: String = texts
        .iter()
        .map(|text| match assemble(text) {
            Ok(insns) => panic!("{text} assembles to {insns:x?}"),
            Err(error) => format!("{text}\n    {error}\n"),
        })
        .collect();
    expected.assert_eq(&errors);
}

#[test]
fn errors_of_words() {
    let texts = [
        "mov r0, 1",
        "r0",
        "r0 =",
        "r0 = r11",
        "r11 = 1",
        "r01 = 1",
        "r0 += w1",
        "w0 += r1",
        "r0 = foo",
        "r0 ~ 1",
        "r0 = (u8)r1",
        "w0 = (s32)w1",
        "r0 = be16 r1",
        "w0 = be16 w0",
        "r0 = -r1",
        "r0 = 1 2",
        "exit now",
        "callx r3",
        "call",
        "call #5",
        "r0 = 1; exit",
        ".hex b7",
        ".hex zz",
        ".byte 1",
    ];
    check(
        &texts,
        &expect![[r#"
            mov r0, 1
                line 1, column 1: expected an instruction (`r0 = 1`, `if r1 > 2 goto +3`, `call 5`, `exit`, ...), found `mov`
            r0
                line 1, column 3: expected an operator (=, +=, -=, *=, /=, s/=, %=, s%=, |=, &=, ^=, <<=, >>=, s>>=), found the end of the line
            r0 =
                line 1, column 5: expected a register, a number or `*(...)`, found the end of the line
            r0 = r11
                line 1, column 6: there is no register `r11`; they are r0 to r10, and w0 to w10 for their low halves
            r11 = 1
                line 1, column 1: there is no register `r11`; they are r0 to r10, and w0 to w10 for their low halves
            r01 = 1
                line 1, column 1: there is no register `r01`; they are r0 to r10, and w0 to w10 for their low halves
            r0 += w1
                line 1, column 7: `w1` is the 32-bit half of a register; this takes `r1`
            w0 += r1
                line 1, column 7: `r1` is 64 bits wide; this takes `w1`
            r0 = foo
                line 1, column 6: `foo` is no register, number or function; the address of a function is written `foo ll`
            r0 ~ 1
                line 1, column 4: expected an operator (=, +=, -=, *=, /=, s/=, %=, s%=, |=, &=, ^=, <<=, >>=, s>>=), found `~`
            r0 = (u8)r1
                line 1, column 6: expected (s8), (s16) or (s32), found `(`
            w0 = (s32)w1
                line 1, column 6: `(s32)` extends to 64 bits; use `r` registers
            r0 = be16 r1
                line 1, column 11: this works in place: both registers must be the same
            w0 = be16 w0
                line 1, column 1: this gives 64 bits; use the `r` register
            r0 = -r1
                line 1, column 7: this works in place: both registers must be the same
            r0 = 1 2
                line 1, column 8: `2` is too much after the instruction
            exit now
                line 1, column 6: `now` is too much after the instruction
            callx r3
                line 1, column 1: the kernel has no indirect calls; use `call` with a label or a helper number
            call
                line 1, column 5: expected a helper number or a label, found the end of the line
            call #5
                line 1, column 6: expected a helper number or a label, found `#`
            r0 = 1; exit
                line 1, column 7: `;` starts a comment; put each instruction on a line of its own
            .hex b7
                line 1, column 6: a slot is 8 bytes, 16 hex digits
            .hex zz
                line 1, column 6: expected bytes in hex, found `zz`
            .byte 1
                line 1, column 1: expected an instruction (`r0 = 1`, `if r1 > 2 goto +3`, `call 5`, `exit`, ...), found `.byte`
        "#]],
    );
}

#[test]
fn errors_of_numbers() {
    let texts = [
        "r0 = 0x80000000",
        "r0 = 4294967296",
        "r0 = -2147483649",
        "w0 = 4294967296",
        "r0 = 99999999999999999999",
        "r0 = 0xg",
        "r0 = 0x",
        "r0 = 0x+1",
        "r0 = 18446744073709551616 ll",
        "r0 = -9223372036854775809 ll",
        "w0 = 1 ll",
        "r0 = *(u8 *)(r1 + 32768)",
        "r0 = *(u8 *)(r1 - 32769)",
        "goto +32768",
        "if r1 == 1 goto -32769",
        "gotol +2147483648",
        "if r1 == 0xffffffff goto +1",
        "if r1 == 4294967295 goto pc+1",
        "r1 = map[fd:3][1]+0",
        "r1 = map[id:3]",
        "r1 = addr_space_cast(r2, 65536, 0)",
        "ld_pseudo r1, 7, 0",
        "ld_pseudo r1, 1, 0x100000000",
        "call kfunc#1 fd_array[40000]",
    ];
    check(
        &texts,
        &expect![[r#"
            r0 = 0x80000000
                line 1, column 6: 0x80000000 would be sign-extended to 0xffffffff80000000; write it as a negative number if that is meant, or load it with `ll`
            r0 = 4294967296
                line 1, column 6: 4294967296 does not fit an immediate of 32 bits
            r0 = -2147483649
                line 1, column 6: -2147483649 does not fit an immediate of 32 bits
            w0 = 4294967296
                line 1, column 6: 4294967296 does not fit an immediate of 32 bits
            r0 = 99999999999999999999
                line 1, column 6: `99999999999999999999` is not a number of up to 64 bits
            r0 = 0xg
                line 1, column 6: `0xg` is not a number of up to 64 bits
            r0 = 0x
                line 1, column 6: `0x` is not a number of up to 64 bits
            r0 = 0x+1
                line 1, column 6: `0x` is not a number of up to 64 bits
            r0 = 18446744073709551616 ll
                line 1, column 6: `18446744073709551616` is not a number of up to 64 bits
            r0 = -9223372036854775809 ll
                line 1, column 6: -9223372036854775809 does not fit 64 bits
            w0 = 1 ll
                line 1, column 1: this gives 64 bits; use the `r` register
            r0 = *(u8 *)(r1 + 32768)
                line 1, column 17: 32768 does not fit an address offset of 16 bits
            r0 = *(u8 *)(r1 - 32769)
                line 1, column 17: -32769 does not fit an address offset of 16 bits
            goto +32768
                line 1, column 6: 32768 is further than `goto` reaches; `gotol` has 32 bits
            if r1 == 1 goto -32769
                line 1, column 17: -32769 is further than the 16 bits of a branch reach
            gotol +2147483648
                line 1, column 7: 2147483648 is further than `gotol` reaches
            if r1 == 0xffffffff goto +1
                line 1, column 10: 0xffffffff would be sign-extended to 0xffffffffffffffff; write it as a negative number if that is meant, or load it with `ll`
            if r1 == 4294967295 goto pc+1
                line 1, column 10: 0xffffffff would be sign-extended to 0xffffffffffffffff; write it as a negative number if that is meant, or load it with `ll`
            r1 = map[fd:3][1]+0
                line 1, column 17: the address of a value is that of the first one: `map[..][0]+offset`
            r1 = map[id:3]
                line 1, column 10: expected `fd:` or `idx:`, found `id`
            r1 = addr_space_cast(r2, 65536, 0)
                line 1, column 26: 65536 does not fit an address space of 16 bits
            ld_pseudo r1, 7, 0
                line 1, column 15: src is 7, no kind of 64-bit immediate; it must be 0 to 6
            ld_pseudo r1, 1, 0x100000000
                line 1, column 15: the second slot of a map or function address holds an immediate; it must be 0
            call kfunc#1 fd_array[40000]
                line 1, column 23: 40000 does not fit an index of 16 bits
        "#]],
    );
}

#[test]
fn errors_of_memory() {
    let texts = [
        "r0 = *(u8 *)(w1 + 0)",
        "r0 = *(u24 *)(r1 + 0)",
        "r0 = *(s64 *)(r1 + 0)",
        "w0 = *(s8 *)(r1 + 0)",
        "w0 = *(u64 *)(r1 + 0)",
        "r0 = *(u8 *)(r1 * 8)",
        "r0 = *(u8 *)(r1 + r2)",
        "r0 = *(u8 *)r1",
        "*(s8 *)(r1 + 0) = 1",
        "*(u64 *)(r1 + 0) = w1",
        "*(u64 *)(r1 + 0) += r1",
        "*(u64 *)(r1 + 0) = 0xffffffff",
        "r1 = *(u8 *)skb[0]",
        "r0 = *(u64 *)skb[0]",
        "lock *(u8 *)(r1 + 0) += r2",
        "lock *(u64 *)(r1 + 0) -= r2",
        "r3 = atomic_fetch_add((u64 *)(r1 + 0), r2)",
        "r1 = cmpxchg_64(r1 + 0, r0, r2)",
        "r0 = cmpxchg_64(r1 + 0, r1, r2)",
        "w2 = atomic_fetch_add((u64 *)(r1 + 0), r2)",
        "r2 = atomic_fetch_add((u16 *)(r1 + 0), r2)",
        "r2 = load_acquire((s8 *)(r1 + 0))",
        "store_release((u64 *)(r1 + 0), w2)",
    ];
    check(
        &texts,
        &expect![[r#"
        r0 = *(u8 *)(w1 + 0)
            line 1, column 14: `w1` is the 32-bit half of a register; this takes `r1`
        r0 = *(u24 *)(r1 + 0)
            line 1, column 8: expected a type, u8 to u64 or s8 to s32, found `u24`
        r0 = *(s64 *)(r1 + 0)
            line 1, column 8: there is no s64; a u64 fills the register
        w0 = *(s8 *)(r1 + 0)
            line 1, column 1: this load fills 64 bits; use the `r` register
        w0 = *(u64 *)(r1 + 0)
            line 1, column 1: this load fills 64 bits; use the `r` register
        r0 = *(u8 *)(r1 * 8)
            line 1, column 17: expected `)`, found `*`
        r0 = *(u8 *)(r1 + r2)
            line 1, column 17: expected a number, found `+`
        r0 = *(u8 *)r1
            line 1, column 13: expected `(`, found `r1`
        *(s8 *)(r1 + 0) = 1
            line 1, column 3: stores have no sign; use u8 to u64
        *(u64 *)(r1 + 0) = w1
            line 1, column 20: `w1` is the 32-bit half of a register; this takes `r1`
        *(u64 *)(r1 + 0) += r1
            line 1, column 18: expected `=` (`lock` goes in front of the operations on memory), found `+`
        *(u64 *)(r1 + 0) = 0xffffffff
            line 1, column 20: 0xffffffff would be sign-extended to 0xffffffffffffffff; write it as a negative number if that is meant, or load it with `ll`
        r1 = *(u8 *)skb[0]
            line 1, column 1: packet loads go to r0, as u8, u16 or u32
        r0 = *(u64 *)skb[0]
            line 1, column 1: packet loads go to r0, as u8, u16 or u32
        lock *(u8 *)(r1 + 0) += r2
            line 1, column 8: this atomic operation takes u32 or u64
        lock *(u64 *)(r1 + 0) -= r2
            line 1, column 23: expected `+=`, `|=`, `&=` or `^=`, found `-`
        r3 = atomic_fetch_add((u64 *)(r1 + 0), r2)
            line 1, column 1: the old value goes to the operand's register; write `r2 = ...`
        r1 = cmpxchg_64(r1 + 0, r0, r2)
            line 1, column 1: compare-and-exchange puts the old value in r0 alone
        r0 = cmpxchg_64(r1 + 0, r1, r2)
            line 1, column 25: compare-and-exchange compares with r0 alone
        w2 = atomic_fetch_add((u64 *)(r1 + 0), r2)
            line 1, column 1: a `w` register holds no 8 bytes; use the `r` one
        r2 = atomic_fetch_add((u16 *)(r1 + 0), r2)
            line 1, column 24: this atomic operation takes u32 or u64
        r2 = load_acquire((s8 *)(r1 + 0))
            line 1, column 20: this atomic operation takes u8 to u64
        store_release((u64 *)(r1 + 0), w2)
            line 1, column 32: `w2` is the 32-bit half of a register; this takes `r2`
    "#]],
    );
}

#[test]
fn errors_of_labels() {
    let far = format!("if r0 == 0 goto end\n{}end: exit", "r0 = 0\n".repeat(40000));
    let far_goto = format!("goto end\n{}end: exit", "r0 = 0\n".repeat(40000));
    let messages = [&far, &far_goto].map(|text| assemble(text).unwrap_err().to_string() + "\n").concat();
    expect![[r#"
        line 1, column 17: the label is 40000 slots away, further than 16 bits reach; jump there by way of a `gotol`
        line 1, column 6: the label is 40000 slots away, further than 16 bits reach; use `gotol`
    "#]].assert_eq(&messages);
    let texts = [
        "goto nowhere",
        "a: exit\na: exit",
        "r1: exit",
        "goto",
        "goto 5",
        "goto +1 <x",
        "if r1 == 1",
        "if r1 = 1 goto +1",
        "if r1 == 1 goto",
        "if 1 == r1 goto +1",
    ];
    check(
        &texts,
        &expect![[r#"
        goto nowhere
            line 1, column 6: there is no label `nowhere`
        a: exit
        a: exit
            line 2, column 1: the label `a` is defined already, in line 1
        r1: exit
            line 1, column 1: `r1` is a register and cannot be a label
        goto
            line 1, column 5: expected a target: a label, or a distance with its sign such as `+3`, found the end of the line
        goto 5
            line 1, column 6: expected a target: a label, or a distance with its sign such as `+3`, found `5`
        goto +1 <x
            line 1, column 9: `<` is not closed
        if r1 == 1
            line 1, column 11: expected `goto`, found the end of the line
        if r1 = 1 goto +1
            line 1, column 7: expected a comparison (==, !=, >, >=, <, <=, s>, s>=, s<, s<=, &), found `=`
        if r1 == 1 goto
            line 1, column 16: expected a target: a label, or a distance with its sign such as `+3`, found the end of the line
        if 1 == r1 goto +1
            line 1, column 4: expected a register, r0 to r10 or w0 to w10, found `1`
    "#]],
    );
}

/// The column counts characters, not bytes.
#[test]
fn columns() {
    let error = assemble("exit\nr0 = /* äöü */ foo").unwrap_err();
    assert_eq!((error.line, error.column), (2, 16));
}

/// A long text takes no longer than it is long.
#[test]
fn a_million_lines() {
    let text = "a: r0 = 1\n".replace("a:", "").repeat(1_000_000);
    assert_eq!(assemble(&text).map(|insns| insns.len()), Ok(1_000_000));
    let nested = format!("r0 = {}", "(".repeat(1_000_000));
    assert!(assemble(&nested).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in ".*") {
        let _ = assemble(&text);
    }

    #[test]
    fn text_of_our_words(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..20), gap in " ?") {
        let _ = assemble(&words.join(&gap));
    }

    /// Good lines with a character gone, doubled or changed.
    #[test]
    fn broken_lines(op in common::op(), at in any::<prop::sample::Index>(), how in 0..3, other in any::<char>()) {
        let mut text: Vec<char> = op.to_string().chars().collect();
        let at = at.index(text.len());
        match how {
            0 => drop(text.remove(at)),
            1 => text.insert(at, text[at]),
            _ => text[at] = other,
        }
        let text: String = text.into_iter().collect();
        if let Err(error) = assemble(&text) {
            prop_assert!(error.line == 1 || text.contains('\n'));
            prop_assert!(error.column <= text.chars().count() + 1);
        }
    }
}

const WORDS: &[&str] = &[
    "r0",
    "w1",
    "r10",
    "r11",
    "=",
    "+=",
    "s>>=",
    "==",
    "s<",
    "(",
    ")",
    "*",
    "*(u32 *)",
    "*(u64 *)(r1 + 0)",
    "-",
    "+",
    "0",
    "1",
    "0x",
    "0xffffffff",
    "99999999999999999999999",
    "ll",
    "lock",
    "if",
    "goto",
    "gotol",
    "may_goto",
    "call",
    "exit",
    "pc",
    "#",
    ":",
    "a",
    "a:",
    "<",
    ">",
    "[",
    "]",
    "map",
    "fd",
    "skb",
    ",",
    "atomic_fetch_add",
    "xchg_64",
    "cmpxchg32_32",
    "load_acquire",
    "store_release",
    "addr_space_cast",
    "be16",
    "bswap",
    ".hex",
    "b7",
    "\n",
    ";",
    "//",
    "/*",
    "*/",
    "ä",
    "\u{2028}",
    "ld_pseudo",
    "kernel-function#",
    "subprog",
    "btf",
];
