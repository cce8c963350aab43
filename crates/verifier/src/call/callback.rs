//! Callbacks: functions of the program that a helper or kernel function calls, at once or later.

use skep_abi::{Errno, MapType};
use skep_btf::Kind;

use super::dynptr::dynptr_reg;
use super::func::entered_frame;
use crate::record::FieldKind;
use crate::state::State;
use crate::state::frame::{Frame, RetvalRange};
use crate::state::reg::{BtfNr, DynptrKind, Extra, MapNr, Reg};
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, Stop, refuse};
use crate::verifier::{Pending, Verifier};

/// Who calls back: it says what is in the callback's registers, and what it may return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Callback {
    /// `bpf_for_each_map_elem`.
    MapElem,
    /// `bpf_loop`.
    Loop,
    /// `bpf_find_vma`.
    FindVma,
    /// `bpf_user_ringbuf_drain`.
    UserRingbuf,
    /// `bpf_rbtree_add`.
    RbtreeAdd,
    /// `bpf_timer_set_callback`: later.
    Timer,
    /// `bpf_wq_set_callback`: later, and may sleep.
    Wq,
    /// `bpf_task_work_schedule_*`: later, and may sleep.
    TaskWork,
}

/// How many paths may wait (`BPF_COMPLEXITY_LIMIT_JMP_SEQ`).
const MAX_PENDING: usize = 8192;

impl Callback {
    const fn is_async(self) -> bool {
        matches!(self, Callback::Timer | Callback::Wq | Callback::TaskWork)
    }

    const fn returns(self) -> RetvalRange {
        match self {
            Callback::Timer | Callback::Wq => RetvalRange { min: 0, max: 0 },
            Callback::TaskWork => RetvalRange { min: i32::MIN, max: i32::MAX },
            _ => RetvalRange { min: 0, max: 1 },
        }
    }
}

