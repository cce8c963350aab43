//! Contexts: what a program finds behind r1, what it may write, and what comes out.

use crate::support::{kernel, load};
use skep_abi::ctx::{sk_buff, xdp_md};
use skep_abi::flags::BPF_F_INGRESS;
use skep_abi::{ProgType, tc, xdp};
use skep_kernel::{Class, Context, Kernel, PacketCtx, PtRegs, Ran, Redirect, Run, RunError};

fn packet() -> PacketCtx {
    PacketCtx::new((0..64).collect())
}

fn run_on(prog_type: ProgType, text: &str, packet: PacketCtx) -> Result<Ran, RunError> {
    let mut kernel = kernel();
    let prog = load(&mut kernel, prog_type, text);
    kernel.run(prog, Run::new(Context::Packet(packet)))
}

fn xdp(text: &str) -> Ran {
    run_on(ProgType::Xdp, text, packet()).unwrap_or_else(|error| panic!("{error}"))
}

fn tc_fault(text: &str) -> String {
    run_on(ProgType::SchedCls, text, packet()).expect_err("a fault").to_string()
}

#[test]
fn verdicts_have_names() {
    assert_eq!(xdp("r0 = 2\nexit").verdict(), Some("XDP_PASS"));
    assert_eq!(xdp("r0 = 77\nexit").verdict(), None);
    let ran = run_on(ProgType::SchedCls, "r0 = -1\nexit", packet()).unwrap();
    assert_eq!((ran.verdict(), ran.retval()), (Some("TC_ACT_UNSPEC"), u32::MAX));
    assert_eq!(run_on(ProgType::SocketFilter, "r0 = 1\nexit", packet()).unwrap().verdict(), None);
}

