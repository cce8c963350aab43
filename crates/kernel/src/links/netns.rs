//! Programs of the network namespace: flow dissector and socket lookup (`kernel/bpf/net_namespace.c`). There is one
//! namespace.

use super::{Link, LinkCreate, Place};
use crate::files::Fd;
use crate::hooks::lists::MAX_SK_LOOKUP;
use crate::outside::OutsideKind;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::{AttachType, Errno};
use skep_maps::ObjRef;

/// The inode of the namespace's file (`proc_ns_operations`): what the first one's is.
pub(super) const INO: u32 = 0xf000_0000;

impl Core {
    /// Checks that a descriptor is of a network namespace (`get_net_ns_by_fd`).
    ///
    /// # Errors
    /// `EBADF`: it is not open. `EINVAL`: it is of something else.
    pub(super) fn check_netns(&self, fd: Fd) -> Result<(), Errno> {
        match self.outside(self.files.get(fd)?) {
            Some(it) if it.kind == OutsideKind::Netns => Ok(()),
            _ => Err(Errno::EINVAL),
        }
    }
}

impl Sys<'_> {
    /// A link to a network namespace.
    pub(super) fn link_netns(
        &mut self,
        prog: ObjRef,
        attach: AttachType,
        create: &LinkCreate,
    ) -> Result<Fd, Errno> {
        if create.flags != 0 {
            return Err(Errno::EINVAL);
        }
        self.core.check_netns(Fd(create.target as i32))?;
        let link = self.prime(Link::new(Some(prog), create.attach_type, 0, Place::Netns { attach }))?;
        let new = self.attached(link)?;
        let max = if attach == AttachType::FlowDissector { 1 } else { MAX_SK_LOOKUP };
        let result = self.core.hooks.netns.entry(attach).or_default().attach_link(new, max);
        self.settle(link, result)
    }
}
