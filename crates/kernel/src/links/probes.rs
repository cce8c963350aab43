//! Links to many functions of the kernel, or to many places in a file (`kernel/trace/bpf_trace.c`).

use super::{Functions, KprobeMulti, Link, LinkCreate, LinkWith, Place};
use crate::files::Fd;
use crate::hooks::{Attached, Hook};
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::flags::{BPF_F_KPROBE_MULTI_RETURN, BPF_F_UPROBE_MULTI_RETURN};
use skep_abi::{AttachType, Errno};
use skep_btf::Kind;
use skep_maps::ObjRef;
use std::sync::Arc;

/// The most functions or places (`MAX_KPROBE_MULTI_CNT`, `MAX_UPROBE_MULTI_CNT`).
const MAX: usize = 1 << 20;

/// The functions of a kprobe_multi link, by address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kprobes {
    pub(crate) functions: Vec<Kprobe>,
    pub(crate) flags: u32,
    /// On entry and on return.
    pub(crate) session: bool,
}

/// A function of a kprobe_multi link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kprobe {
    pub(crate) name: String,
    pub(crate) addr: u64,
    pub(crate) cookie: u64,
}

/// What a call that asks for many probes says before its lists are looked at: their length, and which there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lists {
    pub(crate) count: usize,
    /// The two of which there has to be one (names, addresses), or both (the path, offsets).
    pub(crate) has: [bool; 2],
}

/// Checks a call for kprobe_multi up to its lists.
pub(crate) fn check_kprobe_multi(
    core: &Core,
    prog: ObjRef,
    link_flags: u32,
    flags: u32,
    lists: Lists,
) -> Result<(), Errno> {
    let info = &core.objects.prog(prog).ok_or(Errno::EINVAL)?.info;
    let multi = [AttachType::TraceKprobeMulti, AttachType::TraceKprobeSession].map(AttachType::to_u32);
    let bad = link_flags != 0
        || !multi.contains(&info.expected_attach_type)
        || info.sleepable
        || flags & !BPF_F_KPROBE_MULTI_RETURN != 0
        || lists.has[0] == lists.has[1]
        || lists.count == 0;
    match lists.count {
        _ if bad => Err(Errno::EINVAL),
        count if count > MAX => Err(Errno::E2BIG),
        _ => Ok(()),
    }
}

/// Checks a call for uprobe_multi up to its lists.
pub(crate) fn check_uprobe_multi(
    core: &Core,
    prog: ObjRef,
    link_flags: u32,
    flags: u32,
    pid: i32,
    lists: Lists,
) -> Result<(), Errno> {
    let info = &core.objects.prog(prog).ok_or(Errno::EINVAL)?.info;
    let multi = [AttachType::TraceUprobeMulti, AttachType::TraceUprobeSession].map(AttachType::to_u32);
    let bad = link_flags != 0
        || !multi.contains(&info.expected_attach_type)
        || flags & !BPF_F_UPROBE_MULTI_RETURN != 0
        || !lists.has[0]
        || !lists.has[1]
        || lists.count == 0
        || pid < 0;
    match lists.count {
        _ if bad => Err(Errno::EINVAL),
        count if count > MAX => Err(Errno::E2BIG),
        _ => Ok(()),
    }
}

impl Core {
    /// Whether the kernel has a function: one of its types', or one that somebody named. Without types, all are.
    fn has_function(&self, name: &str) -> bool {
        let has = |types: &skep_btf::Btf| types.find(Kind::Func, name).is_some();
        !name.is_empty() && (self.symbols.has(name) || self.all_types().is_none_or(has))
    }

    /// The functions of a kprobe_multi link.
    ///
    /// # Errors
    /// `ESRCH`: there is no function of a name (`ftrace_lookup_symbols`). `EINVAL`: none begins at an address.
    fn kprobes(&mut self, multi: &KprobeMulti) -> Result<Vec<Kprobe>, Errno> {
        let mut found = Vec::with_capacity(multi.functions.len());
        match &multi.functions {
            Functions::Names(names) => {
                for name in names {
                    if !self.has_function(name) {
                        return Err(Errno::ESRCH);
                    }
                    found.push((name.clone(), self.symbols.address(name)));
                }
                let mut once: Vec<_> = found.iter().map(|it| it.1).collect();
                once.sort_unstable();
                // All names are looked for at once, and each is found once.
                if once.windows(2).any(|it| it[0] == it[1]) {
                    return Err(Errno::ESRCH);
                }
            }
            Functions::Addresses(addrs) => {
                for &addr in addrs {
                    match self.symbols.at(addr) {
                        Some((name, 0)) => found.push((name.to_owned(), addr)),
                        _ => return Err(Errno::EINVAL),
                    }
                }
            }
        }
        let cookies = multi.cookies.iter().copied().chain(std::iter::repeat(0));
        let mut probes: Vec<_> = found
            .into_iter()
            .zip(cookies)
            .map(|((name, addr), cookie)| Kprobe { name, addr, cookie })
            .collect();
        if !multi.cookies.is_empty() {
            probes.sort_by_key(|it| it.addr);
        }
        Ok(probes)
    }
}

