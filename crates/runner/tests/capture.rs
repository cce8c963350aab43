//! Captures of every format, honest ones and others. `skep_testkit::fuzz::capture` changes bytes of the fixtures.

use std::time::Duration;

use skep_runner::{Capture, CaptureError, Captured};

fn fixture(name: &str) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/captures/");
    std::fs::read(format!("{path}{name}")).unwrap()
}

fn read(file: &[u8]) -> Result<Vec<Captured>, CaptureError> {
    Capture::new(file)?.collect()
}

/// What reading these bytes fails with.
fn complaint(file: &[u8]) -> String {
    read(file).unwrap_err().to_string()
}

/// The same packets in every format; not every one has nanoseconds.
#[test]
fn formats_agree() {
    let exact = read(&fixture("few.pcapng")).unwrap();
    assert!(exact.len() >= 3 && exact.iter().all(|packet| packet.time.as_secs() > 1_000_000_000));
    for name in ["few-nanos-big-endian.pcap", "few-nanos-little-endian.pcap"] {
        assert_eq!(read(&fixture(name)).as_ref(), Ok(&exact), "{name}");
    }
    let micros = |packet: &Captured| Captured {
        time: packet.time - Duration::from_nanos(u64::from(packet.time.subsec_nanos() % 1000)),
        ..packet.clone()
    };
    let rounded: Vec<_> = exact.iter().map(micros).collect();
    assert_eq!(read(&fixture("few-micros-big-endian.pcap")), Ok(rounded));
    assert_eq!(read(&fixture("empty.pcap")), Ok(vec![]));
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A little-endian pcap file of one record, from a snapshot length and the record's header.
fn pcap(snaplen: u32, link: u32, record: [u32; 4], data: &[u8]) -> Vec<u8> {
    let header = words(&[0xa1b2_c3d4, 0x4_0002, 0, 0, snaplen, link]);
    [header, words(&record), data.to_vec()].concat()
}

#[test]
fn pcap_records() {
    // Longer on the wire than what was kept of it; and a length beyond the file's snapshot length.
    for snaplen in [4, 2, 0] {
        let packets = read(&pcap(snaplen, 1, [5, 7, 4, 1500], b"abcd")).unwrap();
        let expected = Captured { time: Duration::new(5, 7000), data: b"abcd".to_vec(), wire_len: 1500 };
        assert_eq!(packets, [expected]);
    }
    // A fraction of more than a second is one.
    let packets = read(&pcap(64, 1, [1, u32::MAX, 0, 0], b"")).unwrap();
    assert_eq!(packets[0].time, Duration::from_micros(1_000_000 + u64::from(u32::MAX)));

    assert_eq!(complaint(&pcap(64, 1, [0, 0, 5, 5], b"abcd")), "the file ends in the middle of a packet");
    assert_eq!(
        complaint(&pcap(64, 1, [0, 0, u32::MAX, 5], b"abcd")),
        "the file ends in the middle of a packet"
    );
    let raw_ip = complaint(&pcap(64, 101, [0, 0, 4, 4], b"abcd"));
    assert!(raw_ip.contains("not Ethernet"), "{raw_ip}");
    assert_eq!(complaint(b"abc"), "this is no capture: it has only 3 bytes");
    assert_eq!(complaint(&[7; 100]), "this is neither pcap nor pcapng");
}

/// A block with its two lengths.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = [body, &[0; 3][..body.len().next_multiple_of(4) - body.len()]].concat();
    let len = padded.len() as u32 + 12;
    [words(&[kind, len]), padded, words(&[len])].concat()
}

fn section(blocks: &[Vec<u8>]) -> Vec<u8> {
    let header = block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]));
    [header, blocks.concat()].concat()
}

