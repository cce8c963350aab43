//! libbpf's own readers and writers of rings, and its skeletons' memory of globals.

use super::{Object, machine};
use libbpf_sys::*;
use skep_compat::Machine;
use skep_kernel::{Context, Fd, Run};
use std::ffi::{c_int, c_void};

fn fd(map: *const bpf_map) -> i32 {
    // SAFETY: a map of an object that is open.
    unsafe { bpf_map__fd(map) }
}

fn prog_fd(program: *const bpf_program) -> i32 {
    // SAFETY: a program of an object that is open.
    unsafe { bpf_program__fd(program) }
}

/// The memory of a data section, which is what the program has.
fn memory(map: *const bpf_map) -> &'static mut [u8] {
    let mut size = 0;
    // SAFETY: libbpf has it mapped for as long as the object is open, which the tests here outlive by nothing.
    unsafe {
        let at = bpf_map__initial_value(map, &mut size);
        std::slice::from_raw_parts_mut(at.cast(), size as usize)
    }
}

fn test_run(program: *const bpf_program, packet: &[u8]) -> u32 {
    let mut opts = bpf_test_run_opts {
        sz: size_of::<bpf_test_run_opts>() as u64,
        data_in: packet.as_ptr().cast(),
        data_size_in: packet.len() as u32,
        repeat: 1,
        ..Default::default()
    };
    // SAFETY: the packet lives for the call.
    assert_eq!(unsafe { bpf_prog_test_run_opts(prog_fd(program), &mut opts) }, 0);
    opts.retval
}

fn run(machine: &Machine, program: *const bpf_program, args: &[u64]) -> u64 {
    let ctx = Context::Raw(args.to_vec());
    machine.with(|it| it.kernel_mut().run(Fd(prog_fd(program)), Run::new(ctx)).unwrap().r0)
}

#[test]
fn globals_are_the_programs_own_memory() {
    let machine = machine();
    let object = Object::open("globals").unwrap();
    memory(object.map(".rodata.limits")).copy_from_slice(&2_u32.to_le_bytes());
    object.load().unwrap();
    let program = object.program("globals");
    let bss = object.map(".bss");
    for run in 1..=2_u64 {
        test_run(program, &[0; 64]);
        assert_eq!(memory(bss)[..8], run.to_le_bytes(), "calls");
    }
    assert_eq!(test_run(program, &[0; 64]), u32::MAX, "no more than max_calls");

    // What is written here, the program reads, and so does everybody who looks the map up.
    memory(bss)[..8].copy_from_slice(&0_u64.to_le_bytes());
    test_run(program, &[0; 64]);
    let mut value = vec![0; memory(bss).len()];
    let key = 0_u32;
    // SAFETY: a key, and a value of the size of the map's.
    let found = unsafe {
        bpf_map__lookup_elem(
            bss,
            (&raw const key).cast(),
            4,
            value.as_mut_ptr().cast(),
            value.len() as u64,
            0,
        )
    };
    assert_eq!(found, 0);
    assert_eq!(value, memory(bss));
    let ours = machine.with(|it| it.kernel().map_lookup_elem(Fd(fd(bss)), &[0; 4]).unwrap());
    assert_eq!(ours, memory(bss));
    assert_eq!(value[..8], 1_u64.to_le_bytes());
}

/// Samples as a reader got them.
type Samples = Vec<Vec<u8>>;

unsafe extern "C" fn ring_sample(samples: *mut c_void, data: *mut c_void, size: u64) -> c_int {
    // SAFETY: what the test gave, and a sample.
    unsafe {
        (*samples.cast::<Samples>()).push(std::slice::from_raw_parts(data.cast(), size as usize).to_vec())
    };
    0
}

