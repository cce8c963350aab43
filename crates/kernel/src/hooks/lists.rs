//! The simpler rules: arrays with a limit, one at a time, by priority.

use super::Attached;
use skep_abi::Errno;
use skep_maps::ObjRef;

/// How many programs a tracepoint or probe has at most through perf events (`BPF_TRACE_MAX_PROGS`).
pub(crate) const MAX_TRACE: usize = 64;
/// How many programs a netfilter hook has at most (`MAX_HOOK_COUNT`).
pub(crate) const MAX_NETFILTER: usize = 1024;
/// How many programs look sockets up in a network namespace at most (`netns_bpf_max_progs`).
pub(crate) const MAX_SK_LOOKUP: usize = 64;

/// Programs of perf events at one tracepoint or probe (`perf_event_attach_bpf_prog`): the oldest runs first.
#[derive(Clone, Default, Debug)]
pub(crate) struct TraceArray(pub(crate) Vec<Attached>);

impl TraceArray {
    /// Attaches a program.
    ///
    /// # Errors
    /// `E2BIG`: there are [`MAX_TRACE`]. `EEXIST`: it is there already.
    pub(crate) fn attach(&mut self, new: Attached) -> Result<(), Errno> {
        if self.0.len() >= MAX_TRACE {
            return Err(Errno::E2BIG);
        }
        if self.0.iter().any(|it| it.prog == new.prog) {
            return Err(Errno::EEXIST);
        }
        self.0.push(new);
        Ok(())
    }

    /// Takes a program away. Answers whether it was there.
    pub(crate) fn detach(&mut self, prog: ObjRef) -> bool {
        let at = self.0.iter().position(|it| it.prog == prog);
        at.map(|at| self.0.remove(at)).is_some()
    }
}

/// In which order those run that know nothing of each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    OldestFirst,
    NewestFirst,
}

impl Order {
    /// Adds to a list.
    pub(crate) fn add(self, list: &mut Vec<Attached>, new: Attached) {
        match self {
            Order::OldestFirst => list.push(new),
            Order::NewestFirst => list.insert(0, new),
        }
    }
}

/// Programs of a network namespace (`kernel/bpf/net_namespace.c`): links, or one program alone.
#[derive(Clone, Default, Debug)]
pub(crate) struct FewAtATime(pub(crate) Vec<Attached>);

impl FewAtATime {
    fn has_links(&self) -> bool {
        self.0.iter().any(|it| it.link.is_some())
    }

    /// Attaches a link, of at most so many.
    ///
    /// # Errors
    /// `E2BIG`: there are as many. `EEXIST`: a program is there.
    pub(crate) fn attach_link(&mut self, new: Attached, max: usize) -> Result<(), Errno> {
        if self.0.iter().filter(|it| it.link.is_some()).count() >= max {
            return Err(Errno::E2BIG);
        }
        if !self.0.is_empty() && !self.has_links() {
            return Err(Errno::EEXIST);
        }
        self.0.push(new);
        Ok(())
    }

    /// Attaches a program in the place of the one that is there. Answers that one.
    ///
    /// # Errors
    /// `EEXIST`: there are links. `EINVAL`: it is there already.
    pub(crate) fn attach_prog(&mut self, new: Attached) -> Result<Option<Attached>, Errno> {
        if self.has_links() {
            return Err(Errno::EEXIST);
        }
        let old = self.0.first().copied();
        if old.is_some_and(|it| it.prog == new.prog) {
            return Err(Errno::EINVAL);
        }
        self.0 = vec![new];
        Ok(old)
    }

    /// Detaches a program.
    ///
    /// # Errors
    /// `EINVAL`: there are links. `ENOENT`: it is not there.
    pub(crate) fn detach_prog(&mut self, prog: ObjRef) -> Result<Attached, Errno> {
        if self.has_links() {
            return Err(Errno::EINVAL);
        }
        let at = self.0.iter().position(|it| it.prog == prog).ok_or(Errno::ENOENT)?;
        Ok(self.0.remove(at))
    }
}

