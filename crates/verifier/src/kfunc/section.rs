//! Sections that kernel functions begin and end: RCU, preemption, interrupts.

use skep_abi::kfuncs::flags;

use super::desc::Kfunc;
use super::special::Special;
use crate::state::stack::SlotType;
use crate::state::types::Flags;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// What the call does to the sections that the program is in, and whether it may be called inside them.
    pub(super) fn enter_or_leave_sections(&mut self, kfunc: &Kfunc) -> Check {
        self.rcu_section(kfunc)?;
        self.preempt_section(kfunc)?;
        let name = &kfunc.name;
        if self.cur.active_irq_id != 0 && kfunc.has(flags::SLEEPABLE) {
            return refuse!(self, EACCES, "kernel func {name} is sleepable within IRQ-disabled region\n");
        }
        if kfunc.has(flags::RCU_PROTECTED) && !self.in_rcu_cs() {
            return refuse!(self, EACCES, "kernel func {name} requires RCU critical section protection\n");
        }
        Ok(())
    }

    fn rcu_section(&mut self, kfunc: &Kfunc) -> Check {
        let (lock, unlock) = (kfunc.is(Special::RcuReadLock), kfunc.is(Special::RcuReadUnlock));
        let name = &kfunc.name;
        if self.cur.active_rcu_locks == 0 {
            if unlock {
                return refuse!(self, EINVAL, "unmatched rcu read unlock (kernel function {name})\n");
            }
            self.cur.active_rcu_locks = u32::from(lock);
            return Ok(());
        }
        if (lock || unlock) && self.in_rbtree_lock_required_cb() {
            return refuse!(
                self,
                EACCES,
                "Calling bpf_rcu_read_{{lock,unlock}} in unnecessary rbtree callback\n"
            );
        }
        if lock {
            return refuse!(self, EINVAL, "nested rcu read lock (kernel function {name})\n");
        }
        if unlock {
            self.cur.active_rcu_locks = 0;
            self.distrust_rcu_pointers();
        } else if kfunc.has(flags::SLEEPABLE) {
            return refuse!(self, EACCES, "kernel func {name} is sleepable within rcu_read_lock region\n");
        }
        Ok(())
    }

    /// What an RCU section kept is not to be trusted behind it: registers, spilled ones, and iterators.
    fn distrust_rcu_pointers(&mut self) {
        for frame in &mut self.cur.frames {
            let kept = |ty: SlotType| matches!(ty, SlotType::Spill | SlotType::Iter);
            let slots = frame.stack.iter_mut().filter(|slot| kept(slot.types[7]));
            for reg in frame.regs.iter_mut().chain(slots.map(|slot| &mut slot.reg)) {
                if reg.ty.has(Flags::RCU) {
                    reg.ty.flags -= Flags::RCU | Flags::MAYBE_NULL;
                    reg.ty.flags |= Flags::UNTRUSTED;
                }
            }
        }
    }

    fn preempt_section(&mut self, kfunc: &Kfunc) -> Check {
        let name = &kfunc.name;
        if kfunc.is(Special::PreemptDisable) {
            self.cur.active_preempt_locks += 1;
        } else if kfunc.is(Special::PreemptEnable) {
            if self.cur.active_preempt_locks == 0 {
                return refuse!(
                    self,
                    EINVAL,
                    "unmatched attempt to enable preemption (kernel function {name})\n"
                );
            }
            self.cur.active_preempt_locks -= 1;
        } else if self.cur.active_preempt_locks > 0 && kfunc.has(flags::SLEEPABLE) {
            return refuse!(self, EACCES, "kernel func {name} is sleepable within non-preemptible region\n");
        }
        Ok(())
    }
}
