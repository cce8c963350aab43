//! Messages, TCP options, socket options and sysctls: what programs on sockets and cgroups do to them.

use crate::support::{asm, kernel};
use skep_abi::ctx::{bpf_sock_ops, bpf_sysctl};
use skep_abi::{AttachType, Errno, ProgType};
use skep_kernel::{Context, Device, Kernel, NetSocket, ProgLoad, Ran, Run, RunError, StructCtx, Sysctl};

fn run(
    kernel: &mut Kernel,
    prog_type: ProgType,
    attach: AttachType,
    text: &str,
    ctx: StructCtx,
) -> Result<Ran, RunError> {
    let load =
        ProgLoad { expected_attach_type: attach as u32, ..ProgLoad::new("test", prog_type, asm(text)) };
    let prog = kernel.prog_load(load).unwrap_or_else(|error| panic!("{error}"));
    kernel.run(prog, Run::new(Context::Struct(ctx)))
}

fn on_message(text: &str) -> Ran {
    let ctx = StructCtx { bytes: Vec::new(), data: (0..16).collect() };
    run(&mut kernel(), ProgType::SkMsg, AttachType::SkMsgVerdict, text, ctx)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn messages_grow_and_shrink() {
    let show = "r2 = *(u64 *)(r6 + 0)\nr0 = *(u64 *)(r6 + 8)\nr0 -= r2\nr1 = *(u32 *)(r6 + 68)\nr0 <<= 32\nr0 |= r1\nexit";
    let ran = on_message(&format!("r6 = r1\nr2 = 4\nr3 = 3\nr4 = 0\ncall 90\n{show}"));
    let expected: Vec<u8> = (0..4).chain([0; 3]).chain(4..16).collect();
    assert_eq!((ran.r0, ran.packet_out.unwrap()), (19 << 32 | 19, expected));
    let ran = on_message(&format!("r6 = r1\nr2 = 4\nr3 = 10\nr4 = 0\ncall 91\n{show}"));
    assert_eq!((ran.r0, ran.packet_out.unwrap()), (6 << 32 | 6, vec![0, 1, 2, 3, 14, 15]));
    // What is pulled is what can be seen; the message stays.
    let ran = on_message(&format!("r6 = r1\nr2 = 4\nr3 = 6\nr4 = 0\ncall 63\n{show}"));
    assert_eq!((ran.r0, ran.packet_out.unwrap().len()), (2 << 32 | 16, 16));
    let pulled = "r6 = r1\nr2 = 4\nr3 = 6\nr4 = 0\ncall 63\nr1 = *(u64 *)(r6 + 0)\nr0 = *(u8 *)(r1 + 1)\n*(u8 *)(r1 + 1) = 99\nexit";
    let ran = on_message(pulled);
    assert_eq!((ran.r0, ran.packet_out.unwrap()[5]), (5, 99));
}

#[test]
fn messages_and_wrong_arguments() {
    for (helper, start, len, flags, answer) in [
        (90, 17, 1, 0, Errno::EINVAL.neg()),
        (90, 16, 1, 0, 0),
        (90, 0, 0, 0, 0),
        (90, 0, 1, 1, Errno::EINVAL.neg()),
        (90, 0, 100_000, 0, Errno::ENOMEM.neg()),
        (90, 0, 4096, 0, 0),
        (91, 16, 1, 0, Errno::EINVAL.neg()),
        (91, 0, 17, 0, Errno::EINVAL.neg()),
        (91, 0, 16, 0, 0),
        (91, 99, 0, 0, 0),
        (63, 4, 4, 0, Errno::EINVAL.neg()),
        (63, 4, 17, 0, Errno::EINVAL.neg()),
        (63, 4, 16, 1, Errno::EINVAL.neg()),
    ] {
        let ran = on_message(&format!("r2 = {start}\nr3 = {len}\nr4 = {flags}\ncall {helper}\nexit"));
        assert_eq!(ran.r0 as i64, answer, "{helper} {start} {len} {flags}");
    }
    let ran = on_message("r6 = r1\nr2 = 5\ncall 61\nr1 = r6\nr2 = 7\ncall 62\nexit");
    assert_eq!((ran.net.apply_bytes, ran.net.cork_bytes), (Some(5), Some(7)));
}

/// A message does not grow for ever.
#[test]
fn the_longest_message() {
    let push = "r1 = r6\nr2 = 0\nr3 = 3000\nr4 = 0\ncall 90\n";
    let pop = "r1 = r6\nr2 = 0\nr3 = 16\nr4 = 0\ncall 91\n";
    let ran = on_message(&format!("r6 = r1\n{pop}{push}r7 = r0\n{push}r0 += r7\nexit"));
    assert_eq!((ran.r0 as i64, ran.packet_out.unwrap().len()), (Errno::ENOMEM.neg(), 3000));
}

/// Pushing and popping at random is what splicing bytes is.
#[test]
fn pushing_and_popping_are_splicing() {
    let (mut seed, mut text, mut model) = (7u32, "r6 = r1\n".to_owned(), (0..16).collect::<Vec<u8>>());
    for _ in 0..40 {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let (start, len) = ((seed >> 8) as usize % 20, (seed >> 20) as usize % 6);
        let push = seed >> 30 & 1 == 0;
        text += &format!("r1 = r6\nr2 = {start}\nr3 = {len}\nr4 = 0\ncall {}\n", if push { 90 } else { 91 });
        if push && start <= model.len() {
            model.splice(start..start, std::iter::repeat_n(0, len));
        } else if !push && start < model.len() && start + len <= model.len() {
            model.drain(start..start + len);
        }
    }
    assert_eq!(on_message(&format!("{text}r0 = 1\nexit")).packet_out.unwrap(), model);
}

/// A TCP header with an MSS of 1460 and an experimental option.
fn header() -> Vec<u8> {
    let mut header = vec![0; 20];
    header.extend([2, 4, 5, 0xb4, 253, 4, 0xeb, 0x9f]);
    header
}

fn on_header(op: u32, text: &str) -> Ran {
    let mut bytes = vec![0; bpf_sock_ops::LAYOUT.size];
    bytes[..4].copy_from_slice(&op.to_le_bytes());
    let ctx = StructCtx { bytes, data: header() };
    run(&mut kernel(), ProgType::SockOps, AttachType::CgroupSockOps, text, ctx)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn tcp_options() {
    const PARSE: u32 = 13;
    const LEN: u32 = 14;
    const WRITE: u32 = 15;
    let load = |op: u32, first: u32, len: u32| {
        let text = format!(
            "*(u64 *)(r10 - 8) = 0\n*(u32 *)(r10 - 8) = {first:#x}\nr2 = r10\nr2 += -8\nr3 = {len}\nr4 = 0\ncall 142\nr1 = *(u32 *)(r10 - 8)
             r1 <<= 32\nr0 <<= 32\nr0 >>= 32\nr0 |= r1\nexit"
        );
        let r0 = on_header(op, &text).r0;
        (i64::from(r0 as i32), (r0 >> 32) as u32)
    };
    assert_eq!(load(PARSE, 2, 8), (4, 0xb405_0402));
    assert_eq!(load(PARSE, 2, 3), (Errno::ENOSPC.neg(), 0x05_0402));
    assert_eq!(load(PARSE, 3, 8), (Errno::ENOMSG.neg(), 3));
    assert_eq!(load(PARSE, 0x9feb_04fd, 8), (4, 0x9feb_04fd));
    assert_eq!(load(PARSE, 0x9fec_04fd, 8).0, Errno::ENOMSG.neg());
    assert_eq!(load(PARSE, 0x02fd, 8).0, Errno::EINVAL.neg());
    assert_eq!(load(PARSE, 1, 8).0, Errno::EINVAL.neg());
    assert_eq!(load(LEN, 2, 8).0, Errno::EPERM.neg());
    let store = |op: u32, first: u32, len: u32| {
        let text = format!(
            "*(u64 *)(r10 - 8) = 0\n*(u32 *)(r10 - 8) = {first:#x}\nr2 = r10\nr2 += -8\nr3 = {len}\nr4 = 0\ncall 143\nexit"
        );
        let ran = on_header(op, &text);
        (ran.r0 as i64, ran.packet_out.unwrap().split_off(20))
    };
    let mut longer = header().split_off(20);
    longer.extend([7, 4, 1, 2]);
    assert_eq!(store(WRITE, 0x0201_0407, 4), (0, longer));
    assert_eq!(store(WRITE, 0x0201_0402, 4).0, Errno::EEXIST.neg());
    assert_eq!(store(PARSE, 0x0201_0407, 4).0, Errno::EPERM.neg());
    assert_eq!(store(WRITE, 0x2107, 4).0, Errno::EINVAL.neg());
    let reserve = |op: u32, len: u32| on_header(op, &format!("r2 = {len}\nr3 = 0\ncall 144\nexit")).r0 as i64;
    assert_eq!(
        [reserve(LEN, 32), reserve(LEN, 33), reserve(LEN, 1), reserve(WRITE, 4)],
        [0, Errno::ENOSPC.neg(), Errno::EINVAL.neg(), Errno::EPERM.neg()]
    );
}

#[test]
fn callback_flags() {
    let ran = on_header(1, "r2 = 0x185\ncall 59\nexit");
    assert_eq!((ran.r0, ran.net.cb_flags), (0x180, Some(5)));
    assert_eq!(ran.ctx_out[84..88], [5, 0, 0, 0]);
}

/// Sets an option of a socket, and reads it.
fn option(socket: NetSocket, level: i32, name: i32, value: u32) -> (i64, i64, u32) {
    let mut kernel = kernel();
    let addr = kernel.add_socket(socket).unwrap();
    let mut bytes = vec![0; bpf_sock_ops::LAYOUT.size];
    bytes[bpf_sock_ops::sk.range()].copy_from_slice(&addr.to_le_bytes());
    let text = format!(
        "r6 = r1\n*(u32 *)(r10 - 4) = {value:#x}\nr2 = {level}\nr3 = {name}\nr4 = r10\nr4 += -4\nr5 = 4\ncall 49\nr7 = r0
         r1 = r6\nr2 = {level}\nr3 = {name}\nr4 = r10\nr4 += -4\nr5 = 4\ncall 57\nr0 <<= 32\nr0 >>= 32\nr7 <<= 32\nr0 |= r7\nexit"
    );
    let ran = run(
        &mut kernel,
        ProgType::SockOps,
        AttachType::CgroupSockOps,
        &text,
        StructCtx { bytes, data: Vec::new() },
    );
    let r0 = ran.unwrap_or_else(|error| panic!("{error}")).r0;
    let stored = kernel.socket_at(addr).unwrap().options.get(&(level, name));
    let stored = stored.map_or(0, |it| u32::from_le_bytes(it[..4].try_into().unwrap()));
    (i64::from((r0 >> 32) as i32), i64::from(r0 as i32), stored)
}

#[test]
fn socket_options() {
    let tcp = || NetSocket::tcp("10.0.0.1:80".parse().unwrap(), "10.0.0.2:9".parse().unwrap());
    let udp = || NetSocket::udp("10.0.0.1:80".parse().unwrap());
    let bad = Errno::EINVAL.neg();
    for (socket, level, name, value, expected) in [
        (tcp(), 1, 36, 77, (0, 0, 77)),
        (tcp(), 1, 8, 5000, (0, 0, 10_000)),
        (tcp(), 1, 8, 1_000_000, (0, 0, 425_984)),
        (tcp(), 1, 9, 5, (0, 0, 1)),
        (tcp(), 1, 62, 9, (Errno::ENODEV.neg(), 0, 0)),
        (tcp(), 1, 3, 1, (bad, bad, 0)),
        (tcp(), 6, 4, 10, (0, 0, 10)),
        (tcp(), 6, 4, 0, (bad, 0, 0)),
        (tcp(), 6, 1001, 10, (0, bad, 10)),
        (tcp(), 6, 1003, 100_000, (0, bad, 100_000)),
        (tcp(), 6, 1003, 300_000, (bad, bad, 0)),
        (tcp(), 6, 1008, 0x7f, (0, 0, 0x7f)),
        (tcp(), 6, 1008, 0x80, (bad, 0, 0)),
        (udp(), 6, 4, 10, (bad, bad, 0)),
        (udp(), 41, 67, 10, (bad, bad, 0)),
        (udp(), 0, 1, 16, (0, 0, 16)),
        (udp().state(6), 1, 36, 1, (bad, bad, 0)),
    ] {
        assert_eq!(option(socket, level, name, value), expected, "{level} {name} {value}");
    }
}

#[test]
fn binding() {
    let mut kernel = kernel();
    kernel.net_mut().add_device(Device::new(2).address("10.0.0.1/24").unwrap());
    let mut bind = |addr: u32, family: u32, len: u32| {
        let text = format!(
            "*(u64 *)(r10 - 8) = 0\n*(u32 *)(r10 - 16) = {family}\n*(u16 *)(r10 - 14) = 0x5000\n*(u32 *)(r10 - 12) = {addr:#x}
             r2 = r10\nr2 += -16\nr3 = {len}\ncall 64\nexit"
        );
        let ctx = StructCtx::default();
        let ran =
            run(&mut kernel, ProgType::CgroupSockAddr, AttachType::CgroupInet4Connect, &text, ctx).unwrap();
        (ran.r0 as i64, ran.net.bound.map(|it| it.to_string()))
    };
    assert_eq!(bind(0x0100_000a, 2, 16), (0, Some("10.0.0.1:80".to_owned())));
    assert_eq!(bind(0x0200_000a, 2, 16), (Errno::EADDRNOTAVAIL.neg(), None));
    assert_eq!(bind(0x0100_000a, 2, 15), (Errno::EINVAL.neg(), None));
    assert_eq!(bind(0x0100_000a, 1, 16), (Errno::EAFNOSUPPORT.neg(), None));
}

#[test]
fn sysctls() {
    let mut kernel = kernel();
    kernel.set_sysctl(Sysctl {
        name: "net/ipv4/ip_forward".to_owned(),
        value: b"1\n".to_vec(),
        new_value: Some(b"0\n".to_vec()),
    });
    let mut ask = |write: bool, helper: u32, len: u32, flags: u32| {
        let mut bytes = vec![0; bpf_sysctl::LAYOUT.size];
        bytes[bpf_sysctl::write.offset] = write.into();
        let text = format!(
            "*(u64 *)(r10 - 8) = 0x3333\n*(u64 *)(r10 - 16) = 0x3333\nr2 = r10\nr2 += -16\nr3 = {len}\nr4 = {flags}\ncall {helper}\nr1 = *(u8 *)(r10 - 16)
             r0 <<= 8\nr0 |= r1\nexit"
        );
        let ctx = StructCtx { bytes, data: Vec::new() };
        let ran = run(&mut kernel, ProgType::CgroupSysctl, AttachType::CgroupSysctl, &text, ctx).unwrap();
        ((ran.r0 as i64) >> 8, ran.r0 as u8, ran.net.sysctl)
    };
    let (too_big, bad) = (Errno::E2BIG.neg(), Errno::EINVAL.neg());
    assert_eq!(ask(false, 101, 16, 0), (too_big, b'n', None));
    assert_eq!(ask(false, 101, 16, 1), (10, b'i', None));
    assert_eq!(ask(false, 101, 11, 1).0, 10);
    assert_eq!(ask(false, 101, 10, 1).0, too_big);
    assert_eq!(ask(false, 102, 16, 0), (2, b'1', None));
    assert_eq!(ask(false, 102, 2, 0), (too_big, b'1', None));
    assert_eq!(ask(false, 103, 16, 0), (bad, 0, None));
    assert_eq!(ask(true, 103, 16, 0), (2, b'0', None));
    assert_eq!(ask(false, 104, 2, 0).0, bad);
    assert_eq!(ask(true, 104, 2, 0), (0, 0x33, Some(vec![0x33, 0x33])));
}
