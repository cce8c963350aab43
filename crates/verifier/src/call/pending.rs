//! What others write, until it is there.

use crate::record::FieldNr;
use crate::state::reg::{BtfNr, Reg};
use crate::state::{State, StateNr};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;
use skep_btf::TypeId;

impl Verifier<'_> {
    pub(crate) fn push_stack(
        &mut self,
        insn_idx: usize,
        prev: usize,
        speculative: bool,
    ) -> Check<&mut State> {
        let _ = (insn_idx, prev, speculative);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    pub(crate) fn mark_chain_precision(&mut self, regno: usize) -> Check {
        let _ = regno;
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// Marks one stack slot precise (`bt_set_frame_slot`, `mark_chain_precision_batch`).
    pub(crate) fn mark_slot_precision(&mut self, frame: usize, spi: usize) -> Check {
        let _ = (frame, spi);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// The state kept last at an instruction on the way here, of the same calls and less deep than `dfs_depth` (`find_prev_entry`).
    pub(crate) fn find_prev_entry(&self, dfs_depth: u32, insn_idx: usize) -> Option<StateNr> {
        let _ = (dfs_depth, insn_idx);
        None
    }

    pub(crate) fn check_reg_bounds(&mut self, regno: usize, context: &str) -> Check {
        let _ = (regno, context);
        Ok(())
    }

    pub(crate) fn is_pointer_value(&self, regno: usize) -> bool {
        let _ = regno;
        false
    }

    /// Whether packet bytes may be accessed (`may_access_direct_pkt_data`); `pkt_access`: of a helper's prototype.
    pub(crate) fn may_access_direct_pkt_data(&mut self, pkt_access: Option<bool>, write: bool) -> bool {
        let _ = (pkt_access, write);
        true
    }

    pub(crate) fn check_ptr_alignment(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        strict_once: bool,
    ) -> Check {
        let _ = (regno, off, size, strict_once);
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
