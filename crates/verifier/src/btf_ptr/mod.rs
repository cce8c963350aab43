//! Kernel objects by their BTF type.

use skep_btf::TypeId;

use crate::access::Access;
use crate::ctx::CtxAccess;
use crate::record::FieldNr;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// A load or store through a `PTR_TO_BTF_ID` (`check_ptr_to_btf_access`).
    pub(crate) fn check_ptr_to_btf_access(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        access: Access,
        value_regno: Option<usize>,
    ) -> Check {
        let _ = (regno, off, size, access, value_regno);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// A load through a pointer to a map itself (`check_ptr_to_map_access`).
    pub(crate) fn check_ptr_to_map_access(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        access: Access,
        value_regno: Option<usize>,
    ) -> Check {
        let _ = (regno, off, size, access, value_regno);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// A load or store of a kptr in a map value (`check_map_kptr_access`).
    pub(crate) fn check_map_kptr_access(
        &mut self,
        regno: usize,
        value_regno: Option<usize>,
        insn_idx: usize,
        field: FieldNr,
    ) -> Check {
        let _ = (regno, value_regno, insn_idx, field);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// The context of programs whose arguments BTF describes (`btf_ctx_access`).
    pub(crate) fn btf_ctx_access(&mut self, off: i32, size: u32, access: Access) -> Check<CtxAccess> {
        let _ = (off, size, access);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// Finds what the program attaches to, and whether it may (`check_attach_btf_id`).
    pub(crate) fn check_attach_btf_id(&mut self) -> Check {
        let _ = ();
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// A wide load of a kernel variable (`check_pseudo_btf_id`): fills `aux[insn_idx].var`.
    pub(crate) fn check_pseudo_btf_id(&mut self, insn_idx: usize) -> Check {
        let _ = (insn_idx);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// Functions and lines of the program against its BTF (`check_btf_info_early`, `check_btf_info`): names and linkage of `subprogs`.
    pub(crate) fn check_btf_info(&mut self) -> Check {
        Ok(())
    }

    /// What a global function takes (`btf_prepare_func_args`): fills `subprogs[subprog].args`.
    pub(crate) fn btf_prepare_func_args(&mut self, subprog: usize) -> Check {
        let _ = (subprog);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }
}
