//! Maps from both sides, and the lives of fds.

use crate::support::{asm, eval, fault, kernel, load, run, value, value_map, word};
use skep_abi::flags::{BPF_ANY, BPF_EXIST, BPF_F_RDONLY, BPF_F_RDONLY_PROG, BPF_F_WRONLY, BPF_NOEXIST};
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Class, Context, Fd, Kernel, MapSpec, ProgLoad, Run};
use skep_maps::{SpecialField, SpecialKind};

fn map(kernel: &mut Kernel, kind: MapType, entries: u32) -> Fd {
    kernel.map_create(&MapSpec::new(kind, 4, 8, entries).with_name("values")).unwrap()
}

/// Arrays have all their elements from the beginning.
#[test]
fn noexist_always_fails_on_arrays() {
    let mut kernel = kernel();
    for (kind, len) in [(MapType::Array, 8), (MapType::PercpuArray, 32)] {
        let map = map(&mut kernel, kind, 2);
        let mut update = |key, flags| kernel.map_update_elem(map, &word(key), &vec![1; len], flags);
        assert_eq!(update(0, BPF_NOEXIST), Err(Errno::EEXIST), "{kind:?}");
        assert_eq!(update(0, BPF_EXIST), Ok(()), "{kind:?}");
        assert_eq!(update(0, BPF_ANY), Ok(()), "{kind:?}");
        assert_eq!(update(2, BPF_NOEXIST), Err(Errno::E2BIG), "{kind:?}");
        assert_eq!(update(0, 3), Err(Errno::EINVAL), "{kind:?}");
        assert_eq!(kernel.map_delete_elem(map, &word(0)), Err(Errno::EINVAL), "{kind:?}");
        // The same from a program.
        assert_eq!(eval(&mut kernel, &updating(map, 0, BPF_NOEXIST)), Errno::EEXIST.neg());
        assert_eq!(eval(&mut kernel, &updating(map, 0, BPF_ANY)), 0);
    }
}

/// A program that stores 7 under a key.
fn updating(map: Fd, key: i32, flags: u64) -> String {
    format!(
        "*(u32 *)(r10 - 4) = {key}\n*(u64 *)(r10 - 16) = 7\nr1 = map[fd:{map}] ll\nr2 = r10\nr2 += -4
         r3 = r10\nr3 += -16\nr4 = {flags}\ncall 2\nexit"
    )
}

/// A program that calls a helper with a map and a key.
fn with_key(map: Fd, key: i32, helper: u32) -> String {
    format!("*(u32 *)(r10 - 4) = {key}\nr1 = map[fd:{map}] ll\nr2 = r10\nr2 += -4\ncall {helper}\n")
}

#[test]
fn update_flags_on_a_hash() {
    let mut kernel = kernel();
    let map = map(&mut kernel, MapType::Hash, 1);
    assert_eq!(eval(&mut kernel, &updating(map, 1, BPF_EXIST)), Errno::ENOENT.neg());
    assert_eq!(eval(&mut kernel, &updating(map, 1, BPF_NOEXIST)), 0);
    assert_eq!(eval(&mut kernel, &updating(map, 1, BPF_NOEXIST)), Errno::EEXIST.neg());
    assert_eq!(eval(&mut kernel, &updating(map, 2, BPF_ANY)), Errno::E2BIG.neg());
    assert_eq!(kernel.map_lookup_elem(map, &word(1)).unwrap(), 7u64.to_le_bytes());
    assert_eq!(eval(&mut kernel, &(with_key(map, 2, 3) + "exit")), Errno::ENOENT.neg());
    assert_eq!(eval(&mut kernel, &(with_key(map, 1, 3) + "exit")), 0);
    assert_eq!(eval(&mut kernel, &(with_key(map, 1, 1) + "exit")), 0, "NULL");
    assert_eq!(kernel.map_get_next_key(map, None), Err(Errno::ENOENT));
}

