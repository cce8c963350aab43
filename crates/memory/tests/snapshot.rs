//! Going back. (The model test does it at random, too.)

mod common;
use common::{memory, origin, site, value};
use skep_memory::{Arena, Cause, Memory, Rights};

/// Some of everything, the same every time.
fn play(memory: &Memory) -> Vec<u64> {
    let mut addrs = Vec::new();
    for arena in Arena::ALL {
        for size in [8, 100, 5000, 200_000] {
            let addr = memory.alloc(arena, size, 64, Rights::RW, origin("p")).unwrap();
            memory.fill(addr, size, 0x3c).unwrap();
            addrs.push(addr);
        }
        memory.free(addrs[addrs.len() / 2]);
    }
    addrs
}

#[test]
fn bytes_rights_objects_and_later_addresses_come_back() {
    let memory = memory();
    let first = value(&memory, 24);
    memory.store(first, 8, 1).unwrap();
    let array = memory.alloc_array(Arena::Values, 8, 8, 1000, Rights::RW, origin("a")).unwrap();
    memory.grant(array + 80);
    let gone = value(&memory, 40);
    memory.free_at(gone, Some(site(1, 2)));
    let snapshot = memory.snapshot();
    let played = play(&memory);

    memory.store(first, 8, 2).unwrap();
    memory.set_rights(first, Rights::NONE);
    memory.grant(array + 88);
    memory.store(array + 80, 8, 9).unwrap();
    memory.restore(&snapshot).unwrap();
    assert_eq!(memory.load(first, 8), Ok(1));
    assert_eq!((memory.load(array + 80, 8), memory.load(array + 88, 8).is_err()), (Ok(0), true));
    assert_eq!(memory.load(gone, 8).unwrap_err().cause, Cause::Freed);
    assert_eq!(memory.objects().len(), 2);
    assert!(played.iter().all(|addr| memory.load(*addr, 1).is_err()));

    assert_eq!(play(&memory), played);
    memory.restore(&snapshot).unwrap();
    let other = common::memory();
    play(&other);
    other.restore(&snapshot).unwrap();
    assert_eq!((other.load(first, 8), other.objects()), (Ok(1), memory.objects()));
    assert_eq!(play(&other), played);
}

#[test]
fn a_restored_memory_leaves_nothing_behind_either() {
    for _ in 0..40 {
        let memory = memory();
        let snapshot = memory.snapshot();
        let addr = value(&memory, 300_000);
        memory.fill(addr, 300_000, 0xff).unwrap();
        memory.restore(&snapshot).unwrap();
        drop(memory);
        let memory = common::memory();
        let addr = value(&memory, 300_000);
        let mut bytes = vec![1; 300_000];
        memory.read(addr, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0));
        memory.fill(addr, 300_000, 0xff).unwrap();
    }
}

#[test]
fn a_huge_array_is_no_huge_snapshot() {
    let memory = memory();
    let array = memory.alloc_array(Arena::Values, 8, 8, 10_000_000, Rights::RW, origin("a")).unwrap();
    let last = array + 8 * 9_999_999;
    memory.poke_u64(last, 5).unwrap();
    let snapshot = memory.snapshot();
    memory.poke_u64(last, 6).unwrap();
    memory.poke_u64(last - 4_000_000, 6).unwrap();
    memory.restore(&snapshot).unwrap();
    assert_eq!((memory.peek_u64(last), memory.peek_u64(last - 4_000_000)), (Ok(5), Ok(0)));
}

#[cfg(all(target_os = "linux", not(skep_portable_memory)))]
#[test]
fn pages_from_outside_have_to_be_there() {
    use skep_memory::RestoreError;
    let memory = memory();
    let before = memory.snapshot();
    let ring = |memory: &Memory| memory.alloc_mirrored(Arena::Pages, 4096, 8192, origin("r")).unwrap();
    let first = ring(&memory);
    memory.poke_u64(first, 1).unwrap();
    let with = memory.snapshot();
    memory.poke_u64(first, 2).unwrap();
    memory.restore(&with).unwrap();
    assert_eq!(memory.peek_u64(first), Ok(1));
    assert_eq!(common::memory().restore(&with), Err(RestoreError::Pages));
    memory.restore(&before).unwrap();
    assert!(memory.peek_u64(first).is_err());
    assert_eq!(ring(&memory), first, "the same addresses, but other pages");
    memory.poke_u64(first, 7).unwrap();
    assert_eq!(memory.restore(&with), Err(RestoreError::Pages));
    assert_eq!(memory.peek_u64(first), Ok(7), "refused, and nothing has changed");
}