impl Verifier<'_> {
    /// A helper or kernel function calls back (`push_callback_call`): the callback is one path, the next instruction
    /// another.
    pub(crate) fn push_callback_call(&mut self, insn_idx: usize, subprog: usize, from: Callback) -> Check {
        let args = self.check_subprog_call(subprog);
        if args == Err(Stop::new(Errno::EFAULT)) {
            return args;
        }
        self.subprogs[subprog].is_cb = true;
        if from.is_async() {
            return self.push_async_callback(insn_idx, subprog, from);
        }
        let start = self.subprogs[subprog].start;
        self.push_stack(start, insn_idx, false)?;
        self.check_call_depth(self.cur.frames.len())?;
        let frameno = self.cur.frames.len() as u32;
        let callee = entered_frame(insn_idx as i32, frameno, subprog as u32);
        let callee = self.callback_frame(callee, insn_idx, from)?;
        let Some(queued) = self.pending.last_mut().map(|it| &mut it.state) else {
            return Err(Stop::new(Errno::EFAULT));
        };
        queued.callback_unroll_depth += 1;
        queued.cur_mut().callback_depth += 1;
        queued.frames.push(callee);
        self.frame_mut().callback_depth = 0;
        Ok(())
    }

    /// `push_async_cb`: it starts with a stack of its own.
    fn push_async_callback(&mut self, insn_idx: usize, subprog: usize, from: Callback) -> Check {
        self.subprogs[subprog].is_async_cb = true;
        let waiting = self.pending.len() + 1;
        if waiting > MAX_PENDING {
            return refuse!(self, E2BIG, "The sequence of {waiting} jumps is too complex for async cb.\n");
        }
        let mut callee = entered_frame(-1, 0, subprog as u32);
        callee.async_entry_cnt = self.frame().async_entry_cnt + 1;
        let callee = self.callback_frame(callee, insn_idx, from)?;
        let state = State {
            frames: vec![callee],
            branches: 1,
            in_sleepable: from != Callback::Timer,
            ..State::default()
        };
        let log_pos = self.log.pos();
        let start = self.subprogs[subprog].start;
        self.pending.push(Pending { state, insn_idx: start, prev_insn_idx: insn_idx, log_pos });
        Ok(())
    }

    /// What the callback finds in its registers (`set_*_callback_state`).
    fn callback_frame(&mut self, mut callee: Frame, insn_idx: usize, from: Callback) -> Check<Frame> {
        self.scratch_all();
        let caller = self.frame().regs;
        match from {
            Callback::MapElem => self.map_elem_args(&mut callee, &caller, insn_idx)?,
            Callback::Loop => {
                callee.regs[1] = Reg::unknown(!self.bpf_capable);
                callee.regs[2] = caller[3];
            }
            Callback::FindVma => {
                callee.regs[1] = caller[1];
                callee.regs[2] = self.kernel_object("vm_area_struct");
                callee.regs[3] = caller[4];
            }
            Callback::UserRingbuf => {
                let id = self.new_id();
                callee.regs[1] = dynptr_reg(DynptrKind::Local, true, id);
                callee.regs[2] = caller[3];
            }
            Callback::RbtreeAdd => self.rbtree_args(&mut callee, &caller[1])?,
            Callback::Timer | Callback::Wq => set_map_args(&mut callee, &caller[1]),
            Callback::TaskWork => set_map_args(&mut callee, &caller[3]),
        }
        callee.in_callback_fn = !from.is_async();
        callee.in_async_callback_fn = from.is_async();
        callee.callback_ret = from.returns();
        Ok(callee)
    }

    fn map_elem_args(&mut self, callee: &mut Frame, caller: &[Reg], insn_idx: usize) -> Check {
        let kind = self.aux[insn_idx].map_ptr.map.map(|nr| self.map(nr).kind);
        if !kind.is_some_and(has_for_each) {
            return refuse!(self, ENOTSUPP, "callback function not allowed for map\n");
        }
        set_map_args(callee, &caller[1]);
        callee.regs[1] = caller[1];
        callee.regs[4] = caller[3];
        Ok(())
    }

    fn rbtree_args(&mut self, callee: &mut Frame, root: &Reg) -> Check {
        let record = self.reg_record(root);
        let field = self.record_find(record, root.off as u32, &[FieldKind::RbRoot]);
        let field = field.map(|nr| self.records.field(nr));
        let Some((field, (btf, id))) = field.and_then(|it| Some((it, it.target?))) else {
            return Err(Stop::new(Errno::EFAULT));
        };
        let ty = RegType::with(Base::PtrToBtfId, Flags::ALLOC);
        let mut node = Reg { off: field.node_offset as i32, ..Reg::pointer(ty, Extra::Btf { btf, id }) };
        // What it refuses is a bug that does not stop the kernel either.
        let _ = self.ref_set_non_owning(&mut node);
        callee.regs[1] = node;
        callee.regs[2] = node;
        Ok(())
    }

    /// A pointer to a kernel object of a struct of the kernel.
    fn kernel_object(&self, name: &str) -> Reg {
        let id = self.btf(BtfNr::KERNEL).find(Kind::Struct, name).unwrap_or_default();
        Reg::pointer(RegType::of(Base::PtrToBtfId), Extra::Btf { btf: BtfNr::KERNEL, id })
    }

    /// In a callback of `bpf_rbtree_add`: the lock is held by the caller (`in_rbtree_lock_required_cb`).
    pub(crate) fn in_rbtree_lock_required_cb(&self) -> bool {
        let frame = self.frame();
        if self.cur.curframe() == 0 || !frame.in_callback_fn {
            return false;
        }
        let call = self.insns[frame.callsite as usize];
        call.src == 2
            && call.off == 0
            && self.btf(BtfNr::KERNEL).name(call.imm as u32) == "bpf_rbtree_add_impl"
    }
}

/// The map, a key and a value of it: of what map a register is.
fn set_map_args(callee: &mut Frame, of: &Reg) {
    let extra = Extra::Map { map: of.map().unwrap_or(MapNr(0)), uid: 0 };
    callee.regs[1] = Reg::pointer(RegType::of(Base::ConstPtrToMap), extra);
    callee.regs[2] = Reg::pointer(RegType::of(Base::PtrToMapKey), extra);
    callee.regs[3] = Reg::pointer(RegType::of(Base::PtrToMapValue), extra);
}

/// Maps whose elements can be gone through (`map_for_each_callback`).
const fn has_for_each(kind: MapType) -> bool {
    matches!(
        kind,
        MapType::Array
            | MapType::PercpuArray
            | MapType::Hash
            | MapType::PercpuHash
            | MapType::LruHash
            | MapType::LruPercpuHash
    )
}
