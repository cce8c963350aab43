//! Helpers of all programs that decide where a packet goes.

use super::env::{Answer, Env, ret};
use crate::context::Frame;
use crate::invocation::{NextHop, Redirect};
use skep_abi::ctx::Field;
use skep_abi::flags::BPF_F_INGRESS;
use skep_abi::structs::bpf_redir_neigh;
use skep_abi::{ProgType, tc, xdp};
use std::net::IpAddr;

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
    env.core.now.redirect = Some(Redirect { ifindex, flags, ..Redirect::default() });
    ret(done)
}

/// `bpf_redirect_peer(ifindex, flags)`.
pub(super) fn redirect_peer(env: &mut Env<'_, '_>) -> Answer {
    let (ifindex, flags) = (env.arg(0) as u32, env.arg(1));
    if flags != 0 {
        return ret(tc::TC_ACT_SHOT as u64);
    }
    env.core.now.redirect = Some(Redirect { ifindex, flags, peer: true, ..Redirect::default() });
    ret(tc::TC_ACT_REDIRECT as u64)
}

/// `bpf_redirect_neigh(ifindex, params, plen, flags)`.
pub(super) fn redirect_neigh(env: &mut Env<'_, '_>) -> Answer {
    let (ifindex, len, flags) = (env.arg(0) as u32, env.arg(2) as u32 as usize, env.arg(3));
    let given = if len == 0 { Default::default() } else { env.read(1, len)? };
    if flags != 0 || len != 0 && len < bpf_redir_neigh::LAYOUT.size {
        return ret(tc::TC_ACT_SHOT as u64);
    }
    let hop = match len {
        0 => NextHop::Routed,
        _ => NextHop::Address(next_hop(&given)),
    };
    env.core.now.redirect = Some(Redirect { ifindex, flags, neigh: Some(hop), ..Redirect::default() });
    ret(tc::TC_ACT_REDIRECT as u64)
}

/// The address in a `struct bpf_redir_neigh`.
fn next_hop(given: &[u8]) -> IpAddr {
    const AF_INET6: u8 = 10;
    let bytes = |field: Field| given.get(field.range()).unwrap_or_default();
    match bytes(bpf_redir_neigh::nh_family) {
        [AF_INET6, 0, 0, 0] => {
            <[u8; 16]>::try_from(bytes(bpf_redir_neigh::ipv6_nh)).unwrap_or_default().into()
        }
        _ => <[u8; 4]>::try_from(bytes(bpf_redir_neigh::ipv4_nh)).unwrap_or_default().into(),
    }
}
