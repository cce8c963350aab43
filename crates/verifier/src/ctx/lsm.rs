//! What hooks of security modules return.

use skep_abi::{AttachType, ProgType};
use skep_btf::TypeId;

use crate::state::frame::RetvalRange;
use crate::verifier::Verifier;

/// Hooks that answer yes or no (`bool_lsm_hooks` in `kernel/bpf/bpf_lsm.c`).
const BOOL_HOOKS: [&str; 3] =
    ["bpf_lsm_xfrm_state_pol_flow_match", "bpf_lsm_audit_rule_known", "bpf_lsm_inode_xattr_skipcap"];
/// The greatest errno that a pointer can hold (`MAX_ERRNO`).
const MAX_ERRNO: i32 = 4095;

impl Verifier<'_> {
    /// What the hook returns that the program attaches to (`get_func_retval_range`, `bpf_lsm_get_retval_range`);
    /// `None`: nothing, or the program attaches to something else.
    pub(crate) fn lsm_retval_range(&self) -> Option<RetvalRange> {
        if self.prog.prog_type != ProgType::Lsm || self.prog.attach_type != Some(AttachType::LsmMac) {
            return None;
        }
        let attach = self.prog.attach?;
        if attach.btf.func_proto(attach.id)?.ret == TypeId::VOID {
            return None;
        }
        let yes_or_no = BOOL_HOOKS.contains(&attach.btf.name(attach.id));
        Some(if yes_or_no { RetvalRange { min: 0, max: 1 } } else { RetvalRange { min: -MAX_ERRNO, max: 0 } })
    }
}
