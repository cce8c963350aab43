//! Random sequences of everything, against a model that is a list of objects.

mod common;
use common::{memory, origin};
use proptest::prelude::*;
use skep_memory::{Access, Arena, Cause, Memory, Rights, Snapshot};

/// A range that programs see as one object.
#[derive(Clone, Copy, Debug)]
struct Visible {
    start: u64,
    len: u64,
    rights: Rights,
}

#[derive(Clone, Debug)]
enum Shape {
    Whole { first: u64, len: u64 },
    Array { elem: u64, stride: u64, granted: Vec<bool> },
}

#[derive(Clone, Debug)]
struct Object {
    addr: u64,
    bytes: Vec<u8>,
    rights: Rights,
    shape: Shape,
    parts: Vec<Visible>,
}

impl Object {
    fn visible(&self) -> Vec<Visible> {
        let mut visible = self.parts.clone();
        match &self.shape {
            Shape::Whole { first, len } => {
                visible.push(Visible { start: *first, len: *len, rights: self.rights })
            }
            Shape::Array { elem, stride, granted } => {
                let granted = (0u64..).zip(granted).filter(|(_, granted)| **granted);
                visible.extend(granted.map(|(index, _)| Visible {
                    start: self.addr + index * stride,
                    len: *elem,
                    rights: self.rights,
                }));
            }
        }
        visible
    }
}

/// One step. Objects are picked by number, modulo how many there are; offsets reach past both ends.
#[derive(Clone, Debug)]
enum Step {
    Alloc {
        arena: Arena,
        size: usize,
        align: u32,
        rights: Rights,
    },
    AllocArray {
        arena: Arena,
        elem: usize,
        pad: usize,
        count: usize,
        rights: Rights,
    },
    Free {
        object: usize,
    },
    SetRights {
        object: usize,
        rights: Rights,
    },
    SetExtent {
        object: usize,
        from: u64,
        len: usize,
    },
    Grant {
        object: usize,
        index: usize,
        revoke: bool,
    },
    Carve {
        object: usize,
        from: u64,
        len: usize,
        rights: Rights,
    },
    Uncarve {
        object: usize,
        part: usize,
    },
    Access {
        object: usize,
        offset: i64,
        size: usize,
        value: u64,
    },
    Range {
        object: usize,
        offset: i64,
        len: usize,
        value: u8,
    },
    Wild {
        addr: u64,
        size: usize,
        len: usize,
    },
    Snapshot,
    /// To the last snapshot; into another memory, or the same.
    Restore {
        elsewhere: bool,
    },
}

fn rights() -> impl Strategy<Value = Rights> {
    (any::<bool>(), any::<bool>()).prop_map(|(load, store)| Rights { load, store })
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..200usize, 1 => 200..9000usize, 1 => 130_000..140_000usize]
}

fn step() -> impl Strategy<Value = Step> {
    let arena = || prop::sample::select(&Arena::ALL[..]);
    let object = || any::<usize>();
    prop_oneof![
        4 => (arena(), size(), 0..13u32, rights()).prop_map(|(arena, size, align, rights)| Step::Alloc { arena, size, align, rights }),
        2 => (arena(), 0..40usize, 0..20usize, 0..20usize, rights()).prop_map(|(arena, elem, pad, count, rights)| Step::AllocArray { arena, elem, pad, count, rights }),
        3 => object().prop_map(|object| Step::Free { object }),
        2 => (object(), rights()).prop_map(|(object, rights)| Step::SetRights { object, rights }),
        2 => (object(), 0..100u64, 0..100usize).prop_map(|(object, from, len)| Step::SetExtent { object, from, len }),
        4 => (object(), any::<usize>(), any::<bool>()).prop_map(|(object, index, revoke)| Step::Grant { object, index, revoke }),
        4 => (object(), 0..100u64, 0..40usize, rights()).prop_map(|(object, from, len, rights)| Step::Carve { object, from, len, rights }),
        2 => (object(), any::<usize>()).prop_map(|(object, part)| Step::Uncarve { object, part }),
        8 => (object(), -20..220i64, prop::sample::select(&[1usize, 2, 4, 8][..]), any::<u64>())
            .prop_map(|(object, offset, size, value)| Step::Access { object, offset, size, value }),
        8 => (object(), -20..220i64, 0..200usize, any::<u8>())
            .prop_map(|(object, offset, len, value)| Step::Range { object, offset, len, value }),
        2 => (prop_oneof![any::<u64>(), any::<i32>().prop_map(|low| i64::from(low) as u64)], prop::sample::select(&[1usize, 2, 4, 8][..]), any::<usize>(), 0..64u32)
            .prop_map(|(addr, size, len, shift)| Step::Wild { addr, size, len: len >> shift }),
        1 => Just(Step::Snapshot),
        1 => any::<bool>().prop_map(|elsewhere| Step::Restore { elsewhere }),
    ]
}

struct Model {
    memory: Memory,
    objects: Vec<Object>,
    saved: Option<(Snapshot, Vec<Object>)>,
}

impl Model {
    fn pick(&mut self, object: usize) -> Option<usize> {
        object.checked_rem(self.objects.len())
    }