/// Programs of a netfilter hook, by priority; one of each (`nf_hook_entries_grow`, `net/netfilter/core.c`).
#[derive(Clone, Default, Debug)]
pub(crate) struct Sorted(pub(crate) Vec<(i32, Attached)>);

impl Sorted {
    /// Attaches a program.
    ///
    /// # Errors
    /// `E2BIG`: there are [`MAX_NETFILTER`]. `EBUSY`: one of its priority is there.
    pub(crate) fn attach(&mut self, priority: i32, new: Attached) -> Result<(), Errno> {
        if self.0.len() >= MAX_NETFILTER {
            return Err(Errno::E2BIG);
        }
        let at = self.0.partition_point(|it| it.0 < priority);
        if self.0.get(at).is_some_and(|it| it.0 == priority) {
            return Err(Errno::EBUSY);
        }
        self.0.insert(at, (priority, new));
        Ok(())
    }
}

/// A filter of traffic control with a program, as `bpf_tc_attach` makes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Filter {
    pub(crate) priority: u32,
    pub(crate) handle: u32,
    pub(crate) attached: Attached,
}

/// The filters of one side of a device's clsact queueing discipline (`net/sched/cls_api.c`, `net/sched/cls_bpf.c`):
/// by priority, then the oldest first.
#[derive(Clone, Default, Debug)]
pub(crate) struct Filters(pub(crate) Vec<Filter>);

impl Filters {
    /// The priority that the first filter gets by itself (`tcf_auto_prio`).
    const FIRST: u32 = 0xC000;

    /// Adds a filter, or replaces the program of the one with this handle and priority. 0 stands for a priority before all
    /// others, or for a free handle. Answers the filter and the program that it replaced.
    ///
    /// # Errors
    /// `EEXIST`: it is there, and is not to be replaced. `EINVAL`: a handle but no priority.
    pub(crate) fn add(
        &mut self,
        priority: u32,
        handle: u32,
        replace: bool,
        attached: Attached,
    ) -> Result<(Filter, Option<Attached>), Errno> {
        if priority == 0 && handle != 0 {
            return Err(Errno::EINVAL);
        }
        let least = self.0.first().map_or(Filters::FIRST, |it| it.priority.saturating_sub(1).max(1));
        let priority = if priority == 0 { least } else { priority };
        let same = |it: &Filter, handle| (it.priority, it.handle) == (priority, handle);
        if let Some(old) = self.0.iter_mut().find(|it| same(it, handle)) {
            if !replace {
                return Err(Errno::EEXIST);
            }
            let gone = std::mem::replace(&mut old.attached, attached);
            return Ok((*old, Some(gone)));
        }
        let free = || (1..).find(|free| !self.0.iter().any(|it| same(it, *free))).unwrap_or(1);
        let handle = if handle == 0 { free() } else { handle };
        let new = Filter { priority, handle, attached };
        let at = self.0.partition_point(|it| it.priority <= priority);
        self.0.insert(at, new);
        Ok((new, None))
    }

    /// The filter of a handle and priority.
    pub(crate) fn get(&self, priority: u32, handle: u32) -> Option<Filter> {
        self.0.iter().copied().find(|it| (it.priority, it.handle) == (priority, handle))
    }