/// A program works on its own CPU's value, user space on all of them.
#[test]
fn per_cpu_values() {
    let mut kernel = kernel();
    for kind in [MapType::PercpuArray, MapType::PercpuHash] {
        let map = map(&mut kernel, kind, 4);
        kernel.map_update_elem(map, &word(2), &[0; 32], 0).unwrap();
        let add = with_key(map, 2, 1)
            + "if r0 == 0 goto out\nr1 = 1\nlock *(u64 *)(r0 + 0) += r1\nout:\nr0 = 0\nexit";
        let prog = load(&mut kernel, ProgType::RawTracepoint, &add);
        for (cpu, times) in [(0, 1), (1, 2), (3, 5)] {
            for _ in 0..times {
                kernel.run(prog, Run::new(Context::None).on(cpu)).unwrap();
            }
        }
        let found: Vec<u64> = kernel
            .map_lookup_elem(map, &word(2))
            .unwrap()
            .chunks(8)
            .map(|it| u64::from_le_bytes(it.try_into().unwrap()))
            .collect();
        assert_eq!(found, [1, 2, 0, 5], "{kind:?}");
        for (cpu, expected) in [(1, 2), (3, 5), (4, -1), (-1, -1)] {
            let text = with_key(map, 2, 999).replace("call 999", &format!("r3 = {cpu}\ncall 195"))
                + "if r0 == 0 goto out\nr0 = *(u64 *)(r0 + 0)\nexit\nout:\nr0 = -1\nexit";
            assert_eq!(eval(&mut kernel, &text), expected, "{kind:?}, CPU {cpu}");
        }
    }
}

#[test]
fn for_each_map_elem_walks_until_it_is_stopped() {
    let mut kernel = kernel();
    // The callback adds key and value to the context, and stops when the key is the one at context + 8.
    let text = |map: Fd, flags: u64| {
        format!(
            "*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 8) = 99\nr1 = map[fd:{map}] ll\nr2 = each ll\nr3 = r10\nr3 += -16
             r4 = {flags}\ncall 164\nr1 = *(u64 *)(r10 - 16)\nr1 <<= 8\nr0 |= r1\nexit
             each:\nr6 = *(u32 *)(r2 + 0)\nr7 = *(u64 *)(r3 + 0)\nr7 += r6\nr1 = *(u64 *)(r4 + 0)\nr1 += r7
             *(u64 *)(r4 + 0) = r1\nr0 = 0\nr1 = *(u64 *)(r4 + 8)\nif r6 != r1 goto out\nr0 = 1\nout:\nexit"
        )
    };
    for kind in [MapType::Array, MapType::Hash, MapType::PercpuArray] {
        let map = map(&mut kernel, kind, 4);
        let len = if kind == MapType::PercpuArray { 32 } else { 8 };
        for key in 0..4 {
            let mut value = vec![0; len];
            value[0] = key as u8 * 10;
            kernel.map_update_elem(map, &word(key), &value, 0).unwrap();
        }
        assert_eq!(eval(&mut kernel, &text(map, 0)), (1 + 2 + 3 + 10 + 20 + 30) << 8 | 4, "{kind:?}");
        assert_eq!(eval(&mut kernel, &text(map, 1)) & 0xff, Errno::EINVAL.neg() & 0xff, "{kind:?}: flags");
        let stopping = text(map, 0).replace("= 99", "= 1");
        let stopped = eval(&mut kernel, &stopping) & 0xff;
        assert!((1..=4).contains(&stopped), "{kind:?}: {stopped}");
    }
    let ring = kernel.map_create(&MapSpec::new(MapType::Ringbuf, 0, 0, 4096)).unwrap();
    assert_eq!(fault(&mut kernel, &text(ring, 0)).class(), Class::ProgramFault);
}

/// A walk leaves nothing behind, even when a fault ends it.
#[test]
fn a_walk_frees_its_key() {
    let mut kernel = kernel();
    let map = map(&mut kernel, MapType::Array, 4);
    let before = |kernel: &mut Kernel| {
        eval(kernel, "r0 = 0\nexit");
        kernel.memory().objects().len()
    };
    let objects = before(&mut kernel);
    let text = |body: &str| {
        format!(
            "r1 = map[fd:{map}] ll\nr2 = each ll\nr3 = 0\nr4 = 0\ncall 164\nexit\neach:\n{body}\nr0 = 0\nexit"
        )
    };
    assert_eq!(eval(&mut kernel, &text("r1 = 1")), 4);
    assert_eq!(before(&mut kernel), objects);
    fault(&mut kernel, &text("r1 = *(u64 *)(r4 + 0)"));
    assert_eq!(before(&mut kernel), objects);
    // The key is there to be read.
    let error = fault(&mut kernel, &text("*(u32 *)(r2 + 0) = 1"));
    assert!(error.to_string().contains("key of bpf_for_each_map_elem"), "{error}");
}

