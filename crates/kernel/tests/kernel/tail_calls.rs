//! `bpf_tail_call`: frames, the length of chains, what falls through, and what a PROG_ARRAY takes.

use crate::support::{asm, kernel, load, load_as, run, set_value, value, value_map, word};
use proptest::prelude::*;
use skep_abi::flags::BPF_F_XDP_HAS_FRAGS;
use skep_abi::{AttachType, Errno, MapType, ProgType};
use skep_kernel::{Context, Fd, Kernel, MapSpec, PacketCtx, ProgLoad, Run};

fn prog_array(kernel: &mut Kernel, entries: u32) -> Fd {
    kernel.map_create(&MapSpec::new(MapType::ProgArray, 4, 4, entries).with_name("jumps")).unwrap()
}

fn put(kernel: &mut Kernel, array: Fd, index: i32, prog: Fd) -> Result<(), Errno> {
    kernel.map_update_elem(array, &word(index), &word(prog.0), 0)
}

fn count(kernel: &Kernel, map: Fd) -> u64 {
    u64::from_le_bytes(value(kernel, map).try_into().unwrap())
}

/// Adds one to a counter; leaves r6 and r7 alone.
fn counting(counter: Fd) -> String {
    format!("r1 = map[fd:{counter}][0]+0 ll\nr2 = 1\nlock *(u64 *)(r1 + 0) += r2\n")
}

/// Jumps to an index; r6 must hold the context.
fn jump(array: Fd, index: &str) -> String {
    format!("r1 = r6\nr2 = map[fd:{array}] ll\nr3 = {index}\ncall 12\n")
}

#[test]
fn thirty_three_tail_calls_run_and_the_34th_falls_through() {
    let mut kernel = kernel();
    let (array, counter) = (prog_array(&mut kernel, 1), value_map(&mut kernel, 8));
    let text = format!("r6 = r1\n{}{}r0 = 77\nexit", counting(counter), jump(array, "0"));
    let prog = load(&mut kernel, ProgType::RawTracepoint, &text);
    put(&mut kernel, array, 0, prog).unwrap();
    assert_eq!(run(&mut kernel, prog).r0, 77);
    assert_eq!(count(&kernel, counter), 34);
    // The count is the invocation's: the next one has its own.
    assert_eq!(run(&mut kernel, prog).r0, 77);
    assert_eq!(count(&kernel, counter), 68);
}

#[test]
fn missing_and_out_of_range_entries_fall_through() {
    let mut kernel = kernel();
    let array = prog_array(&mut kernel, 2);
    let seven = load(&mut kernel, ProgType::RawTracepoint, "r0 = 7\nexit");
    put(&mut kernel, array, 1, seven).unwrap();
    // The index is 32 bits: the last two are 1 and 2^31.
    for (index, expected) in
        [("0", 5), ("1", 7), ("2", 5), ("-1", 5), ("0x100000001 ll", 7), ("0x80000000 ll", 5)]
    {
        let text = format!("r6 = r1\n{}r0 = 5\nexit", jump(array, index));
        let prog = load(&mut kernel, ProgType::RawTracepoint, &text);
        assert_eq!(run(&mut kernel, prog).r0, expected, "index {index}");
    }
    kernel.map_delete_elem(array, &word(1)).unwrap();
    let text = format!("r6 = r1\n{}r0 = 5\nexit", jump(array, "1"));
    let prog = load(&mut kernel, ProgType::RawTracepoint, &text);
    assert_eq!(run(&mut kernel, prog).r0, 5, "a slot that was emptied");
}

#[test]
fn a_tail_call_never_returns_to_the_caller() {
    let mut kernel = kernel();
    let (array, mark) = (prog_array(&mut kernel, 1), value_map(&mut kernel, 8));
    let seven = load(&mut kernel, ProgType::RawTracepoint, "r0 = 7\nexit");
    put(&mut kernel, array, 0, seven).unwrap();
    let text = format!("r6 = r1\n{}{}r0 = 5\nexit", jump(array, "0"), counting(mark));
    let prog = load(&mut kernel, ProgType::RawTracepoint, &text);
    assert_eq!(run(&mut kernel, prog).r0, 7);
    assert_eq!(count(&kernel, mark), 0);
}

