//! Whether one state allows no more than another (`states_equal`): what was safe from the old one is safe from it.

use crate::aux::Aux;
use crate::state::frame::Frame;
use crate::state::reg::{ADD_CONST, Extra, Reg};
use crate::state::stack::{REG_SIZE, Slot, SlotType};
use crate::state::types::Base;
use crate::state::{RefKind, State, StateNr};
use crate::verifier::Verifier;

/// How alike states have to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exact {
    /// The current one allows no more.
    Not,
    /// They are the same.
    Same,
    /// Ranges lie within those of the old one, whether they mattered or not.
    RangeWithin,
}

/// Which id of the old state stands for which of the current one (`struct bpf_idmap`).
#[derive(Clone, Debug, Default)]
pub(super) struct IdMap {
    pairs: Vec<(u32, u32)>,
    next: u32,
}

impl IdMap {
    fn check(&mut self, old: u32, cur: u32) -> bool {
        if (old == 0) != (cur == 0) {
            return false;
        }
        if old == 0 {
            return true;
        }
        for &(a, b) in &self.pairs {
            if a == old {
                return b == cur;
            }
            if b == cur {
                return false;
            }
        }
        self.pairs.push((old, cur));
        true
    }

    /// Ids of numbers: an old number that was like no other is like any (`check_scalar_ids`).
    fn check_scalar(&mut self, old: u32, cur: u32) -> bool {
        if old == 0 {
            return true;
        }
        let cur = if cur == 0 {
            self.next += 1;
            self.next
        } else {
            cur
        };
        self.check(old, cur) && (old & ADD_CONST == 0 || self.check(old & !ADD_CONST, cur & !ADD_CONST))
    }
}

impl Verifier<'_> {
    /// Whether the current state allows no more than a kept one.
    pub(super) fn states_equal(&mut self, old: StateNr, exact: Exact) -> bool {
        let mut ids = std::mem::take(&mut self.pruning.ids);
        ids.pairs.clear();
        ids.next = self.id_gen;
        let mut compare = Compare {
            aux: &self.aux,
            ids: &mut ids,
            exact,
            allow_uninit_stack: self.allow_uninit_stack,
            explore_alu_limits: self.explore_alu_limits,
        };
        let equal = compare.states(self.explored.get(old), &self.cur);
        self.pruning.ids = ids;
        equal
    }
}

struct Compare<'v> {
    aux: &'v [Aux],
    ids: &'v mut IdMap,
    exact: Exact,
    allow_uninit_stack: bool,
    explore_alu_limits: bool,
}

