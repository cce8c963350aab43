//! Programs of a function, of the kernel's or of a program's (`kernel/bpf/trampoline.c`).

use super::Attached;
use skep_abi::Errno;
use skep_maps::ObjRef;

/// How many programs a function has at most (`BPF_MAX_TRAMP_LINKS`).
pub(crate) const MAX: usize = 38;

/// When a program of a function runs (`enum bpf_tramp_prog_type`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Way {
    /// Before it.
    Entry,
    /// Before it, and instead of it if something else than 0 comes back.
    ModifyReturn,
    /// After it.
    Exit,
    /// Instead of it.
    Replace,
}

/// The programs of one function.
#[derive(Clone, Default, Debug)]
pub(crate) struct Trampoline {
    lists: [Vec<Attached>; 3],
    extension: Option<Attached>,
}

impl Trampoline {
    /// Who runs, the newest first.
    pub(crate) fn list(&self, way: Way) -> &[Attached] {
        match way {
            Way::Replace => self.extension.as_slice(),
            _ => &self.lists[way as usize],
        }
    }

    /// Whether nobody is attached.
    pub(crate) fn is_empty(&self) -> bool {
        self.extension.is_none() && self.lists.iter().all(Vec::is_empty)
    }

    /// Attaches a program.
    ///
    /// # Errors
    /// `EBUSY`: the function is replaced, or has programs and would be; or the program is attached to it already.
    /// `E2BIG`: it has [`MAX`].
    pub(crate) fn attach(&mut self, way: Way, new: Attached) -> Result<(), Errno> {
        if self.extension.is_some() {
            return Err(Errno::EBUSY);
        }
        let count: usize = self.lists.iter().map(Vec::len).sum();
        if way == Way::Replace {
            if count > 0 {
                return Err(Errno::EBUSY);
            }
            self.extension = Some(new);
            return Ok(());
        }
        if count >= MAX {
            return Err(Errno::E2BIG);
        }
        let list = &mut self.lists[way as usize];
        if list.iter().any(|it| it.prog == new.prog) {
            return Err(Errno::EBUSY);
        }
        list.insert(0, new);
        Ok(())
    }

    /// Takes a link away.
    pub(crate) fn remove(&mut self, link: ObjRef) {
        self.extension.take_if(|it| it.link == Some(link));
        for list in &mut self.lists {
            list.retain(|it| it.link != Some(link));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_link(prog: u32, link: u32) -> Attached {
        Attached { link: Some(ObjRef(link)), ..Attached::new(ObjRef(prog)) }
    }

    fn order(it: &Trampoline, way: Way) -> Vec<u32> {
        it.list(way).iter().map(|it| it.prog.0).collect()
    }

    #[test]
    fn the_newest_runs_first() {
        let mut it = Trampoline::default();
        for id in 1..=3 {
            it.attach(Way::Entry, by_link(id, id + 100)).unwrap();
            it.attach(Way::Exit, by_link(id, id + 200)).unwrap();
        }
        assert_eq!((order(&it, Way::Entry), order(&it, Way::Exit)), (vec![3, 2, 1], vec![3, 2, 1]));
        assert_eq!(it.attach(Way::Entry, by_link(2, 150)), Err(Errno::EBUSY));
        it.attach(Way::ModifyReturn, by_link(2, 150)).unwrap();
        it.remove(ObjRef(102));
        assert_eq!((order(&it, Way::Entry), order(&it, Way::ModifyReturn)), (vec![3, 1], vec![2]));
    }

    #[test]
    fn thirty_eight_in_all() {
        let mut it = Trampoline::default();
        for id in 0..MAX as u32 {
            let way = [Way::Entry, Way::Exit, Way::ModifyReturn][id as usize % 3];
            it.attach(way, by_link(id, id)).unwrap();
        }
        for way in [Way::Entry, Way::Exit, Way::ModifyReturn] {
            assert_eq!(it.attach(way, by_link(99, 99)), Err(Errno::E2BIG));
        }
        assert_eq!(it.attach(Way::Replace, by_link(99, 99)), Err(Errno::EBUSY));
        for id in 0..MAX as u32 {
            it.remove(ObjRef(id));
        }
        assert!(it.is_empty());
    }

    #[test]
    fn who_replaces_is_alone() {
        let mut it = Trampoline::default();
        it.attach(Way::Replace, by_link(1, 11)).unwrap();
        for way in [Way::Entry, Way::Exit, Way::ModifyReturn, Way::Replace] {
            assert_eq!(it.attach(way, by_link(2, 12)), Err(Errno::EBUSY));
        }
        assert_eq!(order(&it, Way::Replace), [1]);
        it.remove(ObjRef(11));
        it.attach(Way::Entry, by_link(2, 12)).unwrap();
        assert_eq!(it.attach(Way::Replace, by_link(1, 11)), Err(Errno::EBUSY));
    }
}
