//! Loops: the strongly connected components that paths are in, and what is known of them only when all paths through
//! one are at their end.

use crate::state::{State, StateNr};
use crate::stop::{Check, refuse, verbose};
use crate::verifier::Verifier;

/// How often marks are passed along the edges back before all numbers are taken to matter.
const MAX_ROUNDS: u32 = 64;

/// A component, as it was entered through these calls (`struct bpf_scc_callchain`).
#[derive(Clone, PartialEq, Eq, Debug)]
struct Callchain {
    callsites: Vec<usize>,
    scc: u32,
}

/// A visit to a component (`struct bpf_scc_visit`).
#[derive(Debug)]
struct Visit {
    chain: Callchain,
    /// The state that entered it and whose paths are not at their end.
    entry: Option<StateNr>,
    /// States that were found equal to ones in the component, the newest last.
    backedges: Vec<Backedge>,
}

#[derive(Debug)]
struct Backedge {
    state: State,
    equal: StateNr,
}

/// All visits to components.
#[derive(Debug, Default)]
pub(crate) struct Sccs {
    /// By component.
    visits: Vec<Vec<Visit>>,
    /// How many states wait for their component (`num_backedges`).
    pub(crate) backedges: u32,
}

impl Sccs {
    pub(super) fn new(count: u32) -> Sccs {
        Sccs { visits: (0..=count).map(|_| Vec::new()).collect(), backedges: 0 }
    }

    fn find(&self, chain: &Callchain) -> Option<usize> {
        self.visits[chain.scc as usize].iter().position(|it| it.chain == *chain)
    }
}

impl std::fmt::Display for Callchain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(")?;
        for callsite in self.callsites.iter().take_while(|it| **it != 0) {
            write!(f, "{callsite},")?;
        }
        write!(f, "{})", self.scc)
    }
}

impl Verifier<'_> {
    /// The outermost component that a state is in (`compute_scc_callchain`).
    fn scc_callchain(&self, state: &State) -> Option<Callchain> {
        let scc_of = |frame| self.aux[state.frame_insn_idx(frame)].scc;
        let frame = (0..state.frames.len()).find(|frame| scc_of(*frame) != 0)?;
        let callsites = (0..frame).map(|it| state.frame_insn_idx(it)).collect();
        Some(Callchain { callsites, scc: scc_of(frame) })
    }

    /// A state was kept: it may be the first in its component (`maybe_enter_scc`).
    pub(super) fn maybe_enter_scc(&mut self, nr: StateNr) {
        let Some(chain) = self.scc_callchain(self.explored.get(nr)) else { return };
        let at = self.pruning.sccs.find(&chain);
        let visits = &mut self.pruning.sccs.visits[chain.scc as usize];
        let at = at.unwrap_or_else(|| {
            visits.push(Visit { chain, entry: None, backedges: Vec::new() });
            visits.len() - 1
        });
        if visits[at].entry.is_none() {
            visits[at].entry = Some(nr);
            if self.log.wants_all() {
                let text = visits[at].chain.to_string();
                verbose!(self, "SCC enter {text}\n");
            }
        }
    }

    /// All paths from a state (`None`: the current one) are at their end: so may be its component
    /// (`maybe_exit_scc`).
    pub(crate) fn maybe_exit_scc(&mut self, nr: Option<StateNr>) -> Check {
        let state = nr.map_or(&self.cur, |nr| self.explored.get(nr));
        let speculative = state.speculative;
        let Some(chain) = self.scc_callchain(state) else { return Ok(()) };
        let Some(at) = self.pruning.sccs.find(&chain) else {
            if speculative {
                // A path of this kind may end before anything was kept.
                return Ok(());
            }
            return refuse!(self, EFAULT, "verifier bug: scc exit: no visit info for call chain {chain}\n");
        };
        let visit = &mut self.pruning.sccs.visits[chain.scc as usize][at];
        if nr.is_none() || visit.entry != nr {
            return Ok(());
        }
        visit.entry = None;
        let backedges = std::mem::take(&mut visit.backedges);
        if self.log.wants_all() {
            verbose!(self, "SCC exit {chain}\n");
        }
        self.pruning.sccs.backedges -= backedges.len() as u32;
        self.propagate_backedges(backedges)
    }

    /// A state was found equal to one in a component that is not at its end (`add_scc_backedge`).
    pub(super) fn add_scc_backedge(&mut self, equal: StateNr, state: State) -> Check {
        let chain = self.scc_callchain(self.explored.get(equal));
        let found = chain.and_then(|chain| self.pruning.sccs.find(&chain).map(|at| (chain, at)));
        let Some((chain, at)) = found else {
            let at = self.insn_idx;
            return refuse!(
                self,
                EFAULT,
                "verifier bug: add backedge: no SCC in verification path, insn_idx {at}\n"
            );
        };
        if self.log.wants_all() {
            verbose!(self, "SCC backedge {chain}\n");
        }
        self.pruning.sccs.visits[chain.scc as usize][at].backedges.push(Backedge { state, equal });
        self.pruning.sccs.backedges += 1;
        self.update_peak_states();
        Ok(())
    }

    /// Whether what is read after a state is not known in whole yet (`incomplete_read_marks`).
    pub(crate) fn incomplete_read_marks(&self, nr: StateNr) -> bool {
        let Some(chain) = self.scc_callchain(self.explored.get(nr)) else { return false };
        let sccs = &self.pruning.sccs;
        sccs.find(&chain).is_some_and(|at| !sccs.visits[chain.scc as usize][at].backedges.is_empty())
    }

    /// Passes marks along the edges back until none is new (`propagate_backedges`).
    fn propagate_backedges(&mut self, mut backedges: Vec<Backedge>) -> Check {
        let mut rounds = 0;
        loop {
            rounds += 1;
            if rounds > MAX_ROUNDS {
                if self.log.wants_all() {
                    verbose!(self, "propagate_backedges: too many iterations\n");
                }
                for edge in &backedges {
                    self.mark_all_scalars_precise(edge.state.parent, edge.state.curframe());
                }
                return Ok(());
            }
            let mut changed = false;
            for edge in backedges.iter_mut().rev() {
                let saved = std::mem::replace(&mut self.cur, std::mem::take(&mut edge.state));
                let result = self.propagate_precision(edge.equal, Some(&mut changed));
                edge.state = std::mem::replace(&mut self.cur, saved);
                result?;
            }
            if !changed {
                return Ok(());
            }
        }
    }
}
