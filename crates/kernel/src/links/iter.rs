//! Iterators: links that say over what, and files of them (`kernel/bpf/bpf_iter.c`).

use super::{IterLink, Link, LinkCreate, LinkWith, Place};
use crate::fields::Fields;
use crate::files::Fd;
use crate::object::Object;
use crate::outside::OutsideKind;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::{Errno, MapType};
use skep_maps::ObjRef;
use skep_memory::Memory;

/// How the functions begin that stand for what is iterated over.
const PREFIX: &str = "bpf_iter_";

/// What a target wants to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wants {
    Nothing,
    /// A map of one of these types.
    Map(&'static [MapType]),
    Cgroup,
    Task,
}

const ELEMENTS: &[MapType] = &[
    MapType::PercpuHash,
    MapType::LruPercpuHash,
    MapType::PercpuArray,
    MapType::Hash,
    MapType::LruHash,
    MapType::Array,
];
const SOCKETS: &[MapType] = &[MapType::Sockmap, MapType::Sockhash];
const STORAGE: &[MapType] = &[MapType::SkStorage];

/// What there is to iterate over: the name, what it wants, and whether a program of it may sleep (`BPF_ITER_RESCHED`).
const TARGETS: &[(&str, Wants, bool)] = &[
    ("bpf_link", Wants::Nothing, false),
    ("bpf_map", Wants::Nothing, false),
    ("bpf_map_elem", Wants::Map(ELEMENTS), false),
    ("bpf_prog", Wants::Nothing, false),
    ("bpf_sk_storage_map", Wants::Map(STORAGE), false),
    ("cgroup", Wants::Cgroup, false),
    ("dmabuf", Wants::Nothing, true),
    ("ipv6_route", Wants::Nothing, true),
    ("kmem_cache", Wants::Nothing, true),
    ("ksym", Wants::Nothing, true),
    ("netlink", Wants::Nothing, true),
    ("sockmap", Wants::Map(SOCKETS), false),
    ("task", Wants::Task, true),
    ("task_file", Wants::Task, true),
    ("task_vma", Wants::Task, true),
    ("tcp", Wants::Nothing, false),
    ("udp", Wants::Nothing, false),
    ("unix", Wants::Nothing, false),
];

/// Over what of its kind an iterator goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Aux {
    All,
    /// With a reference of user space's.
    Map(ObjRef),
    Cgroup {
        id: u64,
        order: u32,
    },
    /// One thread.
    Tid(u32),
    /// The threads of one process.
    Pid(u32),
}

/// An open iterator: what reading it runs.
#[derive(Debug)]
#[allow(dead_code, reason = "nobody reads iterators yet")]
pub(crate) struct IterFile {
    /// The program that the link had, with a reference.
    pub(crate) prog: ObjRef,
    pub(crate) target: &'static str,
    pub(crate) aux: Aux,
    /// What the program wrote, once it ran.
    pub(crate) content: Option<Vec<u8>>,
    /// How much of that was read.
    pub(crate) at: usize,
}

