//! Calls of kernel functions.

mod args;
pub(crate) mod desc;
mod graph;
mod meta;
mod ret;
mod section;
pub(crate) mod special;

use std::sync::Arc;

use skep_abi::kfuncs::flags;
use skep_isa::Insn;

use self::desc::Kfunc;
use self::meta::Meta;
use self::special::Special;
use crate::call::callback::Callback;
use crate::check::is_kfunc_call;
use crate::scalar::Scalar;
use crate::state::reg::Reg;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// The greatest error number (`MAX_ERRNO`).
const MAX_ERRNO: i32 = 4095;
/// Registers that a call clobbers: R0 to R5.
const CALLER_SAVED: usize = 6;

impl Verifier<'_> {
    /// A call of a kernel function (`check_kfunc_call`); gives the next instruction.
    pub(crate) fn check_kfunc_call(&mut self, insn_idx: usize) -> Check<usize> {
        let insn = self.insns[insn_idx];
        if insn.imm == 0 {
            // Refused when the program is rewritten, if it is still there.
            return Ok(insn_idx + 1);
        }
        let Some(kfunc) = self.kfunc_at(insn_idx).map(Arc::clone) else {
            return refuse!(self, EFAULT, "verifier bug: a call that was not looked up\n");
        };
        if kfunc.flags.is_none() {
            return refuse!(self, EACCES, "calling kernel function {} is not allowed\n", kfunc.name);
        }
        self.aux[insn_idx].is_iter_next = kfunc.has(flags::ITER_NEXT);
        self.fork_failed_lock(&kfunc, insn_idx)?;
        if kfunc.is(Special::Trap) {
            return refuse!(self, EFAULT, "unexpected __bpf_trap() due to uninitialized variable?\n");
        }
        self.may_call(&kfunc)?;
        let mut meta = Meta::default();
        self.check_kfunc_args(&kfunc, &mut meta, insn_idx)?;
        self.kfunc_callback(&kfunc, &meta, insn_idx)?;
        if kfunc.is(Special::SessionCookie) {
            meta.r0_size = 8;
            meta.r0_rdonly = false;
        }
        self.enter_or_leave_sections(&kfunc)?;
        self.kfunc_releases(&kfunc, &meta, insn_idx)?;
        if kfunc.is(Special::Throw) {
            self.seen_exception = true;
            if self.exception_callback.is_none() {
                self.check_return_code(1, "R1")?;
            }
        }
        for regno in 0..CALLER_SAVED {
            *self.reg_mut(regno) = Reg::NOT_INIT;
        }
        self.set_kfunc_return(&kfunc, &mut meta, insn_idx)?;
        if kfunc.is(Special::XdpPullData) {
            self.clear_all_pkt_pointers();
        }
        if let Some(place) = meta.iter.filter(|_| kfunc.has(flags::ITER_NEXT)) {
            self.process_iter_next_call(insn_idx, place)?;
        }
        Ok(insn_idx + 1)
    }

    /// Taking a resilient lock may fail: that is a path of its own, before anything else is checked.
    fn fork_failed_lock(&mut self, kfunc: &Kfunc, insn_idx: usize) -> Check {
        if !matches!(kfunc.special, Some(Special::ResSpinLock | Special::ResSpinLockIrqsave)) {
            return Ok(());
        }
        let mut failed = Scalar::UNKNOWN;
        failed.limit_s32(-MAX_ERRNO, -1);
        let unknown = Reg::unknown(!self.bpf_capable);
        match self.push_stack(insn_idx + 1, insn_idx, false) {
            Ok(branch) => {
                let regs = &mut branch.cur_mut().regs;
                regs[..CALLER_SAVED].fill(Reg::NOT_INIT);
                regs[0] = Reg { scalar: failed, subreg_def: insn_idx as i32 + 1, ..unknown };
                Ok(())
            }
            Err(stop) => {
                self.log.write(format_args!("failed to push state for failed lock acquisition\n"));
                Err(stop)
            }
        }
    }

    fn may_call(&mut self, kfunc: &Kfunc) -> Check {
        if kfunc.has(flags::DESTRUCTIVE) && !self.options.caps.sys_admin {
            return refuse!(self, EACCES, "destructive kfunc calls require CAP_SYS_BOOT capability\n");
        }
        if kfunc.has(flags::SLEEPABLE) && !self.in_sleepable() {
            return refuse!(
                self,
                EACCES,
                "program must be sleepable to call sleepable kfunc {}\n",
                kfunc.name
            );
        }
        Ok(())
    }

    fn kfunc_callback(&mut self, kfunc: &Kfunc, meta: &Meta, insn_idx: usize) -> Check {
        let from = match kfunc.special {
            Some(Special::RbtreeAdd) => Callback::RbtreeAdd,
            Some(Special::WqSetCallback) => Callback::Wq,
            Some(Special::TaskWorkSchedule) => Callback::TaskWork,
            _ => return Ok(()),
        };
        let pushed = self.push_callback_call(insn_idx, meta.subprog, from);
        if pushed.is_err() {
            let (name, id) = (&kfunc.name, kfunc.id.0);
            self.log.write(format_args!("kfunc {name}#{id} failed callback verification\n"));
        }
        pushed
    }

    /// References that the call gives up, or hands to a list or tree.
    fn kfunc_releases(&mut self, kfunc: &Kfunc, meta: &Meta, insn_idx: usize) -> Check {
        if meta.release_regno != 0 {
            let reg = *self.reg(meta.release_regno);
            let holds = meta.dynptr.is_some_and(|it| it.ref_obj_id != 0);
            if holds {
                self.unmark_stack_slots_dynptr(&reg)?;
            } else {
                self.give_up(kfunc, reg.ref_obj_id)?;
            }
        }
        if !kfunc.special.is_some_and(Special::inserts) {
            return Ok(());
        }
        let node = *self.reg(2);
        let with_record = meta.arg_obj.filter(|(btf, id)| self.struct_record(*btf, *id).is_some());
        let aux = &mut self.aux[insn_idx];
        aux.insert_off = node.off as u64;
        aux.kptr_struct = with_record;
        if let Err(stop) = self.ref_convert_owning_non_owning(node.ref_obj_id) {
            let (name, id) = (&kfunc.name, kfunc.id.0);
            self.log.write(format_args!("kfunc {name}#{id} conversion of owning ref to non-owning failed\n"));
            return Err(stop);
        }
        self.give_up(kfunc, node.ref_obj_id)
    }

    fn give_up(&mut self, kfunc: &Kfunc, ref_obj_id: u32) -> Check {
        let released = self.release_reference(ref_obj_id);
        if released.is_err() {
            let (name, id) = (&kfunc.name, kfunc.id.0);
            self.log.write(format_args!("kfunc {name}#{id} reference has not been acquired before\n"));
        }
        released
    }

    /// Whether it calls `bpf_throw`.
    pub(crate) fn is_throw(&self, insn: Insn) -> bool {
        self.is_special(insn, Special::Throw)
    }

    /// Whether the kernel function calls back before it returns (`bpf_rbtree_add`).
    pub(crate) fn is_sync_callback_kfunc(&self, insn: Insn) -> bool {
        self.is_special(insn, Special::RbtreeAdd)
    }

    fn is_special(&self, insn: Insn, special: Special) -> bool {
        is_kfunc_call(insn) && insn.off == 0 && self.kernel_kfunc(insn.imm).is_some_and(|it| it.is(special))
    }

    /// Whether the kernel function of vmlinux may be called with a lock held (`kfunc_spin_allowed`).
    pub(crate) fn kfunc_spin_allowed(&self, btf_id: i32) -> bool {
        let special = self.kernel_kfunc(btf_id).and_then(|it| it.special);
        special.is_some_and(Special::may_be_called_locked)
    }
}
