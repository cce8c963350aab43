//! `perf_event_open(2)`.

use super::event::{PerfEvent, Place};
use super::full::Attr;
use super::read;
use crate::bpf::UserMemory;
use crate::files::Fd;
use crate::object::Object;
use crate::outside::OutsideKind;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::uapi::attr_bits as bits;
use skep_abi::uapi::perf_event_attr as field;
use skep_abi::uapi::*;
use skep_maps::ObjRef;

/// The thread that a machine has whatever else it has.
const INIT: u32 = 1;
/// The most that one `read(2)` of a group may answer (`perf_event_validate_size`).
const READ_MAX: usize = 16 << 10;

/// The arguments beside the attributes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) pid: i32,
    pub(crate) cpu: i32,
    pub(crate) group: i32,
    pub(crate) flags: u64,
}

/// The clocks that times may be of (`perf_event_set_clock`): those that are safe everywhere, and those that are not.
const SAFE_CLOCKS: [u32; 2] = [1, 4];
const OTHER_CLOCKS: [u32; 3] = [0, 7, 11];

impl Sys<'_> {
    /// Opens an event. See [`Kernel::perf_event_open_raw`](crate::Kernel::perf_event_open_raw).
    pub(crate) fn perf_open(
        &mut self,
        mut attr: Attr,
        target: Target,
        user: &mut dyn UserMemory,
    ) -> Result<Fd, Errno> {
        let Target { pid, cpu, group, flags } = target;
        if flags & !PERF_FLAG_KNOWN != 0 {
            return Err(Errno::EINVAL);
        }
        self.core.may_count(&attr)?;
        attr.check_rate()?;
        let of_cgroup = flags & PERF_FLAG_PID_CGROUP != 0;
        if of_cgroup && (pid == -1 || cpu == -1) {
            return Err(Errno::EINVAL);
        }
        self.core.room()?;
        let group = if group == -1 { None } else { Some(self.core.event_of(Fd(group))?) };
        let output = group.filter(|_| flags & PERF_FLAG_FD_OUTPUT != 0);
        let leader = group.filter(|_| flags & PERF_FLAG_FD_NO_GROUP == 0);
        let task = if pid == -1 || of_cgroup { None } else { Some(self.thread(pid)?) };
        self.core.same_inheritance(&attr, task, leader)?;

        // perf_event_alloc.
        let cpu = self.core.cpu_for(cpu, task)?;
        let inherits_reads =
            attr.has(bits::INHERIT) && attr.samples(PERF_SAMPLE_READ) && !attr.samples(PERF_SAMPLE_TID);
        if attr.has(bits::SIGTRAP) && task.is_none() || inherits_reads {
            return Err(Errno::EINVAL);
        }
        let counted = self.core.counted(&mut attr, user)?;
        attr.check_rest()?;
        let cgroup = if of_cgroup { Some(self.core.cgroup_for(Fd(pid), leader)?) } else { None };
        attr.check_chain()?;

        let place = Place { cpu, pid: task, cgroup };
        let now = self.core.clock.monotonic_ns;
        let mut event = PerfEvent::new(attr, counted, self.core.perf_ids + 1, place, now);
        event.set_clock()?;
        if task.is_none() && !self.core.perfmon() {
            return Err(Errno::EACCES);
        }
        event.leader = leader;
        self.core.joins(&event)?;
        self.finish_open(event, output, flags)
    }

    /// Puts an event that may be there into the machine.
    fn finish_open(&mut self, event: PerfEvent, output: Option<ObjRef>, flags: u64) -> Result<Fd, Errno> {
        if let Some(output) = output {
            self.core.may_share(&event, output)?;
        }
        let siblings = event.leader.map_or(0, |it| self.core.group(it).len());
        if read::size(event.attr.read_format(), siblings + 1) > READ_MAX {
            return Err(Errno::E2BIG);
        }
        if event.attr.needs_aux() {
            return Err(Errno::EINVAL);
        }
        let buffer = output.and_then(|it| self.core.buffer_id(it));
        self.core.perf_ids += 1;
        let id = self.core.objects.insert(Object::Perf(Box::new(event)));
        if buffer.is_some() {
            self.core.attach_buffer(self.memory, id, buffer);
        }
        let fd = self.core.files.open(id);
        self.core.files.set_cloexec(fd, flags & PERF_FLAG_FD_CLOEXEC != 0)?;
        Ok(fd)
    }

    /// A thread that exists: the current one, the first of all, or one of the simulated world.
    fn thread(&self, pid: i32) -> Result<u32, Errno> {
        let current = self.core.task.pid;
        match u32::try_from(pid).map_err(|_| Errno::ESRCH)? {
            0 => Ok(current),
            pid if pid == current || pid == INIT => Ok(pid),
            pid => {
                let known = self.core.world.tasks.contains_key(&pid);
                if known { Ok(pid) } else { Err(Errno::ESRCH) }
            }
        }
    }
}

impl PerfEvent {
    /// Chooses the clock of its times.
    fn set_clock(&mut self) -> Result<(), Errno> {
        if !self.attr.has(bits::USE_CLOCKID) {
            return Ok(());
        }
        let clock = self.attr.get(&field::clockid) as u32;
        let fits = SAFE_CLOCKS.contains(&clock) || OTHER_CLOCKS.contains(&clock) && self.counted.any_clock();
        self.clock = Some(clock);
        if fits { Ok(()) } else { Err(Errno::EINVAL) }
    }
}

