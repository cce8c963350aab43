//! Links to functions: fentry, fexit, fmod_ret and LSM programs, and programs that replace one of another program's
//! (`bpf_tracing_prog_attach`, `kernel/bpf/syscall.c`).

use super::{Link, LinkCreate, LinkWith, Place};
use crate::files::Fd;
use crate::hooks::Func;
use crate::hooks::trampoline::Way;
use crate::prog::ProgInfo;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::{AttachType, Errno, ProgType};
use skep_maps::ObjRef;

/// When a program of a function runs (`bpf_attach_type_to_tramp`).
fn way_of(info: &ProgInfo) -> Way {
    match AttachType::from_u32(info.expected_attach_type) {
        Some(AttachType::TraceFentry) => Way::Entry,
        Some(AttachType::ModifyReturn) => Way::ModifyReturn,
        Some(AttachType::TraceFexit) => Way::Exit,
        // What a hook that answers nothing answers cannot be changed.
        Some(AttachType::LsmMac) if info.attach_void => Way::Exit,
        Some(AttachType::LsmMac) => Way::ModifyReturn,
        _ => Way::Replace,
    }
}

/// Whether a program is attached to functions in this way.
fn check_type(info: &ProgInfo) -> Result<(), Errno> {
    use AttachType::{LsmMac, ModifyReturn, TraceFentry, TraceFexit};
    let attach = AttachType::from_u32(info.expected_attach_type);
    let fits = match info.prog_type {
        ProgType::Tracing => matches!(attach, Some(TraceFentry | TraceFexit | ModifyReturn)),
        ProgType::Ext => info.expected_attach_type == 0,
        ProgType::Lsm => attach == Some(LsmMac),
        _ => false,
    };
    if fits { Ok(()) } else { Err(Errno::EINVAL) }
}

/// What a program is going to be attached to.
struct Target {
    func: Func,
    /// The program whose function it is, and where that starts.
    prog: Option<(ObjRef, usize)>,
    obj_id: u32,
    btf_id: u32,
}

impl Core {
    /// What a program was loaded to be attached to, in the types that have it: a function, a hook, a tracepoint.
    pub(super) fn attach_btf_id(&self, prog: ObjRef) -> u32 {
        self.objects.prog(prog).map_or(0, |it| it.told.attach_btf_id)
    }

    /// What a program was loaded to be attached to, unless that is a program's function and it was attached before.
    fn own_target(&self, prog: ObjRef) -> Result<Target, Errno> {
        let it = self.objects.prog(prog).ok_or(Errno::EINVAL)?;
        if let Some((target, slot)) = it.replaces {
            let funcs = self.objects.prog(target).map(|it| &it.info.funcs);
            let btf_id = funcs.and_then(|it| it.iter().find(|it| it.slot == slot)).map_or(0, |it| it.type_id);
            let obj_id = self.objects.number(target);
            return Ok(Target {
                func: Func::Prog { prog: target, slot },
                prog: Some((target, slot)),
                obj_id,
                btf_id,
            });
        }
        let name = it.info.attach_name.clone().filter(|_| it.info.prog_type != ProgType::Ext);
        let func = Func::Kernel(name.ok_or(Errno::EINVAL)?);
        let obj_id = it.told.attach_btf.map_or(0, |btf| self.objects.number(btf));
        Ok(Target { func, prog: None, obj_id, btf_id: it.told.attach_btf_id })
    }
}

impl Sys<'_> {
    /// A link to a function.
    pub(super) fn link_func(&mut self, prog: ObjRef, create: &LinkCreate) -> Result<Fd, Errno> {
        let info = self.core.objects.prog(prog).ok_or(Errno::EINVAL)?.info.clone();
        let (btf_id, cookie) = match create.with {
            LinkWith::Tracing { target_btf_id, cookie } => (target_btf_id, cookie),
            _ => (0, 0),
        };
        check_type(&info)?;
        if (create.target != 0) != (btf_id != 0) {
            return Err(Errno::EINVAL);
        }
        let target = if create.target == 0 {
            self.core.own_target(prog)?
        } else {
            if info.prog_type != ProgType::Ext {
                return Err(Errno::EINVAL);
            }
            let other = self.core.prog_of(Fd(create.target as i32))?;
            match self.core.own_target(prog) {
                Ok(own) if own.prog.is_some_and(|it| it.0 == other) && own.btf_id == btf_id => own,
                _ => {
                    let slot = self.core.slot_to_extend(other, btf_id)?;
                    let obj_id = self.core.objects.number(other);
                    let func = Func::Prog { prog: other, slot };
                    Target { func, prog: Some((other, slot)), obj_id, btf_id }
                }
            }
        };
        self.link_target(prog, way_of(&info), cookie, target)
    }

    fn link_target(&mut self, prog: ObjRef, way: Way, cookie: u64, target: Target) -> Result<Fd, Errno> {
        let Target { func, prog: of, obj_id, btf_id } = target;
        // What traces a program runs with all of it: a function in the middle of one is not traced here.
        if way != Way::Replace && of.is_some_and(|it| it.1 != 0) {
            return Err(Errno::EOPNOTSUPP);
        }
        let place = Place::Func {
            func: func.clone(),
            way,
            target: of.map(|it| it.0),
            target_obj_id: obj_id,
            target_btf_id: btf_id,
        };
        let attach_type = self.core.objects.prog(prog).map_or(0, |it| it.info.expected_attach_type);
        let link = self.prime(Link::new(Some(prog), attach_type, cookie, place))?;
        let new = self.attached(link)?;
        let result = self.core.hooks.funcs.entry(func.clone()).or_default().attach(way, new);
        let result = result.and_then(|()| match of.filter(|_| way == Way::Replace) {
            Some((target, slot)) => self.core.extend(prog, target, slot).inspect_err(|_| {
                self.core.unhook_func(&func, link);
            }),
            None => Ok(()),
        });
        if result.is_ok() {
            if let Some((target, _)) = of {
                self.core.objects.retain(target);
            }
            // Where it was loaded for is not kept any longer.
            let own = self.core.objects.prog_mut(prog).and_then(|it| it.replaces.take());
            if let Some((own, _)) = own {
                self.core.objects.release(own);
            }
        }
        self.settle(link, result)
    }
}

impl Core {
    /// Takes a link away from a function.
    pub(super) fn unhook_func(&mut self, func: &Func, link: ObjRef) {
        if let Some(trampoline) = self.hooks.funcs.get_mut(func) {
            trampoline.remove(link);
            if trampoline.is_empty() {
                self.hooks.funcs.remove(func);
            }
        }
    }
}
