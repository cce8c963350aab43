//! `ioctl(2)` of events.

use super::full::Attr;
use crate::bpf::UserMemory;
use crate::files::Fd;
use crate::kernel::Kernel;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::uapi::ioctl::*;
use skep_maps::ObjRef;

/// The longest filter (a page).
const FILTER_MAX: usize = 4096;
/// How many ids of programs may be asked for (`BPF_TRACE_MAX_PROGS`).
const QUERY_MAX: u32 = 64;
/// The longest attributes, for `PERF_EVENT_IOC_MODIFY_ATTRIBUTES`.
const ATTR_MAX: usize = 4096;

impl Kernel {
    /// `ioctl(2)` of an event; addresses are of `user`'s memory.
    ///
    /// # Errors
    /// `EBADF`: no open fd. `ENOTTY`: no event, or no such request. Those of the request.
    pub fn perf_ioctl(
        &mut self,
        fd: Fd,
        request: u32,
        arg: u64,
        user: &mut dyn UserMemory,
    ) -> Result<i32, Errno> {
        self.sys().perf_ioctl(fd, request, arg, user)
    }
}

impl Sys<'_> {
    /// See [`Kernel::perf_ioctl`].
    pub(crate) fn perf_ioctl(
        &mut self,
        fd: Fd,
        request: u32,
        arg: u64,
        user: &mut dyn UserMemory,
    ) -> Result<i32, Errno> {
        let id = self.core.files.get(fd)?;
        self.core.objects.perf(id).ok_or(Errno::ENOTTY)?;
        match request {
            PERF_EVENT_IOC_ENABLE => self.core.for_group(id, arg, Core::enable_event),
            PERF_EVENT_IOC_DISABLE => self.core.for_group(id, arg, Core::disable_event),
            PERF_EVENT_IOC_RESET => self.core.for_group(id, arg, Core::reset_event),
            PERF_EVENT_IOC_REFRESH => self.core.refresh_event(id)?,
            PERF_EVENT_IOC_PERIOD => {
                let mut value = [0; 8];
                user.read(arg, &mut value)?;
                self.core.set_period(id, u64::from_le_bytes(value))?;
            }
            PERF_EVENT_IOC_ID => user.write(arg, &self.core.event_id(id)?.to_le_bytes())?,
            PERF_EVENT_IOC_SET_OUTPUT => {
                let output = if arg == u64::MAX { None } else { Some(Fd(arg as i32)) };
                self.set_output(id, output)?;
            }
            PERF_EVENT_IOC_SET_FILTER => self.core.set_filter(id, arg, user)?,
            PERF_EVENT_IOC_SET_BPF => {
                let prog = self.core.prog_of(Fd(arg as i32))?;
                self.core.perf_attach(id, prog, 0)?;
            }
            PERF_EVENT_IOC_PAUSE_OUTPUT => self.core.pause_output(id, arg != 0)?,
            PERF_EVENT_IOC_QUERY_BPF => self.core.query_bpf(id, arg, user)?,
            PERF_EVENT_IOC_MODIFY_ATTRIBUTES => self.core.modify(id, arg, user)?,
            _ => return Err(Errno::ENOTTY),
        }
        Ok(0)
    }

    /// Has an event write to the ring of another, or to none (`perf_event_set_output`).
    pub(super) fn set_output(&mut self, id: ObjRef, output: Option<Fd>) -> Result<(), Errno> {
        let event = self.core.objects.perf(id).ok_or(Errno::EINVAL)?;
        let buffer = match output {
            None if event.mappings > 0 => return Err(Errno::EINVAL),
            None => None,
            Some(fd) => {
                let output = self.core.event_of(fd)?;
                if output == id {
                    return Err(Errno::EINVAL);
                }
                self.core.may_share(event, output)?;
                self.core.buffer_id(output)
            }
        };
        self.core.attach_buffer(self.memory, id, buffer);
        Ok(())
    }
}