impl Core {
    /// Whether who asks may see what the processor does (`CAP_PERFMON`).
    pub(super) fn perfmon(&self) -> bool {
        let caps = self.files.credentials().caps;
        caps.perfmon || caps.sys_admin
    }

    pub(super) fn sys_admin(&self) -> bool {
        self.files.credentials().caps.sys_admin
    }

    /// What needs `CAP_PERFMON` whatever is counted (`perf_allow_kernel`; `kernel.perf_event_paranoid` is 2).
    fn may_count(&self, attr: &Attr) -> Result<(), Errno> {
        let kernel = !attr.has(bits::EXCLUDE_KERNEL)
            || attr.has(bits::NAMESPACES)
            || attr.samples(PERF_SAMPLE_PHYS_ADDR);
        if kernel && !self.perfmon() { Err(Errno::EACCES) } else { Ok(()) }
    }

    /// The event that an fd stands for.
    ///
    /// # Errors
    /// `EBADF`: none.
    pub(crate) fn event_of(&self, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.files.get(fd).map_err(|_| Errno::EBADF)?;
        self.objects.perf(id).map(|_| id).ok_or(Errno::EBADF)
    }

    fn same_inheritance(&self, attr: &Attr, task: Option<u32>, leader: Option<ObjRef>) -> Result<(), Errno> {
        let leader = leader.and_then(|it| self.objects.perf(it)).filter(|_| task.is_some());
        match leader {
            Some(leader) if leader.inherited() != attr.has(bits::INHERIT) => Err(Errno::EINVAL),
            _ => Ok(()),
        }
    }

    fn cpu_for(&self, cpu: i32, task: Option<u32>) -> Result<Option<u32>, Errno> {
        match u32::try_from(cpu) {
            Ok(number) if number < self.cpus => Ok(Some(number)),
            _ if cpu == -1 && task.is_some() => Ok(None),
            _ => Err(Errno::EINVAL),
        }
    }

    /// The cgroup of an fd, which is the leader's too (`perf_cgroup_connect`).
    fn cgroup_for(&self, fd: Fd, leader: Option<ObjRef>) -> Result<u64, Errno> {
        // A file that is no cgroup is no descriptor here, whatever else it is.
        let (_, it) = self.outside_of(fd).map_err(|_| Errno::EBADF)?;
        if it.kind != OutsideKind::Cgroup {
            return Err(Errno::EBADF);
        }
        match leader.and_then(|it| self.objects.perf(it)) {
            Some(leader) if leader.place.cgroup != Some(it.addr) => Err(Errno::EINVAL),
            _ => Ok(it.addr),
        }
    }

    /// Whether an event may join the group of the leader that it has.
    fn joins(&self, event: &PerfEvent) -> Result<(), Errno> {
        let Some(leader) = event.leader.and_then(|it| self.objects.perf(it)) else { return Ok(()) };
        let fits = leader.leader.is_none()
            && leader.clock == event.clock
            && leader.place.cpu == event.place.cpu
            && leader.place.pid == event.place.pid
            && !event.attr.has(bits::EXCLUSIVE)
            && !event.attr.has(bits::PINNED);
        if fits { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Whether an event may write to another's ring (`perf_event_set_output`).
    pub(super) fn may_share(&self, event: &PerfEvent, output: ObjRef) -> Result<(), Errno> {
        let other = self.objects.perf(output).ok_or(Errno::EBADF)?;
        let fits = other.place.cpu == event.place.cpu
            && (other.place.cpu.is_some() || other.place.pid == event.place.pid)
            && other.clock == event.clock
            && other.backward() == event.backward()
            && event.mappings == 0
            && self.buffer_of(output).is_some_and(|it| it.mappings > 0);
        if fits { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// The other events of the group that an event leads, the oldest first.
    pub(super) fn group(&self, leader: ObjRef) -> Vec<ObjRef> {
        let mut all: Vec<(u64, ObjRef)> = self
            .objects
            .all()
            .filter_map(|id| Some((self.objects.perf(id)?, id)))
            .filter(|(event, _)| event.leader == Some(leader))
            .map(|(event, id)| (event.id, id))
            .collect();
        all.sort_unstable();
        all.into_iter().map(|it| it.1).collect()
    }

    /// Whether an event is running on `cpu`, where thread `pid` runs.
    pub(crate) fn perf_runs(&self, id: ObjRef, cpu: u32, pid: u32) -> bool {
        let Some(event) = self.objects.perf(id) else { return false };
        let led = event.leader.and_then(|it| self.objects.perf(it)).is_none_or(|it| it.is_on(cpu, pid));
        led && event.is_on(cpu, pid)
    }

    /// Ends an event that nobody refers to any more.
    pub(crate) fn end_event(&mut self, memory: &skep_memory::Memory, id: ObjRef, event: PerfEvent) {
        for sibling in self.group(id) {
            if let Some(sibling) = self.objects.perf_mut(sibling) {
                sibling.leader = None;
            }
        }
        self.drop_program(id, &event);
        let Some(buffer) = event.buffer else { return };
        let mut rest = Vec::new();
        if let Some(shared) = self.buffers.get_mut(buffer) {
            // Mappings of a process keep the event: these are of a reader here, which go with it.
            shared.mappings -= event.mappings;
            if shared.mappings == 0 {
                rest.clone_from(&shared.events);
            }
        }
        rest.into_iter().filter(|it| *it != id).for_each(|it| self.attach_buffer(memory, it, None));
        self.leave_buffer(memory, id, buffer);
    }
}
