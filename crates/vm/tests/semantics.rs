//! Every kind of instruction, in every way to run it.

mod common;

use common::{BLOCK, End, Helpers, World, insns, program, run_all};
use skep_isa::Insn;
use skep_memory::{Access, Cause};
use skep_vm::{Program, TrapKind};

/// Each line: a program without its `exit`, and r0 after it. r1 is 64 bytes 0x80, 0x81..., r2 = 64.
const RESULTS: &[(&str, u64)] = &[
    // moves and constants
    ("r0 = -1", u64::MAX),
    ("w0 = -1", 0xffff_ffff),
    ("r0 = 0x1122334455667788 ll", 0x1122_3344_5566_7788),
    ("r0 = 0x1122334455667788 ll; w0 = w0", 0x5566_7788),
    ("r3 = 0x80 ll; r0 = (s8)r3", 0xffff_ffff_ffff_ff80),
    ("r3 = 0x80 ll; w0 = (s8)w3", 0xffff_ff80),
    ("r3 = 0x8000 ll; r0 = (s16)r3", 0xffff_ffff_ffff_8000),
    ("r3 = 0x8000 ll; w0 = (s16)w3", 0xffff_8000),
    ("r3 = 0x80000000 ll; r0 = (s32)r3", 0xffff_ffff_8000_0000),
    // arithmetic
    ("r0 = 7; r0 += -9", -2i64 as u64),
    ("w0 = 7; w0 += -9", 0xffff_fffe),
    ("r0 = 7; r0 -= r2", -57i64 as u64),
    ("w0 = 7; w0 -= w2", 0xffff_ffc7),
    ("r0 = 0x100000001 ll; r0 *= r0", 0x2_0000_0001),
    ("r0 = 0x100000003 ll; w0 *= 3", 9),
    ("r0 = 100; r0 /= 7", 14),
    ("r0 = -100; r0 /= 7", -100i64 as u64 / 7),
    ("w0 = -100; w0 /= 7", (-100i32 as u32 / 7) as u64),
    ("r0 = -100; r0 s/= 7", -14i64 as u64),
    ("w0 = -100; w0 s/= 7", -14i32 as u32 as u64),
    ("r0 = 5; r3 = 0; r0 /= r3", 0),
    ("r0 = 5; r3 = 0; r0 s/= r3", 0),
    ("r0 = 5; r3 = 0; r0 %= r3", 5),
    ("r0 = 0x500000007 ll; r3 = 0; w0 %= w3", 7),
    ("r0 = 0x500000007 ll; r3 = 0x100000000 ll; w0 s%= w3", 7),
    ("r0 = 0x8000000000000000 ll; r3 = -1; r0 s/= r3", 1 << 63),
    ("r0 = 0x8000000000000000 ll; r3 = -1; r0 s%= r3", 0),
    ("w0 = 0x80000000; w3 = -1; w0 s/= w3", 0x8000_0000),
    ("w0 = 0x80000000; w3 = -1; w0 s%= w3", 0),
    ("r0 = -7; r0 s%= 4", -3i64 as u64),
    ("r0 = 0xf0; r0 |= 0x0f", 0xff),
    ("r0 = -1; r0 &= 0x0f", 0x0f),
    ("r0 = -1; w0 &= -2", 0xffff_fffe),
    ("r0 = -1; r0 ^= 1", -2i64 as u64),
    ("r0 = 1; r0 <<= 63", 1 << 63),
    ("r0 = 1; r3 = 65; r0 <<= r3", 2),
    ("w0 = 1; w3 = 33; w0 <<= w3", 2),
    ("r0 = -1; r0 >>= 60", 0xf),
    ("r0 = -1; w0 >>= 28", 0xf),
    ("r0 = -256; r0 s>>= 4", -16i64 as u64),
    ("w0 = -256; w0 s>>= 4", -16i32 as u32 as u64),
    ("r0 = 5; r0 = -r0", -5i64 as u64),
    ("w0 = 5; w0 = -w0", 0xffff_fffb),
    // byte order
    ("r0 = 0x1122334455667788 ll; r0 = be16 r0", 0x8877),
    ("r0 = 0x1122334455667788 ll; r0 = be32 r0", 0x8877_6655),
    ("r0 = 0x1122334455667788 ll; r0 = be64 r0", 0x8877_6655_4433_2211),
    ("r0 = 0x1122334455667788 ll; r0 = le16 r0", 0x7788),
    ("r0 = 0x1122334455667788 ll; r0 = le32 r0", 0x5566_7788),
    ("r0 = 0x1122334455667788 ll; r0 = le64 r0", 0x1122_3344_5566_7788),
    ("r0 = 0x1122334455667788 ll; r0 = bswap16 r0", 0x8877),
    ("r0 = 0x1122334455667788 ll; r0 = bswap32 r0", 0x8877_6655),
    ("r0 = 0x1122334455667788 ll; r0 = bswap64 r0", 0x8877_6655_4433_2211),
    // memory
    ("r0 = *(u8 *)(r1 + 1)", 0x81),
    ("r0 = *(u16 *)(r1 + 1)", 0x8281),
    ("r0 = *(u32 *)(r1 + 1)", 0x8483_8281),
    ("r0 = *(u64 *)(r1 + 1)", 0x8887_8685_8483_8281),
    ("r0 = *(s8 *)(r1 + 1)", 0xffff_ffff_ffff_ff81),
    ("r0 = *(s16 *)(r1 + 1)", 0xffff_ffff_ffff_8281),
    ("r0 = *(s32 *)(r1 + 1)", 0xffff_ffff_8483_8281),
    ("r1 += 64; r0 = *(u64 *)(r1 - 8)", 0xbfbe_bdbc_bbba_b9b8),
    ("r1 = *(u8 *)(r1 + 63); r0 = r1", 0xbf),
    ("r3 = 0x1122334455667788 ll; *(u8 *)(r1 + 2) = w3; r0 = *(u32 *)(r1 + 0)", 0x8388_8180),
    ("r3 = 0x1122334455667788 ll; *(u16 *)(r1 + 1) = w3; r0 = *(u32 *)(r1 + 0)", 0x8377_8880),
    ("r3 = 0x1122334455667788 ll; *(u32 *)(r1 + 1) = w3; r0 = *(u64 *)(r1 + 0)", 0x8786_8555_6677_8880),
    ("r3 = 0x1122334455667788 ll; *(u64 *)(r1 + 8) = r3; r0 = *(u64 *)(r1 + 8)", 0x1122_3344_5566_7788),
    ("*(u64 *)(r1 + 0) = -2; r0 = *(u64 *)(r1 + 0)", -2i64 as u64),
    ("*(u32 *)(r1 + 0) = -2; r0 = *(u64 *)(r1 + 0)", 0x8786_8584_ffff_fffe),
    ("*(u16 *)(r1 + 0) = -2; r0 = *(u32 *)(r1 + 0)", 0x8382_fffe),
    ("*(u8 *)(r1 + 0) = -2; r0 = *(u16 *)(r1 + 0)", 0x81fe),
    // the frame
    ("*(u64 *)(r10 - 8) = 5; r0 = *(u64 *)(r10 - 8)", 5),
    ("*(u32 *)(r10 - 512) = 5; r0 = *(u32 *)(r10 - 512)", 5),
    ("r3 = r10; r3 -= 16; *(u64 *)(r3 + 8) = 9; r0 = *(u32 *)(r10 - 8)", 9),
    ("*(u8 *)(r10 - 1) = 0x80; r0 = *(s8 *)(r10 - 1)", -128i64 as u64),
    // atomics: aligned, not aligned, and what they leave in registers
    ("r3 = 1; lock *(u64 *)(r1 + 0) += r3; r0 = *(u64 *)(r1 + 0)", 0x8786_8584_8382_8181),
    ("r3 = 1; lock *(u32 *)(r1 + 1) += w3; r0 = *(u64 *)(r1 + 0)", 0x8786_8584_8382_8280),
    ("r3 = -1; lock *(u32 *)(r1 + 0) &= w3; r0 = r3", u64::MAX),
    ("r3 = 0xff; lock *(u64 *)(r1 + 0) |= r3; r0 = *(u64 *)(r1 + 0)", 0x8786_8584_8382_81ff),
    ("r3 = 0xf; lock *(u64 *)(r1 + 0) &= r3; r0 = *(u64 *)(r1 + 0)", 0),
    ("r3 = 0xff; lock *(u64 *)(r1 + 0) ^= r3; r0 = *(u64 *)(r1 + 0)", 0x8786_8584_8382_817f),
    ("r0 = 1; r0 = atomic_fetch_add((u64 *)(r1 + 0), r0)", 0x8786_8584_8382_8180),
    ("r0 = -1; w0 = atomic_fetch_add((u32 *)(r1 + 0), w0)", 0x8382_8180),
    ("r0 = -1; w0 = atomic_fetch_or((u32 *)(r1 + 3), w0); r0 = *(u64 *)(r1 + 0)", 0x87ff_ffff_ff82_8180),
    ("r0 = 0; r0 = atomic_fetch_and((u64 *)(r1 + 8), r0)", 0x8f8e_8d8c_8b8a_8988),
    ("r3 = 0; r3 = atomic_fetch_xor((u64 *)(r1 + 8), r3); r0 = r3", 0x8f8e_8d8c_8b8a_8988),
    ("r3 = 5; r3 = xchg_64(r1 + 0, r3); r0 = *(u64 *)(r1 + 0)", 5),
    ("r3 = 5; w3 = xchg32_32(r1 + 0, w3); r0 = r3", 0x8382_8180),
    ("r0 = 0; r3 = 5; r0 = cmpxchg_64(r1 + 0, r0, r3)", 0x8786_8584_8382_8180),
    ("r0 = 0; r3 = 5; r0 = cmpxchg_64(r1 + 0, r0, r3); r0 = *(u64 *)(r1 + 0)", 0x8786_8584_8382_8180),
    ("r0 = *(u64 *)(r1 + 0); r3 = 5; r0 = cmpxchg_64(r1 + 0, r0, r3); r0 = *(u64 *)(r1 + 0)", 5),
    ("r0 = 0x183828180 ll; r3 = 5; w0 = cmpxchg32_32(r1 + 0, w0, w3); r0 = *(u32 *)(r1 + 0)", 5),
    ("r0 = -1; r3 = 5; w0 = cmpxchg32_32(r1 + 0, w0, w3)", 0x8382_8180),
    ("r0 = load_acquire((u64 *)(r1 + 8))", 0x8f8e_8d8c_8b8a_8988),
    ("w0 = load_acquire((u8 *)(r1 + 8))", 0x88),
    ("r3 = -1; store_release((u16 *)(r1 + 0), w3); r0 = *(u32 *)(r1 + 0)", 0x8382_ffff),
    ("r3 = -1; store_release((u64 *)(r1 + 0), r3); r0 = *(u64 *)(r1 + 0)", u64::MAX),
    // jumps
    ("r0 = 1; goto +1; r0 = 2; r0 += 1", 2),
    ("r0 = 1; gotol +1; r0 = 2; r0 += 1", 2),
    ("r0 = 1; if r2 == 64 goto +1; r0 = 2", 1),
    ("r0 = 1; if r2 != 64 goto +1; r0 = 2", 2),
    ("r0 = 0; again: r0 += 3; r2 -= 1; if r2 != 0 goto again", 192),
    ("r0 = 1; r3 = 0x100000000 ll; if w3 == 0 goto +1; r0 = 2", 1),
    ("r0 = 1; r3 = -1; if r3 s< 0 goto +1; r0 = 2", 1),
    ("r0 = 1; r3 = -1; if r3 > 5 goto +1; r0 = 2", 1),
    ("r0 = 1; r3 = 6; if r3 & 1 goto +1; r0 = 2", 2),
    ("r0 = 1; if r3 == r3 goto +2; r0 = 0x1122334455667788 ll; r0 += 1", 2),
    // calls of functions of the same program
    ("r1 = 5; call twice; r0 += 1; goto +3; twice: r0 = r1; r0 += r0; exit", 11),
    ("r6 = 1; r1 = 5; call f; r0 += r6; goto +3; f: r6 = 100; r0 = 0; exit", 1),
    ("r9 = r10; call f; r0 = r9; r0 -= r10; goto +3; f: r9 = 0; r0 = 0; exit", 0),
    // helpers
    ("r1 = 40; call 1; r0 -= 62", 42),
];

