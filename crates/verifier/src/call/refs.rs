//! References: what was acquired has to be released.

use skep_abi::{Errno, ProgType};

use crate::record::FieldKind;
use crate::state::reg::{Extra, Reg};
use crate::state::types::{Base, Flags, RegType};
use crate::state::{LockPtr, Ref, RefKind, State};
use crate::stop::{Check, Stop, refuse, verbose};
use crate::verifier::Verifier;

impl State {
    /// Whether something with this id is held (`find_reference_state`).
    pub(crate) fn holds(&self, id: u32) -> bool {
        self.refs.iter().any(|it| it.id == id)
    }

    /// Whether this lock is held: one of the kinds, with this id, in this object (`find_lock_state`).
    pub(crate) fn holds_lock(&self, kinds: &[RefKind], id: u32, ptr: LockPtr) -> bool {
        self.refs.iter().any(|it| kinds.contains(&it.kind) && it.id == id && it.ptr == ptr)
    }

    /// Takes a lock (`acquire_lock_state`).
    pub(crate) fn acquire_lock(&mut self, kind: RefKind, insn_idx: usize, id: u32, ptr: LockPtr) {
        self.refs.push(Ref { kind, id, insn_idx, ptr });
        self.active_locks += 1;
        self.active_lock_id = id;
        self.active_lock_ptr = ptr;
    }

    /// Gives a lock back (`release_lock_state`); `false`: it is not held.
    pub(crate) fn release_lock(&mut self, kind: RefKind, id: u32, ptr: LockPtr) -> bool {
        let is_it = |it: &Ref| it.kind == kind && it.id == id && it.ptr == ptr;
        let Some(at) = self.refs.iter().position(is_it) else { return false };
        let before = self.refs[..at].iter().rfind(|it| LOCKS.contains(&it.kind));
        let (last_id, last_ptr) = before.map_or((0, LockPtr::None), |it| (it.id, it.ptr));
        self.active_lock_id = last_id;
        self.active_lock_ptr = last_ptr;
        self.active_locks -= 1;
        self.refs.remove(at);
        true
    }
}

/// All kinds of locks (`REF_TYPE_LOCK_MASK`).
pub(crate) const LOCKS: &[RefKind] = &[RefKind::Lock, RefKind::ResLock, RefKind::ResLockIrq];

/// How a register becomes invalid, without holding on to the verifier (`mark_reg_invalid`).
#[derive(Clone, Copy)]
pub(super) struct Invalidate {
    allow_ptr_leaks: bool,
    precise: bool,
}

impl Invalidate {
    pub(super) fn reg(self, reg: &mut Reg) {
        let new = if self.allow_ptr_leaks { Reg::unknown(self.precise) } else { Reg::NOT_INIT };
        *reg = Reg { subreg_def: reg.subreg_def, ..new };
    }
}

