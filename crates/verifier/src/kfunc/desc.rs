//! What is known of the kernel functions that a program calls, before any path is explored.

use std::collections::HashMap;
use std::sync::Arc;

use skep_abi::kfuncs::{self, Caller, flags};
use skep_btf::{Btf, Def, FuncProto, Kind, TypeId};

use super::special::Special;
use crate::btf_ptr::ctx::has_suffix;
use crate::btf_ptr::{is_enum, pointee};
use crate::state::reg::BtfNr;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// How many different functions a program may call (`MAX_KFUNC_DESCS`).
const MAX_KFUNCS: usize = 256;

/// All kernel functions that the program calls, by id and offset of the call.
#[derive(Debug, Default)]
pub struct Kfuncs {
    by_call: HashMap<(i32, i16), Arc<Kfunc>>,
}

/// A kernel function that the program calls.
#[derive(Debug)]
pub(crate) struct Kfunc {
    pub(crate) btf: BtfNr,
    pub(crate) id: TypeId,
    pub(crate) name: String,
    /// `None`: the program may not call it.
    pub(crate) flags: Option<u32>,
    pub(crate) special: Option<Special>,
    pub(crate) params: Vec<Param>,
    /// What it returns, without qualifiers.
    pub(crate) ret: TypeId,
}

/// A parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Param {
    /// Its type, without qualifiers.
    pub(crate) ty: TypeId,
    pub(crate) kind: ParamKind,
}

/// What a parameter is, by its type and name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ParamKind {
    /// `__ign`: anything.
    Ignored,
    /// `__prog`: the program itself, whatever is in the register.
    Prog,
    /// A number.
    Scalar(ScalarKind),
    /// A pointer to this type, without qualifiers.
    Ptr(PtrKind, TypeId, PtrFlags),
    /// Nothing that can be passed.
    Bad,
}

/// What a number is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ScalarKind {
    Any,
    /// `__k`: it has to be known.
    Constant,
    /// `__sz`: bytes of the memory of the parameter before.
    Size,
    /// `__szk`: the same, and it has to be known.
    ConstSize,
    /// `rdonly_buf_size`, `rdwr_buf_size`: bytes of what is returned.
    BufSize {
        read_only: bool,
    },
}

/// What a pointer is to, as far as its type and name say it (`enum kfunc_ptr_arg_type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PtrKind {
    Ctx,
    Alloc,
    RefcountedKptr,
    Dynptr,
    Iter,
    ListHead,
    ListNode,
    RbRoot,
    RbNode,
    ConstStr,
    Map,
    Wq,
    TaskWork,
    IrqFlag,
    ResSpinLock,
    /// What the register holds decides.
    Other {
        /// A function, if it is no kernel object.
        callback: bool,
    },
}

/// What else a pointer's name says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct PtrFlags {
    pub(crate) nullable: bool,
    pub(crate) optional: bool,
    pub(crate) uninit: bool,
}

impl Kfunc {
    /// Whether it has this flag.
    pub(crate) fn has(&self, flag: u32) -> bool {
        self.flags.is_some_and(|flags| flags & flag == flag)
    }

    /// It has to be given pointers that the kernel vouches for (`is_kfunc_trusted_args`).
    pub(crate) fn wants_trusted(&self) -> bool {
        self.has(flags::TRUSTED_ARGS) || self.has(flags::RELEASE)
    }

    /// Whether it is one of these.
    pub(crate) fn is(&self, special: Special) -> bool {
        self.special == Some(special)
    }

    pub(crate) fn is_iter(&self) -> bool {
        self.has(flags::ITER_NEW) || self.has(flags::ITER_NEXT) || self.has(flags::ITER_DESTROY)
    }
}