fn lines(text: &str) -> String {
    // Statements stand on one line here; labels on their own.
    text.replace("; ", "\n").replace(": ", ":\n")
}

#[test]
fn results() {
    let world = World::new();
    for (text, expected) in RESULTS {
        let program = program(&format!("{}\nexit", lines(text)));
        let (end, ..) = run_all(&world, &program, &Helpers::default(), Some(1000));
        assert_eq!(end, End::Return(*expected), "{text}");
    }
}

/// Each line: a program that faults in the last instruction before `exit`, and how.
const FAULTS: &[(&str, Access, Cause)] = &[
    ("r3 = 0; r0 = *(u8 *)(r3 + 16)", Access::Load, Cause::Null),
    ("r3 = 0x80000000 ll; r0 = *(u8 *)(r3 + 0)", Access::Load, Cause::NotAnAddress),
    ("r3 = 0x7fffffffffffffff ll; r0 = *(u64 *)(r3 + 32767)", Access::Load, Cause::NotAnAddress),
    ("r3 = -1; r0 = *(u64 *)(r3 + 32767)", Access::Load, Cause::Null),
    ("r3 = 1; r0 = *(u64 *)(r3 - 32768)", Access::Load, Cause::Unmapped),
    ("r0 = *(u8 *)(r1 + 64)", Access::Load, Cause::OutOfBounds),
    ("r0 = *(u8 *)(r1 - 1)", Access::Load, Cause::OutOfBounds),
    ("r0 = *(u64 *)(r1 + 57)", Access::Load, Cause::OutOfBounds),
    ("r0 = *(s32 *)(r1 + 61)", Access::Load, Cause::OutOfBounds),
    ("*(u16 *)(r1 + 63) = 0", Access::Store, Cause::OutOfBounds),
    ("*(u16 *)(r1 + 63) = w2", Access::Store, Cause::OutOfBounds),
    ("*(u8 *)(r3 + 0) = 0", Access::Store, Cause::ReadOnly),
    ("lock *(u64 *)(r3 + 0) += r2", Access::Store, Cause::ReadOnly),
    ("lock *(u64 *)(r1 + 57) += r2", Access::Load, Cause::OutOfBounds),
    ("r0 = xchg_64(r3 + 0, r0)", Access::Store, Cause::ReadOnly),
    ("store_release((u8 *)(r3 + 0), w2)", Access::Store, Cause::ReadOnly),
    ("r0 = *(u8 *)(r10 + 0)", Access::Load, Cause::OutOfBounds),
    ("r0 = *(u64 *)(r10 - 7)", Access::Load, Cause::OutOfBounds),
    ("*(u8 *)(r10 - 513) = 0", Access::Store, Cause::OutOfBounds),
    ("*(u64 *)(r10 - 513) = r2", Access::Store, Cause::OutOfBounds),
    ("r6 = r10; r6 += -520; r0 = *(u64 *)(r6 + 1)", Access::Load, Cause::OutOfBounds),
    ("r6 = -12; r0 = *(u64 *)(r6 + 0)", Access::Load, Cause::ErrorPointer(12)),
];

