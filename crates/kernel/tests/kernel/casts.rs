//! Kernel objects from others: sockets by what they are, a file's socket; packets of the kernel; LSM helpers.

use crate::support::{eval, load, set_value, value, value_map, word};
use crate::types::{kernel_with_types, object};
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Kernel, MapSpec, PerfEventAttr, Run};
use skep_memory::{Arena, ObjectKind, Origin, Rights};

const TCP: u32 = 137;
const TCP6: u32 = 136;
const TIMEWAIT: u32 = 138;
const REQUEST: u32 = 139;
const UDP6: u32 = 140;
const UNIX: u32 = 178;

const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;

fn sock(kernel: &mut Kernel, family: u64, state: u64, kind: u64, protocol: u64) -> u64 {
    let fields = [
        ("__sk_common.skc_family", family),
        ("__sk_common.skc_state", state),
        ("sk_type", kind),
        ("sk_protocol", protocol),
    ];
    object(kernel, "sock", &fields)
}

#[test]
fn sockets_are_what_they_are() {
    let mut kernel = kernel_with_types();
    for (family, state, kind, protocol, expected) in [
        (AF_INET, 1, 1, 6, vec![TCP]),
        (AF_INET6, 1, 1, 6, vec![TCP, TCP6]),
        (AF_INET6, 7, 2, 17, vec![UDP6]),
        (AF_INET, 7, 2, 17, vec![]),
        (AF_INET, 6, 0, 0, vec![TIMEWAIT]),
        (AF_INET6, 12, 0, 0, vec![REQUEST]),
        (1, 1, 1, 0, vec![UNIX]),
        // A raw socket of TCP's number, and one of which only the protocol is known.
        (AF_INET, 1, 3, 6, vec![]),
        (AF_INET, 1, 0, 6, vec![]),
    ] {
        let sk = sock(&mut kernel, family, state, kind, protocol);
        let mut is = |helper: &u32| {
            let r0 = eval(&mut kernel, &format!("r1 = {sk:#x} ll\ncall {helper}\nexit")) as u64;
            assert!(r0 == 0 || r0 == sk, "{r0:#x}");
            r0 == sk
        };
        let mut found: Vec<u32> =
            [TCP, TCP6, TIMEWAIT, REQUEST, UDP6, UNIX].into_iter().filter(|it| is(it)).collect();
        found.sort_by_key(|it| (*it == TCP6, *it));
        assert_eq!(found, expected, "family {family} state {state} type {kind} protocol {protocol}");
    }
    assert_eq!(eval(&mut kernel, &format!("r1 = 0\ncall {TCP}\nexit")), 0);
}

#[test]
fn the_socket_of_a_file() {
    let mut kernel = kernel_with_types();
    let socket = object(&mut kernel, "socket", &[]);
    let ops = kernel.symbol_address("socket_file_ops");
    let other = kernel.symbol_address("ext4_file_operations");
    let mut of = |ops: u64, data: u64| {
        let file = object(&mut kernel, "file", &[("f_op", ops), ("private_data", data)]);
        eval(&mut kernel, &format!("r1 = {file:#x} ll\ncall 162\nexit")) as u64
    };
    assert_eq!([of(ops, socket), of(0, socket), of(other, socket), of(0, 0)], [socket, socket, 0, 0]);
}

#[test]
fn options_of_an_exec() {
    let mut kernel = kernel_with_types();
    let bprm = object(&mut kernel, "linux_binprm", &[]);
    let set = |kernel: &mut Kernel, flags: u64| {
        eval(kernel, &format!("r1 = {bprm:#x} ll\nr2 = {flags}\ncall 159\nexit"))
    };
    let secure = |kernel: &mut Kernel| {
        kernel.object_at(bprm, "linux_binprm").unwrap().get("secureexec").unwrap().as_u64()
    };
    assert_eq!((set(&mut kernel, 1), secure(&mut kernel)), (0, Some(1)));
    assert_eq!((set(&mut kernel, 2), secure(&mut kernel)), (Errno::EINVAL.neg(), Some(1)));
    assert_eq!((set(&mut kernel, 0), secure(&mut kernel)), (0, Some(0)));
}

