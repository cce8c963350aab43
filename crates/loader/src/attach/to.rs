//! Attaching to what is said in the call (`bpf_program__attach_xdp` and its like).

use skep_abi::{AttachType, Errno};
use skep_kernel::{Fd, IterLink, Kernel, LinkCreate, LinkWith};

use super::Link;
use crate::error::Error;
use crate::load::LoadedProgram;

/// Where among the programs that are there a new one goes (`struct bpf_tcx_opts`, `struct bpf_netkit_opts`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Among {
    /// `BPF_F_BEFORE`, `BPF_F_AFTER`, `BPF_F_ID`, `BPF_F_LINK`, `BPF_F_REPLACE`.
    pub flags: u32,
    /// The program or link that it goes before or behind: an fd, or an id with `BPF_F_ID`.
    pub relative: u32,
    /// The revision that is expected of the place; 0: any.
    pub expected_revision: u64,
}

impl LoadedProgram {
    /// Attaches it with a link of the caller's making, which is told the program's fd (`bpf_link_create`). `to` is what an
    /// error calls the place.
    ///
    /// # Errors
    /// `EINVAL`: it is not loaded. What the kernel answers.
    pub fn attach_with(
        &self,
        kernel: &mut Kernel,
        to: &str,
        create: impl FnOnce(Fd) -> LinkCreate,
    ) -> Result<Link, Error> {
        let fd = self.attachable()?;
        kernel.link_create(&create(fd)).map(Link::of_fd).map_err(|errno| self.not_attached(to, errno))
    }

    /// The same for links whose kind is what the program was loaded for.
    fn attach_as_loaded(
        &self,
        kernel: &mut Kernel,
        to: &str,
        create: impl FnOnce(LinkCreate) -> LinkCreate,
    ) -> Result<Link, Error> {
        let attach_type = self.request.as_ref().map_or(0, |it| it.expected_attach_type);
        self.attach_with(kernel, to, |fd| {
            create(LinkCreate { attach_type, ..LinkCreate::new(fd, AttachType::CgroupInetIngress) })
        })
    }

    /// Attaches it to what it was loaded for: a function, a hook, an iterator without parameters
    /// (`bpf_program__attach_trace_opts`, `bpf_program__attach_lsm`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_with`].
    pub fn attach_trace(&self, kernel: &mut Kernel, cookie: u64) -> Result<Link, Error> {
        let with = match self.attach_type {
            Some(AttachType::TraceIter) => LinkWith::Nothing,
            _ => LinkWith::Tracing { target_btf_id: 0, cookie },
        };
        self.attach_as_loaded(kernel, "what it was loaded for", |it| it.with(with))
    }

    /// Attaches an iterator over a part of what there is (`bpf_program__attach_iter`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_with`].
    pub fn attach_iter(&self, kernel: &mut Kernel, over: IterLink) -> Result<Link, Error> {
        self.attach_with(kernel, "iterator", |fd| {
            LinkCreate::new(fd, AttachType::TraceIter).with(LinkWith::Iter(over))
        })
    }

    /// Attaches it to XDP of a network interface (`bpf_program__attach_xdp`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_with`].
    pub fn attach_xdp(&self, kernel: &mut Kernel, ifindex: u32) -> Result<Link, Error> {
        self.attach_as_loaded(kernel, "xdp", |it| it.on(ifindex))
    }

    /// Attaches it to tcx of a network interface (`bpf_program__attach_tcx`).
    ///
    /// # Errors
    /// `EINVAL`: there is no interface 0. As for [`LoadedProgram::attach_with`].
    pub fn attach_tcx(&self, kernel: &mut Kernel, ifindex: u32, among: Among) -> Result<Link, Error> {
        self.attach_among(kernel, "tcx", ifindex, among)
    }

    /// Attaches it to a netkit device (`bpf_program__attach_netkit`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_tcx`].
    pub fn attach_netkit(&self, kernel: &mut Kernel, ifindex: u32, among: Among) -> Result<Link, Error> {
        self.attach_among(kernel, "netkit", ifindex, among)
    }

    fn attach_among(&self, kernel: &mut Kernel, to: &str, ifindex: u32, among: Among) -> Result<Link, Error> {
        if ifindex == 0 {
            let text = format!("prog '{}': target netdevice ifindex cannot be zero", self.name);
            return Err(Error::bad_input(self.place(), text).with_errno(Errno::EINVAL));
        }
        let Among { flags, relative, expected_revision } = among;
        let with = LinkWith::Relative { relative, expected_revision };
        self.attach_as_loaded(kernel, to, |it| it.on(ifindex).flags(flags).with(with))
    }

    /// Attaches it to a cgroup (`bpf_program__attach_cgroup`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_with`].
    pub fn attach_cgroup(&self, kernel: &mut Kernel, cgroup: Fd) -> Result<Link, Error> {
        self.attach_as_loaded(kernel, "cgroup", |it| it.on(cgroup.0 as u32))
    }

    /// Attaches it to a network namespace (`bpf_program__attach_netns`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_with`].
    pub fn attach_netns(&self, kernel: &mut Kernel, netns: Fd) -> Result<Link, Error> {
        self.attach_as_loaded(kernel, "netns", |it| it.on(netns.0 as u32))
    }

    /// Attaches it to the sockets of a map (`bpf_program__attach_sockmap`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_with`].
    pub fn attach_sockmap(&self, kernel: &mut Kernel, map: Fd) -> Result<Link, Error> {
        self.attach_as_loaded(kernel, "sockmap", |it| it.on(map.0 as u32))
    }

    /// Attaches it to a hook of netfilter (`bpf_program__attach_netfilter`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_with`].
    pub fn attach_netfilter(
        &self,
        kernel: &mut Kernel,
        pf: u32,
        hooknum: u32,
        priority: i32,
        flags: u32,
    ) -> Result<Link, Error> {
        let with = LinkWith::Netfilter { pf, hooknum, priority, flags };
        self.attach_with(kernel, "netfilter", |fd| LinkCreate::new(fd, AttachType::Netfilter).with(with))
    }

    /// Attaches it to a tracepoint's arguments (`bpf_program__attach_raw_tracepoint_opts`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_with`].
    pub fn attach_raw_tracepoint(&self, kernel: &mut Kernel, name: &str, cookie: u64) -> Result<Link, Error> {
        let fd = self.attachable()?;
        let link = kernel.raw_tracepoint_open(fd, Some(name), cookie);
        link.map(Link::of_fd).map_err(|errno| self.not_attached(&format!("raw tracepoint '{name}'"), errno))
    }

    /// Its fd, to be attached.
    pub(super) fn attachable(&self) -> Result<Fd, Error> {
        self.fd.clone().map_err(|error| {
            let text = format!(
                "prog '{}': can't attach BPF program without FD (was it loaded?): {}",
                self.name, error.message
            );
            Error::new(error.class, self.place(), text).with_errno(Errno::EINVAL)
        })
    }

    pub(super) fn not_attached(&self, to: &str, errno: Errno) -> Error {
        let text =
            format!("prog '{}': failed to attach to {to}: {errno} ({})", self.name, errno.description());
        Error::bad_input(self.place(), text).with_errno(errno)
    }
}
