//! Frames: local calls, callbacks, tail calls, and what a function can see of its caller.

mod common;

use std::sync::Arc;

use common::{End, Helpers, SEED, TEXT, World, program, run_all};
use skep_isa::Reg;
use skep_memory::Cause;
use skep_vm::{MAX_FRAMES, MAX_TAIL_CALLS, Machine, Poison, Program, TAIL_CALL_FAILED, TrapKind};

/// What ends a run that is expected to end well, with its machine and host.
fn returns(text: &str, host: &Helpers) -> (u64, Machine, Helpers) {
    let world = World::new();
    match run_all(&world, &program(text), host, Some(100_000)) {
        (End::Return(r0), machine, host) => (r0, machine, host),
        (end, ..) => panic!("{text}: {end:?}"),
    }
}

fn tagged(text: &str, tag: u64) -> Arc<Program> {
    Arc::new(Program::new(&common::insns(text), TEXT).expect(text).with_tag(tag))
}

/// Function f calls itself until r1 is 0: `depth` frames in all, with the entry's.
fn nested(depth: usize) -> String {
    format!(
        "
        r1 = {depth}
        call f
        exit
    f:
        r1 -= 1
        r0 = 0
        *(u64 *)(r10 - 8) = r1
        if r1 == 1 goto leaf
        call f
        r1 = *(u64 *)(r10 - 8)
        r0 += r1
    leaf:
        exit
    "
    )
}

#[test]
fn eight_frames_and_no_ninth() {
    let world = World::new();
    let (r0, ..) = returns(&nested(MAX_FRAMES), &Helpers::default());
    assert_eq!(r0, (2..MAX_FRAMES as u64).sum());
    let (end, machine, _) = run_all(&world, &program(&nested(MAX_FRAMES + 1)), &Helpers::default(), None);
    let End::Trap { kind: TrapKind::CallDepth, slot: 7, depth, .. } = end else { panic!("{end:?}") };
    assert_eq!((depth, machine.depth()), (MAX_FRAMES, MAX_FRAMES));
}

#[test]
fn a_callee_may_use_its_callers_frame_and_nothing_between() {
    let text = "
        *(u64 *)(r10 - 8) = 5
        r1 = r10
        r1 += -8
        call f
        r0 += *(u64 *)(r10 - 8)
        exit
    f:
        r0 = *(u64 *)(r1 + 0)
        *(u64 *)(r1 + 0) = 6
        exit
    "
    .replace("r0 += *(u64 *)(r10 - 8)", "r2 = *(u64 *)(r10 - 8)\nr0 += r2");
    assert_eq!(returns(&text, &Helpers::default()).0, 11);
    let world = World::new();
    let past = text.replace("r0 = *(u64 *)(r1 + 0)", "r0 = *(u64 *)(r1 + 8)");
    let (end, ..) = run_all(&world, &program(&past), &Helpers::default(), None);
    let End::Trap { kind: TrapKind::Memory(fault), depth: 2, .. } = end else { panic!("{end:?}") };
    assert_eq!(fault.cause, Cause::OutOfBounds);
}

#[test]
fn calls_keep_r6_to_r9_and_clobber_r1_to_r5() {
    let text = "
        r6 = 6
        r7 = 7
        r8 = 8
        r9 = 9
        call f
        exit
    f:
        r6 = 0
        r7 = 0
        r8 = 0
        r9 = 0
        r0 = 1
        exit
    ";
    let poison = Poison::new(SEED);
    let mut texts = vec![text.to_string()];
    texts.push(text.replace("call f", "call 1"));
    for text in texts {
        let (_, machine, _) = returns(&text, &Helpers::default());
        for reg in [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5] {
            assert_eq!(machine.reg(reg), poison.reg(reg), "{reg} after\n{text}");
        }
        assert_eq!([6, 7, 8, 9].map(|i| machine.regs()[i]), [6, 7, 8, 9]);
    }
}

