//! `BPF_LINK_CREATE`, `BPF_LINK_UPDATE` and `BPF_LINK_DETACH` (`kernel/bpf/syscall.c`).

use super::Call;
use crate::links::{
    Functions, IterLink, KprobeMulti, LinkCreate, LinkWith, Lists, UprobeMulti, Wants, check_kprobe_multi,
    check_uprobe_multi,
};
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::{
    link_create, link_create_cgroup, link_create_kprobe_multi, link_create_netfilter, link_create_perf_event,
    link_create_tracing, link_create_uprobe_multi, link_detach, link_update,
};
use skep_maps::ObjRef;

/// The longest name of a kernel symbol with its NUL (`KSYM_NAME_LEN`).
const MAX_SYMBOL: usize = 512;
/// The longest path with its NUL (`PATH_MAX`).
const MAX_PATH: usize = 4096;
/// `sizeof(union bpf_iter_link_info)`.
const ITER_LINK: usize = 16;

/// `BPF_LINK_CREATE`.
pub(super) fn create(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let attach_type = call.u32(&link_create::attach_type);
    let (wants, prog) = sys.core.link_wants(call.fd(&link_create::prog_fd), attach_type)?;
    let create = LinkCreate {
        prog: call.fd(&link_create::prog_fd),
        target: call.u32(&link_create::target_fd),
        attach_type,
        flags: call.u32(&link_create::flags),
        with: with(sys, call, wants, prog)?,
    };
    sys.link_create(&create).map(|fd| fd.0)
}

/// What the kind of link wants to know beside.
fn with(sys: &mut Sys<'_>, call: &mut Call<'_>, wants: Wants, prog: ObjRef) -> Result<LinkWith, Errno> {
    Ok(match wants {
        // The fields of all three are the same.
        Wants::Cgroup | Wants::Tcx { .. } | Wants::Netkit { .. } => LinkWith::Relative {
            relative: call.u32(&link_create_cgroup::relative_fd),
            expected_revision: call.u64(&link_create_cgroup::expected_revision),
        },
        Wants::Func | Wants::RawTracepoint => LinkWith::Tracing {
            target_btf_id: call.u32(&link_create_tracing::target_btf_id),
            cookie: call.u64(&link_create_tracing::cookie),
        },
        Wants::PerfEvent => LinkWith::PerfEvent { cookie: call.u64(&link_create_perf_event::bpf_cookie) },
        Wants::Netfilter => LinkWith::Netfilter {
            pf: call.u32(&link_create_netfilter::pf),
            hooknum: call.u32(&link_create_netfilter::hooknum),
            priority: call.i32(&link_create_netfilter::priority),
            flags: call.u32(&link_create_netfilter::flags),
        },
        Wants::KprobeMulti => LinkWith::KprobeMulti(kprobe_multi(sys, call, prog)?),
        Wants::UprobeMulti => LinkWith::UprobeMulti(uprobe_multi(sys, call, prog)?),
        Wants::Iter => LinkWith::Iter(iter(call)?),
        Wants::Netns(_) | Wants::Sockmap(_) | Wants::Xdp | Wants::StructOps => LinkWith::Nothing,
    })
}

/// Numbers of eight bytes; none if the address is 0.
fn numbers(call: &mut Call<'_>, addr: u64, count: usize) -> Result<Vec<u64>, Errno> {
    if addr == 0 {
        return Ok(Vec::new());
    }
    let bytes = call.read(addr, count * 8)?;
    let number = |chunk: &[u8]| chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    Ok(bytes.chunks_exact(8).map(number).collect())
}

fn kprobe_multi(sys: &Sys<'_>, call: &mut Call<'_>, prog: ObjRef) -> Result<KprobeMulti, Errno> {
    use link_create_kprobe_multi as field;
    let flags = call.u32(&field::flags);
    let [syms, addrs, cookies] = [field::syms, field::addrs, field::cookies].map(|it| call.u64(&it));
    let count = call.u32(&field::cnt) as usize;
    let lists = Lists { count, has: [syms != 0, addrs != 0] };
    check_kprobe_multi(sys.core, prog, call.u32(&link_create::flags), flags, lists)?;
    let cookies = numbers(call, cookies, count)?;
    let functions = if addrs != 0 {
        Functions::Addresses(numbers(call, addrs, count)?)
    } else {
        let names = numbers(call, syms, count)?.into_iter();
        Functions::Names(names.map(|addr| symbol(call, addr)).collect::<Result<_, _>>()?)
    };
    Ok(KprobeMulti { flags, functions, cookies })
}

fn symbol(call: &mut Call<'_>, addr: u64) -> Result<String, Errno> {
    let name = call.text(addr, MAX_SYMBOL)?;
    if name.len() == MAX_SYMBOL { Err(Errno::E2BIG) } else { Ok(String::from_utf8_lossy(&name).into_owned()) }
}

fn uprobe_multi(sys: &Sys<'_>, call: &mut Call<'_>, prog: ObjRef) -> Result<UprobeMulti, Errno> {
    use link_create_uprobe_multi as field;
    let (flags, pid) = (call.u32(&field::flags), call.i32(&field::pid));
    let [path, offsets, counters, cookies] =
        [field::path, field::offsets, field::ref_ctr_offsets, field::cookies].map(|it| call.u64(&it));
    let count = call.u32(&field::cnt) as usize;
    let lists = Lists { count, has: [path != 0, offsets != 0] };
    check_uprobe_multi(sys.core, prog, call.u32(&link_create::flags), flags, pid, lists)?;
    let path = call.text(path, MAX_PATH)?;
    if path.len() == MAX_PATH {
        return Err(Errno::EINVAL);
    }
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    if pid != 0 && !sys.core.is_process(pid as u32) {
        return Err(Errno::ESRCH);
    }
    Ok(UprobeMulti {
        path: String::from_utf8_lossy(&path).into_owned(),
        offsets: numbers(call, offsets, count)?,
        ref_ctr_offsets: numbers(call, counters, count)?,
        cookies: numbers(call, cookies, count)?,
        flags,
        pid: pid as u32,
    })
}

fn iter(call: &mut Call<'_>) -> Result<IterLink, Errno> {
    let (addr, len) = (call.u64(&link_create::iter_info), call.u32(&link_create::iter_info_len) as usize);
    // Both are wrong with an iterator; its program is looked at later.
    let wrong = call.u32(&link_create::target_fd) != 0 || call.u32(&link_create::flags) != 0;
    if wrong || (addr == 0) != (len == 0) {
        return Err(Errno::EINVAL);
    }
    if addr == 0 {
        return Ok(IterLink::default());
    }
    let mut bytes = call.tail_is_zero(addr, ITER_LINK, len)?;
    bytes.resize(ITER_LINK, 0);
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Ok(IterLink { first: word(0), second: word(4), third: u64::from(word(8)) | u64::from(word(12)) << 32 })
}

/// `BPF_LINK_UPDATE`.
pub(super) fn update(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let [link, new, old] =
        [link_update::link_fd, link_update::new_prog_fd, link_update::old_prog_fd].map(|it| call.fd(&it));
    sys.link_update(link, new, call.u32(&link_update::flags), old)?;
    Ok(0)
}

/// `BPF_LINK_DETACH`.
pub(super) fn detach(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    sys.link_detach(call.fd(&link_detach::link_fd))?;
    Ok(0)
}
