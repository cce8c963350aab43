//! Programs of cgroups: what a cgroup has attached, and what runs for one below it (`kernel/bpf/cgroup.c`).
//!
//! Of each kind of program a cgroup has a list and the flags that it was begun with: none (nobody below may attach),
//! `BPF_F_ALLOW_OVERRIDE` (what is attached below runs instead) or `BPF_F_ALLOW_MULTI` (both run, the lower first).
//! What the kernel keeps for every cgroup is found here by walking up when it is asked for.

use super::Attached;
use skep_abi::flags::{
    BPF_F_AFTER, BPF_F_ALLOW_MULTI, BPF_F_ALLOW_OVERRIDE, BPF_F_BEFORE, BPF_F_ID, BPF_F_LINK, BPF_F_PREORDER,
    BPF_F_REPLACE,
};
use skep_abi::{AttachType, Errno};
use skep_maps::ObjRef;
use std::collections::BTreeMap;

/// How many programs of a kind a cgroup has at most (`BPF_CGROUP_MAX_PROGS`).
pub(crate) const MAX: usize = 64;
/// How many LSM hooks have programs of cgroups at most (`CGROUP_LSM_NUM`).
pub(crate) const MAX_LSM_HOOKS: usize = 10;
/// The id of the root.
pub(crate) const ROOT: u64 = 1;

/// A kind of program of a cgroup: where it is attached and, of an LSM program, its hook by BTF id.
pub(crate) type Kind = (AttachType, u32);

/// What a call says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) flags: u32,
    /// What is attached or detached is relative to this, by `relative_fd` or `relative_id`.
    pub(crate) relative: Option<Result<Relative, Errno>>,
    /// The revision that the caller knows; 0: any.
    pub(crate) revision: u64,
}

/// A neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Relative {
    Prog(ObjRef),
    Link(ObjRef),
}

/// What a cgroup has of a kind.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    /// What it was begun with; 0 if there is nothing.
    pub(crate) flags: u32,
    /// Counts changes, from 1.
    pub(crate) revision: u64,
    pub(crate) progs: Vec<Attached>,
}

static NOTHING: Level = Level { flags: 0, revision: 1, progs: Vec::new() };

/// All cgroups that have, or had, programs.
#[derive(Clone, Default, Debug)]
pub(crate) struct Cgroups {
    levels: BTreeMap<(u64, Kind), Level>,
    /// What each is below of, where that is not the root.
    parents: BTreeMap<u64, u64>,
    /// LSM hooks with programs: their BTF ids and how many, in the kernel's places for them.
    lsm: [(u32, u32); MAX_LSM_HOOKS],
}

impl Cgroups {
    /// Learns where a cgroup is: the ids from the root's to its own.
    pub(crate) fn know(&mut self, path: &[u64]) {
        for pair in path.windows(2) {
            if let [above, id] = *pair
                && above != ROOT
                && above != id
            {
                self.parents.insert(id, above);
            }
        }
    }

    /// The path of a cgroup below the root's directory, as cgroups that nobody named are called: `/cgroup-10/cgroup-20`.
    pub(crate) fn path_text(&self, id: u64) -> String {
        let mut ids: Vec<u64> = self.upwards(id).filter(|it| *it != ROOT).collect();
        ids.reverse();
        let text: String = ids.iter().map(|id| format!("/cgroup-{id}")).collect();
        if text.is_empty() { "/".to_owned() } else { text }
    }

    /// Forgets a cgroup that is gone. Answers what was attached to it.
    pub(crate) fn remove(&mut self, id: u64) -> Vec<(Kind, Attached)> {
        let kinds: Vec<_> = self.levels.range((id, MIN_KIND)..).map(|it| *it.0).collect();
        let mut gone = Vec::new();
        for key in kinds.into_iter().take_while(|it| it.0 == id) {
            let progs = self.levels.remove(&key).map(|it| it.progs).unwrap_or_default();
            for it in progs {
                self.put_lsm(key.1);
                gone.push((key.1, it));
            }
        }
        self.parents.remove(&id);
        gone
    }

    /// A cgroup and those above it.
    fn upwards(&self, id: u64) -> impl Iterator<Item = u64> {
        let mut next = Some(id);
        // A hierarchy that goes in a circle is none; nobody is that deep.
        std::iter::from_fn(move || {
            let id = next?;
            next = (id != ROOT).then(|| self.parents.get(&id).copied().unwrap_or(ROOT));
            Some(id)
        })
        .take(4096)
    }

    /// What a cgroup itself has.
    pub(crate) fn level(&self, id: u64, kind: Kind) -> &Level {
        self.levels.get(&(id, kind)).unwrap_or(&NOTHING)
    }

