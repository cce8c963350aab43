//! Programs of network devices: XDP, tcx and netkit (`net/core/dev.c`, `kernel/bpf/tcx.c`, `drivers/net/netkit.c`).

use super::{Link, LinkCreate, LinkWith, Place};
use crate::files::Fd;
use crate::hooks::mprog::Wish;
use crate::hooks::{Attached, Hook};
use crate::net::NetkitEnd;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::{AttachType, Errno, ProgType};
use skep_maps::ObjRef;

/// The hook of tcx or netkit programs.
///
/// # Errors
/// `ENODEV`: no such device. `ENXIO`: it is not of netkit. `EACCES`: it is not the primary of its pair.
pub(super) fn mprog_hook(core: &Core, attach: AttachType, ifindex: u32) -> Result<Hook, Errno> {
    let device = core.net.device(ifindex).ok_or(Errno::ENODEV)?;
    let peer = match attach {
        AttachType::TcxIngress => return Ok(Hook::Tcx { ifindex, ingress: true }),
        AttachType::TcxEgress => return Ok(Hook::Tcx { ifindex, ingress: false }),
        other => other == AttachType::NetkitPeer,
    };
    match device.netkit {
        None => Err(Errno::ENXIO),
        Some(NetkitEnd::Peer { .. }) => Err(Errno::EACCES),
        Some(NetkitEnd::Primary { peer: other }) if peer && core.net.device(other).is_none() => {
            Err(Errno::ENODEV)
        }
        Some(NetkitEnd::Primary { .. }) => Ok(Hook::Netkit { ifindex, peer }),
    }
}

impl Core {
    /// What a call that attaches to tcx or netkit wants.
    pub(super) fn mprog_wish(
        &self,
        prog_type: Option<ProgType>,
        flags: u32,
        relative: u32,
        revision: u64,
    ) -> Wish {
        Wish { flags, relative: self.mprog_relative(prog_type, flags, relative), revision }
    }

    /// Forgets the list of a hook of tcx where nobody is left: its revision starts anew, but for one that a clsact keeps
    /// (`tcx_entry_is_active`).
    pub(super) fn tidy_mprog(&mut self, hook: &Hook) {
        if let Hook::Tcx { ifindex, ingress } = hook
            && !self.hooks.clsact.contains_key(&(*ifindex, *ingress))
            && self.hooks.mprogs.get(hook).is_some_and(|it| it.list().is_empty())
        {
            self.hooks.mprogs.remove(hook);
        }
    }

    /// The XDP programs of a device.
    pub(super) fn xdp_of(&mut self, ifindex: u32) -> Option<&mut crate::hooks::xdp::Xdp> {
        let native = self.net.device(ifindex)?.xdp;
        let xdp = self.hooks.xdp.entry(ifindex).or_default();
        xdp.native = native;
        Some(xdp)
    }

    /// Whether a program may be attached to a device: those that are for a map's entries may not.
    pub(super) fn xdp_is_for_devices(&self, prog: ObjRef) -> Result<(), Errno> {
        let expected = self.objects.prog(prog).ok_or(Errno::EINVAL)?.info.expected_attach_type;
        let of_maps = [AttachType::XdpDevmap, AttachType::XdpCpumap].map(AttachType::to_u32);
        if of_maps.contains(&expected) { Err(Errno::EINVAL) } else { Ok(()) }
    }
}

impl Sys<'_> {
    /// A link to a device's XDP.
    pub(super) fn link_xdp(&mut self, prog: ObjRef, create: &LinkCreate) -> Result<Fd, Errno> {
        let (ifindex, flags) = (create.target, create.flags);
        self.core.net.device(ifindex).ok_or(Errno::EINVAL)?;
        let place = Place::Xdp { ifindex };
        let link = self.prime(Link::new(Some(prog), create.attach_type, 0, place))?;
        let new = self.attached(link)?;
        let result = self.attach_xdp(ifindex, Some(new), None, flags);
        self.settle(link, result.map(drop))
    }

    /// Attaches to a device's XDP, or detaches.
    pub(super) fn attach_xdp(
        &mut self,
        ifindex: u32,
        new: Option<Attached>,
        old: Option<ObjRef>,
        flags: u32,
    ) -> Result<Option<Attached>, Errno> {
        let for_devices = new.map_or(Ok(()), |it| self.core.xdp_is_for_devices(it.prog));
        let xdp = self.core.xdp_of(ifindex).ok_or(Errno::ENODEV)?;
        let before = *xdp;
        let gone = xdp.attach(new, old, flags)?;
        // That is looked at after who else is there.
        if let Err(errno) = for_devices {
            *xdp = before;
            return Err(errno);
        }
        Ok(gone)
    }

    /// A link to a device's tcx.
    pub(super) fn link_tcx(&mut self, prog: ObjRef, ingress: bool, create: &LinkCreate) -> Result<Fd, Errno> {
        let attach = if ingress { AttachType::TcxIngress } else { AttachType::TcxEgress };
        self.link_mprog(prog, attach, Place::Tcx { ifindex: create.target, ingress }, create)
    }

    /// A link to a netkit device.
    pub(super) fn link_netkit(&mut self, prog: ObjRef, peer: bool, create: &LinkCreate) -> Result<Fd, Errno> {
        let attach = if peer { AttachType::NetkitPeer } else { AttachType::NetkitPrimary };
        self.link_mprog(prog, attach, Place::Netkit { ifindex: create.target, peer }, create)
    }

    fn link_mprog(
        &mut self,
        prog: ObjRef,
        attach: AttachType,
        place: Place,
        create: &LinkCreate,
    ) -> Result<Fd, Errno> {
        let hook = mprog_hook(self.core, attach, create.target)?;
        let (relative, revision) = match create.with {
            LinkWith::Relative { relative, expected_revision } => (relative, expected_revision),
            _ => (0, 0),
        };
        let link = self.prime(Link::new(Some(prog), create.attach_type, 0, place))?;
        let wish = self.core.mprog_wish(Some(ProgType::SchedCls), create.flags, relative, revision);
        let new = self.attached(link)?;
        let result = self.core.hooks.mprogs.entry(hook.clone()).or_default().attach(new, None, &wish);
        self.core.tidy_mprog(&hook);
        self.settle(link, result.map(drop))
    }
}
