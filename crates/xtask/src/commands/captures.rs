//! `cargo xtask captures`: the packet captures of the tests, and what must come of them.

use std::collections::BTreeMap;

use pcap_file::Endianness::{Big, Little};
use pcap_file::TsResolution::{MicroSecond, NanoSecond};
use serde::Serialize;

use crate::capture::formats::{self, Record};
use crate::capture::handshakes::{self, Step};
use crate::capture::web::{self, Blocked, Verdict};
use crate::capture::{Packet, timestamp};
use crate::command::{Args, Command, Failure};
use crate::tree::{self, Made, Mode};

/// The row of this command.
pub(crate) const COMMAND: Command = Command {
    name: "captures",
    summary: "make fixtures/captures/*, or check that the committed ones are as made",
    help: "\
usage: cargo xtask captures [--check]

Makes the packet captures of fixtures/captures and, for web.pcap and handshakes.pcap, a file that says what the
program they are for must make of each packet. Says which files changed.

    --check   write nothing; exit 1 when a committed file differs",
    run,
};

/// How many of web.pcap's packets are in the files that are there for their format.
const FEW: usize = 5;

fn run(mut args: Args) -> Result<(), Failure> {
    let mode = if args.flag("--check") { Mode::Check } else { Mode::Write };
    args.done()?;
    tree::settle(&files()?, mode, "cargo xtask captures")
}

/// Every file of the directory.
fn files() -> Result<Vec<Made>, Failure> {
    let web = web::packets();
    let handshakes = handshakes::packets();
    let all = records(&web);
    let few = &all[..FEW];
    let files = [
        ("web.pcap", formats::pcap(Little, MicroSecond, &all)?),
        ("web.expect.json", json(&web_expectations(&web))),
        ("handshakes.pcap", formats::pcap(Little, NanoSecond, &records(&handshakes))?),
        ("handshakes.expect.json", json(&handshake_expectations(&handshakes))),
        ("few-micros-big-endian.pcap", formats::pcap(Big, MicroSecond, few)?),
        ("few-nanos-little-endian.pcap", formats::pcap(Little, NanoSecond, few)?),
        ("few-nanos-big-endian.pcap", formats::pcap(Big, NanoSecond, few)?),
        ("few.pcapng", formats::pcapng(few)?),
        ("empty.pcap", formats::pcap(Little, MicroSecond, &[])?),
        ("telnet-syn.bin", named(&web, "telnet: SYN")?),
    ];
    let dir = tree::root().join("fixtures/captures");
    Ok(files.into_iter().map(|(name, bytes)| Made { path: dir.join(name), bytes }).collect())
}

fn records<T>(packets: &[Packet<T>]) -> Vec<Record<'_>> {
    packets.iter().enumerate().map(|(i, packet)| (timestamp(i), &packet.data[..], packet.wire_len)).collect()
}

fn named<T>(packets: &[Packet<T>], what: &str) -> Result<Vec<u8>, Failure> {
    let found = packets.iter().find(|packet| packet.what == what);
    found.map(|packet| packet.data.clone()).ok_or_else(|| Failure::Missing(format!("no packet `{what}`")))
}

/// The bytes of an expectation file.
fn json(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("these are plain structures");
    text.push(b'\n');
    text
}

/// What a program must make of a capture.
#[derive(Serialize)]
struct Expectations<Totals, Expected> {
    capture: &'static str,
    program: &'static str,
    note: &'static str,
    #[serde(flatten)]
    totals: Totals,
    packets: Vec<PacketLine<Expected>>,
}

#[derive(Serialize)]
struct PacketLine<Expected> {
    what: &'static str,
    len: usize,
    expected: Expected,
    retval: u32,
}

fn lines<T: Copy>(packets: &[Packet<T>], retval: impl Fn(T) -> u32) -> Vec<PacketLine<T>> {
    let line = |packet: &Packet<T>| PacketLine {
        what: packet.what,
        len: packet.data.len(),
        expected: packet.expected,
        retval: retval(packet.expected),
    };
    packets.iter().map(line).collect()
}

#[derive(Serialize)]
struct WebTotals {
    blocked_ports: &'static [Blocked],
    /// With `blocked_ports` as above.
    blocking: Outcome,
    /// With no port blocked.
    open: Outcome,
}

#[derive(Serialize)]
struct Outcome {
    by_retval: BTreeMap<u32, usize>,
    /// The program's `counters`, in order.
    counters: Vec<Counter>,
}

#[derive(Serialize)]
struct Counter {
    verdict: Verdict,
    packets: usize,
    bytes: usize,
}

