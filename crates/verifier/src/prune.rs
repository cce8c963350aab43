//! Which paths need not be followed.

/// What pruning keeps.
#[derive(Debug, Default)]
pub struct Pruning {}