/// An Ethernet interface with options: code, length and value.
fn interface(snaplen: u32, options: &[Opt<'_>]) -> Vec<u8> {
    let mut body = words(&[1, snaplen]);
    for (code, value) in options {
        body.extend(words(&[u32::from(*code) | (value.len() as u32) << 16]));
        body.extend_from_slice(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    body.extend(words(&[0]));
    block(1, &body)
}

/// An enhanced packet of four bytes, of an interface and at a time.
fn packet(interface: u32, ticks: u64) -> Vec<u8> {
    block(6, &[words(&[interface, (ticks >> 32) as u32, ticks as u32, 4, 60]), b"abcd".to_vec()].concat())
}

/// An option of a block: code and value.
type Opt<'a> = (u16, &'a [u8]);

/// `if_tsresol` and `if_tsoffset`.
#[test]
fn pcapng_times() {
    let hour = 3600i64.to_le_bytes();
    let before = (-10i64).to_le_bytes();
    let cases: [(&[Opt<'_>], u64, Duration); 9] = [
        (&[], 1_500_000, Duration::from_millis(1500)),
        (&[(9, &[9])], 1_500_000, Duration::from_micros(1500)),
        (&[(9, &[3])], 1500, Duration::from_millis(1500)),
        (&[(9, &[0])], 7, Duration::from_secs(7)),
        (&[(9, &[0x8a])], 1536, Duration::from_millis(1500)),
        (&[(9, &[12])], u64::MAX, Duration::new(18_446_744, 73_709_551)),
        (&[(9, &[0xff])], u64::MAX, Duration::ZERO),
        (&[(14, &hour)], 1, Duration::new(3600, 1000)),
        (&[(14, &before)], 1, Duration::new(0, 1000)),
    ];
    for (options, ticks, time) in cases {
        let file = section(&[interface(0, options), packet(0, ticks)]);
        assert_eq!(read(&file).unwrap()[0].time, time, "{options:?} {ticks}");
    }
    let latest = section(&[interface(0, &[(9, &[0]), (14, &i64::MAX.to_le_bytes())]), packet(0, u64::MAX)]);
    assert_eq!(read(&latest).unwrap()[0].time.as_secs(), u64::MAX);
}

#[test]
fn pcapng_blocks() {
    let data = |blocks: &[Vec<u8>]| {
        let packets = read(&section(blocks)).unwrap();
        packets.into_iter().map(|packet| (packet.data, packet.wire_len)).collect::<Vec<_>>()
    };
    // Padding is not part of a simple packet.
    let simple = block(3, &[words(&[5]), b"abcde".to_vec()].concat());
    assert_eq!(data(&[interface(0, &[]), simple.clone()]), [(b"abcde".to_vec(), 5)]);
    assert_eq!(data(&[interface(2, &[]), simple]), [(b"ab".to_vec(), 5)]);
    // What old files have, and what is no packet.
    let obsolete = block(2, &[words(&[0, 1, 2, 3, 9]), b"abc".to_vec()].concat());
    let file = [interface(0, &[]), block(0xbad, b"whatever"), obsolete];
    assert_eq!(data(&file), [(b"abc".to_vec(), 9)]);
    assert_eq!(read(&section(&file)).unwrap()[0].time, Duration::from_micros((1 << 32) + 2));
    // A new section forgets the interfaces.
    let two = [section(&[interface(0, &[]), packet(0, 1)]), section(&[packet(0, 1)])].concat();
    assert_eq!(complaint(&two), "after packet 1: the packet is of interface 0, which is not there");
}

#[test]
fn pcapng_errors() {
    assert_eq!(complaint(&section(&[packet(3, 0)])), "the packet is of interface 3, which is not there");
    let whole = section(&[interface(0, &[]), packet(0, 1)]);
    for len in 4..whole.len() {
        if let Ok(packets) = read(&whole[..len]) {
            assert_eq!(packets, [], "{len} bytes");
        }
    }
    for at in 0..whole.len() {
        for value in [0, 1, 2, 4, 0x7f, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[at] = value;
            assert!(read(&changed).is_ok_and(|packets| packets.len() <= 1) || read(&changed).is_err());
        }
    }
}
