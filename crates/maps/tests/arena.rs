//! Arenas: pages that are taken and given back, against a model of one bit for each.

use proptest::prelude::*;
use skep_abi::flags::BPF_F_MMAPABLE;
use skep_abi::{Errno, MapType};
use skep_maps::{Cx, Map, MapSpec};
use skep_memory::Memory;

const START: u64 = 1 << 44;
const PAGE: u64 = 4096;
const PAGES: usize = 24;

fn arena(memory: &Memory, pages: u32) -> Map {
    let spec =
        MapSpec { map_extra: START, ..MapSpec::new(MapType::Arena, 0, 0, pages).with_flags(BPF_F_MMAPABLE) };
    Map::new(spec, &Cx::new(memory, 1)).unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Anywhere(u32),
    At(u64, u32),
    Free(u64, u32),
    Reserve(u64, u32),
    Touch(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let (page, count) = (0..PAGES as u64 + 2, 0u32..6);
    prop_oneof![
        count.clone().prop_map(Op::Anywhere),
        (page.clone(), count.clone()).prop_map(|(page, count)| Op::At(page, count)),
        (page.clone(), count.clone()).prop_map(|(page, count)| Op::Free(page, count)),
        (page.clone(), count).prop_map(|(page, count)| Op::Reserve(page, count)),
        page.prop_map(Op::Touch),
    ]
}

/// Which pages are taken, and which are there.
#[derive(Default)]
struct Model {
    taken: [bool; PAGES],
    there: [bool; PAGES],
}

impl Model {
    fn is_free(&self, page: u64, count: u32) -> bool {
        let range = self.taken.get(page as usize..page as usize + count as usize);
        range.is_some_and(|it| it.iter().all(|taken| !taken))
    }

    fn take(&mut self, page: u64, count: u32) {
        let range = page as usize..page as usize + count as usize;
        self.taken[range.clone()].fill(true);
        self.there[range].fill(true);
    }

    /// Whether there is room for so many in a row.
    fn fits(&self, count: u32) -> bool {
        (0..PAGES as u64).any(|page| self.is_free(page, count))
    }
}

proptest! {
    #[test]
    fn pages_are_taken_once(ops in prop::collection::vec(op(), 1..60)) {
        let memory = Memory::new().unwrap();
        let mut map = arena(&memory, PAGES as u32);
        let arena = map.arena_mut().unwrap();
        let mut model = Model::default();
        for op in ops {
            match op {
                Op::Anywhere(count) => match arena.alloc(&memory, 0, count) {
                    Some(at) => {
                        let page = (at - START) / PAGE;
                        prop_assert!(count > 0 && model.is_free(page, count), "{op:?} gave {page}");
                        model.take(page, count);
                    }
                    None => prop_assert!(count == 0 || !model.fits(count), "{op:?}"),
                },
                Op::At(page, count) => {
                    let fits = count > 0 && model.is_free(page, count);
                    let at = START + page * PAGE;
                    prop_assert_eq!(arena.alloc(&memory, at, count), fits.then_some(at), "{:?}", op);
                    if fits {
                        model.take(page, count);
                    }
                }
                Op::Free(page, count) => {
                    arena.free(&memory, START + page * PAGE, count);
                    let end = (page as usize + count as usize).min(PAGES);
                    let range = (page as usize).min(end)..end;
                    model.taken[range.clone()].fill(false);
                    model.there[range].fill(false);
                }
                Op::Reserve(page, count) => {
                    let inside = page + u64::from(count) <= PAGES as u64;
                    let answer = match (count, inside) {
                        (0, _) => Ok(()),
                        (_, false) => Err(Errno::EINVAL),
                        _ if model.is_free(page, count) => {
                            model.taken[page as usize..page as usize + count as usize].fill(true);
                            Ok(())
                        }
                        _ => Err(Errno::EBUSY),
                    };
                    prop_assert_eq!(arena.reserve(START + page * PAGE, count), answer, "{:?}", op);
                }
                Op::Touch(page) => {
                    let done = arena.write_user(&memory, page * PAGE + 5, b"x");
                    prop_assert_eq!(done.is_ok(), page < PAGES as u64);
                    if done.is_ok() {
                        model.take(page, 1);
                    }
                }
            }
            prop_assert_eq!(arena.present(), model.there.iter().filter(|it| **it).count(), "after {:?}", op);
            // Programs reach the pages that are there, and no others.
            for (page, there) in model.there.iter().enumerate() {
                let addr = arena.to_memory(START + page as u64 * PAGE);
                prop_assert_eq!(memory.load(addr, 8).is_ok(), *there, "page {} after {:?}", page, op);
            }
        }
        let _ = map.destroy(&memory);
    }
}

#[test]
fn casts_are_the_inverse_of_each_other() {
    let memory = Memory::new().unwrap();
    let map = arena(&memory, 8);
    let arena = map.arena().unwrap();
    for offset in [1, 8, 4095, 4096, 5 * PAGE + 3] {
        let addr = arena.to_memory(START + offset);
        assert!(arena.holds(addr));
        assert_eq!(arena.to_user(addr), START + offset);
        assert_eq!(arena.to_memory(addr), addr, "what is an address of memory stays one");
        // Only the lower half counts.
        assert_eq!(arena.to_memory(offset), addr);
    }
    assert_eq!((arena.to_memory(0), arena.to_user(0)), (0, 0));
    assert!(!arena.holds(arena.to_memory(START + 8 * PAGE)));
    assert!(memory.load(arena.to_memory(START + (1 << 31)), 1).is_err());
}

#[test]
fn a_large_arena_costs_what_is_used() {
    let memory = Memory::new().unwrap();
    let before = memory.resident();
    let mut map = arena(&memory, 1 << 20);
    assert_eq!(memory.resident(), before);
    let arena = map.arena_mut().unwrap();
    assert_eq!(arena.alloc(&memory, 0, 3), Some(START));
    assert!(memory.resident() - before < 1 << 20, "{}", memory.resident() - before);
    // Behind what there is memory for.
    assert_eq!(arena.alloc(&memory, START + (1 << 31), 1), None);
    assert_eq!(arena.alloc(&memory, 0, 1 << 19), None);
}

#[test]
fn the_limit_on_memory_is_one_on_pages() {
    let memory = Memory::new().unwrap();
    let mut map = arena(&memory, 1 << 16);
    memory.set_limit(memory.resident() + (1 << 20));
    let arena = map.arena_mut().unwrap();
    let mut count = 0;
    while arena.alloc(&memory, 0, 1).is_some() {
        count += 1;
    }
    assert!((20..=256).contains(&count), "{count} pages");
    assert!(memory.take_refused().is_some());
    assert_eq!(arena.present(), count);
}
