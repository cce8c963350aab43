//! What the engines may rely on.

use crate::verifier::Verifier;

/// What is known of a program that was accepted.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {}

impl Verifier<'_> {
    /// What is known of the program.
    pub(crate) fn facts(&self) -> Facts {
        Facts::default()
    }
}