/// A frame's bytes are new on every entry, whatever the function left in it before.
#[test]
fn frames_are_refilled() {
    let text = "
        r7 = *(u64 *)(r10 - 8)
        call f
        r6 = r0
        call f
        r0 ^= r6
        exit
    f:
        r0 = *(u64 *)(r10 - 8)
        *(u64 *)(r10 - 8) = 77
        exit
    ";
    let (r0, machine, _) = returns(text, &Helpers::default());
    assert_eq!(r0, 0);
    let poison = Poison::new(SEED);
    let last = poison.frame().last_chunk::<8>().map(|word| u64::from_le_bytes(*word));
    assert_eq!(last, Some(machine.reg(Reg::R6)));
    assert_eq!(last, Some(machine.reg(Reg::R7)));
}

/// The frame of a function that returned is gone, and so is what a machine left that was stopped in the middle.
#[test]
fn frames_end_with_their_functions() {
    let text = "
        call f
        r0 = *(u64 *)(r0 - 8)
        exit
    f:
        r0 = r10
        exit
    ";
    let world = World::new();
    let (end, ..) = run_all(&world, &program(text), &Helpers::default(), None);
    let End::Trap { kind: TrapKind::Memory(fault), slot: 1, .. } = end else { panic!("{end:?}") };
    assert_eq!(fault.cause, Cause::NotGranted);

    let deepest = nested(MAX_FRAMES);
    let left = program(&deepest);
    let mut machine = world.machine(&left);
    machine.set_budget(Some(34));
    machine.run(&world.memory, &mut Helpers::default());
    assert_eq!(machine.depth(), MAX_FRAMES);
    let top = machine.reg(Reg::R10);
    assert!(world.memory.load(top - 8, 8).is_ok());
    let text = format!("r1 = {:#x} ll\nr0 = *(u64 *)(r1 - 8)\nexit", top);
    let (end, ..) = run_all(&world, &program(&text), &Helpers::default(), None);
    let End::Trap { kind: TrapKind::Memory(fault), .. } = end else { panic!("{end:?}") };
    assert_eq!(fault.cause, Cause::NotGranted);
}

#[test]
fn callbacks_run_in_frames_of_their_own() {
    let text = "
        r6 = 40
        r1 = 5
        r2 = body ll
        r3 = r10
        r3 += -8
        *(u64 *)(r10 - 8) = 0
        call 181
        r7 = *(u64 *)(r10 - 8)
        exit
    body:
        r6 = *(u64 *)(r2 + 0)
        r6 += r1
        *(u64 *)(r2 + 0) = r6
        r0 = 0
        exit
    ";
    let (r0, machine, host) = returns(text, &Helpers::default());
    assert_eq!((r0, machine.reg(Reg::R6), machine.reg(Reg::R7)), (5, 40, 1 + 2 + 3 + 4));
    assert_eq!(host.log.len(), 5);
    assert_eq!(host.log[4], "callback 4 returned 0 to 7, depth 1");
    assert_eq!(machine.insns(), 9 + 5 * 5);
    let stops = text.replace("r0 = 0\n", "r0 = r1\n");
    assert_eq!(returns(&stops, &Helpers::default()).0, 2, "a callback that returns 1 is the last");
}

/// A loop in a loop in a loop, the inner ones in callbacks and subprograms; frames count as the kernel counts them.
#[test]
fn callbacks_nest() {
    let text = "
        r1 = 3
        r2 = outer ll
        r3 = r10
        r3 += -8
        *(u64 *)(r10 - 8) = 0
        call 181
        r0 = *(u64 *)(r10 - 8)
        exit
    outer:
        r3 = r2
        r1 = 4
        r2 = inner ll
        call 181
        r0 = 0
        exit
    inner:
        r1 = r2
        call count
        r0 = 0
        exit
    count:
        r3 = *(u64 *)(r1 + 0)
        r3 += 1
        *(u64 *)(r1 + 0) = r3
        r0 = 0
        exit
    ";
    let (r0, machine, host) = returns(text, &Helpers::default());
    assert_eq!(r0, 12);
    assert_eq!(machine.depth(), 1);
    assert_eq!(host.log.iter().filter(|line| line.ends_with("depth 2")).count(), 12);
}

#[test]
fn callbacks_count_as_frames() {
    let text = "
        r1 = 1
        r2 = body ll
        call 181
        exit
    body:
        r1 = 1
        r2 = body ll
        call 181
        r0 = 0
        exit
    ";
    let world = World::new();
    let (end, ..) = run_all(&world, &program(text), &Helpers::default(), Some(10_000));
    let End::Trap { kind: TrapKind::CallDepth, depth: MAX_FRAMES, slot: 8, .. } = end else {
        panic!("{end:?}")
    };
}