impl Core {
    /// Does something to an event or, if the argument says so, to its whole group.
    pub(super) fn for_group(&mut self, id: ObjRef, arg: u64, run: fn(&mut Core, ObjRef)) {
        if arg as u32 & PERF_IOC_FLAG_GROUP == 0 {
            return run(self, id);
        }
        let leader = self.objects.perf(id).and_then(|it| it.leader).unwrap_or(id);
        run(self, leader);
        self.group(leader).into_iter().for_each(|it| run(self, it));
    }

    pub(super) fn enable_event(&mut self, id: ObjRef) {
        self.switch_event(id, true);
    }

    pub(super) fn disable_event(&mut self, id: ObjRef) {
        self.switch_event(id, false);
    }

    fn switch_event(&mut self, id: ObjRef, on: bool) {
        let now = self.clock.monotonic_ns;
        if let Some(event) = self.objects.perf_mut(id) {
            event.switch(on, now);
        }
    }

    pub(super) fn reset_event(&mut self, id: ObjRef) {
        if let Some(event) = self.objects.perf_mut(id) {
            event.value.counter = 0;
        }
    }

    /// Enables an event for so many samples more. None of this machine ends by itself, so that how many is forgotten.
    pub(super) fn refresh_event(&mut self, id: ObjRef) -> Result<(), Errno> {
        let event = self.objects.perf(id).ok_or(Errno::EINVAL)?;
        if event.inherited() || !event.attr.is_sampling() {
            return Err(Errno::EINVAL);
        }
        self.enable_event(id);
        Ok(())
    }

    pub(super) fn set_period(&mut self, id: ObjRef, value: u64) -> Result<(), Errno> {
        let event = self.objects.perf_mut(id).ok_or(Errno::EINVAL)?;
        if !event.attr.is_sampling() || value == 0 {
            return Err(Errno::EINVAL);
        }
        let mut attr = event.attr;
        attr.set_period(value);
        attr.check_rate()?;
        event.attr = attr;
        Ok(())
    }

    pub(super) fn event_id(&self, id: ObjRef) -> Result<u64, Errno> {
        self.objects.perf(id).map(|it| it.id).ok_or(Errno::EINVAL)
    }

    pub(super) fn pause_output(&mut self, id: ObjRef, paused: bool) -> Result<(), Errno> {
        let shared = self.buffer_of_mut(id).filter(|it| it.buffer.has_pages()).ok_or(Errno::EINVAL)?;
        shared.buffer.pause(paused);
        Ok(())
    }

    /// Filters are of tracepoints, and not emulated.
    fn set_filter(&self, id: ObjRef, arg: u64, user: &mut dyn UserMemory) -> Result<(), Errno> {
        let mut byte = [0];
        let mut len = 0;
        loop {
            user.read(arg.wrapping_add(len as u64), &mut byte)?;
            match byte[0] {
                0 => break,
                _ if len + 1 == FILTER_MAX => return Err(Errno::EINVAL),
                _ => len += 1,
            }
        }
        let traces = self.objects.perf(id).is_some_and(|it| it.counted.hook().is_some());
        Err(if traces { Errno::EOPNOTSUPP } else { Errno::EINVAL })
    }

    /// `struct perf_event_query_bpf`: room for ids, how many programs there are, ids.
    fn query_bpf(&self, id: ObjRef, arg: u64, user: &mut dyn UserMemory) -> Result<(), Errno> {
        if !self.perfmon() {
            return Err(Errno::EPERM);
        }
        let event = self.objects.perf(id).ok_or(Errno::EINVAL)?;
        if event.attr.kind() != skep_abi::uapi::PERF_TYPE_TRACEPOINT {
            return Err(Errno::EINVAL);
        }
        let mut head = [0; 8];
        user.read(arg, &mut head)?;
        let room = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        if room > QUERY_MAX {
            return Err(Errno::E2BIG);
        }
        let (mut ids, count) = self.perf_programs(id, room as usize)?;
        // What there is room for is written in whole.
        ids.resize(room as usize, 0);
        user.write(arg + 4, &(count as u32).to_le_bytes())?;
        let ids: Vec<u8> = ids.into_iter().flat_map(u32::to_le_bytes).collect();
        if !ids.is_empty() {
            user.write(arg + 8, &ids)?;
        }
        if room > 0 && count > room as usize { Err(Errno::ENOSPC) } else { Ok(()) }
    }

