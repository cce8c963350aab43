//! `BPF_PROG_ATTACH` and `BPF_PROG_DETACH`: programs at their places without links.

use super::{check, net};
use crate::files::Fd;
use crate::hooks::Attached;
use crate::hooks::cgroup::Wish;
use crate::sys::Sys;
use skep_abi::flags::*;
use skep_abi::{AttachType, Errno, ProgType};
use skep_maps::ObjRef;

/// What to attach or detach: the attributes of `BPF_PROG_ATTACH` and `BPF_PROG_DETACH`.
///
/// ```
/// use skep_abi::AttachType;
/// use skep_kernel::{Fd, ProgAttach};
///
/// let attach = ProgAttach::new(AttachType::TcxIngress, 2, Fd(3));
/// assert_eq!((attach.target, attach.flags), (2, 0));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProgAttach {
    /// To what: a descriptor of a cgroup, a map..., or a device's index.
    pub target: u32,
    /// The program; to detach, `Fd(0)` stands for none.
    pub prog: Fd,
    /// How, as a number.
    pub attach_type: u32,
    /// `BPF_F_*`.
    pub flags: u32,
    /// The program to replace, with `BPF_F_REPLACE`.
    pub replace: Fd,
    /// A descriptor or, with `BPF_F_ID`, an id: a program's or, with `BPF_F_LINK`, a link's.
    pub relative: u32,
    /// The revision that is expected; 0: any.
    pub expected_revision: u64,
}

impl ProgAttach {
    /// Without flags or anything beside.
    pub fn new(attach_type: AttachType, target: u32, prog: Fd) -> ProgAttach {
        ProgAttach {
            target,
            prog,
            attach_type: attach_type.to_u32(),
            flags: 0,
            replace: Fd(0),
            relative: 0,
            expected_revision: 0,
        }
    }

    /// The same with flags.
    #[must_use]
    pub fn flags(self, flags: u32) -> ProgAttach {
        ProgAttach { flags, ..self }
    }
}

/// Flags of places with one program, or of cgroups (`BPF_F_ATTACH_MASK_BASE`).
const BASE: u32 = BPF_F_ALLOW_OVERRIDE | BPF_F_ALLOW_MULTI | BPF_F_REPLACE | BPF_F_PREORDER;
/// Flags of places with an order (`BPF_F_ATTACH_MASK_MPROG`).
const MPROG: u32 = BPF_F_REPLACE | BPF_F_BEFORE | BPF_F_AFTER | BPF_F_ID | BPF_F_LINK;

/// Whether a mask leaves flags over.
fn beyond(flags: u32, mask: u32) -> Result<(), Errno> {
    if flags & !mask == 0 { Ok(()) } else { Err(Errno::EINVAL) }
}