/// The callee's r1 is the context, the rest is as fresh as in a program that was just started.
#[test]
fn the_callers_stack_and_registers_are_unreachable() {
    let mut kernel = kernel();
    let (array, out) = (prog_array(&mut kernel, 1), value_map(&mut kernel, 40));
    let look = format!(
        "r8 = r1\nr1 = map[fd:{out}][0]+0 ll
         *(u64 *)(r1 + 0) = r6\n*(u64 *)(r1 + 8) = r7\n*(u64 *)(r1 + 16) = r9
         r2 = *(u64 *)(r10 - 8)\n*(u64 *)(r1 + 24) = r2\n*(u64 *)(r1 + 32) = r8\nr0 = 0\nexit"
    );
    let callee = load(&mut kernel, ProgType::RawTracepoint, &look);
    run(&mut kernel, callee);
    let alone = value(&kernel, out);
    put(&mut kernel, array, 0, callee).unwrap();
    let text = format!(
        "r6 = r1\nr7 = 0x5ec2e7\nr8 = r7\nr9 = r7\n*(u64 *)(r10 - 8) = r7\n{}r0 = 0\nexit",
        jump(array, "0")
    );
    let caller = load(&mut kernel, ProgType::RawTracepoint, &text);
    set_value(&mut kernel, out, &[0; 40]);
    run(&mut kernel, caller);
    let called = value(&kernel, out);
    assert!(!called.chunks(8).any(|it| it == 0x5ec2e7u64.to_le_bytes()), "{called:x?}");
    // r7, r9 and the stack, as on a fresh start; r6 is not passed on either.
    assert_eq!(called, alone);
}

/// The caller's frame is replaced, and its own caller gets the result.
#[test]
fn a_tail_call_from_a_subprogram_returns_to_its_caller() {
    let mut kernel = kernel();
    let array = prog_array(&mut kernel, 1);
    let seven = load(&mut kernel, ProgType::RawTracepoint, "r0 = 7\nexit");
    put(&mut kernel, array, 0, seven).unwrap();
    let text = format!(
        "r9 = 700\ncall sub\nr0 += r9\nexit\nsub:\nr6 = r1\nr9 = 1\n{}r0 = 5\nexit",
        jump(array, "0")
    );
    let prog = load(&mut kernel, ProgType::RawTracepoint, &text);
    assert_eq!(run(&mut kernel, prog).r0, 707);
}

/// The chain is one, whatever subprograms it went through: two of them that each tail call the entry again would
/// otherwise run 2^33 times.
#[test]
fn one_count_for_all_subprograms() {
    let mut kernel = kernel();
    let (array, counter) = (prog_array(&mut kernel, 1), value_map(&mut kernel, 8));
    let text = format!(
        "r6 = r1\n{}r1 = r6\ncall sub\nr1 = r6\ncall sub\nr0 = 0\nexit\nsub:\nr6 = r1\n{}r0 = 0\nexit",
        counting(counter),
        jump(array, "0")
    );
    let prog = load(&mut kernel, ProgType::RawTracepoint, &text);
    put(&mut kernel, array, 0, prog).unwrap();
    run(&mut kernel, prog);
    assert_eq!(count(&kernel, counter), 34);
}

#[test]
fn what_a_prog_array_refuses_leaves_the_slot_as_it_was() {
    let mut kernel = kernel();
    let array = prog_array(&mut kernel, 1);
    let first = load(&mut kernel, ProgType::Xdp, "r0 = 2\nexit");
    put(&mut kernel, array, 0, first).unwrap();
    let of = |prog_type, attach, flags| {
        let load = ProgLoad::new("other", prog_type, asm("r0 = 1\nexit"));
        ProgLoad { expected_attach_type: attach, flags, ..load }
    };
    let devmap = AttachType::XdpDevmap.to_u32();
    let extended = kernel.prog_load(of(ProgType::Xdp, 0, 0)).unwrap();
    kernel.set_extended(extended, true).unwrap();
    let map = value_map(&mut kernel, 8);
    let cases = [
        ("another type", kernel.prog_load(of(ProgType::SchedCls, 0, 0)).unwrap(), Errno::EINVAL),
        ("another attach type", kernel.prog_load(of(ProgType::Xdp, devmap, 0)).unwrap(), Errno::EINVAL),
        ("fragments", kernel.prog_load(of(ProgType::Xdp, 0, BPF_F_XDP_HAS_FRAGS)).unwrap(), Errno::EINVAL),
        ("EXT", kernel.prog_load(of(ProgType::Ext, 0, 0)).unwrap(), Errno::EINVAL),
        ("extended", extended, Errno::EBUSY),
        ("a map", map, Errno::EINVAL),
        ("nothing", Fd(99), Errno::EBADF),
    ];
    let id = kernel.prog_id(first).unwrap();
    for (what, prog, errno) in cases {
        assert_eq!(put(&mut kernel, array, 0, prog), Err(errno), "{what}");
        assert_eq!(kernel.map_lookup_elem(array, &word(0)).unwrap(), id.to_le_bytes(), "{what}");
    }
    assert_eq!(kernel.map_update_elem(array, &word(0), &word(first.0), 1), Err(Errno::EINVAL), "BPF_NOEXIST");
    assert_eq!(put(&mut kernel, array, 1, first), Err(Errno::E2BIG));
    // A program that is in an array cannot be extended; one that is out of it can.
    assert_eq!(kernel.set_extended(first, true), Err(Errno::EBUSY));
    kernel.map_delete_elem(array, &word(0)).unwrap();
    assert_eq!(kernel.set_extended(first, true), Ok(()));
}

