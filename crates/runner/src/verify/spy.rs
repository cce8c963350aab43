//! A verifier that keeps what it said.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::inspect::needs::feature_of;
use skep::abi::{Errno, helpers};
use skep::isa::{Callee, Op};
use skep::kernel::{ProgView, Rejection, Verdict, Verifier, Verify, VerifyOutcome};

/// What was said of a program.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) insns: usize,
    pub(super) outcome: VerifyOutcome,
    pub(super) line: Option<String>,
    pub(super) origin: Vec<Step>,
}

/// An instruction that had to do with it.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Its number.
    pub insn: usize,
    /// Its text.
    pub text: String,
    /// The line of C that it is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
}

/// A verifier that keeps what it said last.
#[derive(Clone, Debug)]
pub(super) struct Spy {
    verifier: Verifier,
    last: Arc<Mutex<Option<Seen>>>,
}

impl Spy {
    pub(super) fn new(verifier: Verifier) -> Spy {
        Spy { verifier, last: Arc::default() }
    }

    pub(super) fn take(&self) -> Option<Seen> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The first instruction that the kernel is too old for.
    fn unknown_insn(&self, prog: &ProgView<'_>) -> Option<VerifyOutcome> {
        let kernel = self.verifier.kernel;
        let mut slot = 0;
        while let Ok(op) = skep::isa::decode(prog.insns, slot) {
            if let Some(feature) = feature_of(&op).filter(|it| it.since() > kernel) {
                let message = format!("{}: not known before Linux {}", feature.name(), feature.since());
                let refused = VerifyOutcome::refused(Errno::EINVAL);
                return Some(VerifyOutcome { insn_idx: Some(slot), message, ..refused });
            }
            slot += op.slots();
        }
        None
    }
}

impl Verify for Spy {
    fn verify(&self, prog: &ProgView<'_>) -> Verdict {
        let outcome = match self.unknown_insn(prog) {
            Some(refused) => refused,
            None => self.verifier.outcome(prog),
        };
        let verdict = match outcome.errno {
            None => Verdict::Accepted { log: String::new(), facts: outcome.facts.clone() },
            Some(errno) => Verdict::Rejected(Rejection {
                errno,
                slot: outcome.insn_idx,
                message: outcome.message.clone(),
                log: String::new(),
            }),
        };
        let line = outcome.insn_idx.and_then(|slot| prog.line_at(slot)).map(ToString::to_string);
        let origin = outcome.explanation.origin.iter().map(|it| step(prog, *it)).collect();
        let seen = Seen { insns: prog.insns.len(), outcome, line, origin };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        verdict
    }
}

fn step(prog: &ProgView<'_>, insn: usize) -> Step {
    let text = match skep::isa::decode(prog.insns, insn) {
        Ok(Op::Call(Callee::Helper(id))) => {
            helpers::helper(id).map_or_else(|| format!("call {id}"), |it| format!("call bpf_{}", it.name))
        }
        Ok(op) => op.to_string(),
        Err(_) => String::new(),
    };
    Step { insn, text, line: prog.line_at(insn).map(ToString::to_string) }
}
