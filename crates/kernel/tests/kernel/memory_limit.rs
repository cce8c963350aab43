//! What a machine may take of the host, and who hears of it when it is not enough.

use crate::support::{asm, eval, fault, load};
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Class, Config, Context, Fd, Kernel, MapSpec, PacketCtx, PerfEventAttr, ProgLoad, Run};
use skep_maps::CreateClass;

const MIB: u64 = 1 << 20;

fn kernel(memory: u64) -> Kernel {
    Kernel::new(Config { memory, ..Config::default() }).expect("address space")
}

fn map(kernel: &mut Kernel, kind: MapType, value_size: u32, max_entries: u32) -> Fd {
    kernel.map_create(&MapSpec::new(kind, 4, value_size, max_entries).with_name("big")).expect("a map")
}

/// Calls a helper with a map and the keys from 0 on, for ever.
fn with_every_key(map: Fd, call: &str) -> String {
    format!(
        "r7 = 0\nagain:\n*(u32 *)(r10 - 4) = r7\nr1 = map[fd:{map}] ll\nr2 = r10\nr2 += -4\n{call}\nr7 += 1\n
         goto again\nr0 = 0\nexit"
    )
}

const LOOKUP: &str = "call 1";

/// Every way in which a program makes a map take memory ends at the limit, whatever the helper answers otherwise.
#[test]
fn a_program_that_takes_too_much_is_stopped() {
    let insert = |kind, value_size| {
        let mut kernel = kernel(4 * MIB);
        let map = map(&mut kernel, kind, value_size, 1 << 20);
        let zeros = self::map(&mut kernel, MapType::Array, value_size, 1);
        let update = format!("r3 = map[fd:{zeros}][0] ll\nr4 = 0\ncall 2");
        fault(&mut kernel, &with_every_key(map, &update))
    };
    let inserted = [MapType::Hash, MapType::PercpuHash].map(|kind| insert(kind, 4096));
    let mut lookup = |kind| {
        let mut kernel = kernel(4 * MIB);
        let map = map(&mut kernel, kind, 4096, 1 << 12);
        fault(&mut kernel, &with_every_key(map, LOOKUP))
    };
    let looked_up = [MapType::Array, MapType::PercpuArray].map(&mut lookup);
    for error in inserted.into_iter().chain(looked_up) {
        assert_eq!(error.class(), Class::HostLimit, "{error}");
        let text = error.to_string();
        assert!(text.contains("their limit of 4 MiB") && text.contains("skep run --memory"), "{text}");
        let report = error.report().expect("it was running");
        assert!(report.insn.starts_with("call"), "{}", report.insn);
    }
}

#[test]
fn a_walk_is_stopped_too() {
    let mut kernel = kernel(4 * MIB);
    let map = map(&mut kernel, MapType::Array, 4096, 1 << 12);
    let text =
        format!("r1 = map[fd:{map}] ll\nr2 = each ll\nr3 = 0\nr4 = 0\ncall 164\nexit\neach:\nr0 = 0\nexit");
    assert_eq!(fault(&mut kernel, &text).class(), Class::HostLimit);
}

/// A machine is none the worse for it: what was there is there, and with less it goes on.
#[test]
fn the_machine_goes_on() {
    let mut kernel = kernel(4 * MIB);
    let map = map(&mut kernel, MapType::Array, 4096, 1 << 12);
    assert_eq!(fault(&mut kernel, &with_every_key(map, LOOKUP)).class(), Class::HostLimit);
    let first = format!(
        "*(u32 *)(r10 - 4) = 0\nr1 = map[fd:{map}] ll\nr2 = r10\nr2 += -4\ncall 1\nr0 = *(u64 *)(r0 + 0)\nexit"
    );
    assert_eq!(eval(&mut kernel, &first), 0);
    kernel.close(map).unwrap();
    assert!(kernel.memory().resident() < MIB, "{}", kernel.memory().resident());
}