fn web_expectations(packets: &[Packet<Verdict>]) -> Expectations<WebTotals, Verdict> {
    Expectations {
        capture: "web.pcap",
        program: "xdp_firewall",
        note: "`packets` is with the ports of `blocked_ports` in the map of that name, `open` with none",
        totals: WebTotals {
            blocked_ports: &web::BLOCKED,
            blocking: outcome(packets, |verdict| verdict),
            open: outcome(packets, Verdict::unblocked),
        },
        packets: lines(packets, Verdict::retval),
    }
}

fn outcome(packets: &[Packet<Verdict>], judge: impl Fn(Verdict) -> Verdict) -> Outcome {
    let mut by_retval = BTreeMap::new();
    let mut counters = Vec::from(Verdict::ALL.map(|verdict| Counter { verdict, packets: 0, bytes: 0 }));
    for packet in packets {
        let verdict = judge(packet.expected);
        *by_retval.entry(verdict.retval()).or_default() += 1;
        for counter in counters.iter_mut().filter(|counter| counter.verdict == verdict) {
            counter.packets += 1;
            counter.bytes += packet.data.len();
        }
    }
    Outcome { by_retval, counters }
}

#[derive(Serialize)]
struct HandshakeTotals {
    by_retval: BTreeMap<u32, usize>,
    /// The program's `entered`, by state.
    entered: [usize; 8],
    strays: usize,
    /// Entries in the table at the end.
    connections: usize,
}

fn handshake_expectations(packets: &[Packet<Step>]) -> Expectations<HandshakeTotals, Step> {
    let mut totals = HandshakeTotals {
        by_retval: BTreeMap::new(),
        entered: [0; 8],
        strays: 0,
        connections: handshakes::CONNECTIONS,
    };
    for packet in packets {
        *totals.by_retval.entry(packet.expected.retval()).or_default() += 1;
        match packet.expected {
            Step::Enters(state) => totals.entered[state as usize] += 1,
            Step::Stray => totals.strays += 1,
            Step::Belongs | Step::Ignored => {}
        }
    }
    Expectations {
        capture: "handshakes.pcap",
        program: "lru_conntrack",
        note: "in strict mode, which is the default",
        totals,
        packets: lines(packets, Step::retval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Step `step` of the first scenario that the kernel played for a program.
    fn recorded(program: &str, step: usize) -> serde_json::Value {
        let path = tree::root().join(format!("fixtures/recorded/{program}.json"));
        let recorded: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        recorded["scenarios"][0]["steps"][step].clone()
    }

    fn retvals<T>(lines: &[PacketLine<T>]) -> serde_json::Value {
        lines.iter().map(|line| line.retval).collect::<Vec<u32>>().into()
    }

    #[test]
    fn the_kernel_agrees_on_every_packet_of_web() {
        let expected = web_expectations(&web::packets());
        assert_eq!(recorded("xdp_firewall", 3)["retvals"], retvals(&expected.packets));
        let counters = recorded("xdp_firewall", 4);
        for (i, counter) in expected.totals.blocking.counters.iter().enumerate() {
            let value: String = [counter.packets, counter.bytes].map(hex).concat();
            assert_eq!(counters["entries"][i]["value"], value, "{:?}", counter.verdict);
        }
    }

    #[test]
    fn the_kernel_agrees_on_every_packet_of_handshakes() {
        let expected = handshake_expectations(&handshakes::packets());
        assert_eq!(recorded("lru_conntrack", 0)["retvals"], retvals(&expected.packets));
        assert_eq!(recorded("lru_conntrack", 1)["value"], expected.totals.entered.map(hex).concat());
        assert_eq!(recorded("lru_conntrack", 2)["value"], hex(expected.totals.strays));
        let entries = recorded("lru_conntrack", 3)["entries"].as_array().map(Vec::len);
        assert_eq!(entries, Some(expected.totals.connections));
    }

    /// A number as the kernel keeps it: 8 bytes, the lowest first.
    fn hex(number: usize) -> String {
        (number as u64).to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn two_runs_make_the_same_bytes() {
        for (one, other) in files().unwrap().iter().zip(&files().unwrap()) {
            assert_eq!(one.bytes, other.bytes, "{}", one.path.display());
        }
    }

    #[test]
    fn the_committed_files_are_as_made() {
        tree::settle(&files().unwrap(), Mode::Check, "cargo xtask captures").unwrap();
    }

    #[test]
    fn the_committed_files_are_all_made_here() {
        let made: Vec<_> = files().unwrap().into_iter().map(|file| file.path).collect();
        for entry in std::fs::read_dir(tree::root().join("fixtures/captures")).unwrap() {
            let path = entry.unwrap().path();
            assert!(made.contains(&path), "{} is not made by this command", path.display());
        }
    }
}