#[test]
fn faults() {
    let world = World::new();
    for (text, access, cause) in FAULTS {
        let insns = insns(&format!("{}\nexit", lines(text)));
        let program = std::sync::Arc::new(Program::new(&insns, common::TEXT).expect(text));
        let (end, machine, _) = run_all(&world, &program, &Helpers::default(), Some(1000));
        let End::Trap { kind: TrapKind::Memory(fault), slot, depth: 1, .. } = end else {
            panic!("{text}: {end:?}");
        };
        assert_eq!((fault.access, fault.cause), (*access, *cause), "{text}");
        assert_eq!(slot, insns.len() - 2, "{text}");
        let wide = insns.iter().filter(|i| i.code == 0x18).count();
        assert_eq!(machine.insns(), (slot - wide) as u64, "{text}: a faulting instruction does not count");
    }
}

#[test]
fn a_reading_atomic_needs_no_right_to_store() {
    let world = World::new();
    let program = program("r0 = load_acquire((u64 *)(r3 + 0))\nexit");
    let (end, ..) = run_all(&world, &program, &Helpers::default(), None);
    assert_eq!(end, End::Return(0x8786_8584_8382_8180));
}

/// `may_goto` jumps once its count is used up, and each entry of a function has its own.
#[test]
fn may_goto_leaves_the_loop() {
    let world = World::new();
    let text = "
        r0 = 0
    again:
        may_goto done
        r0 += 1
        goto again
    done:
        exit
    ";
    let program = program(text);
    let mut machine = world.machine(&program);
    let end: End = machine.run(&world.memory, &mut Helpers::default()).into();
    assert_eq!(end, End::Return(u64::from(skep_vm::MAX_LOOPS)));
    assert_eq!(machine.insns(), 3 + 3 * u64::from(skep_vm::MAX_LOOPS));
}

