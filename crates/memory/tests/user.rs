//! User memory, against what `probe_read_user` does.

use skep_memory::layout::{PACKET_BASE, PACKET_SIZE, VALUES_BASE};
use skep_memory::{UserFault, UserRangeError, UserRanges};

fn user() -> UserRanges {
    let mut user = UserRanges::new();
    user.insert(0x1000, *b"abcdefgh").unwrap();
    user.insert(0x1008, *b"ij\0lmnop").unwrap();
    user.insert_read_only(0x2000, *b"constant").unwrap();
    user.insert(0x7fff_ffff_f000, vec![7; 4096]).unwrap();
    user
}

fn fault_at(result: Result<(), UserFault>) -> Option<(u64, bool)> {
    result.err().map(|fault| (fault.addr, fault.read_only))
}

#[test]
fn reads_are_all_or_nothing() {
    let user = user();
    for (addr, len, fault) in [
        (0x1000, 8, None),
        (0x1004, 8, None),
        (0x1000, 16, None),
        (0x1000, 17, Some(0x1010)),
        (0x100f, 2, Some(0x1010)),
        (0xfff, 2, Some(0xfff)),
        (0x1010, 1, Some(0x1010)),
        (0, 1, Some(0)),
        (0x7fff_ffff_ffff, 1, None),
        (0x7fff_ffff_ffff, 2, Some(0x8000_0000_0000)),
        (u64::MAX, 2, Some(u64::MAX)),
        (u64::MAX, 0, None),
        (0, 0, None),
    ] {
        let mut bytes = vec![b'#'; len];
        let result = user.read(addr, &mut bytes);
        assert_eq!(fault_at(result), fault.map(|addr| (addr, false)), "{len} at {addr:#x}");
        assert_eq!(bytes.iter().all(|byte| *byte == b'#'), fault.is_some() || len == 0, "{len} at {addr:#x}");
    }
    let mut bytes = [0; 4];
    user.read(0x1006, &mut bytes).unwrap();
    assert_eq!(&bytes, b"ghij");
}

#[test]
fn writes_are_all_or_nothing() {
    let mut user = user();
    user.write(0x1006, b"GHIJ").unwrap();
    let mut bytes = [0; 6];
    user.read(0x1005, &mut bytes).unwrap();
    assert_eq!(&bytes, b"fGHIJ\0");
    assert_eq!(fault_at(user.write(0x100e, b"xyz")), Some((0x1010, false)));
    assert_eq!(fault_at(user.write(0x2000, b"x")), Some((0x2000, true)));
    assert_eq!(fault_at(user.write(0x3000, b"")), None);
    user.read(0x100e, &mut bytes[..2]).unwrap();
    assert_eq!(&bytes[..2], b"op");
    assert_eq!(user.write(0x2000, b"x").unwrap_err().to_string(), "user address 0x2000 is read-only");
}

#[test]
fn strings() {
    let user = user();
    let read = |addr: u64, limit: usize| {
        let mut bytes = vec![b'#'; limit];
        let len = user.read_str(addr, &mut bytes).map_err(|fault| fault.addr);
        (len, String::from_utf8(bytes).unwrap())
    };
    assert_eq!(read(0x1006, 8), (Ok(5), "ghij\0###".into()));
    assert_eq!(read(0x1006, 5), (Ok(5), "ghij\0".into()));
    assert_eq!(read(0x1006, 4), (Ok(4), "ghi\0".into()));
    assert_eq!(read(0x1006, 1), (Ok(1), "\0".into()));
    assert_eq!(read(0x1006, 0), (Ok(0), "".into()));
    assert_eq!(read(0x100b, 5), (Ok(5), "lmno\0".into()));
    assert_eq!(read(0x100b, 6).0, Err(0x1010));
    assert_eq!(read(0, 4).0, Err(0));
    assert_eq!(read(u64::MAX, 4).0, Err(u64::MAX));
}

#[test]
fn ranges_may_touch_but_not_overlap_each_other_or_the_kernel() {
    use UserRangeError::{Empty, Kernel, Overlaps, Wraps};
    let mut user = user();
    for (addr, len, error) in [
        (0x1000, 1, Overlaps(0x1000)),
        (0xfff, 2, Overlaps(0x1000)),
        (0x1007, 1, Overlaps(0x1000)),
        (0x100f, 100, Overlaps(0x1008)),
        (0, 0x3000, Overlaps(0x2000)),
        (0x5000, 0, Empty),
        (u64::MAX, 2, Wraps),
        (u64::MAX, 1, Kernel),
        (VALUES_BASE - 1, 2, Kernel),
        (PACKET_BASE - 1, 2, Kernel),
        (PACKET_BASE + PACKET_SIZE - 1, 1, Kernel),
        (PACKET_BASE + 5, 1, Kernel),
    ] {
        assert_eq!(user.insert(addr, vec![0; len]), Err(error), "{len} at {addr:#x}");
        assert!(!error.to_string().is_empty());
    }
    for (addr, len) in [
        (0xfff, 1),
        (0x1010, 1),
        (0, 1),
        (PACKET_BASE - 1, 1),
        (PACKET_BASE + PACKET_SIZE, 1),
        (VALUES_BASE - 1, 1),
    ] {
        assert_eq!(user.insert(addr, vec![0; len]), Ok(()), "{len} at {addr:#x}");
    }
    assert_eq!(user.remove(0x1000), Some(b"abcdefgh".to_vec()));
    assert_eq!(user.remove(0x1001), None);
    assert_eq!(user.insert(0x1000, *b"12345678"), Ok(()));
    assert!(user.ranges().any(|(addr, bytes)| addr == 0x1000 && bytes == b"12345678"));
}