impl Core {
    /// The targets' rows that a program is for.
    fn iter_target(&self, prog: ObjRef) -> Option<&'static (&'static str, Wants, bool)> {
        let info = &self.objects.prog(prog)?.info;
        let name = info.attach_name.as_deref()?.strip_prefix(PREFIX)?;
        TARGETS.iter().find(|it| it.0 == name)
    }

    fn iter_aux(&mut self, memory: &Memory, wants: Wants, link: &IterLink) -> Result<Aux, Errno> {
        match wants {
            Wants::Nothing => Ok(Aux::All),
            Wants::Map(kinds) => {
                if link.first == 0 {
                    return Err(Errno::EBADF);
                }
                let map = self.map_of(Fd(link.first as i32))?;
                let kind = self.objects.map(map).map(|it| it.map.spec().kind);
                if kind.is_some_and(|it| kinds.contains(&it)) {
                    Ok(Aux::Map(map))
                } else {
                    Err(Errno::EINVAL)
                }
            }
            Wants::Cgroup => self.iter_cgroup(memory, link),
            Wants::Task => {
                let pidfd = link.third as u32;
                match (link.first, link.second, pidfd) {
                    (0, 0, 0) => Ok(Aux::All),
                    (tid, 0, 0) => Ok(Aux::Tid(tid)),
                    (0, pid, 0) => Ok(Aux::Pid(pid)),
                    (0, 0, fd) => self.pid_of(memory, Fd(fd as i32)).map(Aux::Pid),
                    _ => Err(Errno::EINVAL),
                }
            }
        }
    }

    fn iter_cgroup(&mut self, memory: &Memory, link: &IterLink) -> Result<Aux, Errno> {
        /// `BPF_CGROUP_ITER_SELF_ONLY` to `BPF_CGROUP_ITER_CHILDREN`.
        const ORDERS: std::ops::RangeInclusive<u32> = 1..=5;
        let (order, fd, id) = (link.first, link.second, link.third);
        if !ORDERS.contains(&order) || (fd != 0 && id != 0) {
            return Err(Errno::EINVAL);
        }
        let id = match (fd, id) {
            (0, 0) => crate::hooks::cgroup::ROOT,
            (0, id) => id,
            (fd, _) => self.cgroup_of(memory, Fd(fd as i32))?,
        };
        Ok(Aux::Cgroup { id, order })
    }

    /// The process of a pidfd.
    fn pid_of(&self, memory: &Memory, fd: Fd) -> Result<u32, Errno> {
        let (_, task) = self.outside_of(fd)?;
        if task.kind != OutsideKind::Task {
            return Err(Errno::EBADF);
        }
        let fields = Fields::new(self, memory).ok_or(Errno::EBADF)?;
        fields.word(task.addr, "task_struct", "tgid").map(|it| it as u32).ok_or(Errno::EBADF)
    }
}

impl Sys<'_> {
    /// A link of an iterator.
    pub(super) fn link_iter(&mut self, prog: ObjRef, create: &LinkCreate) -> Result<Fd, Errno> {
        if create.target != 0 || create.flags != 0 {
            return Err(Errno::EINVAL);
        }
        let over = match create.with {
            LinkWith::Iter(over) => over,
            _ => IterLink::default(),
        };
        let (name, wants, may_sleep) = *self.core.iter_target(prog).ok_or(Errno::ENOENT)?;
        if self.core.objects.prog(prog).is_some_and(|it| it.info.sleepable) && !may_sleep {
            return Err(Errno::EINVAL);
        }
        let place = Place::Iter { target: name, aux: Aux::All };
        let link = self.prime(Link::new(Some(prog), create.attach_type, 0, place))?;
        let result = self.core.iter_aux(self.memory, wants, &over);
        if let (Ok(aux), Some(link)) = (result, self.core.objects.link_mut(link)) {
            link.place = Place::Iter { target: name, aux };
        }
        if let Ok(Aux::Map(map)) = result {
            self.core.retain_user(map);
        }
        self.settle(link, result.map(drop))
    }

    /// `BPF_ITER_CREATE`: opens an iterator that reading goes through.
    pub(crate) fn iter_create(&mut self, fd: Fd, flags: u32) -> Result<Fd, Errno> {
        if flags != 0 {
            return Err(Errno::EINVAL);
        }
        self.open_iter(self.core.link_of(fd)?)
    }

    /// The same by the link.
    pub(crate) fn open_iter(&mut self, link: ObjRef) -> Result<Fd, Errno> {
        let link = self.core.objects.link(link).ok_or(Errno::EINVAL)?;
        let Place::Iter { target, aux } = link.place else { return Err(Errno::EINVAL) };
        let prog = link.prog.ok_or(Errno::EINVAL)?;
        self.core.room()?;
        self.core.objects.retain(prog);
        if let Aux::Map(map) = aux {
            self.core.retain_user(map);
        }
        let file = IterFile { prog, target, aux, content: None, at: 0 };
        let id = self.core.objects.insert(Object::Iter(Box::new(file)));
        let read = skep_maps::Access { read: true, write: false };
        Ok(self.core.files.open_with(id, read))
    }
}

impl Core {
    /// Ends an open iterator.
    pub(crate) fn end_iter(&mut self, file: &IterFile) {
        self.objects.release(file.prog);
        self.end_aux(&file.aux);
    }

    pub(super) fn end_aux(&mut self, aux: &Aux) {
        if let Aux::Map(map) = aux {
            self.release_user(*map);
        }
    }
}