impl Kprobes {
    /// The hooks of all functions, and what is at each.
    pub(super) fn hooks(&self, new: Attached) -> impl Iterator<Item = (Hook, Attached)> {
        let ways = ways(self.session, self.flags & BPF_F_KPROBE_MULTI_RETURN != 0);
        self.functions.iter().flat_map(move |it| {
            ways.iter().map(move |&ret| {
                let flags = if self.session { Attached::SESSION } else { 0 };
                let hook = Hook::KprobeMulti { func: it.name.clone(), ret };
                (hook, Attached { cookie: it.cookie, flags, ..new })
            })
        })
    }
}

impl super::UprobeMulti {
    /// The hooks of all places, and what is at each.
    pub(super) fn hooks(&self, new: Attached, session: bool) -> impl Iterator<Item = (Hook, Attached)> {
        let ways = ways(session, self.flags & BPF_F_UPROBE_MULTI_RETURN != 0);
        let pid = Some(self.pid).filter(|it| *it != 0);
        let cookies = self.cookies.iter().copied().chain(std::iter::repeat(0));
        self.offsets.iter().zip(cookies).flat_map(move |(&offset, cookie)| {
            ways.iter().map(move |&ret| {
                let flags = if session { Attached::SESSION } else { 0 };
                let hook = Hook::UprobeMulti { path: self.path.clone(), offset, ret };
                (hook, Attached { cookie, flags, pid, ..new })
            })
        })
    }
}

fn ways(session: bool, ret: bool) -> &'static [bool] {
    match (session, ret) {
        (_, true) => &[true],
        (true, false) => &[false, true],
        (false, false) => &[false],
    }
}

impl Sys<'_> {
    /// A link to many kernel functions.
    pub(super) fn link_kprobe_multi(&mut self, prog: ObjRef, create: &LinkCreate) -> Result<Fd, Errno> {
        let LinkWith::KprobeMulti(multi) = &create.with else { return Err(Errno::EINVAL) };
        let names = matches!(multi.functions, Functions::Names(_));
        let lists = Lists { count: multi.functions.len(), has: [names, !names] };
        check_kprobe_multi(self.core, prog, create.flags, multi.flags, lists)?;
        if !multi.cookies.is_empty() && multi.cookies.len() != multi.functions.len() {
            return Err(Errno::EINVAL);
        }
        let functions = self.core.kprobes(multi)?;
        let session = create.attach_type == AttachType::TraceKprobeSession.to_u32();
        let probes = Arc::new(Kprobes { functions, flags: multi.flags, session });
        let place = Place::KprobeMulti(Arc::clone(&probes));
        let link = self.prime(Link::new(Some(prog), create.attach_type, 0, place))?;
        let new = self.attached(link)?;
        probes.hooks(new).for_each(|(hook, new)| self.core.hooks.add(hook, new));
        self.settle(link, Ok(()))
    }

    /// A link to many places in a file.
    pub(super) fn link_uprobe_multi(&mut self, prog: ObjRef, create: &LinkCreate) -> Result<Fd, Errno> {
        let LinkWith::UprobeMulti(multi) = &create.with else { return Err(Errno::EINVAL) };
        let lists =
            Lists { count: multi.offsets.len(), has: [!multi.path.is_empty(), !multi.offsets.is_empty()] };
        let pid = i32::try_from(multi.pid).unwrap_or(-1);
        check_uprobe_multi(self.core, prog, create.flags, multi.flags, pid, lists)?;
        let fits = |len: usize| len == 0 || len == multi.offsets.len();
        if !fits(multi.cookies.len()) || !fits(multi.ref_ctr_offsets.len()) {
            return Err(Errno::EINVAL);
        }
        if multi.pid != 0 && !self.core.is_process(multi.pid) {
            return Err(Errno::ESRCH);
        }
        // An offset is signed.
        if multi.offsets.iter().any(|it| *it > i64::MAX as u64) {
            return Err(Errno::EINVAL);
        }
        let session = create.attach_type == AttachType::TraceUprobeSession.to_u32();
        let probes = Arc::new(multi.clone());
        let place = Place::UprobeMulti(Arc::clone(&probes));
        let link = self.prime(Link::new(Some(prog), create.attach_type, 0, place))?;
        let new = self.attached(link)?;
        probes.hooks(new, session).for_each(|(hook, new)| self.core.hooks.add(hook, new));
        self.settle(link, Ok(()))
    }
}
