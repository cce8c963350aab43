//! One recorded map: commands in, answers out, with the little of `bpf(2)` that is not the map's own.

use std::collections::BTreeMap;

use serde::Deserialize;
use skep_abi::flags::BPF_F_LOCK;
use skep_abi::{Errno, MapType};
use skep_maps::{Access, Cx, Map, MapSpec, ObjRef, Side, SpecialField, SpecialKind};
use skep_memory::Memory;

/// The file.
#[derive(Deserialize)]
pub(crate) struct Recording {
    pub(crate) kernel: String,
    pub(crate) cpus: u32,
    pub(crate) cases: Vec<Case>,
}

/// A map and what was done to it.
#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) map: Spec,
    pub(crate) create: String,
    pub(crate) steps: Vec<String>,
}

/// A map to create.
#[derive(Deserialize)]
pub(crate) struct Spec {
    #[serde(rename = "type")]
    pub(crate) kind: u32,
    key: u32,
    value: u32,
    max: u32,
    #[serde(default)]
    flags: u32,
    #[serde(default)]
    numa: u32,
    #[serde(default)]
    extra: u64,
    field: Option<Field>,
    inner: Option<Box<Spec>>,
    #[serde(default)]
    typed: bool,
}

/// A special field of the value.
#[derive(Deserialize)]
struct Field {
    kind: String,
    size: u32,
    at: u32,
}

impl Field {
    fn to_special(&self) -> SpecialField {
        let kind = match self.kind.as_str() {
            "bpf_spin_lock" => SpecialKind::SpinLock,
            "bpf_res_spin_lock" => SpecialKind::ResSpinLock,
            "bpf_timer" => SpecialKind::Timer,
            "bpf_wq" => SpecialKind::Workqueue,
            "bpf_task_work" => SpecialKind::TaskWork,
            "bpf_refcount" => SpecialKind::Refcount,
            other => panic!("unknown field {other}"),
        };
        assert_eq!(kind.size(), self.size, "{}", self.kind);
        SpecialField { kind, offset: self.at }
    }
}

impl Spec {
    fn to_map_spec(&self) -> Option<MapSpec> {
        let kind = MapType::from_u32(self.kind)?;
        let mut spec = MapSpec::new(kind, self.key, self.value, self.max).with_flags(self.flags);
        (spec.numa_node, spec.map_extra) = (self.numa, self.extra);
        spec.special.extend(self.field.as_ref().map(Field::to_special));
        spec.typed = self.typed || self.field.is_some();
        spec.inner = self.inner.as_ref().and_then(|inner| inner.to_map_spec()).map(Box::new);
        Some(spec)
    }
}

/// A map of ours under replay.
pub(crate) struct Replay {
    memory: Memory,
    map: Map,
    access: Access,
    cpus: u32,
    /// The only inner map that is ever put anywhere.
    inner: Option<Map>,
    handles: u32,
}

/// Whether values are devices or CPUs.
fn is_target(kind: MapType) -> bool {
    matches!(kind, MapType::Devmap | MapType::DevmapHash | MapType::Cpumap)
}

/// Whether keys are descriptors of whoever has the value; those of the recording are not open.
fn is_owned(kind: MapType) -> bool {
    matches!(kind, MapType::SkStorage | MapType::TaskStorage)
}

impl Replay {
    /// Makes the map, or says which errno it got.
    pub(crate) fn new(case: &Case, cpus: u32) -> Result<Replay, String> {
        let spec = case.map.to_map_spec().ok_or("EINVAL")?;
        let access = Access::of_flags(spec.flags);
        let memory = Memory::new().unwrap();
        let cx = Cx::new(&memory, cpus);
        let inner = spec.inner.as_deref().cloned().map(|inner| Map::new(inner, &cx));
        let inner = inner.transpose().map_err(|error| format!("template: {error}"))?;
        let spec = MapSpec { inner: inner.as_ref().map(|it| Box::new(it.spec().clone())), ..spec };
        let map = Map::new(spec, &cx).map_err(|error| error.errno().to_string())?;
        Ok(Replay { memory, map, access, cpus, inner, handles: 7 })
    }

    /// Runs one command.
    pub(crate) fn step(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split(' ').collect();
        let (side, cpu) = words[0].split_at(1);
        let args = Args(&words[2..]);
        let cpu = cpu.parse().unwrap();
        let answer =
            if side == "u" { self.user(cpu, words[1], &args) } else { self.program(cpu, words[1], &args) };
        answer.unwrap_or_else(|errno| errno.to_string())
    }

