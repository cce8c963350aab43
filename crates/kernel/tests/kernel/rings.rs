//! BPF ring buffers, as programs and readers see them.

use crate::support::{eval, fault, kernel};
use skep_abi::{Errno, MapType};
use skep_kernel::{Class, Fd, Kernel, MapSpec};

fn ring(kernel: &mut Kernel) -> Fd {
    kernel.map_create(&MapSpec::new(MapType::Ringbuf, 0, 0, 4096).with_name("events")).unwrap()
}

fn consume(kernel: &Kernel, ring: Fd) -> Option<Vec<u8>> {
    let memory = kernel.memory();
    kernel.map(ring).unwrap().ring().unwrap().consume(memory).unwrap()
}

/// Reserves 8 bytes, runs `then` with the record in r6, and returns r0.
fn reserving(ring: Fd, size: u64, then: &str) -> String {
    format!(
        "r1 = map[fd:{ring}] ll\nr2 = {size}\nr3 = 0\ncall 131\nif r0 == 0 goto out\nr6 = r0\n{then}
         out:\nexit"
    )
}

const SUBMIT: &str = "r1 = r6\nr2 = 0\ncall 132\n";
const DISCARD: &str = "r1 = r6\nr2 = 0\ncall 133\n";

#[test]
fn a_submitted_record_reaches_the_reader() {
    let mut kernel = kernel();
    let ring = ring(&mut kernel);
    assert_eq!(eval(&mut kernel, &reserving(ring, 8, &format!("*(u64 *)(r6 + 0) = 7\n{SUBMIT}"))), 0);
    assert_eq!(kernel.ringbuf_poll(ring), Ok(true));
    assert_eq!(kernel.ringbuf_poll(ring), Ok(false));
    assert_eq!(consume(&kernel, ring), Some(7u64.to_le_bytes().to_vec()));
    assert_eq!(consume(&kernel, ring), None);
}

#[test]
fn a_discarded_record_does_not() {
    let mut kernel = kernel();
    let ring = ring(&mut kernel);
    assert_eq!(eval(&mut kernel, &reserving(ring, 8, DISCARD)), 0);
    assert_eq!(consume(&kernel, ring), None);
}

#[test]
fn a_record_stops_at_its_size_and_ends_when_it_is_handed_over() {
    let mut kernel = kernel();
    let ring = ring(&mut kernel);
    let past = fault(&mut kernel, &reserving(ring, 8, "*(u8 *)(r6 + 8) = 7"));
    assert!(past.to_string().contains("ring buffer record \"events\" (8 bytes)"), "{past}");
    let after = fault(&mut kernel, &reserving(ring, 8, &format!("{SUBMIT}r0 = *(u64 *)(r6 + 0)")));
    assert_eq!(after.class(), Class::ProgramFault);
    // Where it was reserved, and where it was handed over.
    let text = after.to_string();
    assert!(text.contains("instruction 4 of test") && text.contains("instruction 9 of test"), "{text}");
    let twice = fault(&mut kernel, &reserving(ring, 8, &format!("{SUBMIT}{SUBMIT}")));
    assert!(
        twice.to_string().contains("bpf_ringbuf_submit, argument 1")
            && twice.to_string().contains("reserved"),
        "{twice}"
    );
    let inside = fault(&mut kernel, &reserving(ring, 8, &format!("r6 += 4\n{DISCARD}")));
    assert_eq!(inside.class(), Class::ProgramFault);
}

#[test]
fn a_full_ring_answers_null() {
    let mut kernel = kernel();
    let ring = ring(&mut kernel);
    let text = reserving(ring, 1000, &format!("{SUBMIT}r0 = 1"));
    let answers: Vec<_> = (0..6).map(|_| eval(&mut kernel, &text)).collect();
    assert_eq!(answers, [1, 1, 1, 1, 0, 0]);
    assert_eq!(eval(&mut kernel, &reserving(ring, 4089, "r0 = 1")), 0, "never fits");
    assert_eq!(consume(&kernel, ring).map(|it| it.len()), Some(1000));
    assert_eq!(eval(&mut kernel, &text), 1);
    let flags = reserving(ring, 8, "r0 = 1").replace("r3 = 0", "r3 = 1");
    assert_eq!(eval(&mut kernel, &flags), 0, "flags");
}

#[test]
fn output_copies() {
    let mut kernel = kernel();
    let ring = ring(&mut kernel);
    let text = |size: u64, flags: u64| {
        format!(
            "*(u64 *)(r10 - 8) = 0x41\nr1 = map[fd:{ring}] ll\nr2 = r10\nr2 += -8\nr3 = {size}\nr4 = {flags}
             call 130\nexit"
        )
    };
    assert_eq!(eval(&mut kernel, &text(3, 0)), 0);
    assert_eq!(consume(&kernel, ring), Some(vec![0x41, 0, 0]));
    assert_eq!(eval(&mut kernel, &text(8, 4)), Errno::EINVAL.neg());
    assert_eq!(fault(&mut kernel, &text(9, 0)).class(), Class::ProgramFault);
    let fill: Vec<_> = (0..257).map(|_| eval(&mut kernel, &text(8, 0))).collect();
    assert_eq!(fill.iter().filter(|it| **it == 0).count(), 255);
    assert_eq!(fill[256], Errno::EAGAIN.neg());
}

#[test]
fn query_says_where_things_are() {
    let mut kernel = kernel();
    let ring = ring(&mut kernel);
    eval(&mut kernel, &reserving(ring, 8, SUBMIT));
    eval(&mut kernel, &reserving(ring, 8, SUBMIT));
    consume(&kernel, ring);
    let mut query = |flag| eval(&mut kernel, &format!("r1 = map[fd:{ring}] ll\nr2 = {flag}\ncall 134\nexit"));
    // Available data, size, consumer, producer; anything else is 0.
    assert_eq!([0, 1, 2, 3, 4].map(&mut query), [16, 4096, 16, 32, 0]);
}

#[test]
fn only_ring_buffers_are_rings() {
    let mut kernel = kernel();
    let array = crate::support::value_map(&mut kernel, 8);
    let error = fault(&mut kernel, &reserving(array, 8, ""));
    assert!(error.to_string().contains("bpf_ringbuf_reserve, argument 1 (ringbuf)"), "{error}");
    assert!(error.to_string().contains("is no ring buffer"), "{error}");
}
