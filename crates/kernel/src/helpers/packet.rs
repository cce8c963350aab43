//! Helpers of all programs that decide where a packet goes.

use super::env::{Answer, Env, ret};
use crate::context::Frame;
use crate::invocation::Redirect;
use skep_abi::flags::BPF_F_INGRESS;
use skep_abi::{ProgType, tc, xdp};

/// What moving the ends of a packet costs beside the call, in units of one instruction.
const MOVE_COST: u64 = 16;

/// Takes the cost of making a frame the packet from the budget: what was not visible before is let in and zeroed, and
/// the other way round.
pub(super) fn charge_move(env: &mut Env<'_, '_>, frame: &Frame) {
    let moved = env.core.now.frame.map_or(0, |old| {
        old.data_meta.abs_diff(frame.data_meta).saturating_add(old.data_end.abs_diff(frame.data_end))
    });
    env.call.charge(MOVE_COST);
    env.charge_bytes(2 * moved.min(frame.hard_end - frame.hard_start));
}

/// `bpf_redirect(ifindex, flags)`: the verdict to return, after noting where the packet is to go; the one that drops
/// it for flags that the program type does not know (`bpf_redirect` and `bpf_xdp_redirect`, `net/core/filter.c`).
pub(super) fn redirect(env: &mut Env<'_, '_>) -> Answer {
    let (ifindex, flags) = (env.arg(0) as u32, env.arg(1));
    let is_xdp = env.core.now.prog_type == Some(ProgType::Xdp);
    let (known, done, dropped) = match is_xdp {
        true => (0, u64::from(xdp::XDP_REDIRECT), u64::from(xdp::XDP_ABORTED)),
        false => (BPF_F_INGRESS, tc::TC_ACT_REDIRECT as u64, tc::TC_ACT_SHOT as u64),
    };
    if flags & !known != 0 {
        return ret(dropped);
    }
    env.core.now.redirect = Some(Redirect { ifindex, flags, through: None, peer: false });
    ret(done)
}

/// `bpf_redirect_peer(ifindex, flags)`.
pub(super) fn redirect_peer(env: &mut Env<'_, '_>) -> Answer {
    let (ifindex, flags) = (env.arg(0) as u32, env.arg(1));
    if flags != 0 {
        return ret(tc::TC_ACT_SHOT as u64);
    }
    env.core.now.redirect = Some(Redirect { ifindex, flags, through: None, peer: true });
    ret(tc::TC_ACT_REDIRECT as u64)
}
