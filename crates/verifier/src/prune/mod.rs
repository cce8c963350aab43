//! Which paths need not be followed: those that come to an instruction with no more than one that ended well there
//! (`is_state_visited`).

mod clean;
mod equal;
mod precise;
mod scc;

use crate::state::reg::IterState;
use crate::state::reg::{Extra, Reg};
use crate::state::stack::{SlotType, spi_of};
use crate::state::{State, StateNr};
use crate::stop::{Check, refuse, verbose};
use crate::verifier::Verifier;

use self::equal::{Exact, IdMap};
use self::scc::Sccs;

/// The most states kept at one instruction without `CAP_BPF` (`BPF_COMPLEXITY_LIMIT_STATES`).
const MAX_STATES_UNPRIV: u32 = 64;

/// Whether a state was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Visited {
    /// It was, or one that allows more.
    Before,
    /// It was not.
    Never,
}

/// A state in the list of an instruction (`struct bpf_verifier_state_list`).
#[derive(Clone, Copy, Debug)]
struct Listed {
    nr: StateNr,
    /// Its `insn_idx`, so that others in the list can be passed over.
    insn_idx: u32,
    misses: u32,
    hits: u32,
}

/// What pruning keeps.
#[derive(Debug, Default)]
pub struct Pruning {
    /// States by instruction and call site, the newest last.
    lists: Vec<Vec<Listed>>,
    ids: IdMap,
    pub(crate) sccs: Sccs,
    /// States that are in no list any more, but that others hold on to (`free_list_size`).
    pub(crate) evicted: u32,
}

impl Pruning {
    /// For a program of this many instructions, with this many components.
    pub(crate) fn new(insns: usize, scc_count: u32) -> Pruning {
        Pruning { lists: vec![Vec::new(); insns], sccs: Sccs::new(scc_count), ..Pruning::default() }
    }
}

