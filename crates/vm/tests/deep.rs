//! The host's stack does not grow with the program: neither with its length, nor with its loops.

mod common;

use std::sync::Arc;

use common::{End, Helpers, SEED, TEXT};
use skep_isa::{Insn, asm::assemble};
use skep_memory::Memory;
use skep_vm::{Machine, Program, Stack};

/// Runs on a thread that has little stack, and says how many instructions that took.
fn on_a_small_stack(insns: Vec<Insn>) -> (End, u64) {
    let run = move || {
        let memory = Memory::new().expect("address space");
        let stack = Stack::new(&memory).expect("a stack");
        let program = Arc::new(Program::new(&insns, TEXT).expect("a program"));
        let mut machine = Machine::new(program, stack, [0; 5], SEED);
        machine.set_budget(None);
        (End::from(machine.run(&memory, &mut Helpers::default())), machine.insns())
    };
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(run);
    thread.expect("a thread").join().expect("a run")
}

#[test]
fn a_million_instructions_in_a_row() {
    let mut insns = assemble("r0 = 0\nr3 = 3").expect("text");
    let block = assemble(
        "
        r0 += 1
        *(u64 *)(r10 - 8) = r0
        r0 = *(u64 *)(r10 - 8)
        w4 = w0
        r4 *= r3
        r5 = 0x100000000 ll
        if r0 == 0 goto +0
        r4 = be16 r4
        r5 = atomic_fetch_add((u64 *)(r10 - 16), r5)
        r4 /= r3
    ",
    );
    let block = block.expect("text");
    while insns.len() < 1_000_000 {
        insns.extend(&block);
    }
    insns.extend(assemble("exit").expect("text"));
    let rounds = (insns.len() as u64 - 3) / 11;
    assert_eq!(on_a_small_stack(insns), (End::Return(rounds), 3 + 10 * rounds));
}

#[test]
fn millions_of_jumps() {
    let text = "
        r1 = 3000000
    again:
        if r1 & 1 goto odd
        gotol next
    odd:
        r0 = 7
    next:
        r1 -= 1
        if r1 != 0 goto again
        exit
    ";
    let (end, insns) = on_a_small_stack(assemble(text).expect("text"));
    assert_eq!((end, insns), (End::Return(7), 2 + 3_000_000 * 4));
}

#[test]
fn hundreds_of_thousands_of_calls() {
    let text = "
        r6 = 200000
    again:
        call f
        r6 -= 1
        if r6 != 0 goto again
        exit
    f:
        r0 = 1
        exit
    ";
    let (end, insns) = on_a_small_stack(assemble(text).expect("text"));
    assert_eq!((end, insns), (End::Return(1), 2 + 200_000 * 5));
}
