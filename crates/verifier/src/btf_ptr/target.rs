//! What tracing, security and extension programs attach to, and whether they may.

use std::sync::Arc;

use skep_abi::flags::BPF_F_SLEEPABLE;
use skep_abi::{AttachType, Errno, ProgType};
use skep_btf::{Btf, Def, Kind, TypeId};

use super::attached::CtxArg;
use super::hooks;
use super::iters::iter_args;
use crate::input::{Attach, Target};
use crate::state::reg::BtfNr;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// How typedefs of raw tracepoints begin.
const TRACE: &str = "btf_trace_";

impl Verifier<'_> {
    /// Finds what the program attaches to, and whether it may (`check_attach_btf_id`).
    pub(crate) fn check_attach_btf_id(&mut self) -> Check {
        let (ty, sleeps) = (self.prog.prog_type, self.prog.flags & BPF_F_SLEEPABLE != 0);
        self.attached.attach_type = self.prog.attach_type;
        if ty == ProgType::Syscall {
            if sleeps {
                return Ok(());
            }
            return refuse!(self, EINVAL, "Syscall programs can only be sleepable\n");
        }
        if sleeps && !can_be_sleepable(ty, self.prog.attach_type) {
            return refuse!(
                self,
                EINVAL,
                "Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable\n"
            );
        }
        match ty {
            ProgType::StructOps => self.check_struct_ops(),
            ProgType::Tracing | ProgType::Lsm | ProgType::Ext => self.check_attach_target(),
            _ => Ok(()),
        }
    }

    /// `bpf_check_attach_target`, and what follows it.
    fn check_attach_target(&mut self) -> Check {
        let Some(attach) = self.prog.attach.filter(|it| it.id != TypeId::VOID) else {
            return refuse!(self, EINVAL, "Tracing programs must provide btf_id\n");
        };
        let btf = Arc::clone(attach.btf);
        let Some(ty) = btf.type_by_id(attach.id) else {
            return refuse!(self, EINVAL, "attach_btf_id {} is invalid\n", attach.id.0);
        };
        let name = btf.str(ty.name).to_owned();
        let nr = self.btf_nr(attach.btf, &Arc::from(if attach.prog.is_some() { "" } else { "vmlinux" }));
        let mut unknown = false;
        match attach.prog {
            Some(target) => unknown = self.check_target_prog(&target, &btf, attach.id, &name)?,
            None if self.prog.prog_type == ProgType::Ext => {
                return refuse!(self, EINVAL, "Cannot replace kernel functions\n");
            }
            None => {}
        }
        self.attached.btf = Some(nr);
        self.attached.id = attach.id;
        match self.prog.attach_type {
            Some(AttachType::TraceRawTp) => self.attach_raw_tp(&attach, &btf, &name),
            Some(AttachType::TraceIter) => self.attach_iter(&attach, &btf, &name),
            Some(
                AttachType::ModifyReturn
                | AttachType::LsmMac
                | AttachType::LsmCgroup
                | AttachType::TraceFentry
                | AttachType::TraceFexit,
            ) => self.attach_function(&attach, &btf, &name, unknown),
            _ if self.prog.prog_type == ProgType::Ext => self.attach_function(&attach, &btf, &name, unknown),
            _ => self.silent(Errno::EINVAL),
        }
    }

    /// The program that another one attaches to; gives whether the types of its function are not to be believed.
    fn check_target_prog(&mut self, target: &Target<'_>, btf: &Btf, id: TypeId, name: &str) -> Check<bool> {
        let extension = self.prog.prog_type == ProgType::Ext;
        let Some(subprog) = target.funcs.iter().position(|it| it.type_id == id) else {
            return refuse!(self, EINVAL, "Subprog {name} doesn't exist\n");
        };
        let unreliable = subprog == 0 && !self.is_main_of(btf, id, target.prog_type);
        if extension {
            if unreliable {
                return refuse!(self, EINVAL, "Cannot replace static functions\n");
            }
            self.check_extension(target, subprog)?;
        }
        if self.prog.prog_type != ProgType::Tracing && target.prog_type == self.prog.prog_type {
            return refuse!(self, EINVAL, "Cannot recursively attach\n");
        }
        let traces = matches!(target.attach_type, Some(AttachType::TraceFentry | AttachType::TraceFexit));
        if extension && target.prog_type == ProgType::Tracing && traces {
            return refuse!(self, EINVAL, "Cannot extend fentry/fexit\n");
        }
        Ok(unreliable)
    }

    /// Whether a function takes the context alone, as a program's first one does.
    fn is_main_of(&mut self, btf: &Btf, id: TypeId, prog_type: ProgType) -> bool {
        match btf.func_proto(id).map(|proto| &proto.params[..]) {
            Some([param]) => {
                let id = btf.resolve(param.type_id);
                super::pointee(btf, id).is_some() && self.is_prog_ctx_type(btf, id, prog_type)
            }
            _ => false,
        }
    }

    fn check_extension(&mut self, target: &Target<'_>, subprog: usize) -> Check {
        let is = |flags: &[bool]| flags.get(subprog).copied().unwrap_or(false);
        let own = self.subprogs.first().map_or((false, false), |it| (it.changes_pkt_data, it.might_sleep));
        if own.0 && !is(target.changes_pkt_data) {
            return refuse!(self, EINVAL, "Extension program changes packet data, while original does not\n");
        }
        if own.1 && !is(target.might_sleep) {
            return refuse!(self, EINVAL, "Extension program may sleep, while original does not\n");
        }
        Ok(())
    }

    fn attach_raw_tp(&mut self, attach: &Attach<'_>, btf: &Btf, name: &str) -> Check {
        let id = attach.id.0;
        if attach.prog.is_some() {
            return refuse!(self, EINVAL, "Only FENTRY/FEXIT progs are attachable to another BPF prog\n");
        }
        let Some(Def::Typedef(target)) = btf.type_by_id(attach.id).map(|ty| &ty.def) else {
            return refuse!(self, EINVAL, "attach_btf_id {id} is not a typedef\n");
        };
        let Some(tracepoint) = name.strip_prefix(TRACE) else {
            return refuse!(self, EINVAL, "attach_btf_id {id} points to wrong type name {name}\n");
        };
        let Some(proto) = super::pointee(btf, *target).map(|target| btf.resolve(target)) else {
            return self.silent(Errno::EINVAL);
        };
        // The template has names of parameters, the typedef has not. Most templates are called as the tracepoint is.
        let template = btf.find(Kind::Func, &format!("__bpf_trace_{tracepoint}"));
        let template = template.and_then(|id| match btf.type_by_id(id)?.def {
            Def::Func(func) => Some(func.proto),
            _ => None,
        });
        self.attached.name = tracepoint.to_owned();
        self.attached.proto = template.unwrap_or(proto);
        self.attached.is_trace = true;
        Ok(())
    }

    fn attach_iter(&mut self, attach: &Attach<'_>, btf: &Btf, name: &str) -> Check {
        let Some(Def::Func(func)) = btf.type_by_id(attach.id).map(|ty| &ty.def) else {
            return refuse!(self, EINVAL, "attach_btf_id {} is not a function\n", attach.id.0);
        };
        self.check_func_model(btf, func.proto, name)?;
        let Some((target, args)) =
            name.strip_prefix("bpf_iter_").and_then(|target| Some((target, iter_args(target)?)))
        else {
            return self.silent(Errno::EINVAL);
        };
        let context = btf.find(Kind::Struct, &format!("bpf_iter__{target}"));
        let nr = self.attached.btf.unwrap_or(BtfNr::KERNEL);
        for (member, arg) in args {
            let place = context.and_then(|context| btf.field(context, member).ok());
            let offset = place.map_or(0, |it| (it.bit_offset / 8) as u32);
            let id = arg.object().and_then(|name| btf.find(Kind::Struct, name)).unwrap_or_default();
            let arg = CtxArg { offset, ty: arg.ty(), btf: nr, id, refcounted: false, ref_obj_id: 0 };
            self.attached.ctx_args.push(arg);
        }
        self.attached.name = name.to_owned();
        self.attached.proto = func.proto;
        Ok(())
    }

    fn attach_function(&mut self, attach: &Attach<'_>, btf: &Btf, name: &str, unknown: bool) -> Check {
        let Some(Def::Func(func)) = btf.type_by_id(attach.id).map(|ty| &ty.def) else {
            return refuse!(self, EINVAL, "attach_btf_id {} is not a function\n", attach.id.0);
        };
        if self.prog.prog_type == ProgType::Ext {
            self.check_type_match(btf, attach.id)?;
        }
        let proto = if unknown { TypeId::VOID } else { func.proto };
        if !unknown {
            self.check_func_model(btf, proto, name)?;
        }
        if attach.prog.is_none() && !self.env.has_symbol(name) {
            return refuse!(self, ENOENT, "The address of function {name} cannot be found\n");
        }
        self.check_attach_rights(attach, name)?;
        self.attached.name = name.to_owned();
        self.attached.proto = proto;
        if let (Some(target), ProgType::Ext) = (attach.prog, self.prog.prog_type) {
            self.prog_type = target.prog_type;
            self.attached.attach_type = target.attach_type;
        }
        self.check_hook(attach, btf, name)
    }

    /// Sleeping, and changing what a function returns.
    fn check_attach_rights(&mut self, attach: &Attach<'_>, name: &str) -> Check {
        if self.prog.flags & BPF_F_SLEEPABLE != 0 {
            let may = match self.prog.prog_type {
                ProgType::Tracing => {
                    self.env.may_inject_errors(name) && !hooks::is_non_sleepable(name)
                        || hooks::modifiable(name) == Some(true)
                }
                ProgType::Lsm => hooks::is_sleepable_hook(name),
                _ => false,
            };
            if !may {
                return refuse!(self, EINVAL, "{name} is not sleepable\n");
            }
        } else if self.prog.attach_type == Some(AttachType::ModifyReturn) {
            if attach.prog.is_some() {
                return refuse!(self, EINVAL, "can't modify return codes of BPF programs\n");
            }
            let may = hooks::modifiable(name).is_some()
                || self.env.may_inject_errors(name)
                || name.starts_with("security_");
            if !may {
                return refuse!(self, EINVAL, "{name}() is not modifiable\n");
            }
        }
        Ok(())
    }

    /// Functions that programs of a type may not attach to (`bpf_lsm_verify_prog`, the end of `check_attach_btf_id`).
    fn check_hook(&mut self, attach: &Attach<'_>, btf: &Btf, name: &str) -> Check {
        let id = attach.id.0;
        let kernel = attach.prog.is_none();
        match self.prog.prog_type {
            ProgType::Lsm if !self.prog.gpl => {
                refuse!(self, EINVAL, "LSM programs must have a GPL compatible license\n")
            }
            ProgType::Lsm if hooks::is_disabled_hook(name) => {
                refuse!(self, EINVAL, "attach_btf_id {id} points to disabled hook {name}\n")
            }
            ProgType::Lsm if !is_lsm_hook(btf, name) => {
                refuse!(self, EINVAL, "attach_btf_id {id} points to wrong type name {name}\n")
            }
            ProgType::Tracing if kernel && hooks::is_denied(name) => {
                refuse!(self, EINVAL, "Attaching tracing programs to function '{name}' is rejected.\n")
            }
            ProgType::Tracing
                if kernel
                    && hooks::does_not_return(name)
                    && self.prog.attach_type != Some(AttachType::TraceFentry) =>
            {
                refuse!(
                    self,
                    EINVAL,
                    "Attaching fexit/fmod_ret to __noreturn function '{name}' is rejected.\n"
                )
            }
            _ => Ok(()),
        }
    }
}

/// Whether a function is the place of a hook: some functions of the verifier's own begin as they do.
fn is_lsm_hook(btf: &Btf, name: &str) -> bool {
    const NOT: &[&str] = &[
        "find_cgroup_shim",
        "func_proto",
        "get_retval_range",
        "has_d_inode_locked",
        "hook_returns_errno",
        "init",
        "is_sleepable_hook",
        "is_trusted",
        "verify_prog",
    ];
    let _ = btf;
    name.strip_prefix("bpf_lsm_").is_some_and(|hook| !NOT.contains(&hook))
}

fn can_be_sleepable(ty: ProgType, attach: Option<AttachType>) -> bool {
    match ty {
        ProgType::Tracing => matches!(
            attach,
            Some(
                AttachType::TraceFentry
                    | AttachType::TraceFexit
                    | AttachType::ModifyReturn
                    | AttachType::TraceIter
            )
        ),
        ProgType::Lsm | ProgType::Kprobe | ProgType::StructOps => true,
        _ => false,
    }
}
