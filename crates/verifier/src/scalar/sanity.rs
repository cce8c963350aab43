//! `sanity`: whether the tnum and the ranges can be true together, as far as the kernel looks.

use std::fmt;

use super::Scalar;

/// A contradiction. It does not make a program invalid: it comes about in branches that are never taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Violation {
    what: &'static str,
    scalar: Scalar,
}

impl Scalar {
    /// Looks for a contradiction between the parts (`reg_bounds_sanity_check`). If there is one, the ranges are forgotten.
    ///
    /// # Errors
    /// What contradicts what.
    pub fn sanity(&mut self) -> Result<(), Violation> {
        let Some(what) = self.contradiction() else { return Ok(()) };
        let violation = Violation { what, scalar: *self };
        self.unbounded();
        Err(violation)
    }

    fn contradiction(&self) -> Option<&'static str> {
        let empty = self.umin > self.umax
            || self.smin > self.smax
            || self.u32_min > self.u32_max
            || self.s32_min > self.s32_max;
        if empty {
            return Some("range bounds violation");
        }
        if self.const_value().is_some_and(|value| self.bounds64() != Scalar::constant(value).bounds64()) {
            return Some("const tnum out of sync with range bounds");
        }
        let low = self.const_value32().map(u64::from);
        low.is_some_and(|value| self.bounds32() != Scalar::constant(value).bounds32())
            .then_some("const subreg tnum out of sync with range bounds")
    }
}

impl Violation {
    /// The kernel's text; `context` says where it was seen: `alu`, `true_reg1`, ...
    pub fn text(&self, context: &str) -> String {
        format!("REG INVARIANTS VIOLATION ({context}): {self}")
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { what, scalar: s } = self;
        write!(f, "{what} u64=[{:#x}, {:#x}] s64=[{:#x}, {:#x}]", s.umin, s.umax, s.smin, s.smax)?;
        write!(f, " u32=[{:#x}, {:#x}] s32=[{:#x}, {:#x}]", s.u32_min, s.u32_max, s.s32_min, s.s32_max)?;
        write!(f, " var_off=({:#x}, {:#x})", s.var_off.value, s.var_off.mask)
    }
}
