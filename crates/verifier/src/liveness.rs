//! Which stack slots are read later (`kernel/bpf/liveness.c`).
//!
//! Every chain of calls that was seen has an instance of its innermost function. An instance holds, per frame of the
//! chain and per instruction of the function, which slots the instruction reads and which it surely writes; from these
//! follows which slots are read at or after each instruction. When a path ends, what changed is propagated through the
//! function and into the calls around it.

use std::collections::HashMap;
use std::fmt;

use crate::state::State;
use crate::state::frame::MAX_FRAMES;
use crate::verifier::Verifier;

mod update;

/// What one instruction does to the stack of one frame: a bit per slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Masks {
    /// Slots that it reads on some path.
    may_read: u64,
    /// Slots that it writes on every path.
    must_write: u64,
    /// Slots that it, or what follows it in the function, writes on every path.
    must_write_acc: u64,
    /// Slots that are read at it or later.
    live_before: u64,
}

/// One function, called in one way.
#[derive(Debug)]
struct Instance {
    /// The calls that lead to it, and its first instruction.
    chain: Box<[u32]>,
    /// Its function's number.
    subprog: usize,
    /// Its first instruction.
    start: usize,
    /// Something changed since it was updated.
    updated: bool,
    /// A write is no longer sure.
    must_write_dropped: bool,
    /// Whether an instruction was seen, by its place in the function.
    must_write_set: Box<[bool]>,
    /// By frame, once one of its slots was touched; by place in the function.
    frames: [Option<Box<[Masks]>>; MAX_FRAMES],
}

impl Instance {
    fn frameno(&self) -> usize {
        self.chain.len() - 1
    }

    fn masks(&mut self, frame: usize) -> &mut [Masks] {
        let len = self.must_write_set.len();
        self.frames[frame].get_or_insert_with(|| vec![Masks::default(); len].into_boxed_slice())
    }

    /// Slots of a frame that are read at an instruction or later.
    fn live_before(&self, frame: usize, insn_idx: usize) -> u64 {
        let masks = self.frames.get(frame).and_then(Option::as_ref);
        masks.and_then(|it| it.get(insn_idx.wrapping_sub(self.start))).map_or(0, |it| it.live_before)
    }

    fn mark_read(&mut self, frame: usize, insn_idx: usize, mask: u64) {
        let at = insn_idx - self.start;
        let masks = &mut self.masks(frame)[at];
        let wider = masks.may_read | mask;
        let new = wider & !masks.live_before;
        let changed = wider != masks.may_read && new != 0;
        masks.may_read = wider;
        self.updated |= changed;
    }

    /// What an instruction wrote: the first time as it is, later only what it wrote every time.
    fn commit_writes(&mut self, insn_idx: usize, acc: &[u64; MAX_FRAMES]) {
        let at = insn_idx - self.start;
        let seen = self.must_write_set[at];
        for (frame, &written) in acc.iter().enumerate().take(self.chain.len()) {
            if written == 0 && !seen {
                continue;
            }
            let masks = &mut self.masks(frame)[at];
            // As Linux 6.18 has it: what was written before it looks at in 32 bits. A slot below fp-256 that one visit
            // of the instruction does not write stays one that it writes, though that is wrong.
            let old = u64::from(masks.must_write as u32);
            let new = if seen { written & old } else { written };
            if old != new {
                masks.must_write = new;
                self.updated = true;
            }
            self.must_write_dropped |= old & !new != 0;
        }
        self.must_write_set[at] = true;
    }
}

/// `(1,2,3)`: the calls of a chain, and where its function begins.
impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, at) in self.chain.iter().enumerate() {
            write!(f, "{}{at}", if i == 0 { '(' } else { ',' })?;
        }
        f.write_str(")")
    }
}

/// The instances of a state's frames.
#[derive(Debug, Default)]
struct Query {
    instances: [u32; MAX_FRAMES],
    depth: usize,
    insn_idx: usize,
}

/// Which stack slots are read later.
#[derive(Debug, Default)]
pub struct Liveness {
    instances: Vec<Instance>,
    by_chain: HashMap<Box<[u32]>, u32>,
    /// That of the current frame; `None`: to be looked up.
    current: Option<u32>,
    /// Slots that the current instruction wrote, by frame.
    written: [u64; MAX_FRAMES],
    /// The current instruction.
    write_insn: usize,
    query: Query,
}

