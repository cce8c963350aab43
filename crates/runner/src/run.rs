//! `skep run`: a program of an object on a packet, a capture or a context.

use std::collections::BTreeMap;

use skep::kernel::{Note, Redirect};
use skep::{Builder, Context, Error, PacketCtx, ProgType, Ran, Result, Run, Skep};

use crate::capture::Capture;
use crate::element::{self, Room};
use crate::json::hex_string;
use crate::report::{FaultReport, PacketRun, RunReport};
use crate::timing;

/// A capture may execute as much as the budget of one run, and this for each of its packets.
const PACKET_BUDGET: u64 = 10_000;

/// How much room there is for the packets of a capture in the report, in bytes, and what each takes beside its own.
const RUNS: usize = 24 << 20;
const RUN: usize = 192;

/// Bytes of an Ethernet header: no driver hands on less.
const ETH_HLEN: usize = 14;

/// Bytes of a context that is made up where none is given: zeros.
const MADE_UP: usize = 512;
/// Notes that a report has room for.
const NOTES: usize = 16;

/// What to run.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The program; the object's only one if there is none.
    pub program: Option<String>,
    /// What it sees.
    pub input: Input,
    /// The context's bytes; beside a packet, its fields.
    pub ctx: Option<Vec<u8>>,
    /// Globals to set before loading: name and bytes, or a number.
    pub globals: Vec<(String, Global)>,
    /// Elements to put into maps: name, key and value.
    pub elements: Vec<(String, Global, Global)>,
    /// `max_entries` of maps.
    pub max_entries: Vec<(String, u32)>,
    /// The cpu that runs it.
    pub cpu: u32,
    /// How many cpus there are.
    pub cpus: u32,
    /// The seed of all that is random.
    pub seed: u64,
    /// Instructions that a run may execute.
    pub budget: Option<u64>,
    /// How often, to tell the time of a run.
    pub repeat: Option<u32>,
    /// Bytes of the host's memory that simulated objects may take.
    pub memory: Option<u64>,
}

impl Default for RunRequest {
    fn default() -> RunRequest {
        RunRequest {
            program: None,
            input: Input::None,
            ctx: None,
            globals: Vec::new(),
            elements: Vec::new(),
            max_entries: Vec::new(),
            cpu: 0,
            cpus: 4,
            seed: 0,
            budget: None,
            repeat: None,
            memory: None,
        }
    }
}

/// What a program sees.
#[derive(Clone, Debug, Default)]
pub enum Input {
    /// Nothing but a context.
    #[default]
    None,
    /// A packet.
    Packet(Vec<u8>),
}

/// A value from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Global {
    /// A number, of whatever size the place has.
    Number(i128),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Global {
    /// The bytes of the value in a place of this size, little-endian.
    fn to_bytes(&self, size: usize, place: &str) -> Result<Vec<u8>> {
        match self {
            Global::Bytes(bytes) => Ok(bytes.clone()),
            Global::Number(number) => {
                let bytes = number.to_le_bytes();
                let (low, high) = bytes.split_at(size.min(bytes.len()));
                let sign = if *number < 0 { 0xff } else { 0 };
                if high.iter().any(|byte| *byte != sign) {
                    return Err(Error::from_input(format!(
                        "{place}: {number} does not fit into {size} bytes"
                    )));
                }
                let mut out = low.to_vec();
                out.resize(size, sign);
                Ok(out)
            }
        }
    }
}

/// Runs a program once, or as often as asked.
///
/// # Errors
/// The object, the program or the input make no sense. A fault is none: it is in the report.
pub fn run_object(object: &[u8], request: &RunRequest) -> Result<RunReport> {
    let mut session = Session::open(object, request)?;
    let ctx = session.context(request)?;
    let repeat = request.repeat.unwrap_or(1);
    let run = Run { cpu: request.cpu, repeat, budget: request.budget, ..Run::new(ctx) };
    let (result, time) = timing::timed(|| session.skep.program(&session.report.program)?.run_with(run));
    match result {
        Ok(ran) => {
            session.note(&ran);
            session.report.ns_per_run = request.repeat.map(|count| timing::per_run(time, count));
            session.report.packet_out = ran.packet_out.as_deref().map(hex_string);
            session.report.ctx_out = (!ran.ctx_out.is_empty()).then(|| hex_string(&ran.ctx_out));
        }
        Err(error) => session.fault(error, None)?,
    }
    session.finish()
}