    fn cx(&self, cpu: u32) -> Cx<'_> {
        Cx::new(&self.memory, self.cpus).on(cpu)
    }

    fn may_read(&self) -> Result<(), Errno> {
        if self.map.user_access(self.access).read { Ok(()) } else { Err(Errno::EPERM) }
    }

    fn may_write(&self) -> Result<(), Errno> {
        if self.map.user_access(self.access).write { Ok(()) } else { Err(Errno::EPERM) }
    }

    fn user(&mut self, cpu: u32, command: &str, args: &Args<'_>) -> Result<String, Errno> {
        let cx = Cx::new(&self.memory, self.cpus).on(cpu);
        let ok = || "ok".to_string();
        let key = if matches!(command, "consumer" | "fill" | "touch") { Vec::new() } else { args.bytes(0) };
        let known = |flags: u64| if flags & !BPF_F_LOCK == 0 { Ok(flags) } else { Err(Errno::EINVAL) };
        match command {
            "lookup" if !is_owned(self.map.spec().kind) => {
                let flags = known(args.number(1))?;
                self.may_read()?;
                self.map.lookup_with(&cx, &key, flags).map(|value| hex(&value))
            }
            "held" => self.map.lookup_user(&cx, &key).map(|_| "held".to_string()),
            "take" => {
                let flags = known(args.number(1))?;
                self.may_read().and(self.may_write())?;
                self.map.take_user(&cx, &key, flags).map(|(value, _)| hex(&value))
            }
            "update" if is_target(self.map.spec().kind) => {
                self.may_write()?;
                self.place(cpu, &key, &args.bytes(1), args.number(2)).map(|()| ok())
            }
            "lookup" | "update" | "delete" if is_owned(self.map.spec().kind) => Err(Errno::EBADF),
            // The descriptors of the recording are none of sockets.
            "update" if self.map.spec().kind == MapType::Xskmap => Err(Errno::ENOTSOCK),
            "update" => {
                self.may_write()?;
                self.map.update(&cx, &key, &args.bytes(1), args.number(2), Side::User).map(|_| ok())
            }
            "delete" => {
                self.may_write()?;
                self.map.delete(&cx, &key, Side::User).map(|_| ok())
            }
            "contains" => {
                self.may_read()?;
                self.map.contains(&key).map(|()| ok())
            }
            "order" => Ok(self.order()),
            "next" => {
                self.may_read()?;
                self.map.next_key(args.key(0).as_deref()).map(|key| hex(&key))
            }
            "fill" => {
                self.may_write()?;
                let len = self.map.user_value_size();
                for key in args.keys() {
                    let _ = self.map.update(&cx, &key.to_le_bytes(), &vec![key as u8; len], 0, Side::User)?;
                }
                Ok(ok())
            }
            "touch" => {
                let found = args.keys().filter(|key| self.map.lookup_user(&cx, &key.to_le_bytes()).is_ok());
                Ok(found.count().to_string())
            }
            "keys" => Ok(show_keys(self.elements(cpu).keys())),
            "walk" => {
                let pairs = self
                    .elements(cpu)
                    .into_iter()
                    .map(|(key, value)| format!("{}={}", hex(&key), hex(&value)));
                Ok(pairs.collect::<Vec<_>>().join(" "))
            }
            "freeze" => {
                if self.map.spec().special.is_empty() {
                    self.may_write()?;
                }
                // The recorder had the consumer page mapped for writing.
                if self.map.ring().is_some() {
                    return Err(Errno::EBUSY);
                }
                self.map.freeze().map(|()| ok())
            }
            "consumer" => {
                let ring = self.map.ring().unwrap();
                ring.set_consumer_pos(&self.memory, args.number(0)).map(|()| ok())
            }
            "set" => self.set(args).map(|()| ok()),
            "pages" => Ok(self.pages()),
            other => panic!("unknown command {other}"),
        }
    }

    fn program(&mut self, cpu: u32, command: &str, args: &Args<'_>) -> Result<String, Errno> {
        let cx = Cx::new(&self.memory, self.cpus).on(cpu);
        match command {
            "query" => {
                return Ok((self.map.ring().unwrap().query(&self.memory, args.number(0)) as i64).to_string());
            }
            "records" => return Ok(self.records(args)),
            "touch" => {
                let found =
                    args.keys().filter(|key| self.map.lookup_ptr(&cx, &key.to_le_bytes()).unwrap().is_some());
                return Ok(found.count().to_string());
            }
            _ => {}
        }
        let key = if matches!(command, "pop" | "peek") { Vec::new() } else { args.bytes(0) };
        let ok = |_| "ok".to_string();
        match command {
            "lookup" => {
                Ok(self.map.lookup_ptr(&cx, &key)?.map_or("null".to_string(), |addr| self.seen(addr)))
            }
            "update" => self.map.update(&cx, &key, &args.bytes(1), args.number(2), Side::Program).map(ok),
            "delete" => self.map.delete(&cx, &key, Side::Program).map(ok),
            "stale" => {
                let Some(addr) = self.map.lookup_ptr(&cx, &key)? else { return Ok("null".to_string()) };
                let _ = self.map.update(&cx, &key, &args.bytes(1), 0, Side::Program);
                Ok(self.seen(addr))
            }
            "reuse" => {
                let Some(addr) = self.map.lookup_ptr(&cx, &key)? else { return Ok("null".to_string()) };
                let _ = self.map.delete(&cx, &key, Side::Program);
                let _ = self.map.update(&cx, &args.bytes(1), &args.bytes(2), 0, Side::Program);
                Ok(self.seen(addr))
            }
            "push" => self.map.push(&key, args.number(1)).map(|()| "ok".to_string()),
            "contains" => self.map.contains(&key).map(|()| "ok".to_string()),
            "pop" => Ok(self.given(self.map.spec().value_size, |map, _| map.pop())),
            "peek" => Ok(self.given(self.map.spec().value_size, |map, cx| map.peek(cx))),
            "redirect" => Ok(self.redirect(args.number(0) as u32, args.number(1)).to_string()),
            "inner" => self.inner(cpu, &key, &args.bytes(1)),
            "output" => {
                self.map.ring().unwrap().output(&self.memory, &key, args.number(1)).map(|_| "ok".to_string())
            }
            other => panic!("unknown command {other}"),
        }
    }

    /// What a program finds in its value after `take`: the helper zeroes it if there is none.
    fn given(&mut self, size: u32, take: impl FnOnce(&mut Map, &Cx<'_>) -> Result<Vec<u8>, Errno>) -> String {
        let cx = Cx::new(&self.memory, self.cpus);
        take(&mut self.map, &cx)
            .map_or_else(|errno| format!("{errno} {}", pack(&vec![0; size as usize])), |value| hex(&value))
    }

    fn inner(&self, cpu: u32, key: &[u8], inner_key: &[u8]) -> Result<String, Errno> {
        if self.map.held(key).is_none() {
            return Ok("none".to_string());
        }
        let inner = self.inner.as_ref().unwrap();
        let Some(addr) = inner.lookup_ptr(&self.cx(cpu), inner_key)? else { return Ok("null".to_string()) };
        let mut value = vec![0; inner.value_len(Side::Program)];
        self.memory.read(addr, &mut value).unwrap();
        Ok(hex(&value))
    }

    /// An update of a map of devices or CPUs: there is device 1 alone, and no program's descriptor is good.
    fn place(&mut self, cpu: u32, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        let cx = Cx::new(&self.memory, self.cpus).on(cpu);
        self.map.admits(&cx, key, value, flags)?;
        let is_cpu = self.map.spec().kind == MapType::Cpumap;
        let word =
            |at: usize| value.get(at..at + 4).map_or(0, |it| i32::from_le_bytes(it.try_into().unwrap()));
        if !is_cpu && !matches!(word(0), 0 | 1) {
            return Err(Errno::EINVAL);
        }
        if word(4) > 0 && word(0) != 0 {
            return Err(if is_cpu { Errno::ENOMEM } else { Errno::EINVAL });
        }
        let mut value = value.to_vec();
        value.iter_mut().skip(4).for_each(|byte| *byte = 0);
        self.map.place(&cx, key, &value, None).map(drop)
    }

    /// As the helper has it (`__bpf_xdp_redirect_map`).
    fn redirect(&self, key: u32, flags: u64) -> u64 {
        let known =
            if matches!(self.map.spec().kind, MapType::Devmap | MapType::DevmapHash) { 0x18 } else { 0 };
        let key = key.to_le_bytes();
        if flags & !(3 | known) != 0 {
            return 0;
        }
        let found =
            self.map.held(&key).is_some() || matches!(self.map.lookup_ptr(&self.cx(0), &key), Ok(Some(_)));
        if found || flags & 8 != 0 { 4 } else { flags & 3 }
    }

    fn order(&self) -> String {
        let mut keys = Vec::new();
        let mut next = self.map.next_key(None);
        while let Ok(key) = next {
            next = self.map.next_key(Some(&key));
            keys.push(hex(&key));
        }
        keys.join(" ")
    }

    /// What a program reads through a pointer to a value.
    fn seen(&self, addr: u64) -> String {
        let mut value = vec![0; self.map.value_len(Side::Program)];
        self.memory.read(addr, &mut value).unwrap();
        hex(&value)
    }

    fn elements(&self, cpu: u32) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut key = None;
        while let Ok(next) = self.may_read().and_then(|()| self.map.next_key(key.as_deref())) {
            let value = self.map.lookup_user(&self.cx(cpu), &next).unwrap_or_default();
            assert!(found.insert(next.clone(), value).is_none(), "a walk saw {} twice", hex(&next));
            key = Some(next);
        }
        found
    }

    fn set(&mut self, args: &Args<'_>) -> Result<(), Errno> {
        self.may_write()?;
        let (key, flags) = (args.bytes(0), args.number(2));
        // `bpf(2)` looks at this flag first.
        if flags & BPF_F_LOCK != 0 {
            return Err(Errno::EINVAL);
        }
        self.map.check_hold(&key, flags)?;
        match (self.map.spec().kind, args.0[1]) {
            (MapType::ProgArray, "prog") | (_, "socket") => {}
            (
                MapType::Xskmap | MapType::Sockmap | MapType::Sockhash | MapType::ReuseportSockarray,
                "prog",
            ) => {
                return Err(Errno::ENOTSOCK);
            }
            (MapType::ArrayOfMaps | MapType::HashOfMaps, "prog") => return Err(Errno::EINVAL),
            (_, "bad" | "prog") => return Err(Errno::EBADF),
            (_, candidate) => self.check_candidate(candidate)?,
        }
        // Every socket is a new one.
        self.handles += 1;
        self.map.hold(&key, ObjRef(self.handles), flags).map(drop)
    }

    /// Whether a map that is or is not like the template goes into this one.
    fn check_candidate(&self, what: &str) -> Result<(), Errno> {
        let mut spec = self.map.spec().inner.as_deref().cloned().unwrap();
        match what {
            "map" | "map.mode" => {}
            "map.max" => spec.max_entries *= 2,
            "map.value" => spec.value_size += 8,
            "map.key" => spec.key_size += 4,
            "map.type" => (spec.kind, spec.flags) = (MapType::LruHash, 0),
            other => panic!("unknown map {other}"),
        }
        if self.map.spec().takes_inner(&spec) { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// As the recorded program does: all are reserved and filled before the first is committed.
    fn records(&self, args: &Args<'_>) -> String {
        let ring = self.map.ring().unwrap();
        let commit = |addr, discard| assert!(ring.commit(&self.memory, addr, 0, discard).is_ok());
        let mut reserved = Vec::new();
        for (at, size) in args.0[0].split(',').enumerate() {
            let size: usize = size.parse().unwrap();
            let Ok(addr) = ring.reserve(&self.memory, size as u64, 0, None) else {
                reserved.into_iter().for_each(|addr| commit(addr, true));
                return format!("null {at}");
            };
            self.memory.write(addr, &vec![at as u8 + 1; size]).unwrap();
            reserved.push(addr);
        }
        for end in args.0[1].split(',') {
            let (at, end) = end.split_at(end.len() - 1);
            commit(reserved[at.parse::<usize>().unwrap()], end == "d");
        }
        "ok".to_string()
    }

    fn pages(&self) -> String {
        let ring = self.map.ring().unwrap();
        let word = |addr| self.memory.peek_u64(addr).unwrap();
        let producer = ring.pages() + skep_maps::PAGE_SIZE;
        let mut text = format!("c={} p={} q={}", word(ring.pages()), word(producer), word(producer + 8));
        let words: Vec<u64> = (0..ring.size() / 8).map(|at| word(ring.data() + 8 * at)).collect();
        let mut at = 0;
        for run in words.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
            if run[0] != 0 {
                let bytes: Vec<u8> = run.iter().flat_map(|word| word.to_le_bytes()).collect();
                text += &format!(" {at}:{}", pack(&bytes));
            }
            at += 8 * run.len();
        }
        text
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

/// The words behind a command.
struct Args<'a>(&'a [&'a str]);

impl Args<'_> {
    fn bytes(&self, at: usize) -> Vec<u8> {
        self.key(at).unwrap_or_default()
    }

    fn key(&self, at: usize) -> Option<Vec<u8>> {
        let word = self.0.get(at).filter(|word| **word != "-")?;
        Some(unpack(word))
    }

    /// The keys of `fill` and `touch`: first, count, step.
    fn keys(&self) -> impl Iterator<Item = u32> {
        let step = self.number(2).max(1) as usize;
        (self.number(0) as u32..).take(self.number(1) as usize).step_by(step)
    }

    fn number(&self, at: usize) -> u64 {
        self.0.get(at).map_or(0, |word| word.parse().unwrap())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs of one byte as `[byte*count]`.
fn pack(bytes: &[u8]) -> String {
    let runs = bytes.chunk_by(|a, b| a == b);
    runs.map(|run| if run.len() < 6 { hex(run) } else { format!("[{:02x}*{}]", run[0], run.len()) }).collect()
}

fn unpack(text: &str) -> Vec<u8> {
    let digits = |text: &str| -> Vec<u8> {
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    };
    let part = |part: &str| match part.split_once('*') {
        Some((byte, count)) => digits(byte).repeat(count.parse().unwrap()),
        None => digits(part),
    };
    text.split(['[', ']']).flat_map(part).collect()
}