#[test]
fn ring_buffer_is_polled() {
    let machine = machine();
    let object = Object::open("ringlog").unwrap();
    object.load().unwrap();
    let mut samples = Samples::new();
    let context = (&raw mut samples).cast();
    // SAFETY: the samples outlive the ring.
    let ring =
        unsafe { ring_buffer__new(fd(object.map("ring")), Some(ring_sample), context, std::ptr::null()) };
    assert!(!ring.is_null());
    // SAFETY: the ring is there until it is freed.
    unsafe {
        assert_eq!(ring_buffer__poll(ring, 0), 0);
        // More than the ring holds at once, so that it goes round.
        for round in 0..100_u64 {
            for syscall in 0..10 {
                assert_eq!(run(&machine, object.program("log_reserve"), &[0, round * 10 + syscall]), 1);
            }
            assert_eq!(ring_buffer__poll(ring, 1000), 10, "round {round}");
            assert_eq!(ring_buffer__consume(ring), 0);
        }
        assert_eq!(ring_buffer__poll(ring, 20), 0, "nothing more comes");
        ring_buffer__free(ring);
    }
    assert_eq!(samples.len(), 1000);
    for (index, sample) in samples.iter().enumerate() {
        assert_eq!(sample.len(), 24);
        assert_eq!(sample[8..16], (index as u64).to_le_bytes(), "seq");
        assert_eq!(sample[16..], (index as u64).to_le_bytes(), "syscall");
    }
}

unsafe extern "C" fn perf_sample(samples: *mut c_void, cpu: c_int, data: *mut c_void, size: u32) {
    assert_eq!(cpu, 0);
    // SAFETY: what the test gave, and a sample.
    unsafe {
        (*samples.cast::<Samples>()).push(std::slice::from_raw_parts(data.cast(), size as usize).to_vec())
    };
}

#[test]
fn perf_buffer_is_polled() {
    let _machine = machine();
    let object = Object::open("xdp_sample").unwrap();
    object.load().unwrap();
    let mut samples = Samples::new();
    let context = (&raw mut samples).cast();
    let map = fd(object.map("events"));
    // SAFETY: the samples outlive the buffer.
    let buffer = unsafe { perf_buffer__new(map, 8, Some(perf_sample), None, context, std::ptr::null()) };
    assert!(!buffer.is_null());
    let packet: Vec<u8> = (0..100).collect();
    // SAFETY: the buffer is there until it is freed.
    unsafe {
        assert_eq!(perf_buffer__buffer_cnt(buffer), 4, "one for each processor");
        for _ in 0..3 {
            assert_eq!(test_run(object.program("xdp_sample"), &packet), 2);
        }
        assert!(perf_buffer__poll(buffer, 1000) > 0);
        assert_eq!(perf_buffer__consume(buffer), 0);
        perf_buffer__free(buffer);
    }
    assert_eq!(samples.len(), 3);
    for sample in &samples {
        assert_eq!(sample[..4], 0x736b_6570_u32.to_le_bytes());
        assert_eq!(sample[16..76], packet[..60], "as much of the packet as was asked for");
    }
}

#[test]
fn user_ring_buffer_is_filled() {
    let machine = machine();
    let object = Object::open("user_rules").unwrap();
    object.load().unwrap();
    // SAFETY: a map of the object, and no options.
    let ring = unsafe { user_ring_buffer__new(fd(object.map("updates")), std::ptr::null()) };
    assert!(!ring.is_null());
    for port in [22_u32, 80, 443] {
        // SAFETY: the ring is there until it is freed; a sample of eight bytes is written and handed back.
        unsafe {
            let sample = user_ring_buffer__reserve_blocking(ring, 8, 1000).cast::<[u32; 2]>();
            assert!(!sample.is_null());
            sample.write([port, u32::from(port != 22)]);
            user_ring_buffer__submit(ring, sample.cast());
        }
    }
    run(&machine, object.program("update"), &[0, 0]);
    for (port, allow) in [(22_u32, 0_u32), (80, 1), (443, 1)] {
        let found = machine.with(|it| {
            it.kernel().map_lookup_elem(Fd(fd(object.map("rules"))), &port.to_le_bytes()).unwrap()
        });
        assert_eq!(found, allow.to_le_bytes(), "{port}");
    }
    // SAFETY: nothing is asked of it any more.
    unsafe { user_ring_buffer__free(ring) };
}
