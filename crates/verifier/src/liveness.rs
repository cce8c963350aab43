//! Which stack slots are read later.

/// Which stack slots are read later.
#[derive(Debug, Default)]
pub struct Liveness {}
