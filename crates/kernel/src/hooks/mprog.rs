//! Several programs at one place, each put before or behind another (`kernel/bpf/mprog.c`): tcx and netkit.
//!
//! Every wish of a call (replace this, before that, behind that) names a place; they all have to name the same one.

use super::Attached;
use skep_abi::Errno;
use skep_abi::flags::{BPF_F_AFTER, BPF_F_BEFORE, BPF_F_REPLACE};
use skep_maps::ObjRef;

/// How many programs there may be (`BPF_MPROG_MAX`).
pub(crate) const MAX: usize = 64;

/// The program that another one's place is relative to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Relative {
    pub(crate) prog: Option<ObjRef>,
    /// Only where it is attached by this link.
    pub(crate) link: Option<ObjRef>,
}

/// What a call says beside what it attaches or detaches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// `BPF_F_REPLACE`, `BPF_F_BEFORE`, `BPF_F_AFTER`, `BPF_F_ID`, `BPF_F_LINK`.
    pub(crate) flags: u32,
    /// What looking up `relative_fd` or `relative_id` came to.
    pub(crate) relative: Result<Relative, Errno>,
    /// The revision that the caller knows; 0: any.
    pub(crate) revision: u64,
}

/// Programs in the order in which they run.
#[derive(Clone, Debug)]
pub(crate) struct Mprog {
    list: Vec<Attached>,
    revision: u64,
}

impl Default for Mprog {
    fn default() -> Mprog {
        Mprog { list: Vec::new(), revision: 1 }
    }
}

impl Mprog {
    /// Who is attached, in the order in which they run.
    pub(crate) fn list(&self) -> &[Attached] {
        &self.list
    }

    /// Counts changes, from 1.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Attaches a program, in the place of `old` if `BPF_F_REPLACE` is set. Answers who was replaced.
    ///
    /// # Errors
    /// `ESTALE`: another revision. `EEXIST`: it is attached already. `ENOENT`: what is to be replaced, or its neighbour,
    /// is not attached; `EBUSY`: it is, but by another link, or by one at all. `ERANGE`: [`MAX`] are attached, or the
    /// wishes disagree. `EINVAL`: a neighbour but no side of it.
    pub(crate) fn attach(
        &mut self,
        new: Attached,
        old: Option<ObjRef>,
        wish: &Wish,
    ) -> Result<Option<Attached>, Errno> {
        self.check_revision(wish)?;
        if self.list.iter().any(|it| it.prog == new.prog) {
            return Err(Errno::EEXIST);
        }
        let relative = wish.relative?;
        let replace = wish.flags & BPF_F_REPLACE != 0;
        let exact = match (replace, old) {
            (true, Some(old)) => Some(self.exact(old, new.link)?),
            // No program is the one that is wanted.
            (true, None) => return Err(Errno::ENOENT),
            (false, _) if self.list.len() == MAX => return Err(Errno::ERANGE),
            (false, _) => None,
        };
        let (at, behind) = self.agree(exact, wish.flags, relative)?;
        if at >= MAX as i64 {
            return Err(Errno::ERANGE);
        }
        self.revision += 1;
        if replace {
            let place = self.list.get_mut(at as usize).ok_or(Errno::ENOENT)?;
            return Ok(Some(std::mem::replace(place, new)));
        }
        let total = self.list.len();
        let at = if behind || at == total as i64 { at } else { at + 1 };
        self.list.insert((at.max(0) as usize).min(total), new);
        Ok(None)
    }