/// Each: what is wrong, at which slot, and how it is told.
#[test]
fn programs_that_cannot_run() {
    let refused: &[(&str, usize, &str)] = &[
        ("r0 = 0", 0, "the last instruction must be an exit or a jump"),
        ("if r0 == 0 goto +0\nexit\ncall 1", 2, "the last instruction must be an exit or a jump"),
        ("goto +1\nexit", 0, "jump to slot 2, where no instruction of the program starts"),
        ("goto -2\nexit", 0, "jump to slot -1, where no instruction of the program starts"),
        ("goto +1\nr0 = 1 ll\nexit", 0, "jump to slot 2, where no instruction of the program starts"),
        ("r1 = 0\nr10 = r1\nexit", 1, "r10 is the frame pointer, and read-only"),
        ("r10 = *(u64 *)(r1 + 0)\nexit", 0, "r10 is the frame pointer, and read-only"),
        ("r10 = xchg_64(r1 + 0, r10)\nexit", 0, "r10 is the frame pointer, and read-only"),
        ("r10 = 1 ll\nexit", 0, "r10 is the frame pointer, and read-only"),
    ];
    for (text, slot, message) in refused {
        let error = Program::new(&insns(text), common::TEXT).expect_err(text);
        assert_eq!((error.slot, error.to_string()), (*slot, format!("insn {slot}: {message}")), "{text}");
    }
    let local = Insn::new(0x85, 0, 1, 0, 7);
    let exit = Insn::new(0x95, 0, 0, 0, 0);
    let error = Program::new(&[local, exit], common::TEXT).expect_err("a call out of the program");
    assert_eq!(error.to_string(), "insn 0: call to slot 8, where no instruction of the program starts");
    let unresolved = [Insn::new(0x18, 1, 1, 0, 3), Insn::default(), exit];
    let error = Program::new(&unresolved, common::TEXT).expect_err("a map");
    assert_eq!(error.to_string(), "insn 0: nobody resolved map[fd:3] to an address");
    let error = Program::new(&[Insn::new(0xff, 0, 0, 0, 0), exit], common::TEXT).expect_err("no instruction");
    assert!(error.to_string().starts_with("insn 0 (code 0xff): "), "{error}");
    let error = Program::new(&[], common::TEXT).expect_err("nothing");
    assert_eq!(error.to_string(), "insn 0: the program is empty");
}

#[test]
fn seed_decides_what_is_read_before_it_is_written() {
    let world = World::new();
    let program = program("r0 = *(u64 *)(r10 - 8)\nr0 ^= r6\nexit");
    let run = |seed| {
        let mut machine = skep_vm::Machine::new(program.clone(), world.stack, [0; 5], seed);
        End::from(machine.run(&world.memory, &mut Helpers::default()))
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert_eq!(BLOCK, 64);
}
