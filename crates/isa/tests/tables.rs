//! What the tables say beside encoding and meaning.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use skep_isa::asm::assemble;
use skep_isa::{
    AluForm, AluOp, AtomicOp, Callee, End, Insn, IsaVersion, JmpOp, Op, Reg, SLOT_BYTES, Size, Width, decode,
};

/// The instruction of a line.
fn op(text: &str) -> Op {
    let insns = assemble(text).unwrap_or_else(|error| panic!("{error}"));
    decode(&insns, 0).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn versions() {
    let versions = [
        ("r0 = 1", IsaVersion::V1),
        ("r0 = 1 ll", IsaVersion::V1),
        ("r0 s>>= r1", IsaVersion::V1),
        ("r0 = le16 r0", IsaVersion::V1),
        ("r0 = *(u8 *)skb[0]", IsaVersion::V1),
        ("r0 = *(u32 *)(r1 + 0)", IsaVersion::V1),
        ("*(u64 *)(r1 + 0) = 1", IsaVersion::V1),
        ("lock *(u32 *)(r1 + 0) += r2", IsaVersion::V1),
        ("if r0 s>= 1 goto +1", IsaVersion::V1),
        ("goto +1", IsaVersion::V1),
        ("call 1", IsaVersion::V1),
        ("exit", IsaVersion::V1),
        ("if r0 < 1 goto +1", IsaVersion::V2),
        ("if r0 s<= r1 goto +1", IsaVersion::V2),
        ("w0 = 1", IsaVersion::V3),
        ("if w0 == 1 goto +1", IsaVersion::V3),
        ("lock *(u64 *)(r1 + 0) |= r2", IsaVersion::V3),
        ("r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)", IsaVersion::V3),
        ("r0 = cmpxchg_64(r1 + 0, r0, r2)", IsaVersion::V3),
        ("r0 = addr_space_cast(r0, 0, 1)", IsaVersion::V3),
        ("r0 s/= r1", IsaVersion::V4),
        ("w0 s%= w1", IsaVersion::V4),
        ("r0 = (s8)r1", IsaVersion::V4),
        ("r0 = bswap16 r0", IsaVersion::V4),
        ("r0 = *(s32 *)(r1 + 0)", IsaVersion::V4),
        ("gotol +1", IsaVersion::V4),
        ("may_goto +1", IsaVersion::V4),
        ("r0 = load_acquire((u64 *)(r1 + 0))", IsaVersion::V4),
        ("store_release((u64 *)(r1 + 0), r2)", IsaVersion::V4),
    ];
    for (text, version) in versions {
        assert_eq!(op(text).isa_version(), version, "{text}");
    }
    assert_eq!(IsaVersion::V3.to_string(), "v3");
}

#[test]
fn where_control_goes() {
    let rows = [
        ("goto -3", Some(-3), true),
        ("gotol +100000", Some(100_000), true),
        ("if r0 == 0 goto +7", Some(7), false),
        ("may_goto +2", Some(2), false),
        ("call 1", None, false),
        ("exit", None, true),
        ("r0 = 0 ll", None, false),
    ];
    for (text, offset, ends) in rows {
        let op = op(text);
        assert_eq!((op.jump_offset(), op.ends_block()), (offset, ends), "{text}");
        assert_eq!(op.slots(), if text.ends_with("ll") { 2 } else { 1 });
    }
}

#[test]
fn registers() {
    for (number, reg) in (0u8..).zip(Reg::ALL) {
        assert_eq!((Reg::new(number), reg.number(), reg.index()), (Some(reg), number, number.into()));
        assert_eq!(reg.to_string(), format!("r{number}"));
    }
    assert_eq!((Reg::new(11), Reg::new(255), Reg::FP), (None, None, Reg::R10));
}

#[test]
fn sizes() {
    for (size, bytes) in Size::ALL.into_iter().zip([1usize, 2, 4, 8]) {
        assert_eq!((size.bytes(), size.bits()), (bytes, 8 * bytes as u32));
        assert_eq!(Size::from_bytes(bytes), Some(size));
        assert_eq!(size.truncate(u64::MAX), u64::MAX >> (64 - 8 * bytes));
        assert_eq!(size.sign_extend(1 << (8 * bytes - 1)) as i64, -1 << (8 * bytes - 1));
        assert_eq!(size.sign_extend(1), 1);
    }
    assert_eq!([0, 3, 5, 16].map(Size::from_bytes), [None; 4]);
}

#[test]
fn operands_of_arithmetic() {
    for &op in AluOp::ALL {
        let is_move = op.symbol() == "=";
        assert_eq!(op.reads_dst(), !is_move, "{op:?}");
        assert_eq!(op.form() == AluForm::Unary, op == AluOp::Neg, "{op:?}");
    }
}

#[test]
fn operands_of_atomics() {
    for &op in AtomicOp::ALL {
        assert!(op.loads() || op.stores());
        assert_eq!(op.result(Reg::R7).is_some(), op.fetches(), "{op:?}");
        assert_eq!(op.supports(Size::B), matches!(op, AtomicOp::LoadAcquire | AtomicOp::StoreRelease));
        assert!(op.supports(Size::W) && op.supports(Size::DW));
        assert_eq!(op.reads_operand(), op != AtomicOp::LoadAcquire);
    }
    assert_eq!(AtomicOp::CmpXchg.result(Reg::R7), Some(Reg::R0));
}

#[test]
fn bytes_of_a_slot() {
    let insn = Insn::new(0x7b, 10, 6, -8, -559038737);
    let bytes = [0x7b, 0x6a, 0xf8, 0xff, 0xef, 0xbe, 0xad, 0xde];
    assert_eq!((insn.to_bytes(), Insn::from_bytes(bytes)), (bytes, insn));
    // Registers have four bits there; what does not fit must not spill into the other.
    assert_eq!(Insn::new(0, 0x1f, 0x12, 0, 0).to_bytes()[1], 0x2f);
    assert_eq!(SLOT_BYTES, 8);
}

proptest! {
    #[test]
    fn a_condition_or_its_negation(op in proptest::sample::select(JmpOp::ALL), a in any::<u64>(), b in any::<u64>()) {
        for (a, b) in [(a, b), (a, a)] {
            for width in [Width::W32, Width::W64] {
                if let Some(not) = op.negated() {
                    prop_assert_ne!(op.test(width, a, b), not.test(width, a, b));
                    prop_assert_eq!(not.negated(), Some(op));
                }
            }
        }
    }

    /// The upper halves of operands never show at 32 bits, and that of the result is zero.
    #[test]
    fn upper_halves(op in proptest::sample::select(AluOp::ALL), a in any::<u64>(), b in any::<u64>(), c in any::<u64>()) {
        let other = |n: u64| n & 0xffff_ffff | c << 32;
        prop_assert_eq!(op.eval(Width::W32, a, b), op.eval(Width::W32, other(a), other(b)));
        prop_assert_eq!(op.eval(Width::W32, a, b) >> 32, 0);
    }

    #[test]
    fn swapping_twice(bits in proptest::sample::select(End::BITS.to_vec()), a in any::<u64>()) {
        let low = End::ToLe.eval(bits, a);
        prop_assert_eq!(End::Swap.eval(bits, End::Swap.eval(bits, a)), low);
        prop_assert_eq!(End::ToBe.eval(bits, a), End::Swap.eval(bits, a));
    }
}

fn check(insns: &[Insn], slot: usize, expected: &Expect) {
    let error = decode(insns, slot).unwrap_err();
    expected.assert_eq(&format!("{error}\nkernel: {}", error.kernel_message()));
}

#[test]
fn errors_say_where_what_and_what_to_do() {
    let wide = Insn::new(0x18, 1, 0, 0, 0);
    let bad = |insn: Insn, expected| check(&[insn, Insn::default()], 0, &expected);
    bad(
        Insn::new(0x8d, 0, 3, 0, 0),
        expect![[r#"
        insn 0 (code 0x8d): no such call; use 0x85 with src 0 (helper), 1 (local) or 2 (kernel function)
        kernel: unknown opcode 8d"#]],
    );
    bad(
        Insn::new(0xd5 | 0x08 | 0x20, 0, 3, 0, 0),
        expect![[r#"
        insn 0 (code 0xfd): no such jump; check its high nibble and source bit
        kernel: unknown opcode fd"#]],
    );
    bad(
        Insn::new(0xbf, 11, 0, 0, 0),
        expect![[r#"
        insn 0 (code 0xbf): dst is register 11; registers are r0 to r10
        kernel: R11 is invalid"#]],
    );
    bad(
        Insn::new(0x37, 1, 0, 2, 3),
        expect![[r#"
        insn 0 (code 0x37): off is 2, which is reserved; it must be 0, or 1 for the signed operation
        kernel: BPF_ALU uses reserved fields"#]],
    );
    bad(
        Insn::new(0xd7, 1, 0, 0, 8),
        expect![[r#"
        insn 0 (code 0xd7): imm is 8, which is reserved; it must be 16, 32 or 64
        kernel: BPF_END uses reserved fields"#]],
    );
    bad(
        Insn::new(0xdb, 1, 2, 0, 0xe0),
        expect![[r#"
        insn 0 (code 0xdb): atomic operation 0xe0 lacks the fetch bit; use 0xe1
        kernel: BPF_ATOMIC uses invalid atomic opcode e0"#]],
    );
    bad(
        Insn::new(0xdb, 1, 2, 0, 0x10),
        expect![[r#"
        insn 0 (code 0xdb): no atomic operation 0x10; imm must be one of those of RFC 9669 section 5.3
        kernel: BPF_ATOMIC uses invalid atomic opcode 10"#]],
    );
    bad(
        Insn::new(0xd3, 1, 2, 0, 0),
        expect![[r#"
        insn 0 (code 0xd3): this atomic operation does not exist at 1 bytes; use 4 or 8
        kernel: invalid atomic operand size"#]],
    );
    bad(
        Insn { src: 7, ..wide },
        expect![[r#"
        insn 0 (code 0x18): src is 7, no kind of 64-bit immediate; it must be 0 to 6
        kernel: unrecognized bpf_ld_imm64 insn"#]],
    );
    bad(
        Insn::new(0x85, 0, 0, 1, 5),
        expect![[r#"
        insn 0 (code 0x85): off is 1, which is reserved; it must be 0: only calls of kernel functions have an index there
        kernel: BPF_CALL uses reserved fields"#]],
    );
    check(
        &[wide],
        0,
        &expect![[r#"
        insn 0 (code 0x18): a 64-bit immediate takes two slots and this is the last one; add the second
        kernel: invalid bpf_ld_imm64 insn"#]],
    );
    check(
        &[wide, Insn::new(0x95, 0, 0, 0, 0)],
        0,
        &expect![[r#"
        insn 0 (code 0x18): the second slot of a 64-bit immediate may hold nothing but imm; clear its other fields
        kernel: invalid bpf_ld_imm64 insn"#]],
    );
    check(
        &[Insn { src: 1, ..wide }, Insn { imm: 1, ..Insn::default() }],
        0,
        &expect![[r#"
        insn 0 (code 0x18): the second slot of a map or function address holds an immediate; it must be 0
        kernel: unrecognized bpf_ld_imm64 insn"#]],
    );
    check(
        &[Insn::new(0x95, 0, 0, 0, 0)],
        1,
        &expect![[r#"
        insn 1: there is no such slot, the program has 1
        kernel: invalid insn idx 1 insn_cnt 1"#]],
    );
    let partial = Insn::from_slice(&[0; 13]).unwrap_err();
    expect!["insn 1: the program ends 5 bytes into a slot; its length must be a multiple of 8"]
        .assert_eq(&partial.to_string());
}

#[test]
fn constructors() {
    use skep_isa::Reg::*;
    let ops = [
        (Op::mov64(R1, R2), "r1 = r2"),
        (Op::mov32(R1, -1), "w1 = -1"),
        (Op::alu64(AluOp::Xor, R1, 5), "r1 ^= 5"),
        (Op::alu32(AluOp::Lsh, R1, R3), "w1 <<= w3"),
        (Op::imm64(R1, 1 << 40), "r1 = 0x10000000000 ll"),
        (Op::map_fd(R1, 3), "r1 = map[fd:3] ll"),
        (Op::load(Size::H, R1, R10, -4), "w1 = *(u16 *)(r10 - 4)"),
        (Op::store(Size::DW, R10, -8, R1), "*(u64 *)(r10 - 8) = r1"),
        (Op::store(Size::B, R10, -8, 1), "*(u8 *)(r10 - 8) = 1"),
        (Op::branch64(JmpOp::Ne, R1, 0, -2), "if r1 != 0 goto -2"),
        (Op::branch32(JmpOp::Set, R1, R2, 2), "if w1 & w2 goto +2"),
        (Op::call(7), "call 7"),
        (Op::call_local(-2), "call pc-2"),
        (Op::Call(Callee::Kfunc { btf_id: 5, off: 1 }), "call kfunc#5 fd_array[1]"),
    ];
    for (constructed, text) in ops {
        assert_eq!(constructed, op(text));
        assert_eq!(Insn::encode(&[constructed]), assemble(text).unwrap());
    }
}
