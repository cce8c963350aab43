//! What is known at one instruction on one path (`struct bpf_verifier_state`).

pub(crate) mod frame;
pub(crate) mod linked;
pub(crate) mod reg;
pub(crate) mod stack;
pub(crate) mod types;

use self::frame::Frame;
use self::reg::Reg;

/// A state that was kept to compare others with, by its place in [`Explored`](crate::explored::Explored).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct StateNr(pub u32);

/// What a reference is to (`enum ref_state_type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefKind {
    Ptr,
    Irq,
    Lock,
    ResLock,
    ResLockIrq,
}

/// What was acquired and has to be released.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ref {
    /// What it is to.
    pub kind: RefKind,
    /// Its id.
    pub id: u32,
    /// Where it was acquired.
    pub insn_idx: usize,
    /// Of a lock: the object that it is in.
    pub ptr: LockPtr,
}

/// What a lock lies in: tells locks apart together with the register's id (`ptr` of `struct bpf_reference_state`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LockPtr {
    #[default]
    None,
    Map(reg::MapNr),
    Btf(reg::BtfNr),
}

/// One step of how a state came about, kept for backtracking (`struct bpf_jmp_history_entry`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hist {
    /// The instruction.
    pub idx: u32,
    /// The one before it.
    pub prev_idx: i32,
    /// What it did to the stack.
    pub stack: Option<StackAccess>,
    /// `dst` was a pointer to the stack (`INSN_F_DST_REG_STACK`).
    pub dst_is_stack: bool,
    /// `src` was a pointer to the stack (`INSN_F_SRC_REG_STACK`).
    pub src_is_stack: bool,
    /// Numbers that a branch refined together, six of ten bits (`linked_regs`).
    pub linked: u64,
}

/// A slot of some frame's stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StackAccess {
    /// The frame.
    pub frame: u8,
    /// The slot.
    pub spi: u8,
}

/// What is known at one instruction on one path.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Calls in progress, the current one last.
    pub frames: Vec<Frame>,
    /// The state that was kept last on the way here.
    pub parent: Option<StateNr>,
    /// How many paths from here are not explored yet.
    pub branches: u32,
    /// The instruction that it is before.
    pub insn_idx: usize,
    /// What was acquired, in this order.
    pub refs: Vec<Ref>,
    /// How many locks are held.
    pub active_locks: u32,
    /// Nested sections without preemption.
    pub active_preempt_locks: u32,
    /// Nested RCU sections.
    pub active_rcu_locks: u32,
    /// Id of the saved interrupt flags that have to be restored next; 0: none.
    pub active_irq_id: u32,
    /// Id of the lock that was taken last; 0: none.
    pub active_lock_id: u32,
    /// The object of that lock.
    pub active_lock_ptr: LockPtr,
    /// A path that only a wrong branch prediction takes.
    pub speculative: bool,
    /// In a callback or program that may sleep.
    pub in_sleepable: bool,
    /// What nothing reads any more was dropped.
    pub cleaned: bool,
    /// First and last instruction since the state that was kept last.
    pub first_insn_idx: usize,
    /// See `first_insn_idx`; -1 at the beginning.
    pub last_insn_idx: i64,
    /// How it came from the state that was kept last.
    pub hist: Vec<Hist>,
    /// States kept on the way here.
    pub dfs_depth: u32,
    /// Callbacks that were unrolled.
    pub callback_unroll_depth: u32,
    /// `may_goto`s taken.
    pub may_goto_depth: u32,
}

impl State {
    /// The number of the current frame.
    pub fn curframe(&self) -> usize {
        self.frames.len() - 1
    }

    /// The current frame.
    pub fn cur(&self) -> &Frame {
        &self.frames[self.frames.len() - 1]
    }

    /// The current frame.
    pub fn cur_mut(&mut self) -> &mut Frame {
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    /// Every register of every frame, spilled ones too.
    pub fn for_each_reg(&mut self, mut visit: impl FnMut(&mut Reg)) {
        for frame in &mut self.frames {
            frame.regs.iter_mut().for_each(&mut visit);
            frame.stack.iter_mut().filter(|slot| slot.is_spill()).for_each(|slot| visit(&mut slot.reg));
        }
    }
}