#[test]
fn keys_and_values_must_be_the_programs() {
    let mut kernel = kernel();
    let map = map(&mut kernel, MapType::Hash, 1);
    let text = format!("r1 = map[fd:{map}] ll\nr2 = r10\nr2 += -3\ncall 1\nexit");
    let error = fault(&mut kernel, &text);
    assert!(error.to_string().contains("bpf_map_lookup_elem, argument 2 (key): load of 4 bytes"), "{error}");
    let text = format!("r1 = map[fd:{map}][0]+0 ll\nexit");
    let load = ProgLoad::new("value", ProgType::RawTracepoint, asm(&text));
    assert_eq!(kernel.prog_load(load).unwrap_err().errno, Errno::EINVAL);
    let error = fault(&mut kernel, "r1 = 5\nr2 = r10\nr2 += -4\ncall 1\nexit");
    assert!(error.to_string().contains("bpf_map_lookup_elem, argument 1 (map): 0x5 is no map"), "{error}");
    let error = fault(&mut kernel, &format!("r1 = map[fd:{map}] ll\nr0 = *(u32 *)(r1 + 0)\nexit"));
    assert!(error.to_string().contains("a pointer to a map"), "{error}");
}

#[test]
fn what_an_fd_may_do() {
    let mut kernel = kernel();
    let mut with = |flags| {
        let spec = MapSpec::new(MapType::Array, 4, 8, 1).with_flags(flags);
        let map = kernel.map_create(&spec).unwrap();
        let lookup = kernel.map_lookup_elem(map, &word(0)).err();
        let update = kernel.map_update_elem(map, &word(0), &[1; 8], 0).err();
        let next = kernel.map_get_next_key(map, None).err();
        (lookup, update, next)
    };
    assert_eq!(with(0), (None, None, None));
    assert_eq!(with(BPF_F_RDONLY), (None, Some(Errno::EPERM), None));
    assert_eq!(with(BPF_F_WRONLY), (Some(Errno::EPERM), None, Some(Errno::EPERM)));
    let map = map(&mut kernel, MapType::Array, 1);
    kernel.map_freeze(map).unwrap();
    assert_eq!(kernel.map_update_elem(map, &word(0), &[1; 8], 0), Err(Errno::EPERM));
    assert_eq!(kernel.map_freeze(map), Err(Errno::EPERM));
    // `map_freeze` looks at the values before it looks at the fd.
    let mut locked = MapSpec::new(MapType::Array, 4, 8, 1).with_flags(BPF_F_RDONLY);
    let read_only = kernel.map_create(&locked).unwrap();
    assert_eq!(kernel.map_freeze(read_only), Err(Errno::EPERM));
    locked.special.push(SpecialField { kind: SpecialKind::SpinLock, offset: 0 });
    let read_only = kernel.map_create(&locked).unwrap();
    assert_eq!(kernel.map_freeze(read_only), Err(Errno::ENOTSUPP));
    // Freezing is for user space; programs have BPF_F_RDONLY_PROG.
    assert_eq!(eval(&mut kernel, &updating(map, 0, 0)), 0);
    let spec = MapSpec::new(MapType::Array, 4, 8, 1).with_flags(BPF_F_RDONLY_PROG);
    let read_only = kernel.map_create(&spec).unwrap();
    assert_eq!(eval(&mut kernel, &updating(read_only, 0, 0)), Errno::EACCES.neg());
    let error = fault(&mut kernel, &format!("r1 = map[fd:{read_only}][0]+0 ll\n*(u64 *)(r1 + 0) = 1\nexit"));
    assert!(error.to_string().contains("read-only"), "{error}");
}

