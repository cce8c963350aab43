//! Kernel functions that the verifier knows by name (`special_kfunc_list`).

/// A kernel function that the verifier knows; the names are theirs, without `bpf_` and `_impl`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Special {
    ObjNew,
    ObjDrop,
    PercpuObjNew,
    PercpuObjDrop,
    RefcountAcquire,
    ListPushFront,
    ListPushBack,
    ListPopFront,
    ListPopBack,
    ListFront,
    ListBack,
    RbtreeAdd,
    RbtreeRemove,
    RbtreeFirst,
    RbtreeRoot,
    RbtreeLeft,
    RbtreeRight,
    CastToKernCtx,
    RdonlyCast,
    RcuReadLock,
    RcuReadUnlock,
    PreemptDisable,
    PreemptEnable,
    LocalIrqSave,
    LocalIrqRestore,
    ResSpinLock,
    ResSpinUnlock,
    ResSpinLockIrqsave,
    ResSpinUnlockIrqrestore,
    DynptrFromSkb,
    DynptrFromXdp,
    DynptrFromSkbMeta,
    DynptrSlice,
    DynptrSliceRdwr,
    DynptrClone,
    XdpPullData,
    Throw,
    Trap,
    WqSetCallback,
    TaskWorkSchedule,
    IterCssTaskNew,
    IterNum,
    SessionCookie,
    GetKmemCache,
    /// Hints of network devices, for programs that are bound to one.
    Metadata,
}

use Special::*;

const NAMES: &[(&str, Special)] = &[
    ("__bpf_trap", Trap),
    ("bpf_cast_to_kern_ctx", CastToKernCtx),
    ("bpf_dynptr_clone", DynptrClone),
    ("bpf_dynptr_from_skb", DynptrFromSkb),
    ("bpf_dynptr_from_skb_meta", DynptrFromSkbMeta),
    ("bpf_dynptr_from_xdp", DynptrFromXdp),
    ("bpf_dynptr_slice", DynptrSlice),
    ("bpf_dynptr_slice_rdwr", DynptrSliceRdwr),
    ("bpf_get_kmem_cache", GetKmemCache),
    ("bpf_iter_css_task_new", IterCssTaskNew),
    ("bpf_iter_num_destroy", IterNum),
    ("bpf_iter_num_new", IterNum),
    ("bpf_iter_num_next", IterNum),
    ("bpf_list_back", ListBack),
    ("bpf_list_front", ListFront),
    ("bpf_list_pop_back", ListPopBack),
    ("bpf_list_pop_front", ListPopFront),
    ("bpf_list_push_back_impl", ListPushBack),
    ("bpf_list_push_front_impl", ListPushFront),
    ("bpf_local_irq_restore", LocalIrqRestore),
    ("bpf_local_irq_save", LocalIrqSave),
    ("bpf_obj_drop_impl", ObjDrop),
    ("bpf_obj_new_impl", ObjNew),
    ("bpf_percpu_obj_drop_impl", PercpuObjDrop),
    ("bpf_percpu_obj_new_impl", PercpuObjNew),
    ("bpf_preempt_disable", PreemptDisable),
    ("bpf_preempt_enable", PreemptEnable),
    ("bpf_rbtree_add_impl", RbtreeAdd),
    ("bpf_rbtree_first", RbtreeFirst),
    ("bpf_rbtree_left", RbtreeLeft),
    ("bpf_rbtree_remove", RbtreeRemove),
    ("bpf_rbtree_right", RbtreeRight),
    ("bpf_rbtree_root", RbtreeRoot),
    ("bpf_rcu_read_lock", RcuReadLock),
    ("bpf_rcu_read_unlock", RcuReadUnlock),
    ("bpf_rdonly_cast", RdonlyCast),
    ("bpf_refcount_acquire_impl", RefcountAcquire),
    ("bpf_res_spin_lock", ResSpinLock),
    ("bpf_res_spin_lock_irqsave", ResSpinLockIrqsave),
    ("bpf_res_spin_unlock", ResSpinUnlock),
    ("bpf_res_spin_unlock_irqrestore", ResSpinUnlockIrqrestore),
    ("bpf_session_cookie", SessionCookie),
    ("bpf_task_work_schedule_resume_impl", TaskWorkSchedule),
    ("bpf_task_work_schedule_signal_impl", TaskWorkSchedule),
    ("bpf_throw", Throw),
    ("bpf_wq_set_callback_impl", WqSetCallback),
    ("bpf_xdp_metadata_rx_hash", Metadata),
    ("bpf_xdp_metadata_rx_timestamp", Metadata),
    ("bpf_xdp_metadata_rx_vlan_tag", Metadata),
    ("bpf_xdp_pull_data", XdpPullData),
];

impl Special {
    /// The one of this name in the kernel's own BTF.
    pub(crate) fn of(name: &str) -> Option<Special> {
        let at = NAMES.binary_search_by_key(&name, |(known, _)| known).ok()?;
        Some(NAMES[at].1)
    }

    /// `is_bpf_list_api_kfunc`.
    pub(super) const fn is_list(self) -> bool {
        matches!(self, ListPushFront | ListPushBack | ListPopFront | ListPopBack | ListFront | ListBack)
    }

    /// `is_bpf_rbtree_api_kfunc`.
    pub(super) const fn is_rbtree(self) -> bool {
        matches!(self, RbtreeAdd | RbtreeRemove | RbtreeFirst | RbtreeRoot | RbtreeLeft | RbtreeRight)
    }

    /// It puts a node into a list or tree.
    pub(super) const fn inserts(self) -> bool {
        matches!(self, ListPushFront | ListPushBack | RbtreeAdd)
    }

    /// `is_bpf_res_spin_lock_kfunc`.
    pub(super) const fn is_res_lock(self) -> bool {
        matches!(self, ResSpinLock | ResSpinUnlock | ResSpinLockIrqsave | ResSpinUnlockIrqrestore)
    }

    /// It may be called with a lock held (`kfunc_spin_allowed`).
    pub(super) const fn may_be_called_locked(self) -> bool {
        self.is_list() || self.is_rbtree() || self.is_res_lock() || matches!(self, RefcountAcquire | IterNum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order() {
        assert!(NAMES.is_sorted_by_key(|(name, _)| *name));
        assert_eq!(Special::of("bpf_throw"), Some(Throw));
        assert_eq!(Special::of("bpf_task_acquire"), None);
    }
}
