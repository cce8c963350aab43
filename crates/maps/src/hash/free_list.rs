//! Which unused slot a new element gets: last freed first, per CPU.
//!
//! What a program sees through a stale pointer depends on it, so it is the kernel's order: a preallocated hash deals
//! its elements out to the CPUs, each takes from its own stack and then from its neighbours'
//! (kernel/bpf/percpu_freelist.c); one without preallocation takes from a CPU's cache (kernel/bpf/memalloc.c).

/// Unused slots of a hash map. Slots that nothing ever used have no number yet: they are only counted.
#[derive(Clone, Debug)]
pub(crate) struct FreeList {
    stacks: Vec<Stack>,
    /// The next slot number that was never given.
    next: u32,
}

#[derive(Clone, Debug, Default)]
struct Stack {
    freed: Vec<u32>,
    unused: u32,
}

impl FreeList {
    /// `elements` slots dealt out to `cpus` stacks, the remainder to the first ones.
    pub(crate) fn dealt(elements: u32, cpus: u32) -> FreeList {
        let share = |cpu| elements / cpus + u32::from(cpu < elements % cpus);
        let stacks = (0..cpus).map(|cpu| Stack { freed: Vec::new(), unused: share(cpu) }).collect();
        FreeList { stacks, next: 0 }
    }

    /// As many slots as anybody asks for, made when they are asked for.
    pub(crate) fn on_demand(cpus: u32) -> FreeList {
        let stack = Stack { freed: Vec::new(), unused: u32::MAX };
        FreeList { stacks: vec![stack; cpus as usize], next: 0 }
    }

    /// A slot for an element that `cpu` makes; `None` when all are in use.
    pub(crate) fn pop(&mut self, cpu: u32) -> Option<u32> {
        let count = self.stacks.len();
        for step in 0..count {
            let stack = &mut self.stacks[(cpu as usize + step) % count];
            if let Some(slot) = stack.freed.pop() {
                return Some(slot);
            }
            if stack.unused > 0 {
                stack.unused -= 1;
                self.next += 1;
                return Some(self.next - 1);
            }
        }
        None
    }

    /// `cpu` is done with `slot`.
    pub(crate) fn push(&mut self, cpu: u32, slot: u32) {
        let count = self.stacks.len();
        self.stacks[cpu as usize % count].freed.push(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::FreeList;

    #[test]
    fn a_cpu_uses_its_own_slots_first_and_then_its_neighbours() {
        let mut list = FreeList::dealt(5, 2);
        assert_eq!([0; 3].map(|_| list.pop(0)), [Some(0), Some(1), Some(2)]);
        list.push(1, 1);
        assert_eq!(list.pop(0), Some(1), "freed on the neighbour comes before the neighbour's unused ones");
        assert_eq!([0; 3].map(|_| list.pop(0)), [Some(3), Some(4), None]);
    }

    #[test]
    fn the_last_freed_slot_is_the_next_one_used() {
        let mut list = FreeList::on_demand(1);
        let slots = [0; 3].map(|_| list.pop(0).unwrap());
        slots.into_iter().for_each(|slot| list.push(0, slot));
        assert_eq!([0; 4].map(|_| list.pop(0).unwrap()), [2, 1, 0, 3]);
    }
}
