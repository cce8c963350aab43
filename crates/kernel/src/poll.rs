//! Readiness: what `poll(2)` and `epoll(7)` say of descriptors, and who is told when that changes.

use crate::files::Fd;
use crate::kernel::Kernel;
use crate::object::{MapObject, Object};
use crate::outside::OutsideKind;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::flags::BPF_RB_AVAIL_DATA;
use skep_maps::ObjRef;
use skep_memory::Memory;

/// There is something to read.
pub const EPOLLIN: u32 = 1;
/// There is room to write.
pub const EPOLLOUT: u32 = 4;
/// The descriptor cannot be waited for.
pub const EPOLLERR: u32 = 8;
/// Nothing will ever come.
pub const EPOLLHUP: u32 = 0x10;
/// As [`EPOLLIN`].
pub const EPOLLRDNORM: u32 = 0x40;
/// As [`EPOLLOUT`].
pub const EPOLLWRNORM: u32 = 0x100;

/// What files say that nobody has to wait for (`DEFAULT_POLLMASK`).
const ALWAYS: u32 = EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;

/// Who can be waited for: a ring buffer map, or a perf event. Every descriptor of one has the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Waiter(pub(crate) ObjRef);

/// Who is told of wake-ups.
pub(crate) type Wakeup = Box<dyn FnMut(Waiter) + Send>;

/// # Readiness
impl Kernel {
    /// What a descriptor is ready for, of `events` and of what is always told (`poll(2)`): `EPOLL*` bits. As long as it stays
    /// so the answer is the same, but for perf events: asking takes away that samples wait (`perf_poll`).
    ///
    /// ```
    /// use skep_abi::MapType;
    /// use skep_kernel::{Config, EPOLLIN, EPOLLOUT, Kernel, MapSpec};
    ///
    /// let mut kernel = Kernel::new(Config::default())?;
    /// let events = kernel.map_create(&MapSpec::new(MapType::Ringbuf, 0, 0, 4096))?;
    /// let orders = kernel.map_create(&MapSpec::new(MapType::UserRingbuf, 0, 0, 4096))?;
    /// assert_eq!(kernel.poll(events, EPOLLIN | EPOLLOUT)?, 0);
    /// assert_eq!(kernel.poll(orders, EPOLLIN | EPOLLOUT)?, EPOLLOUT);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `EBADF`: it is not open. `EOPNOTSUPP`: a socket; theirs is not emulated.
    pub fn poll(&mut self, fd: Fd, events: u32) -> Result<u32, Errno> {
        self.sys().poll(fd, events)
    }

    /// Whether `epoll_ctl(2)` takes a descriptor.
    ///
    /// # Errors
    /// `EBADF`: it is not open. `EPERM`: there is nothing to wait for.
    pub fn pollable(&self, fd: Fd) -> Result<(), Errno> {
        let id = self.core.files.get(fd)?;
        let waits = match self.core.objects.get(id) {
            Some(Object::Map(_) | Object::Perf(_)) => true,
            Some(Object::Outside(it)) => {
                matches!(it.kind, OutsideKind::Socket | OutsideKind::XdpSocket | OutsideKind::Task)
            }
            _ => false,
        };
        if waits { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// Has somebody told whenever the kernel would wake those who wait: when a program submits a record to a ring buffer
    /// without `BPF_RB_NO_WAKEUP` whose reader has caught up, drains a user ring buffer, or sends a sample that an event's
    /// `wakeup_events` or watermark is about. It may be told more than once, and while a program runs.
    pub fn on_wakeup(&mut self, tell: Option<Box<dyn FnMut(Waiter) + Send>>) {
        self.core.wakeup = tell;
    }

    /// Who is told of when the object of a descriptor becomes ready.
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub fn waiter(&self, fd: Fd) -> Result<Waiter, Errno> {
        self.core.files.get(fd).map(Waiter)
    }
}

impl Sys<'_> {
    /// See [`Kernel::poll`].
    pub(crate) fn poll(&mut self, fd: Fd, events: u32) -> Result<u32, Errno> {
        let id = self.core.files.get(fd)?;
        let ready = match self.core.objects.get(id) {
            Some(Object::Map(map)) => map_ready(map, self.memory),
            Some(Object::Perf(_)) => self.core.event_ready(id),
            Some(Object::Outside(it)) => match it.kind {
                OutsideKind::Socket | OutsideKind::XdpSocket => return Err(Errno::EOPNOTSUPP),
                // Tasks that are there have not exited.
                OutsideKind::Task => 0,
                _ => ALWAYS,
            },
            _ => ALWAYS,
        };
        Ok(ready & (events | EPOLLERR | EPOLLHUP))
    }
}

/// `bpf_map_poll`.
fn map_ready(object: &MapObject, memory: &Memory) -> u32 {
    if let Some(ring) = object.map.ring() {
        return if ring.query(memory, BPF_RB_AVAIL_DATA) > 0 { EPOLLIN | EPOLLRDNORM } else { 0 };
    }
    let Some(ring) = object.map.user_ring() else { return EPOLLERR };
    let size = u64::from(object.map.spec().max_entries);
    let room = ring.waiting(memory).is_ok_and(|waiting| waiting < size);
    if room { EPOLLOUT | EPOLLWRNORM } else { 0 }
}

impl Core {
    /// Tells that those who wait for an object are woken.
    pub(crate) fn wake(&mut self, waiter: Waiter) {
        if let Some(tell) = &mut self.wakeup {
            tell(waiter);
        }
    }
}
