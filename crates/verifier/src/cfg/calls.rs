//! What the graph has to know of calls.

use skep_abi::helpers::{ArgKind, RetKind, func};
use skep_abi::kfuncs::flags as kf;
use skep_btf::TypeId;

use crate::check::{is_helper_call, is_kfunc_call};
use crate::verifier::Verifier;

/// What the graph has to know of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct CallSummary {
    /// How many arguments it takes; `None`: nothing is known of it.
    pub(crate) params: Option<u32>,
    /// It returns nothing.
    pub(crate) is_void: bool,
    /// It clobbers no more than its arguments' registers and R0, and is put in place.
    pub(crate) fastcall: bool,
    /// It may sleep.
    pub(crate) might_sleep: bool,
    /// It changes packet data.
    pub(crate) changes_pkt_data: bool,
    /// It is the `next` of an iterator.
    pub(crate) iter_next: bool,
    /// It calls a function of the program before it returns.
    pub(crate) sync_callback: bool,
    /// It lets a function of the program be called later.
    pub(crate) async_callback: bool,
}

impl Verifier<'_> {
    /// What a call does to the graph.
    pub(crate) fn call_summary(&self, insn_idx: usize) -> CallSummary {
        let insn = self.insns[insn_idx];
        if is_helper_call(insn) {
            return self.helper_summary(insn.imm);
        }
        if is_kfunc_call(insn) {
            return self.kfunc_summary(insn_idx).unwrap_or_default();
        }
        CallSummary::default()
    }

    fn helper_summary(&self, id: i32) -> CallSummary {
        let summary = CallSummary {
            changes_pkt_data: changes_pkt_data(id as u32),
            sync_callback: matches!(
                id as u32,
                func::for_each_map_elem | func::find_vma | func::r#loop | func::user_ringbuf_drain
            ),
            async_callback: id as u32 == func::timer_set_callback,
            ..CallSummary::default()
        };
        let Some(proto) = self.helper_proto(id) else { return summary };
        let params = proto.args.iter().take_while(|it| it.kind != ArgKind::Unused).count();
        CallSummary {
            params: Some(params as u32),
            is_void: proto.ret.kind == RetKind::Void,
            // What the JIT of x86-64 puts in place (`verifier_inlines_helper_call`).
            fastcall: proto.fastcall && id as u32 == func::get_smp_processor_id,
            might_sleep: proto.might_sleep,
            ..summary
        }
    }

    fn kfunc_summary(&self, insn_idx: usize) -> Option<CallSummary> {
        let kfunc = self.kfunc_at(insn_idx)?;
        let summary = CallSummary {
            sync_callback: kfunc.name == "bpf_rbtree_add_impl",
            async_callback: matches!(
                kfunc.name.as_str(),
                "bpf_wq_set_callback_impl"
                    | "bpf_task_work_schedule_signal"
                    | "bpf_task_work_schedule_resume"
                    | "bpf_task_work_schedule_signal_impl"
                    | "bpf_task_work_schedule_resume_impl"
            ),
            ..CallSummary::default()
        };
        // Of a function that the program may not call nothing else is known.
        let Some(flags) = kfunc.flags else { return Some(summary) };
        Some(CallSummary {
            params: Some(kfunc.params.len() as u32),
            is_void: kfunc.ret == TypeId::VOID,
            fastcall: flags & kf::FASTCALL != 0,
            might_sleep: flags & kf::SLEEPABLE != 0,
            changes_pkt_data: kfunc.name == "bpf_xdp_pull_data",
            iter_next: flags & kf::ITER_NEXT != 0,
            ..summary
        })
    }
}

/// `bpf_helper_changes_pkt_data`.
pub(crate) fn changes_pkt_data(id: u32) -> bool {
    matches!(
        id,
        func::clone_redirect
            | func::l3_csum_replace
            | func::l4_csum_replace
            | func::lwt_push_encap
            | func::lwt_seg6_action
            | func::lwt_seg6_adjust_srh
            | func::lwt_seg6_store_bytes
            | func::msg_pop_data
            | func::msg_pull_data
            | func::msg_push_data
            | func::skb_adjust_room
            | func::skb_change_head
            | func::skb_change_proto
            | func::skb_change_tail
            | func::skb_pull_data
            | func::skb_store_bytes
            | func::skb_vlan_pop
            | func::skb_vlan_push
            | func::store_hdr_opt
            | func::xdp_adjust_head
            | func::xdp_adjust_meta
            | func::xdp_adjust_tail
            | func::tail_call
    )
}
