//! Iterators on the stack, and how loops over them converge.

use skep_abi::Errno;
use skep_btf::TypeId;

use super::dynptr::Spi;
use crate::access::Access;
use crate::scalar::Scalar;
use crate::state::State;
use crate::state::reg::{BtfNr, Extra, IterState, Reg};
use crate::state::stack::{REG_SIZE, SlotType};
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, Stop, refuse};
use crate::verifier::Verifier;

/// What a kernel function does with an iterator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum IterOp {
    /// It makes it (`KF_ITER_NEW`).
    New,
    /// It takes it one further (`KF_ITER_NEXT`).
    Next,
    /// It ends it (`KF_ITER_DESTROY`).
    Destroy,
    /// It takes it as an argument.
    Use,
}

/// An argument that is an iterator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IterArg<'a> {
    /// What is done with it.
    pub(crate) op: IterOp,
    /// The BTF of its struct.
    pub(crate) btf: BtfNr,
    /// Its struct; `None`: the function's prototype does not say one (`btf_check_iter_arg` fails).
    pub(crate) id: Option<TypeId>,
    /// What it gives is valid inside an RCU section (`KF_RCU_PROTECTED`).
    pub(crate) rcu_protected: bool,
    /// The function.
    pub(crate) func: &'a str,
}

/// Where an iterator is, for [`Verifier::process_iter_next_call`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IterPlace {
    /// The frame.
    pub(crate) frame: usize,
    /// Its first slot.
    pub(crate) spi: usize,
    /// The reference that it holds.
    pub(crate) ref_obj_id: u32,
}

/// What is wrong with an iterator.
enum Unfit {
    NotInit,
    NoRcu,
}