#[test]
fn user_space_is_told_enomem_and_can_ask_why() {
    let mut kernel = kernel(MIB);
    let map = map(&mut kernel, MapType::Array, 2 << 20, 4);
    let update = |kernel: &mut Kernel, map| kernel.map_update_elem(map, &[0; 4], &vec![1; 2 << 20], 0);
    assert_eq!(kernel.refused(), None);
    assert_eq!(update(&mut kernel, map), Err(Errno::ENOMEM));
    let why = kernel.refused().expect("a reason");
    assert!(why.contains("2 MiB more would pass their limit of 1 MiB"), "{why}");
    assert_eq!(kernel.map_update_elem(map, &[9; 4], &[0; 1], 0), Err(Errno::EINVAL));
    assert_eq!(kernel.refused(), None, "that was another error");

    let hash = self::map(&mut kernel, MapType::Hash, 2 << 20, 4);
    assert_eq!(update(&mut kernel, hash), Err(Errno::ENOMEM));
    assert!(kernel.refused().is_some());
    assert_eq!(kernel.map_lookup_elem(hash, &[0; 4]), Err(Errno::ENOENT));
}

#[test]
fn a_map_that_nobody_touches_takes_nothing() {
    let mut kernel = kernel(MIB);
    for kind in [MapType::Array, MapType::PercpuArray, MapType::Hash, MapType::LruHash] {
        map(&mut kernel, kind, 4096, 1 << 14);
    }
    kernel.map_create(&MapSpec::new(MapType::Ringbuf, 0, 0, 64 << 20)).unwrap();
    assert!(kernel.memory().resident() < MIB / 4, "{}", kernel.memory().resident());
}

#[test]
fn creation_and_loading_name_the_limit() {
    let mut kernel = kernel(64 << 10);
    let map = map(&mut kernel, MapType::Array, 1 << 20, 1);
    let load = ProgLoad::new("p", ProgType::RawTracepoint, asm(&format!("r0 = map[fd:{map}][0] ll\nexit")));
    let error = kernel.prog_load(load).unwrap_err();
    assert_eq!((error.class, error.errno), (Class::HostLimit, Errno::ENOMEM));
    assert!(error.to_string().contains("limit of 64 KiB"), "{error}");

    let event = kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).unwrap();
    kernel.memory().set_limit(0);
    assert_eq!(kernel.perf_mmap(event, 1), Err(Errno::ENOMEM));
    assert!(kernel.refused().is_some());
    // The address space has an end of its own, with words of its own.
    let error = kernel.map_create(&MapSpec::new(MapType::Array, 4, 1 << 30, 4)).unwrap_err();
    assert_eq!(error.class(), CreateClass::HostLimit);
    assert!(!error.to_string().contains("Config::memory"), "{error}");
}

#[test]
fn a_packet_and_a_context_need_room_as_well() {
    let mut kernel = kernel(8 << 10);
    let prog = load(&mut kernel, ProgType::Xdp, "r0 = 2\nexit");
    let run = Run::new(Context::Packet(PacketCtx::new(vec![0; 60_000])));
    let error = kernel.run(prog, run).unwrap_err();
    assert_eq!(error.class(), Class::HostLimit, "{error}");
    let prog = load(&mut kernel, ProgType::Kprobe, "r0 = 2\nexit");
    let error = kernel.run(prog, Run::new(Context::Bytes(vec![0; 60_000]))).unwrap_err();
    assert_eq!(error.class(), Class::HostLimit, "{error}");
    kernel.memory().set_limit(u64::MAX);
    assert_eq!(kernel.run(prog, Run::new(Context::Bytes(vec![0; 60_000]))).unwrap().r0, 2);
}

/// Not even a frame: there is nobody to blame but the limit.
#[test]
fn a_stack_needs_room() {
    let mut kernel = kernel(0);
    let error = fault(&mut kernel, "r0 = 0\n*(u64 *)(r10 - 8) = r0\nexit");
    assert_eq!(error.class(), Class::HostLimit, "{error}");
}
