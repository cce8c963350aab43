//! Strongly connected components: loops, and loops of loops (`compute_scc`).

use crate::verifier::Verifier;

/// The vertex is in a component that is done.
const DONE: u32 = u32::MAX;

/// Tarjan's algorithm, without recursion.
struct Tarjan {
    /// When a vertex was seen first, from 1; 0: not yet.
    pre: Vec<u32>,
    /// The first one that can be reached from it.
    low: Vec<u32>,
    /// Those whose components are not done.
    stack: Vec<u32>,
    /// The path to the current one.
    path: Vec<u32>,
    seen: u32,
}

impl Verifier<'_> {
    /// Gives every instruction of a loop the number of its component.
    pub(super) fn find_components(&mut self) {
        let len = self.insns.len();
        let mut tarjan =
            Tarjan { pre: vec![0; len], low: vec![0; len], stack: vec![], path: vec![], seen: 0 };
        self.cfg.scc_count = 1;
        for i in 0..len {
            if tarjan.pre[i] == 0 {
                tarjan.path.push(i as u32);
                while let Some(&at) = tarjan.path.last() {
                    self.visit_component(&mut tarjan, at);
                }
            }
        }
    }

    fn visit_component(&mut self, tarjan: &mut Tarjan, at: u32) {
        let w = at as usize;
        if tarjan.pre[w] == 0 {
            tarjan.seen += 1;
            tarjan.pre[w] = tarjan.seen;
            tarjan.low[w] = tarjan.seen;
            tarjan.stack.push(at);
        }
        let successors = self.cfg.successors(w);
        for &next in successors.iter().filter(|next| (**next as usize) < tarjan.pre.len()) {
            if tarjan.pre[next as usize] == 0 {
                tarjan.path.push(next);
                return;
            }
            tarjan.low[w] = tarjan.low[w].min(tarjan.low[next as usize]);
        }
        tarjan.path.pop();
        if tarjan.low[w] < tarjan.pre[w] {
            return;
        }
        // A single instruction is a component only if it jumps to itself.
        let is_loop = tarjan.stack.last() != Some(&at) || successors.contains(&at);
        while let Some(t) = tarjan.stack.pop() {
            tarjan.low[t as usize] = DONE;
            if is_loop {
                self.aux[t as usize].scc = self.cfg.scc_count;
            }
            if t == at {
                break;
            }
        }
        self.cfg.scc_count += u32::from(is_loop);
    }
}
