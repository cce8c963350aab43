//! The seam to a verifier.

use super::LineInfo;
use skep_abi::{Errno, ProgType};
use skep_isa::Insn;
use skep_maps::MapSpec;

/// A program as a verifier sees it: before anything in it was resolved.
#[derive(Clone, Copy, Debug)]
pub struct ProgView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub prog_type: ProgType,
    /// Where it is to be attached; 0 where the type has no choice.
    pub expected_attach_type: u32,
    /// `prog_flags`.
    pub flags: u32,
    /// Whether its license lets it use helpers for GPL programs.
    pub gpl_compatible: bool,
    /// The instructions as they were loaded.
    pub insns: &'a [Insn],
    /// The maps it uses.
    pub maps: &'a [MapView<'a>],
    /// Which line of C each instruction was made from.
    pub lines: &'a [LineInfo],
}

/// A map as a verifier sees it.
#[derive(Clone, Copy, Debug)]
pub struct MapView<'a> {
    /// The slot of the wide load that names it.
    pub slot: usize,
    /// What it was made from.
    pub spec: &'a MapSpec,
}

/// What a verifier says of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nobody looked.
    NotVerified,
    /// It may run.
    Accepted {
        /// The log.
        log: String,
    },
    /// It may not.
    Rejected(Rejection),
}

impl Verdict {
    /// The word for it: `"not-verified"`, `"accept"`, `"reject"`.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::NotVerified => "not-verified",
            Verdict::Accepted { .. } => "accept",
            Verdict::Rejected(_) => "reject",
        }
    }
}

/// Why a verifier refuses a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    /// What `BPF_PROG_LOAD` answers.
    pub errno: Errno,
    /// The instruction.
    pub slot: Option<usize>,
    /// The last line of the log before the statistics.
    pub message: String,
    /// The log.
    pub log: String,
}

/// Decides which programs may run. `Send`, so that the kernel that has it is.
pub trait Verify: Send {
    /// Looks at a program.
    fn verify(&self, prog: &ProgView<'_>) -> Verdict;
}

/// Looks at nothing: programs run with exact checks and a budget.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotVerified;

impl Verify for NotVerified {
    fn verify(&self, _prog: &ProgView<'_>) -> Verdict {
        Verdict::NotVerified
    }
}
