//! What others write, until it is there.

use crate::record::FieldNr;
use crate::state::reg::{BtfNr, Reg};
use crate::state::{State, StateNr};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;
use skep_btf::TypeId;

impl Verifier<'_> {
    pub(crate) fn check_reg_bounds(&mut self, regno: usize, context: &str) -> Check {
        let _ = (regno, context);
        Ok(())
    }

    /// `btf_struct_ids_match`
    pub(crate) fn btf_struct_ids_match(
        &mut self,
        has: (BtfNr, TypeId),
        off: i32,
        wanted: (BtfNr, TypeId),
        strict: bool,
    ) -> bool {
        let _ = (has, off, wanted, strict);
        false
    }

    /// `map_kptr_match_type`
    pub(crate) fn map_kptr_match_type(&mut self, field: FieldNr, reg: &Reg, regno: usize) -> Check {
        let _ = (field, reg, regno);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }
}
