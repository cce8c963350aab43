//! `bpf_get_stackid` and the map behind it: ids, what user space reads, and what happens when stacks collide.

use crate::support::{eval, kernel};
use proptest::prelude::*;
use skep_abi::flags::BPF_F_STACK_BUILD_ID;
use skep_abi::{Errno, MapType};
use skep_kernel::{CallStack, Fd, Kernel, MapSpec, MappedFile};
use std::collections::HashMap;

const USER: u64 = 1 << 8;
const FAST: u64 = 1 << 9;
const REUSE: u64 = 1 << 10;

fn stacks(kernel: &mut Kernel, depth: u32, max: u32) -> Fd {
    kernel.map_create(&MapSpec::new(MapType::StackTrace, 4, 8 * depth, max)).unwrap()
}

fn stackid(kernel: &mut Kernel, map: Fd, flags: u64) -> i64 {
    eval(kernel, &format!("r2 = map[fd:{map}] ll\nr3 = {flags:#x} ll\ncall 27\nexit"))
}

fn set(kernel: &mut Kernel, ips: &[u64]) {
    kernel.set_call_stack(Some(CallStack { kernel: ips.to_vec(), user: vec![0x40_1000] }));
}

fn read(kernel: &Kernel, map: Fd, id: i64) -> Vec<u64> {
    let value = kernel.map_lookup_elem(map, &(id as u32).to_le_bytes()).unwrap();
    value.chunks(8).map(|it| u64::from_le_bytes(it.try_into().unwrap())).collect()
}

#[test]
fn a_stack_has_one_id_and_can_be_read() {
    let mut kernel = kernel();
    let map = stacks(&mut kernel, 4, 1024);
    set(&mut kernel, &[1, 2, 3]);
    let id = stackid(&mut kernel, map, 0);
    assert!(id >= 0, "{id}");
    assert_eq!(stackid(&mut kernel, map, 0), id);
    assert_eq!(read(&kernel, map, id), [1, 2, 3, 0]);
    let user = stackid(&mut kernel, map, USER);
    assert_eq!(read(&kernel, map, user), [0x40_1000, 0, 0, 0]);
    let skipped = stackid(&mut kernel, map, 1);
    assert_eq!(read(&kernel, map, skipped), [2, 3, 0, 0]);
    set(&mut kernel, &[1, 2, 3, 4, 5, 6]);
    let cut = stackid(&mut kernel, map, 0);
    assert_eq!(read(&kernel, map, cut), [1, 2, 3, 4]);
}

#[test]
fn what_is_refused() {
    let mut kernel = kernel();
    let map = stacks(&mut kernel, 4, 4);
    set(&mut kernel, &[1, 2, 3]);
    for (flags, errno) in [
        (1 << 11, Errno::EINVAL),
        (1 << 12, Errno::EINVAL),
        (1 << 63, Errno::EINVAL),
        (3, Errno::EFAULT),
        (255, Errno::EFAULT),
        (USER | 1, Errno::EFAULT),
    ] {
        assert_eq!(stackid(&mut kernel, map, flags), errno.neg(), "{flags:#x}");
    }
    set(&mut kernel, &[]);
    assert_eq!(stackid(&mut kernel, map, 0), Errno::EFAULT.neg(), "an empty stack");
}

/// One bucket: every other stack collides.
#[test]
fn collisions() {
    let mut kernel = kernel();
    let map = stacks(&mut kernel, 4, 1);
    set(&mut kernel, &[1]);
    assert_eq!(stackid(&mut kernel, map, 0), 0);
    set(&mut kernel, &[2]);
    assert_eq!(stackid(&mut kernel, map, 0), Errno::EEXIST.neg());
    assert_eq!(stackid(&mut kernel, map, FAST), Errno::EEXIST.neg(), "the hash is another");
    assert_eq!(read(&kernel, map, 0)[0], 1);
    // The only place is taken by the stack that would be replaced.
    assert_eq!(stackid(&mut kernel, map, REUSE), Errno::ENOMEM.neg());
    kernel.map_delete_elem(map, &[0; 4]).unwrap();
    assert_eq!(stackid(&mut kernel, map, REUSE), 0);
    assert_eq!(read(&kernel, map, 0)[0], 2);
}

#[test]
fn build_ids() {
    let mut kernel = kernel();
    let spec = MapSpec { flags: BPF_F_STACK_BUILD_ID, ..MapSpec::new(MapType::StackTrace, 4, 64, 16) };
    let map = kernel.map_create(&spec).unwrap();
    kernel.map_file(MappedFile { start: 0x40_0000, len: 0x2000, offset: 0, build_id: [3; 20] });
    set(&mut kernel, &[1, 2]);
    let id = stackid(&mut kernel, map, USER);
    let words = read(&kernel, map, id);
    let bytes: Vec<u8> = words.iter().flat_map(|it| it.to_le_bytes()).collect();
    assert_eq!((bytes[0], &bytes[4..24], words[3]), (1, &[3; 20][..], 0x1000));
    let id = stackid(&mut kernel, map, 0);
    let words = read(&kernel, map, id);
    assert_eq!((words[0], words[3], words[7]), (2, 1, 2), "in the kernel there are addresses alone");
}

proptest! {
    /// The model: a bucket holds the stack that came first; ids do not depend on what came before.
    #[test]
    fn as_the_model(stacks_of in prop::collection::vec(prop::collection::vec(1u64..4, 1..4), 1..40)) {
        let mut kernel = kernel();
        let map = stacks(&mut kernel, 4, 8);
        let fresh = |ips: &[u64]| {
            let mut kernel = crate::support::kernel();
            let map = stacks(&mut kernel, 4, 8);
            set(&mut kernel, ips);
            stackid(&mut kernel, map, 0)
        };
        let mut model: HashMap<i64, Vec<u64>> = HashMap::new();
        for ips in stacks_of {
            set(&mut kernel, &ips);
            let id = fresh(&ips);
            let held = model.entry(id).or_insert_with(|| ips.clone());
            let expected = if *held == ips { id } else { Errno::EEXIST.neg() };
            prop_assert_eq!(stackid(&mut kernel, map, 0), expected);
        }
        for (id, ips) in model {
            let found = read(&kernel, map, id);
            prop_assert_eq!(&found[..ips.len()], &ips[..]);
        }
    }
}
