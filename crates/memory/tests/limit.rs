//! What objects take of the host: counted, limited, given back.

mod common;
use common::{memory, origin};
use skep_memory::{Arena, Cause, Memory, NoMemory, OverLimit, Rights};

const MIB: usize = 1 << 20;

/// A page of the host, as far as these tests care: one byte of an object takes three of them.
fn page() -> u64 {
    let memory = memory();
    memory.alloc(Arena::Values, 1, 8, Rights::RW, origin("one")).unwrap();
    memory.resident() / 3
}

fn array(memory: &Memory, size: usize, count: usize) -> u64 {
    memory.alloc_array(Arena::Values, size, size, count, Rights::RW, origin("array")).unwrap()
}

#[test]
fn what_is_granted_is_counted_once() {
    let (memory, page) = (memory(), page());
    let first = array(&memory, 64, 1 << 20);
    assert_eq!(memory.resident(), 0, "an array that nobody touched takes nothing");
    for element in 0..(page / 64) {
        assert!(memory.grant(first + element * 64) && memory.grant(first + element * 64));
    }
    // The array need not begin at a page.
    assert!((3 * page..=6 * page).contains(&memory.resident()), "{}", memory.resident());
    assert!(memory.free(first));
    assert_eq!(memory.resident(), 0, "a large object goes back to the host");
}

#[test]
fn rights_decide_how_many_pages() {
    for (rights, pages) in [(Rights::NONE, 0), (Rights::RO, 2), (Rights::WO, 2), (Rights::RW, 3)] {
        let memory = memory();
        memory.alloc(Arena::Values, 64, 8, rights, origin("v")).unwrap();
        assert_eq!(memory.resident(), pages * page(), "{rights:?}");
    }
}

#[test]
fn the_kernels_own_writes_are_counted() {
    let (memory, page) = (memory(), page());
    let ring = memory.alloc(Arena::Pages, MIB, page as usize, Rights::NONE, origin("ring")).unwrap();
    memory.peek_u64(ring).unwrap();
    assert_eq!(memory.resident(), 0, "reading takes nothing");
    memory.poke_u64(ring, 1).unwrap();
    memory.store_release_u64(ring + 8, 1).unwrap();
    memory.fill(ring + page - 8, 16, 1).unwrap();
    assert_eq!(memory.resident(), 2 * page);
    memory.copy(ring + 4 * page, ring, page as usize).unwrap();
    assert_eq!(memory.resident(), 3 * page);
}

#[test]
fn a_limit_refuses_everything_that_would_pass_it() {
    let (memory, page) = (memory(), page());
    let elements = array(&memory, page as usize, 1000);
    let whole = memory.alloc(Arena::Kernel, MIB, 64, Rights::NONE, origin("whole")).unwrap();
    memory.set_limit(5 * page);
    assert_eq!(memory.limit(), 5 * page);
    assert!(memory.grant(elements) && memory.take_refused().is_none());
    let used = memory.resident();

    assert!(!memory.grant(elements + 500 * page));
    let refused = memory.take_refused().unwrap();
    assert_eq!((refused.resident, refused.limit), (used, 5 * page));
    assert_eq!(memory.take_refused(), None, "it is said once");
    assert_eq!(memory.load(elements + 500 * page, 8).unwrap_err().cause, Cause::NotGranted);

    let error = memory.alloc(Arena::Values, MIB, 8, Rights::RW, origin("big")).unwrap_err();
    assert!(matches!(error, NoMemory::OverLimit(_)), "{error}");
    assert!(!memory.carve(whole, MIB, Rights::RW, origin("part")));
    assert!(!memory.set_rights(whole, Rights::RW));
    let fault = memory.fill(whole, MIB, 1).unwrap_err();
    assert_eq!(fault.cause, Cause::OverLimit);
    assert!(
        fault.to_string().ends_with("simulated objects may not take more of the host's memory"),
        "{fault}"
    );
    assert!(!memory.take_outside(MIB as u64));
    assert!(memory.take_refused().is_some());
    assert_eq!(memory.resident(), used, "what was refused takes nothing");

    memory.set_limit(u64::MAX);
    assert!(memory.set_rights(whole, Rights::RW) && memory.grant(elements + 500 * page));
    assert!(
        !memory.set_extent(whole, whole, MIB + 1) && memory.take_refused().is_none(),
        "no room is no limit"
    );
}

/// An allocation that was refused leaves no addresses behind.
#[test]
fn a_refused_allocation_is_undone() {
    let memory = memory();
    memory.set_limit(MIB as u64);
    let alloc = |size| memory.alloc(Arena::Stack, size, 8, Rights::RW, origin("v"));
    for _ in 0..1000 {
        assert!(matches!(alloc(8 * MIB), Err(NoMemory::OverLimit(_))));
    }
    assert_eq!(memory.objects(), []);
    memory.set_limit(u64::MAX);
    alloc(30 * MIB).unwrap();
}

