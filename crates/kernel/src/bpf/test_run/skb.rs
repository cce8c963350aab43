//! Test runs of programs that see a `struct __sk_buff` (`bpf_prog_test_run_skb`).

use super::answer::{self, Answer};
use super::{Call, ETH_HLEN, PAGE, SKB_HEADROOM, TAILROOM, Test, Times, is_zero, word};
use crate::context::PacketCtx;
use crate::fire::Setup;
use crate::kernel::Kernel;
use crate::run::{Ran, Run};
use skep_abi::attr::test as field;
use skep_abi::ctx::{Field, sk_buff};
use skep_abi::{Errno, ProgType};

/// `BPF_F_TEST_SKB_CHECKSUM_COMPLETE`.
const CHECKSUM_COMPLETE: u32 = 1 << 2;
/// Bytes of `struct __sk_buff`.
const SIZE: usize = 192;
/// The longest packet (`GSO_LEGACY_MAX_SIZE`), and the most segments (`GSO_MAX_SEGS`).
const MAX_LEN: u32 = 65_536;
const MAX_SEGS: u32 = 65_535;
/// `ETH_P_IP`, `ETH_P_IPV6`, and the least bytes of their headers.
const HEADERS: [(u16, usize); 2] = [(0x0800, 20), (0x86dd, 40)];

/// The fields that the caller may set, in the order of the struct; all else has to be zero.
const INPUT: [&Field; 10] = [
    &sk_buff::mark,
    &sk_buff::priority,
    &sk_buff::ingress_ifindex,
    &sk_buff::ifindex,
    &sk_buff::cb,
    &sk_buff::tstamp,
    &sk_buff::wire_len,
    &sk_buff::gso_segs,
    &sk_buff::gso_size,
    &sk_buff::hwtstamp,
];

/// The fields that the caller is told; the others are as they were put in (`convert_skb_to___skb`).
const OUTPUT: [&Field; 9] = [
    &sk_buff::mark,
    &sk_buff::priority,
    &sk_buff::ingress_ifindex,
    &sk_buff::ifindex,
    &sk_buff::tstamp,
    &sk_buff::cb,
    &sk_buff::wire_len,
    &sk_buff::gso_segs,
    &sk_buff::hwtstamp,
];

pub(super) fn run(kernel: &mut Kernel, call: &mut Call<'_>, test: &Test) -> Result<i32, Errno> {
    let flags = call.u32(&field::flags);
    let size = call.u32(&field::data_size_in);
    if flags & !CHECKSUM_COMPLETE != 0 || call.u32(&field::cpu) != 0 || call.u32(&field::batch_size) != 0 {
        return Err(Errno::EINVAL);
    }
    if size < ETH_HLEN {
        return Err(Errno::EINVAL);
    }
    let data = answer::packet(call, size, PAGE - SKB_HEADROOM - TAILROOM)?;
    let mut ctx = answer::ctx(call, SIZE)?;
    let device = ctx.as_ref().map_or(0, |it| word(it, sk_buff::ifindex.offset));
    if device > 1 && kernel.core.net.device(device).is_none() {
        return Err(Errno::ENODEV);
    }
    let proto = u16::from_be_bytes([data[12], data[13]]);
    let header = HEADERS.iter().find(|it| it.0 == proto).map_or(0, |it| it.1);
    if data.len() - (ETH_HLEN as usize) < header {
        return Err(Errno::EINVAL);
    }
    let link = matches!(test.prog_type, ProgType::SchedCls | ProgType::SchedAct);
    let len = if link { size } else { size - ETH_HLEN };
    if let Some(ctx) = &ctx {
        check(ctx, len)?;
    }
    let packet =
        PacketCtx { data, ctx: ctx.clone().unwrap_or_default(), link_header: false, ..PacketCtx::default() };
    let run = Run { repeat: call.u32(&field::repeat), carry_over: true, ..Run::default() };
    let setup = Setup { no_wire_len: ctx.is_none(), ..Setup::from(crate::Context::from(packet)) };
    let Times { ran, duration } = test.run(kernel, run, setup)?;
    if let Some(ctx) = &mut ctx {
        tell(ctx, &ran);
    }
    let packet = ran.packet_out.as_deref().unwrap_or_default();
    let pulled = if link { 0 } else { ETH_HLEN as usize };
    let data = [&vec![0; pulled][..], packet].concat();
    answer::finish(call, &Answer { data: &data, frags: 0, retval: ran.retval(), duration })?;
    answer::finish_ctx(call, ctx.as_deref())
}

/// `convert___skb_to_skb`.
fn check(ctx: &[u8], len: u32) -> Result<(), Errno> {
    let mut at = 0;
    for field in INPUT {
        if !is_zero(&ctx[at..field.offset]) {
            return Err(Errno::EINVAL);
        }
        at = field.offset + field.size();
    }
    let wire = word(ctx, sk_buff::wire_len.offset);
    let segments = word(ctx, sk_buff::gso_segs.offset);
    let bad = !is_zero(&ctx[at..]) || wire != 0 && !(len..=MAX_LEN).contains(&wire) || segments > MAX_SEGS;
    if bad { Err(Errno::EINVAL) } else { Ok(()) }
}

/// Writes what the program left in its context over what was put in.
fn tell(ctx: &mut [u8], ran: &Ran) {
    for field in OUTPUT {
        if let Some(bytes) = ran.ctx_out.get(field.range()) {
            ctx[field.range()].copy_from_slice(bytes);
        }
    }
}