impl Verifier<'_> {
    /// Looks whether the current state was seen at this instruction; keeps it if it is worth it.
    pub(crate) fn is_state_visited(&mut self, insn_idx: usize) -> Check<Visited> {
        let force_checkpoint = self.aux[insn_idx].force_checkpoint;
        let force_new = self.test_state_freq || force_checkpoint || self.cur.hist.len() > 40;
        let jmps = self.stats.jmps - self.stats.prev_jmps;
        let insns = self.stats.insns - self.stats.prev_insns;
        let mut add_new = force_new || jmps >= 2 && insns >= 8;

        let bucket = self.bucket(insn_idx);
        self.clean_live_states(bucket, insn_idx)?;
        let count = self.pruning.lists[bucket].len() as u32;
        let mut looping = false;
        let mut at = count as usize;
        while at > 0 {
            at -= 1;
            let listed = self.pruning.lists[bucket][at];
            if listed.insn_idx as usize != insn_idx {
                continue;
            }
            let unfinished = self.explored.get(listed.nr).branches > 0;
            let hit = if unfinished {
                let hit = self.meets_unfinished(listed.nr, insn_idx, &mut looping)?;
                if !hit && !force_new && jmps < 20 && insns < 100 {
                    add_new = false;
                }
                hit
            } else {
                looping = self.incomplete_read_marks(listed.nr);
                let exact = if looping || self.claims.is_some() { Exact::RangeWithin } else { Exact::Not };
                self.states_equal(listed.nr, exact)
            };
            if hit {
                self.pruning.lists[bucket][at].hits += 1;
                self.take_over(listed.nr, insn_idx, looping)?;
                return Ok(Visited::Before);
            }
            self.miss(bucket, at, add_new, if force_checkpoint && unfinished { 64 } else { 3 });
        }
        self.stats.max_states_per_insn = self.stats.max_states_per_insn.max(count);
        if add_new && (self.bpf_capable || count <= MAX_STATES_UNPRIV) {
            self.keep_state(bucket, insn_idx)?;
        }
        Ok(Visited::Never)
    }

    /// Compares with a state from which paths are still explored: a loop. True: it converges.
    fn meets_unfinished(&mut self, nr: StateNr, insn_idx: usize, looping: &mut bool) -> Check<bool> {
        let frame = self.explored.get(nr).cur();
        if frame.in_async_callback_fn && frame.async_entry_cnt != self.cur.cur().async_entry_cnt {
            return Ok(false);
        }
        if self.aux[insn_idx].is_iter_next {
            let hit = self.states_equal(nr, Exact::RangeWithin) && self.iter_is_active();
            *looping |= hit;
            return Ok(hit);
        }
        if self.is_may_goto(insn_idx)
            && self.explored.get(nr).may_goto_depth != self.cur.may_goto_depth
            && self.states_equal(nr, Exact::RangeWithin)
        {
            *looping = true;
            return Ok(true);
        }
        if self.aux[insn_idx].calls_callback {
            return Ok(self.states_equal(nr, Exact::RangeWithin));
        }
        self.check_infinite_loop(nr, insn_idx)?;
        Ok(false)
    }

    /// Whether the iterator that R1 points to goes on.
    fn iter_is_active(&self) -> bool {
        let reg = self.reg(1);
        let spi = spi_of(reg.off + reg.scalar.var_off.value as i32) as usize;
        let slot = self.cur.frames.get(reg.frameno as usize).and_then(|frame| frame.stack.get(spi));
        slot.is_some_and(|slot| matches!(slot.reg.extra, Extra::Iter { state: IterState::Active, .. }))
    }

    /// A state that is the very same as on the way here means that the program never ends.
    fn check_infinite_loop(&mut self, nr: StateNr, insn_idx: usize) -> Check {
        let old = self.explored.get(nr);
        let same = states_maybe_looping(old, &self.cur)
            && self.states_equal(nr, Exact::Same)
            && !iter_active_depths_differ(self.explored.get(nr), &self.cur)
            && self.explored.get(nr).may_goto_depth == self.cur.may_goto_depth
            && self.explored.get(nr).callback_unroll_depth == self.cur.callback_unroll_depth;
        if !same {
            return Ok(());
        }
        let frame = self.cur.curframe();
        self.verbose_linfo(insn_idx, "; ");
        verbose!(self, "infinite loop detected at insn {insn_idx}\n");
        verbose!(self, "cur state:");
        self.print_verifier_state(frame, true);
        verbose!(self, "old state:");
        self.with_state(nr, |it| it.print_verifier_state(frame, true));
        refuse!(self, EINVAL, "")
    }

    /// The newest state kept at an instruction on the way here, in the same calls, from a lesser depth.
    pub(crate) fn find_prev_entry(&self, dfs_depth: u32, insn_idx: usize) -> Option<StateNr> {
        let bucket = self.bucket(insn_idx);
        self.pruning.lists[bucket].iter().rev().map(|it| it.nr).find(|nr| {
            let state = self.explored.get(*nr);
            state.insn_idx == insn_idx
                && state.branches > 0
                && state.same_callsites(&self.cur)
                && state.dfs_depth < dfs_depth
        })
    }

    /// The list of states of an instruction (`explored_state`).
    fn bucket(&self, insn_idx: usize) -> usize {
        (insn_idx as u32 ^ self.cur.cur().callsite as u32) as usize % self.insns.len()
    }

    /// Does something with a kept state as if it were the current one.
    pub(crate) fn with_state<T>(&mut self, nr: StateNr, act: impl FnOnce(&mut Self) -> T) -> T {
        std::mem::swap(&mut self.cur, self.explored.get_mut(nr));
        let result = act(self);
        std::mem::swap(&mut self.cur, self.explored.get_mut(nr));
        result
    }

    /// The path ends here: what mattered from the old state on matters on this path too.
    fn take_over(&mut self, nr: StateNr, insn_idx: usize, looping: bool) -> Check {
        if self.aux[self.insn_idx].jmp_point {
            self.push_hist(None, false, false, 0);
        }
        self.propagate_precision(nr, None)?;
        if looping {
            let mut state = self.cur.clone();
            state.insn_idx = insn_idx;
            self.add_scc_backedge(nr, state)?;
        }
        Ok(())
    }

    /// Counts that a state was of no use; one that seldom is leaves the list.
    fn miss(&mut self, bucket: usize, at: usize, add_new: bool, patience: u32) {
        let listed = &mut self.pruning.lists[bucket][at];
        if add_new {
            listed.misses += 1;
        }
        if listed.misses > listed.hits * patience + patience {
            let nr = listed.nr;
            self.pruning.lists[bucket].remove(at);
            self.explored.evict(nr);
            self.pruning.evicted += 1;
            self.stats.explored_states -= 1;
            self.maybe_free(nr);
        }
    }

    /// Keeps the current state.
    fn keep_state(&mut self, bucket: usize, insn_idx: usize) -> Check {
        self.stats.total_states += 1;
        self.stats.explored_states += 1;
        self.update_peak_states();
        self.stats.prev_jmps = self.stats.jmps;
        self.stats.prev_insns = self.stats.insns;
        if self.bpf_capable {
            mark_all_scalars_imprecise(&mut self.cur);
        }
        let mut state = self.cur.clone();
        // The copy keeps the steps that led to it; those that follow are the current state's.
        self.cur.hist.clear();
        state.insn_idx = insn_idx;
        self.cur.first_insn_idx = insn_idx;
        self.cur.dfs_depth = state.dfs_depth + 1;
        let nr = self.explored.add(state);
        self.cur.parent = Some(nr);
        self.maybe_enter_scc(nr);
        self.pruning.lists[bucket].push(Listed { nr, insn_idx: insn_idx as u32, misses: 0, hits: 0 });
        Ok(())
    }

    /// `update_peak_states`.
    pub(crate) fn update_peak_states(&mut self) {
        let now = self.stats.explored_states + self.pruning.evicted + self.pruning.sccs.backedges;
        self.stats.peak_states = self.stats.peak_states.max(now);
    }

    /// Forgets all kept states (`free_states`).
    pub(crate) fn forget_states(&mut self) {
        self.explored = Default::default();
        // Those that one function's verification leaves the kernel goes on to count with the next one's.
        let evicted = self.pruning.evicted;
        self.pruning = Pruning { evicted, ..Pruning::new(self.insns.len(), self.cfg.scc_count) };
        debug_assert!(self.pending.is_empty());
    }
}

