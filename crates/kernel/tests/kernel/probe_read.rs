//! `bpf_probe_read_kernel` and `bpf_probe_read_user`: what is read from where, and what is left when nothing is.

use crate::support::{eval, fault, kernel, load, set_value, value, value_map};
use skep_abi::{Errno, ProgType};
use skep_kernel::{Class, Context, Fd, Kernel, PacketCtx, Run};
use skep_memory::{Arena, ObjectKind, Origin, Rights};

const USER: u64 = 0x7fff_0000_0000;
const READ_USER: u32 = 112;
const READ_KERNEL: u32 = 113;
const READ_USER_STR: u32 = 114;
const READ_KERNEL_STR: u32 = 115;
const READ: u32 = 4;
const READ_STR: u32 = 45;

/// Has a helper read into the value of a map that held 0xaa, and answers what it returned and left there.
fn probe(kernel: &mut Kernel, dst: Fd, helper: u32, addr: u64, size: u32) -> (i64, Vec<u8>) {
    set_value(kernel, dst, &[0xaa; 16]);
    let text = format!("r1 = map[fd:{dst}][0]+0 ll\nr2 = {size}\nr3 = {addr:#x} ll\ncall {helper}\nexit");
    (eval(kernel, &text), value(kernel, dst))
}

fn filled(bytes: &[u8]) -> Vec<u8> {
    let mut all = bytes.to_vec();
    all.resize(16, 0xaa);
    all
}

/// A kernel object of eight bytes, and nothing around it.
fn kernel_object(kernel: &Kernel) -> u64 {
    let origin = Origin::new(ObjectKind::KernelObject, "task");
    let addr = kernel.memory().alloc(Arena::Kernel, 8, 8, Rights::NONE, origin).unwrap();
    kernel.memory().poke(addr, b"kernel!\0").unwrap();
    addr
}

#[test]
fn kernel_memory_that_no_program_may_touch_can_be_read() {
    let mut kernel = kernel();
    let (dst, addr) = (value_map(&mut kernel, 16), kernel_object(&kernel));
    assert_eq!(probe(&mut kernel, dst, READ_KERNEL, addr, 8), (0, filled(b"kernel!\0")));
    assert_eq!(probe(&mut kernel, dst, READ_KERNEL, addr + 3, 2), (0, filled(b"ne")));
    assert_eq!(probe(&mut kernel, dst, READ_KERNEL_STR, addr + 3, 16), (5, filled(b"nel!\0")));
    assert_eq!(probe(&mut kernel, dst, READ_KERNEL_STR, addr, 4), (4, filled(b"ker\0")));
    assert_eq!(probe(&mut kernel, dst, READ, addr, 8), (0, filled(b"kernel!\0")));
    assert_eq!(probe(&mut kernel, dst, READ_STR, addr, 16), (8, filled(b"kernel!\0")));
}

#[test]
fn unmapped_kernel_memory_is_efault_and_zeroes() {
    let mut kernel = kernel();
    let dst = value_map(&mut kernel, 16);
    for helper in [READ_KERNEL, READ_KERNEL_STR, READ, READ_STR] {
        for addr in [0xffff_8000_0000_1000, 0xffff_ffff_f7ff_0000, u64::MAX - 7] {
            let expected = (Errno::EFAULT.neg(), filled(&[0; 8]));
            assert_eq!(probe(&mut kernel, dst, helper, addr, 8), expected, "{helper} {addr:#x}");
        }
    }
}

#[test]
fn half_mapped_memory_is_efault_and_all_zeroes() {
    let mut kernel = kernel();
    let (dst, addr) = (value_map(&mut kernel, 16), kernel_object(&kernel));
    kernel.user_memory_mut().insert(USER, b"abcdef".to_vec()).unwrap();
    let expected = (Errno::EFAULT.neg(), filled(&[0; 12]));
    assert_eq!(probe(&mut kernel, dst, READ_KERNEL, addr + 4, 12), expected);
    assert_eq!(probe(&mut kernel, dst, READ_USER, USER, 12), expected);
    assert_eq!(probe(&mut kernel, dst, READ_USER_STR, USER, 12), expected);
    assert_eq!(probe(&mut kernel, dst, READ_USER, USER, 6), (0, filled(b"abcdef")));
    assert_eq!(probe(&mut kernel, dst, READ_USER_STR, USER, 4), (4, filled(b"abc\0")));
}

