//! What a run came to, as data.

use crate::context::ContextReport;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use skep::{Class, Report};

use crate::json::hex_string;

/// What `skep run` reports.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunReport {
    /// The program's name.
    pub program: String,
    /// Its section.
    pub section: String,
    /// Its type, as libbpf calls it.
    #[serde(rename = "type")]
    pub prog_type: &'static str,
    /// What it was fired at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What the verifier said: `accept`, or `not-verified` if it was not asked.
    pub verdict: &'static str,
    /// Where the simulated kernel's types are from: `bundled`, `host`, or a file.
    pub btf: String,
    /// r0's lower half, unless the program faulted; of a capture, that of the last packet.
    pub retval: Option<u32>,
    /// What the return value means, for types that return verdicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retval_name: Option<&'static str>,
    /// Instructions executed, in one run; of a capture, in all.
    pub insns: u64,
    /// Host time of one run, if it was repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns_per_run: Option<f64>,
    /// The packet afterwards, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_out: Option<String>,
    /// The context afterwards, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ctx_out: Option<String>,
    /// The context afterwards, by its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextReport>,
    /// What an iterator wrote into its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The device that the packet was redirected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_ifindex: Option<u32>,
    /// The element of a map that it was redirected through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_map: Option<RedirectMap>,
    /// Every packet of a capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<Vec<PacketRun>>,
    /// Packets that were run and are left out of `runs`, for there were too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub runs_omitted: u64,
    /// How many packets of a capture came to each return value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_retval: Option<BTreeMap<u32, u64>>,
    /// The maps afterwards.
    pub maps: Vec<MapReport>,
    /// What the readers of ring and perf buffers saw.
    pub events: Vec<EventReport>,
    /// Samples that are left out, for there were too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub events_omitted: u64,
    /// Samples that found a perf ring full.
    pub lost: Vec<LostReport>,
    /// Lines of `trace_pipe`.
    pub printk: Vec<String>,
    /// Lines that are left out, for there were too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub printk_lost: u64,
    /// What a user should know of the object: programs and maps that could not be loaded, calls that will not work.
    pub warnings: Vec<String>,
    /// What happened that did not stop the program: loads through bad kernel addresses that gave 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Where and how the program faulted.
    pub fault: Option<FaultReport>,
    /// Why not all of the input was run: a capture that is cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_error: Option<String>,
}

/// What serde leaves out: a count of nothing.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One packet of a capture.
#[derive(Clone, Debug, Serialize)]
pub struct PacketRun {
    /// Its number, from 1.
    pub packet: u64,
    /// Its length.
    pub len: usize,
    /// The return value, unless the program faulted.
    pub retval: Option<u32>,
    /// What the return value means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retval_name: Option<&'static str>,
    /// Instructions executed.
    pub insns: u64,
    /// The packet afterwards, in hex, if the program changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_out: Option<String>,
    /// The device that it was redirected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_ifindex: Option<u32>,
    /// The element of a map that it was redirected through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_map: Option<RedirectMap>,
}

/// The element of a map that something was sent through.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RedirectMap {
    /// The map's name.
    pub map: String,
    /// Its type.
    #[serde(rename = "type")]
    pub map_type: &'static str,
    /// The key, as a number if it has 4 bytes, else in hexadecimal.
    pub key: String,
    /// Whether it goes to every device of the map.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub broadcast: bool,
}

/// A map and its elements.
#[derive(Clone, Debug, Serialize)]
pub struct MapReport {
    /// The name.
    pub name: String,
    /// bpftool's word for the type.
    #[serde(rename = "type")]
    pub map_type: &'static str,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// How many fit.
    pub max_entries: u32,
    /// Whether it holds constants: a `.rodata` section.
    pub constant: bool,
    /// The elements; of an array, those that are not all zero.
    pub elements: Vec<ElementReport>,
    /// How many are not shown: zero elements of arrays, and what is over the limit. Of a hash of more than some 16 MiB,
    /// only those that were looked at.
    pub omitted: u64,
}

/// An element, in bytes and by BTF.
#[derive(Clone, Debug, Serialize)]
pub struct ElementReport {
    /// The key by its type, or in hex.
    pub key: Value,
    /// The value by its type, or in hex; of a per-CPU map a list by cpu.
    pub value: Value,
    /// The element in one line, for people.
    #[serde(skip)]
    pub text: String,
}

/// A sample.
#[derive(Clone, Debug, Serialize)]
pub struct EventReport {
    /// The map that it came through.
    pub map: String,
    /// The cpu whose ring it was in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// The bytes in hex, padding of the perf ring included.
    pub data: String,
    /// The bytes by type, where the object says which: the value type of the map, or the one struct that fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoded: Option<Value>,
    /// The name of that type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoded_as: Option<String>,
    /// The event in one line, for people.
    #[serde(skip)]
    pub text: String,
}

/// Samples that were lost.
#[derive(Clone, Debug, Serialize)]
pub struct LostReport {
    /// The map.
    pub map: String,
    /// The cpu.
    pub cpu: u32,
    /// How many.
    pub count: u64,
}

/// Why a program did not come to its end.
#[derive(Clone, Debug, Serialize)]
pub struct FaultReport {
    /// Whose fault it is: `program fault`, `not emulated`, ...
    pub class: &'static str,
    /// What happened, in a sentence.
    pub message: String,
    /// The number of the packet of a capture, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet: Option<u64>,
    /// The program that was running.
    pub program: String,
    /// The function.
    pub function: Option<String>,
    /// The instruction's slot.
    pub insn: usize,
    /// The instruction.
    pub text: String,
    /// The source file.
    pub file: Option<String>,
    /// The line in it.
    pub line: Option<u32>,
    /// The column in it.
    pub column: Option<u32>,
    /// The line itself.
    pub source: Option<String>,
    /// The registers before the instruction, r0 to r10, in hex.
    pub registers: Vec<String>,
    /// The object that an access missed.
    pub object: Option<String>,
}

impl FaultReport {
    /// Whether it was not the program's fault but the host's, which had no more to give.
    pub fn is_host_limit(&self) -> bool {
        self.class == Class::HostLimit.name()
    }

    pub(crate) fn new(report: &Report, packet: Option<u64>) -> FaultReport {
        let line = report.line.as_ref();
        FaultReport {
            class: report.class.name(),
            message: report.message.clone(),
            packet,
            program: report.program.clone(),
            function: report.function.clone(),
            insn: report.slot,
            text: report.insn.clone(),
            file: line.map(|it| it.file.to_string()),
            line: line.map(|it| it.line),
            column: line.map(|it| it.column),
            source: line.map(|it| it.text.to_string()),
            registers: report.regs.iter().map(|value| format!("{value:#x}")).collect(),
            object: report.object.as_ref().map(|it| format!("{} {:?}", it.kind, it.name)),
        }
    }
}

impl ElementReport {
    /// Bytes without a type.
    pub(crate) fn untyped(bytes: &[u8]) -> Value {
        Value::String(format!("hex:{}", hex_string(bytes)))
    }
}
