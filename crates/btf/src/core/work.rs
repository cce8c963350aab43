//! How much one object may make a loader search.

use super::Failure;

/// Members, parameters and enumerators that may be looked at for all relocations of an object. Anonymous structures
/// and prototypes may contain each other so that there are 2^64 ways through them; twenty
/// thousand relocations of the kernel's largest structures need half of this.
const STEPS: u32 = 1 << 24;

/// Steps that are left.
#[derive(Clone, Debug)]
pub(super) struct Work(u32);

impl Work {
    pub(super) fn new() -> Work {
        Work(STEPS)
    }

    /// Takes one step, and more for a long name that has to be compared.
    pub(super) fn step(&mut self, name: &str) -> Result<(), Failure> {
        let cost = 1 + (name.len() / 64) as u32;
        self.0 = self.0.checked_sub(cost).ok_or(Failure::TooMuchWork)?;
        Ok(())
    }
}
