//! What others write, until it is there.

use crate::stop::Check;
use crate::verifier::Verifier;

impl Verifier<'_> {
    pub(crate) fn check_reg_bounds(&mut self, regno: usize, context: &str) -> Check {
        let _ = (regno, context);
        Ok(())
    }
}