impl Verifier<'_> {
    fn iter_spi(&mut self, reg: &Reg, slots: usize) -> Check<Spi> {
        self.stack_obj_spi(reg, "iter", slots as i32)
    }

    fn iter_slot(&mut self, frame: usize, spi: usize) -> &mut crate::state::stack::Slot {
        &mut self.cur.frames[frame].stack[spi]
    }

    fn mark_stack_slots_iter(
        &mut self,
        reg: &Reg,
        insn_idx: usize,
        (btf, id): (BtfNr, TypeId),
        rcu_protected: bool,
        slots: usize,
    ) -> Check {
        let Spi::At(spi) = self.iter_spi(reg, slots)? else { return Err(Stop::new(Errno::ERANGE)) };
        let frame = reg.frameno as usize;
        let ref_obj_id = self.acquire_reference(insn_idx);
        let flags = match (rcu_protected, self.in_rcu_cs()) {
            (false, _) => Flags::empty(),
            (true, true) => Flags::RCU,
            (true, false) => Flags::UNTRUSTED,
        };
        for at in 0..slots {
            let slot = self.iter_slot(frame, spi - at);
            slot.reg = Reg {
                ty: RegType::with(Base::PtrToStack, flags),
                scalar: Scalar::constant(0),
                ref_obj_id: if at == 0 { ref_obj_id } else { 0 },
                extra: Extra::Iter { btf, id, state: IterState::Active, depth: 0 },
                subreg_def: slot.reg.subreg_def,
                ..Reg::NOT_INIT
            };
            slot.types = [SlotType::Iter; REG_SIZE];
            self.mark_stack_write(frame, 1 << (spi - at));
            self.scratch_slot(spi - at);
        }
        Ok(())
    }

    fn unmark_stack_slots_iter(&mut self, frame: usize, spi: usize, slots: usize) {
        let ref_obj_id = self.iter_slot(frame, spi).reg.ref_obj_id;
        // That it was not acquired is a warning to the kernel, no more.
        let _ = self.release_reference(ref_obj_id);
        for at in 0..slots {
            let slot = self.iter_slot(frame, spi - at);
            slot.reg = Reg { subreg_def: slot.reg.subreg_def, ..Reg::NOT_INIT };
            slot.types = [SlotType::Invalid; REG_SIZE];
            self.mark_stack_write(frame, 1 << (spi - at));
            self.scratch_slot(spi - at);
        }
    }

    fn is_iter_reg_valid_uninit(&mut self, reg: &Reg, slots: usize) -> bool {
        match self.iter_spi(reg, slots) {
            Err(_) => false,
            // Writing it, which comes next, looks at the bounds of the stack.
            Ok(Spi::Beyond) => true,
            Ok(Spi::At(spi)) => {
                let stack = &self.cur.frames[reg.frameno as usize].stack;
                !stack[spi + 1 - slots..=spi].iter().any(|it| it.types.contains(&SlotType::Iter))
            }
        }
    }

    fn is_iter_reg_valid_init(
        &mut self,
        reg: &Reg,
        (btf, id): (BtfNr, TypeId),
        slots: usize,
    ) -> Result<usize, Unfit> {
        let Ok(Spi::At(spi)) = self.iter_spi(reg, slots) else { return Err(Unfit::NotInit) };
        for at in 0..slots {
            let slot = &self.cur.frames[reg.frameno as usize].stack[spi - at];
            if slot.reg.ty.has(Flags::UNTRUSTED) {
                return Err(Unfit::NoRcu);
            }
            let same =
                matches!(slot.reg.extra, Extra::Iter { btf: has, id: is, .. } if has == btf && is == id);
            let first = slot.reg.ref_obj_id != 0;
            if first != (at == 0) || !same || slot.types != [SlotType::Iter; REG_SIZE] {
                return Err(Unfit::NotInit);
            }
        }
        Ok(spi)
    }

    /// An argument that is an iterator (`process_iter_arg`); where it is, but for new ones.
    pub(crate) fn process_iter_arg(
        &mut self,
        regno: usize,
        insn_idx: usize,
        arg: IterArg<'_>,
    ) -> Check<Option<IterPlace>> {
        let reg = *self.reg(regno);
        if !reg.ty.is(Base::PtrToStack) {
            return refuse!(self, EINVAL, "arg#{} expected pointer to an iterator on stack\n", regno - 1);
        }
        let size = arg.id.and_then(|id| self.btf(arg.btf).size_of(id).ok());
        let (Some(id), Some(size)) = (arg.id, size) else {
            return refuse!(self, EINVAL, "expected valid iter pointer as arg #{}\n", regno - 1);
        };
        let slots = size as usize / REG_SIZE;
        if arg.op == IterOp::New {
            return self.process_new_iter(regno, insn_idx, &arg, id, slots).map(|()| None);
        }
        self.process_iter_use(regno, &arg, id, slots).map(Some)
    }

    fn iter_name(&self, btf: BtfNr, id: TypeId) -> String {
        let name = self.btf(btf).name(id);
        name.strip_prefix("bpf_iter_").unwrap_or(name).to_owned()
    }

    fn process_new_iter(
        &mut self,
        regno: usize,
        insn_idx: usize,
        arg: &IterArg<'_>,
        id: TypeId,
        slots: usize,
    ) -> Check {
        let reg = *self.reg(regno);
        if !self.is_iter_reg_valid_uninit(&reg, slots) {
            let name = self.iter_name(arg.btf, id);
            return refuse!(self, EINVAL, "expected uninitialized iter_{name} as arg #{}\n", regno - 1);
        }
        for slot in 0..slots {
            let off = (slot * REG_SIZE) as i32;
            self.check_mem_access(insn_idx, regno, off, 8, Access::Write, None, false, false)?;
        }
        self.mark_stack_slots_iter(&reg, insn_idx, (arg.btf, id), arg.rcu_protected, slots)
    }

    fn process_iter_use(
        &mut self,
        regno: usize,
        arg: &IterArg<'_>,
        id: TypeId,
        slots: usize,
    ) -> Check<IterPlace> {
        let reg = *self.reg(regno);
        let frame = reg.frameno as usize;
        let spi = match self.is_iter_reg_valid_init(&reg, (arg.btf, id), slots) {
            Ok(spi) => spi,
            Err(Unfit::NotInit) => {
                let name = self.iter_name(arg.btf, id);
                return refuse!(self, EINVAL, "expected an initialized iter_{name} as arg #{}\n", regno - 1);
            }
            Err(Unfit::NoRcu) => {
                return refuse!(self, EPROTO, "expected an RCU CS when using {}\n", arg.func);
            }
        };
        self.mark_stack_obj_read(frame, spi, slots);
        let ref_obj_id = self.iter_slot(frame, spi).reg.ref_obj_id;
        if arg.op == IterOp::Destroy {
            self.unmark_stack_slots_iter(frame, spi, slots);
        }
        Ok(IterPlace { frame, spi, ref_obj_id })
    }

    /// A call of an iterator's `next`: it may give one more, or none (`process_iter_next_call`). R0 is set up already.
    pub(crate) fn process_iter_next_call(&mut self, insn_idx: usize, at: IterPlace) -> Check {
        let Extra::Iter { state, .. } = self.iter_slot(at.frame, at.spi).reg.extra else {
            return refuse!(self, EFAULT, "verifier bug: unexpected iterator state 0 (<invalid>)\n");
        };
        if state == IterState::Active {
            self.branch_out_active_iter(insn_idx, at)?;
        }
        // Here, none is left.
        set_iter(&mut self.iter_slot(at.frame, at.spi).reg, IterState::Drained, 0);
        let precise = !self.bpf_capable;
        let r0 = self.reg_mut(0);
        *r0 = Reg { precise, subreg_def: r0.subreg_def, ..Reg::constant(0) };
        Ok(())
    }

    fn branch_out_active_iter(&mut self, insn_idx: usize, at: IterPlace) -> Check {
        // A state was kept right here: the loop is looked for behind it.
        let parent = self.cur.parent.map(|nr| self.explored.get(nr));
        let Some(parent) = parent.filter(|it| it.insn_idx == insn_idx && it.same_callsites(&self.cur)) else {
            return refuse!(self, EFAULT, "verifier bug: bad parent state for iter next call\n");
        };
        let depth = parent.dfs_depth;
        let prev = self.find_prev_entry(depth, insn_idx);
        self.push_stack(insn_idx + 1, insn_idx, false)?;
        let precise = !self.bpf_capable;
        let Some(queued) = self.pending.last_mut().map(|it| &mut it.state) else {
            return Err(Stop::new(Errno::EFAULT));
        };
        set_iter(&mut queued.frames[at.frame].stack[at.spi].reg, IterState::Active, 1);
        if let Some(prev) = prev {
            widen_imprecise_scalars(self.explored.get(prev), queued, precise);
        }
        let r0 = *queued.cur().regs.first().unwrap_or(&Reg::NOT_INIT);
        let r0 = self.not_null(r0);
        if let Some(queued) = self.pending.last_mut() {
            queued.state.cur_mut().regs[0] = r0;
        }
        Ok(())
    }
}