impl Verifier<'_> {
    pub(super) fn invalidate(&self) -> Invalidate {
        Invalidate { allow_ptr_leaks: self.allow_ptr_leaks, precise: !self.bpf_capable }
    }

    /// The program may sleep here (`in_sleepable`).
    pub(crate) fn in_sleepable(&self) -> bool {
        self.prog.flags & skep_abi::flags::BPF_F_SLEEPABLE != 0 || self.cur.in_sleepable
    }

    /// Pointers that RCU protects are valid here (`in_rcu_cs`).
    pub(crate) fn in_rcu_cs(&self) -> bool {
        self.cur.active_rcu_locks > 0 || self.cur.active_locks > 0 || !self.in_sleepable()
    }

    /// Acquires a reference; gives its id (`acquire_reference`).
    pub(crate) fn acquire_reference(&mut self, insn_idx: usize) -> u32 {
        let id = self.new_id();
        self.cur.refs.push(Ref { kind: RefKind::Ptr, id, insn_idx, ptr: LockPtr::None });
        id
    }

    /// Gives a reference up without looking at registers (`release_reference_nomark`); writes nothing to the log.
    pub(crate) fn release_reference_nomark(&mut self, ref_obj_id: u32) -> Check {
        let found = self.cur.refs.iter().position(|it| it.kind == RefKind::Ptr && it.id == ref_obj_id);
        let Some(at) = found else { return Err(Stop::new(Errno::EINVAL)) };
        self.cur.refs.remove(at);
        Ok(())
    }

    /// Gives a reference up, and forgets all registers that hold it (`release_reference`); writes nothing to the log.
    pub(crate) fn release_reference(&mut self, ref_obj_id: u32) -> Check {
        self.release_reference_nomark(ref_obj_id)?;
        let invalid = self.invalidate();
        self.cur.for_each_reg(|reg| {
            if reg.ref_obj_id == ref_obj_id {
                invalid.reg(reg);
            }
        });
        Ok(())
    }

    /// Nodes that a list or tree owns may be gone once the lock is given back (`invalidate_non_owning_refs`).
    pub(crate) fn invalidate_non_owning_refs(&mut self) {
        let invalid = self.invalidate();
        self.cur.for_each_reg(|reg| {
            if is_non_owning(reg.ty) {
                invalid.reg(reg);
            }
        });
    }

    /// Makes a pointer to an allocated object one that does not own it (`ref_set_non_owning`).
    pub(crate) fn ref_set_non_owning(&mut self, reg: &mut Reg) -> Check {
        if self.cur.active_locks == 0 {
            return refuse!(self, EFAULT, "verifier bug: ref_set_non_owning w/o active lock\n");
        }
        if reg.ty.has(Flags::NON_OWN_REF) {
            return refuse!(self, EFAULT, "verifier bug: NON_OWN_REF already set\n");
        }
        reg.ty.flags |= Flags::NON_OWN_REF;
        let record = self.reg_record(reg);
        if self.record_has(record, FieldKind::Refcount) {
            reg.ty.flags |= Flags::RCU;
        }
        Ok(())
    }

    /// Turns all registers that own an object into ones that do not (`ref_convert_owning_non_owning`).
    pub(crate) fn ref_convert_owning_non_owning(&mut self, ref_obj_id: u32) -> Check {
        if ref_obj_id == 0 {
            return refuse!(
                self,
                EFAULT,
                "verifier bug: ref_obj_id is zero for owning -> non-owning conversion\n"
            );
        }
        if !self.cur.holds(ref_obj_id) {
            return refuse!(self, EFAULT, "verifier bug: ref state missing for ref_obj_id\n");
        }
        let mut copies = self.cur.clone_regs_with(ref_obj_id);
        for reg in &mut copies {
            reg.ref_obj_id = 0;
            // What it refuses is a bug that does not stop the kernel either.
            let _ = self.ref_set_non_owning(reg);
        }
        let mut next = copies.into_iter();
        self.cur.for_each_reg(|reg| {
            if reg.ref_obj_id == ref_obj_id {
                *reg = next.next().unwrap_or(*reg);
            }
        });
        Ok(())
    }

    /// References that are still held, each in a line (`check_reference_leak`).
    fn check_reference_leak(&mut self, exception_exit: bool) -> Check {
        if !exception_exit && self.cur.curframe() > 0 {
            return Ok(());
        }
        let returned = match self.prog_type {
            ProgType::StructOps if !exception_exit => self.reg(0).ref_obj_id,
            _ => 0,
        };
        let mut leaks = false;
        for held in self.cur.refs.iter().filter(|it| it.kind == RefKind::Ptr) {
            if returned != 0 && held.id == returned {
                continue;
            }
            verbose!(self, "Unreleased reference id={} alloc_insn={}\n", held.id, held.insn_idx);
            leaks = true;
        }
        if leaks { Err(Stop::new(Errno::EINVAL)) } else { Ok(()) }
    }

    /// At an exit nothing may be held (`check_resource_leak`); `prefix` begins the message.
    pub(crate) fn check_resource_leak(
        &mut self,
        exception_exit: bool,
        check_lock: bool,
        prefix: &str,
    ) -> Check {
        if check_lock && self.cur.active_locks > 0 {
            return self.inside(prefix, "bpf_spin_lock-ed");
        }
        if let Err(stop) = self.check_reference_leak(exception_exit) {
            verbose!(self, "{prefix} would lead to reference leak\n");
            return Err(stop);
        }
        let held = [
            (self.cur.active_irq_id > 0, "bpf_local_irq_save-ed"),
            (self.cur.active_rcu_locks > 0, "bpf_rcu_read_lock-ed"),
            (self.cur.active_preempt_locks > 0, "bpf_preempt_disable-ed"),
        ];
        match held.iter().find(|(is_held, _)| check_lock && *is_held) {
            Some((_, region)) => self.inside(prefix, region),
            None => Ok(()),
        }
    }

    fn inside(&mut self, prefix: &str, region: &str) -> Check {
        refuse!(self, EINVAL, "{prefix} cannot be used inside {region} region\n")
    }

    /// Forgets packet pointers, and slices of dynptrs of packets (`clear_all_pkt_pointers`).
    pub(crate) fn clear_all_pkt_pointers(&mut self) {
        let invalid = self.invalidate();
        self.cur.for_each_reg(|reg| {
            if is_pkt_pointer_any(reg) || is_dynptr_slice_pkt(reg) {
                invalid.reg(reg);
            }
        });
    }
}

impl State {
    /// Copies of all registers that hold this reference, in the order of [`State::for_each_reg`].
    fn clone_regs_with(&mut self, ref_obj_id: u32) -> Vec<Reg> {
        let mut found = Vec::new();
        self.for_each_reg(|reg| {
            if reg.ref_obj_id == ref_obj_id {
                found.push(*reg);
            }
        });
        found
    }
}

/// Whether a type is a pointer to an object that the program allocated (`type_is_ptr_alloc_obj`).
pub(crate) const fn is_alloc_obj(ty: RegType) -> bool {
    matches!(ty.base, Base::PtrToBtfId) && ty.has(Flags::ALLOC)
}

/// Whether a type is a pointer to a node that a list or tree owns (`type_is_non_owning_ref`).
pub(crate) const fn is_non_owning(ty: RegType) -> bool {
    is_alloc_obj(ty) && ty.has(Flags::NON_OWN_REF)
}

fn is_pkt_pointer_any(reg: &Reg) -> bool {
    let base = matches!(reg.ty.base, Base::PtrToPacket | Base::PtrToPacketMeta | Base::PtrToPacketEnd);
    base && reg.ty.flags.is_empty()
}

fn is_dynptr_slice_pkt(reg: &Reg) -> bool {
    let packet = Flags::DYNPTR_SKB | Flags::DYNPTR_XDP | Flags::DYNPTR_SKB_META;
    reg.ty.base == Base::PtrToMem && reg.ty.flags.intersects(packet)
}

/// What a lock of this register lies in: a map's value or an allocated object.
pub(crate) fn lock_ptr(reg: &Reg) -> LockPtr {
    match reg.extra {
        Extra::Map { map, .. } => LockPtr::Map(map),
        Extra::Btf { btf, .. } => LockPtr::Btf(btf),
        _ => LockPtr::None,
    }
}
