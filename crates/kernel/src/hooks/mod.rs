//! What is attached where, and in which order it runs.
//!
//! A [`Hook`] is a place where programs run: a device's XDP, a function, a cgroup's connect. Each kind of place has rules
//! of its own for who may be there together and in which order; those are types of their own that know nothing else:
//! `mprog` (tcx, netkit), `cgroup`, `xdp`, `trampoline`, `lists` (everything else). Whoever fires an event asks
//! [`Hooks::at`].

pub(crate) mod cgroup;
pub(crate) mod lists;
pub(crate) mod mprog;
pub(crate) mod trampoline;
pub(crate) mod xdp;

use lists::{FewAtATime, Filters, Order, Sorted, TraceArray};
use skep_abi::AttachType;
use skep_maps::ObjRef;
use std::collections::BTreeMap;
use trampoline::{Trampoline, Way};

/// A place where programs run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Hook {
    /// Packets that a device received, before the stack.
    Xdp { ifindex: u32 },
    /// Packets of a device that come in or go out, before traffic control.
    Tcx { ifindex: u32, ingress: bool },
    /// Packets that go out of a netkit device or, `peer`, of the one that it is paired with. The index is the primary's.
    Netkit { ifindex: u32, peer: bool },
    /// Traffic control: the filters of a device's clsact.
    ClsAct { ifindex: u32, ingress: bool },
    /// Something that happens in a cgroup; `btf_id` is the hook's for [`AttachType::LsmCgroup`], and 0 otherwise.
    Cgroup { id: u64, attach: AttachType, btf_id: u32 },
    /// A tracepoint's record: `sched/sched_switch`.
    Tracepoint { name: String },
    /// A tracepoint's arguments: `sched_switch`. Programs of type RAW_TRACEPOINT and `tp_btf` ones.
    RawTracepoint { name: String },
    /// A kernel function, or an instruction in it, through the kprobe PMU or tracefs.
    Kprobe { func: String, offset: u64, ret: bool },
    /// A kernel function, through kprobe_multi links.
    KprobeMulti { func: String, ret: bool },
    /// A place in a file that is executed, through the uprobe PMU or tracefs.
    Uprobe { path: String, offset: u64, ret: bool },
    /// A place in a file that is executed, through uprobe_multi links.
    UprobeMulti { path: String, offset: u64, ret: bool },
    /// A function: fentry, fexit, fmod_ret, LSM and freplace programs.
    Func { func: Func, way: Way },
    /// A network namespace's flow dissector or socket lookup.
    Netns { attach: AttachType },
    /// A sockmap's programs.
    Sockmap { map: ObjRef, attach: AttachType },
    /// A perf event's overflow.
    PerfEvent { event: ObjRef },
    /// A netfilter hook: `NFPROTO_*`, `NF_INET_*`.
    Netfilter { pf: u32, hook: u32 },
    /// Structs of functions that were registered with the kernel, by the struct's name: who is attached is the map.
    StructOps { ops: String },
}

/// A function that can have programs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Func {
    /// One of the kernel's or a module's, by name: `vfs_read`, `bpf_lsm_file_open`.
    Kernel(String),
    /// One of a program's, by where it starts.
    Prog { prog: ObjRef, slot: usize },
}

/// A program at a hook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Attached {
    pub(crate) prog: ObjRef,
    /// The link, if it is attached by one.
    pub(crate) link: Option<ObjRef>,
    /// What `bpf_get_attach_cookie` answers.
    pub(crate) cookie: u64,
    /// `BPF_F_*` of cgroups; [`Attached::SESSION`] of probes that are on entry and return.
    pub(crate) flags: u32,
    /// Only in this process (a probe of user space).
    pub(crate) pid: Option<u32>,
}

impl Attached {
    /// It runs on entry and, unless it answered 1 then, on return (kprobe and uprobe sessions).
    pub(crate) const SESSION: u32 = 1 << 31;

