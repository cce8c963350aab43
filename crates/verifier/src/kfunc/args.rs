//! Arguments of kernel functions (`check_kfunc_args`).

use std::sync::Arc;

use skep_abi::kfuncs::flags;
use skep_abi::{AttachType, ProgType};
use skep_btf::{Btf, Def, Kind, TypeId};

use super::desc::{Kfunc, ParamKind, PtrFlags, PtrKind, ScalarKind, is_scalar};
use super::meta::Meta;
use super::special::Special;
use crate::btf_ptr::ctx_type::{is_projection, kern_ctx};
use crate::btf_ptr::{is_struct, kind_name, pointee};
use crate::call::dynptr::DynptrArg;
use crate::call::fields::LockOp;
use crate::call::irq;
use crate::call::iter::{IterArg, IterOp};
use crate::log::type_name;
use crate::record::FieldKind;
use crate::state::RefKind;
use crate::state::reg::{BtfNr, DynptrKind, Extra, Reg};
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// The most arguments in registers (`MAX_BPF_FUNC_REG_ARGS`).
const MAX_ARGS: usize = 5;
/// An object that the program allocated, as it was given out.
pub(super) const ALLOC: RegType = RegType::with(Base::PtrToBtfId, Flags::ALLOC);

/// What a pointer argument is, once the register is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ArgKind {
    /// NULL, where it may be.
    Null,
    Fixed(PtrKind),
    /// A kernel object.
    Object,
    Callback,
    /// Memory as large as the type.
    Mem,
    /// Memory as large as the next argument says.
    MemSize,
}

/// An argument that is looked at.
#[derive(Clone, Copy)]
pub(super) struct Arg<'a> {
    pub(super) kfunc: &'a Kfunc,
    pub(super) btf: &'a Btf,
    /// Its number, from 0.
    pub(super) index: usize,
    /// What it has to point to.
    pub(super) target: TypeId,
    pub(super) flags: PtrFlags,
    pub(super) reg: Reg,
}

impl Arg<'_> {
    pub(super) fn regno(&self) -> usize {
        self.index + 1
    }

    fn target_name(&self) -> &str {
        self.btf.name(self.target)
    }
}

