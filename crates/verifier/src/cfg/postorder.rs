//! Instructions in an order in which most come after those that follow them (`compute_postorder`).

use crate::verifier::Verifier;

const DISCOVERED: u8 = 1;
const EXPLORED: u8 = 2;

impl Verifier<'_> {
    /// The order, function after function. It decides how many rounds liveness takes, which the log tells.
    pub(super) fn find_postorder(&mut self) {
        let mut marks = vec![0u8; self.insns.len()];
        let mut stack = Vec::new();
        let mut order = Vec::with_capacity(self.insns.len());
        for subprog in 0..self.subprogs.len() {
            self.subprogs[subprog].postorder_start = order.len();
            stack.push(self.subprogs[subprog].start as u32);
            while let Some(&top) = stack.last() {
                let mark = &mut marks[top as usize];
                if *mark & EXPLORED != 0 {
                    order.push(top);
                    stack.pop();
                    continue;
                }
                *mark |= DISCOVERED | EXPLORED;
                for &next in self.cfg.successors(top as usize) {
                    if marks[next as usize] == 0 {
                        marks[next as usize] = DISCOVERED;
                        stack.push(next);
                    }
                }
            }
        }
        self.cfg.postorder = order;
    }
}
