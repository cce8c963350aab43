//! Callbacks that are never called.
//!
//! The kernel takes out instructions that no path reaches. A wide load of a function that went this way still names the
//! place where it was; unless another function begins there now, the kernel gives up (`jit_subprogs`), after it found the
//! program safe.

use crate::code::{class, mode, pseudo};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Refuses a program that names a function that is gone.
    pub(crate) fn check_lost_functions(&mut self) -> Check {
        if !self.bpf_capable {
            return Ok(());
        }
        let mut loads: Vec<(usize, usize)> = self.loads_of_lost_functions().collect();
        if loads.is_empty() {
            return Ok(());
        }
        // Where functions that are left begin, once the others are gone.
        let starts: Vec<usize> =
            self.subprogs.iter().map(|it| it.start).filter(|at| self.aux[*at].seen).collect();
        if starts.len() < 2 {
            return Ok(());
        }
        let starts: Vec<usize> = starts.into_iter().map(|at| at - self.dead_before(at)).collect();
        self.follow_removals(&mut loads);
        match loads.iter().find(|it| !starts.contains(&it.1)) {
            Some((at, _)) => {
                refuse!(self, EFAULT, "verifier bug: No program to jit at insn {at} (subprog < 0)\n")
            }
            None => Ok(()),
        }
    }

    /// Wide loads that are reached, and the functions they name, which are not.
    fn loads_of_lost_functions(&self) -> impl Iterator<Item = (usize, usize)> {
        self.insns.iter().enumerate().filter_map(|(at, insn)| {
            let wide = class(*insn) == class::LD && mode(*insn) == mode::IMM;
            let target = at as i64 + 1 + i64::from(insn.imm);
            let named = wide && insn.src == pseudo::FUNC && self.aux[at].seen;
            let target = usize::try_from(target).ok().filter(|it| named && *it < self.insns.len())?;
            (!self.aux[target].seen).then_some((at, target))
        })
    }

    fn dead_before(&self, at: usize) -> usize {
        self.aux[..at].iter().filter(|it| !it.seen).count()
    }

    /// Takes out one run of instructions after the other: what names a place behind one moves along, what names a place
    /// in one stays.
    fn follow_removals(&self, loads: &mut [(usize, usize)]) {
        let (mut at, mut removed) = (0, 0);
        while at < self.aux.len() {
            let run = self.aux[at..].iter().take_while(|it| !it.seen).count();
            if run == 0 {
                at += 1;
                continue;
            }
            let end = at - removed + run;
            for place in loads.iter_mut().flat_map(|it| [&mut it.0, &mut it.1]) {
                if *place >= end {
                    *place -= run;
                }
            }
            removed += run;
            at += run;
        }
    }
}
