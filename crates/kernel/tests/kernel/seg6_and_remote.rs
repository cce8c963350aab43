//! Segment routing headers, and infrared receivers.

use crate::support::{kernel, load};
use skep_abi::{Errno, ProgType};
use skep_kernel::{Class, Context, PacketCtx, Ran, Remote, Run, RunError};

/// IPv6, a routing header with two segments and eight bytes of padding as an option, nothing behind.
fn packet() -> Vec<u8> {
    let mut bytes = vec![0; 40 + 8 + 32 + 8];
    (bytes[0], bytes[5], bytes[6]) = (0x60, 48, 43);
    let srh = &mut bytes[40..];
    (srh[0], srh[1], srh[2], srh[3], srh[4]) = (59, 5, 4, 1, 1);
    (srh[8], srh[24]) = (0xfd, 0xfd);
    (srh[40], srh[41]) = (4, 6);
    bytes
}

fn run(text: &str, data: Vec<u8>) -> Result<Ran, RunError> {
    let mut kernel = kernel();
    let prog = load(&mut kernel, ProgType::LwtSeg6local, text);
    // The link header comes first, and is off before the program sees the packet.
    let mut framed = vec![0; 14];
    (framed[12], framed[13]) = (0x86, 0xdd);
    framed.extend(data);
    kernel.run(prog, Run::new(Context::Packet(PacketCtx::new(framed))))
}

/// A program that calls one helper after another, on the context in r6, and returns what the last said.
fn calls(calls: &[(u32, [i64; 3])]) -> String {
    let mut text =
        String::from("r6 = r1\nr1 = 0xbbaa\n*(u64 *)(r10 - 16) = r1\nr1 = 0\n*(u64 *)(r10 - 8) = r1\n");
    for (id, [second, third, fourth]) in calls {
        // Only the third argument can be memory.
        let third = if *id == 75 { format!("r3 = {third}\n") } else { "r3 = r10\nr3 += -16\n".to_string() };
        text += &format!("r1 = r6\nr2 = {second}\n{third}r4 = {fourth}\ncall {id}\n");
    }
    text + "exit"
}

fn said(list: &[(u32, [i64; 3])], data: Vec<u8>) -> i64 {
    run(&calls(list), data).unwrap_or_else(|error| panic!("{error}")).r0 as i64
}

const STORE: u32 = 74;
const ADJUST: u32 = 75;
const ACTION: u32 = 76;

#[test]
fn flags_tag_and_options_can_be_stored() {
    let ran = run(&calls(&[(STORE, [45, 0, 2])]), packet()).unwrap();
    let mut expected = packet();
    expected[45..47].copy_from_slice(&[0xaa, 0xbb]);
    assert_eq!((ran.r0, ran.packet_out), (0, Some(expected)));
    assert_eq!(said(&[(STORE, [80, 0, 8])], packet()), 0);
    for outside in [0, 40, 44, 47, 50, 81] {
        assert_eq!(said(&[(STORE, [outside, 0, 8])], packet()), Errno::EFAULT.neg(), "{outside}");
    }
}

#[test]
fn without_a_routing_header_there_is_nothing_to_change() {
    let mut plain = packet();
    plain[6] = 59;
    let ipv4 = vec![0x45; 60];
    for data in [plain, ipv4] {
        assert_eq!(said(&[(STORE, [45, 0, 1])], data.clone()), Errno::EINVAL.neg());
        assert_eq!(said(&[(ADJUST, [80, 8, 0])], data.clone()), Errno::EINVAL.neg());
        assert_eq!(said(&[(ACTION, [3, 0, 4])], data), Errno::EBADMSG.neg());
    }
}

#[test]
fn options_grow_and_shrink() {
    let ran = run(&calls(&[(ADJUST, [80, 8, 0])]), packet()).unwrap();
    let out = ran.packet_out.unwrap();
    assert_eq!((ran.r0, out.len()), (0, packet().len() + 8));
    assert_eq!(u16::from_be_bytes([out[4], out[5]]), 56);
    assert_eq!((&out[80..88], &out[88..90]), (&[0u8; 8][..], &[4u8, 6][..]));

    let ran = run(&calls(&[(ADJUST, [80, -8, 0])]), packet()).unwrap();
    let out = ran.packet_out.unwrap();
    assert_eq!((ran.r0, out.len(), out[5]), (0, packet().len() - 8, 40));

    assert_eq!(said(&[(ADJUST, [80, -16, 0])], packet()), Errno::EFAULT.neg());
    assert_eq!(said(&[(ADJUST, [64, 8, 0])], packet()), Errno::EFAULT.neg());
}

#[test]
fn a_header_that_was_changed_is_looked_at_again() {
    // Eight zeros are eight times Pad1.
    assert_eq!(said(&[(ADJUST, [80, 8, 0]), (ACTION, [3, 0, 4])], packet()), 0);
    // Seven bytes are no multiple of eight.
    assert_eq!(said(&[(ADJUST, [80, 7, 0]), (ACTION, [3, 0, 4])], packet()), Errno::EBADMSG.neg());
    // An option of type 0xaa that is 0xbb long goes past the end.
    assert_eq!(said(&[(STORE, [80, 0, 8]), (ACTION, [3, 0, 4])], packet()), Errno::EBADMSG.neg());
    assert_eq!(said(&[(ACTION, [3, 0, 3])], packet()), Errno::EINVAL.neg());
    assert_eq!(said(&[(ACTION, [2, 0, 16])], packet()), 0);
    assert_eq!(said(&[(ACTION, [77, 0, 4])], packet()), Errno::EINVAL.neg());
    let error = run(&calls(&[(ACTION, [7, 0, 4])]), packet()).unwrap_err();
    assert_eq!(error.class(), Class::NotEmulated);
}

#[test]
fn a_decoder_tells_keys_and_movements() {
    let mut kernel = kernel();
    let text = "r6 = r1\nr2 = 9\nr3 = 0x1234\nr4 = 2\ncall 78\nr1 = r6\ncall 77\nr1 = r6\nr2 = -3\nr3 = 4\ncall 92\nexit";
    let prog = load(&mut kernel, ProgType::LircMode2, text);
    let ran = kernel.run(prog, Run::new(Context::Bytes(vec![0; 4]))).unwrap();
    assert_eq!(ran.r0, 0);
    let told = [
        Remote::Key { protocol: 9, scancode: 0x1234, toggle: true },
        Remote::Repeat,
        Remote::Pointer { x: -3, y: 4 },
    ];
    assert_eq!(ran.effects.remote, told);
}
