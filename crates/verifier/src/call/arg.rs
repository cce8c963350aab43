//! Arguments of helpers, one after another.

use skep_abi::helpers::{ArgFlags, ArgKind, ArgType, Dynptr, Proto, func};
use skep_abi::{Errno, MapType};

use super::dynptr::{DynptrArg, Spi};
use super::fields::LockOp;
use super::known::has_all_elements;
use super::reg_type::Expected;
use crate::access::{Access, RegUse};
use crate::call::meta::CallMeta;
use crate::record::FieldKind;
use crate::state::RefKind;
use crate::state::reg::{DynptrKind, Extra, MapNr, Reg};
use crate::state::types::Base;
use crate::stop::{Check, Stop, refuse};
use crate::verifier::Verifier;

const fn access_of(flags: ArgFlags) -> Access {
    if flags.write { Access::Write } else { Access::Read }
}

/// What a prototype wants of a dynptr.
const fn dynptr_arg(what: Dynptr, flags: ArgFlags) -> DynptrArg {
    let kind = match what {
        Dynptr::Any => None,
        Dynptr::Local => Some(DynptrKind::Local),
        Dynptr::Ringbuf => Some(DynptrKind::Ringbuf),
    };
    DynptrArg { uninit: flags.uninit, read_only: flags.read_only, kind }
}