#[test]
fn fds_of_the_wrong_kind() {
    let mut kernel = kernel();
    let map = value_map(&mut kernel, 8);
    let prog = load(&mut kernel, ProgType::RawTracepoint, "r0 = 0\nexit");
    assert_eq!(kernel.map_lookup_elem(prog, &word(0)), Err(Errno::EINVAL));
    assert_eq!(kernel.map_lookup_elem(Fd(9), &word(0)), Err(Errno::EBADF));
    assert_eq!(kernel.prog_info(map).err(), Some(Errno::EINVAL));
    assert_eq!(kernel.close(Fd(-1)), Err(Errno::EBADF));
    let error = kernel.run(map, Run::default()).unwrap_err();
    assert_eq!(
        (error.class(), error.to_string().as_str()),
        (Class::BadInput, "bad input: fd 3 is no program (EINVAL)")
    );
}

/// A program keeps its maps.
#[test]
fn maps_live_as_long_as_programs_use_them() {
    let mut kernel = kernel();
    run_nothing(&mut kernel);
    let objects = kernel.memory().objects().len();
    let map = value_map(&mut kernel, 8);
    let text = format!(
        "r1 = map[fd:{map}][0]+0 ll\nr0 = *(u64 *)(r1 + 0)\nr2 = r0\nr2 += 1\n*(u64 *)(r1 + 0) = r2\nexit"
    );
    let prog = load(&mut kernel, ProgType::RawTracepoint, &text);
    assert_eq!(run(&mut kernel, prog).r0, 0);
    assert_eq!(value(&kernel, map), 1u64.to_le_bytes());
    kernel.close(map).unwrap();
    assert_eq!(run(&mut kernel, prog).r0, 1);
    assert_eq!(run(&mut kernel, prog).r0, 2);
    // A new map gets the old one's fd, and is another map.
    let other = value_map(&mut kernel, 8);
    assert_eq!(other, map);
    assert_eq!(value(&kernel, other), [0; 8]);
    kernel.close(prog).unwrap();
    kernel.close(other).unwrap();
    assert_eq!(kernel.memory().objects().len(), objects);
}

/// Has the kernel make what it makes once, such as a stack.
fn run_nothing(kernel: &mut Kernel) {
    assert_eq!(eval(kernel, "r0 = 0\nexit"), 0);
}

/// A lock: one at a time, and none at the end.
#[test]
fn spin_locks() {
    let mut kernel = kernel();
    let mut spec = MapSpec::new(MapType::Array, 4, 16, 1).with_name("locked");
    spec.special.push(SpecialField { kind: SpecialKind::SpinLock, offset: 0 });
    let map = kernel.map_create(&spec).unwrap();
    let with = |kernel: &mut Kernel, body: &str| {
        let text = with_key(map, 0, 1) + &format!("r6 = r0\nr1 = r6\ncall 93\n{body}\nr0 = 0\nexit");
        let prog = load(kernel, ProgType::SchedCls, &text);
        kernel.run(prog, Run::default()).map(|it| it.r0).map_err(|error| error.to_string())
    };
    let inside = "r1 = 7\n*(u64 *)(r6 + 8) = r1\nr1 = r6\ncall 94";
    assert_eq!(with(&mut kernel, inside), Ok(0));
    assert_eq!(value(&kernel, map), [[0; 8], [7, 0, 0, 0, 0, 0, 0, 0]].concat(), "the lock is free again");
    let twice = with(&mut kernel, "r1 = r6\ncall 93").unwrap_err();
    assert!(twice.contains("bpf_spin_lock: the lock that instruction 8 of test took"), "{twice}");
    let kept = with(&mut kernel, "").unwrap_err();
    assert!(
        kept.contains("bpf_spin_unlock is missing") && kept.contains("instruction 8: call 0x5d"),
        "{kept}"
    );
    let free = with(&mut kernel, "r1 = r6\ncall 94\nr1 = r6\ncall 94").unwrap_err();
    assert!(free.contains("is no lock that is held"), "{free}");
    // What a fault or a forgetful program leaves is no obstacle to the next.
    assert_eq!(with(&mut kernel, inside), Ok(0));
}
