//! Running a case on the real kernel.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};

use skep_abi::Errno;
use skep_isa::asm::assemble;

use super::programs::{PopOrPeek, Programs};
use super::{Case, Field, Recorded, Recording, Spec, field, hex, pack, unpack};
use crate::sys::{Map, MapCreate, ProgLoad, RingPages, kernel_release, pin_to_cpu, possible_cpus};

const RINGBUF: u32 = 27;

/// Runs all cases.
///
/// # Errors
/// Something failed that is not an answer of a map: a program did not load, a command has no meaning.
pub fn record(cases: &[Case]) -> io::Result<Recording> {
    let recorded = cases.iter().map(|case| run(case).map_err(|error| explain(case, &error)));
    Ok(Recording {
        kernel: kernel_release(),
        cpus: possible_cpus()?,
        cases: recorded.collect::<io::Result<_>>()?,
    })
}

fn explain(case: &Case, error: &io::Error) -> io::Error {
    io::Error::other(format!("{}: {error}", case.name))
}

fn run(case: &Case) -> io::Result<Recorded> {
    pin_to_cpu(0)?;
    let (created, _btf) = create(&case.spec)?;
    let mut recorded = Recorded {
        name: case.name.clone(),
        map: case.spec.clone(),
        create: answer_of(created.as_ref().map(|_| ())),
        steps: Vec::new(),
    };
    let Ok(map) = created else { return Ok(recorded) };
    let mut machine = Machine::new(case, &map)?;
    for step in &case.steps {
        let answer = machine.step(step).map_err(|error| io::Error::other(format!("{step}: {error}")))?;
        recorded.steps.push(format!("{step} -> {answer}"));
    }
    Ok(recorded)
}

fn create(spec: &Spec) -> io::Result<(io::Result<Map>, Option<OwnedFd>)> {
    // The template has to live until the map was created.
    let inner = spec.inner.as_ref().map(|inner| create(inner)).transpose()?;
    let inner = inner.map(|(map, _btf)| map).transpose()?;
    let mut create = MapCreate {
        kind: spec.kind,
        key_size: spec.key,
        value_size: spec.value,
        max_entries: spec.max,
        flags: spec.flags,
        numa_node: spec.numa,
        map_extra: spec.extra,
        inner_map_fd: inner.as_ref().map_or(0, Map::raw_fd),
        ..MapCreate::default()
    };
    let plain = spec.typed.then_some(Field { kind: "nothing", size: 0, at: 0 });
    let field = spec.field.clone().or(plain);
    let btf = field.as_ref().map(|field| field::load(field, spec.value)).transpose()?;
    if let Some(btf) = &btf {
        create.btf_fd = btf.as_raw_fd();
        (create.btf_key_type_id, create.btf_value_type_id) = (field::KEY, field::VALUE);
    }
    Ok((create.create(), btf))
}

/// `ok` or the name of the errno.
fn answer_of(result: Result<(), &io::Error>) -> String {
    match result {
        Ok(()) => "ok".to_string(),
        Err(error) => errno_name(error.raw_os_error().unwrap_or(0)),
    }
}

fn errno_name(code: i32) -> String {
    Errno::ALL
        .iter()
        .find(|errno| errno.code() == code)
        .map_or(format!("E{code}"), |errno| errno.name().to_string())
}

fn answer_bytes(result: io::Result<Vec<u8>>) -> String {
    result.map_or_else(|error| answer_of(Err(&error)), |bytes| hex(&bytes))
}

fn answer_helper(returned: i64) -> String {
    if returned == 0 { "ok".to_string() } else { errno_name((-returned) as i32) }
}

/// What a helper returned, and the bytes it left when it failed.
fn answer_value((returned, value): (i64, Vec<u8>)) -> String {
    if returned == 0 { hex(&value) } else { format!("{} {}", errno_name((-returned) as i32), pack(&value)) }
}

fn answer_seen(seen: Option<Vec<u8>>) -> String {
    seen.map_or("null".to_string(), |bytes| hex(&bytes))
}

/// One map with everything that commands need.
struct Machine<'m> {
    map: &'m Map,
    inner: Option<&'m Spec>,
    programs: Programs<'m>,
    pages: Option<RingPages>,
    sockets: RefCell<Vec<TcpListener>>,
}

