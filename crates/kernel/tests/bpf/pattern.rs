//! Bytes as recordings write them.

use std::iter::repeat_n;

/// Reads `0102[aa*8]..<m><m.id>`: `None` is a byte that is not compared; `number` knows what names stand for.
pub(crate) fn bytes(text: &str, number: impl Fn(&str) -> u32) -> Vec<Option<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (len, close) = match first {
            '[' => (rest.find(']').expect("an end"), 1),
            '<' => (rest.find('>').expect("an end"), 1),
            _ => (2, 0),
        };
        match first {
            '[' => {
                let (byte, times) = rest[1..len].split_once('*').expect("a count");
                bytes.extend(repeat_n(one(byte), times.parse().expect("a count")));
            }
            '<' => bytes.extend(number(&rest[1..len]).to_le_bytes().map(Some)),
            _ => bytes.push(one(&rest[..2])),
        }
        rest = &rest[len + close..];
    }
    bytes
}

fn one(text: &str) -> Option<u8> {
    (text != "..").then(|| u8::from_str_radix(text, 16).expect("a byte"))
}

#[test]
fn forms() {
    let read = |text| bytes(text, |name| name.len() as u32);
    assert_eq!(read("01ff"), [Some(1), Some(0xff)]);
    assert_eq!(read("[0a*2]..[..*2]"), [Some(10), Some(10), None, None, None]);
    assert_eq!(read("<m.id>00"), [Some(4), Some(0), Some(0), Some(0), Some(0)]);
}
