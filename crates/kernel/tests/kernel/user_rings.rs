//! `bpf_user_ringbuf_drain`: records from user space, through a callback.

use crate::support::{asm, kernel, value, value_map};
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Fd, Kernel, MapSpec, ProgLoad, Run};

fn ring(kernel: &mut Kernel) -> Fd {
    kernel.map_create(&MapSpec::new(MapType::UserRingbuf, 0, 0, 4096).with_name("requests")).unwrap()
}

/// Drains with a callback that adds the first word of each record to the sum; `end` decides what it returns.
fn program(kernel: &mut Kernel, ring: Fd, sum: Fd, flags: u64, end: &str) -> Fd {
    let text = format!(
        "r1 = map[fd:{ring}] ll\nr2 = callback ll\nr3 = map[fd:{sum}][0]+0 ll\nr4 = {flags}\ncall 209\nexit\n\
         callback:\nr6 = r1\nr7 = r2\nr1 = r10\nr1 += -8\nr2 = 8\nr3 = r6\nr4 = 0\nr5 = 0\ncall 201\n\
         if r0 != 0 goto out\nr1 = *(u64 *)(r10 - 8)\nr2 = *(u64 *)(r7 + 0)\nr2 += r1\n*(u64 *)(r7 + 0) = r2\n\
         out:\n{end}exit"
    );
    kernel.prog_load(ProgLoad::new("drain", ProgType::SchedCls, asm(&text))).unwrap()
}

fn run(kernel: &mut Kernel, prog: Fd) -> i64 {
    kernel.run(prog, Run::default()).unwrap().r0 as i64
}

fn push(kernel: &Kernel, ring: Fd, number: u64) -> Result<(), Errno> {
    let ring = kernel.map(ring).unwrap().user_ring().unwrap();
    ring.push(kernel.memory(), &number.to_le_bytes())
}

fn sum_of(kernel: &Kernel, sum: Fd) -> u64 {
    u64::from_le_bytes(value(kernel, sum).try_into().unwrap())
}

#[test]
fn a_callback_sees_every_record_once() {
    let mut kernel = kernel();
    let (ring, sum) = (ring(&mut kernel), value_map(&mut kernel, 8));
    let prog = program(&mut kernel, ring, sum, 0, "r0 = 0\n");
    assert_eq!(run(&mut kernel, prog), 0);
    let mut expected = 0;
    // Often enough to go around.
    for round in 0..100u64 {
        for number in 0..7 {
            push(&kernel, ring, round * 10 + number).unwrap();
            expected += round * 10 + number;
        }
        let user = kernel.map(ring).unwrap().user_ring().unwrap();
        user.push_discarded(kernel.memory(), &[0xff; 24]).unwrap();
        assert_eq!(run(&mut kernel, prog), 7);
        assert_eq!(sum_of(&kernel, sum), expected);
        assert!(kernel.ringbuf_poll(ring).unwrap(), "the producer is woken");
    }
    assert_eq!(kernel.map(ring).unwrap().user_ring().unwrap().waiting(kernel.memory()), Ok(0));
}

#[test]
fn a_callback_can_stop() {
    let mut kernel = kernel();
    let (ring, sum) = (ring(&mut kernel), value_map(&mut kernel, 8));
    let prog = program(&mut kernel, ring, sum, 1, "r0 = 1\n");
    (1..=3).for_each(|number| push(&kernel, ring, number).unwrap());
    assert_eq!((run(&mut kernel, prog), sum_of(&kernel, sum)), (1, 1));
    assert_eq!((run(&mut kernel, prog), sum_of(&kernel, sum)), (1, 3));
    assert!(!kernel.ringbuf_poll(ring).unwrap(), "BPF_RB_NO_WAKEUP");
    let user = kernel.map(ring).unwrap().user_ring().unwrap();
    user.push_busy(kernel.memory(), &[0; 8]).unwrap();
    assert_eq!((run(&mut kernel, prog), run(&mut kernel, prog)), (1, 0), "it stops at what is being written");
}

#[test]
fn what_a_producer_gets_wrong() {
    let mut kernel = kernel();
    let (ring, sum) = (ring(&mut kernel), value_map(&mut kernel, 8));
    let prog = program(&mut kernel, ring, sum, 0, "r0 = 0\n");
    let wrong = program(&mut kernel, ring, sum, 4, "r0 = 0\n");
    assert_eq!(run(&mut kernel, wrong), Errno::EINVAL.neg());
    let fit = (0..).find(|_| push(&kernel, ring, 1).is_err()).unwrap();
    assert_eq!(fit, 4096 / 16);
    assert_eq!(push(&kernel, ring, 1), Err(Errno::ENOSPC));
    let user = |kernel: &Kernel| kernel.map(ring).unwrap().user_ring().unwrap().clone();
    assert_eq!(user(&kernel).push(kernel.memory(), &[0; 4096]), Err(Errno::E2BIG));
    assert_eq!(run(&mut kernel, prog), 256);
    user(&kernel).set_producer(kernel.memory(), 4097).unwrap();
    assert_eq!(run(&mut kernel, prog), Errno::EINVAL.neg(), "no multiple of 8");
    user(&kernel).set_producer(kernel.memory(), 4096 + 8).unwrap();
    assert_eq!(run(&mut kernel, prog), Errno::EINVAL.neg(), "the record leaves what is there");
}
