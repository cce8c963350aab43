//! A simulated machine with an object in it.

use std::sync::Arc;

use bytemuck::{AnyBitPattern, NoUninit};
use skep_abi::MapType;
use skep_btf::Value;
use skep_kernel::{Arch, Class, Fd, Kernel, Task};
use skep_loader::readers::{PerfBuffer, RingBuffer};
use skep_loader::{Link, Loaded};
use skep_memory::{Arena, ObjectKind, Origin, Rights};

use crate::builder::{Builder, Parts};
use crate::error::{Error, Result};
use crate::event_type::EventType;
use crate::events::{self, Event, Events, Seen};
use crate::map::{Map, as_pod};
use crate::program::{Program, arch_of};
use crate::struct_ops::StructOps;

/// Where [`Skep::user`] puts what it is given first: a place where a process's heap may be.
const USER_START: u64 = 0x5555_5555_0000;

/// One simulated machine with an object loaded, and user space's readers of its events.
#[derive(Debug)]
pub struct Skep {
    kernel: Kernel,
    loaded: Loaded,
    /// Objects that were loaded later, and what they were built for.
    others: Vec<(Loaded, Arch)>,
    readers: Vec<Reader>,
    next_user: u64,
    arch: Arch,
    /// Maps, and the struct that their events are.
    event_types: Vec<(String, String)>,
}

/// A reader of one map's events.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) map: String,
    pub(crate) source: Source,
}

#[derive(Debug)]
pub(crate) enum Source {
    Perf(PerfBuffer),
    Ring(RingBuffer),
}

impl Skep {
    pub(crate) fn new(
        mut kernel: Kernel,
        loaded: Loaded,
        perf_pages: Option<u32>,
        arch: Option<Arch>,
        event_types: Vec<(String, String)>,
    ) -> Result<Skep> {
        let readers = open_readers(&mut kernel, &loaded, perf_pages)?;
        let arch = arch.unwrap_or_else(|| arch_of(&loaded));
        Ok(Skep { kernel, loaded, others: Vec::new(), readers, next_user: USER_START, arch, event_types })
    }

    /// Loads another object into the same machine: its programs and maps are found by name where the first object has none
    /// of that name. For a program that replaces a function of another ([`Builder::attach_prog`](crate::Builder::attach_prog)).
    ///
    /// # Errors
    /// What could not be loaded first, and why.
    pub fn load_also(&mut self, builder: Builder) -> Result<()> {
        let Parts { open, perf_pages, arch, event_types } = builder.into_parts();
        let loaded = open.load_all(&mut self.kernel)?;
        self.readers.extend(open_readers(&mut self.kernel, &loaded, perf_pages)?);
        let arch = arch.unwrap_or_else(|| arch_of(&loaded));
        self.event_types.extend(event_types);
        self.others.push((loaded, arch));
        Ok(())
    }

