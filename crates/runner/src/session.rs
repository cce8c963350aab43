//! A machine with the object in it, and the report that grows while it runs.

use skep::kernel::{Note, Redirect, Verifier};
use skep::loader::Loaded;
use skep::{Builder, Context, Error, PacketCtx, ProgType, Ran, Result, Skep, Target};

use crate::context;
use crate::element::{self, Room};
use crate::json::hex_string;
use crate::report::{FaultReport, RedirectMap, RunReport};
use crate::request::{Global, Input, RunRequest};

/// Bytes of a context that is made up where none is given: zeros.
const MADE_UP: usize = 512;
/// Notes that a report has room for.
const NOTES: usize = 16;

pub(crate) fn redirect(ran: &Ran) -> Option<u32> {
    ran.redirect.as_ref().map(|Redirect { ifindex, .. }| *ifindex).filter(|ifindex| *ifindex != 0)
}

pub(crate) fn redirect_map(ran: &Ran) -> Option<RedirectMap> {
    let redirect = ran.redirect.as_ref()?;
    let through = redirect.through.as_ref()?;
    let key = match through.key.as_slice().try_into() {
        Ok(index) => u32::from_le_bytes(index).to_string(),
        Err(_) => hex_string(&through.key),
    };
    Some(RedirectMap {
        map: through.map.clone(),
        map_type: through.kind.name(),
        key,
        broadcast: redirect.flags & skep::flags::BPF_F_BROADCAST != 0,
    })
}

/// A machine with the object in it, and the report that grows.
pub(crate) struct Session {
    pub(crate) skep: Skep,
    prog_type: ProgType,
    pub(crate) report: RunReport,
    room: Room,
}

impl Session {
    pub(crate) fn open(object: &[u8], request: &RunRequest) -> Result<Session> {
        let (builder, name) = prepared(object, request)?;
        let mut skep = builder.load_what_can_be()?;
        fill(&mut skep, &request.elements)?;
        let (prog_type, report) = first_report(&mut skep, name)?;
        Ok(Session { skep, prog_type, report, room: Room::default() })
    }

    /// The context that the request describes; `None`: the program is to be fired.
    pub(crate) fn context(&mut self, request: &RunRequest) -> Result<Option<Context>> {
        if let Input::Packet(data) = &request.input {
            return Ok(Some(Context::Packet(self.packet(data.clone(), request.ctx.as_deref()))));
        }
        let packet = matches!(
            self.prog_type,
            ProgType::Xdp | ProgType::SchedCls | ProgType::SchedAct | ProgType::SocketFilter
        );
        if packet && request.args.get("data").is_none() {
            let text = format!(
                "{} is a program of type {} and needs a packet: --packet FILE, --packet hex:.. or --pcap FILE",
                self.report.program, self.report.prog_type
            );
            return Err(Error::from_input(text));
        }
        if let Some(bytes) = &request.ctx {
            return Ok(Some(self.raw_context(bytes.clone())));
        }
        let malformed = match &request.at {
            Some(what) => {
                self.report.target = Some(what.clone());
                None
            }
            None => match self.skep.program(&self.report.program)?.target() {
                Ok(target) => {
                    self.report.target = Some(target.to_string()).filter(|_| *target != Target::Unsaid);
                    None
                }
                Err(error) => Some(error),
            },
        };
        match malformed {
            None => Ok(None),
            // Its own loader knows where it is attached.
            Some(error) if request.args.is_empty() => {
                self.report.warnings.push(error.to_string());
                Ok(Some(self.raw_context(vec![0; MADE_UP])))
            }
            Some(error) => Err(error),
        }
    }

    fn raw_context(&self, bytes: Vec<u8>) -> Context {
        match self.prog_type {
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
        }
    }

    pub(crate) fn packet(&self, data: Vec<u8>, ctx: Option<&[u8]>) -> PacketCtx {
        let mut packet = PacketCtx::new(data);
        packet.ctx = ctx.map(<[u8]>::to_vec).unwrap_or_default();
        packet
    }

    pub(crate) fn note(&mut self, ran: &Ran) {
        self.report.retval = Some(ran.retval());
        self.report.retval_name = ran.verdict();
        self.report.insns += ran.insns;
        self.report.redirect_ifindex = redirect(ran);
        self.report.redirect_map = redirect_map(ran);
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
    pub(crate) fn fault(&mut self, error: Error, packet: Option<u64>) -> Result<()> {
        let Some(report) = error.report() else { return Err(error) };
        let notes = report.notes.clone();
        self.report.fault = Some(FaultReport::new(report, packet));
        self.add_notes(&notes);
        self.report.retval = None;
        self.report.retval_name = None;
        Ok(())
    }

    pub(crate) fn drain(&mut self) -> Result<()> {
        element::events(&mut self.skep, &mut self.report, &mut self.room)
    }

    /// Shows the context that a run leaves behind.
    pub(crate) fn add_context(&mut self, bytes: &[u8]) {
        let program = self.report.program.clone();
        self.report.context = context::report(&mut self.skep, &program, self.prog_type, bytes);
    }

    pub(crate) fn finish(mut self) -> Result<RunReport> {
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

/// The object opened, with everything set that has to be before it is loaded, and the name of the program.
fn prepared(object: &[u8], request: &RunRequest) -> Result<(Builder, String)> {
    let mut builder = skep::parse(object)?.cpus(request.cpus).seed(request.seed);
    if let Some(bytes) = request.memory {
        builder = builder.memory(bytes);
    }
    if let Some(btf) = &request.btf {
        builder = builder.btf(btf.clone());
    }
    if request.verify {
        builder = builder.verify(Verifier::default());
    }
    if let Some(config) = &request.kconfig {
        builder = builder.kconfig_file(config.clone());
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
    Ok((builder, name))
}

/// Puts elements into maps.
fn fill(skep: &mut Skep, elements: &[(String, Global, Global)]) -> Result<()> {
    for (name, key, value) in elements {
        let mut map = skep.map(name)?;
        let key = key.to_bytes(map.spec().key_size as usize, &format!("map {name}, key"))?;
        let value = value.to_bytes(map.spec().value_size as usize, &format!("map {name}, value"))?;
        map.update_all(&key, &value)?;
    }
    Ok(())
}

/// What there is to say of a program before it ran, and its type.
fn first_report(skep: &mut Skep, name: String) -> Result<(ProgType, RunReport)> {
    let fd = skep.program(&name)?.fd();
    let mut warnings = not_loaded(skep.loaded());
    let section = skep.loaded().programs().iter().find(|it| it.name == name).map(|it| it.section.clone());
    let btf = skep.kernel().btf().map(|it| it.origin.to_string());
    let info = skep.kernel().prog_info(fd).map_err(|errno| Error::from_input(errno.to_string()))?;
    warnings.extend(info.warnings.iter().cloned());
    let report = RunReport {
        btf: btf.unwrap_or_default(),
        program: name,
        section: section.unwrap_or_default(),
        prog_type: info.prog_type.name(),
        verdict: info.verdict.name(),
        warnings,
        ..RunReport::default()
    };
    Ok((info.prog_type, report))
}

/// Why programs and maps that were to be there are not.
fn not_loaded(loaded: &Loaded) -> Vec<String> {
    let programs = loaded.programs().iter().map(|it| &it.fd);
    let fds = programs.chain(loaded.maps().iter().map(|it| &it.fd));
    let errors = fds.filter_map(|fd| fd.as_ref().err()).filter(|error| !error.is_skipped());
    errors.map(ToString::to_string).collect()
}
