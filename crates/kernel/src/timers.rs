//! `bpf_timer`: callbacks at a time of the simulated clock, and `bpf_wq` and `bpf_task_work`: callbacks soon
//! (`kernel/bpf/helpers.c`).
//!
//! Time passes when the test says so ([`Kernel::advance`]); then the timers that are due run, each at its time. Work is
//! due at once, and runs when time passes, be it none.

use crate::invocation::Invocation;
use crate::kernel::Kernel;
use crate::object::handle;
use crate::report::RunError;
use crate::state::Core;
use skep_maps::ObjRef;
use skep_memory::{Arena, ObjectKind, Origin, Rights};
use skep_vm::Machine;
use std::collections::BTreeMap;

/// How many callbacks run in one [`Kernel::advance`]: a timer that starts itself again at once would never end.
const CALLBACKS_MAX: u32 = 1 << 20;

/// A timer that was initialised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    /// The map that its value belongs to.
    pub(crate) map: ObjRef,
    /// What absolute times count from, in nanoseconds before the monotonic clock's zero.
    pub(crate) epoch: u64,
    pub(crate) callback: Option<Callback>,
    /// When it is due, by the monotonic clock.
    pub(crate) expires: Option<u64>,
    /// The CPU that started it.
    pub(crate) cpu: u32,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What runs callbacks later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// `bpf_timer`.
    Timer,
    /// `bpf_wq`: as soon as time passes.
    Work,
    /// `bpf_task_work`: the same, once, as this task.
    Task(u64),
}

/// A function of a program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callback {
    pub(crate) prog: ObjRef,
    pub(crate) func: u64,
}

/// All timers.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// By the address of the `struct bpf_timer`.
    pub(crate) by_addr: BTreeMap<u64, Timer>,
    /// The one whose callback runs.
    pub(crate) running: Option<u64>,
}

impl Timers {
    /// The timer that is due first, if it is by `now`.
    fn due(&self, now: u64) -> Option<(u64, u64)> {
        let waiting = self.by_addr.iter().filter_map(|(addr, timer)| Some((timer.expires?, *addr)));
        waiting.min().filter(|(expires, _)| *expires <= now)
    }
}

impl Core {
    /// Ends a timer whose value is gone.
    pub(crate) fn end_timer(&mut self, addr: u64) {
        let timer = self.timers.by_addr.remove(&addr);
        if let Some(callback) = timer.and_then(|it| it.callback) {
            self.objects.release(callback.prog);
        }
    }

    /// Ends the timers of a map (`map_release_uref`).
    pub(crate) fn end_timers_of(&mut self, map: ObjRef) {
        let of_map = self.timers.by_addr.iter().filter(|(_, timer)| timer.map == map);
        for addr in of_map.map(|(addr, _)| *addr).collect::<Vec<_>>() {
            self.end_timer(addr);
        }
    }
}

impl Kernel {
    /// Lets time pass: the clocks go on by `ns` nanoseconds, and the callbacks of timers run when they are due; those of
    /// work queues and of work for tasks before. Answers how many ran.
    ///
    /// # Errors
    /// A callback faulted, with a report: the clock stands where that one was due, and the other timers wait. Or more
    /// than a million were due.
    pub fn advance(&mut self, ns: u64) -> Result<u32, RunError> {
        let end = self.core.clock.monotonic_ns.saturating_add(ns);
        let mut count = 0;
        while let Some((expires, addr)) = self.core.timers.due(end) {
            if count == CALLBACKS_MAX {
                let text =
                    format!("{CALLBACKS_MAX} timers ran, and there are more: one starts itself for ever");
                return Err(RunError::BadInput(text));
            }
            count += 1;
            let clock = &mut self.core.clock;
            clock.monotonic_ns = clock.monotonic_ns.max(expires);
            self.call_back(addr)?;
        }
        let clock = &mut self.core.clock;
        clock.monotonic_ns = clock.monotonic_ns.max(end);
        Ok(count)
    }

    /// Runs a timer's callback with the map, the key and the value (`bpf_timer_cb`).
    fn call_back(&mut self, addr: u64) -> Result<(), RunError> {
        let Some(timer) = self.core.timers.by_addr.get_mut(&addr) else { return Ok(()) };
        timer.expires = None;
        let (map, cpu, kind) = (timer.map, timer.cpu, timer.kind);
        let Some(Callback { prog, func }) = timer.callback else { return Ok(()) };
        let Some(element) = self.core.objects.map(map).and_then(|it| it.map.key_of(addr)) else {
            return Ok(());
        };
        let Some(loaded) = self.core.objects.prog(prog) else { return Ok(()) };
        let (program, info) = (loaded.program.clone(), loaded.info.clone());
        let (key, value) = element;
        let stack = self.stack(cpu)?;
        let origin = Origin::new(ObjectKind::KernelObject, "key of a timer's element");
        let key_addr = self
            .memory
            .alloc(Arena::Kernel, key.len(), 8, Rights::RO, origin)
            .map_err(|error| RunError::HostLimit(error.to_string()))?;
        let _ = self.memory.poke(key_addr, &key);
        self.core.now = Invocation { cpu, prog_type: Some(info.prog_type), ..Invocation::default() };
        self.core.objects.retain(prog);
        self.core.timers.running = Some(addr);
        let before = self.core.world.on_cpu.get(&cpu).copied();
        if let Kind::Task(task) = kind {
            self.core.end_timer(addr);
            self.core.world.on_cpu.insert(cpu, task);
        }
        let task = self.core.enter_cpu(&self.memory, cpu);
        self.core.notice_arenas(&self.memory);
        let args = [handle(map), key_addr, value, 0, 0];
        let machine = Machine::with_poison(program, stack, args, self.core.poison.clone()).starting_at(func);
        let ran = match machine {
            Some(mut machine) => {
                machine.set_budget(Some(self.core.budget));
                let exit = machine.run(&self.memory, &mut self.core);
                self.ended(machine, exit).map(drop)
            }
            None => Err(RunError::BadInput(format!("{func:#x} is no function of {}", info.name))),
        };
        self.core.timers.running = None;
        if let Some(task) = task {
            self.core.task = task;
        }
        match before {
            Some(task) => self.core.world.on_cpu.insert(cpu, task),
            None => self.core.world.on_cpu.remove(&cpu),
        };
        self.memory.free(key_addr);
        self.core.objects.release(prog);
        self.core.sweep(&self.memory);
        ran
    }
}
