//! RINGBUF: what stands in the pages after records of all sizes were sent, dropped and read.

use super::super::Case;
use super::names::*;
use super::random::Random;
use super::{case, spec};

pub(super) fn cases() -> Vec<Case> {
    let ring = spec(RINGBUF, 0, 0, 4096);
    let mut cases = vec![
        case("ringbuf: no elements", ring.clone(), ELEMENTS),
        case("ringbuf: output", ring.clone(), OUTPUT),
        case("ringbuf: queries", ring.clone(), QUERY),
        case("ringbuf: full", ring.clone(), &full()),
        case("ringbuf: records that wrap", ring.clone(), &wrap()),
        case("ringbuf: reserved out of order", ring.clone(), RECORDS),
        case("ringbuf: a consumer that lies", ring, LIES),
        case("ringbuf of two pages: page numbers", spec(RINGBUF, 0, 0, 8192), &pages()),
    ];
    cases.extend((0..6).map(mixed));
    cases
}

const ELEMENTS: &str = "
    u0 lookup -
    u0 update - - 0
    u0 delete -
    u0 next -
    u0 take - 0
    u0 lookup - 1
    u0 freeze
    p0 output 01 0
    u0 pages
";

const OUTPUT: &str = "
    u0 pages
    p0 output - 0
    p0 output 01 0
    p0 output 0102030405060708 0
    p0 output 010203040506070809 1
    p0 output 0a0b 2
    p0 output 0c 3
    p0 output 0d 4
    p0 output 0d 18446744073709551615
    u0 pages
    u0 consumer 8
    u0 consumer 24
    p0 output aaaaaaaa 0
    u0 pages
";

const QUERY: &str = "
    p0 query 0
    p0 query 1
    p0 output 0102030405 0
    p0 query 0
    p0 query 2
    p0 query 3
    p0 query 4
    u0 consumer 16
    p0 query 0
    p0 query 2
    p0 query 18446744073709551615
";

const RECORDS: &str = "
    p0 records 16,24 0s,1s
    p0 records 16,24 1s,0s
    u0 pages
    p0 records 8,8,8 1d,2s,0d
    u0 pages
    p0 records 0 0s
    p0 records 0,8 1d,0s
    u0 pages
    p0 records 4088 0s
    u0 consumer 264
    p0 records 3600,8 0d,1s
    u0 pages
    p0 records 1024,1024,1024 0s,1s,2s
    u0 pages
";

const LIES: &str = "
    u0 consumer 64
    p0 output 01 0
    p0 query 0
    p0 output 02 0
    u0 consumer 18446744073709551608
    p0 output 03 0
    u0 consumer 4096
    p0 output 03 0
    u0 consumer 0
    p0 output 04 0
    u0 pages
";

/// `len` bytes of one value.
fn fill(byte: u8, len: usize) -> String {
    super::super::pack(&vec![byte; len])
}

/// Up to and past the last byte.
fn full() -> String {
    let mut steps = String::new();
    for (byte, len) in [(1, 4089), (1, 4088), (1, 4087), (1, 4081), (2, 4080), (3, 0), (3, 1), (4, 0), (4, 0)]
    {
        steps += &format!(
            "p0 output {} 0\np0 query 3\n",
            if len == 0 { "-".to_string() } else { fill(byte, len) }
        );
    }
    steps += "u0 pages\nu0 consumer 4088\np0 output 05 0\np0 output 06 0\nu0 pages\n";
    steps
}

/// A record over the end of the data, by output and by reserve.
fn wrap() -> String {
    let big = fill(0x11, 3000);
    format!(
        "p0 output {big} 0\nu0 consumer 3008\np0 output {} 0\nu0 pages\nu0 consumer 5024\n\
         p0 records 2400,1200 1s,0s\nu0 pages\nu0 consumer 8656\np0 records 3992 0d\nu0 pages\n",
        fill(0x22, 2000)
    )
}

fn pages() -> String {
    let mut steps = String::new();
    for byte in 1..=3 {
        steps += &format!("p0 output {} 0\nu0 pages\n", fill(byte, 2700));
    }
    steps + "u0 consumer 2712\n" + &format!("p0 output {} 0\nu0 pages\n", fill(4, 2700))
}

/// Random sizes and ends; the consumer follows.
fn mixed(seed: u64) -> Case {
    let mut random = Random::new(0x3000 + seed);
    let mut steps = Vec::new();
    let mut produced = 0;
    for round in 0..40 {
        let sizes: Vec<u64> =
            (0..=random.below(3)).map(|_| 8 * random.below(if seed < 3 { 8 } else { 100 })).collect();
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.rotate_left(random.below(sizes.len() as u64) as usize);
        let end =
            |at: &usize| format!("{at}{}", if (round + *at as u64).is_multiple_of(3) { "d" } else { "s" });
        let list = |words: Vec<String>| words.join(",");
        let sizes_text = list(sizes.iter().map(u64::to_string).collect());
        steps.push(format!("p0 records {sizes_text} {}", list(order.iter().map(end).collect())));
        produced += sizes.iter().map(|size| size + 8).sum::<u64>();
        if random.below(3) == 0 {
            steps.push(format!("u0 consumer {produced}"));
        }
        if round % 13 == 12 {
            steps.push("u0 pages".to_string());
        }
        steps.push("p0 query 0".to_string());
        steps.push("p0 query 3".to_string());
    }
    Case { name: format!("ringbuf: random records {seed}"), spec: spec(RINGBUF, 0, 0, 4096), steps }
}