impl Verifier<'_> {
    /// Looks a kernel function up before paths are explored (`add_kfunc_call`).
    pub(crate) fn add_kfunc_call(&mut self, insn_idx: usize) -> Check {
        let insn = self.insns[insn_idx];
        if self.kfuncs.by_call.is_empty() {
            if self.btf(BtfNr::KERNEL).own_types().len() == 0 {
                return refuse!(
                    self,
                    ENOTSUPP,
                    "calling kernel function is not supported without CONFIG_DEBUG_INFO_BTF\n"
                );
            }
            if !self.prog.gpl {
                return refuse!(
                    self,
                    EINVAL,
                    "cannot call kernel function from non-GPL compatible program\n"
                );
            }
        }
        if insn.imm == 0 && insn.off == 0 {
            return Ok(());
        }
        let kfunc = match self.kfuncs.by_call.get(&(insn.imm, insn.off)) {
            Some(known) => Arc::clone(known),
            None => self.new_kfunc(insn.imm, insn.off)?,
        };
        self.aux[insn_idx].kfunc_btf = Some(kfunc.btf);
        Ok(())
    }

    /// What is known of the function that a call is of.
    pub(crate) fn kfunc_at(&self, insn_idx: usize) -> Option<&Arc<Kfunc>> {
        let insn = self.insns[insn_idx];
        self.kfuncs.by_call.get(&(insn.imm, insn.off))
    }

    /// The kernel function of an id of vmlinux, if the program calls it.
    pub(crate) fn kernel_kfunc(&self, id: i32) -> Option<&Arc<Kfunc>> {
        self.kfuncs.by_call.get(&(id, 0))
    }

    fn new_kfunc(&mut self, imm: i32, off: i16) -> Check<Arc<Kfunc>> {
        if self.kfuncs.by_call.len() == MAX_KFUNCS {
            return refuse!(self, E2BIG, "too many different kernel function calls\n");
        }
        if imm <= 0 {
            return refuse!(self, EINVAL, "invalid kernel function btf_id {imm}\n");
        }
        let nr = self.btf_of_call(off)?;
        let (btf, id) = (Arc::clone(self.btf(nr)), TypeId(imm as u32));
        let Some(Def::Func(func)) = btf.type_by_id(id).map(|ty| &ty.def) else {
            return refuse!(self, EINVAL, "kernel btf_id {imm} is not a function\n");
        };
        let name = btf.name(id).to_owned();
        let Some(proto) = btf.func_proto(func.proto) else {
            return refuse!(self, EINVAL, "kernel function btf_id {imm} does not have a valid func_proto\n");
        };
        if !self.env.has_symbol(&name) {
            return refuse!(self, EINVAL, "cannot find address for kernel function {name}\n");
        }
        let special = if nr == BtfNr::KERNEL { Special::of(&name) } else { None };
        if special == Some(Special::Metadata) {
            return refuse!(self, EINVAL, "metadata kfuncs require device-bound program\n");
        }
        self.check_func_model(&btf, func.proto, &name)?;
        let flags = kfuncs::allowed(&name, self.caller()).map(|it| it.flags);
        let mut kfunc =
            Kfunc { btf: nr, id, name, flags, special, params: Vec::new(), ret: btf.resolve(proto.ret) };
        kfunc.params = self.params(&btf, proto, &kfunc);
        let kfunc = Arc::new(kfunc);
        self.kfuncs.by_call.insert((imm, off), Arc::clone(&kfunc));
        Ok(kfunc)
    }

    fn btf_of_call(&mut self, off: i16) -> Check<BtfNr> {
        if off == 0 {
            return Ok(BtfNr::KERNEL);
        }
        if off < 0 {
            self.log.write(format_args!("negative offset disallowed for kernel module function call\n"));
            return refuse!(self, EINVAL, "failed to find BTF for kernel function\n");
        }
        match self.env.module_btf_at(off) {
            Ok((name, btf)) => Ok(self.btf_nr(&btf, &name)),
            Err(errno) => {
                match errno {
                    skep_abi::Errno::EPROTO => self
                        .log
                        .write(format_args!("kernel function offset > 0 without fd_array is invalid\n")),
                    _ => self.log.write(format_args!("invalid module BTF fd specified\n")),
                }
                self.log.write(format_args!("failed to find BTF for kernel function\n"));
                Err(crate::stop::Stop::new(errno))
            }
        }
    }

    fn caller(&self) -> Caller<'_> {
        let struct_ops = match self.prog.attach {
            Some(attach) if self.prog.prog_type == skep_abi::ProgType::StructOps => {
                attach.btf.name(attach.id)
            }
            _ => "",
        };
        Caller { prog_type: self.prog_type, attach_type: self.expected_attach_type(), struct_ops }
    }

    fn params(&mut self, btf: &Btf, proto: &FuncProto, kfunc: &Kfunc) -> Vec<Param> {
        let params = proto.params.iter().enumerate();
        params
            .map(|(index, param)| {
                let ty = btf.resolve(param.type_id);
                Param { ty, kind: self.param_kind(btf, ty, btf.str(param.name), index, kfunc) }
            })
            .collect()
    }

    fn param_kind(&mut self, btf: &Btf, ty: TypeId, name: &str, index: usize, kfunc: &Kfunc) -> ParamKind {
        if has_suffix(name, "__ign") {
            return ParamKind::Ignored;
        }
        if has_suffix(name, "__prog") {
            return ParamKind::Prog;
        }
        if is_scalar(btf, ty) {
            return ParamKind::Scalar(scalar_kind(name));
        }
        let Some(target) = pointee(btf, ty).map(|target| btf.resolve(target)) else {
            return ParamKind::Bad;
        };
        let flags = PtrFlags {
            nullable: has_suffix(name, "__nullable"),
            optional: has_suffix(name, "__opt"),
            uninit: has_suffix(name, "__uninit"),
        };
        let ctx = kfunc.is(Special::CastToKernCtx) || self.is_prog_ctx_type(btf, ty, self.prog_type);
        let kind = if ctx { PtrKind::Ctx } else { self.ptr_kind(btf, target, name, index, kfunc) };
        ParamKind::Ptr(kind, target, flags)
    }

    /// `get_kfunc_ptr_arg_type`, as far as it does not ask for the register.
    fn ptr_kind(&self, btf: &Btf, target: TypeId, name: &str, index: usize, kfunc: &Kfunc) -> PtrKind {
        let kernel = self.btf(BtfNr::KERNEL);
        let structure = |name: &str| kernel.find(Kind::Struct, name) == Some(target);
        let iter = if kfunc.is_iter() { index == 0 } else { has_suffix(name, "__iter") };
        match btf.name(target) {
            _ if has_suffix(name, "__alloc") => PtrKind::Alloc,
            _ if has_suffix(name, "__refcounted_kptr") => PtrKind::RefcountedKptr,
            "bpf_dynptr" if structure("bpf_dynptr") => PtrKind::Dynptr,
            _ if iter => PtrKind::Iter,
            "bpf_list_head" if structure("bpf_list_head") => PtrKind::ListHead,
            "bpf_list_node" if structure("bpf_list_node") => PtrKind::ListNode,
            "bpf_rb_root" if structure("bpf_rb_root") => PtrKind::RbRoot,
            "bpf_rb_node" if structure("bpf_rb_node") => PtrKind::RbNode,
            _ if has_suffix(name, "__str") => PtrKind::ConstStr,
            _ if has_suffix(name, "__map") => PtrKind::Map,
            "bpf_wq" if structure("bpf_wq") => PtrKind::Wq,
            "bpf_task_work" if structure("bpf_task_work") => PtrKind::TaskWork,
            _ if has_suffix(name, "__irq_flag") => PtrKind::IrqFlag,
            "bpf_res_spin_lock" if structure("bpf_res_spin_lock") => PtrKind::ResSpinLock,
            _ => PtrKind::Other {
                callback: matches!(btf.type_by_id(target).map(|ty| &ty.def), Some(Def::FuncProto(_))),
            },
        }
    }
}

/// Whether it is a number (`btf_type_is_scalar`).
pub(super) fn is_scalar(btf: &Btf, id: TypeId) -> bool {
    matches!(btf.resolved(id).map(|ty| &ty.def), Some(Def::Int(_))) || is_enum(btf, id)
}

fn scalar_kind(name: &str) -> ScalarKind {
    match name {
        _ if has_suffix(name, "__szk") => ScalarKind::ConstSize,
        _ if has_suffix(name, "__sz") => ScalarKind::Size,
        _ if has_suffix(name, "__k") => ScalarKind::Constant,
        "rdonly_buf_size" => ScalarKind::BufSize { read_only: true },
        "rdwr_buf_size" => ScalarKind::BufSize { read_only: false },
        _ => ScalarKind::Any,
    }
}