impl Liveness {
    fn forget_current(&mut self) {
        self.current = None;
    }
}

impl Verifier<'_> {
    /// The instance of the chain of calls of a state, up to a frame.
    fn liveness_instance(&mut self, state: Option<&State>, frame: usize) -> u32 {
        let frames = &state.unwrap_or(&self.cur).frames;
        let mut chain = [0u32; MAX_FRAMES];
        for (site, callee) in chain.iter_mut().zip(&frames[1..=frame]) {
            *site = callee.callsite as u32;
        }
        let subprog = frames[frame].subprogno as usize;
        let start = self.subprogs[subprog].start;
        chain[frame] = start as u32;
        let chain = &chain[..=frame];
        if let Some(&known) = self.liveness.by_chain.get(chain) {
            return known;
        }
        let nr = self.liveness.instances.len() as u32;
        let len = self.subprog_end(subprog) - start;
        self.liveness.instances.push(Instance {
            chain: chain.into(),
            subprog,
            start,
            updated: false,
            must_write_dropped: false,
            must_write_set: vec![false; len].into_boxed_slice(),
            frames: Default::default(),
        });
        self.liveness.by_chain.insert(chain.into(), nr);
        nr
    }

    fn current_instance(&mut self) -> &mut Instance {
        let nr = match self.liveness.current {
            Some(nr) => nr,
            None => {
                let nr = self.liveness_instance(None, self.cur.curframe());
                self.liveness.current = Some(nr);
                nr
            }
        };
        &mut self.liveness.instances[nr as usize]
    }

    /// The current instruction reads slots of a frame: bit `spi` of the mask is the slot at `-8 * (spi + 1)`
    /// (`bpf_mark_stack_read`).
    pub(crate) fn mark_stack_read(&mut self, frame: usize, insn_idx: usize, mask: u64) {
        self.current_instance().mark_read(frame, insn_idx, mask);
    }

    /// The current instruction surely overwrites slots of a frame (`bpf_mark_stack_write`).
    pub(crate) fn mark_stack_write(&mut self, frame: usize, mask: u64) {
        self.liveness.written[frame] |= mask;
    }

    /// Before an instruction: it wrote nothing yet (`bpf_reset_stack_write_marks`).
    pub(crate) fn reset_stack_write_marks(&mut self, insn_idx: usize) {
        let depth = self.current_instance().chain.len();
        self.liveness.write_insn = insn_idx;
        self.liveness.written[..depth].fill(0);
    }

    /// After an instruction: keeps what it wrote (`bpf_commit_stack_write_marks`).
    pub(crate) fn commit_stack_write_marks(&mut self) {
        let live = &mut self.liveness;
        if let Some(nr) = live.current {
            live.instances[nr as usize].commit_writes(live.write_insn, &live.written);
        }
    }

    /// Frames were entered or left (`bpf_reset_live_stack_callchain`).
    pub(crate) fn reset_live_stack_callchain(&mut self) {
        self.liveness.forget_current();
    }

    /// Prepares for [`Verifier::stack_slot_alive`] about a state (`bpf_live_stack_query_init`).
    pub(crate) fn live_stack_query_init(&mut self, state: &State) {
        let mut query = Query { depth: state.frames.len(), insn_idx: state.insn_idx, ..Query::default() };
        for frame in 0..state.frames.len() {
            query.instances[frame] = self.liveness_instance(Some(state), frame);
        }
        self.liveness.query = query;
    }

    /// Whether a slot of a frame of that state is read later (`bpf_stack_slot_alive`).
    pub(crate) fn stack_slot_alive(&self, frameno: usize, spi: usize) -> bool {
        let Liveness { query, instances, .. } = &self.liveness;
        let instance = |frame: usize| &instances[query.instances[frame] as usize];
        let innermost = query.depth - 1;
        let bit = 1u64 << spi;
        if instance(innermost).live_before(frameno, query.insn_idx) & bit != 0 {
            return true;
        }
        (frameno..innermost).any(|frame| {
            let callsite = instance(innermost).chain[frame] as usize;
            let at = if self.aux[callsite].calls_callback { callsite } else { callsite + 1 };
            instance(frame).live_before(frameno, at) & bit != 0
        })
    }
}