#[test]
fn a_callback_has_to_be_a_function_of_the_program() {
    let world = World::new();
    for func in [0, TEXT - 8, TEXT + 4, TEXT + 8, TEXT + 8 * 100, u64::MAX] {
        let text = format!("r2 = {func:#x} ll\nr1 = 1\ncall 181\nexit");
        let (end, ..) = run_all(&world, &program(&text), &Helpers::default(), Some(100));
        let kind = TrapKind::BadCallback { func };
        assert_eq!(end, End::Trap { kind, tag: 0, slot: 3, depth: 1 });
    }
}

#[test]
fn a_machine_can_start_at_a_callback() {
    let world = World::new();
    let program = program("r0 = 1\nexit\nr0 = r1\nr0 += r2\nexit");
    let start = |slot| {
        let machine = Machine::new(program.clone(), world.stack, [3, 4, 0, 0, 0], SEED);
        machine.starting_at(program.function_address(slot))
    };
    let mut machine = start(2).expect("a function");
    assert_eq!(End::from(machine.run(&world.memory, &mut Helpers::default())), End::Return(7));
    assert!(start(5).is_none());
}

/// Programs that tail-call the one at the index they were given in the block, which they count up.
fn chain(length: usize) -> Helpers {
    let link = "
        r6 = r1
        r3 = *(u64 *)(r6 + 0)
        r4 = r3
        r4 += 1
        *(u64 *)(r6 + 0) = r4
        call 12
        r0 = *(u64 *)(r6 + 0)
        exit
    ";
    Helpers { programs: (0..length).map(|i| tagged(link, 100 + i as u64)).collect(), ..Helpers::default() }
}

#[test]
fn tail_calls_chain_33_times() {
    let world = World::new();
    for length in [0, 1, 2, 32, 33, 34, 50] {
        let host = chain(length);
        let text = "*(u64 *)(r1 + 0) = 0\nr6 = r1\nr3 = 0\n*(u64 *)(r1 + 0) = 1\ncall 12\nr0 = *(u64 *)(r6 + 0)\nexit";
        let (end, machine, _) = run_all(&world, &tagged(text, 1), &host, Some(100_000));
        let made = length.min(MAX_TAIL_CALLS as usize);
        assert_eq!(end, End::Return(1 + made as u64), "{length} programs");
        assert_eq!(machine.tail_calls_left() as usize, MAX_TAIL_CALLS as usize - made);
        assert_eq!(machine.program().tag(), if made == 0 { 1 } else { 99 + made as u64 });
        assert_eq!(machine.depth(), 1);
        assert_eq!(machine.insns(), 7 + 8 * made as u64 - if made == 0 { 0 } else { 2 * made as u64 });
    }
}

#[test]
fn a_failed_tail_call_falls_through() {
    let (r0, machine, _) = returns("r3 = 5\ncall 12\nr6 = 1\nexit", &Helpers::default());
    assert_eq!((r0, machine.reg(Reg::R6)), (TAIL_CALL_FAILED, 1));
    assert_eq!(machine.reg(Reg::R1), Poison::new(SEED).reg(Reg::R1));
}

/// The machine counts, even if the host does not look.
#[test]
fn the_count_is_enforced() {
    let world = World::new();
    let endless = tagged("r6 = r1\nr3 = 0\ncall 6\nr0 = 5\nexit", 2);
    let host = Helpers { programs: vec![endless.clone()], ..Helpers::default() };
    let (end, machine, _) = run_all(&world, &endless, &host, Some(100_000));
    assert_eq!((end, machine.tail_calls_left()), (End::Return(5), 0));
    assert_eq!(machine.insns(), 33 * 3 + 5);
}

