//! What holds a program to what it is attached to.

use skep_abi::Errno;
use skep_kernel::{Fd, Kernel};

use crate::error::Error;
use crate::load::LoadedProgram;

/// An attached program (`struct bpf_link`). Dropping it changes nothing: [`Link::destroy`] detaches.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    pub(crate) fd: Fd,
    pub(crate) pin_path: Option<String>,
    pub(crate) beside: Beside,
}

/// What ends with a link, beside its fd.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    Nothing,
    /// The perf event that the program is attached to.
    Event(Fd),
}

impl Link {
    /// A link with an fd of its own, which closing ends.
    pub fn of_fd(fd: Fd) -> Link {
        Link { fd, pin_path: None, beside: Beside::Nothing }
    }

    /// A link to a perf event, which ends with it.
    pub(crate) fn of_event(fd: Fd, event: Fd) -> Link {
        Link { beside: Beside::Event(event), ..Link::of_fd(fd) }
    }

    /// Its fd, for calls on the kernel.
    pub fn fd(&self) -> Fd {
        self.fd
    }

    /// Where it is pinned.
    pub fn pin_path(&self) -> Option<&str> {
        self.pin_path.as_deref()
    }

    /// Gives the link another program (`bpf_link__update_program`).
    ///
    /// # Errors
    /// `EINVAL`: the program is not loaded, or does not go there. What the kernel answers.
    pub fn update_program(&self, kernel: &mut Kernel, program: &LoadedProgram) -> Result<(), Error> {
        let error = |errno: Errno, text: String| {
            Error::bad_input(format!("program {}", program.name), text).with_errno(errno)
        };
        let fd = program.fd.clone().map_err(|_| {
            let text = format!("prog '{}': can't use BPF program without FD (was it loaded?)", program.name);
            error(Errno::EINVAL, text)
        })?;
        kernel
            .link_update(self.fd, fd, 0, Fd(0))
            .map_err(|errno| error(errno, format!("the link cannot take it ({errno})")))
    }

    /// Detaches it, and keeps the link, which is defunct from then on (`bpf_link__detach`).
    ///
    /// # Errors
    /// `EOPNOTSUPP`: a link that ends with its fd alone.
    pub fn detach(&self, kernel: &mut Kernel) -> Result<(), Errno> {
        kernel.link_detach(self.fd)
    }

    /// Ends it: if nothing else holds the link, the program is detached (`bpf_link__destroy`).
    ///
    /// # Errors
    /// `EBADF`: somebody else closed its fd.
    pub fn destroy(self, kernel: &mut Kernel) -> Result<(), Errno> {
        match self.beside {
            Beside::Nothing => kernel.close(self.fd),
            Beside::Event(event) => {
                let disabled = kernel.perf_disable(event);
                let closed = kernel.close(event);
                kernel.close(self.fd).and(closed).and(disabled)
            }
        }
    }

    /// Lets the link be: its fds stay open (`bpf_link__disconnect`).
    pub fn disconnect(self) -> Fd {
        self.fd
    }
}
