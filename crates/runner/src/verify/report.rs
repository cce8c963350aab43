//! What a program comes to, as data.

use serde::Serialize;
use skep::abi::{Errno, KernelVersion};
use skep::loader::{OpenObject, Refused};
use skep::{Error, Result};

use super::spy::{Seen, Step};
use crate::inspect::needs::attach_type;

/// What one program comes to on one kernel.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProgramVerdict {
    /// The object; for the caller to fill in.
    pub object: String,
    /// The program's name.
    pub program: String,
    /// Its section.
    pub section: String,
    /// Its type, as libbpf calls it.
    #[serde(rename = "type")]
    pub prog_type: String,
    /// The kernel.
    pub kernel: String,
    /// `accept`, `reject`, or `error`: the loader failed.
    pub verdict: &'static str,
    /// What `BPF_PROG_LOAD` answers: negative, or 0.
    pub errno: i64,
    /// Instructions handed to the kernel.
    pub insns: usize,
    /// Instructions that the verifier looked at.
    pub processed: u32,
    /// States that it kept.
    pub states: u32,
    /// The log's last line before the statistics.
    pub message: String,
    /// The instruction that was looked at when the program was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insn: Option<usize>,
    /// The line of C that it is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// The register that the message is about, and what was known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The instructions that made its value, the last one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origin: Vec<Step>,
    /// What usually helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
    /// The log.
    pub log: String,
    /// What was assumed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl ProgramVerdict {
    pub(super) fn of(open: &OpenObject, name: &str, kernel: KernelVersion) -> Result<ProgramVerdict> {
        let plan = open.programs().iter().find(|it| it.name == name);
        let plan = plan.ok_or_else(|| Error::from_input(format!("there is no program {name:?}")))?;
        let section = open.object().programs.get(plan.index).map(|it| it.section.clone());
        Ok(ProgramVerdict {
            program: plan.name.clone(),
            section: section.unwrap_or_default(),
            prog_type: plan.prog_type().map_or("unknown", |it| it.name()).to_string(),
            kernel: kernel.to_string(),
            ..ProgramVerdict::default()
        })
    }

    pub(super) fn fill(&mut self, seen: Seen) {
        let outcome = seen.outcome;
        self.verdict = if outcome.errno.is_some() { "reject" } else { "accept" };
        self.errno = outcome.errno.map_or(0, Errno::neg);
        self.insns = seen.insns;
        self.processed = outcome.stats.insns;
        self.states = outcome.stats.total_states;
        self.message = outcome.message;
        self.insn = outcome.insn_idx;
        self.line = seen.line;
        self.log = outcome.log;
        let explanation = outcome.explanation;
        self.value =
            explanation.register.zip(explanation.value).map(|(regno, value)| format!("R{regno}={value}"));
        self.origin = seen.origin;
        self.hint = explanation.hint;
    }

    pub(super) fn refused_by(&mut self, refused: &Refused) {
        self.verdict = "reject";
        self.errno = refused.errno.neg();
        self.message.clone_from(&refused.message);
        self.insn = refused.slot;
    }

    pub(super) fn failed(&mut self, message: String) {
        self.verdict = "error";
        self.message = message;
    }

    pub(super) fn refused(mut self, message: String) -> ProgramVerdict {
        self.verdict = "reject";
        self.errno = Errno::EINVAL.neg();
        self.message = message;
        self
    }
}

/// What of a program a kernel does not have at all, before its verifier is asked.
pub(super) fn missing_in(open: &OpenObject, name: &str, kernel: KernelVersion) -> Option<String> {
    let plan = open.programs().iter().find(|it| it.name == name)?;
    let prog_type = plan.prog_type().filter(|it| it.since() > kernel);
    if let Some(it) = prog_type {
        return Some(format!("{} is not known before Linux {}", it.uapi(), it.since()));
    }
    let attach = attach_type(plan).filter(|it| it.since() > kernel);
    if let Some(it) = attach {
        return Some(format!("{} is not known before Linux {}", it.uapi(), it.since()));
    }
    let map = open.maps().iter().find(|it| it.autocreate && it.spec.kind.since() > kernel);
    map.map(|it| {
        let kind = it.spec.kind;
        format!("map {}: {} is not known before Linux {}", it.name, kind.uapi(), kind.since())
    })
}