#[test]
fn an_extent_that_is_refused_stays_what_it_was() {
    let memory = memory();
    let packet = memory.alloc(Arena::Packet, MIB, 64, Rights::NONE, origin("packet")).unwrap();
    assert!(memory.set_extent(packet, packet, 64) && memory.set_rights(packet, Rights::RW));
    memory.set_limit(memory.resident());
    assert!(!memory.set_extent(packet, packet, MIB));
    assert!(memory.take_refused().is_some());
    memory.store(packet + 56, 8, 7).unwrap();
    assert!(memory.load(packet + 64, 1).is_err());
}

/// Whatever an extent was before, it grants exactly its own bytes.
#[test]
fn every_move_of_an_extent() {
    let memory = memory();
    let packet = memory.alloc(Arena::Packet, 40, 16, Rights::NONE, origin("packet")).unwrap();
    assert!(memory.set_extent(packet, packet, 0));
    for rights in [Rights::RW, Rights::RO, Rights::WO] {
        assert!(memory.set_rights(packet, rights));
        let all = || (0..=30u64).flat_map(|start| (0..=30 - start).map(move |len| (start, len)));
        for ((start, len), (then, and)) in
            all().zip(all().skip(1)).chain(all().zip(all().collect::<Vec<_>>().into_iter().rev()))
        {
            assert!(memory.set_extent(packet, packet + start, len as usize));
            assert!(memory.set_extent(packet, packet + then, and as usize));
            for at in 0..40 {
                let left = if (then..then + and).contains(&at) { then + and - at } else { 0 };
                for size in [1, 2, 4, 8] {
                    let fits = size as u64 <= left;
                    assert_eq!(memory.load(packet + at, size).is_ok(), fits && rights.load, "{at} {size}");
                    assert_eq!(
                        memory.store(packet + at, size, 0).is_ok(),
                        fits && rights.store,
                        "{at} {size}"
                    );
                }
            }
        }
    }
}

#[test]
fn memory_outside_counts_too() {
    let memory = memory();
    memory.set_limit(100);
    assert!(memory.take_outside(60) && !memory.take_outside(60) && memory.take_outside(40));
    assert_eq!(memory.take_refused(), Some(OverLimit { wanted: 60, resident: 60, limit: 100 }));
    memory.give_outside(70);
    assert_eq!(memory.resident(), 30);
    assert!(memory.take_outside(70));
}

#[test]
fn a_restored_memory_takes_what_it_took() {
    let (memory, page) = (memory(), page());
    let elements = array(&memory, page as usize, 1000);
    assert!(memory.grant(elements));
    memory.take_outside(5);
    let (snapshot, before) = (memory.snapshot(), memory.resident());
    for round in 1..4u64 {
        (0..100).for_each(|element| assert!(memory.grant(elements + element * page)));
        memory.store(elements + 50 * page, 8, round).unwrap();
        memory.take_outside(MIB as u64);
        assert!(memory.resident() > before + 250 * page);
        memory.restore(&snapshot).unwrap();
        assert_eq!(memory.resident(), before);
        assert!(memory.load(elements + 50 * page, 8).is_err());
        assert_eq!(memory.peek_u64(elements + 50 * page).unwrap(), 0);
    }
    let other = Memory::new().unwrap();
    other.restore(&snapshot).unwrap();
    assert_eq!(other.resident(), before);
}

/// The reservation of a memory that was dropped comes back without its limit and its count.
#[test]
fn the_next_memory_starts_from_nothing() {
    for _ in 0..3 {
        let memory = memory();
        assert_eq!((memory.limit(), memory.resident(), memory.take_refused()), (u64::MAX, 0, None));
        memory.alloc(Arena::Values, MIB, 8, Rights::RW, origin("v")).unwrap();
        memory.set_limit(1);
    }
}

#[test]
fn sizes_in_words() {
    let text = |wanted, resident, limit| OverLimit { wanted, resident, limit }.to_string();
    expect_test::expect![[r"
        simulated objects take 127.9 MiB of the host's memory, and 12 KiB more would pass their limit of 128 MiB
        simulated objects take 0 KiB of the host's memory, and 12.5 MiB more would pass their limit of 1 KiB"]]
    .assert_eq(&format!(
        "{}\n{}",
        text(12 << 10, (128 << 20) - 4096, 128 << 20),
        text((12 << 20) + (512 << 10), 0, 100)
    ));
}