    /// A program by itself.
    pub(crate) fn new(prog: ObjRef) -> Attached {
        Attached { prog, link: None, cookie: 0, flags: 0, pid: None }
    }
}

/// All that is attached anywhere.
#[derive(Default, Debug)]
pub(crate) struct Hooks {
    pub(crate) xdp: BTreeMap<u32, xdp::Xdp>,
    /// tcx and netkit.
    pub(crate) mprogs: BTreeMap<Hook, mprog::Mprog>,
    pub(crate) clsact: BTreeMap<(u32, bool), Filters>,
    pub(crate) cgroups: cgroup::Cgroups,
    /// Directories of cgroups that were opened by id where there are no types to make cgroups of, each with a reference.
    pub(crate) cgroup_dirs: BTreeMap<u64, ObjRef>,
    pub(crate) funcs: BTreeMap<Func, Trampoline>,
    /// Programs of perf events by what all events of one place share.
    pub(crate) traces: BTreeMap<Hook, TraceArray>,
    pub(crate) netns: BTreeMap<AttachType, FewAtATime>,
    pub(crate) netfilter: BTreeMap<(u32, u32), Sorted>,
    /// Places without rules.
    pub(crate) lists: BTreeMap<Hook, Vec<Attached>>,
}

impl Hooks {
    /// Who runs at a hook, in order.
    ///
    /// Of traffic control's filters and netfilter's programs it depends on what each answers whether the next one runs,
    /// as of tcx, netkit and cgroups: that is for the caller.
    pub(crate) fn at(&self, hook: &Hook) -> Vec<Attached> {
        match hook {
            Hook::Xdp { ifindex } => self.xdp.get(ifindex).map(|it| it.all().copied().collect()),
            Hook::Tcx { .. } | Hook::Netkit { .. } => self.mprogs.get(hook).map(|it| it.list().to_vec()),
            Hook::ClsAct { ifindex, ingress } => {
                self.clsact.get(&(*ifindex, *ingress)).map(|it| it.0.iter().map(|it| it.attached).collect())
            }
            Hook::Cgroup { id, attach, btf_id } => Some(self.cgroups.effective(*id, (*attach, *btf_id))),
            Hook::Func { func, way } => self.funcs.get(func).map(|it| it.list(*way).to_vec()),
            Hook::Tracepoint { .. } => self.traces.get(hook).map(|it| it.0.clone()),
            Hook::Netns { attach } => self.netns.get(attach).map(|it| it.0.clone()),
            Hook::Netfilter { pf, hook } => {
                self.netfilter.get(&(*pf, *hook)).map(|it| it.0.iter().map(|it| it.1).collect())
            }
            Hook::RawTracepoint { .. }
            // Each event has programs of its own.
            | Hook::Kprobe { .. }
            | Hook::Uprobe { .. }
            | Hook::KprobeMulti { .. }
            | Hook::UprobeMulti { .. }
            | Hook::Sockmap { .. }
            | Hook::PerfEvent { .. }
            | Hook::StructOps { .. } => self.lists.get(hook).cloned(),
        }
        .unwrap_or_default()
    }

    /// Adds to a place without rules: tracepoints run the oldest first, multi probes the newest.
    pub(crate) fn add(&mut self, hook: Hook, new: Attached) {
        let order = match hook {
            Hook::KprobeMulti { .. } | Hook::UprobeMulti { .. } => Order::NewestFirst,
            _ => Order::OldestFirst,
        };
        order.add(self.lists.entry(hook).or_default(), new);
    }

    /// Takes a link away from a place without rules.
    pub(crate) fn remove(&mut self, hook: &Hook, link: ObjRef) {
        if let Some(list) = self.lists.get_mut(hook) {
            list.retain(|it| it.link != Some(link));
            if list.is_empty() {
                self.lists.remove(hook);
            }
        }
    }
}

#[cfg(test)]
mod tests;