/// The program that a subprogram tail-calls returns to the subprogram's caller, which goes on in its own program.
#[test]
fn a_tail_call_in_a_subprogram_replaces_its_frame_alone() {
    let entry = "
        r6 = 5
        *(u64 *)(r10 - 8) = 3
        call sub
        r0 += r6
        r1 = *(u64 *)(r10 - 8)
        r0 += r1
        exit
    sub:
        r6 = 100
        call deeper
        r0 = 1000
        exit
    deeper:
        r3 = 0
        call 12
        r0 = 7
        exit
    ";
    let next = "r6 = 1\ncall f\nr0 += 20\nexit\nf:\nr0 = 400\nexit";
    let host = Helpers { programs: vec![tagged(next, 2)], ..Helpers::default() };
    assert_eq!(returns(entry, &host).0, 1000 + 5 + 3);
    let entry = entry.replace("r0 = 1000\n", "");
    assert_eq!(returns(&entry, &host).0, 420 + 5 + 3);
    assert_eq!(returns(&entry, &Helpers::default()).0, 7 + 5 + 3, "nothing to call");
}

/// One count for the invocation: tail calls in subprograms and callbacks take from it too.
#[test]
fn subprograms_and_callbacks_share_the_count() {
    let entry = "
        r1 = 50
        r2 = body ll
        call 181
        r6 = r0
        call body
        exit
    body:
        r3 = 0
        call 12
        r0 = 1
        exit
    ";
    let host = Helpers { programs: vec![tagged("r0 = 0\nexit", 2)], ..Helpers::default() };
    let (r0, machine, _) = returns(entry, &host);
    assert_eq!(
        machine.reg(Reg::R6),
        u64::from(MAX_TAIL_CALLS) + 1,
        "the first callback that fell through ends the loop"
    );
    assert_eq!((r0, machine.tail_calls_left()), (1, 0));
}

/// A tail-called program has all frames for itself, as on the real kernel, where each program was verified alone.
#[test]
fn a_tail_called_program_has_eight_frames_again() {
    let entry = nested(MAX_FRAMES)
        .replace("r0 = 0\n", "r0 = 0\nr6 = r1\n")
        .replace("leaf:", "leaf:\nr3 = 0\ncall 12");
    let host = Helpers { programs: vec![tagged(&nested(MAX_FRAMES), 2)], ..Helpers::default() };
    let world = World::new();
    let (end, machine, _) = run_all(&world, &program(&entry), &host, Some(100_000));
    assert!(matches!(end, End::Return(_)), "{end:?}");
    assert!(machine.tail_calls_left() < MAX_TAIL_CALLS);
    let host = Helpers { programs: vec![tagged(&nested(MAX_FRAMES + 1), 2)], ..Helpers::default() };
    let (end, ..) = run_all(&world, &program(&entry), &host, Some(100_000));
    let End::Trap { kind: TrapKind::CallDepth, tag: 2, depth, .. } = end else { panic!("{end:?}") };
    assert_eq!(depth, 2 * MAX_FRAMES - 1);
}

/// The deepest stack there is: every program calls as deep as it may, then tail-calls the next.
#[test]
fn the_longest_chain_of_the_deepest_programs_fits_the_stack() {
    // Functions that each call the next one, seven below the entry.
    let mut text = String::from("call f1\nexit\n");
    for i in 1..MAX_FRAMES - 1 {
        text += &format!("f{i}:\ncall f{}\nexit\n", i + 1);
    }
    text += &format!("f{}:\nr3 = 0\ncall 12\nr0 = 1\nexit\n", MAX_FRAMES - 1);
    let program = tagged(&text, 3);
    let host = Helpers { programs: vec![program.clone()], ..Helpers::default() };
    let world = World::new();
    let (end, machine, _) = run_all(&world, &program, &host, Some(100_000));
    assert_eq!((end, machine.tail_calls_left()), (End::Return(1), 0));
}