    /// Detaches a program; without one, the neighbour that the wish names, or the last. Answers who was attached.
    ///
    /// # Errors
    /// As [`Mprog::attach`]; `EBUSY` as well where a link's program would go without its link.
    pub(crate) fn detach(
        &mut self,
        prog: Option<ObjRef>,
        link: Option<ObjRef>,
        wish: &Wish,
    ) -> Result<Attached, Errno> {
        if wish.flags & BPF_F_REPLACE != 0 {
            return Err(Errno::EINVAL);
        }
        self.check_revision(wish)?;
        let total = self.list.len();
        if total == 0 {
            return Err(Errno::ENOENT);
        }
        let relative = wish.relative?;
        let exact = prog.map(|prog| self.exact(prog, link)).transpose()?;
        let (at, _) = self.agree(exact, wish.flags, relative)?;
        if at >= MAX as i64 {
            return Err(Errno::ERANGE);
        }
        let at = (at.max(0) as usize).min(total - 1);
        if self.list[at].link.is_some() && link.is_none() {
            return Err(Errno::EBUSY);
        }
        self.revision += 1;
        Ok(self.list.remove(at))
    }

    fn check_revision(&self, wish: &Wish) -> Result<(), Errno> {
        if wish.revision != 0 && wish.revision != self.revision { Err(Errno::ESTALE) } else { Ok(()) }
    }

    /// The place that all wishes name, -1 for before the first, and whether it is the one behind what was named.
    fn agree(&self, exact: Option<i64>, flags: u32, relative: Relative) -> Result<(i64, bool), Errno> {
        let mut at = exact;
        for (flag, step) in [(BPF_F_BEFORE, -1), (BPF_F_AFTER, 1)] {
            if flags & flag == 0 {
                continue;
            }
            let place = self.beside(relative, step)?;
            if at.is_some_and(|at| at != place) {
                return Err(Errno::ERANGE);
            }
            at = Some(place);
        }
        match at {
            Some(at) => Ok((at, flags & BPF_F_BEFORE == 0)),
            None if relative.prog.is_some() || flags != 0 => Err(Errno::EINVAL),
            None => Ok((self.list.len() as i64, true)),
        }
    }

    /// Where a program is.
    fn exact(&self, prog: ObjRef, link: Option<ObjRef>) -> Result<i64, Errno> {
        let at = self.list.iter().position(|it| it.prog == prog).ok_or(Errno::ENOENT)?;
        if self.list[at].link == link { Ok(at as i64) } else { Err(Errno::EBUSY) }
    }