    /// Only breakpoints can be changed, of which there are none.
    fn modify(&self, id: ObjRef, arg: u64, user: &mut dyn UserMemory) -> Result<(), Errno> {
        let mut given = caller_attr(arg, user)?;
        let copied = Attr::copy(&mut given);
        if copied == Err(Errno::E2BIG) {
            // The size that is known, written back.
            let _ = user.write(arg + 4, &given[4..8]);
        }
        let event = self.objects.perf(id).ok_or(Errno::EINVAL)?;
        if copied?.kind() == event.attr.kind() { Err(Errno::EOPNOTSUPP) } else { Err(Errno::EINVAL) }
    }
}

/// As much of the attributes at an address as their size says.
fn caller_attr(arg: u64, user: &mut dyn UserMemory) -> Result<Vec<u8>, Errno> {
    let mut head = [0; 8];
    user.read(arg, &mut head)?;
    let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    let mut given = vec![0; size.clamp(64, ATTR_MAX)];
    if size <= ATTR_MAX {
        user.read(arg, &mut given)?;
    }
    given[..8].copy_from_slice(&head);
    Ok(given)
}

/// # Events by themselves
impl Kernel {
    /// Starts an event (`PERF_EVENT_IOC_ENABLE`).
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event.
    pub fn perf_enable(&mut self, fd: Fd) -> Result<(), Errno> {
        self.on_event(fd, Core::enable_event)
    }

    /// Stops an event (`PERF_EVENT_IOC_DISABLE`): programs that send to it get `EOPNOTSUPP`.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event.
    pub fn perf_disable(&mut self, fd: Fd) -> Result<(), Errno> {
        self.on_event(fd, Core::disable_event)
    }

    /// Sets what an event counted to 0 (`PERF_EVENT_IOC_RESET`).
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event.
    pub fn perf_reset(&mut self, fd: Fd) -> Result<(), Errno> {
        self.on_event(fd, Core::reset_event)
    }

    /// The id of an event, which its records carry (`PERF_EVENT_IOC_ID`).
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event.
    pub fn perf_id(&self, fd: Fd) -> Result<u64, Errno> {
        self.core.event_id(self.core.files.get(fd)?)
    }

    /// Has an event write to the ring of another, or to none (`PERF_EVENT_IOC_SET_OUTPUT`).
    ///
    /// # Errors
    /// `EBADF`: no event. `EINVAL`: it has a ring of its own, the other has none, or they are of different CPUs, threads or
    /// clocks.
    pub fn perf_set_output(&mut self, fd: Fd, output: Option<Fd>) -> Result<(), Errno> {
        let id = self.core.event_of(fd)?;
        self.sys().set_output(id, output)
    }

    /// Stops or starts what is written to an event's ring (`PERF_EVENT_IOC_PAUSE_OUTPUT`).
    ///
    /// # Errors
    /// `EBADF`: no event. `EINVAL`: it has no ring with data pages.
    pub fn perf_pause_output(&mut self, fd: Fd, paused: bool) -> Result<(), Errno> {
        let id = self.core.event_of(fd)?;
        self.core.pause_output(id, paused)
    }

    /// Attaches a program to an event (`PERF_EVENT_IOC_SET_BPF`): to a tracepoint, a probe, or an event's samples. It
    /// stays there until the event ends.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event, no program, or one that does not go with the event. `EEXIST`: the event has one, or the
    /// tracepoint this one. `E2BIG`: the tracepoint has 64.
    pub fn perf_set_bpf(&mut self, fd: Fd, prog: Fd) -> Result<(), Errno> {
        let id = self.core.event_of(fd)?;
        let prog = self.core.prog_of(prog)?;
        self.core.perf_attach(id, prog, 0)
    }

    fn on_event(&mut self, fd: Fd, run: fn(&mut Core, ObjRef)) -> Result<(), Errno> {
        let id = self.core.files.get(fd)?;
        self.core.objects.perf(id).ok_or(Errno::EINVAL)?;
        run(&mut self.core, id);
        Ok(())
    }
}
