//! What user space asks for.

use super::{LinkCreate, LinkInfo, ProgAttach, ProgQuery, Queried, TaskFd};
use crate::files::Fd;
use crate::kernel::Kernel;
use skep_abi::Errno;

/// # Attaching
impl Kernel {
    /// Attaches a program by a link (`BPF_LINK_CREATE`). It stays attached until the link is detached, its last
    /// descriptor and pin are gone, or what it is attached to goes away.
    ///
    /// ```
    /// use skep_abi::{AttachType, Errno, ProgType};
    /// use skep_isa::asm::assemble;
    /// use skep_kernel::{Config, Device, Kernel, LinkCreate, ProgLoad};
    ///
    /// let mut kernel = Kernel::new(Config::default())?;
    /// kernel.net_mut().add_device(Device::new(2));
    /// let prog = kernel.prog_load(ProgLoad::new("pass", ProgType::Xdp, assemble("r0 = 2\nexit")?))?;
    ///
    /// let link = kernel.link_create(&LinkCreate::new(prog, AttachType::Xdp).on(2))?;
    /// let again = kernel.link_create(&LinkCreate::new(prog, AttachType::Xdp).on(2));
    /// assert_eq!(again, Err(Errno::EBUSY));
    /// kernel.close(link)?;
    /// kernel.link_create(&LinkCreate::new(prog, AttachType::Xdp).on(2))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As Linux 6.18 has them for the kind of link.
    pub fn link_create(&mut self, create: &LinkCreate) -> Result<Fd, Errno> {
        let result = self.sys().link_create(create);
        self.core.sweep(&self.memory);
        result
    }

    /// Gives a link another program, or a struct_ops link another map (`BPF_LINK_UPDATE`); with `BPF_F_REPLACE` only if
    /// it is `old` that it has.
    ///
    /// # Errors
    /// As Linux 6.18 has them: `ENOLINK` for a defunct link, `EPERM` for another program than expected, `EINVAL` for
    /// one that does not go there, or links that cannot be updated.
    pub fn link_update(&mut self, link: Fd, new: Fd, flags: u32, old: Fd) -> Result<(), Errno> {
        let result = self.sys().link_update(link, new, flags, old);
        self.core.sweep(&self.memory);
        result
    }

    /// Detaches a link, which stays, defunct (`BPF_LINK_DETACH`).
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: it is none. `EOPNOTSUPP`: a kind that ends with its last descriptor only.
    pub fn link_detach(&mut self, link: Fd) -> Result<(), Errno> {
        let result = self.sys().link_detach(link);
        self.core.sweep(&self.memory);
        result
    }

    /// What a link is (`BPF_OBJ_GET_INFO_BY_FD`).
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: it is none.
    pub fn link_info(&self, link: Fd) -> Result<LinkInfo, Errno> {
        self.core.link_info(link)
    }

    /// Attaches a program without a link (`BPF_PROG_ATTACH`).
    ///
    /// # Errors
    /// As Linux 6.18 has them for the place.
    pub fn prog_attach(&mut self, attach: &ProgAttach) -> Result<(), Errno> {
        self.sys().prog_attach(attach)
    }

    /// Detaches a program that was attached without a link (`BPF_PROG_DETACH`).
    ///
    /// # Errors
    /// As Linux 6.18 has them for the place.
    pub fn prog_detach(&mut self, attach: &ProgAttach) -> Result<(), Errno> {
        self.sys().prog_detach(attach)
    }

    /// What is attached to a place (`BPF_PROG_QUERY`).
    ///
    /// # Errors
    /// As Linux 6.18 has them for the place.
    pub fn prog_query(&mut self, query: &ProgQuery) -> Result<Queried, Errno> {
        self.sys().prog_query(query)
    }

    /// Attaches a program to a tracepoint's arguments, or to what it was loaded for (`BPF_RAW_TRACEPOINT_OPEN`).
    ///
    /// # Errors
    /// `ENOENT`: there is no such tracepoint. `EINVAL`: a program that names its own, or is not attached so.
    pub fn raw_tracepoint_open(&mut self, prog: Fd, name: Option<&str>, cookie: u64) -> Result<Fd, Errno> {
        let result = self.sys().raw_tracepoint_open(prog, name, cookie);
        self.core.sweep(&self.memory);
        result
    }

    /// Takes a cgroup away. Programs that are attached to it by themselves are dropped, links become defunct.
    pub fn remove_cgroup(&mut self, id: u64) {
        self.core.unhook_cgroup(id);
        self.core.sweep(&self.memory);
    }

    /// Opens the iterator of a link (`BPF_ITER_CREATE`).
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: it is no link of an iterator.
    pub fn iter_create(&mut self, link: Fd) -> Result<Fd, Errno> {
        self.sys().iter_create(link, 0)
    }

    /// What the program of a descriptor is at (`BPF_TASK_FD_QUERY`).
    ///
    /// # Errors
    /// `ENOENT`: no such task, or no program. `EBADF`: not open. `ENOTSUPP`: a descriptor of something else.
    pub fn task_fd_query(&mut self, pid: u32, fd: Fd) -> Result<TaskFd, Errno> {
        self.sys().task_fd_query(pid, fd.0 as u32, 0)
    }

    /// What `/proc/PID/fdinfo` says of a link, line for line.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: it is none.
    pub fn link_show(&self, link: Fd) -> Result<String, Errno> {
        self.core.link_show(self.core.link_of(link)?)
    }
}