    /// The place beside a neighbour, or at an end of the list if there is none.
    fn beside(&self, relative: Relative, step: i64) -> Result<i64, Errno> {
        let Some(prog) = relative.prog else {
            return Ok(if step < 0 { -1 } else { self.list.len() as i64 });
        };
        let is = |it: &Attached| it.prog == prog && (relative.link.is_none() || it.link == relative.link);
        self.list.iter().position(is).map(|at| at as i64 + step).ok_or(Errno::ENOENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use skep_abi::flags::{BPF_F_ID, BPF_F_LINK};

    fn prog(id: u32) -> Attached {
        Attached::new(ObjRef(id))
    }

    fn by_link(id: u32, link: u32) -> Attached {
        Attached { link: Some(ObjRef(link)), ..prog(id) }
    }

    fn wish(flags: u32, relative: u32) -> Wish {
        let prog = (relative != 0).then_some(ObjRef(relative));
        Wish { flags, relative: Ok(Relative { prog, link: None }), revision: 0 }
    }

    fn order(it: &Mprog) -> Vec<u32> {
        it.list().iter().map(|it| it.prog.0).collect()
    }

    fn three() -> Mprog {
        let mut it = Mprog::default();
        for id in 1..=3 {
            assert_eq!(it.attach(prog(id), None, &wish(0, 0)), Ok(None));
        }
        assert_eq!((order(&it), it.revision()), (vec![1, 2, 3], 4));
        it
    }

    /// (flags, relative, what comes of attaching 9 to 1, 2, 3)
    #[test]
    fn places() {
        let (before, after) = (BPF_F_BEFORE, BPF_F_AFTER);
        type Row<'a> = (u32, u32, Result<&'a [u32], Errno>);
        let rows: &[Row<'_>] = &[
            (0, 0, Ok(&[1, 2, 3, 9])),
            (before, 0, Ok(&[9, 1, 2, 3])),
            (after, 0, Ok(&[1, 2, 3, 9])),
            (before, 1, Ok(&[9, 1, 2, 3])),
            (before, 2, Ok(&[1, 9, 2, 3])),
            (before, 3, Ok(&[1, 2, 9, 3])),
            (after, 1, Ok(&[1, 9, 2, 3])),
            (after, 3, Ok(&[1, 2, 3, 9])),
            (before | BPF_F_ID, 3, Ok(&[1, 2, 9, 3])),
            (before, 7, Err(Errno::ENOENT)),
            (after, 7, Err(Errno::ENOENT)),
            (before | after, 0, Err(Errno::ERANGE)),
            (before | after, 2, Err(Errno::ERANGE)),
            (0, 2, Err(Errno::EINVAL)),
            (BPF_F_ID, 2, Err(Errno::EINVAL)),
            (BPF_F_LINK, 0, Err(Errno::EINVAL)),
        ];
        for &(flags, relative, want) in rows {
            let mut it = three();
            let got = it.attach(prog(9), None, &wish(flags, relative)).map(|_| order(&it));
            assert_eq!(got, want.map(<[u32]>::to_vec), "flags {flags:#x} relative {relative}");
            assert_eq!(it.revision(), if want.is_ok() { 5 } else { 4 });
        }
    }

    #[test]
    fn replacing() {
        let mut it = three();
        let replace = wish(BPF_F_REPLACE, 0);
        assert_eq!(it.attach(prog(9), Some(ObjRef(2)), &replace), Ok(Some(prog(2))));
        assert_eq!(order(&it), [1, 9, 3]);
        assert_eq!(it.attach(prog(8), Some(ObjRef(2)), &replace), Err(Errno::ENOENT));
        assert_eq!(it.attach(prog(1), Some(ObjRef(9)), &replace), Err(Errno::EEXIST));
        assert_eq!(it.attach(by_link(8, 50), Some(ObjRef(9)), &replace), Err(Errno::EBUSY));
        // The place has to be where the neighbours are too: a place before means in front of the one replaced.
        let both = wish(BPF_F_REPLACE | BPF_F_BEFORE, 3);
        assert_eq!(it.attach(prog(8), Some(ObjRef(9)), &both), Ok(Some(prog(9))));
        let both = wish(BPF_F_REPLACE | BPF_F_AFTER, 3);
        assert_eq!(it.attach(prog(7), Some(ObjRef(8)), &both), Err(Errno::ERANGE));
        assert_eq!(order(&it), [1, 8, 3]);
    }

    #[test]
    fn links() {
        let mut it = Mprog::default();
        it.attach(by_link(1, 51), None, &wish(0, 0)).unwrap();
        it.attach(prog(2), None, &wish(0, 0)).unwrap();
        let of_link = |link| Wish {
            relative: Ok(Relative { prog: Some(ObjRef(1)), link: Some(ObjRef(link)) }),
            ..wish(BPF_F_AFTER | BPF_F_LINK, 0)
        };
        assert_eq!(it.attach(prog(3), None, &of_link(52)), Err(Errno::ENOENT));
        it.attach(prog(3), None, &of_link(51)).unwrap();
        assert_eq!(order(&it), [1, 3, 2]);
        // A link's program goes with its link alone.
        assert_eq!(it.detach(Some(ObjRef(1)), None, &wish(0, 0)), Err(Errno::EBUSY));
        assert_eq!(it.detach(None, None, &wish(BPF_F_BEFORE, 0)), Err(Errno::EBUSY));
        assert_eq!(it.detach(None, None, &wish(BPF_F_BEFORE, 3)), Err(Errno::EBUSY));
        assert_eq!(it.detach(Some(ObjRef(1)), Some(ObjRef(51)), &wish(0, 0)), Ok(by_link(1, 51)));
        assert_eq!(order(&it), [3, 2]);
    }

    #[test]
    fn detaching() {
        type Row = (Option<u32>, u32, u32, Result<u32, Errno>);
        let rows: &[Row] = &[
            (Some(2), 0, 0, Ok(2)),
            (None, 0, 0, Ok(3)),
            (None, BPF_F_BEFORE, 0, Ok(1)),
            (None, BPF_F_AFTER, 0, Ok(3)),
            (None, BPF_F_BEFORE, 3, Ok(2)),
            (None, BPF_F_AFTER, 1, Ok(2)),
            (None, BPF_F_BEFORE, 1, Ok(1)),
            (Some(1), BPF_F_BEFORE, 2, Ok(1)),
            (Some(1), BPF_F_BEFORE, 3, Err(Errno::ERANGE)),
            (Some(7), 0, 0, Err(Errno::ENOENT)),
            (None, 0, 2, Err(Errno::EINVAL)),
            (None, BPF_F_REPLACE, 0, Err(Errno::EINVAL)),
        ];
        for &(id, flags, relative, want) in rows {
            let mut it = three();
            let got = it.detach(id.map(ObjRef), None, &wish(flags, relative)).map(|it| it.prog.0);
            assert_eq!(got, want, "{id:?} flags {flags:#x} relative {relative}");
        }
        let mut it = Mprog::default();
        assert_eq!(it.detach(None, None, &wish(0, 0)), Err(Errno::ENOENT));
    }

    #[test]
    fn revisions_and_errors_of_look_ups() {
        let mut it = three();
        let stale = Wish { revision: 3, ..wish(0, 0) };
        assert_eq!(it.attach(prog(1), None, &stale), Err(Errno::ESTALE));
        assert_eq!(it.detach(Some(ObjRef(1)), None, &stale), Err(Errno::ESTALE));
        let bad = Wish { relative: Err(Errno::EBADF), ..wish(BPF_F_BEFORE, 0) };
        assert_eq!(it.attach(prog(1), None, &bad), Err(Errno::EEXIST));
        assert_eq!(it.attach(prog(9), None, &bad), Err(Errno::EBADF));
        it.attach(prog(9), None, &Wish { revision: 4, ..wish(0, 0) }).unwrap();
    }

    #[test]
    fn sixty_four() {
        let mut it = Mprog::default();
        for id in 0..MAX as u32 {
            it.attach(prog(id), None, &wish(0, 0)).unwrap();
        }
        assert_eq!(it.attach(prog(100), None, &wish(0, 0)), Err(Errno::ERANGE));
        assert_eq!(it.attach(prog(100), None, &wish(BPF_F_BEFORE, 0)), Err(Errno::ERANGE));
        it.attach(prog(100), Some(ObjRef(63)), &wish(BPF_F_REPLACE, 0)).unwrap();
        assert_eq!(it.list().len(), MAX);
    }

    proptest! {
        /// Whatever is asked for: nobody is attached twice, nobody vanishes, those who stay keep their order, and the
        /// revision counts what changed.
        #[test]
        fn orders_are_kept(calls in prop::collection::vec((any::<bool>(), 1u32..20, 0u32..64, 0u32..20), 0..80)) {
            let mut it = Mprog::default();
            for (attach, id, flags, relative) in calls {
                let old = order(&it);
                let revision = it.revision();
                let wish = wish(flags, relative);
                let result = match attach {
                    true => it.attach(prog(id), Some(ObjRef(relative)), &wish).map(|old| old.map(|it| it.prog.0)),
                    false => it.detach(Some(ObjRef(id)), None, &wish).map(|it| Some(it.prog.0)),
                };
                let new = order(&it);
                prop_assert_eq!(it.revision(), revision + u64::from(result.is_ok()));
                let stay: Vec<_> = new.iter().copied().filter(|it| old.contains(it)).collect();
                let left: Vec<_> = old.iter().copied().filter(|it| new.contains(it)).collect();
                prop_assert_eq!(&stay, &left);
                let mut once = new.clone();
                once.sort_unstable();
                once.dedup();
                prop_assert_eq!(once.len(), new.len());
                match result {
                    Err(_) => prop_assert_eq!(new, old),
                    Ok(gone) => {
                        prop_assert_eq!(new.contains(&id), attach);
                        prop_assert!(gone.is_none_or(|it| old.contains(&it) && !new.contains(&it)));
                    }
                }
            }
        }
    }
}