impl Verifier<'_> {
    /// One argument of a helper (`check_func_arg`); `argno` counts from 0.
    pub(super) fn check_func_arg(
        &mut self,
        argno: usize,
        meta: &mut CallMeta,
        proto: &Proto,
        insn_idx: usize,
    ) -> Check {
        let regno = argno + 1;
        let arg = proto.args[argno];
        if arg.kind == ArgKind::Unused {
            return Ok(());
        }
        self.check_reg_arg(regno, RegUse::Src)?;
        // 6.18.44 does not insist on numbers yet, as 6.12 came to do.
        if matches!(arg.kind, ArgKind::Anything | ArgKind::Scalar) {
            if self.is_pointer_value(regno) {
                return refuse!(self, EACCES, "R{regno} leaks addr into helper function\n");
            }
            return Ok(());
        }
        let reg = *self.reg(regno);
        let is_packet = matches!(reg.ty.base, Base::PtrToPacket | Base::PtrToPacketMeta);
        if is_packet && !self.may_access_direct_pkt_data(Some(meta.pkt_access), false) {
            return refuse!(self, EACCES, "helper access to the packet is not allowed\n");
        }
        let arg = self.resolve_map_arg(arg, meta)?;
        if !(reg.is_null() && arg.nullable()) {
            self.check_reg_type(regno, Expected { arg, btf: None }, meta)?;
            let is_dynptr = matches!(arg.kind, ArgKind::Dynptr(_));
            self.check_func_arg_reg_off(&reg, regno, arg.flags.release, is_dynptr)?;
        }
        if arg.flags.release {
            self.check_release_arg(regno, &reg, arg, meta)?;
        }
        if reg.ref_obj_id != 0 && arg.kind != ArgKind::KptrXchgDest {
            if meta.ref_obj_id != 0 {
                let (id, other) = (reg.ref_obj_id, meta.ref_obj_id);
                return refuse!(self, EACCES, "more than one arg with ref_obj_id R{regno} {id} {other}");
            }
            meta.ref_obj_id = reg.ref_obj_id;
        }
        self.check_arg_kind(argno, &reg, arg, meta, proto, insn_idx)
    }

    /// Values of maps of sockets are sockets; those of a bloom filter are read to be looked for (`resolve_map_arg_type`).
    fn resolve_map_arg(&mut self, arg: ArgType, meta: &CallMeta) -> Check<ArgType> {
        if arg.kind != ArgKind::MapValue {
            return Ok(arg);
        }
        let Some((map, _)) = meta.map else {
            return refuse!(self, EFAULT, "verifier bug: invalid map_ptr to access map->type\n");
        };
        match self.map(map).kind {
            MapType::Sockmap | MapType::Sockhash => {
                if arg.flags != ArgFlags::NONE {
                    return refuse!(self, EINVAL, "invalid arg_type for sockmap/sockhash\n");
                }
                Ok(ArgType { kind: ArgKind::BtfIdSockCommon, ..arg })
            }
            MapType::BloomFilter if meta.func_id == func::map_peek_elem => {
                Ok(ArgType { flags: ArgFlags::NONE, ..arg })
            }
            _ => Ok(arg),
        }
    }

    /// What the helper takes over has to be held.
    fn check_release_arg(&mut self, regno: usize, reg: &Reg, arg: ArgType, meta: &mut CallMeta) -> Check {
        if matches!(arg.kind, ArgKind::Dynptr(_)) {
            if !reg.ty.is(Base::PtrToStack) {
                return refuse!(self, EINVAL, "cannot release unowned const bpf_dynptr\n");
            }
            let held = match self.stack_obj_spi(reg, "dynptr", 2) {
                Ok(Spi::At(spi)) => self.cur.frames[reg.frameno as usize].stack[spi].reg.ref_obj_id,
                _ => 0,
            };
            if held == 0 {
                return refuse!(self, EINVAL, "arg {regno} is an unacquired reference\n");
            }
        } else if reg.ref_obj_id == 0 && !reg.is_null() {
            return refuse!(self, EINVAL, "R{regno} must be referenced when passed to release function\n");
        }
        if meta.release_regno != 0 {
            return refuse!(self, EFAULT, "verifier bug: more than one release argument\n");
        }
        meta.release_regno = regno;
        Ok(())
    }

    fn check_arg_kind(
        &mut self,
        argno: usize,
        reg: &Reg,
        arg: ArgType,
        meta: &mut CallMeta,
        proto: &Proto,
        insn_idx: usize,
    ) -> Check {
        let regno = argno + 1;
        match arg.kind {
            ArgKind::ConstMapPtr => self.remember_map(reg, meta),
            ArgKind::MapKey => self.check_key_arg(regno, reg, meta),
            ArgKind::MapValue => self.check_value_arg(regno, reg, arg.flags, meta),
            ArgKind::PercpuBtfId => {
                let Some(btf) = reg.btf().filter(|(_, id)| id.0 != 0) else {
                    return refuse!(self, EACCES, "Helper has invalid btf_id in R{regno}\n");
                };
                meta.ret_btf = Some(btf);
                Ok(())
            }
            ArgKind::SpinLock => self.check_lock_arg(regno, meta.func_id),
            ArgKind::Timer => {
                let map = self.check_map_field_pointer(regno, FieldKind::Timer)?;
                if meta.map.is_some() {
                    return refuse!(self, EFAULT, "verifier bug: Two map pointers in a bpf_timer helper\n");
                }
                meta.map = Some(map);
                Ok(())
            }
            ArgKind::Func => {
                if let Extra::Func { subprog } = reg.extra {
                    meta.subprogno = subprog;
                }
                Ok(())
            }
            ArgKind::Mem | ArgKind::FixedMem(_) => self.check_mem_arg_of_helper(regno, arg, meta),
            ArgKind::ConstSize | ArgKind::ConstSizeOrZero => {
                let access = argno.checked_sub(1).map_or(Access::Read, |at| access_of(proto.args[at].flags));
                let zero_ok = arg.kind == ArgKind::ConstSizeOrZero;
                self.check_mem_size_reg(regno, access, zero_ok, meta)
            }
            ArgKind::Dynptr(what) => {
                self.process_dynptr_func(regno, insn_idx, dynptr_arg(what, arg.flags), 0)
            }
            ArgKind::ConstAllocSizeOrZero => {
                let Some(size) = reg.scalar.const_value() else {
                    return refuse!(self, EACCES, "R{regno} is not a known constant'\n");
                };
                meta.mem_size = size as u32;
                self.mark_chain_precision(regno)
            }
            ArgKind::ConstStr => self.check_reg_const_str(regno),
            ArgKind::KptrXchgDest => self.process_kptr_func(regno, meta),
            _ => Ok(()),
        }
    }

    fn remember_map(&mut self, reg: &Reg, meta: &mut CallMeta) -> Check {
        let Extra::Map { map, uid } = reg.extra else { return Err(Stop::new(Errno::EFAULT)) };
        if let Some((other, other_uid)) = meta.map
            && (other, other_uid) != (map, uid)
        {
            return refuse!(
                self,
                EINVAL,
                "timer pointer in R1 map_uid={other_uid} doesn't match map pointer in R2 map_uid={uid}\n"
            );
        }
        meta.map = Some((map, uid));
        Ok(())
    }

    fn map_of_call(&mut self, meta: &CallMeta, what: &str) -> Check<MapNr> {
        match meta.map {
            Some((map, _)) => Ok(map),
            None => refuse!(self, EFAULT, "verifier bug: invalid map_ptr to access map->{what}\n"),
        }
    }

    fn check_key_arg(&mut self, regno: usize, reg: &Reg, meta: &mut CallMeta) -> Check {
        let map = self.map_of_call(meta, "key")?;
        let (kind, size) = (self.map(map).kind, self.map(map).key_size);
        self.check_helper_mem_access(regno, size as i32, Access::Read, false, None)?;
        if has_all_elements(kind) {
            meta.const_map_key = self.constant_key(reg, size)?.unwrap_or(-1);
        }
        Ok(())
    }

    /// The key on the stack, if it is known (`get_constant_map_key`).
    fn constant_key(&mut self, reg: &Reg, size: u32) -> Check<Option<i64>> {
        if !self.bpf_capable || !reg.ty.is(Base::PtrToStack) {
            return Ok(None);
        }
        let Some(var) = reg.scalar.const_value() else { return Ok(None) };
        let slot = -(reg.off.wrapping_add(var as i32)) - 1;
        let (spi, at) = ((slot / 8) as usize, (slot % 8) as usize);
        let frame = reg.frameno as usize;
        let Some(stack) = self.cur.frames[frame].stack.get(spi) else { return Ok(None) };
        if stack.run_of(crate::state::stack::SlotType::Zero, at) >= size {
            return Ok(Some(0));
        }
        let is_it = stack.is_spill()
            && stack.reg.is_scalar()
            && stack.run_of(crate::state::stack::SlotType::Spill, at) == size;
        let Some(key) = stack.reg.scalar.const_value().filter(|_| is_it) else { return Ok(None) };
        self.mark_slot_precision(frame, spi)?;
        Ok(Some(key as i64))
    }

    fn check_value_arg(&mut self, regno: usize, reg: &Reg, flags: ArgFlags, meta: &mut CallMeta) -> Check {
        if flags.nullable && reg.is_null() {
            return Ok(());
        }
        let map = self.map_of_call(meta, "value")?;
        let size = self.map(map).value_size as i32;
        meta.raw_mode = flags.uninit;
        self.check_helper_mem_access(regno, size, access_of(flags), false, Some(meta))
    }

    fn check_lock_arg(&mut self, regno: usize, func_id: u32) -> Check {
        if self.in_rbtree_lock_required_cb() {
            return refuse!(self, EACCES, "can't spin_{{lock,unlock}} in rbtree cb\n");
        }
        let lock = func_id == func::spin_lock;
        self.process_spin_lock(regno, LockOp { lock, kind: RefKind::Lock })
    }

    /// Memory whose size is the next argument is checked there.
    fn check_mem_arg_of_helper(&mut self, regno: usize, arg: ArgType, meta: &mut CallMeta) -> Check {
        meta.raw_mode = arg.flags.uninit;
        let ArgKind::FixedMem(size) = arg.kind else { return Ok(()) };
        self.check_helper_mem_access(regno, size as i32, access_of(arg.flags), false, Some(meta))?;
        if arg.flags.aligned {
            self.check_ptr_alignment(regno, 0, size, true)?;
        }
        Ok(())
    }

    /// The kptr that is exchanged (`process_kptr_func`).
    fn process_kptr_func(&mut self, regno: usize, meta: &mut CallMeta) -> Check {
        let reg = *self.reg(regno);
        if let Extra::Map { map, uid: _ } = reg.extra {
            if self.map(map).btf.is_none() {
                let name = &self.maps[usize::from(map.0)].name;
                return refuse!(self, EINVAL, "map '{name}' has to have BTF in order to use bpf_kptr_xchg\n");
            }
            meta.map = Some((map, 0));
        }
        let record = self.reg_record(&reg);
        let Some(var) = reg.scalar.const_value() else {
            return refuse!(
                self,
                EINVAL,
                "R{regno} doesn't have constant offset. kptr has to be at the constant offset\n"
            );
        };
        let kptrs = [FieldKind::KptrUnref, FieldKind::KptrRef, FieldKind::KptrPercpu];
        if !kptrs.iter().any(|kind| self.record_has(record, *kind)) {
            return refuse!(self, EINVAL, "R{regno} has no valid kptr\n");
        }
        let off = reg.off.wrapping_add(var as i32);
        let Some(field) = self.record_find(record, off as u32, &kptrs) else {
            return refuse!(self, EACCES, "off={off} doesn't point to kptr\n");
        };
        if self.records.field(field).kind == FieldKind::KptrUnref {
            return refuse!(self, EACCES, "off={off} kptr isn't referenced kptr\n");
        }
        meta.kptr_field = Some(field);
        Ok(())
    }
}

impl crate::state::stack::Slot {
    /// How many bytes from this one on, towards higher addresses, are of this type.
    fn run_of(&self, ty: crate::state::stack::SlotType, from: usize) -> u32 {
        self.types[..=from].iter().rev().take_while(|it| **it == ty).count() as u32
    }
}
