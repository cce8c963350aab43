//! Programs of events: `PERF_EVENT_IOC_SET_BPF` and links (`perf_event_set_bpf_prog`).

use super::event::PerfEvent;
use super::pmu::Counted;
use crate::hooks::{Attached, Hook};
use crate::links::PerfLinkInfo;
use crate::prog::Prog;
use crate::state::Core;
use skep_abi::{Errno, ProgType};
use skep_isa::{Callee, Op};
use skep_maps::ObjRef;

/// `bpf_override_return`, which changes what functions do.
const OVERRIDE_RETURN: u32 = 58;

impl Prog {
    /// Whether it may change what a function returns (`kprobe_override`).
    fn overrides(&self) -> bool {
        (0..self.program.insns().len())
            .filter_map(|slot| self.program.op(slot))
            .any(|op| matches!(op, Op::Call(Callee::Helper(OVERRIDE_RETURN))))
    }
}

/// Whether a program goes with an event (`__perf_event_set_bpf_prog`).
fn check(event: &PerfEvent, prog: &Prog) -> Result<(), Errno> {
    let kind = prog.info.prog_type;
    let fits = match &event.counted {
        Counted::Tracepoint(_) => kind == ProgType::Tracepoint,
        Counted::Kprobe { .. } => kind == ProgType::Kprobe && !prog.info.sleepable,
        Counted::Uprobe { .. } => kind == ProgType::Kprobe && !prog.overrides(),
        Counted::Software | Counted::Clock => return check_handler(event, kind),
    };
    if !fits {
        return Err(Errno::EINVAL);
    }
    match &event.counted {
        Counted::Kprobe { offset, ret, .. } if prog.overrides() && (*offset != 0 || *ret) => {
            Err(Errno::EINVAL)
        }
        _ if event.attached.is_some() => Err(Errno::EEXIST),
        _ => Ok(()),
    }
}

/// The same of one that runs for samples (`perf_event_set_bpf_handler`).
fn check_handler(event: &PerfEvent, kind: ProgType) -> Result<(), Errno> {
    if event.attached.is_some() {
        return Err(Errno::EEXIST);
    }
    if kind == ProgType::PerfEvent { Ok(()) } else { Err(Errno::EINVAL) }
}

impl Core {
    /// Attaches a program to an event, with a reference of its own. Programs of tracepoints and probes run whenever those
    /// are hit, be the event enabled or not; those of other events, for its samples.
    ///
    /// # Errors
    /// `EINVAL`: a program of another type, or one that may not be there. `EEXIST`: the event has one; or the tracepoint has
    /// this one already. `E2BIG`: the tracepoint has 64.
    pub(crate) fn perf_attach(&mut self, id: ObjRef, prog: ObjRef, cookie: u64) -> Result<(), Errno> {
        let event = self.objects.perf(id).ok_or(Errno::EINVAL)?;
        check(event, self.objects.prog(prog).ok_or(Errno::EINVAL)?)?;
        let new = Attached { cookie, pid: event.probed_pid(), ..Attached::new(prog) };
        match event.counted.hook() {
            None => self.hooks.add(Hook::PerfEvent { event: id }, new),
            Some(hook @ Hook::Tracepoint { .. }) => self.hooks.traces.entry(hook).or_default().attach(new)?,
            // Each event of a probe has programs of its own; the newest runs first.
            Some(hook) => self.hooks.lists.entry(hook).or_default().insert(0, new),
        }
        self.objects.retain(prog);
        if let Some(event) = self.objects.perf_mut(id) {
            event.attached = Some((prog, cookie));
        }
        Ok(())
    }

    /// Takes an event's program away, if it has one (`perf_event_free_bpf_prog`).
    pub(crate) fn perf_detach(&mut self, id: ObjRef) {
        let Some(event) = self.objects.perf_mut(id) else { return };
        let (hook, attached) = (event.counted.hook(), event.attached.take());
        if let Some((prog, cookie)) = attached {
            self.unhook_event(id, hook, prog, cookie);
        }
    }

    /// The same for an event that is no object any more.
    pub(super) fn drop_program(&mut self, id: ObjRef, event: &PerfEvent) {
        if let Some((prog, cookie)) = event.attached {
            self.unhook_event(id, event.counted.hook(), prog, cookie);
        }
    }

    fn unhook_event(&mut self, id: ObjRef, hook: Option<Hook>, prog: ObjRef, cookie: u64) {
        match hook {
            Some(hook @ Hook::Tracepoint { .. }) => {
                if let Some(array) = self.hooks.traces.get_mut(&hook) {
                    array.detach(prog);
                }
            }
            hook => {
                let hook = hook.unwrap_or(Hook::PerfEvent { event: id });
                if let Some(list) = self.hooks.lists.get_mut(&hook) {
                    let at = list
                        .iter()
                        .position(|it| it.link.is_none() && (it.prog, it.cookie) == (prog, cookie));
                    at.map(|at| list.remove(at));
                }
            }
        }
        self.objects.release(prog);
    }

    /// What an event's program is attached to (`bpf_perf_link_fill_link_info`).
    ///
    /// # Errors
    /// `EINVAL`: no event. `ENOENT`: it has no program.
    pub(crate) fn perf_info(&self, id: ObjRef) -> Result<PerfLinkInfo, Errno> {
        let event = self.objects.perf(id).ok_or(Errno::EINVAL)?;
        let (_, cookie) = event.attached.ok_or(Errno::ENOENT)?;
        Ok(match event.counted.clone() {
            Counted::Software | Counted::Clock => {
                PerfLinkInfo::Event { kind: event.attr.kind(), config: event.attr.config(), cookie }
            }
            Counted::Tracepoint(name) => {
                let name = name.split_once('/').map_or(&*name, |it| it.1).to_owned();
                PerfLinkInfo::Tracepoint { name, cookie }
            }
            Counted::Kprobe { func: name, addr, offset, ret } => {
                let addr =
                    name.as_deref().map_or(addr, |it| self.symbols.known(it).map_or(0, |it| it + offset));
                PerfLinkInfo::Kprobe { name, offset, addr, missed: 0, cookie, ret }
            }
            Counted::Uprobe { path: name, offset, ref_ctr: ref_ctr_offset, ret } => {
                PerfLinkInfo::Uprobe { name, offset, ref_ctr_offset, cookie, ret }
            }
        })
    }

    /// The ids of the programs at the tracepoint of an event, as many as there is room for, and how many there are
    /// (`perf_event_query_prog_array`).
    pub(super) fn perf_programs(&self, id: ObjRef, room: usize) -> Result<(Vec<u32>, usize), Errno> {
        let event = self.objects.perf(id).ok_or(Errno::EINVAL)?;
        let Some(hook @ Hook::Tracepoint { .. }) = event.counted.hook() else { return Err(Errno::EINVAL) };
        let all = self.hooks.at(&hook);
        let ids = all.iter().take(room).map(|it| self.objects.number(it.prog)).collect();
        Ok((ids, all.len()))
    }
}

impl PerfEvent {
    /// Its program.
    pub(crate) fn program(&self) -> Option<ObjRef> {
        self.attached.map(|it| it.0)
    }

    /// The process whose hits a uprobe is about.
    fn probed_pid(&self) -> Option<u32> {
        self.place.pid.filter(|_| matches!(self.counted, Counted::Uprobe { .. }))
    }
}