#[test]
fn measured_files() {
    let mut kernel = kernel_with_types();
    let [known, unknown] = [0, 0].map(|_| object(&mut kernel, "inode", &[]));
    kernel.set_ima_hash(known, 4, (0..32).collect());
    let out = value_map(&mut kernel, 40);
    let mut ask = |helper: u32, of: u64, size: u32| {
        set_value(&mut kernel, out, &[0xaa; 40]);
        let text = format!("r1 = {of:#x} ll\nr2 = map[fd:{out}][0]+0 ll\nr3 = {size}\ncall {helper}\nexit");
        (eval(&mut kernel, &text), value(&kernel, out)[..34].to_vec())
    };
    let digest = |len: usize| {
        let mut bytes: Vec<u8> = (0..len as u8).collect();
        bytes.resize(34, 0xaa);
        bytes
    };
    assert_eq!(ask(161, known, 40), (4, digest(32)));
    assert_eq!(ask(161, known, 8), (4, digest(8)));
    assert_eq!(ask(161, unknown, 40), (Errno::EOPNOTSUPP.neg(), digest(0)));
    let mut kernel = kernel_with_types();
    let inode = object(&mut kernel, "inode", &[]);
    let file = object(&mut kernel, "file", &[("f_inode", inode)]);
    kernel.set_ima_hash(inode, 2, vec![9; 20]);
    let out = value_map(&mut kernel, 40);
    let text = format!("r1 = {file:#x} ll\nr2 = map[fd:{out}][0]+0 ll\nr3 = 40\ncall 193\nexit");
    assert_eq!((eval(&mut kernel, &text), value(&kernel, out)[19]), (2, 9));
}

/// Samples of tracing programs that see a packet as the kernel does: the bytes that they send, then the packet's.
#[test]
fn packets_of_the_kernel() {
    let mut kernel = kernel_with_types();
    let events = kernel.map_create(&MapSpec::new(MapType::PerfEventArray, 4, 4, 4)).unwrap();
    let event = kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).unwrap();
    let ring = kernel.perf_mmap(event, 1).unwrap();
    kernel.map_update_elem(events, &word(0), &word(event.0), 0).unwrap();
    let origin = Origin::new(ObjectKind::KernelObject, "data");
    let data = kernel.memory().alloc(Arena::Kernel, 64, 8, Rights::RO, origin).unwrap();
    kernel.memory().poke(data, &(0..64).collect::<Vec<u8>>()).unwrap();
    let skb = object(&mut kernel, "sk_buff", &[("len", 60), ("data", data)]);
    let xdp = object(&mut kernel, "xdp_buff", &[("data", data), ("data_end", data + 60)]);
    for (helper, of) in [(111, skb), (121, xdp)] {
        let mut send = |len: u64, flags: u64| {
            let flags = len << 32 | flags;
            let text = format!(
                "r1 = {of:#x} ll\nr2 = map[fd:{events}] ll\nr3 = {flags:#x} ll\nr4 = r10\nr4 += -4
                 *(u32 *)(r10 - 4) = 0x55555555\nr5 = 4\ncall {helper}\nexit"
            );
            let prog = load(&mut kernel, ProgType::RawTracepoint, &text);
            kernel.run(prog, Run::default()).unwrap().r0 as i64
        };
        assert_eq!([send(16, 0), send(60, 0xffff_ffff), send(0, 0)], [0, 0, 0]);
        assert_eq!([send(61, 0), send(16, 1 << 52)], [Errno::EFAULT.neg(), Errno::EINVAL.neg()]);
        assert_eq!(send(0, 1), Errno::ENOENT.neg());
    }
    let head = ring.data_head(kernel.memory());
    let mut bytes = vec![0; head as usize];
    ring.read_at(kernel.memory(), 0, &mut bytes);
    // Header, length of the raw data, four bytes of the program's, sixteen of the packet.
    let expected = [&[0x55; 4][..], &(0..16).collect::<Vec<u8>>()].concat();
    assert_eq!(bytes[12..32], expected);
}