impl<'m> Machine<'m> {
    fn new(case: &'m Case, map: &'m Map) -> io::Result<Machine<'m>> {
        let ring = case.spec.kind == RINGBUF;
        let pages = ring.then(|| RingPages::map(map, case.spec.max as usize)).transpose()?;
        let seen = case.spec.inner.as_ref().map_or(case.spec.value, |inner| inner.value);
        let (inner, programs) = (case.spec.inner.as_deref(), Programs::new(map, seen)?);
        Ok(Machine { map, inner, programs, pages, sockets: RefCell::default() })
    }

    fn step(&mut self, step: &str) -> io::Result<String> {
        let words: Vec<&str> = step.split(' ').collect();
        let (side, cpu) = words[0].split_at(1);
        pin_to_cpu(cpu.parse().map_err(|_| io::Error::other("no CPU"))?)?;
        let args = Args(&words[2..]);
        match side {
            "u" => self.user(words[1], &args),
            _ => self.program(words[1], &args),
        }
    }

    fn user(&mut self, command: &str, args: &Args<'_>) -> io::Result<String> {
        let map = self.map;
        Ok(match command {
            "lookup" => answer_bytes(map.lookup(&args.bytes(0), args.number(1))),
            "take" => answer_bytes(map.lookup_and_delete(&args.bytes(0), args.number(1))),
            "update" => {
                answer_of(map.update(&args.bytes(0), &args.bytes(1), args.number(2)).as_ref().map(|_| ()))
            }
            "contains" => answer_of(map.contains(&args.bytes(0)).as_ref().map(|_| ())),
            "order" => self.order()?,
            "delete" => answer_of(map.delete(&args.bytes(0)).as_ref().map(|_| ())),
            "next" => answer_bytes(map.next_key(args.key(0).as_deref())),
            "keys" => show_keys(self.elements()?.keys()),
            "walk" => {
                let pairs =
                    self.elements()?.into_iter().map(|(key, value)| format!("{}={}", hex(&key), hex(&value)));
                pairs.collect::<Vec<_>>().join(" ")
            }
            "fill" => answer_of(self.fill(args).as_ref().map(|_| ())),
            "touch" => {
                let found = args.keys().filter(|key| map.lookup(&key.to_le_bytes(), 0).is_ok());
                found.count().to_string()
            }
            "freeze" => answer_of(map.freeze().as_ref().map(|_| ())),
            "set" => self.set(args)?,
            "held" => match map.lookup(&args.bytes(0), 0) {
                Ok(_) => "held".to_string(),
                Err(error) => answer_of(Err(&error)),
            },
            "consumer" => {
                self.pages()?.set_consumer(args.number(0));
                "ok".to_string()
            }
            "pages" => show_pages(self.pages()?),
            other => return Err(io::Error::other(format!("user space has no {other}"))),
        })
    }

    fn program(&mut self, command: &str, args: &Args<'_>) -> io::Result<String> {
        let programs = &mut self.programs;
        Ok(match command {
            "lookup" => answer_seen(programs.lookup(&args.bytes(0))?),
            "touch" => {
                let mut found = 0;
                for key in args.keys() {
                    found += usize::from(programs.lookup(&key.to_le_bytes())?.is_some());
                }
                found.to_string()
            }
            "update" => answer_helper(programs.update(&args.bytes(0), &args.bytes(1), args.number(2))?),
            "delete" => answer_helper(programs.delete(&args.bytes(0))?),
            "stale" => answer_seen(programs.stale(&args.bytes(0), &args.bytes(1))?),
            "reuse" => answer_seen(programs.reuse(&args.bytes(0), &args.bytes(1), &args.bytes(2))?),
            "push" => answer_helper(programs.push(&args.bytes(0), args.number(1))?),
            "pop" => answer_value(programs.take(PopOrPeek::Pop)?),
            "peek" => answer_value(programs.take(PopOrPeek::Peek)?),
            "contains" => answer_helper(programs.contains(&args.bytes(0))?),
            "redirect" => programs.redirect(args.number(0), args.number(1))?.to_string(),
            "inner" => programs.inner(&args.bytes(0), &args.bytes(1))?,
            "output" => answer_helper(programs.output(&args.bytes(0), args.number(1))?),
            "query" => programs.query(args.number(0))?.to_string(),
            "records" => match programs.records(&args.sizes(0), &args.ends(1))? {
                -1 => "ok".to_string(),
                at => format!("null {at}"),
            },
            other => return Err(io::Error::other(format!("programs have no {other}"))),
        })
    }

    fn fill(&self, args: &Args<'_>) -> io::Result<()> {
        let value = |key: u32| vec![key as u8; self.map.user_value_size()];
        args.keys().try_for_each(|key| self.map.update(&key.to_le_bytes(), &value(key), 0))
    }

    fn pages(&self) -> io::Result<&RingPages> {
        self.pages.as_ref().ok_or_else(|| io::Error::other("no ring buffer"))
    }

    /// Every key with its value, found by walking.
    fn elements(&self) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut key = None;
        while let Ok(next) = self.map.next_key(key.as_deref()) {
            found.insert(next.clone(), self.map.lookup(&next, 0).unwrap_or_default());
            key = Some(next);
        }
        Ok(found)
    }

    fn keep(&self, socket: Option<TcpListener>) -> i32 {
        let fd = socket.as_ref().map_or(-1, AsRawFd::as_raw_fd);
        self.sockets.borrow_mut().extend(socket);
        fd
    }

    fn order(&self) -> io::Result<String> {
        let mut keys = Vec::new();
        let mut next = self.map.next_key(None);
        while let Ok(key) = next {
            next = self.map.next_key(Some(&key));
            keys.push(hex(&key));
        }
        Ok(keys.join(" "))
    }

    /// A map to put into this one: like the template, or with a part that differs.
    fn candidate(&self, what: &str) -> io::Result<Map> {
        let mut spec = self.inner.cloned().ok_or_else(|| io::Error::other("no map of maps"))?;
        match what {
            "map" => {}
            "map.max" => spec.max *= 2,
            "map.value" => spec.value += 8,
            "map.key" => spec.key += 4,
            "map.flags" => spec.flags ^= skep_abi::flags::BPF_F_RDONLY_PROG,
            "map.mode" => spec.flags ^= skep_abi::flags::BPF_F_RDONLY,
            "map.type" => {
                spec = Spec { kind: if spec.kind == 1 { 5 } else { 1 }, field: None, flags: 0, ..spec }
            }
            _ => return Err(io::Error::other("no such map")),
        }
        create(&spec)?.0
    }

    /// Stores a descriptor: of a program, of a map, or one that is not open.
    fn set(&self, args: &Args<'_>) -> io::Result<String> {
        let insns = assemble("r0 = 0\nexit\n").map_err(io::Error::other)?;
        let load = ProgLoad { prog_type: 1, insns: &insns, license: "GPL", ..ProgLoad::default() };
        let prog = load.load().map_err(io::Error::other)?;
        let map = args.0[1].starts_with("map").then(|| self.candidate(args.0[1])).transpose()?;
        // Sockets stay in a map as long as they are open.
        let socket = (args.0[1] == "socket").then(|| TcpListener::bind("127.0.0.1:0")).transpose()?;
        let fd = match (&map, args.0[1]) {
            (_, "socket") => self.keep(socket),
            (Some(map), _) => map.raw_fd(),
            (None, "prog") => prog.raw_fd(),
            _ => 9999,
        };
        let mut value = fd.to_ne_bytes().to_vec();
        value.resize(self.map.user_value_size(), 0);
        let result = self.map.update(&args.bytes(0), &value, args.number(2));
        Ok(answer_of(result.as_ref().map(|_| ())))
    }
}