/// What a tail call leaves: r1, and nothing else.
#[test]
fn a_tail_called_program_sees_nothing_of_its_caller() {
    let entry = "
        r6 = 6
        r7 = r10
        *(u64 *)(r10 - 8) = 77
        r2 = 2
        r3 = 0
        r4 = 4
        r5 = 5
        call 12
        r0 = 1
        exit
    ";
    let next = "if r10 == 0 goto +0\nexit";
    let host = Helpers { programs: vec![tagged(next, 2)], ..Helpers::default() };
    let world = World::new();
    let (_, machine, _) = run_all(&world, &program(entry), &host, None);
    let poison = Poison::new(SEED);
    assert_eq!(machine.reg(Reg::R1), world.block);
    for reg in Reg::ALL.into_iter().filter(|reg| ![Reg::R1, Reg::R10].contains(reg)) {
        assert_eq!(machine.reg(reg), poison.reg(reg), "{reg}");
    }
    let frame = machine.reg(Reg::R10);
    let mut bytes = [0; 8];
    world.memory.peek(frame - 8, &mut bytes).expect("the frame");
    assert_eq!(bytes, poison.frame()[504..], "the stack is new");

    let host = Helpers { programs: vec![tagged("exit", 2)], ..Helpers::default() };
    run_all(&world, &program(entry), &host, None);
    let fault = world.memory.load(frame - 8, 8).expect_err("no stack for who uses none");
    assert_eq!(fault.cause, Cause::NotGranted);
}

#[test]
fn a_throw_ends_everything() {
    let text = "
        call f
        r0 = 1
        exit
    f:
        r1 = 1
        r2 = body ll
        call 181
        r0 = 2
        exit
    body:
        r1 = 99
        call 3
        r0 = 3
        exit
    ";
    let (r0, machine, _) = returns(text, &Helpers::default());
    assert_eq!((r0, machine.depth()), (99, 1));
}

/// What catches runs in the place of the entry: with its stack, and with nothing in registers but what was thrown.
#[test]
fn a_function_catches_what_is_thrown() {
    let text = "
        r6 = 7
        call f
        r0 = 1
        exit
    f:
        r1 = 1
        r2 = body ll
        call 181
        r0 = 2
        exit
    body:
        r1 = 99
        r2 = catch ll
        call 8
        r0 = 3
        exit
    catch:
        r0 = r1
        r0 += 1
        *(u64 *)(r10 - 8) = r0
        call g
        r1 = *(u64 *)(r10 - 8)
        r0 += r1
        exit
    g:
        r0 = 1000
        exit
    ";
    let (r0, machine, _) = returns(text, &Helpers::default());
    assert_eq!((r0, machine.depth()), (1100, 1));
    assert_eq!(machine.reg(Reg::R6), machine.poison().reg(Reg::R6));

    let world = World::new();
    let nowhere = program("r1 = 1\nr2 = 64\ncall 8\nexit");
    let (end, ..) = run_all(&world, &nowhere, &Helpers::default(), None);
    assert!(matches!(end, End::Trap { kind: TrapKind::BadCallback { func: 64 }, .. }), "{end:?}");
    // One that throws for ever has a budget as well.
    let again = program("r1 = 1\nr2 = f ll\ncall 8\nexit\nf:\nr1 = 1\nr2 = f ll\ncall 8\nexit");
    let (end, machine, _) = run_all(&world, &again, &Helpers::default(), Some(10_000));
    assert!(matches!(end, End::Trap { kind: TrapKind::Budget, .. }), "{end:?}");
    assert_eq!(machine.insns(), 10_000);
}

/// A program that was tail-called in a subprogram throws as far as its own entry: whoever called the subprogram goes on.
#[test]
fn a_throw_ends_one_program_alone() {
    let entry = "r6 = 5\ncall sub\nr0 += r6\nexit\nsub:\nr3 = 0\ncall 12\nr0 = 7\nexit";
    for (next, result) in [
        ("call f\nr0 = 1\nexit\nf:\nr1 = 30\ncall 3\nexit", 35),
        ("call f\nr0 = 1\nexit\nf:\nr1 = 30\nr2 = c ll\ncall 8\nexit\nc:\nr0 = 400\nexit", 405),
    ] {
        let host = Helpers { programs: vec![tagged(next, 2)], ..Helpers::default() };
        let (r0, machine, _) = returns(entry, &host);
        assert_eq!((r0, machine.depth()), (result, 1));
    }
}

