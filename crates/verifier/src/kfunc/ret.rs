//! What kernel functions return.

use std::sync::Arc;

use skep_abi::kfuncs::flags;
use skep_btf::{Btf, TypeId};

use super::args::{ALLOC, is_struct_ptr};
use super::desc::{Kfunc, is_scalar};
use super::meta::Meta;
use super::special::Special;
use crate::btf_ptr::{is_struct, kind_name, pointee};
use crate::record::FieldKind;
use crate::state::reg::{BtfNr, Extra, Reg};
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// The largest object that there is one of per CPU (`BPF_GLOBAL_PERCPU_MA_MAX_SIZE`).
const MAX_PERCPU: u32 = 512;

impl Verifier<'_> {
    /// Puts what is returned into R0; the registers of arguments are gone already.
    pub(super) fn set_kfunc_return(&mut self, kfunc: &Kfunc, meta: &mut Meta, insn_idx: usize) -> Check {
        let btf = Arc::clone(self.btf(kfunc.btf));
        let acquires = kfunc.has(flags::ACQUIRE);
        let allocates =
            matches!(kfunc.special, Some(Special::ObjNew | Special::PercpuObjNew | Special::RefcountAcquire));
        if acquires && !is_struct_ptr(&btf, kfunc.ret) && !allocates {
            return refuse!(self, EINVAL, "acquire kernel function does not return PTR_TO_BTF_ID\n");
        }
        if is_scalar(&btf, kfunc.ret) {
            self.mark_reg_unknown(0);
            if matches!(kfunc.special, Some(Special::ResSpinLock | Special::ResSpinLockIrqsave)) {
                let precise = !self.bpf_capable;
                *self.reg_mut(0) = Reg { precise, ..Reg::constant(0) };
            }
            let whole = btf.size_of(kfunc.ret) == Ok(8);
            self.reg_mut(0).subreg_def = if whole { 0 } else { insn_idx as i32 + 1 };
        } else if let Some(target) = pointee(&btf, kfunc.ret).map(|target| btf.resolve(target)) {
            self.set_pointer_return(kfunc, meta, insn_idx, &btf, target)?;
        } else if matches!(kfunc.special, Some(Special::ObjDrop | Special::PercpuObjDrop)) {
            self.aux[insn_idx].kptr_struct = self.struct_with_record(meta.arg_obj);
        }
        Ok(())
    }

    fn struct_with_record(&mut self, obj: Option<(BtfNr, TypeId)>) -> Option<(BtfNr, TypeId)> {
        let (btf, id) = obj?;
        self.struct_record(btf, id).map(|_| (btf, id))
    }

    fn set_pointer_return(
        &mut self,
        kfunc: &Kfunc,
        meta: &mut Meta,
        insn_idx: usize,
        btf: &Btf,
        target: TypeId,
    ) -> Check {
        let node = is_graph_node(btf, target) && kfunc.btf == BtfNr::KERNEL;
        let reg = match self.special_return(kfunc, meta, insn_idx, btf, node)? {
            Some(reg) => reg,
            None => self.plain_return(kfunc, meta, btf, target)?,
        };
        *self.reg_mut(0) = reg;
        let ret_null =
            kfunc.has(flags::RET_NULL) && !(kfunc.is(Special::RefcountAcquire) && meta.arg_owning_ref);
        if ret_null {
            let id = self.new_id();
            let reg = self.reg_mut(0);
            reg.ty.flags |= Flags::MAYBE_NULL;
            reg.id = id;
        }
        if kfunc.has(flags::ACQUIRE) {
            let id = self.acquire_reference(insn_idx);
            let reg = self.reg_mut(0);
            if ret_null {
                reg.id = id;
            }
            reg.ref_obj_id = id;
        } else if node {
            let mut reg = *self.reg(0);
            // What it refuses is a bug that does not stop the kernel either.
            let _ = self.ref_set_non_owning(&mut reg);
            *self.reg_mut(0) = reg;
        }
        let reg = *self.reg(0);
        let record = self.reg_record(&reg);
        let locks = [FieldKind::SpinLock, FieldKind::ResSpinLock];
        if reg.id == 0 && locks.iter().any(|kind| self.record_has(record, *kind)) {
            self.reg_mut(0).id = self.new_id();
        }
        Ok(())
    }

    /// Functions whose return value depends on their arguments (`check_special_kfunc`); `None`: it is another one.
    fn special_return(
        &mut self,
        kfunc: &Kfunc,
        meta: &Meta,
        insn_idx: usize,
        btf: &Btf,
        node: bool,
    ) -> Check<Option<Reg>> {
        match kfunc.special {
            Some(Special::ObjNew) => self.new_object(meta, insn_idx, false).map(Some),
            Some(Special::PercpuObjNew) => self.new_object(meta, insn_idx, true).map(Some),
            Some(Special::RefcountAcquire) => {
                self.aux[insn_idx].kptr_struct = self.struct_with_record(meta.arg_obj);
                let extra = meta.arg_obj.map_or(Extra::None, |(btf, id)| Extra::Btf { btf, id });
                Ok(Some(Reg::pointer(ALLOC, extra)))
            }
            _ if node => {
                let field = meta.list_head.or(meta.rb_root);
                Ok(field.as_ref().and_then(Self::graph_node))
            }
            Some(Special::CastToKernCtx) => {
                let ty = RegType::with(Base::PtrToBtfId, Flags::TRUSTED);
                Ok(Some(Reg::pointer(ty, Extra::Btf { btf: kfunc.btf, id: meta.ret_id })))
            }
            Some(Special::RdonlyCast) => self.rdonly_cast(kfunc, meta, btf).map(Some),
            Some(Special::DynptrSlice) => self.slice(meta, true).map(Some),
            Some(Special::DynptrSliceRdwr) => self.slice(meta, false).map(Some),
            _ => Ok(None),
        }
    }

    fn new_object(&mut self, meta: &Meta, insn_idx: usize, percpu: bool) -> Check<Reg> {
        let Ok(id) = u32::try_from(meta.constant.unwrap_or(0)) else {
            return refuse!(self, EINVAL, "local type ID argument must be in range [0, U32_MAX]\n");
        };
        let id = TypeId(id);
        let Some(btf) = self.prog.btf.cloned() else {
            return refuse!(self, EINVAL, "bpf_obj_new/bpf_percpu_obj_new requires prog BTF\n");
        };
        let Some(c) = btf.type_by_id(id).and_then(skep_btf::Type::composite) else {
            return refuse!(
                self,
                EINVAL,
                "bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct\n"
            );
        };
        let size = c.size;
        if percpu && size > MAX_PERCPU {
            return refuse!(
                self,
                EINVAL,
                "bpf_percpu_obj_new type size ({size}) is greater than {MAX_PERCPU}\n"
            );
        }
        let record = self.struct_record(BtfNr::PROGRAM, id);
        if percpu && !self.is_scalar_struct(&btf, id, 0) {
            return refuse!(
                self,
                EINVAL,
                "bpf_percpu_obj_new type ID argument must be of a struct of scalars\n"
            );
        }
        if percpu && record.is_some() {
            return refuse!(
                self,
                EINVAL,
                "bpf_percpu_obj_new type ID argument must not contain special fields\n"
            );
        }
        let aux = &mut self.aux[insn_idx];
        aux.obj_new_size = size.into();
        aux.kptr_struct = record.map(|_| (BtfNr::PROGRAM, id));
        let flags = if percpu { Flags::ALLOC | Flags::PERCPU } else { Flags::ALLOC };
        let ty = RegType::with(Base::PtrToBtfId, flags);
        Ok(Reg::pointer(ty, Extra::Btf { btf: BtfNr::PROGRAM, id }))
    }

    fn rdonly_cast(&mut self, kfunc: &Kfunc, meta: &Meta, btf: &Btf) -> Check<Reg> {
        let value = meta.constant.unwrap_or(0);
        // The kernel looks the low half up.
        let id = TypeId(value as u32);
        match btf.type_by_id(id) {
            None => {
                refuse!(self, EINVAL, "Unknown type ID {} passed to kfunc bpf_rdonly_cast\n", value as i64)
            }
            Some(ty) if ty.composite().is_some() => {
                let ty = RegType::with(Base::PtrToBtfId, Flags::UNTRUSTED);
                Ok(Reg::pointer(ty, Extra::Btf { btf: kfunc.btf, id }))
            }
            Some(_) if id == TypeId::VOID => {
                let ty = RegType::with(Base::PtrToMem, Flags::RDONLY | Flags::UNTRUSTED);
                Ok(Reg::pointer(ty, Extra::Mem { size: 0, dynptr_id: 0 }))
            }
            Some(_) => {
                refuse!(self, EINVAL, "kfunc bpf_rdonly_cast type ID argument must be of a struct or void\n")
            }
        }
    }

    fn slice(&mut self, meta: &Meta, read_only: bool) -> Check<Reg> {
        let Some(size) = meta.constant else {
            return refuse!(self, EFAULT, "verifier bug: bpf_dynptr_slice(_rdwr) no constant size\n");
        };
        if !read_only && !self.may_access_direct_pkt_data(None, true) {
            return refuse!(self, EINVAL, "the prog does not allow writes to packet data\n");
        }
        let Some(dynptr) = meta.dynptr.filter(|it| it.id != 0) else {
            return refuse!(self, EFAULT, "verifier bug: no dynptr id\n");
        };
        let flags = dynptr.kind.slice_flag();
        let flags = if read_only { flags | Flags::RDONLY } else { flags };
        let extra = Extra::Mem { size: size as u32, dynptr_id: dynptr.id };
        Ok(Reg::pointer(RegType::with(Base::PtrToMem, flags), extra))
    }

    fn plain_return(&mut self, kfunc: &Kfunc, meta: &mut Meta, btf: &Btf, target: TypeId) -> Check<Reg> {
        let rcu = kfunc.has(flags::RCU_PROTECTED);
        if target == TypeId::VOID {
            return Ok(Reg::unknown(!self.bpf_capable));
        }
        if is_struct(btf, target) {
            let flags = match kfunc.special {
                Some(Special::GetKmemCache) => Flags::UNTRUSTED,
                _ if rcu || self.iter_is_rcu(meta) => Flags::RCU,
                _ if kfunc.has(flags::ITER_NEXT) => Flags::TRUSTED,
                // 6.18 trusts it for the reference that it holds alone.
                _ => Flags::empty(),
            };
            let ty = RegType::with(Base::PtrToBtfId, flags);
            return Ok(Reg::pointer(ty, Extra::Btf { btf: kfunc.btf, id: target }));
        }
        if meta.r0_size == 0 {
            meta.r0_size = btf.size_of(target).unwrap_or(0) as u32;
            meta.r0_rdonly = true;
        }
        if meta.r0_size == 0 {
            return refuse!(
                self,
                EINVAL,
                "kernel function {} returns pointer type {} {} is not supported\n",
                kfunc.name,
                kind_name(btf, target),
                btf.name(target)
            );
        }
        let mut flags = Flags::empty();
        flags.set(Flags::RDONLY, meta.r0_rdonly);
        flags.set(Flags::RCU, rcu);
        let ty = RegType::with(Base::PtrToMem, flags);
        let reg = Reg::pointer(ty, Extra::Mem { size: meta.r0_size, dynptr_id: 0 });
        Ok(Reg { ref_obj_id: meta.ref_obj_id, ..reg })
    }

    /// Whether what `next` gives is of an iterator that was made inside an RCU section that still holds.
    fn iter_is_rcu(&self, meta: &Meta) -> bool {
        meta.iter.is_some_and(|at| {
            let slot = self.cur.frames.get(at.frame).and_then(|frame| frame.stack.get(at.spi));
            slot.is_some_and(|slot| slot.reg.ty.has(Flags::RCU))
        })
    }
}

fn is_graph_node(btf: &Btf, id: TypeId) -> bool {
    is_struct(btf, id) && matches!(btf.name(id), "bpf_list_node" | "bpf_rb_node")
}
