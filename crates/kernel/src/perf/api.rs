//! The user side of perf events.

use super::attr::PerfEventAttr;
use super::full::Attr;
use super::open::Target;
use super::ring::PerfRing;
use crate::bpf::UserMemory;
use crate::files::Fd;
use crate::kernel::Kernel;
use crate::mmap::Mmap;
use crate::poll::{EPOLLHUP, EPOLLIN, EPOLLRDNORM};
use crate::state::Core;
use skep_abi::Errno;
use skep_maps::ObjRef;
use skep_memory::UserRanges;

impl Kernel {
    /// Opens a perf event: of thread `pid`, or of all for -1, 0 being the current one; on `cpu`, or on all for -1.
    ///
    /// # Errors
    /// `EINVAL`: no such CPU, neither a thread nor a CPU, or a period out of range. `ESRCH`: no such thread. `ENOENT`: an
    /// event that the machine does not have. `EOPNOTSUPP`: a field of samples that is not emulated.
    pub fn perf_event_open(&mut self, attr: &PerfEventAttr, pid: i32, cpu: i32) -> Result<Fd, Errno> {
        let full = Attr::from(attr);
        let target = Target { pid, cpu, group: -1, flags: 0 };
        let fd = self.sys().perf_open(full, target, &mut UserRanges::new())?;
        if full.is_bpf_output() && !full.is_emulated() {
            self.close(fd)?;
            return Err(Errno::EOPNOTSUPP);
        }
        Ok(fd)
    }

    /// `perf_event_open(2)`: the attributes are the caller's memory from their address on, at least as much of it as the size
    /// in them says; names of places in them are in `user`'s memory. `E2BIG` writes the size that is known into them.
    ///
    /// Events of software, tracepoints ([`Kernel::tracepoint_id`]) and probes ([`PERF_TYPE_KPROBE`], [`PERF_TYPE_UPROBE`])
    /// are there; counters in hardware and breakpoints are not (`ENOENT`). Functions and files are not looked up: any name
    /// that can be one's will do.
    ///
    /// [`PERF_TYPE_KPROBE`]: crate::PERF_TYPE_KPROBE
    /// [`PERF_TYPE_UPROBE`]: crate::PERF_TYPE_UPROBE
    ///
    /// # Errors
    /// Those of the kernel, in its order: `EINVAL` for flags, `EFAULT`, `E2BIG` and `EINVAL` for attributes, `EBADF` for the
    /// group's descriptor, `ESRCH` for the thread, `EINVAL` for the CPU, `ENOENT`, `EOPNOTSUPP`, `EINVAL`, `EACCES` of the
    /// kind of event, `EINVAL` where the group does not fit.
    pub fn perf_event_open_raw(
        &mut self,
        attr: &mut [u8],
        pid: i32,
        cpu: i32,
        group: i32,
        flags: u64,
        user: &mut dyn UserMemory,
    ) -> Result<Fd, Errno> {
        if flags & !skep_abi::uapi::PERF_FLAG_KNOWN != 0 {
            return Err(Errno::EINVAL);
        }
        let attr = Attr::copy(attr)?;
        self.sys().perf_open(attr, Target { pid, cpu, group, flags }, user)
    }

    /// Maps the ring of an event for as long as the event is there: a header page and `pages` data pages, which a reader in
    /// this process reads. Mapping it again answers the same ring. [`Kernel::mmap`] maps it for a process.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event. `EINVAL`: not a power of two of pages, or another number than before. `ENOMEM`: no
    /// room, or [`Kernel::refused`] says why.
    pub fn perf_mmap(&mut self, fd: Fd, pages: u32) -> Result<PerfRing, Errno> {
        let id = self.event(fd)?;
        let request = Mmap::shared((u64::from(pages) + 1) * super::ring::PAGE);
        self.limited(|kernel| {
            kernel.sys().perf_map(id, &request, true)?;
            kernel.core.ring_of(id)
        })
    }

    /// The ring of an event that was mapped.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event. `ENXIO`: it was not mapped.
    pub fn perf_ring(&self, fd: Fd) -> Result<PerfRing, Errno> {
        self.core.ring_of(self.event(fd)?)
    }

    /// Whether `poll(2)` of an event says that there is something to read. Asking takes it away.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event.
    pub fn perf_poll(&mut self, fd: Fd) -> Result<bool, Errno> {
        let id = self.event(fd)?;
        Ok(self.core.event_ready(id) & EPOLLIN != 0)
    }

    fn event(&self, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.core.files.get(fd)?;
        self.core.objects.perf(id).map(|_| id).ok_or(Errno::EINVAL)
    }
}

impl Core {
    fn ring_of(&self, id: ObjRef) -> Result<PerfRing, Errno> {
        self.buffer_of(id).map(|it| it.buffer.ring).ok_or(Errno::ENXIO)
    }

    /// What an event is ready for (`perf_poll`). Asking takes away that there is something to read.
    pub(crate) fn event_ready(&mut self, id: ObjRef) -> u32 {
        let Some(shared) = self.buffer_of_mut(id) else { return EPOLLHUP };
        if std::mem::take(&mut shared.buffer.poll) { EPOLLIN | EPOLLRDNORM } else { 0 }
    }
}