#[test]
fn hosts_can_fail() {
    let world = World::new();
    let (end, ..) = run_all(&world, &program("r6 = 1\ncall 4\nexit"), &Helpers::default(), None);
    let End::Trap { kind, slot: 1, depth: 1, .. } = end else { panic!("{end:?}") };
    assert_eq!(kind.to_string(), "failed on purpose");
    let (end, ..) = run_all(&world, &program("r1 += 60\ncall 5\nexit"), &Helpers::default(), None);
    let End::Trap { kind: TrapKind::Host(fault), .. } = end else { panic!("{end:?}") };
    assert_eq!(fault.access.map(|access| access.cause), Some(Cause::OutOfBounds));
    assert!(fault.message.starts_with("argument 1: "), "{}", fault.message);
}

#[test]
fn casts_need_an_arena() {
    let world = World::new();
    let text = "r0 = addr_space_cast(r1, 0, 1)\nexit";
    let (end, ..) = run_all(&world, &program(text), &Helpers::default(), None);
    assert_eq!(end, End::Trap { kind: TrapKind::NoArena, tag: 0, slot: 0, depth: 1 });
}

/// Classic packet access: network byte order, r0 = 0 and the end of the function where the packet has no such bytes.
#[test]
fn packet_loads() {
    let host = Helpers { packet: vec![1, 2, 3, 4, 5], ..Helpers::default() };
    let cases: &[(&str, u64)] = &[
        ("r0 = *(u8 *)skb[4]", 5 + 100),
        ("r0 = *(u16 *)skb[1]", 0x0203 + 100),
        ("r0 = *(u32 *)skb[1]", 0x0203_0405 + 100),
        ("r0 = *(u32 *)skb[2]", 0),
        ("r0 = *(u8 *)skb[-1]", 0),
        ("r7 = 1\nr0 = *(u16 *)skb[r7 + 2]", 0x0405 + 100),
        ("r7 = -1\nr0 = *(u16 *)skb[r7 + 2]", 0x0203 + 100),
        ("r7 = 0xffffffff00000001 ll\nr0 = *(u16 *)skb[r7 + 2]", 0x0405 + 100),
        ("r7 = 0x7fffffff ll\nr0 = *(u8 *)skb[r7 + 1]", 0),
    ];
    for (load, expected) in cases {
        let (r0, machine, _) = returns(&format!("{load}\nr0 += 100\nexit"), &host);
        assert_eq!(r0, *expected, "{load}");
        let clobbered = machine.reg(Reg::R2) == Poison::new(SEED).reg(Reg::R2);
        assert_eq!(clobbered, r0 != 0, "{load}");
    }
    let in_function = "call f\nr0 += 7\nexit\nf:\nr0 = *(u8 *)skb[9]\nr0 = 5\nexit";
    assert_eq!(returns(in_function, &host).0, 7, "only the function ends");
}

#[test]
fn a_host_may_let_refused_loads_pass() {
    let text = "
        r1 = 16
        r2 = 7
        r2 = *(u32 *)(r1 + 4)
        r0 = *(s8 *)(r1 + 0)
        r0 += r2
        exit
    ";
    let host = Helpers { bad_load: Some(0x80), ..Helpers::default() };
    let (r0, machine, host) = returns(text, &host);
    assert_eq!((r0 as i64, machine.insns(), machine.charges()), (0x80 - 0x80, 6, 2));
    assert_eq!(host.log, ["4 bytes at 0x14, slot 2", "1 bytes at 0x10, slot 3"]);
}

#[test]
fn stores_and_atomics_are_always_faults() {
    let host = Helpers { bad_load: Some(0), ..Helpers::default() };
    for access in
        ["*(u32 *)(r1 + 4) = 1", "lock *(u64 *)(r1 + 0) += r1", "r2 = load_acquire((u64 *)(r1 + 0))"]
    {
        let text = format!("r1 = 16\n{access}\nr0 = 0\nexit");
        let (end, _, host) = run_all(&World::new(), &program(&text), &host, None);
        let End::Trap { kind: TrapKind::Memory(_), slot: 1, .. } = end else { panic!("{access}: {end:?}") };
        assert!(host.log.is_empty(), "{access}");
    }
    let (end, _, host) =
        run_all(&World::new(), &program("r1 = 0\nr0 = *(u8 *)(r1 + 0)\nexit"), &Helpers::default(), None);
    assert!(matches!(end, End::Trap { kind: TrapKind::Memory(_), .. }));
    assert_eq!(host.log.len(), 1);
}