    /// The LSM hooks that have programs, in the kernel's order.
    pub(crate) fn lsm_hooks(&self) -> impl Iterator<Item = u32> {
        self.lsm.iter().filter(|it| it.0 != 0).map(|it| it.0)
    }

    /// What runs for a cgroup, in order (`compute_effective_progs`).
    ///
    /// A cgroup's own programs come before those above it, but for those with `BPF_F_PREORDER`, which come before all
    /// others and the uppermost cgroup's first.
    pub(crate) fn effective(&self, id: u64, kind: Kind) -> Vec<Attached> {
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        for above in self.upwards(id) {
            let level = self.level(above, kind);
            if first.len() + rest.len() > 0 && level.flags & BPF_F_ALLOW_MULTI == 0 {
                continue;
            }
            let pre = level.progs.iter().filter(|it| it.flags & BPF_F_PREORDER != 0);
            first.splice(0..0, pre.copied());
            rest.extend(level.progs.iter().filter(|it| it.flags & BPF_F_PREORDER == 0).copied());
        }
        first.extend(rest);
        first
    }

    /// Whether what is above lets a cgroup have programs of its own (`hierarchy_allows_attach`).
    fn allows(&self, id: u64, kind: Kind) -> bool {
        for above in self.upwards(id).skip(1) {
            let level = self.level(above, kind);
            if level.flags & BPF_F_ALLOW_MULTI != 0 {
                return true;
            }
            if !level.progs.is_empty() {
                return level.flags & BPF_F_ALLOW_OVERRIDE != 0;
            }
        }
        true
    }

    /// Attaches a program or a link, in the place of `old` if `BPF_F_REPLACE` is set, or of whatever there is where only
    /// one may be. Answers who was replaced.
    ///
    /// # Errors
    /// `EINVAL`: flags that do not go together, it is attached already, or too many LSM hooks. `ESTALE`: another
    /// revision. `EPERM`: what is above or what is there already does not let it. `E2BIG`: [`MAX`] are attached.
    /// `ENOENT`: what is to be replaced, or the neighbour, is not attached.
    pub(crate) fn attach(
        &mut self,
        id: u64,
        kind: Kind,
        new: Attached,
        old: Option<ObjRef>,
        wish: &Wish,
    ) -> Result<Option<Attached>, Errno> {
        let flags = wish.flags;
        check_flags(flags, new.link.is_some(), old.is_some())?;
        let lsm = self.lsm_place(kind).ok_or(Errno::EINVAL)?;
        let saved = flags & (BPF_F_ALLOW_OVERRIDE | BPF_F_ALLOW_MULTI);
        let level = self.level(id, kind);
        if wish.revision != 0 && wish.revision != level.revision {
            return Err(Errno::ESTALE);
        }
        if !self.allows(id, kind) || (!level.progs.is_empty() && level.flags != saved) {
            return Err(Errno::EPERM);
        }
        if level.progs.len() >= MAX {
            return Err(Errno::E2BIG);
        }
        let new = Attached { flags, ..new };
        let place = match taken(level, &new, old, flags)? {
            Some(at) => Ok(at),
            None => Err(beside(level, &new, wish)?),
        };
        let level = self.levels.entry((id, kind)).or_insert_with(|| NOTHING.clone());
        level.flags = saved;
        level.revision += 1;
        match place {
            Ok(at) => Ok(level.progs.get_mut(at).map(|it| std::mem::replace(it, new))),
            Err(at) => {
                level.progs.insert(at.min(level.progs.len()), new);
                if let Some(place) = lsm.and_then(|at| self.lsm.get_mut(at)) {
                    *place = (kind.1, place.1 + 1);
                }
                Ok(None)
            }
        }
    }

    /// Gives a link another program.
    ///
    /// # Errors
    /// `ENOENT`: the link is not attached there.
    pub(crate) fn replace(&mut self, id: u64, kind: Kind, link: ObjRef, prog: ObjRef) -> Result<(), Errno> {
        let level = self.levels.get_mut(&(id, kind)).ok_or(Errno::ENOENT)?;
        let it = level.progs.iter_mut().find(|it| it.link == Some(link)).ok_or(Errno::ENOENT)?;
        it.prog = prog;
        level.revision += 1;
        Ok(())
    }