/// Runs a program once for each packet of a capture. `progress` hears of every packet.
///
/// # Errors
/// As [`run_object`]. A capture that cannot be read to its end is none: the report has what was run, and the reason in
/// [`RunReport::input_error`].
pub fn run_capture(
    object: &[u8],
    request: &RunRequest,
    capture: Capture<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<RunReport> {
    let mut session = Session::open(object, request)?;
    let mut runs = Vec::new();
    let (mut room, mut by_retval) = (RUNS, BTreeMap::new());
    let whole = request.budget.unwrap_or(skep::vm::DEFAULT_BUDGET);
    let mut left = whole;
    for (captured, number) in capture.zip(1..) {
        let captured = match captured {
            Ok(captured) => captured,
            Err(error) => {
                session.report.input_error = Some(format!("the capture ends early, {error}"));
                break;
            }
        };
        progress(number);
        if captured.data.len() < ETH_HLEN {
            let len = captured.data.len();
            let text = format!("packet {number} was left out: its {len} bytes are no Ethernet header");
            session.report.warnings.push(text);
            continue;
        }
        let packet = session.packet(captured.data, request.ctx.as_deref());
        left = left.saturating_add(PACKET_BUDGET);
        let budget = Some(whole.min(left));
        let run = Run { cpu: request.cpu, budget, ..Run::new(Context::Packet(packet.clone())) };
        let mut line = PacketRun {
            packet: number,
            len: packet.data.len(),
            retval: None,
            retval_name: None,
            insns: 0,
            packet_out: None,
            redirect_ifindex: None,
        };
        match session.skep.program(&session.report.program)?.run_with(run) {
            Ok(ran) => {
                session.note(&ran);
                left = left.saturating_sub(ran.insns + ran.charges);
                let ran_retval = ran.retval();
                line.retval = Some(ran_retval);
                line.retval_name = ran.verdict();
                line.insns = ran.insns;
                line.redirect_ifindex = redirect(&ran);
                line.packet_out =
                    ran.packet_out.filter(|after| *after != packet.data).map(|after| hex_string(&after));
                *by_retval.entry(ran_retval).or_default() += 1;
                let size = RUN + line.packet_out.as_ref().map_or(0, String::len);
                match room.checked_sub(size).filter(|_| session.report.runs_omitted == 0) {
                    Some(less) => {
                        room = less;
                        runs.push(line);
                    }
                    None => session.report.runs_omitted += 1,
                }
            }
            Err(error) if error.report().is_some() => {
                session.fault(error, Some(number))?;
                runs.push(line);
                break;
            }
            Err(error) => return Err(Error::from_input(format!("packet {number}: {error}"))),
        }
        session.drain()?;
    }
    session.report.by_retval = Some(by_retval);
    session.report.runs = Some(runs);
    session.finish()
}

fn redirect(ran: &Ran) -> Option<u32> {
    ran.redirect.map(|Redirect { ifindex, .. }| ifindex)
}

/// A machine with the object in it, and the report that grows.
struct Session {
    skep: Skep,
    prog_type: ProgType,
    report: RunReport,
    room: Room,
}

impl Session {
    fn open(object: &[u8], request: &RunRequest) -> Result<Session> {
        let mut builder = skep::parse(object)?.cpus(request.cpus).seed(request.seed);
        if let Some(bytes) = request.memory {
            builder = builder.memory(bytes);
        }
        let name = choose(&mut builder, request.program.as_deref())?;
        builder = builder.autoload(&name, true)?;
        for (name, max_entries) in &request.max_entries {
            builder = builder.map(name, |spec| spec.max_entries = *max_entries)?;
        }
        for (name, value) in &request.globals {
            let size = builder.open_object().global(name)?.1.size as usize;
            let bytes = value.to_bytes(size, &format!("variable {name}"))?;
            builder = builder.global_bytes(name, &bytes)?;
        }
        let mut skep = builder.load_what_can_be()?;
        for (name, key, value) in &request.elements {
            let mut map = skep.map(name)?;
            let key = key.to_bytes(map.spec().key_size as usize, &format!("map {name}, key"))?;
            let value = value.to_bytes(map.spec().value_size as usize, &format!("map {name}, value"))?;
            map.update_all(&key, &value)?;
        }
        let fd = skep.program(&name)?.fd();
        let loaded = skep.loaded();
        let section = loaded.programs().iter().find(|it| it.name == name).map(|it| it.section.clone());
        let mut warnings: Vec<String> = skep
            .loaded()
            .programs()
            .iter()
            .map(|it| &it.fd)
            .chain(skep.loaded().maps().iter().map(|it| &it.fd))
            .filter_map(|fd| fd.as_ref().err())
            .filter(|error| !error.is_skipped())
            .map(ToString::to_string)
            .collect();
        let info = skep.kernel().prog_info(fd).map_err(|errno| Error::from_input(errno.to_string()))?;
        warnings.extend(info.warnings.iter().cloned());
        let prog_type = info.prog_type;
        let report = RunReport {
            program: name,
            section: section.unwrap_or_default(),
            prog_type: prog_type.name(),
            verdict: info.verdict.name(),
            warnings,
            ..RunReport::default()
        };
        Ok(Session { skep, prog_type, report, room: Room::default() })
    }

    /// The context that the request describes, or one of zeros.
    fn context(&self, request: &RunRequest) -> Result<Context> {
        if let Input::Packet(data) = &request.input {
            return Ok(Context::Packet(self.packet(data.clone(), request.ctx.as_deref())));
        }
        let bytes = request.ctx.clone().unwrap_or_else(|| vec![0; MADE_UP]);
        Ok(match self.prog_type {
            ProgType::Xdp | ProgType::SchedCls | ProgType::SchedAct | ProgType::SocketFilter => {
                let text = format!(
                    "{} is a program of type {} and needs a packet: --packet FILE, --packet hex:.. or --pcap FILE",
                    self.report.program, self.report.prog_type
                );
                return Err(Error::from_input(text));
            }
            ProgType::Tracepoint => Context::Record(bytes),
            ProgType::RawTracepoint | ProgType::RawTracepointWritable => {
                let words = bytes.chunks(8).map(|chunk| {
                    let mut word = [0; 8];
                    word[..chunk.len()].copy_from_slice(chunk);
                    u64::from_le_bytes(word)
                });
                Context::Raw(words.collect())
            }
            _ => Context::Bytes(bytes),
        })
    }

    fn packet(&self, data: Vec<u8>, ctx: Option<&[u8]>) -> PacketCtx {
        let mut packet = PacketCtx::new(data);
        packet.ctx = ctx.map(<[u8]>::to_vec).unwrap_or_default();
        packet
    }

    fn note(&mut self, ran: &Ran) {
        self.report.retval = Some(ran.retval());
        self.report.retval_name = ran.verdict();
        self.report.insns += ran.insns;
        self.report.redirect_ifindex = redirect(ran);
        self.add_notes(&ran.notes);
    }

    /// Adds what is not said already: packets of a capture have much in common.
    fn add_notes(&mut self, notes: &[Note]) {
        let notes = notes.iter().map(ToString::to_string);
        let kept = &mut self.report.notes;
        for note in notes {
            if kept.len() < NOTES && !kept.contains(&note) {
                kept.push(note);
            }
        }
    }

    /// Puts a fault into the report; any other error is one of the request.
    fn fault(&mut self, error: Error, packet: Option<u64>) -> Result<()> {
        let Some(report) = error.report() else { return Err(error) };
        let notes = report.notes.clone();
        self.report.fault = Some(FaultReport::new(report, packet));
        self.add_notes(&notes);
        self.report.retval = None;
        self.report.retval_name = None;
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        element::events(&mut self.skep, &mut self.report, &mut self.room)
    }

    fn finish(mut self) -> Result<RunReport> {
        self.drain()?;
        self.report.maps = element::maps(&mut self.skep, &mut self.room);
        self.report.printk_lost = self.skep.kernel().trace_lost();
        self.report.printk = self.skep.kernel().take_trace_log().iter().map(ToString::to_string).collect();
        Ok(self.report)
    }
}

/// The program that was asked for, or the only one.
fn choose(builder: &mut Builder, name: Option<&str>) -> Result<String> {
    let programs = builder.open_object().programs();
    match (name, programs) {
        (Some(name), _) => Ok(name.to_owned()),
        (None, [only]) => Ok(only.name.clone()),
        (None, []) => Err(Error::from_input("the object has no programs")),
        (None, programs) => {
            let names: Vec<&str> = programs.iter().map(|it| it.name.as_str()).collect();
            Err(Error::from_input(format!(
                "the object has {} programs, name one: {}",
                names.len(),
                names.join(", ")
            )))
        }
    }
}