    /// Whether programs may do this, as one object.
    fn allows(&self, addr: u64, len: usize, access: Access) -> bool {
        let covers = |visible: &Visible| {
            let from = addr.wrapping_sub(visible.start);
            let right = if access == Access::Load { visible.rights.load } else { visible.rights.store };
            right && from < visible.len && len as u64 <= visible.len - from
        };
        len == 0 || self.objects.iter().flat_map(Object::visible).any(|visible| covers(&visible))
    }

    /// The live bytes from `addr`; `None` if one is not.
    fn bytes(&mut self, addr: u64, len: usize) -> Option<&mut [u8]> {
        let object = self
            .objects
            .iter_mut()
            .find(|object| addr.wrapping_sub(object.addr) < object.bytes.len() as u64)?;
        let from = (addr - object.addr) as usize;
        object.bytes.get_mut(from..from.checked_add(len)?)
    }

    fn add(&mut self, addr: u64, size: usize, rights: Rights, shape: Shape) {
        for other in &self.objects {
            let apart =
                addr + size as u64 + 16 <= other.addr || other.addr + other.bytes.len() as u64 + 16 <= addr;
            assert!(apart, "{addr:#x} {size} {other:?}");
        }
        self.objects.push(Object { addr, bytes: vec![0; size], rights, shape, parts: Vec::new() });
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Alloc { arena, size, align, rights } => {
                let addr = self.memory.alloc(arena, size, 1 << align, rights, origin("w")).unwrap();
                assert!(addr.is_multiple_of(1 << align) && arena.contains(addr));
                self.add(addr, size, rights, Shape::Whole { first: addr, len: size as u64 });
            }
            Step::AllocArray { arena, elem, pad, count, rights } => {
                let stride = elem + pad;
                let addr = self.memory.alloc_array(arena, elem, stride, count, rights, origin("a")).unwrap();
                let shape =
                    Shape::Array { elem: elem as u64, stride: stride as u64, granted: vec![false; count] };
                self.add(addr, stride * count, rights, shape);
            }
            Step::Access { object, offset, size, value } => {
                if let Some(object) = self.pick(object) {
                    self.access(self.objects[object].addr.wrapping_add_signed(offset), size, value);
                }
            }
            Step::Range { object, offset, len, value } => {
                if let Some(object) = self.pick(object) {
                    self.range(self.objects[object].addr.wrapping_add_signed(offset), len, value);
                }
            }
            Step::Wild { addr, size, len } => {
                self.access(addr, size, addr);
                self.hostile(addr, len);
                let object = self.pick(len).map(|object| self.objects[object].addr);
                self.hostile(object.unwrap_or(addr).wrapping_add(addr % 64), len);
            }
            Step::Snapshot => self.saved = Some((self.memory.snapshot(), self.objects.clone())),
            Step::Restore { elsewhere } => self.restore(elsewhere),
            change => self.change(change),
        }
    }

    fn restore(&mut self, elsewhere: bool) {
        let Some((snapshot, objects)) = &self.saved else { return };
        if elsewhere {
            self.memory = memory();
        }
        self.memory.restore(snapshot).unwrap();
        self.objects.clone_from(objects);
        self.check();
    }

    fn change(&mut self, step: Step) {
        let number = match step {
            Step::Free { object }
            | Step::SetRights { object, .. }
            | Step::SetExtent { object, .. }
            | Step::Grant { object, .. }
            | Step::Carve { object, .. }
            | Step::Uncarve { object, .. } => object,
            _ => return,
        };
        let Some(number) = self.pick(number) else { return };
        let Model { memory, objects, .. } = self;
        if let Step::Free { .. } = step {
            assert!(memory.free(objects.swap_remove(number).addr));
            return;
        }
        let object = &mut objects[number];
        let size = object.bytes.len() as u64;
        match step {
            Step::SetRights { rights, .. } => {
                let fine = memory.set_rights(object.addr, rights);
                assert_eq!(fine, object.parts.is_empty());
                if let (true, Shape::Array { granted, .. }) = (fine, &mut object.shape) {
                    granted.fill(false);
                }
                object.rights = if fine { rights } else { object.rights };
            }
            Step::SetExtent { from, len, .. } => {
                let fine = memory.set_extent(object.addr, object.addr + from, len);
                let inside = from + len as u64 <= size;
                match &mut object.shape {
                    Shape::Whole { first, len: visible } if inside && object.parts.is_empty() => {
                        assert!(fine);
                        (*first, *visible) = (object.addr + from, len as u64);
                    }
                    _ => assert!(!fine),
                }
            }
            Step::Grant { index, revoke, .. } => {
                let Shape::Array { stride, granted, .. } = &mut object.shape else { return };
                let Some(index) = index.checked_rem(granted.len()) else { return };
                let element = object.addr + index as u64 * *stride;
                // With no stride, all elements are at one place, and have no bytes.
                assert!(*stride == 0 || if revoke { memory.revoke(element) } else { memory.grant(element) });
                granted[index] = !revoke;
            }
            // Past the end, it could be a part of the object that follows.
            Step::Carve { from, len, rights, .. } if from < size => {
                let (start, len) = (object.addr + from, len as u64);
                let whole = matches!(object.shape, Shape::Whole { .. }) && object.rights == Rights::NONE;
                let free = |part: &Visible| {
                    (start + len <= part.start || part.start + part.len <= start) && start != part.start
                };
                let fits = from + len <= size && object.parts.iter().all(free);
                assert_eq!(memory.carve(start, len as usize, rights, origin("p")), whole && fits);
                if whole && fits {
                    object.parts.push(Visible { start, len, rights });
                }
            }
            Step::Uncarve { part, .. } => {
                let Some(part) = part.checked_rem(object.parts.len()) else { return };
                let part = object.parts.swap_remove(part);
                assert!(memory.uncarve(part.start, None) && !memory.uncarve(part.start, None));
            }
            _ => {}
        }
    }

    fn access(&mut self, addr: u64, size: usize, value: u64) {
        let loads = self.allows(addr, size, Access::Load);
        let loaded = self.memory.load(addr, size);
        assert_eq!(loaded.is_ok(), loads, "load {size} at {addr:#x}");
        if let Ok(loaded) = loaded {
            let mut wide = [0; 8];
            wide[..size].copy_from_slice(self.bytes(addr, size).unwrap());
            assert_eq!(loaded, u64::from_le_bytes(wide));
        }
        let stores = self.allows(addr, size, Access::Store);
        assert_eq!(self.memory.store(addr, size, value).is_ok(), stores, "store {size} at {addr:#x}");
        if stores {
            self.bytes(addr, size).unwrap().copy_from_slice(&value.to_le_bytes()[..size]);
        }
        for (access, allowed) in [(Access::Load, loads), (Access::Store, stores)] {
            let fault = self.memory.fault(addr, size, access);
            assert_eq!(fault.cause == Cause::Base, allowed, "{fault}");
            assert!(!fault.to_string().is_empty());
        }
    }

    /// Lengths up to all of the address space.
    fn hostile(&mut self, addr: u64, len: usize) {
        assert_eq!(self.memory.check_read(addr, len).is_ok(), self.allows(addr, len, Access::Load));
        assert_eq!(self.memory.check_write(addr, len).is_ok(), self.allows(addr, len, Access::Store));
        if len > 0 && self.bytes(addr, len).is_none() {
            assert!(self.memory.fill(addr, len, 0xff).is_err());
            assert!(self.memory.copy(addr, addr, len).is_err());
        }
        assert!(!self.memory.fault(addr, len, Access::Store).to_string().is_empty());
    }

    fn range(&mut self, addr: u64, len: usize, value: u8) {
        let mut bytes = vec![!value; len];
        let reads = self.allows(addr, len, Access::Load);
        assert_eq!(self.memory.read(addr, &mut bytes).is_ok(), reads, "read {len} at {addr:#x}");
        if reads && len > 0 {
            assert_eq!(bytes, self.bytes(addr, len).unwrap());
        }
        let writes = self.allows(addr, len, Access::Store);
        assert_eq!(self.memory.write(addr, &vec![value; len]).is_ok(), writes, "write {len} at {addr:#x}");
        if writes && len > 0 {
            self.bytes(addr, len).unwrap().fill(value);
        }
        let live = len == 0 || self.bytes(addr, len).is_some();
        assert_eq!(self.memory.peek(addr, &mut bytes).is_ok(), live, "peek {len} at {addr:#x}");
        if live && len > 0 {
            assert_eq!(bytes, self.bytes(addr, len).unwrap());
            self.bytes(addr, len).unwrap().fill(!value);
        }
        assert_eq!(self.memory.poke(addr, &vec![!value; len]).is_ok(), live, "poke {len} at {addr:#x}");
    }

    /// Every byte, and every edge.
    fn check(&mut self) {
        for number in 0..self.objects.len() {
            let object = &self.objects[number];
            let mut bytes = vec![0; object.bytes.len()];
            self.memory.peek(object.addr, &mut bytes).unwrap();
            assert_eq!(bytes, object.bytes);
            let mut edges = vec![object.addr, object.addr + bytes.len() as u64];
            edges.extend(
                object.visible().iter().flat_map(|visible| [visible.start, visible.start + visible.len]),
            );
            for addr in edges.into_iter().flat_map(|edge| (edge - 9)..(edge + 3)) {
                for size in [1, 2, 4, 8] {
                    let loads = self.allows(addr, size, Access::Load);
                    assert_eq!(self.memory.load(addr, size).is_ok(), loads, "load {size} at {addr:#x}");
                    let stores = self.allows(addr, size, Access::Store);
                    assert_eq!(
                        self.memory.check_write(addr, size).is_ok(),
                        stores,
                        "store {size} at {addr:#x}"
                    );
                }
            }
        }
        assert_eq!(self.memory.objects().len(), self.objects.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_does_as_the_model(steps in prop::collection::vec(step(), 0..80)) {
        let mut model = Model { memory: memory(), objects: Vec::new(), saved: None };
        for step in steps {
            model.run(step);
        }
        model.check();
    }
}
