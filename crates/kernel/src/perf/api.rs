//! The user side of perf events.

use super::{PerfEvent, PerfEventAttr, PerfRing};
use crate::files::Fd;
use crate::kernel::Kernel;
use crate::object::Object;
use skep_abi::Errno;
use skep_maps::ObjRef;

impl Kernel {
    /// Opens a perf event (`perf_event_open(2)`): of thread `pid`, or of all for -1, 0 being the current one; on `cpu`,
    /// or on all for -1.
    ///
    /// # Errors
    /// `EINVAL`: no such CPU, neither a thread nor a CPU, or a period out of range. `ESRCH`: no such thread; only the
    /// current one exists. `ENOENT`: an event that the machine does not have. `EOPNOTSUPP`: a field of samples that is
    /// not emulated.
    pub fn perf_event_open(&mut self, attr: &PerfEventAttr, pid: i32, cpu: i32) -> Result<Fd, Errno> {
        attr.check()?;
        let task = match pid {
            -1 => None,
            0 => Some(self.core.task.pid),
            _ if pid as u32 == self.core.task.pid => Some(pid as u32),
            _ => return Err(Errno::ESRCH),
        };
        let cpu = match cpu {
            -1 if task.is_none() => return Err(Errno::EINVAL),
            -1 => None,
            _ => Some(u32::try_from(cpu).ok().filter(|it| *it < self.core.cpus).ok_or(Errno::EINVAL)?),
        };
        self.core.room()?;
        self.core.perf_ids += 1;
        let event = PerfEvent::new(*attr, self.core.perf_ids, cpu, task);
        let id = self.core.objects.insert(Object::Perf(event));
        Ok(self.core.files.open(id))
    }

    /// Maps the ring of an event: a header page and `pages` data pages. Mapping it again answers the same ring.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event. `EINVAL`: not a power of two of pages, or another number than before. `ENOMEM`: no
    /// room, or [`Kernel::refused`] says why.
    pub fn perf_mmap(&mut self, fd: Fd, pages: u32) -> Result<PerfRing, Errno> {
        let id = self.event(fd)?;
        self.limited(|kernel| {
            let event = kernel.core.objects.perf_mut(id).ok_or(Errno::EINVAL)?;
            event.map(&kernel.memory, pages)
        })
    }

    /// The ring of an event that was mapped.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event. `ENXIO`: it was not mapped.
    pub fn perf_ring(&self, fd: Fd) -> Result<PerfRing, Errno> {
        match self.core.objects.get(self.core.files.get(fd)?) {
            Some(Object::Perf(event)) => event.ring().ok_or(Errno::ENXIO),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Starts an event (`PERF_EVENT_IOC_ENABLE`).
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event.
    pub fn perf_enable(&mut self, fd: Fd) -> Result<(), Errno> {
        self.switch(fd, true)
    }

    /// Stops an event (`PERF_EVENT_IOC_DISABLE`): programs that send to it get `EOPNOTSUPP`.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event.
    pub fn perf_disable(&mut self, fd: Fd) -> Result<(), Errno> {
        self.switch(fd, false)
    }

    /// Whether `poll(2)` of an event says that there is something to read. Asking takes it away.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event.
    pub fn perf_poll(&mut self, fd: Fd) -> Result<bool, Errno> {
        let id = self.event(fd)?;
        self.core.objects.perf_mut(id).map(PerfEvent::take_poll).ok_or(Errno::EINVAL)
    }

    fn switch(&mut self, fd: Fd, enabled: bool) -> Result<(), Errno> {
        let id = self.event(fd)?;
        let event = self.core.objects.perf_mut(id).ok_or(Errno::EINVAL)?;
        event.enabled = enabled;
        Ok(())
    }

    fn event(&self, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.core.files.get(fd)?;
        match self.core.objects.get(id) {
            Some(Object::Perf(_)) => Ok(id),
            _ => Err(Errno::EINVAL),
        }
    }
}
