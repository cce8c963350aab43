//! What the real kernel's maps answer to sequences of operations, written down for `skep-maps` to answer alike.
//!
//! A case is a map to create and a list of commands, one a line; recording appends what the kernel answered:
//!
//! ```text
//! u0 update 01000000 2a00000000000000 1 -> ok          bpf(2) on CPU 0, flags BPF_NOEXIST
//! p1 lookup 01000000 -> 2a00000000000000               a program on CPU 1
//! u0 next - -> 01000000                                the first key
//! u0 delete 02000000 -> ENOENT
//! ```
//!
//! | command | arguments | answer |
//! |---|---|---|
//! | `lookup`, `take` | key, flags | value, `null` (programs), errno |
//! | `update` | key, value, flags | `ok`, errno |
//! | `delete` | key | `ok`, errno |
//! | `next` | key or `-` | key, errno |
//! | `fill` | first `u32` key, count | `ok`, errno: updates with the key's low byte as value |
//! | `touch` | first key, count, step | how many lookups found something |
//! | `keys` | | every `u32` key, ascending, as ranges of numbers |
//! | `walk` | | every `key=value` in ascending order |
//! | `freeze` | | `ok`, errno |
//! | `contains` | value | `ok`, errno: a bloom filter's lookup |
//! | `push` | value, flags | `ok`, errno |
//! | `pop`, `peek` | | value, errno and what the value became |
//! | `set` | key, `prog`, `socket`, `bad` or a map, flags | `ok`, errno; `map` is like the template, `map.max` differs in that |
//! | `inner` | key, key | what a program finds in an inner map: value, `null`, or `none` without an inner map |
//! | `redirect` | key, flags | the verdict that `bpf_redirect_map` gives an XDP program |
//! | `order` | | every key, in the order of walking |
//! | `held` | key | `held` if the slot holds a descriptor's object, errno |
//! | `stale` | key, value | what a pointer from before an update with the value shows after it |
//! | `reuse` | key, key, value | the same after the first key was deleted and the second created |
//! | `output` | data, flags | `ok`, errno |
//! | `records` | sizes by `,`, then index and `s` or `d` by `,` | `ok`, or `null` and the index that was not reserved |
//! | `query` | flag | number |
//! | `consumer` | position | `ok` |
//! | `pages` | | positions `c=`, `p=`, `q=` and every run of data that is not zero, `offset:bytes` |
//!
//! Bytes are hexadecimal digits; in data and pages, `[11*300]` stands for a byte 300 times.

mod cases;
mod field;
mod programs;
mod record;

use serde::Serialize;

pub use cases::cases;
pub use record::record;

/// A map to create; numbers are the kernel's.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Spec {
    /// `BPF_MAP_TYPE_*`.
    #[serde(rename = "type")]
    pub kind: u32,
    /// Bytes.
    pub key: u32,
    /// Bytes.
    pub value: u32,
    /// Elements, or bytes of a ring buffer.
    pub max: u32,
    /// `BPF_F_*`.
    #[serde(skip_serializing_if = "is_zero")]
    pub flags: u32,
    /// NUMA node.
    #[serde(skip_serializing_if = "is_zero")]
    pub numa: u32,
    /// `map_extra`.
    #[serde(skip_serializing_if = "is_zero_u64")]
    pub extra: u64,
    /// A field of the value that the kernel manages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<Field>,
    /// The template of a map of maps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inner: Option<Box<Spec>>,
    /// Whether the map is created with BTF types of key and value; a special field implies it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub typed: bool,
}

/// A special field.
#[derive(Clone, Debug, Serialize)]
pub struct Field {
    /// Its type, such as `bpf_spin_lock`.
    pub kind: &'static str,
    /// Bytes.
    pub size: u32,
    /// Bytes from the start of the value.
    pub at: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_zero_u64(number: &u64) -> bool {
    *number == 0
}

/// A sequence before it is recorded.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is about.
    pub name: String,
    /// The map.
    pub spec: Spec,
    /// Commands.
    pub steps: Vec<String>,
}

/// A sequence with the kernel's answers.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    /// What it is about.
    pub name: String,
    /// The map.
    pub map: Spec,
    /// `ok`, or the errno of the creation.
    pub create: String,
    /// Commands with answers.
    pub steps: Vec<String>,
}

/// All sequences and where they come from.
#[derive(Clone, Debug, Serialize)]
pub struct Recording {
    /// `uname -r`.
    pub kernel: String,
    /// Possible CPUs.
    pub cpus: usize,
    /// The sequences.
    pub cases: Vec<Recorded>,
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same, with runs of one byte as `[byte*count]`.
pub(crate) fn pack(bytes: &[u8]) -> String {
    let runs = bytes.chunk_by(|a, b| a == b);
    runs.map(|run| if run.len() < 6 { hex(run) } else { format!("[{:02x}*{}]", run[0], run.len()) }).collect()
}

/// Bytes from what [`hex`] or [`pack`] wrote; what is no digit counts as zero.
pub(crate) fn unpack(text: &str) -> Vec<u8> {
    let digit = |c: &u8| char::from(*c).to_digit(16).unwrap_or(0) as u8;
    let plain = |text: &str| -> Vec<u8> {
        text.as_bytes().chunks(2).map(|pair| pair.iter().fold(0, |byte, c| byte << 4 | digit(c))).collect()
    };
    let mut bytes = Vec::new();
    for part in text.split(['[', ']']) {
        match part.split_once('*') {
            Some((byte, count)) => bytes.extend(plain(byte).repeat(count.parse().unwrap_or(0))),
            None => bytes.extend(plain(part)),
        }
    }
    bytes
}
