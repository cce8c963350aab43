//! What became of a relocation.

use super::ReloKind;
use super::spec::Spec;
use super::value::{self, Number};
use crate::TypeId;

/// What a relocation asks for, and what the target answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What is asked.
    pub kind: ReloKind,
    /// What it is asked of, as libbpf writes it: `<byte_off> [5] struct task_struct.pid (0:1 @ offset 8)`. At most 258
    /// bytes.
    pub spec: String,
    /// The number by the object's own types.
    pub original: u64,
    /// The number by the target's types. None if the target lacks what is asked for: the instruction is made invalid,
    /// and whoever executes it fails.
    pub value: Option<u64>,
    /// The type of the target that has it. None if there is none, and for the object's own type ids.
    pub found: Option<Match>,
    /// Whether the instruction must hold `original`.
    pub(super) validate: bool,
    pub(super) access: Access,
}

/// Where something was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Match {
    /// The module whose type it is; none for the kernel's own.
    pub module: Option<String>,
    /// The type.
    pub type_id: TypeId,
    /// What was found, in the same form as [`Outcome::spec`].
    pub spec: String,
}

/// The widths of a field that a load or store is to access; 0 for what cannot be accessed as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Access {
    pub(super) old_size: u32,
    pub(super) new_size: u32,
    /// Whether another width means the same.
    pub(super) can_resize: bool,
}

impl Outcome {
    pub(super) fn new(
        spec: &Spec<'_>,
        original: Number,
        value: Option<u64>,
        access: Access,
        found: Option<Match>,
    ) -> Outcome {
        let Number { value: number, validate, .. } = original;
        Outcome { kind: spec.kind, spec: spec.to_string(), original: number, value, found, validate, access }
    }

    /// The object's own type's id.
    pub(super) fn local(spec: &Spec<'_>, number: Number) -> Outcome {
        Outcome::new(spec, number, Some(number.value), Access::default(), None)
    }

    /// Nothing in the target is what was asked for.
    pub(super) fn missing(spec: &Spec<'_>, original: Number) -> Outcome {
        Outcome::new(spec, original, value::missing(spec.kind), Access::default(), None)
    }

    /// What libbpf says of an instruction that had to be made invalid.
    pub fn failure(&self) -> String {
        format!("failed to resolve CO-RE relocation {}", self.spec)
    }
}
