//! The packet captures of the tests, made packet by packet.

pub(crate) mod formats;
mod frame;
pub(crate) mod handshakes;
pub(crate) mod web;

use std::time::Duration;

/// One packet and what is known about it without looking at it.
pub(crate) struct Packet<Expected> {
    /// What it is, in a few words.
    pub(crate) what: &'static str,
    /// The bytes that were captured.
    pub(crate) data: Vec<u8>,
    /// How long it was on the wire; more than `data` has when the capture cut it.
    pub(crate) wire_len: usize,
    /// What the program that the capture is for must make of it.
    pub(crate) expected: Expected,
}

impl<Expected> Packet<Expected> {
    /// A packet captured whole.
    pub(crate) fn new(what: &'static str, data: Vec<u8>, expected: Expected) -> Packet<Expected> {
        Packet { what, wire_len: data.len(), data, expected }
    }
}

/// When packet number `index` was captured, since 1970: 2024-01-01, then one every 1.000123 ms.
pub(crate) fn timestamp(index: usize) -> Duration {
    Duration::new(1_704_067_200, 0) + Duration::from_nanos(1_000_123) * index as u32
}