/// Keys of four bytes as numbers, ascending, runs of them as ranges.
fn show_keys<'k>(keys: impl Iterator<Item = &'k Vec<u8>>) -> String {
    let number =
        |key: &Vec<u8>| u32::from_le_bytes(std::array::from_fn(|at| key.get(at).copied().unwrap_or(0)));
    let mut numbers: Vec<u32> = keys.map(number).collect();
    numbers.sort_unstable();
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let show = |run: &[u32]| {
        if run.len() == 1 { run[0].to_string() } else { format!("{}-{}", run[0], run[run.len() - 1]) }
    };
    runs.map(show).collect::<Vec<_>>().join(" ")
}

/// Positions, and each run of 8-byte words that are not all zero.
fn show_pages(pages: &RingPages) -> String {
    let [consumer, producer, pending] = pages.positions();
    let mut text = format!("c={consumer} p={producer} q={pending}");
    let data = pages.data();
    let words: Vec<&[u8]> = data.chunks(8).collect();
    let mut at = 0;
    for run in words.chunk_by(|a, b| is_zero(a) == is_zero(b)) {
        if !is_zero(run[0]) {
            text += &format!(" {at}:{}", pack(&run.concat()));
        }
        at += 8 * run.len();
    }
    text
}

fn is_zero(word: &[u8]) -> bool {
    word.iter().all(|&byte| byte == 0)
}

/// The words behind a command.
struct Args<'a>(&'a [&'a str]);

impl Args<'_> {
    fn bytes(&self, at: usize) -> Vec<u8> {
        self.key(at).unwrap_or_default()
    }

    fn key(&self, at: usize) -> Option<Vec<u8>> {
        self.0.get(at).filter(|word| **word != "-").map(|word| unpack(word))
    }

    fn number(&self, at: usize) -> u64 {
        self.0.get(at).and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    /// The keys of `fill` and `touch`: first, count, step.
    fn keys(&self) -> impl Iterator<Item = u32> {
        let step = self.number(2).max(1) as usize;
        (self.number(0) as u32..).take(self.number(1) as usize).step_by(step)
    }

    fn sizes(&self, at: usize) -> Vec<u32> {
        self.0
            .get(at)
            .map(|word| word.split(',').filter_map(|size| size.parse().ok()).collect())
            .unwrap_or_default()
    }

    fn ends(&self, at: usize) -> Vec<(usize, bool)> {
        let one = |word: &str| {
            let (index, end) = word.split_at(word.len() - 1);
            Some((index.parse().ok()?, end == "d"))
        };
        self.0.get(at).map(|word| word.split(',').filter_map(one).collect()).unwrap_or_default()
    }
}