impl Compare<'_> {
    fn states(&mut self, old: &State, cur: &State) -> bool {
        if old.frames.len() != cur.frames.len()
            || (old.speculative && !cur.speculative)
            || old.in_sleepable != cur.in_sleepable
            || !self.refs(old, cur)
        {
            return false;
        }
        old.frames.iter().zip(&cur.frames).enumerate().all(|(at, (a, b))| {
            a.callsite == b.callsite && self.frames(a, b, self.aux[old.frame_insn_idx(at)].live_regs_before)
        })
    }

    fn refs(&mut self, old: &State, cur: &State) -> bool {
        old.refs.len() == cur.refs.len()
            && old.active_locks == cur.active_locks
            && old.active_preempt_locks == cur.active_preempt_locks
            && old.active_rcu_locks == cur.active_rcu_locks
            && self.ids.check(old.active_irq_id, cur.active_irq_id)
            && self.ids.check(old.active_lock_id, cur.active_lock_id)
            && old.active_lock_ptr == cur.active_lock_ptr
            && old.refs.iter().zip(&cur.refs).all(|(a, b)| {
                let is_lock = matches!(a.kind, RefKind::Lock | RefKind::ResLock | RefKind::ResLockIrq);
                self.ids.check(a.id, b.id) && a.kind == b.kind && (!is_lock || a.ptr == b.ptr)
            })
    }

    fn frames(&mut self, old: &Frame, cur: &Frame, live_regs: u16) -> bool {
        // A callback that was simulated more often is not covered by one that was simulated less.
        old.callback_depth <= cur.callback_depth
            && (0..old.regs.len()).all(|i| live_regs & (1 << i) == 0 || self.reg(&old.regs[i], &cur.regs[i]))
            && self.stack(old, cur)
    }

    fn same_ids(&mut self, old: &Reg, cur: &Reg) -> bool {
        self.ids.check(old.id, cur.id) && self.ids.check(old.ref_obj_id, cur.ref_obj_id)
    }

    fn regs_exact(&mut self, old: &Reg, cur: &Reg) -> bool {
        same_kind(old, cur) && old.scalar == cur.scalar && self.same_ids(old, cur)
    }

    fn reg(&mut self, old: &Reg, cur: &Reg) -> bool {
        if self.exact == Exact::Same {
            return self.regs_exact(old, cur);
        }
        if old.ty.base == Base::NotInit && (self.exact == Exact::Not || cur.ty.base == Base::NotInit) {
            return true;
        }
        if old.ty != cur.ty {
            return false;
        }
        match old.ty.base {
            Base::Scalar => self.scalar(old, cur),
            Base::PtrToMapKey
            | Base::PtrToMapValue
            | Base::PtrToMem
            | Base::PtrToBuf
            | Base::PtrToTpBuffer => same_kind(old, cur) && within(old, cur) && self.same_ids(old, cur),
            Base::PtrToPacketMeta | Base::PtrToPacket => {
                let (a, b) = (old.range(), cur.range());
                let range_ok = if a < 0 || b < 0 { a == b } else { a <= b };
                range_ok && old.off == cur.off && self.ids.check(old.id, cur.id) && within(old, cur)
            }
            Base::PtrToStack => self.regs_exact(old, cur) && old.frameno == cur.frameno,
            Base::PtrToArena => true,
            _ => self.regs_exact(old, cur),
        }
    }

    fn scalar(&mut self, old: &Reg, cur: &Reg) -> bool {
        if self.explore_alu_limits {
            return same_kind(old, cur) && old.scalar == cur.scalar && self.ids.check_scalar(old.id, cur.id);
        }
        if !old.precise && self.exact == Exact::Not {
            return true;
        }
        let (a, b) = (old.id & ADD_CONST != 0, cur.id & ADD_CONST != 0);
        let kinds_differ = a && !b || old.id != 0 && !a && b;
        if kinds_differ || a && old.off != cur.off {
            return false;
        }
        self.ids.check_scalar(old.id, cur.id) && within(old, cur)
    }

    fn stack(&mut self, old: &Frame, cur: &Frame) -> bool {
        (0..old.stack.len()).all(|spi| self.slot(&old.stack[spi], cur.stack.get(spi)))
    }

    fn slot(&mut self, old: &Slot, cur: Option<&Slot>) -> bool {
        for i in 0..REG_SIZE {
            let a = old.types[i];
            if self.exact != Exact::Not && cur.is_none_or(|cur| cur.types[i] != a) {
                return false;
            }
            if a == SlotType::Invalid || a == SlotType::Misc && self.allow_uninit_stack {
                continue;
            }
            let Some(cur) = cur else { return false };
            if let (Some(a), Some(b)) = (self.scalar_of(old), self.scalar_of(cur)) {
                return self.reg(&a, &b);
            }
            let b = cur.types[i];
            if a == SlotType::Misc && b == SlotType::Zero {
                continue;
            }
            if a != b {
                return false;
            }
            if i == REG_SIZE - 1 && !self.objects(old, cur) {
                return false;
            }
        }
        true
    }

    /// What lies in the slots, whose last bytes are alike.
    fn objects(&mut self, old: &Slot, cur: &Slot) -> bool {
        let (a, b) = (&old.reg, &cur.reg);
        match old.types[REG_SIZE - 1] {
            SlotType::Spill => self.reg(a, b),
            SlotType::Dynptr => a.extra == b.extra && self.ids.check(a.ref_obj_id, b.ref_obj_id),
            SlotType::Iter => {
                let same = match (a.extra, b.extra) {
                    (
                        Extra::Iter { btf, id, state, .. },
                        Extra::Iter { btf: btf2, id: id2, state: state2, .. },
                    ) => (btf, id, state) == (btf2, id2, state2),
                    _ => false,
                };
                a.ty == b.ty && same && self.ids.check(a.ref_obj_id, b.ref_obj_id)
            }
            SlotType::IrqFlag => self.ids.check(a.ref_obj_id, b.ref_obj_id) && a.extra == b.extra,
            SlotType::Misc | SlotType::Zero | SlotType::Invalid => true,
        }
    }

    /// What a slot amounts to if it is read as a number: a number that was spilled whole, or any
    /// (`scalar_reg_for_stack`).
    fn scalar_of(&self, slot: &Slot) -> Option<Reg> {
        if slot.types[0] == SlotType::Spill && slot.reg.is_scalar() {
            return Some(slot.reg);
        }
        let any =
            |it: &SlotType| *it == SlotType::Misc || *it == SlotType::Invalid && self.allow_uninit_stack;
        slot.types.iter().all(any).then(|| Reg::unknown(false))
    }
}

/// Type, constant offset and what the type says beside are the same.
fn same_kind(old: &Reg, cur: &Reg) -> bool {
    old.ty == cur.ty && old.off == cur.off && old.extra == cur.extra
}

/// The current number lies within the old one.
fn within(old: &Reg, cur: &Reg) -> bool {
    old.scalar.covers(&cur.scalar)
}