    /// Detaches a program or a link; where only one may be attached, that, whatever the caller names.
    ///
    /// # Errors
    /// `ESTALE`: another revision. `ENOENT`: it is not attached. `EINVAL`: several may be attached and none is named.
    pub(crate) fn detach(
        &mut self,
        id: u64,
        kind: Kind,
        prog: Option<ObjRef>,
        link: Option<ObjRef>,
        revision: u64,
    ) -> Result<Attached, Errno> {
        self.lsm_place(kind).ok_or(Errno::EINVAL)?;
        let level = self.levels.entry((id, kind)).or_insert_with(|| NOTHING.clone());
        if revision != 0 && revision != level.revision {
            return Err(Errno::ESTALE);
        }
        let at = if level.flags & BPF_F_ALLOW_MULTI == 0 {
            Some(0).filter(|_| !level.progs.is_empty())
        } else if prog.is_none() && link.is_none() {
            return Err(Errno::EINVAL);
        } else {
            let is = |it: &Attached| match link {
                Some(link) => it.link == Some(link),
                None => it.link.is_none() && Some(it.prog) == prog,
            };
            level.progs.iter().position(is)
        };
        let gone = level.progs.remove(at.ok_or(Errno::ENOENT)?);
        level.revision += 1;
        if level.progs.is_empty() {
            level.flags = 0;
        }
        self.put_lsm(kind);
        Ok(gone)
    }

    /// The place of an LSM hook, which it gets with its first program. `Some(None)` if it is another kind.
    fn lsm_place(&self, kind: Kind) -> Option<Option<usize>> {
        if kind.0 != AttachType::LsmCgroup {
            return Some(None);
        }
        let place = |id| self.lsm.iter().position(|it| it.0 == id);
        place(kind.1).or_else(|| place(0)).map(Some)
    }

    /// One program of a kind less.
    fn put_lsm(&mut self, kind: Kind) {
        if kind.0 == AttachType::LsmCgroup
            && let Some(place) = self.lsm.iter_mut().find(|it| it.0 == kind.1)
        {
            place.1 = place.1.saturating_sub(1);
            if place.1 == 0 {
                *place = (0, 0);
            }
        }
    }
}

/// The least of all kinds.
const MIN_KIND: Kind = (AttachType::CgroupInetIngress, 0);

/// Which flags go together (`__cgroup_bpf_attach`).
fn check_flags(flags: u32, link: bool, replaces: bool) -> Result<(), Errno> {
    let has = |it| flags & it != 0;
    let bad = (has(BPF_F_ALLOW_OVERRIDE) && has(BPF_F_ALLOW_MULTI))
        || (has(BPF_F_REPLACE) && !has(BPF_F_ALLOW_MULTI))
        || (has(BPF_F_REPLACE) && has(BPF_F_BEFORE | BPF_F_AFTER))
        || (link && replaces)
        || replaces != has(BPF_F_REPLACE);
    if bad { Err(Errno::EINVAL) } else { Ok(()) }
}

/// The place that a program takes from another (`find_attach_entry`).
fn taken(level: &Level, new: &Attached, old: Option<ObjRef>, flags: u32) -> Result<Option<usize>, Errno> {
    if flags & BPF_F_ALLOW_MULTI == 0 {
        return Ok((!level.progs.is_empty()).then_some(0));
    }
    let same = |it: &Attached| match new.link {
        Some(link) => it.link == Some(link),
        None => it.link.is_none() && it.prog == new.prog && old != Some(new.prog),
    };
    if level.progs.iter().any(same) {
        return Err(Errno::EINVAL);
    }
    let Some(old) = old else { return Ok(None) };
    let at = level.progs.iter().position(|it| it.link.is_none() && it.prog == old);
    at.map(Some).ok_or(Errno::ENOENT)
}

/// Where a program goes among the others (`get_prog_list`, `insert_pl_to_hlist`).
fn beside(level: &Level, new: &Attached, wish: &Wish) -> Result<usize, Errno> {
    let (before, after) = (wish.flags & BPF_F_BEFORE != 0, wish.flags & BPF_F_AFTER != 0);
    let by_link = wish.flags & BPF_F_LINK != 0;
    let relative = by_link || wish.flags & BPF_F_ID != 0 || wish.relative.is_some();
    let bad = match relative {
        true => before == after || by_link != new.link.is_some(),
        false => !level.progs.is_empty() && before && after,
    };
    if bad {
        return Err(Errno::EINVAL);
    }
    let anchor = match wish.relative {
        None if relative => return Err(Errno::EINVAL),
        None => return Ok(if before { 0 } else { level.progs.len() }),
        Some(anchor) => anchor?,
    };
    let is = |it: &Attached| match anchor {
        Relative::Link(link) => it.link == Some(link),
        Relative::Prog(prog) => it.link.is_none() && it.prog == prog,
    };
    let at = level.progs.iter().position(is).ok_or(Errno::ENOENT)?;
    if (level.progs[at].flags ^ wish.flags) & BPF_F_PREORDER != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(if before { at } else { at + 1 })
}

#[cfg(test)]
mod tests;
