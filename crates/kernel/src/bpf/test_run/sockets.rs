//! Test runs of programs that take flows apart, choose sockets, and filter.

use super::answer::{self, Answer};
use super::{Call, ETH_HLEN, PAGE, SKB_HEADROOM, TAILROOM, Test, Times, is_zero, word};
use crate::context::{Context, PacketCtx, StructCtx};
use crate::fire::Setup;
use crate::kernel::Kernel;
use crate::run::Run;
use skep_abi::attr::test as field;
use skep_abi::ctx::bpf_sk_lookup;
use skep_abi::structs::bpf_flow_keys;
use skep_abi::{Errno, structs};

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
/// Bytes of `struct bpf_sk_lookup`.
const LOOKUP: usize = 72;
/// `SK_DROP`, `SK_PASS`.
const DROP: u32 = 0;
const PASS: u32 = 1;
/// Bytes of `struct nf_hook_state`, and where it says `hook` and `pf`.
const HOOK_STATE: usize = 48;
/// `NFPROTO_IPV4`, `NFPROTO_IPV6`, `NF_INET_LOCAL_OUT`.
const IPV4: u8 = 2;
const IPV6: u8 = 10;
const LOCAL_OUT: u8 = 3;

/// Whether attributes that such runs do not have are left out.
fn plain(call: &Call<'_>) -> Result<(), Errno> {
    let used = [&field::flags, &field::cpu, &field::batch_size].iter().any(|it| call.u32(it) != 0);
    if used { Err(Errno::EINVAL) } else { Ok(()) }
}

/// `bpf_prog_test_run_flow_dissector`.
pub(super) fn flow_dissector(kernel: &mut Kernel, call: &mut Call<'_>, test: &Test) -> Result<i32, Errno> {
    plain(call)?;
    let size = call.u32(&field::data_size_in);
    if size < ETH_HLEN {
        return Err(Errno::EINVAL);
    }
    let data = answer::packet(call, size, PAGE)?;
    let len = structs::bpf_flow_keys::LAYOUT.size;
    let ctx = answer::ctx(call, len)?;
    let mut flags = 0;
    if let Some(ctx) = &ctx {
        let at = bpf_flow_keys::flags.range();
        if !is_zero(&ctx[..at.start]) || !is_zero(&ctx[at.end..]) {
            return Err(Errno::EINVAL);
        }
        flags = word(ctx, at.start);
    }
    let run = Run { repeat: call.u32(&field::repeat), ..Run::default() };
    let setup =
        Setup { flow_flags: flags, ..Setup::from(Context::from(PacketCtx { data, ..PacketCtx::default() })) };
    let Times { ran, duration } = test.run(kernel, run, setup)?;
    let mut keys = ran.packet_out.clone().unwrap_or_default();
    keys.resize(len, 0);
    clamp(&mut keys, size);
    answer::finish(call, &Answer { data: &keys, frags: 0, retval: ran.retval(), duration })?;
    answer::finish_ctx(call, ctx.as_deref())
}

/// Offsets stay in the packet (`bpf_flow_dissect`).
fn clamp(keys: &mut [u8], size: u32) {
    let mut least = ETH_HLEN as u16;
    let most = u16::try_from(size).unwrap_or(u16::MAX);
    for field in [&bpf_flow_keys::nhoff, &bpf_flow_keys::thoff] {
        let range = field.range();
        let given = u16::from_le_bytes([keys[range.start], keys[range.start + 1]]);
        let value = given.max(least).min(most);
        keys[range].copy_from_slice(&value.to_le_bytes());
        least = value;
    }
}

