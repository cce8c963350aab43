//! Test runs of XDP programs (`bpf_prog_test_run_xdp`).

use super::answer::{self, Answer};
use super::{Call, ETH_HLEN, PAGE, TAILROOM, Test, Times, word};
use crate::context::{MAX_META, PacketCtx};
use crate::fire::Setup;
use crate::kernel::Kernel;
use crate::run::Run;
use skep_abi::attr::test as field;
use skep_abi::ctx::xdp_md;
use skep_abi::{AttachType, Errno};

/// `BPF_F_TEST_XDP_LIVE_FRAMES`.
const LIVE: u32 = 1 << 1;
/// `TEST_XDP_MAX_BATCH`.
const MAX_BATCH: u32 = 256;
/// Bytes of `struct xdp_md`.
const SIZE: usize = 24;
/// `XDP_PACKET_HEADROOM`, and `struct xdp_page_head`.
const HEADROOM: u32 = 256;
const PAGE_HEAD: u32 = 192;
/// The longest packet: what lies in its page and `MAX_SKB_FRAGS` more.
const MAX_FRAGS: u32 = 17;

/// What the caller says of the packet.
struct Shape {
    /// Bytes of metadata in front of it.
    meta: u32,
    /// How much of both lies in one piece.
    linear: u32,
}

pub(super) fn run(kernel: &mut Kernel, call: &mut Call<'_>, test: &Test) -> Result<i32, Errno> {
    let attach = AttachType::from_u32(test.expected_attach_type);
    let (flags, batch) = (call.u32(&field::flags), call.u32(&field::batch_size));
    let live = flags & LIVE != 0;
    if matches!(attach, Some(AttachType::XdpDevmap | AttachType::XdpCpumap)) || flags & !LIVE != 0 {
        return Err(Errno::EINVAL);
    }
    if live && batch > MAX_BATCH {
        return Err(Errno::E2BIG);
    }
    if !live && batch != 0 {
        return Err(Errno::EINVAL);
    }
    let mut ctx = answer::ctx(call, SIZE)?;
    let Shape { meta, linear } = shape(call, ctx.as_deref(), live)?;
    let size = call.u32(&field::data_size_in);
    let data = call.read(call.u64(&field::data_in), linear as usize)?;
    if let Some(ctx) = &ctx {
        device(kernel, ctx)?;
    }
    let frags = fragments(call, linear, size)?;
    let packet = PacketCtx {
        data: [&data[meta as usize..], &frags].concat(),
        meta: data[..meta as usize].to_vec(),
        ctx: ctx.clone().unwrap_or_default(),
        frags: frags.len(),
        ..PacketCtx::default()
    };
    // Frames go their own ways: each run has a packet of its own.
    let run = Run { repeat: call.u32(&field::repeat), carry_over: !live, ..Run::default() };
    let Times { ran, duration } = test.run(kernel, run, Setup::from(crate::Context::from(packet)))?;
    let packet = ran.packet_out.as_deref().unwrap_or_default();
    let (data, left, retval) = match live {
        true => ([data, frags].concat(), 0, 0),
        false => ([&ran.meta_out[..], packet].concat(), ran.frags, ran.retval()),
    };
    if let Some(ctx) = &mut ctx {
        let meta = if live { meta } else { ran.meta_out.len() as u32 };
        let end = (data.len() - left) as u32;
        ctx[xdp_md::data.range()].copy_from_slice(&meta.to_le_bytes());
        ctx[xdp_md::data_end.range()].copy_from_slice(&end.to_le_bytes());
    }
    answer::finish(call, &Answer { data: &data, frags: left, retval, duration })?;
    answer::finish_ctx(call, ctx.as_deref())
}

/// Where metadata and packet lie in what the caller gives.
fn shape(call: &Call<'_>, ctx: Option<&[u8]>, live: bool) -> Result<Shape, Errno> {
    let size = call.u32(&field::data_size_in);
    let (mut meta, mut linear, mut headroom) = (0, size, HEADROOM);
    if let Some(ctx) = ctx {
        let at = |field: &skep_abi::ctx::Field| word(ctx, field.offset);
        let (start, end) = (at(&xdp_md::data), at(&xdp_md::data_end));
        let shown = call.u64(&field::data_out) != 0 || call.u64(&field::ctx_out) != 0;
        if at(&xdp_md::data_meta) != 0 || end > size || start > end || live && shown {
            return Err(Errno::EINVAL);
        }
        if !start.is_multiple_of(4) || u64::from(start) > MAX_META {
            return Err(Errno::EINVAL);
        }
        (meta, linear) = (start, end);
        headroom -= meta;
    }
    if live {
        headroom += PAGE_HEAD;
    }
    let most = PAGE - headroom - TAILROOM;
    linear = linear.min(most);
    if live && size > linear || size.wrapping_sub(meta) < ETH_HLEN {
        return Err(Errno::EINVAL);
    }
    Ok(Shape { meta, linear })
}

/// `xdp_convert_md_to_buff`.
fn device(kernel: &Kernel, ctx: &[u8]) -> Result<(), Errno> {
    let at = |field: &skep_abi::ctx::Field| word(ctx, field.offset);
    let (index, queue) = (at(&xdp_md::ingress_ifindex), at(&xdp_md::rx_queue_index));
    if at(&xdp_md::egress_ifindex) != 0 || index == 0 && queue != 0 {
        return Err(Errno::EINVAL);
    }
    if index != 0 {
        kernel.core.net.device(index).ok_or(Errno::ENODEV)?;
        // Devices have one queue.
        if queue != 0 {
            return Err(Errno::EINVAL);
        }
    }
    Ok(())
}

/// The rest of a packet that does not fit into one piece.
fn fragments(call: &mut Call<'_>, linear: u32, size: u32) -> Result<Vec<u8>, Errno> {
    let rest = size.saturating_sub(linear);
    let fits = rest.min(MAX_FRAGS * PAGE);
    let bytes = call.read(call.u64(&field::data_in).wrapping_add(linear.into()), fits as usize)?;
    if rest > fits { Err(Errno::ENOMEM) } else { Ok(bytes) }
}
