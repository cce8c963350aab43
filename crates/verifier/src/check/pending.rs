//! What others write, until it is there.

use skep_isa::Insn;

use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Whether it calls `bpf_throw`.
    pub(crate) fn is_throw(&self, insn: Insn) -> bool {
        let _ = insn;
        false
    }

    /// Whether the kernel function of vmlinux may be called with a lock held (`kfunc_spin_allowed`).
    pub(crate) fn kfunc_spin_allowed(&self, btf_id: i32) -> bool {
        let _ = btf_id;
        false
    }

    /// Whether the kernel function calls back before it returns (`bpf_rbtree_add`).
    pub(crate) fn is_sync_callback_kfunc(&self, insn: Insn) -> bool {
        let _ = insn;
        false
    }
}