#[test]
fn a_user_address_is_erange_for_the_kernel_helper() {
    let mut kernel = kernel();
    let dst = value_map(&mut kernel, 16);
    kernel.user_memory_mut().insert(USER, b"user memory".to_vec()).unwrap();
    let expected = (Errno::ERANGE.neg(), filled(&[0; 4]));
    for addr in [USER, 0, 0x1000, (1 << 47) - 4096, (1 << 47) - 1, 1 << 63, 0xffff_ffff_ff60_0010] {
        assert_eq!(probe(&mut kernel, dst, READ_KERNEL, addr, 4), expected, "{addr:#x}");
        assert_eq!(probe(&mut kernel, dst, READ_KERNEL_STR, addr, 4), expected, "{addr:#x}");
    }
    assert_eq!(probe(&mut kernel, dst, READ_USER, USER, 4), (0, filled(b"user")));
    assert_eq!(probe(&mut kernel, dst, READ, USER, 4), (0, filled(b"user")));
    assert_eq!(probe(&mut kernel, dst, READ_STR, USER, 5), (5, filled(b"user\0")));
}

#[test]
fn a_kernel_address_is_efault_for_the_user_helper() {
    let mut kernel = kernel();
    let (dst, addr) = (value_map(&mut kernel, 16), kernel_object(&kernel));
    for helper in [READ_USER, READ_USER_STR] {
        assert_eq!(probe(&mut kernel, dst, helper, addr, 4), (Errno::EFAULT.neg(), filled(&[0; 4])));
    }
}

#[test]
fn freed_kernel_memory_is_gone() {
    let mut kernel = kernel();
    let (dst, addr) = (value_map(&mut kernel, 16), kernel_object(&kernel));
    assert!(kernel.memory().free(addr));
    assert_eq!(probe(&mut kernel, dst, READ_KERNEL, addr, 8), (Errno::EFAULT.neg(), filled(&[0; 8])));
}

/// Packets lie at low addresses, and are kernel memory nevertheless.
#[test]
fn a_packet_is_kernel_memory() {
    let mut kernel = kernel();
    for (helper, expected) in [(READ_KERNEL, 0), (READ, 0), (READ_USER, Errno::EFAULT.neg())] {
        let text = format!(
            "r3 = *(u32 *)(r1 + 0)\nr3 += 10\n*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\nr2 = 4\ncall {helper}
             r6 = r0\nr0 = *(u32 *)(r10 - 8)\nif r6 == 0 goto +1\nr0 = r6\nexit"
        );
        let prog = load(&mut kernel, ProgType::Xdp, &text);
        let packet = PacketCtx::new((0..64).collect());
        let r0 = kernel.run(prog, Run::new(Context::Packet(packet))).unwrap().r0 as i64;
        assert_eq!(r0, if expected == 0 { 0x0d0c_0b0a } else { expected }, "helper {helper}");
    }
}

#[test]
fn a_destination_that_is_not_the_programs() {
    let mut kernel = kernel();
    let dst = value_map(&mut kernel, 16);
    let text = format!("r1 = map[fd:{dst}][0]+0 ll\nr1 += 12\nr2 = 8\nr3 = 0\ncall {READ_KERNEL}\nexit");
    let error = fault(&mut kernel, &text);
    assert_eq!(error.class(), Class::ProgramFault);
    let report = error.report().unwrap();
    assert!(
        report.message.starts_with("bpf_probe_read_kernel, argument 1 (dst): store of 8 bytes"),
        "{report}"
    );
    assert_eq!(report.object.as_ref().map(|it| it.offset), Some(12));
    assert_eq!(value(&kernel, dst), [0; 16], "nothing was written");
}

#[test]
fn probe_write_user_writes_what_is_writable() {
    let mut kernel = kernel();
    kernel.user_memory_mut().insert(USER, vec![0; 4]).unwrap();
    kernel.user_memory_mut().insert_read_only(USER + 0x1000, vec![0; 4]).unwrap();
    let write = |addr: u64, size| {
        format!(
            "r2 = r10\nr2 += -8\n*(u64 *)(r10 - 8) = 0x7a7a7a7a\nr1 = {addr:#x} ll\nr3 = {size}\ncall 36\nexit"
        )
    };
    assert_eq!(eval(&mut kernel, &write(USER, 4)), 0);
    assert_eq!(eval(&mut kernel, &write(USER, 5)), Errno::EFAULT.neg());
    assert_eq!(eval(&mut kernel, &write(USER + 0x1000, 1)), Errno::EFAULT.neg());
    assert_eq!(eval(&mut kernel, &write(0xffff_ffff_8000_0000, 1)), Errno::EFAULT.neg());
    let mut found = [0; 4];
    kernel.user_memory().read(USER, &mut found).unwrap();
    assert_eq!(found, [0x7a; 4]);
}
