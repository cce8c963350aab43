//! Special fields of what a register points to: locks, timers, and so on.

use crate::call::refs::{LOCKS, is_alloc_obj, lock_ptr};
use crate::record::{FieldKind, FieldNr, RecordNr, SpecialField};
use crate::state::reg::{Extra, MapNr, Reg};
use crate::state::types::{Base, Flags, RegType};
use crate::state::{LockPtr, RefKind};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// Which lock a helper or kernel function takes or gives back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LockOp {
    /// It takes the lock.
    pub(crate) lock: bool,
    /// What it is to [`State::refs`](crate::state::State): `Lock`, `ResLock` or `ResLockIrq`.
    pub(crate) kind: RefKind,
}

impl Verifier<'_> {
    /// The special fields of what a register points to (`reg_btf_record`).
    pub(crate) fn reg_record(&mut self, reg: &Reg) -> Option<RecordNr> {
        match reg.extra {
            Extra::Map { map, .. } if reg.ty.base == Base::PtrToMapValue => self.map_record(map),
            Extra::Btf { btf, id } if is_alloc_obj(reg.ty) => self.struct_record(btf, id),
            _ => None,
        }
    }

    /// Whether a record has a field of a kind.
    pub(crate) fn record_has(&self, record: Option<RecordNr>, kind: FieldKind) -> bool {
        self.record_first(record, kind).is_some()
    }

    /// The first field of a kind.
    pub(crate) fn record_first(&self, record: Option<RecordNr>, kind: FieldKind) -> Option<SpecialField> {
        self.records.all.get(record?.0 as usize)?.first(kind).copied()
    }

    /// The field of one of these kinds at an offset (`btf_record_find`).
    pub(crate) fn record_find(
        &self,
        record: Option<RecordNr>,
        offset: u32,
        kinds: &[FieldKind],
    ) -> Option<FieldNr> {
        let record = record?;
        let fields = &self.records.all.get(record.0 as usize)?.fields;
        let index = fields.iter().position(|it| it.offset == offset && kinds.contains(&it.kind))?;
        Some(FieldNr { record, index: index as u32 })
    }

    /// Takes or gives back the lock that a register points to (`process_spin_lock`).
    pub(crate) fn process_spin_lock(&mut self, regno: usize, op: LockOp) -> Check {
        let reg = *self.reg(regno);
        let ptr = lock_ptr(&reg);
        self.check_lock_field(regno, &reg, ptr, op.kind)?;
        if op.lock { self.take_lock(&reg, ptr, op.kind) } else { self.give_lock_back(&reg, ptr, op.kind) }
    }

    fn check_lock_field(&mut self, regno: usize, reg: &Reg, ptr: LockPtr, kind: RefKind) -> Check {
        let lock = lock_name(kind);
        let Some(var) = reg.scalar.const_value() else {
            return refuse!(
                self,
                EINVAL,
                "R{regno} doesn't have constant offset. {lock}_lock has to be at the constant offset\n"
            );
        };
        if let LockPtr::Map(map) = ptr
            && self.map(map).btf.is_none()
        {
            let name = &self.maps[usize::from(map.0)].name;
            return refuse!(self, EINVAL, "map '{name}' has to have BTF in order to use {lock}_lock\n");
        }
        let wanted = if kind == RefKind::Lock { FieldKind::SpinLock } else { FieldKind::ResSpinLock };
        let record = self.reg_record(reg);
        let Some(field) = self.record_first(record, wanted) else {
            let (what, name) = match ptr {
                LockPtr::Map(map) => ("map", self.maps[usize::from(map.0)].name.as_str()),
                _ => ("local", "kptr"),
            };
            return refuse!(self, EINVAL, "{what} '{name}' has no valid {lock}_lock\n");
        };
        self.check_field_offset(var, reg.off, field.offset, format_args!("{lock}_lock"))
    }

    fn check_field_offset(&mut self, var: u64, off: i32, field: u32, name: std::fmt::Arguments<'_>) -> Check {
        let at = (var as i64).wrapping_add(i64::from(off));
        if at == i64::from(field) {
            return Ok(());
        }
        refuse!(self, EINVAL, "off {at} doesn't point to 'struct {name}' that is at {field}\n")
    }

    fn take_lock(&mut self, reg: &Reg, ptr: LockPtr, kind: RefKind) -> Check {
        let held = self.cur.active_locks > 0;
        if kind == RefKind::Lock {
            // The kernel looks for a lock of no object; that two are not held is seen to where calls are checked.
            if held && self.cur.holds_lock(&[RefKind::Lock], 0, LockPtr::None) {
                return refuse!(self, EINVAL, "Locking two bpf_spin_locks are not allowed\n");
            }
        } else if held && self.cur.holds_lock(&[RefKind::ResLock, RefKind::ResLockIrq], reg.id, ptr) {
            return refuse!(self, EINVAL, "Acquiring the same lock again, AA deadlock detected\n");
        }
        let insn_idx = self.insn_idx;
        self.cur.acquire_lock(kind, insn_idx, reg.id, ptr);
        Ok(())
    }

    fn give_lock_back(&mut self, reg: &Reg, ptr: LockPtr, kind: RefKind) -> Check {
        let lock = lock_name(kind);
        if self.cur.active_locks == 0 {
            return refuse!(self, EINVAL, "{lock}_unlock without taking a lock\n");
        }
        if !self.cur.holds_lock(&[kind], reg.id, ptr) {
            return refuse!(self, EINVAL, "{lock}_unlock of different lock\n");
        }
        if reg.id != self.cur.active_lock_id || ptr != self.cur.active_lock_ptr {
            return refuse!(self, EINVAL, "{lock}_unlock cannot be out of order\n");
        }
        self.cur.release_lock(kind, reg.id, ptr);
        self.invalidate_non_owning_refs();
        Ok(())
    }

    /// The lock of the object that a register points to has to be held (`check_reg_allocation_locked`).
    pub(crate) fn check_reg_allocation_locked(&mut self, reg: &Reg) -> Check {
        let known = reg.ty.is(Base::PtrToMapValue) || reg.ty == RegType::with(Base::PtrToBtfId, Flags::ALLOC);
        if !known {
            return refuse!(self, EFAULT, "verifier bug: unknown reg type for lock check\n");
        }
        if self.cur.active_locks == 0 {
            return Err(crate::stop::Stop::new(skep_abi::Errno::EINVAL));
        }
        if !self.cur.holds_lock(LOCKS, reg.id, lock_ptr(reg)) {
            return refuse!(self, EINVAL, "held lock and object are not in the same allocation\n");
        }
        Ok(())
    }

    /// A register has to point to the field of this kind of a map's value (`check_map_field_pointer`); gives the map
    /// and which lookup of an outer map it is from.
    pub(crate) fn check_map_field_pointer(&mut self, regno: usize, kind: FieldKind) -> Check<(MapNr, u32)> {
        let reg = *self.reg(regno);
        let name = kind.name();
        let Some(var) = reg.scalar.const_value() else {
            return refuse!(
                self,
                EINVAL,
                "R{regno} doesn't have constant offset. {name} has to be at the constant offset\n"
            );
        };
        let Extra::Map { map, uid } = reg.extra else {
            return refuse!(self, EFAULT, "verifier bug: R{regno} is no map value\n");
        };
        if self.map(map).btf.is_none() {
            let of = &self.maps[usize::from(map.0)].name;
            return refuse!(self, EINVAL, "map '{of}' has to have BTF in order to use {name}\n");
        }
        let record = self.map_record(map);
        let Some(field) = self.record_first(record, kind) else {
            let of = &self.maps[usize::from(map.0)].name;
            return refuse!(self, EINVAL, "map '{of}' has no valid {name}\n");
        };
        self.check_field_offset(var, reg.off, field.offset, format_args!("{name}"))?;
        Ok((map, uid))
    }
}

const fn lock_name(kind: RefKind) -> &'static str {
    match kind {
        RefKind::Lock => "bpf_spin",
        _ => "bpf_res_spin",
    }
}