    /// A program, by the name of its function.
    ///
    /// # Errors
    /// There is none, or why it could not be loaded.
    pub fn program(&mut self, name: &str) -> Result<Program<'_>> {
        let has = |loaded: &Loaded| loaded.programs().iter().any(|it| it.name == name);
        let other = self.others.iter().find(|it| has(&it.0)).filter(|_| !has(&self.loaded));
        let (loaded, arch) = other.map_or((&self.loaded, self.arch), |it| (&it.0, it.1));
        Program::new(&mut self.kernel, loaded, name, arch)
    }

    /// Attaches all programs that can be and are not told otherwise, by links that the caller gets with the programs'
    /// names (`bpf_object__attach_skeleton`).
    ///
    /// # Errors
    /// What the first one that could not be attached said: then none is.
    pub fn attach_all(&mut self) -> Result<Vec<(String, Link)>> {
        Ok(self.loaded.attach_all(&mut self.kernel)?)
    }

    /// A struct of functions that the object implements (`SEC(".struct_ops")`), by the name of its variable: its members
    /// can be called.
    ///
    /// # Errors
    /// There is no such variable.
    pub fn struct_ops(&mut self, name: &str) -> Result<StructOps<'_>> {
        StructOps::new(self, name)
    }

    /// A map, by name; global variables are in maps called `.data`, `.rodata`, `.bss`.
    ///
    /// # Errors
    /// There is none, or why it could not be created.
    pub fn map(&mut self, name: &str) -> Result<Map<'_>> {
        let has = |loaded: &Loaded| loaded.maps().iter().any(|it| it.name == name);
        let other = self.others.iter().map(|it| &it.0).find(|it| has(it)).filter(|_| !has(&self.loaded));
        let loaded = other.unwrap_or(&self.loaded);
        let (map, fd) = loaded.map(name)?;
        Ok(Map::new(&mut self.kernel, loaded, map, fd))
    }

    /// The value of a global variable.
    ///
    /// # Errors
    /// There is none of this name and size.
    pub fn global<T: AnyBitPattern>(&self, name: &str) -> Result<T> {
        let bytes = self.loaded.global_bytes(&self.kernel, name)?;
        as_pod(&bytes, || format!("variable {name}"))
    }

    /// Sets a global variable. Constants are set on the [`Builder`](crate::Builder), before they are loaded.
    ///
    /// # Errors
    /// There is none of this name and size, or it is constant.
    pub fn set_global(&mut self, name: &str, value: impl NoUninit) -> Result<()> {
        Ok(self.loaded.set_global(&mut self.kernel, name, bytemuck::bytes_of(&value))?)
    }

    /// Takes the events out of a ring buffer or perf buffer, as its reader sees them.
    ///
    /// # Errors
    /// There is no such map, it is none of the two, or it holds what no kernel writes.
    pub fn events(&mut self, map: &str) -> Result<Events> {
        let mut events = Events::default();
        self.each_event(map, &mut |seen| events.extend([seen]))?;
        Ok(events)
    }

    /// Takes the events out of a ring buffer or perf buffer, decoded by the struct that they are ([`EventType`]).
    ///
    /// # Errors
    /// As for [`Skep::events`]; or nobody knows what an event is: [`Builder::event_type`](crate::Builder::event_type) says
    /// it.
    pub fn decoded(&mut self, map: &str) -> Result<Vec<Value>> {
        let events = self.events(map)?;
        let kernel = self.kernel.btf().map(|it| Arc::clone(&it.vmlinux));
        let object = self.loaded.object();
        let event_type = match self.event_types.iter().rev().find(|it| it.0 == map) {
            Some((_, name)) => EventType::named(object, name)?,
            None => EventType::of(object, map, kernel.as_deref()),
        };
        let decode = |event: &Event| match event_type.decode(event, &mut { usize::MAX }) {
            Some((_, value)) => Ok(value),
            None => Err(Error::bad_input(format!(
                "map {map}: there is no one struct of {} bytes that the event may be; Builder::event_type says which",
                event.data.len()
            ))),
        };
        events.samples.iter().map(decode).collect()
    }

    /// Takes the events, decoded, and makes sure that there are as many as the caller has names for.
    ///
    /// `let [opened] = sk.take("events")?;` or, if nothing is to be there, `let [] = sk.take("events")?;`.
    ///
    /// # Errors
    /// As for [`Skep::decoded`]; or there are more or fewer, which the error shows.
    pub fn take<const N: usize>(&mut self, map: &str) -> Result<[Value; N]> {
        <[Value; N]>::try_from(self.decoded(map)?).map_err(|events| {
            let shown: Vec<String> = events.iter().map(|it| format!("\n  {it}")).collect();
            Error::bad_input(format!("map {map}: {} events, not {N}{}", events.len(), shown.concat()))
        })
    }

    /// Takes the events one by one: a ring may hold more than a list of it should.
    ///
    /// # Errors
    /// As for [`Skep::events`]; what came before the error was seen.
    pub fn each_event(&mut self, map: &str, sink: &mut dyn FnMut(Seen)) -> Result<()> {
        let Some(reader) = self.readers.iter_mut().find(|it| it.map == map) else {
            self.loaded.map(map)?;
            return Err(Error::bad_input(format!(
                "map {map} has no reader: it is no ring buffer or open perf buffer"
            )));
        };
        events::drain(&mut self.kernel, reader, sink)
    }

    /// The names of the maps that have a reader.
    pub fn event_maps(&self) -> impl Iterator<Item = &str> {
        self.readers.iter().map(|it| it.map.as_str())
    }

    /// What programs printed with `bpf_printk` since the last call, without the columns of `trace_pipe`.
    pub fn printk(&mut self) -> Vec<String> {
        self.kernel.take_trace_log().iter().map(|line| line.message()).collect()
    }

    /// Puts bytes into user memory and returns their address: for what a program reads with `bpf_probe_read_user`.
    ///
    /// # Errors
    /// User memory is full.
    pub fn user(&mut self, bytes: &[u8]) -> Result<u64> {
        let addr = self.next_user;
        self.kernel
            .user_memory_mut()
            .insert(addr, bytes)
            .map_err(|error| Error::bad_input(format!("user memory at {addr:#x}: {error}")))?;
        // A page between any two, so that a read past the end of one faults.
        self.next_user += (bytes.len() as u64).next_multiple_of(4096) + 4096;
        Ok(addr)
    }

    /// Puts a string and its NUL into user memory and returns its address.
    ///
    /// # Errors
    /// User memory is full.
    pub fn user_str(&mut self, text: &str) -> Result<u64> {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        self.user(&bytes)
    }

    /// Puts bytes into kernel memory and returns their address: for what a program reads with `bpf_probe_read_kernel`.
    ///
    /// # Errors
    /// Kernel memory is full.
    pub fn kernel_object(&mut self, bytes: &[u8]) -> Result<u64> {
        let memory = self.kernel.memory();
        let origin = Origin::new(ObjectKind::KernelObject, "test object");
        let full = |error: &dyn std::fmt::Display| Error::other(Class::HostLimit, error.to_string());
        let addr = memory
            .alloc(Arena::Kernel, bytes.len(), 8, Rights::NONE, origin)
            .map_err(|error| full(&error))?;
        memory.poke(addr, bytes).map_err(|error| full(&error))?;
        Ok(addr)
    }

    /// Changes the task that is running when programs are.
    pub fn set_task(&mut self, task: Task) {
        self.kernel.set_task(task);
    }

    /// Lets time pass: the clocks go on by `ns` nanoseconds, and the callbacks of timers (`bpf_timer`) run when they are
    /// due. Answers how many ran.
    ///
    /// # Errors
    /// A callback faulted, with a report.
    pub fn sleep_ns(&mut self, ns: u64) -> Result<u32> {
        Ok(self.kernel.advance(ns)?)
    }

    /// The emulated kernel.
    pub fn kernel(&mut self) -> &mut Kernel {
        &mut self.kernel
    }

    pub(crate) fn kernel_ref(&self) -> &Kernel {
        &self.kernel
    }

    /// The kernel, and the object in it.
    pub(crate) fn parts(&mut self) -> (&mut Kernel, &Loaded) {
        (&mut self.kernel, &self.loaded)
    }

    /// The object, loaded.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// The fd of a map, for calls on [`Skep::kernel`].
    ///
    /// # Errors
    /// There is none, or why it could not be created.
    pub fn map_fd(&self, name: &str) -> Result<Fd> {
        Ok(self.loaded.map(name)?.1)
    }
}

/// Readers of an object's ring and perf buffers.
fn open_readers(kernel: &mut Kernel, loaded: &Loaded, perf_pages: Option<u32>) -> Result<Vec<Reader>> {
    let mut readers = Vec::new();
    for map in loaded.maps() {
        let Ok(fd) = map.fd else { continue };
        let source = match (map.spec.kind, perf_pages) {
            (MapType::PerfEventArray, Some(pages)) => PerfBuffer::new(kernel, fd, pages).map(Source::Perf),
            (MapType::Ringbuf, _) => RingBuffer::new(kernel, fd).map(Source::Ring),
            _ => continue,
        };
        let source = source.map_err(|errno| {
            let place = format!("reader of map {}", map.name);
            match kernel.refused() {
                Some(text) => Error::other(Class::HostLimit, format!("{place}: {text}")),
                None => Error::call(place, errno),
            }
        })?;
        readers.push(Reader { map: map.name.clone(), source });
    }
    Ok(readers)
}