impl Verifier<'_> {
    pub(super) fn check_kfunc_args(&mut self, kfunc: &Kfunc, meta: &mut Meta, insn_idx: usize) -> Check {
        let count = kfunc.params.len();
        if count > MAX_ARGS {
            return refuse!(self, EINVAL, "Function {} has {count} > {MAX_ARGS} args\n", kfunc.name);
        }
        let btf = Arc::clone(self.btf(kfunc.btf));
        let mut index = 0;
        while index < count {
            let reg = *self.reg(index + 1);
            match kfunc.params[index].kind {
                ParamKind::Ignored => {}
                ParamKind::Prog => {
                    if meta.arg_prog {
                        return refuse!(
                            self,
                            EFAULT,
                            "verifier bug: Only 1 prog->aux argument supported per-kfunc\n"
                        );
                    }
                    meta.arg_prog = true;
                    self.aux[insn_idx].arg_prog = (index + 1) as u8;
                }
                ParamKind::Scalar(kind) => self.check_scalar_arg(kind, index + 1, &reg, meta)?,
                ParamKind::Bad => {
                    let kind = kind_name(&btf, kfunc.params[index].ty);
                    return refuse!(self, EINVAL, "Unrecognized arg#{index} type {kind}\n");
                }
                ParamKind::Ptr(kind, target, flags) => {
                    let arg = Arg { kfunc, btf: &btf, index, target, flags, reg };
                    if self.check_pointer_arg(&arg, kind, meta, insn_idx)? {
                        index += 1;
                    }
                }
            }
            index += 1;
        }
        if kfunc.has(flags::RELEASE) && meta.release_regno == 0 {
            return refuse!(
                self,
                EINVAL,
                "release kernel function {} expects refcounted PTR_TO_BTF_ID\n",
                kfunc.name
            );
        }
        Ok(())
    }

    fn check_scalar_arg(&mut self, kind: ScalarKind, regno: usize, reg: &Reg, meta: &mut Meta) -> Check {
        if !reg.ty.is(Base::Scalar) {
            return refuse!(self, EINVAL, "R{regno} is not a scalar\n");
        }
        match kind {
            ScalarKind::Constant => {
                if meta.constant.is_some() {
                    return refuse!(self, EFAULT, "verifier bug: only one constant argument permitted\n");
                }
                let Some(value) = reg.scalar.const_value() else {
                    return refuse!(self, EINVAL, "R{regno} must be a known constant\n");
                };
                self.mark_chain_precision(regno)?;
                meta.constant = Some(value);
                Ok(())
            }
            ScalarKind::BufSize { read_only } => {
                meta.r0_rdonly |= read_only;
                if meta.r0_size != 0 {
                    return refuse!(self, EINVAL, "2 or more rdonly/rdwr_buf_size parameters for kfunc");
                }
                let Some(size) = reg.scalar.const_value() else {
                    return refuse!(self, EINVAL, "R{regno} is not a const\n");
                };
                let Ok(size) = u32::try_from(size) else {
                    return refuse!(self, EINVAL, "R{regno} rdonly/rdwr_buf_size exceeds u32 max\n");
                };
                meta.r0_size = size;
                self.mark_chain_precision(regno)
            }
            _ => Ok(()),
        }
    }

    /// A pointer; true: it was checked together with the argument behind it.
    fn check_pointer_arg(
        &mut self,
        arg: &Arg<'_>,
        kind: PtrKind,
        meta: &mut Meta,
        insn_idx: usize,
    ) -> Check<bool> {
        let (kfunc, reg, regno) = (arg.kfunc, &arg.reg, arg.regno());
        let strict = kfunc.wants_trusted() || kfunc.has(flags::RCU);
        if strict && (reg.is_null() || reg.ty.may_be_null()) && !arg.flags.nullable {
            return refuse!(self, EACCES, "Possibly NULL pointer passed to trusted arg{}\n", arg.index);
        }
        let releases = kfunc.has(flags::RELEASE);
        if reg.ref_obj_id != 0 {
            if releases && meta.ref_obj_id != 0 {
                return refuse!(
                    self,
                    EFAULT,
                    "verifier bug: more than one arg with ref_obj_id R{regno} {} {}\n",
                    reg.ref_obj_id,
                    meta.ref_obj_id
                );
            }
            meta.ref_obj_id = reg.ref_obj_id;
            if releases {
                meta.release_regno = regno;
            }
        }
        let kind = self.arg_kind(arg, kind)?;
        match kind {
            ArgKind::Null => return Ok(false),
            ArgKind::Fixed(PtrKind::Map) => {
                self.check_map_arg(arg, meta)?;
                self.check_trust(arg)?;
            }
            ArgKind::Fixed(PtrKind::Alloc) | ArgKind::Object => self.check_trust(arg)?,
            _ => {}
        }
        self.check_func_arg_reg_off(reg, regno, releases && reg.ref_obj_id != 0, false)?;
        match kind {
            ArgKind::Null => {}
            ArgKind::Object => self.check_object_arg(arg, arg.target)?,
            ArgKind::Callback => self.check_callback_arg(arg, meta)?,
            ArgKind::Mem => self.check_kfunc_mem_arg(arg)?,
            ArgKind::MemSize => {
                self.check_mem_size_arg(arg, meta)?;
                return Ok(true);
            }
            ArgKind::Fixed(kind) => self.check_fixed_arg(arg, kind, meta, insn_idx)?,
        }
        Ok(false)
    }

    /// `get_kfunc_ptr_arg_type`, with the register.
    fn arg_kind(&mut self, arg: &Arg<'_>, kind: PtrKind) -> Check<ArgKind> {
        let sized = self.has_size(arg);
        if kind == PtrKind::Ctx {
            return Ok(ArgKind::Fixed(kind));
        }
        if arg.flags.nullable && arg.reg.is_null() && !sized {
            return Ok(ArgKind::Null);
        }
        let PtrKind::Other { callback } = kind else { return Ok(ArgKind::Fixed(kind)) };
        let (target, name) = (arg.target, arg.target_name());
        if arg.reg.ty.base == Base::PtrToBtfId || struct_of_base(arg.reg.ty.base).is_some() {
            if !is_struct(arg.btf, target) {
                return refuse!(
                    self,
                    EINVAL,
                    "kernel function {} args#{} pointer type {} {name} is not supported\n",
                    arg.kfunc.name,
                    arg.index,
                    kind_name(arg.btf, target)
                );
            }
            return Ok(ArgKind::Object);
        }
        if callback {
            return Ok(ArgKind::Callback);
        }
        let plain = is_scalar(arg.btf, target) || self.is_scalar_struct(arg.btf, target, 0);
        if !(plain || sized && target == TypeId::VOID) {
            let void = if sized { "void, " } else { "" };
            return refuse!(
                self,
                EINVAL,
                "arg#{} pointer type {} {name} must point to {void}scalar, or struct with scalar\n",
                arg.index,
                kind_name(arg.btf, target)
            );
        }
        Ok(if sized { ArgKind::MemSize } else { ArgKind::Mem })
    }

    /// Whether the argument behind is the size of this one.
    fn has_size(&self, arg: &Arg<'_>) -> bool {
        let next = arg.kfunc.params.get(arg.index + 1).map(|it| it.kind);
        let size = matches!(next, Some(ParamKind::Scalar(ScalarKind::Size | ScalarKind::ConstSize)));
        size && self.reg(arg.regno() + 1).ty.is(Base::Scalar)
    }

    /// Whether a struct has nothing but numbers in it, four levels deep (`__btf_type_is_scalar_struct`).
    pub(super) fn is_scalar_struct(&mut self, btf: &Btf, id: TypeId, level: u32) -> bool {
        let Some(c) = btf.resolved(id).and_then(skep_btf::Type::composite) else { return false };
        c.members.iter().all(|member| {
            let id = btf.resolve(member.type_id);
            match btf.type_by_id(id).map(|ty| &ty.def) {
                Some(Def::Struct(_) | Def::Union(_)) => {
                    if level >= 3 {
                        self.log.write(format_args!("max struct nesting depth exceeded\n"));
                        return false;
                    }
                    self.is_scalar_struct(btf, id, level + 1)
                }
                Some(Def::Array(array)) => array.len != 0 && is_scalar(btf, array.element),
                _ => is_scalar(btf, id),
            }
        })
    }

    fn check_trust(&mut self, arg: &Arg<'_>) -> Check {
        let (kfunc, reg, regno) = (arg.kfunc, &arg.reg, arg.regno());
        let rcu = kfunc.has(flags::RCU);
        if !kfunc.wants_trusted() && !rcu || reg.is_trusted() {
            return Ok(());
        }
        if !rcu {
            return refuse!(self, EINVAL, "R{regno} must be referenced or trusted\n");
        }
        if !reg.is_rcu() {
            return refuse!(self, EINVAL, "R{regno} must be a rcu pointer\n");
        }
        Ok(())
    }

    /// A map: if the value of one was an argument before, it has to be that one.
    fn check_map_arg(&mut self, arg: &Arg<'_>, meta: &mut Meta) -> Check {
        let (map, uid) = match arg.reg.extra {
            Extra::Map { map, uid } => (map, uid),
            Extra::Btf { .. } if meta.map.is_none() => return Ok(()),
            // Beside the value of a map, Linux 6.18 takes a pointer to a `struct bpf_map` for the map itself, and reads
            // what is not there.
            _ => {
                return refuse!(self, EINVAL, "pointer in R{} isn't map pointer\n", arg.regno());
            }
        };
        if let Some((before, before_uid)) = meta.map {
            let record = self.map_record(map);
            let work = self.record_has(record, FieldKind::TaskWork);
            let differ = before != map || before_uid != uid;
            if differ && work {
                return refuse!(
                    self,
                    EINVAL,
                    "bpf_task_work pointer in R2 map_uid={before_uid} doesn't match map pointer in R3 map_uid={uid}\n"
                );
            }
            // Where the map has no special fields at all, Linux 6.18 reads through a NULL pointer.
            if differ && (record.is_none() || self.record_has(record, FieldKind::Wq)) {
                return refuse!(
                    self,
                    EINVAL,
                    "workqueue pointer in R1 map_uid={before_uid} doesn't match map pointer in R2 map_uid={uid}\n"
                );
            }
        }
        meta.map = Some((map, uid));
        Ok(())
    }

    fn check_callback_arg(&mut self, arg: &Arg<'_>, meta: &mut Meta) -> Check {
        let Extra::Func { subprog } = arg.reg.extra else {
            return refuse!(self, EINVAL, "arg{} expected pointer to func\n", arg.index);
        };
        meta.subprog = subprog as usize;
        Ok(())
    }

    fn check_kfunc_mem_arg(&mut self, arg: &Arg<'_>) -> Check {
        let Ok(size) = arg.btf.size_of(arg.target) else {
            let (kind, name) = (kind_name(arg.btf, arg.target), arg.target_name());
            return refuse!(
                self,
                EINVAL,
                "arg#{} reference type('{kind} {name}') size cannot be determined: -22\n",
                arg.index
            );
        };
        self.check_mem_reg(arg.reg, arg.regno(), size as u32)
    }

    fn check_mem_size_arg(&mut self, arg: &Arg<'_>, meta: &mut Meta) -> Check {
        let (index, regno) = (arg.index, arg.regno());
        if !arg.reg.is_null() || !(arg.flags.optional || arg.flags.nullable) {
            let checked = self.check_kfunc_mem_size_reg(regno + 1);
            if checked.is_err() {
                self.log.write(format_args!(
                    "arg#{index} arg#{} memory, len pair leads to invalid memory access\n",
                    index + 1
                ));
                return checked;
            }
        }
        let next = arg.kfunc.params[index + 1].kind;
        if next != ParamKind::Scalar(ScalarKind::ConstSize) {
            return Ok(());
        }
        if meta.constant.is_some() {
            return refuse!(self, EFAULT, "verifier bug: only one constant argument permitted\n");
        }
        meta.constant = self.reg(regno + 1).scalar.const_value();
        if meta.constant.is_none() {
            return refuse!(self, EINVAL, "R{} must be a known constant\n", regno + 1);
        }
        Ok(())
    }

    fn check_fixed_arg(&mut self, arg: &Arg<'_>, kind: PtrKind, meta: &mut Meta, insn_idx: usize) -> Check {
        match kind {
            PtrKind::Ctx => self.check_ctx_arg(arg, meta),
            PtrKind::Alloc => self.check_alloc_arg(arg, meta),
            PtrKind::RefcountedKptr => self.check_refcounted_arg(arg, meta),
            PtrKind::Dynptr => self.check_dynptr_arg(arg, meta, insn_idx),
            PtrKind::Iter => self.check_iter_arg(arg, meta, insn_idx),
            PtrKind::ListHead | PtrKind::RbRoot => self.check_root_arg(arg, kind, meta),
            PtrKind::ListNode | PtrKind::RbNode => self.check_node_arg(arg, kind, meta),
            PtrKind::ConstStr => {
                if !arg.reg.ty.is(Base::PtrToMapValue) {
                    return refuse!(self, EINVAL, "arg#{} doesn't point to a const string\n", arg.index);
                }
                self.check_reg_const_str(arg.regno())
            }
            PtrKind::Map => {
                let map = self.btf(BtfNr::KERNEL).find(Kind::Struct, "bpf_map").unwrap_or_default();
                self.check_object_arg(arg, map)
            }
            PtrKind::Wq | PtrKind::TaskWork => {
                if !arg.reg.ty.is(Base::PtrToMapValue) {
                    return refuse!(self, EINVAL, "arg#{} doesn't point to a map value\n", arg.index);
                }
                let field = if kind == PtrKind::Wq { FieldKind::Wq } else { FieldKind::TaskWork };
                meta.map = Some(self.check_map_field_pointer(arg.regno(), field)?);
                Ok(())
            }
            PtrKind::IrqFlag => self.check_irq_arg(arg),
            PtrKind::ResSpinLock => self.check_res_lock_arg(arg),
            PtrKind::Other { .. } => Ok(()),
        }
    }

    fn check_ctx_arg(&mut self, arg: &Arg<'_>, meta: &mut Meta) -> Check {
        if !arg.reg.ty.is(Base::PtrToCtx) {
            let ty = type_name(arg.reg.ty);
            return refuse!(self, EINVAL, "arg#{} expected pointer to ctx, but got {ty}\n", arg.index);
        }
        if !arg.kfunc.is(Special::CastToKernCtx) {
            return Ok(());
        }
        let kernel = Arc::clone(self.btf(BtfNr::KERNEL));
        match kern_ctx(&kernel, self.prog_type) {
            Some(id) if is_struct(&kernel, id) && kernel.resolve(id) == id => meta.ret_id = id,
            id => {
                let id = id.unwrap_or_default().0;
                return refuse!(self, EINVAL, "kern ctx type id {id} is not a struct\n");
            }
        }
        Ok(())
    }

    fn check_alloc_arg(&mut self, arg: &Arg<'_>, meta: &mut Meta) -> Check {
        let percpu = RegType::with(Base::PtrToBtfId, Flags::ALLOC | Flags::PERCPU);
        let wanted = match arg.reg.ty {
            ty if ty == ALLOC => Special::ObjDrop,
            ty if ty == percpu => Special::PercpuObjDrop,
            _ => {
                return refuse!(self, EINVAL, "arg#{} expected pointer to allocated object\n", arg.index);
            }
        };
        if !arg.kfunc.is(wanted) {
            let name =
                if wanted == Special::ObjDrop { "bpf_obj_drop_impl" } else { "bpf_percpu_obj_drop_impl" };
            return refuse!(self, EINVAL, "arg#{} expected for {name}()\n", arg.index);
        }
        if arg.reg.ref_obj_id == 0 {
            return refuse!(self, EINVAL, "allocated object must be referenced\n");
        }
        meta.arg_obj = arg.reg.btf();
        Ok(())
    }

    fn check_refcounted_arg(&mut self, arg: &Arg<'_>, meta: &mut Meta) -> Check {
        if !arg.reg.ty.is_alloc_obj() {
            return refuse!(self, EINVAL, "arg#{} is neither owning or non-owning ref\n", arg.index);
        }
        meta.arg_owning_ref |= !arg.reg.ty.is_non_owning() && arg.reg.ref_obj_id != 0;
        let Some(record) = self.reg_record(&arg.reg) else {
            return refuse!(self, EFAULT, "verifier bug: Couldn't find btf_record\n");
        };
        if !self.record_has(Some(record), FieldKind::Refcount) {
            return refuse!(
                self,
                EINVAL,
                "arg#{} doesn't point to a type with bpf_refcount field\n",
                arg.index
            );
        }
        meta.arg_obj = arg.reg.btf();
        Ok(())
    }

    fn check_dynptr_arg(&mut self, arg: &Arg<'_>, meta: &mut Meta, insn_idx: usize) -> Check {
        let (reg, uninit) = (&arg.reg, arg.flags.uninit);
        let mut clone_ref = 0;
        let kind = match arg.kfunc.special {
            Some(Special::DynptrFromSkb) => Some(DynptrKind::Skb),
            Some(Special::DynptrFromXdp) => Some(DynptrKind::Xdp),
            Some(Special::DynptrFromSkbMeta) => Some(DynptrKind::SkbMeta),
            Some(Special::DynptrClone) if uninit => {
                let Some(parent) = meta.dynptr.filter(|it| it.kind != DynptrKind::Invalid) else {
                    return refuse!(self, EFAULT, "verifier bug: no dynptr type for parent of clone\n");
                };
                clone_ref = parent.ref_obj_id;
                if parent.kind.is_refcounted() && clone_ref == 0 {
                    return refuse!(self, EFAULT, "verifier bug: missing ref obj id for parent of clone\n");
                }
                Some(parent.kind)
            }
            _ => None,
        };
        let read_only = reg.ty.is(Base::ConstPtrToDynptr);
        self.process_dynptr_func(arg.regno(), insn_idx, DynptrArg { uninit, read_only, kind }, clone_ref)?;
        if !uninit {
            meta.dynptr = Some(super::meta::Dynptr {
                id: self.dynptr_id(reg)?,
                kind: self.dynptr_kind(reg),
                ref_obj_id: self.dynptr_ref_obj_id(reg)?,
            });
        }
        Ok(())
    }

    fn check_iter_arg(&mut self, arg: &Arg<'_>, meta: &mut Meta, insn_idx: usize) -> Check {
        if arg.kfunc.is(Special::IterCssTaskNew) && !self.may_iterate_css_tasks() {
            return refuse!(
                self,
                EINVAL,
                "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs\n"
            );
        }
        let kfunc = arg.kfunc;
        let op = if kfunc.has(flags::ITER_NEW) {
            IterOp::New
        } else if kfunc.has(flags::ITER_NEXT) {
            IterOp::Next
        } else if kfunc.has(flags::ITER_DESTROY) {
            IterOp::Destroy
        } else {
            IterOp::Use
        };
        let named = is_struct(arg.btf, arg.target) && arg.target_name().starts_with("bpf_iter_");
        let iter = IterArg {
            op,
            btf: kfunc.btf,
            id: named.then_some(arg.target),
            rcu_protected: kfunc.has(flags::RCU_PROTECTED),
            func: &kfunc.name,
        };
        meta.iter = self.process_iter_arg(arg.regno(), insn_idx, iter)?;
        if let Some(place) = meta.iter {
            // What is returned is gone with the iterator.
            meta.ref_obj_id = place.ref_obj_id;
        }
        Ok(())
    }

    /// `check_css_task_iter_allowlist`.
    fn may_iterate_css_tasks(&self) -> bool {
        match self.prog_type {
            ProgType::Lsm => true,
            ProgType::Tracing if self.expected_attach_type() == Some(AttachType::TraceIter) => true,
            _ => self.in_sleepable(),
        }
    }

    fn check_irq_arg(&mut self, arg: &Arg<'_>) -> Check {
        if !arg.reg.ty.is(Base::PtrToStack) {
            return refuse!(self, EINVAL, "arg#{} doesn't point to an irq flag on stack\n", arg.index);
        }
        let (save, class) = match arg.kfunc.special {
            Some(Special::LocalIrqSave) => (true, irq::NATIVE),
            Some(Special::LocalIrqRestore) => (false, irq::NATIVE),
            Some(Special::ResSpinLockIrqsave) => (true, irq::LOCK),
            Some(Special::ResSpinUnlockIrqrestore) => (false, irq::LOCK),
            _ => return refuse!(self, EFAULT, "verifier bug: unknown irq flags kfunc\n"),
        };
        self.process_irq_flag(arg.regno(), save, class)
    }

    fn check_res_lock_arg(&mut self, arg: &Arg<'_>) -> Check {
        if !arg.reg.ty.is(Base::PtrToMapValue) && arg.reg.ty != ALLOC {
            return refuse!(
                self,
                EINVAL,
                "arg#{} doesn't point to map value or allocated object\n",
                arg.index
            );
        }
        let (lock, kind) = match arg.kfunc.special {
            Some(Special::ResSpinLock) => (true, RefKind::ResLock),
            Some(Special::ResSpinUnlock) => (false, RefKind::ResLock),
            Some(Special::ResSpinLockIrqsave) => (true, RefKind::ResLockIrq),
            Some(Special::ResSpinUnlockIrqrestore) => (false, RefKind::ResLockIrq),
            _ => return self.silent(skep_abi::Errno::EFAULT),
        };
        self.process_spin_lock(arg.regno(), LockOp { lock, kind })
    }

    /// A kernel object, or what is as good as one.
    fn check_object_arg(&mut self, arg: &Arg<'_>, target: TypeId) -> Check {
        let ty = arg.reg.ty;
        let object = ty.base == Base::PtrToBtfId && (!ty.has_unsafe_flags() || arg.reg.is_rcu());
        if !object && struct_of_base(ty.base).is_none() {
            let plain = RegType::with(ty.base, ty.flags & super::meta::TRUSTED);
            let (has, wanted) = (type_name(ty), type_name(plain));
            return refuse!(self, EINVAL, "arg#{} is {has} expected {wanted} or socket\n", arg.index);
        }
        let kernel = |name| self.btf(BtfNr::KERNEL).find(Kind::Struct, name).unwrap_or_default();
        let (nr, id) = match (ty.base, arg.reg.btf(), struct_of_base(ty.base)) {
            (Base::PtrToBtfId, Some((nr, id)), _) => (nr, id),
            (_, _, Some(name)) => (BtfNr::KERNEL, kernel(name)),
            _ => (BtfNr::KERNEL, TypeId::VOID),
        };
        let reg_btf = Arc::clone(self.btf(nr));
        let wanted = arg.btf.name(target);
        let strict = arg.kfunc.has(flags::RELEASE) && arg.reg.ref_obj_id != 0
            || is_nocast_alias(reg_btf.name(id), wanted);
        let id = reg_btf.resolve(id);
        let same = self.btf_struct_ids_match((nr, id), arg.reg.off, (arg.kfunc.btf, target), strict);
        let has = reg_btf.name(id);
        if same || is_projection(wanted, has) {
            return Ok(());
        }
        refuse!(
            self,
            EINVAL,
            "kernel function {} args#{} expected pointer to {} {wanted} but R{} has a pointer to {} {has}\n",
            arg.kfunc.name,
            arg.index,
            kind_name(arg.btf, target),
            arg.regno(),
            kind_name(&reg_btf, id)
        )
    }
}

/// The kernel's struct of what a register of another kind points to (`reg2btf_ids`).
fn struct_of_base(base: Base) -> Option<&'static str> {
    match base {
        Base::PtrToSocket => Some("sock"),
        Base::PtrToSockCommon => Some("sock_common"),
        Base::PtrToTcpSock => Some("tcp_sock"),
        Base::ConstPtrToMap => Some("bpf_map"),
        _ => None,
    }
}

/// Whether one name is the other with `___init` behind: the same bytes, but not to be taken for each other
/// (`btf_type_ids_nocast_alias`).
fn is_nocast_alias(a: &str, b: &str) -> bool {
    let alias = |long: &str, short: &str| long.strip_suffix("___init") == Some(short);
    alias(a, b) || alias(b, a)
}

/// Whether a type is a pointer to a struct (`btf_type_is_struct_ptr`).
pub(super) fn is_struct_ptr(btf: &Btf, id: TypeId) -> bool {
    pointee(btf, id).is_some_and(|target| is_struct(btf, target))
}
