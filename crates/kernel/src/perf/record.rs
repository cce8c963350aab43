//! The records of a perf ring: `struct perf_event_header` and what follows it.

use super::full::Attr;
use skep_abi::uapi::attr_bits::SAMPLE_ID_ALL;
use skep_abi::uapi::perf_record::{PERF_RECORD_LOST, PERF_RECORD_SAMPLE};
use skep_abi::uapi::*;

/// `PERF_RECORD_MISC_KERNEL`: the sample was taken in the kernel.
pub(crate) const MISC_KERNEL: u16 = 1;
/// `PERF_RECORD_MISC_USER`: the sample was taken in user space.
pub(crate) const MISC_USER: u16 = 2;

/// Bytes of a record's header.
const HEADER: usize = 8;
/// Bytes of a lost record without its id fields.
const LOST: usize = HEADER + 16;

/// Who sends a record, and when: what the fields beside the payload say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Sender {
    pub(crate) ip: u64,
    pub(crate) user: bool,
    pub(crate) tgid: u32,
    pub(crate) pid: u32,
    pub(crate) time_ns: u64,
    pub(crate) cpu: u32,
    /// The event's id.
    pub(crate) id: u64,
}

/// A sample as it goes into a ring.
pub(crate) struct Sample {
    /// The bytes, but for the padding at the end, which the kernel does not write.
    pub(crate) bytes: Vec<u8>,
    /// What the header says of its size, padding included: the 16 bits of it that fit. This is what the ring makes room
    /// for.
    pub(crate) size: u16,
}

/// Lays out a sample with a payload in pieces.
///
/// The raw field is as long as makes the record a multiple of eight (`perf_sample_save_raw_data`); `raw.size` says so,
/// so that a reader gets up to seven bytes more than were sent. A record of 64 KiB and more has a size field that lies.
pub(crate) fn sample(attr: &Attr, sender: &Sender, payload: [&[u8]; 2]) -> Sample {
    let has = |bit: u64| attr.samples(bit);
    let mut bytes = vec![0; HEADER];
    let mut word = |value: u64| bytes.extend_from_slice(&value.to_le_bytes());
    let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    let fields = [
        (PERF_SAMPLE_IDENTIFIER, sender.id),
        (PERF_SAMPLE_IP, sender.ip),
        (PERF_SAMPLE_TID, pair(sender.tgid, sender.pid)),
        (PERF_SAMPLE_TIME, sender.time_ns),
        (PERF_SAMPLE_ADDR, 0),
        (PERF_SAMPLE_ID, sender.id),
        (PERF_SAMPLE_STREAM_ID, sender.id),
        (PERF_SAMPLE_CPU, pair(sender.cpu, 0)),
        (PERF_SAMPLE_PERIOD, 0),
    ];
    for (_, value) in fields.iter().filter(|(bit, _)| has(*bit)) {
        word(*value);
    }
    let mut pad = 0;
    if has(PERF_SAMPLE_RAW) {
        let sent = payload[0].len() + payload[1].len();
        let size = (sent + 4).next_multiple_of(8) - 4;
        pad = size - sent;
        bytes.extend_from_slice(&(size as u32).to_le_bytes());
        bytes.extend_from_slice(payload[0]);
        bytes.extend_from_slice(payload[1]);
    }
    let size = (bytes.len() + pad) as u16;
    let misc = if sender.user { MISC_USER } else { MISC_KERNEL };
    put_header(&mut bytes, PERF_RECORD_SAMPLE, misc, size);
    Sample { bytes, size }
}

/// How many bytes [`lost`] makes.
pub(crate) fn lost_size(attr: &Attr) -> usize {
    LOST + if attr.has(SAMPLE_ID_ALL) { id_fields(attr.sample_type()).count() * 8 } else { 0 }
}

/// Lays out the record that says how many samples found no room.
pub(crate) fn lost(attr: &Attr, sender: &Sender, count: u64) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes.extend_from_slice(&sender.id.to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    if attr.has(SAMPLE_ID_ALL) {
        for bit in id_fields(attr.sample_type()) {
            let value = match bit {
                PERF_SAMPLE_TID => u64::from(sender.tgid) | u64::from(sender.pid) << 32,
                PERF_SAMPLE_TIME => sender.time_ns,
                PERF_SAMPLE_CPU => u64::from(sender.cpu),
                _ => sender.id,
            };
            bytes.extend_from_slice(&value.to_le_bytes());
        }
    }
    let size = bytes.len() as u16;
    put_header(&mut bytes, PERF_RECORD_LOST, 0, size);
    bytes
}

/// The fields that every record has with `sample_id_all`, in their order (`perf_event__output_id_sample`).
fn id_fields(sample_type: u64) -> impl Iterator<Item = u64> {
    [
        PERF_SAMPLE_TID,
        PERF_SAMPLE_TIME,
        PERF_SAMPLE_ID,
        PERF_SAMPLE_STREAM_ID,
        PERF_SAMPLE_CPU,
        PERF_SAMPLE_IDENTIFIER,
    ]
    .into_iter()
    .filter(move |bit| sample_type & bit != 0)
}

fn put_header(bytes: &mut [u8], kind: u32, misc: u16, size: u16) {
    bytes[..4].copy_from_slice(&kind.to_le_bytes());
    bytes[4..6].copy_from_slice(&misc.to_le_bytes());
    bytes[6..8].copy_from_slice(&size.to_le_bytes());
}