fn set_iter(reg: &mut Reg, to: IterState, deeper: i32) {
    if let Extra::Iter { state, depth, .. } = &mut reg.extra {
        *state = to;
        *depth += deeper;
    }
}

/// Numbers that changed since the last time round, and did not have to be exact, may be anything
/// (`widen_imprecise_scalars`): so that loops converge.
pub(crate) fn widen_imprecise_scalars(old: &State, cur: &mut State, precise: bool) {
    let mut ids = Vec::new();
    for (old, cur) in old.frames.iter().zip(&mut cur.frames).rev() {
        for (old, cur) in old.regs.iter().zip(&mut cur.regs) {
            maybe_widen(old, cur, precise, &mut ids);
        }
        for (old, cur) in old.stack.iter().zip(&mut cur.stack) {
            if old.is_spill() && cur.is_spill() {
                maybe_widen(&old.reg, &mut cur.reg, precise, &mut ids);
            }
        }
    }
}

fn maybe_widen(old: &Reg, cur: &mut Reg, precise: bool, ids: &mut Vec<(u32, u32)>) {
    let scalars = old.ty == RegType::SCALAR && cur.ty == RegType::SCALAR;
    if scalars && !old.precise && !cur.precise && !is_exact(old, cur, ids) {
        *cur = Reg { subreg_def: cur.subreg_def, ..Reg::unknown(precise) };
    }
}

/// `regs_exact`: the same but for ids, and those in the same places.
fn is_exact(old: &Reg, cur: &Reg, ids: &mut Vec<(u32, u32)>) -> bool {
    old.off == cur.off
        && old.extra == cur.extra
        && old.scalar == cur.scalar
        && same_id(old.id, cur.id, ids)
        && same_id(old.ref_obj_id, cur.ref_obj_id, ids)
}

fn same_id(old: u32, cur: u32, ids: &mut Vec<(u32, u32)>) -> bool {
    if old == 0 || cur == 0 {
        return old == cur;
    }
    match ids.iter().find(|(o, c)| *o == old || *c == cur) {
        Some(known) => *known == (old, cur),
        None => {
            ids.push((old, cur));
            true
        }
    }
}