/// The packet lies below 2^31, and begins where the context says.
#[test]
fn packet_pointers() {
    let ran = xdp("r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = *(u32 *)(r1 + 8)\nr0 = r3\nr0 -= r2
                   r4 -= r2\nr0 += r4\nexit");
    assert_eq!(ran.r0, 64);
    let ran = xdp("r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 63)\n*(u8 *)(r2 + 0) = 9\nexit");
    assert_eq!(ran.r0, 63);
    let mut expected = packet().data;
    expected[0] = 9;
    assert_eq!(ran.packet_out, Some(expected));
}

#[test]
fn a_byte_past_the_packet() {
    for (text, what) in [
        ("r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 64)\nexit", "past the end"),
        ("r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 - 1)\nexit", "before"),
        ("r2 = *(u32 *)(r1 + 4)\n*(u16 *)(r2 - 1) = 0\nexit", "past the end"),
    ] {
        let error = run_on(ProgType::Xdp, text, packet()).unwrap_err();
        assert_eq!(error.class(), Class::ProgramFault);
        let text = error.to_string();
        assert!(text.contains("packet") && text.contains(what), "{text}");
    }
}

/// After the packet moves, the context says so, and the old pointer's bytes are gone.
#[test]
fn adjusting_moves_the_context_along() {
    let grown =
        "r6 = r1\nr7 = *(u32 *)(r1 + 0)\nr2 = -8\ncall 44\nr1 = *(u32 *)(r6 + 0)\n*(u64 *)(r1 + 0) = 0x55
                 r0 = r7\nr0 -= r1\nexit";
    let ran = xdp(grown);
    assert_eq!(ran.r0, 8);
    let out = ran.packet_out.unwrap();
    assert_eq!((out.len(), &out[..9]), (72, &[0x55, 0, 0, 0, 0, 0, 0, 0, 0][..]));
    let shrunk = "r6 = r1\nr7 = *(u32 *)(r1 + 4)\nr2 = -8\ncall 65\nr0 = *(u8 *)(r7 - 1)\nexit";
    let error = run_on(ProgType::Xdp, shrunk, packet()).unwrap_err().to_string();
    assert!(error.contains("past the end"), "{error}");
}

#[test]
fn metadata_is_in_front_of_the_packet() {
    let text =
        "r6 = *(u32 *)(r1 + 8)\nr7 = *(u32 *)(r1 + 0)\nr0 = *(u32 *)(r6 + 0)\n*(u32 *)(r6 + 4) = 5\nr7 -= r6
                r7 <<= 32\nr0 |= r7\nexit";
    let ran = run_on(ProgType::Xdp, text, packet().with_meta(vec![1, 2, 3, 4, 0, 0, 0, 0])).unwrap();
    assert_eq!(ran.r0, 8 << 32 | 0x0403_0201);
    assert_eq!(ran.meta_out, [1, 2, 3, 4, 5, 0, 0, 0]);
    assert_eq!(ran.packet_out, Some(packet().data));
    for meta in [vec![0; 3], vec![0; 220]] {
        let error = run_on(ProgType::Xdp, text, packet().with_meta(meta)).unwrap_err();
        assert_eq!(error.class(), Class::BadInput);
    }
    let error = run_on(ProgType::Xdp, text, PacketCtx::new(vec![0; 13])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bad input: a packet has at least an Ethernet header of 14 bytes, this one has 13"
    );
}

#[test]
fn fields_of_the_callers_choosing() {
    let ctx = packet().with(&xdp_md::ingress_ifindex, 7).with(&xdp_md::rx_queue_index, 3);
    let text = "r0 = *(u32 *)(r1 + 12)\nr2 = *(u32 *)(r1 + 16)\nr0 <<= 8\nr0 |= r2\nexit";
    assert_eq!(run_on(ProgType::Xdp, text, ctx).unwrap().r0, 0x703);
    let ctx = packet()
        .with(&sk_buff::mark, 1)
        .with(&sk_buff::protocol, 0xdd86)
        .with_bytes(&sk_buff::cb, &[0, 0, 0, 0, 2])
        .with(&sk_buff::ifindex, 9);
    let text =
        "r0 = *(u32 *)(r1 + 8)\nr2 = *(u32 *)(r1 + 16)\nr0 <<= 16\nr0 |= r2\nr2 = *(u32 *)(r1 + 52)\nr0 <<= 8
                r0 |= r2\nr2 = *(u32 *)(r1 + 40)\nr0 <<= 8\nr0 |= r2\nexit";
    assert_eq!(run_on(ProgType::SchedCls, text, ctx).unwrap().r0, 0x1_dd86_0209);
}

#[test]
fn the_context_comes_out() {
    let text = "*(u32 *)(r1 + 8) = 0x2a\n*(u32 *)(r1 + 64) = 5\n*(u64 *)(r1 + 152) = 6\nr0 = 0\nexit";
    let ran = run_on(ProgType::SchedCls, text, packet()).unwrap();
    let word = |offset: usize| u32::from_le_bytes(ran.ctx_out[offset..offset + 4].try_into().unwrap());
    assert_eq!((word(8), word(64), word(152), word(0), ran.ctx_out.len()), (0x2a, 5, 6, 64, 192));
}

/// Fields that may not be written, or read, are no part of what the program may touch.
#[test]
fn rights_of_fields() {
    let read_only = tc_fault("*(u32 *)(r1 + 0) = 1\nr0 = 0\nexit");
    assert!(read_only.contains("__sk_buff.len") && read_only.contains("read-only"), "{read_only}");
    let hidden = tc_fault("r0 = *(u32 *)(r1 + 88)\nexit");
    assert!(hidden.contains("context"), "{hidden}");
    let across = tc_fault("r0 = *(u64 *)(r1 + 0)\nexit");
    assert!(across.contains("__sk_buff.len"), "{across}");
    let past = tc_fault("r0 = *(u32 *)(r1 + 192)\nexit");
    assert!(past.contains("context"), "{past}");
    // A socket filter has no packet pointers; a classifier has.
    let text = "r0 = *(u32 *)(r1 + 76)\nexit";
    assert!(run_on(ProgType::SchedCls, text, packet()).is_ok());
    assert_eq!(run_on(ProgType::SocketFilter, text, packet()).unwrap_err().class(), Class::ProgramFault);
}

#[test]
fn a_socket_filter_begins_at_the_ethernet_header_or_behind_it() {
    let text = "r6 = r1\nr0 = *(u8 *)skb[0]\nr7 = r0\nr0 = *(u32 *)(r6 + 0)\nr0 <<= 8\nr0 |= r7\nexit";
    assert_eq!(run_on(ProgType::SocketFilter, text, packet()).unwrap().r0, 64 << 8);
    let pulled = PacketCtx { link_header: false, ..packet() };
    assert_eq!(run_on(ProgType::SocketFilter, text, pulled).unwrap().r0, 50 << 8 | 14);
}

#[test]
fn redirects() {
    let text = |flags: u64| format!("r1 = 4\nr2 = {flags}\ncall 23\nexit");
    let ran = xdp(&text(0));
    assert_eq!(ran.r0, u64::from(xdp::XDP_REDIRECT));
    assert_eq!(ran.redirect, Some(Redirect { ifindex: 4, ..Redirect::default() }));
    assert_eq!(xdp(&text(1)).redirect, None);
    let ran = run_on(ProgType::SchedCls, &text(BPF_F_INGRESS), packet()).unwrap();
    assert_eq!(ran.retval() as i32, tc::TC_ACT_REDIRECT);
    assert_eq!(ran.redirect, Some(Redirect { ifindex: 4, flags: BPF_F_INGRESS, ..Redirect::default() }));
}

/// Runs one after the other see the same packet, or, as the kernel has it, what the one before left.
#[test]
fn repeating() {
    let text = "r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 0)\nr0 += 1\n*(u8 *)(r2 + 0) = r0\nr6 = r0\nr2 = -1\ncall 65
                r0 = r6\nexit";
    let mut kernel = kernel();
    let prog = load(&mut kernel, ProgType::Xdp, text);
    let run = |carry_over| Run { repeat: 5, carry_over, ..Run::new(Context::Packet(packet())) };
    let ran = kernel.run(prog, run(false)).unwrap();
    assert_eq!((ran.r0, ran.packet_out.unwrap().len()), (1, 63));
    let ran = kernel.run(prog, run(true)).unwrap();
    assert_eq!((ran.r0, ran.packet_out.unwrap().len()), (5, 59));
}

#[test]
fn other_contexts() {
    let mut kernel = kernel();
    let mut r0 = |prog_type, ctx, text: &str| {
        let prog = load(&mut kernel, prog_type, text);
        kernel.run(prog, Run::new(ctx)).map(|it| it.r0).map_err(|error| error.class())
    };
    let regs = || Context::Regs(PtRegs { rsp: 0x1234, ..PtRegs::call(&[11, 22, 33, 44, 55, 66]) });
    // The second argument, and the stack pointer.
    assert_eq!(r0(ProgType::Kprobe, regs(), "r0 = *(u64 *)(r1 + 104)\nexit"), Ok(22));
    assert_eq!(r0(ProgType::Kprobe, regs(), "r0 = *(u64 *)(r1 + 152)\nexit"), Ok(0x1234));
    assert_eq!(r0(ProgType::Kprobe, regs(), "*(u64 *)(r1 + 0) = 0\nexit"), Err(Class::ProgramFault));
    assert_eq!(r0(ProgType::Kprobe, regs(), "r0 = *(u64 *)(r1 + 168)\nexit"), Err(Class::ProgramFault));
    let raw = || Context::Raw(vec![5, 6]);
    assert_eq!(r0(ProgType::RawTracepoint, raw(), "r0 = *(u64 *)(r1 + 8)\nexit"), Ok(6));
    assert_eq!(r0(ProgType::RawTracepoint, raw(), "r0 = *(u64 *)(r1 + 16)\nexit"), Err(Class::ProgramFault));
    let record = || Context::Record((0..32).collect());
    assert_eq!(r0(ProgType::Tracepoint, record(), "r0 = *(u32 *)(r1 + 8)\nexit"), Ok(0x0b0a_0908));
    let bytes = || Context::Bytes(vec![1; 8]);
    assert_eq!(r0(ProgType::Syscall, bytes(), "*(u8 *)(r1 + 7) = 9\nr0 = *(u8 *)(r1 + 7)\nexit"), Ok(9));
    assert_eq!(r0(ProgType::Xdp, Context::None, "r0 = r1\nexit"), Ok(0));
    assert_eq!(r0(ProgType::Xdp, regs(), "r0 = 0\nexit"), Err(Class::BadInput));
    assert_eq!(r0(ProgType::Kprobe, Context::Packet(packet()), "r0 = 0\nexit"), Err(Class::BadInput));
    assert_eq!(r0(ProgType::Tracepoint, raw(), "r0 = 0\nexit"), Err(Class::BadInput));
}

/// Helpers of one kind of packet do not work on the other, nor without a context.
#[test]
fn the_wrong_context_for_a_helper() {
    let error = run_on(ProgType::SchedCls, "r2 = 0\ncall 44\nexit", packet()).unwrap_err().to_string();
    assert!(
        error.contains("bpf_xdp_adjust_head, argument 1 (xdp_md)") && error.contains("no struct xdp_md"),
        "{error}"
    );
    let error = run_on(ProgType::Xdp, "r2 = 0\ncall 39\nexit", packet()).unwrap_err().to_string();
    assert!(error.contains("is no struct __sk_buff"), "{error}");
    let error = run_on(ProgType::Xdp, "r1 = r10\nr2 = 0\ncall 44\nexit", packet()).unwrap_err().to_string();
    assert!(error.contains("is not the program's context"), "{error}");
}

/// Nothing of a run is left in memory.
#[test]
fn runs_leave_nothing_behind() {
    let mut kernel: Kernel = kernel();
    let xdp = load(&mut kernel, ProgType::Xdp, "r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 100)\nexit");
    let probe = load(&mut kernel, ProgType::Kprobe, "r0 = 0\nexit");
    let mut counts = Vec::new();
    for _ in 0..3 {
        let _ = kernel.run(xdp, Run::new(Context::Packet(packet())));
        kernel.run(probe, Run::new(Context::Regs(PtRegs::default()))).unwrap();
        counts.push(kernel.memory().objects().len());
    }
    assert_eq!(counts[0], counts[2]);
}

/// A packet that outgrows its place moves; the old place is gone.
#[test]
fn a_packet_that_moves() {
    let grow = "r6 = r1\nr7 = *(u32 *)(r1 + 76)\nr2 = 9000\nr3 = 0\ncall 38\nr8 = *(u32 *)(r6 + 76)\n";
    let text = format!("{grow}r0 = *(u8 *)(r8 + 5)\nr1 = *(u32 *)(r6 + 0)\nr0 <<= 16\nr0 |= r1\nexit");
    let ran = run_on(ProgType::SchedCls, &text, packet()).unwrap();
    assert_eq!((ran.r0, ran.packet_out.as_ref().map(Vec::len)), (5 << 16 | 9000, Some(9000)));
    let stale = run_on(ProgType::SchedCls, &format!("{grow}r0 = *(u8 *)(r7 + 5)\nexit"), packet());
    assert_eq!(stale.unwrap_err().class(), Class::ProgramFault);
    // Runs that are repeated start from the packet that was given.
    let mut kernel = kernel();
    let prog = load(&mut kernel, ProgType::SchedCls, &text);
    for _ in 0..2 {
        let ran = kernel.run(prog, Run { repeat: 3, ..Run::new(Context::Packet(packet())) }).unwrap();
        assert_eq!(ran.r0, 5 << 16 | 9000);
    }
}