/// `bpf_prog_test_run_sk_lookup`.
pub(super) fn sk_lookup(kernel: &mut Kernel, call: &mut Call<'_>, test: &Test) -> Result<i32, Errno> {
    plain(call)?;
    let data = call.u64(&field::data_in) != 0 || call.u64(&field::data_out) != 0;
    if data || call.u32(&field::data_size_in) != 0 || call.u32(&field::data_size_out) != 0 {
        return Err(Errno::EINVAL);
    }
    let mut ctx = answer::ctx(call, LOOKUP)?.ok_or(Errno::EINVAL)?;
    let end = bpf_sk_lookup::local_port.range().end;
    if !is_zero(&ctx[bpf_sk_lookup::sk.range()]) || !is_zero(&ctx[end..]) {
        return Err(Errno::EINVAL);
    }
    if word(&ctx, bpf_sk_lookup::local_port.offset) > u32::from(u16::MAX) {
        return Err(Errno::ERANGE);
    }
    let family = word(&ctx, bpf_sk_lookup::family.offset) & 0xffff;
    if family != AF_INET && family != AF_INET6 {
        return Err(Errno::EAFNOSUPPORT);
    }
    let run = Run { repeat: call.u32(&field::repeat), ..Run::default() };
    let seen = Context::Struct(StructCtx { bytes: seen(&ctx, family), data: Vec::new() });
    let Times { ran, duration } = test.run(kernel, run, Setup::from(seen))?;
    let chosen = ran.ctx("sk").filter(|it| *it != 0);
    let retval = if chosen.is_some() || ran.retval() == PASS { PASS } else { DROP };
    let socket = chosen.and_then(|addr| kernel.core.sockets.at(&kernel.memory, addr));
    let cookie = socket.map_or(0, |it| it.cookie);
    ctx[bpf_sk_lookup::cookie.range()].copy_from_slice(&cookie.to_le_bytes());
    answer::finish(call, &Answer { data: &[], frags: 0, retval, duration })?;
    answer::finish_ctx(call, Some(&ctx))
}

/// What the program sees: addresses of the family alone, and numbers of 16 bits.
fn seen(ctx: &[u8], family: u32) -> Vec<u8> {
    let mut bytes = ctx.to_vec();
    let mut put = |field: &skep_abi::ctx::Field, value: u32| {
        bytes[field.range()].copy_from_slice(&value.to_le_bytes()[..field.size()]);
    };
    put(&bpf_sk_lookup::family, family);
    put(&bpf_sk_lookup::protocol, word(ctx, bpf_sk_lookup::protocol.offset) & 0xffff);
    let gone: &[&skep_abi::ctx::Field] = match family {
        AF_INET => &[&bpf_sk_lookup::remote_ip6, &bpf_sk_lookup::local_ip6],
        _ => &[&bpf_sk_lookup::remote_ip4, &bpf_sk_lookup::local_ip4],
    };
    for field in gone {
        bytes[field.range()].fill(0);
    }
    bytes
}

/// `bpf_prog_test_run_nf`.
pub(super) fn netfilter(kernel: &mut Kernel, call: &mut Call<'_>, test: &Test) -> Result<i32, Errno> {
    const IP_HEADER: u32 = 20;
    const IPV6_HEADER: u32 = 40;
    plain(call)?;
    let size = call.u32(&field::data_size_in);
    if size < IP_HEADER {
        return Err(Errno::EINVAL);
    }
    let data = answer::packet(call, size, PAGE - SKB_HEADROOM - TAILROOM)?;
    let ctx = answer::ctx(call, HOOK_STATE)?;
    let (mut hook, mut pf) = (LOCAL_OUT, IPV4);
    if let Some(ctx) = &ctx {
        // `hook` and `pf`, then `in`, `out`, `sk`, `net`, `okfn`, which are the kernel's.
        if !is_zero(&ctx[8..]) || !matches!(ctx[1], IPV4 | IPV6) {
            return Err(Errno::EINVAL);
        }
        (hook, pf) = (ctx[0], ctx[1]);
    }
    if hook != LOCAL_OUT {
        let proto = u16::from_be_bytes([data[12], data[13]]);
        match (proto, pf) {
            _ if size < ETH_HLEN + IP_HEADER => return Err(Errno::EINVAL),
            (0x0800, IPV4) => {}
            (0x86dd, IPV6) if size >= ETH_HLEN + IPV6_HEADER => {}
            (0x0800 | 0x86dd, _) => return Err(Errno::EINVAL),
            _ => return Err(Errno::EPROTO),
        }
    }
    let run = Run { repeat: call.u32(&field::repeat), ..Run::default() };
    let Times { ran, duration } = test.run(kernel, run, Setup::from(Context::None))?;
    answer::finish(call, &Answer { data: &[], frags: 0, retval: ran.retval(), duration })?;
    Ok(0)
}