impl Sys<'_> {
    /// `BPF_PROG_ATTACH`.
    pub(crate) fn prog_attach(&mut self, it: &ProgAttach) -> Result<(), Errno> {
        let attach = AttachType::from_u32(it.attach_type).ok_or(Errno::EINVAL)?;
        let prog_type = check::prog_type_of(attach).ok_or(Errno::EINVAL)?;
        if prog_type == ProgType::SchedCls {
            beyond(it.flags, MPROG)?;
        } else if check::is_cgroup_type(prog_type) {
            beyond(it.flags, BASE | MPROG)?;
        } else {
            beyond(it.flags, BASE)?;
            if it.relative != 0 || it.expected_revision != 0 {
                return Err(Errno::EINVAL);
            }
        }
        let prog = self.core.prog_of_type(it.prog, prog_type)?;
        // Whatever is wrong with it, `EPERM` too.
        check::check(self.core, prog, it.attach_type).map_err(|_| Errno::EINVAL)?;
        let expected = self.core.objects.prog(prog).map_or(0, |it| it.info.expected_attach_type);
        let of_cgroup = match prog_type {
            ProgType::Lsm => expected == AttachType::LsmCgroup.to_u32(),
            other => check::is_cgroup_type(other),
        };
        if of_cgroup {
            return self.attach_cgroup(prog, prog_type, attach, it);
        }
        match prog_type {
            ProgType::SkSkb | ProgType::SkMsg => {
                if it.flags != 0 || it.replace.0 != 0 {
                    return Err(Errno::EINVAL);
                }
                let map = self.core.map_of(Fd(it.target as i32))?;
                let old = self.core.set_sockmap_prog(map, attach, Attached::new(prog))?;
                self.keep(prog, old);
                Ok(())
            }
            ProgType::FlowDissector => {
                if it.target != 0 || it.flags != 0 || it.replace.0 != 0 {
                    return Err(Errno::EINVAL);
                }
                let list = self.core.hooks.netns.entry(attach).or_default();
                let old = list.attach_prog(Attached::new(prog))?;
                self.keep(prog, old);
                Ok(())
            }
            ProgType::SchedCls => self.attach_mprog(prog, attach, it),
            // There are no infrared receivers here, nor is there anything else to attach to by this call.
            _ => Err(Errno::EINVAL),
        }
    }

    /// A program that is attached by itself has a reference; the one that it replaced had.
    fn keep(&mut self, prog: ObjRef, old: Option<Attached>) {
        self.core.objects.retain(prog);
        self.core.release_prog(old);
        self.core.sweep(self.memory);
    }

    fn attach_cgroup(
        &mut self,
        prog: ObjRef,
        prog_type: ProgType,
        attach: AttachType,
        it: &ProgAttach,
    ) -> Result<(), Errno> {
        let id = self.core.cgroup_of(self.memory, Fd(it.target as i32))?;
        let both = BPF_F_ALLOW_MULTI | BPF_F_REPLACE;
        let old = match it.flags & both == both {
            true => Some(self.core.prog_of_type(it.replace, prog_type)?),
            false => None,
        };
        let kind = super::cgroup::kind_of(self.core, attach, Some(prog));
        let relative = self.core.cgroup_relative(it.flags, it.relative);
        let wish = Wish { flags: it.flags, relative, revision: it.expected_revision };
        let gone = self.core.hooks.cgroups.attach(id, kind, Attached::new(prog), old, &wish)?;
        self.keep(prog, gone);
        Ok(())
    }

    fn attach_mprog(&mut self, prog: ObjRef, attach: AttachType, it: &ProgAttach) -> Result<(), Errno> {
        let hook = net::mprog_hook(self.core, attach, it.target)?;
        let old = match it.flags & BPF_F_REPLACE != 0 {
            true => Some(self.core.prog_of_type(it.replace, ProgType::SchedCls)?),
            false => None,
        };
        let kind = Some(ProgType::SchedCls);
        let wish = self.core.mprog_wish(kind, it.flags, it.relative, it.expected_revision);
        let mprog = self.core.hooks.mprogs.entry(hook.clone()).or_default();
        let result = mprog.attach(Attached::new(prog), old, &wish);
        self.core.tidy_mprog(&hook);
        self.keep(prog, result?);
        Ok(())
    }

    /// `BPF_PROG_DETACH`.
    pub(crate) fn prog_detach(&mut self, it: &ProgAttach) -> Result<(), Errno> {
        let attach = AttachType::from_u32(it.attach_type);
        let prog_type = attach.and_then(check::prog_type_of);
        let mut prog = None;
        match prog_type {
            Some(ProgType::SchedCls) => {
                beyond(it.flags, MPROG)?;
                if it.prog.0 != 0 {
                    prog = Some(self.core.prog_of_type(it.prog, ProgType::SchedCls)?);
                }
            }
            Some(other) if check::is_cgroup_type(other) => {
                if it.flags != 0 || it.relative != 0 {
                    return Err(Errno::EINVAL);
                }
            }
            _ => {
                if it.flags != 0 || it.relative != 0 || it.expected_revision != 0 {
                    return Err(Errno::EINVAL);
                }
            }
        }
        let (Some(attach), Some(prog_type)) = (attach, prog_type) else { return Err(Errno::EINVAL) };
        let gone = match prog_type {
            ProgType::SkSkb | ProgType::SkMsg => {
                if it.replace.0 != 0 {
                    return Err(Errno::EINVAL);
                }
                let map = self.core.map_of(Fd(it.target as i32))?;
                let prog = self.core.prog_of_type(it.prog, prog_type)?;
                self.core.take_sockmap_prog(map, attach, prog)?
            }
            ProgType::FlowDissector => {
                if it.target != 0 {
                    return Err(Errno::EINVAL);
                }
                let prog = self.core.prog_of_type(it.prog, prog_type)?;
                self.core.hooks.netns.entry(attach).or_default().detach_prog(prog)?
            }
            ProgType::SchedCls => {
                let hook = net::mprog_hook(self.core, attach, it.target)?;
                let wish =
                    self.core.mprog_wish(prog_type_if(prog), it.flags, it.relative, it.expected_revision);
                let mprog = self.core.hooks.mprogs.get_mut(&hook).ok_or(Errno::ENOENT)?;
                let gone = mprog.detach(prog, None, &wish)?;
                self.core.tidy_mprog(&hook);
                gone
            }
            other if check::is_cgroup_type(other) => {
                let id = self.core.cgroup_of(self.memory, Fd(it.target as i32))?;
                let prog = self.core.prog_of_type(it.prog, other).ok();
                let kind = super::cgroup::kind_of(self.core, attach, prog);
                self.core.hooks.cgroups.detach(id, kind, prog, None, it.expected_revision)?
            }
            _ => return Err(Errno::EINVAL),
        };
        self.core.release_prog(Some(gone));
        self.core.sweep(self.memory);
        Ok(())
    }
}

/// A neighbour has to be of a program's type if there is one.
fn prog_type_if(prog: Option<ObjRef>) -> Option<ProgType> {
    prog.map(|_| ProgType::SchedCls)
}