/// A cheap look before states are compared exactly (`states_maybe_looping`).
fn states_maybe_looping(old: &State, cur: &State) -> bool {
    let same = |a: &Reg, b: &Reg| {
        a.ty == b.ty
            && a.off == b.off
            && a.extra == b.extra
            && a.scalar == b.scalar
            && a.id == b.id
            && a.ref_obj_id == b.ref_obj_id
    };
    old.frames.len() == cur.frames.len()
        && old.cur().regs.iter().zip(&cur.cur().regs).all(|(a, b)| same(a, b))
}

/// Whether an iterator went on between the two states (`iter_active_depths_differ`).
fn iter_active_depths_differ(old: &State, cur: &State) -> bool {
    old.frames.iter().zip(&cur.frames).any(|(old, cur)| {
        old.stack.iter().zip(&cur.stack).any(|(old, cur)| match (old.reg.extra, cur.reg.extra) {
            (Extra::Iter { state: IterState::Active, depth, .. }, Extra::Iter { depth: now, .. }) => {
                old.types[0] == SlotType::Iter && depth != now
            }
            _ => false,
        })
    })
}

/// Forgets which numbers mattered: what follows will say (`mark_all_scalars_imprecise`).
fn mark_all_scalars_imprecise(state: &mut State) {
    for frame in &mut state.frames {
        let regs = frame.regs[..10].iter_mut();
        let spilled = frame.stack.iter_mut().filter(|it| it.is_spill()).map(|it| &mut it.reg);
        regs.chain(spilled).filter(|it| it.is_scalar()).for_each(|it| it.precise = false);
    }
}