/// EXT is refused before the array has an owner, and does not become it.
#[test]
fn an_ext_program_does_not_own_an_array() {
    let mut kernel = kernel();
    let array = prog_array(&mut kernel, 1);
    let ext = kernel.prog_load(ProgLoad::new("ext", ProgType::Ext, asm("r0 = 1\nexit"))).unwrap();
    assert_eq!(put(&mut kernel, array, 0, ext), Err(Errno::EINVAL));
    let xdp = load(&mut kernel, ProgType::Xdp, "r0 = 2\nexit");
    assert_eq!(put(&mut kernel, array, 0, xdp), Ok(()));
}

/// Using an array makes it a program's as much as being in it.
#[test]
fn a_program_that_uses_an_array_has_to_go_with_it() {
    let mut kernel = kernel();
    let array = prog_array(&mut kernel, 1);
    let text = format!("r6 = r1\n{}r0 = 0\nexit", jump(array, "0"));
    load(&mut kernel, ProgType::SchedCls, &text);
    let xdp = load(&mut kernel, ProgType::Xdp, "r0 = 2\nexit");
    assert_eq!(put(&mut kernel, array, 0, xdp), Err(Errno::EINVAL));
    let error = kernel.prog_load(ProgLoad::new("xdp", ProgType::Xdp, asm(&text))).unwrap_err();
    assert_eq!(error.errno, Errno::EINVAL);
    assert!(error.message.contains("\"jumps\""), "{error}");
}

/// Programs in an array live without their fd; the array's own fd keeps what is in it.
#[test]
fn closing_the_last_fd_of_an_array_empties_it() {
    let mut kernel = kernel();
    let array = prog_array(&mut kernel, 1);
    let seven = load(&mut kernel, ProgType::RawTracepoint, "r0 = 7\nexit");
    let text = format!("r6 = r1\n{}r0 = 5\nexit", jump(array, "0"));
    let prog = load(&mut kernel, ProgType::RawTracepoint, &text);
    put(&mut kernel, array, 0, seven).unwrap();
    kernel.close(seven).unwrap();
    assert_eq!(run(&mut kernel, prog).r0, 7);
    kernel.close(array).unwrap();
    assert_eq!(run(&mut kernel, prog).r0, 5);
}

/// Two programs that jump to each other go when their fds and their array's do.
#[test]
fn programs_that_jump_in_a_circle_are_freed() {
    let mut kernel = kernel();
    let objects = kernel.memory().objects().len();
    let (array, counter) = (prog_array(&mut kernel, 2), value_map(&mut kernel, 8));
    let text = |to| format!("r6 = r1\n{}{}r0 = 0\nexit", counting(counter), jump(array, to));
    let progs = ["1", "0"].map(|to| load(&mut kernel, ProgType::RawTracepoint, &text(to)));
    put(&mut kernel, array, 0, progs[0]).unwrap();
    put(&mut kernel, array, 1, progs[1]).unwrap();
    kernel.map_lookup_elem(counter, &word(0)).unwrap();
    for fd in [counter, progs[0], progs[1], array] {
        kernel.close(fd).unwrap();
    }
    // The counter's value was the only memory that any of them held.
    assert_eq!(kernel.memory().objects().len(), objects);
}

#[test]
fn the_packet_goes_along() {
    let mut kernel = kernel();
    let array = prog_array(&mut kernel, 1);
    let text = "r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 0)\nexit";
    let callee = load_as(&mut kernel, "callee", ProgType::Xdp, text);
    put(&mut kernel, array, 0, callee).unwrap();
    let text = format!("r6 = r1\nr2 = 3\ncall 44\n{}r0 = 0\nexit", jump(array, "0"));
    let caller = load_as(&mut kernel, "caller", ProgType::Xdp, &text);
    let packet = PacketCtx::new((0..64).collect());
    assert_eq!(kernel.run(caller, Run::new(Context::Packet(packet))).unwrap().r0, 3);
}

proptest! {
    /// Of a chain of programs, each with a tail call to the next, the first 34 run.
    #[test]
    fn chains_of_any_length(len in 1usize..60) {
        let mut kernel = kernel();
        let (array, counter) = (prog_array(&mut kernel, 60), value_map(&mut kernel, 8));
        let mut first = None;
        for index in 0..len {
            let next = (index + 1).to_string();
            let text = format!("r6 = r1\n{}{}r0 = {index}\nexit", counting(counter), jump(array, &next));
            let prog = load(&mut kernel, ProgType::RawTracepoint, &text);
            put(&mut kernel, array, index as i32, prog).unwrap();
            first.get_or_insert(prog);
        }
        let ran = run(&mut kernel, first.unwrap());
        prop_assert_eq!(count(&kernel, counter), len.min(34) as u64);
        prop_assert_eq!(ran.r0, len.min(34) as u64 - 1);
    }
}
