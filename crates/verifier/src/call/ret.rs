//! What a helper returns.

use skep_abi::helpers::{Proto, RetKind, func};
use skep_btf::{Def, Kind, TypeId};

use super::known::{func_name, has_all_elements};
use crate::call::meta::CallMeta;
use crate::record::FieldKind;
use crate::state::reg::{BtfNr, Extra, Reg};
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// The greatest negative number that stands for an error (`MAX_ERRNO`).
const MAX_ERRNO: i64 = 4095;

impl Verifier<'_> {
    /// Puts into R0 what the helper returns.
    pub(super) fn set_returned(&mut self, meta: &CallMeta, proto: &Proto, percpu_object: bool) -> Check {
        let mut flags = Flags::empty();
        flags.set(Flags::MAYBE_NULL, proto.ret.nullable);
        flags.set(Flags::RDONLY, proto.ret.read_only);
        flags.set(Flags::TRUSTED, proto.ret.trusted);
        let plain = |base, flags| Reg::pointer(RegType::with(base, flags), Extra::None);
        let r0 = match proto.ret.kind {
            RetKind::Integer => Reg::unknown(!self.bpf_capable),
            RetKind::Void => Reg::NOT_INIT,
            RetKind::MapValue => self.returned_map_value(meta, flags)?,
            RetKind::Socket => plain(Base::PtrToSocket, flags),
            RetKind::SockCommon => plain(Base::PtrToSockCommon, flags),
            RetKind::TcpSock => plain(Base::PtrToTcpSock, flags),
            RetKind::Mem => self.returned_mem(meta, flags),
            RetKind::RingbufMem => self.returned_mem(meta, flags | Flags::RINGBUF),
            RetKind::MemOrBtfId => self.returned_per_cpu(meta, flags, percpu_object)?,
            RetKind::BtfId(name) => self.returned_struct(meta, name, flags)?,
            RetKind::OwnedKptr => self.returned_kptr(meta, flags)?,
        };
        *self.reg_mut(0) = r0;
        Ok(())
    }

    fn returned_map_value(&mut self, meta: &CallMeta, mut flags: Flags) -> Check<Reg> {
        let Some((map, uid)) = meta.map else {
            return refuse!(self, EFAULT, "verifier bug: unexpected null map_ptr\n");
        };
        let key = u64::try_from(meta.const_map_key).ok();
        let is_there = meta.func_id == func::map_lookup_elem
            && has_all_elements(self.map(map).kind)
            && key.is_some_and(|key| key < u64::from(self.map(map).max_entries));
        if is_there {
            flags -= Flags::MAYBE_NULL;
        }
        let mut reg = Reg::pointer(RegType::with(Base::PtrToMapValue, flags), Extra::Map { map, uid });
        if !flags.contains(Flags::MAYBE_NULL) {
            let record = self.map_record(map);
            let locks = [FieldKind::SpinLock, FieldKind::ResSpinLock];
            if locks.iter().any(|kind| self.record_has(record, *kind)) {
                reg.id = self.new_id();
            }
        }
        Ok(reg)
    }

    fn returned_mem(&self, meta: &CallMeta, flags: Flags) -> Reg {
        let extra = Extra::Mem { size: meta.mem_size, dynptr_id: meta.dynptr_id };
        Reg::pointer(RegType::with(Base::PtrToMem, flags), extra)
    }

    fn returned_per_cpu(&mut self, meta: &CallMeta, flags: Flags, percpu_object: bool) -> Check<Reg> {
        let Some((btf, id)) = meta.ret_btf else {
            return refuse!(self, EFAULT, "verifier bug: no type of a variable of each CPU\n");
        };
        let resolved = self.btf(btf).resolve(id);
        let def = self.btf(btf).type_by_id(resolved).map(|it| &it.def);
        if matches!(def, Some(Def::Struct(_) | Def::Union(_))) {
            let flags = if percpu_object { Flags::ALLOC | Flags::RCU } else { flags - Flags::RDONLY };
            return Ok(Reg::pointer(RegType::with(Base::PtrToBtfId, flags), Extra::Btf { btf, id }));
        }
        let Ok(size) = self.btf(btf).size_of(resolved) else {
            let name = self.btfs[usize::from(btf.0)].name(resolved);
            return refuse!(self, EINVAL, "unable to resolve the size of type '{name}': -22\n");
        };
        let extra = Extra::Mem { size: size as u32, dynptr_id: 0 };
        Ok(Reg::pointer(RegType::with(Base::PtrToMem, flags), extra))
    }

    fn returned_struct(&mut self, meta: &CallMeta, name: &str, flags: Flags) -> Check<Reg> {
        let id = self.btf(BtfNr::KERNEL).find(Kind::Struct, name).unwrap_or_default();
        self.object(meta, (BtfNr::KERNEL, id), flags)
    }

    fn returned_kptr(&mut self, meta: &CallMeta, mut flags: Flags) -> Check<Reg> {
        let field = meta.kptr_field.map(|nr| self.records.field(nr));
        let Some((btf, id)) = field.and_then(|it| it.target) else {
            return self.object(meta, (BtfNr::KERNEL, TypeId::default()), flags);
        };
        // Objects of types of the program were allocated by it.
        if self.btf_names[usize::from(btf.0)].is_empty() {
            flags |= Flags::ALLOC;
            if field.is_some_and(|it| it.kind == FieldKind::KptrPercpu) {
                flags |= Flags::PERCPU;
            }
        }
        self.object(meta, (btf, id), flags)
    }

    fn object(&mut self, meta: &CallMeta, (btf, id): (BtfNr, TypeId), flags: Flags) -> Check<Reg> {
        if id.0 == 0 {
            let (name, id) = (func_name(meta.func_id), meta.func_id);
            // 8 is `RET_PTR_TO_BTF_ID`.
            return refuse!(self, EINVAL, "invalid return type 8 of func {name}#{id}\n");
        }
        Ok(Reg::pointer(RegType::with(Base::PtrToBtfId, flags), Extra::Btf { btf, id }))
    }

    /// What is known of the numbers that some helpers return (`do_refine_retval_range`).
    pub(super) fn refine_returned(&mut self, meta: &CallMeta, proto: &Proto) -> Check {
        if proto.ret.kind != RetKind::Integer {
            return Ok(());
        }
        match meta.func_id {
            func::get_stack
            | func::get_task_stack
            | func::probe_read_str
            | func::probe_read_kernel_str
            | func::probe_read_user_str => {
                let r0 = &mut self.reg_mut(0).scalar;
                r0.smax = meta.msize_max_value as i64;
                r0.s32_max = meta.msize_max_value as i32;
                r0.smin = -MAX_ERRNO;
                r0.s32_min = -MAX_ERRNO as i32;
                r0.sync();
            }
            func::get_smp_processor_id => {
                let last = self.env.cpus() - 1;
                let r0 = &mut self.reg_mut(0).scalar;
                (r0.umin, r0.umax) = (0, u64::from(last));
                (r0.smin, r0.smax) = (0, i64::from(last));
                (r0.u32_min, r0.u32_max) = (0, last);
                (r0.s32_min, r0.s32_max) = (0, last as i32);
                r0.sync();
            }
            _ => {}
        }
        self.check_reg_bounds(0, "retval")
    }
}
