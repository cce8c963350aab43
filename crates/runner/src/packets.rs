//! `skep run --pcap`: once for each packet of a capture.

use std::collections::BTreeMap;

use skep::{Context, Error, PacketCtx, Ran, Result, Run};

use crate::capture::{Capture, Captured};
use crate::json::hex_string;
use crate::report::{PacketRun, RunReport};
use crate::request::RunRequest;
use crate::session::{Session, redirect, redirect_map};

/// A capture may execute as much as the budget of one run, and this for each of its packets.
const PACKET_BUDGET: u64 = 10_000;

/// How much room there is for the packets of a capture in the report, in bytes, and what each takes beside its own.
const RUNS: usize = 16 << 20;
const RUN: usize = 192;

/// Bytes of an Ethernet header: no driver hands on less.
const ETH_HLEN: usize = 14;

/// Runs a program once for each packet of a capture. `progress` hears of every packet.
///
/// # Errors
/// As [`run_object`](crate::run_object). A capture that cannot be read to its end is none: the report has what was run,
/// and the reason in [`RunReport::input_error`].
pub fn run_capture(
    object: &[u8],
    request: &RunRequest,
    capture: Capture<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<RunReport> {
    let session = Session::open(object, request)?;
    let whole = request.budget.unwrap_or(skep::vm::DEFAULT_BUDGET);
    let mut runs = Packets::new(session, request, whole);
    for (captured, number) in capture.zip(1..) {
        let captured = match captured {
            Ok(captured) => captured,
            Err(error) => {
                runs.session.report.input_error = Some(format!("the capture ends early, {error}"));
                break;
            }
        };
        progress(number);
        if !runs.run(captured, number)? {
            break;
        }
    }
    runs.finish()
}

/// The packets that were run so far, and what is left for others.
struct Packets<'a> {
    session: Session,
    request: &'a RunRequest,
    /// The budget of one run, and what is left of that of all.
    whole: u64,
    left: u64,
    /// Bytes of the report.
    room: usize,
    runs: Vec<PacketRun>,
    by_retval: BTreeMap<u32, u64>,
    short: Short,
}

/// Packets without an Ethernet header.
#[derive(Default)]
struct Short {
    count: u64,
    /// The number of the first one, and its length.
    first: Option<(u64, usize)>,
}

impl<'a> Packets<'a> {
    fn new(session: Session, request: &'a RunRequest, whole: u64) -> Packets<'a> {
        let (runs, by_retval, short) = (Vec::new(), BTreeMap::new(), Short::default());
        Packets { session, request, whole, left: whole, room: RUNS, runs, by_retval, short }
    }

    /// Runs the program on a packet. False: it faulted, which ends it all.
    fn run(&mut self, captured: Captured, number: u64) -> Result<bool> {
        if captured.data.len() < ETH_HLEN {
            self.short.count += 1;
            self.short.first.get_or_insert((number, captured.data.len()));
            return Ok(true);
        }
        let packet = self.session.packet(captured.data, self.request.ctx.as_deref());
        self.left = self.left.saturating_add(PACKET_BUDGET);
        let budget = Some(self.whole.min(self.left));
        let run = Run { cpu: self.request.cpu, budget, ..Run::new(Context::Packet(packet.clone())) };
        match self.session.skep.program(&self.session.report.program)?.run_with(run) {
            Ok(ran) => self.note(ran, &packet, number),
            Err(error) if error.report().is_some() => {
                self.session.fault(error, Some(number))?;
                self.runs.push(line(number, &packet));
                return Ok(false);
            }
            Err(error) => return Err(Error::from_input(format!("packet {number}: {error}"))),
        }
        self.session.drain()?;
        Ok(true)
    }

    /// Puts a run into the report, if there is room.
    fn note(&mut self, ran: Ran, packet: &PacketCtx, number: u64) {
        self.session.note(&ran);
        self.left = self.left.saturating_sub(ran.insns + ran.charges);
        *self.by_retval.entry(ran.retval()).or_default() += 1;
        let line = PacketRun {
            retval: Some(ran.retval()),
            retval_name: ran.verdict(),
            insns: ran.insns,
            redirect_ifindex: redirect(&ran),
            redirect_map: redirect_map(&ran),
            packet_out: ran.packet_out.filter(|after| *after != packet.data).map(|after| hex_string(&after)),
            ..line(number, packet)
        };
        let size = RUN + line.packet_out.as_ref().map_or(0, String::len);
        match self.room.checked_sub(size).filter(|_| self.session.report.runs_omitted == 0) {
            Some(less) => {
                self.room = less;
                self.runs.push(line);
            }
            None => self.session.report.runs_omitted += 1,
        }
    }

    fn finish(mut self) -> Result<RunReport> {
        let report = &mut self.session.report;
        report.warnings.extend(self.short.warning());
        report.by_retval = Some(self.by_retval);
        report.runs = Some(self.runs);
        self.session.finish()
    }
}

impl Short {
    fn warning(&self) -> Option<String> {
        let (number, len) = self.first?;
        let first = format!("packet {number} was left out: its {len} bytes are no Ethernet header");
        Some(match self.count - 1 {
            0 => first,
            1 => format!("{first}; so was 1 more"),
            more => format!("{first}; so were {more} more"),
        })
    }
}

/// A packet that was not run yet.
fn line(number: u64, packet: &PacketCtx) -> PacketRun {
    PacketRun {
        packet: number,
        len: packet.data.len(),
        retval: None,
        retval_name: None,
        insns: 0,
        packet_out: None,
        redirect_ifindex: None,
        redirect_map: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_packets_are_said_once() {
        let said = |count, first| Short { count, first }.warning();
        assert_eq!(said(0, None), None);
        let text = said(1, Some((3, 13))).unwrap();
        assert_eq!(text, "packet 3 was left out: its 13 bytes are no Ethernet header");
        assert_eq!(said(2, Some((3, 13))).unwrap(), format!("{text}; so was 1 more"));
        assert_eq!(said(2_000_000, Some((3, 13))).unwrap(), format!("{text}; so were 1999999 more"));
    }
}
