//! `struct bpf_link_info`: each type of link fills its part, and copies names and lists to where the caller says.

use super::Info;
use crate::bpf::Call;
use crate::links::{IterInfo, LinkDetails, PerfLinkInfo};
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::ctx::Field;
use skep_abi::info as layout;
use skep_maps::ObjRef;

/// `PATH_MAX`.
const MAX_PATH: u32 = 4096;

/// `enum bpf_perf_event_type`.
mod perf_type {
    pub(super) const UPROBE: u64 = 1;
    pub(super) const URETPROBE: u64 = 2;
    pub(super) const KPROBE: u64 = 3;
    pub(super) const KRETPROBE: u64 = 4;
    pub(super) const TRACEPOINT: u64 = 5;
    pub(super) const EVENT: u64 = 6;
}

/// Fills it. What a type says nothing of stays as the caller had it (`bpf_link_get_info_by_fd`).
pub(super) fn fill(sys: &mut Sys<'_>, call: &mut Call<'_>, id: ObjRef) -> Result<(), Errno> {
    use layout::bpf_link_info as field;
    let info = sys.core.info_of_link(id);
    let mut out = Info::given(call, &field::LAYOUT)?;
    let info = info?;
    out.put(&field::r#type, u64::from(info.kind.to_u32()));
    out.put(&field::id, info.id.into());
    if info.prog_id != 0 {
        out.put(&field::prog_id, info.prog_id.into());
    }
    details(&mut out, call, &info.details)?;
    out.give(call)
}

fn details(out: &mut Info, call: &mut Call<'_>, details: &LinkDetails) -> Result<(), Errno> {
    use layout::*;
    let mut two = |fields: [&Field; 2], a: u32, b: u32| {
        out.put(fields[0], a.into());
        out.put(fields[1], b.into());
        Ok(())
    };
    match details {
        LinkDetails::RawTracepoint { name, cookie } => {
            use bpf_link_info_raw_tracepoint as field;
            // The cookie is there even where the name did not fit, but then nobody sees it.
            out.put(&field::cookie, *cookie);
            text(out, call, [&field::tp_name, &field::tp_name_len], Some(name))
        }
        LinkDetails::Tracing { attach_type, target_obj_id, target_btf_id, cookie } => {
            use bpf_link_info_tracing as field;
            two([&field::attach_type, &field::target_obj_id], *attach_type, *target_obj_id)?;
            out.put(&field::target_btf_id, (*target_btf_id).into());
            out.put(&field::cookie, *cookie);
            Ok(())
        }
        LinkDetails::Cgroup { cgroup_id, attach_type } => {
            use bpf_link_info_cgroup as field;
            out.put(&field::cgroup_id, *cgroup_id);
            out.put(&field::attach_type, (*attach_type).into());
            Ok(())
        }
        LinkDetails::Iter { target, over } => {
            use bpf_link_info_iter as field;
            text(out, call, [&field::target_name, &field::target_name_len], Some(target))?;
            iterator(out, over);
            Ok(())
        }
        LinkDetails::Netns { ino, attach_type } => {
            use bpf_link_info_netns as field;
            two([&field::netns_ino, &field::attach_type], *ino, *attach_type)
        }
        LinkDetails::Xdp { ifindex } => {
            out.put(&bpf_link_info_xdp::ifindex, (*ifindex).into());
            Ok(())
        }
        LinkDetails::PerfEvent(event) => perf_event(out, call, event),
        LinkDetails::KprobeMulti { functions, flags, missed } => {
            kprobe_multi(out, call, functions, *flags, *missed)
        }
        LinkDetails::UprobeMulti { path, probes, flags, pid } => {
            uprobe_multi(out, call, path, probes, [*flags, *pid])
        }
        LinkDetails::StructOps { map_id } => {
            if let Some(map_id) = map_id {
                out.put(&bpf_link_info_struct_ops::map_id, (*map_id).into());
            }
            Ok(())
        }
        LinkDetails::Netfilter { pf, hooknum, priority, flags } => {
            use bpf_link_info_netfilter as field;
            two([&field::pf, &field::hooknum], *pf, *hooknum)?;
            two([&field::priority, &field::flags], *priority as u32, *flags)
        }
        LinkDetails::Tcx { ifindex, attach_type } => {
            use bpf_link_info_tcx as field;
            two([&field::ifindex, &field::attach_type], *ifindex, *attach_type)
        }
        LinkDetails::Netkit { ifindex, attach_type } => {
            use bpf_link_info_netkit as field;
            two([&field::ifindex, &field::attach_type], *ifindex, *attach_type)
        }
        LinkDetails::Sockmap { map_id, attach_type } => {
            use bpf_link_info_sockmap as field;
            two([&field::map_id, &field::attach_type], *map_id, *attach_type)
        }
    }
}

/// Copies a name to the buffer that the caller has for it, and says how long it is with its NUL. No name is an empty one.
///
/// # Errors
/// `EINVAL`: a buffer without length, or the other way round. `ENOSPC`: it did not fit. `EFAULT`: no memory there.
fn text(
    out: &mut Info,
    call: &mut Call<'_>,
    [addr, len]: [&Field; 2],
    name: Option<&str>,
) -> Result<(), Errno> {
    let (buffer, room) = (out.get(addr), out.get(len) as u32);
    if (buffer == 0) != (room == 0) {
        return Err(Errno::EINVAL);
    }
    let bytes = name.unwrap_or_default().as_bytes();
    out.put(len, bytes.len() as u64 + 1);
    if buffer != 0 {
        call.put_text(buffer, room, bytes)?;
    }
    Ok(())
}

fn iterator(out: &mut Info, over: &IterInfo) {
    use layout::{bpf_link_info_iter_cgroup, bpf_link_info_iter_map, bpf_link_info_iter_task};
    match *over {
        IterInfo::Plain | IterInfo::Tasks => {}
        IterInfo::Map { map_id } => out.put(&bpf_link_info_iter_map::map_id, map_id.into()),
        IterInfo::Cgroup { cgroup_id, order } => {
            out.put(&bpf_link_info_iter_cgroup::order, order.into());
            out.put(&bpf_link_info_iter_cgroup::cgroup_id, cgroup_id);
        }
        IterInfo::Tid(tid) => out.put(&bpf_link_info_iter_task::tid, tid.into()),
        IterInfo::Pid(pid) => out.put(&bpf_link_info_iter_task::pid, pid.into()),
    }
}

fn perf_event(out: &mut Info, call: &mut Call<'_>, event: &PerfLinkInfo) -> Result<(), Errno> {
    use layout::*;
    let kind = &bpf_link_info_perf_event::r#type;
    match event {
        PerfLinkInfo::Uprobe { name, offset, ref_ctr_offset, cookie, ret } => {
            use bpf_link_info_perf_event_uprobe as field;
            text(out, call, [&field::file_name, &field::name_len], Some(name))?;
            out.put(kind, if *ret { perf_type::URETPROBE } else { perf_type::UPROBE });
            out.put(&field::offset, *offset);
            out.put(&field::cookie, *cookie);
            out.put(&field::ref_ctr_offset, *ref_ctr_offset);
        }
        PerfLinkInfo::Kprobe { name, offset, addr, missed, cookie, ret } => {
            use bpf_link_info_perf_event_kprobe as field;
            text(out, call, [&field::func_name, &field::name_len], name.as_deref())?;
            out.put(kind, if *ret { perf_type::KRETPROBE } else { perf_type::KPROBE });
            out.put(&field::offset, *offset);
            out.put(&field::missed, *missed);
            out.put(&field::addr, *addr);
            out.put(&field::cookie, *cookie);
        }
        PerfLinkInfo::Tracepoint { name, cookie } => {
            use bpf_link_info_perf_event_tracepoint as field;
            text(out, call, [&field::tp_name, &field::name_len], Some(name))?;
            out.put(kind, perf_type::TRACEPOINT);
            out.put(&field::cookie, *cookie);
        }
        PerfLinkInfo::Event { kind: of, config, cookie } => {
            use bpf_link_info_perf_event_event as field;
            out.put(&field::r#type, (*of).into());
            out.put(&field::config, *config);
            out.put(&field::cookie, *cookie);
            out.put(kind, perf_type::EVENT);
        }
    }
    Ok(())
}

/// Writes numbers of eight bytes to where the caller has room for them, if it has.
fn numbers(call: &mut Call<'_>, addr: u64, list: impl Iterator<Item = u64>) -> Result<(), Errno> {
    if addr == 0 {
        return Ok(());
    }
    let bytes: Vec<u8> = list.flat_map(u64::to_le_bytes).collect();
    call.write(addr, &bytes)
}

fn kprobe_multi(
    out: &mut Info,
    call: &mut Call<'_>,
    functions: &[(String, u64, u64)],
    flags: u32,
    missed: u64,
) -> Result<(), Errno> {
    use layout::bpf_link_info_kprobe_multi as field;
    let [addrs, cookies] = [field::addrs, field::cookies].map(|it| out.get(&it));
    let room = out.get(&field::count) as usize;
    if (addrs == 0) != (room == 0) || (cookies != 0 && room == 0) {
        return Err(Errno::EINVAL);
    }
    out.put(&field::count, functions.len() as u64);
    out.put(&field::flags, flags.into());
    out.put(&field::missed, missed);
    if addrs == 0 {
        return Ok(());
    }
    numbers(call, cookies, functions.iter().take(room).map(|it| it.2))?;
    numbers(call, addrs, functions.iter().take(room).map(|it| it.1))?;
    if room < functions.len() { Err(Errno::ENOSPC) } else { Ok(()) }
}

fn uprobe_multi(
    out: &mut Info,
    call: &mut Call<'_>,
    path: &str,
    probes: &[(u64, u64, u64)],
    [flags, pid]: [u32; 2],
) -> Result<(), Errno> {
    use layout::bpf_link_info_uprobe_multi as field;
    let [to, offsets, counters, cookies] =
        [field::path, field::offsets, field::ref_ctr_offsets, field::cookies].map(|it| out.get(&it));
    let (size, room) = (out.get(&field::path_size) as u32, out.get(&field::count) as usize);
    let lists = offsets != 0 || counters != 0 || cookies != 0;
    if (to == 0) != (size == 0) || (lists && room == 0) {
        return Err(Errno::EINVAL);
    }
    out.put(&field::count, probes.len() as u64);
    out.put(&field::flags, flags.into());
    out.put(&field::pid, pid.into());
    // A path that does not fit is not cut (`d_path`).
    let size = if size == 0 { MAX_PATH } else { size.min(MAX_PATH) };
    if path.len() as u32 >= size {
        return Err(Errno::ENAMETOOLONG);
    }
    if to != 0 {
        call.put_text(to, size, path.as_bytes())?;
    }
    out.put(&field::path_size, path.len() as u64 + 1);
    if !lists {
        return Ok(());
    }
    numbers(call, offsets, probes.iter().take(room).map(|it| it.0))?;
    numbers(call, counters, probes.iter().take(room).map(|it| it.1))?;
    numbers(call, cookies, probes.iter().take(room).map(|it| it.2))?;
    if room < probes.len() { Err(Errno::ENOSPC) } else { Ok(()) }
}
