//! Which helpers take which maps.

#![expect(non_upper_case_globals, reason = "ids of helpers have the UAPI's spelling")]

use skep_abi::helpers::func::{self, *};
use skep_abi::{AttachType, MapType, ProgType};

use super::known::func_name;
use crate::state::reg::MapNr;
use crate::stop::{Check, refuse, verbose};
use crate::verifier::Verifier;

/// The helpers that a map may be given to; `None`: any, as far as the map is concerned.
fn helpers_of(kind: MapType) -> Option<&'static [u32]> {
    use MapType::*;
    Some(match kind {
        ProgArray => &[tail_call],
        PerfEventArray => {
            &[perf_event_read, perf_event_output, skb_output, perf_event_read_value, xdp_output]
        }
        Ringbuf => &[
            ringbuf_output,
            ringbuf_reserve,
            ringbuf_query,
            ringbuf_reserve_dynptr,
            ringbuf_submit_dynptr,
            ringbuf_discard_dynptr,
        ],
        UserRingbuf => &[user_ringbuf_drain],
        StackTrace => &[get_stackid],
        CgroupArray => &[skb_under_cgroup, current_task_under_cgroup],
        CgroupStorage | PercpuCgroupStorage => &[get_local_storage],
        Devmap | DevmapHash | Xskmap => &[redirect_map, map_lookup_elem],
        Cpumap => &[redirect_map],
        ArrayOfMaps | HashOfMaps => &[map_lookup_elem],
        Sockmap => {
            &[sk_redirect_map, sock_map_update, msg_redirect_map, sk_select_reuseport, map_lookup_elem]
        }
        Sockhash => {
            &[sk_redirect_hash, sock_hash_update, msg_redirect_hash, sk_select_reuseport, map_lookup_elem]
        }
        ReuseportSockarray => &[sk_select_reuseport],
        Queue | Stack => &[map_peek_elem, map_pop_elem, map_push_elem],
        SkStorage => &[sk_storage_get, sk_storage_delete, kptr_xchg],
        InodeStorage => &[inode_storage_get, inode_storage_delete, kptr_xchg],
        TaskStorage => &[task_storage_get, task_storage_delete, kptr_xchg],
        CgrpStorage => &[cgrp_storage_get, cgrp_storage_delete, kptr_xchg],
        BloomFilter => &[map_peek_elem, map_push_elem],
        _ => return None,
    })
}

/// The maps that a helper takes; `None`: any, as far as the helper is concerned.
fn maps_of(id: u32) -> Option<&'static [MapType]> {
    use MapType::*;
    Some(match id {
        func::tail_call => &[ProgArray],
        perf_event_read | perf_event_output | perf_event_read_value | skb_output | xdp_output => {
            &[PerfEventArray]
        }
        ringbuf_output
        | ringbuf_reserve
        | ringbuf_query
        | ringbuf_reserve_dynptr
        | ringbuf_submit_dynptr
        | ringbuf_discard_dynptr => &[Ringbuf],
        user_ringbuf_drain => &[UserRingbuf],
        get_stackid => &[StackTrace],
        current_task_under_cgroup | skb_under_cgroup => &[CgroupArray],
        redirect_map => &[Devmap, DevmapHash, Cpumap, Xskmap],
        sk_redirect_map | msg_redirect_map | sock_map_update => &[Sockmap],
        sk_redirect_hash | msg_redirect_hash | sock_hash_update => &[Sockhash],
        get_local_storage => &[CgroupStorage, PercpuCgroupStorage],
        sk_select_reuseport => &[ReuseportSockarray, Sockmap, Sockhash],
        map_pop_elem => &[Queue, Stack],
        map_peek_elem | map_push_elem => &[Queue, Stack, BloomFilter],
        map_lookup_percpu_elem => &[PercpuArray, PercpuHash, LruPercpuHash],
        sk_storage_get | sk_storage_delete => &[SkStorage],
        inode_storage_get | inode_storage_delete => &[InodeStorage],
        task_storage_get | task_storage_delete => &[TaskStorage],
        cgrp_storage_get | cgrp_storage_delete => &[CgrpStorage],
        _ => return None,
    })
}

impl Verifier<'_> {
    /// Whether a helper takes a map (`check_map_func_compatibility`).
    pub(super) fn check_map_func_compatibility(&mut self, map: Option<MapNr>, id: u32) -> Check {
        let Some(map) = map else { return Ok(()) };
        let kind = self.map(map).kind;
        let from_map = helpers_of(kind).is_none_or(|helpers| helpers.contains(&id))
            || matches!(kind, MapType::Sockmap | MapType::Sockhash) && self.may_update_sockmap(id);
        if !from_map || maps_of(id).is_some_and(|maps| !maps.contains(&kind)) {
            let (number, name) = (kind.to_u32(), func_name(id));
            return refuse!(self, EINVAL, "cannot pass map_type {number} into func {name}#{id}\n");
        }
        Ok(())
    }

    /// `may_update_sockmap`: only where no socket is locked already.
    fn may_update_sockmap(&mut self, id: u32) -> bool {
        if id != map_update_elem && id != map_delete_elem {
            return false;
        }
        let may = match self.prog_type {
            ProgType::Tracing => self.expected_attach_type() == Some(AttachType::TraceIter),
            ProgType::SockOps => id == map_delete_elem,
            ProgType::SocketFilter
            | ProgType::SchedCls
            | ProgType::SchedAct
            | ProgType::Xdp
            | ProgType::SkReuseport
            | ProgType::FlowDissector
            | ProgType::SkLookup => true,
            _ => false,
        };
        if !may {
            verbose!(self, "cannot update sockmap in this context\n");
        }
        may
    }
}