    /// Takes a filter away.
    ///
    /// # Errors
    /// `ENOENT`: it is not there.
    pub(crate) fn delete(&mut self, priority: u32, handle: u32) -> Result<Attached, Errno> {
        let at = self.0.iter().position(|it| (it.priority, it.handle) == (priority, handle));
        at.map(|at| self.0.remove(at).attached).ok_or(Errno::ENOENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prog(id: u32) -> Attached {
        Attached::new(ObjRef(id))
    }

    fn by_link(prog: u32, link: u32) -> Attached {
        Attached { link: Some(ObjRef(link)), ..Attached::new(ObjRef(prog)) }
    }

    fn ids<'a>(list: impl IntoIterator<Item = &'a Attached>) -> Vec<u32> {
        list.into_iter().map(|it| it.prog.0).collect()
    }

    #[test]
    fn traces() {
        let mut it = TraceArray::default();
        for id in 0..MAX_TRACE as u32 {
            it.attach(prog(id)).unwrap();
            assert_eq!(it.attach(prog(id)), Err(if id == 63 { Errno::E2BIG } else { Errno::EEXIST }));
        }
        assert!(it.detach(ObjRef(5)) && !it.detach(ObjRef(5)));
        it.attach(prog(5)).unwrap();
        assert_eq!((it.0[0].prog, it.0[63].prog), (ObjRef(0), ObjRef(5)));
    }

    #[test]
    fn orders() {
        let mut list = Vec::new();
        Order::OldestFirst.add(&mut list, prog(1));
        Order::OldestFirst.add(&mut list, prog(2));
        Order::NewestFirst.add(&mut list, prog(3));
        assert_eq!(ids(&list), [3, 1, 2]);
    }

    #[test]
    fn links_or_a_program() {
        let mut it = FewAtATime::default();
        assert_eq!(it.attach_prog(prog(1)), Ok(None));
        assert_eq!(it.attach_prog(prog(1)), Err(Errno::EINVAL));
        assert_eq!(it.attach_prog(prog(2)), Ok(Some(prog(1))));
        assert_eq!(it.attach_link(by_link(3, 9), 1), Err(Errno::EEXIST));
        assert_eq!(it.detach_prog(ObjRef(1)), Err(Errno::ENOENT));
        assert_eq!(it.detach_prog(ObjRef(2)), Ok(prog(2)));
        it.attach_link(by_link(3, 9), 2).unwrap();
        it.attach_link(by_link(3, 10), 2).unwrap();
        assert_eq!(it.attach_link(by_link(4, 11), 2), Err(Errno::E2BIG));
        assert_eq!(it.attach_prog(prog(1)), Err(Errno::EEXIST));
        assert_eq!(it.detach_prog(ObjRef(3)), Err(Errno::EINVAL));
        assert_eq!(ids(&it.0), [3, 3]);
    }

    #[test]
    fn filters() {
        let mut it = Filters::default();
        let (first, _) = it.add(0, 0, false, prog(1)).unwrap();
        assert_eq!((first.priority, first.handle), (0xC000, 1));
        let (second, _) = it.add(0, 0, false, prog(2)).unwrap();
        assert_eq!((second.priority, second.handle), (0xBFFF, 1));
        let (third, _) = it.add(0xC000, 0, false, prog(3)).unwrap();
        assert_eq!((third.priority, third.handle), (0xC000, 2));
        let (fourth, _) = it.add(0xC000, 7, false, prog(4)).unwrap();
        assert_eq!((fourth.priority, fourth.handle), (0xC000, 7));
        assert_eq!(ids(it.0.iter().map(|it| &it.attached)), [2, 1, 3, 4]);
        assert_eq!(it.add(0xC000, 7, false, prog(5)).unwrap_err(), Errno::EEXIST);
        assert_eq!(it.add(0xC000, 7, true, prog(5)).unwrap().1, Some(prog(4)));
        assert_eq!(it.add(0, 7, true, prog(5)).unwrap_err(), Errno::EINVAL);
        assert_eq!(it.get(0xC000, 7).map(|it| it.attached), Some(prog(5)));
        assert_eq!(it.delete(0xC000, 7), Ok(prog(5)));
        assert_eq!(it.delete(0xC000, 7), Err(Errno::ENOENT));
    }

    proptest! {
        #[test]
        fn netfilter_is_by_priority(priorities in prop::collection::vec(-20i32..20, 0..60)) {
            let mut it = Sorted::default();
            for (id, priority) in priorities.iter().enumerate() {
                let there = it.0.iter().any(|it| it.0 == *priority);
                let result = it.attach(*priority, prog(id as u32));
                prop_assert_eq!(result, if there { Err(Errno::EBUSY) } else { Ok(()) });
            }
            let mut sorted = priorities;
            sorted.sort_unstable();
            sorted.dedup();
            prop_assert_eq!(it.0.iter().map(|it| it.0).collect::<Vec<_>>(), sorted);
        }
    }
}
