//! What holds a program to what it is attached to.

use skep_abi::Errno;
use skep_kernel::{Fd, Kernel};

/// An attached program (`struct bpf_link`). Dropping it changes nothing: [`Link::destroy`] detaches.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the program stays attached for as long as the kernel lives"]
pub struct Link {
    fd: Fd,
}

impl Link {
    /// A link with an fd of its own, which closing ends.
    pub fn of_fd(fd: Fd) -> Link {
        Link { fd }
    }

    /// Its fd, for calls on the kernel.
    pub fn fd(&self) -> Fd {
        self.fd
    }

    /// Closes its fd: if nothing else holds the link, the program is detached (`bpf_link__destroy`).
    ///
    /// # Errors
    /// `EBADF`: somebody else closed it.
    pub fn destroy(self, kernel: &mut Kernel) -> Result<(), Errno> {
        kernel.close(self.fd)
    }

    /// Lets the link be: its fd stays open (`bpf_link__disconnect`).
    pub fn disconnect(self) -> Fd {
        self.fd
    }
}
