//! One file per command.

pub(crate) mod asm;
pub(crate) mod conformance;
pub(crate) mod disasm;
pub(crate) mod inspect;
pub(crate) mod link;
pub(crate) mod progress;
pub(crate) mod run;
pub(crate) mod verify;
