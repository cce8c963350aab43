//! One simulated machine.

use crate::config::{Clock, Config, Task};
use crate::context::Area;
use crate::files::Fd;
use crate::object::Object;
use crate::prog::{ProgInfo, Verify};
use crate::report::{Error, over_limit};
use crate::state::Core;
use crate::trace::TraceLine;
use crate::types::TargetBtf;
use skep_abi::Errno;
use skep_memory::{Memory, UserRanges};
use skep_vm::Stack;
use std::fmt;

/// One simulated machine: memory, CPUs, clock, a current task, and the BPF objects of one process's fds.
///
/// A value is independent of every other and of the host. It can move to another thread and not be shared with one;
/// its CPUs run one after the other, as the caller says. What a run does is a function of the objects that were made,
/// the inputs and the seed.
///
/// ```
/// use skep_kernel::{Config, Kernel, MapSpec};
/// use skep_abi::{Errno, MapType, flags::BPF_NOEXIST};
///
/// let mut kernel = Kernel::new(Config::default())?;
/// let counts = kernel.map_create(&MapSpec::new(MapType::Hash, 4, 8, 16))?;
/// kernel.map_update_elem(counts, &[1, 0, 0, 0], &[5; 8], BPF_NOEXIST)?;
/// assert_eq!(kernel.map_lookup_elem(counts, &[1, 0, 0, 0])?, [5; 8]);
/// assert_eq!(kernel.map_update_elem(counts, &[1, 0, 0, 0], &[6; 8], BPF_NOEXIST), Err(Errno::EEXIST));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Kernel {
    pub(crate) memory: Memory,
    pub(crate) core: Core,
    /// A stack for each CPU that ran something.
    pub(crate) stacks: Vec<Option<Stack>>,
    /// Context structs that were made, by their layout.
    pub(crate) areas: Vec<(&'static skep_abi::ctx::Context, Area)>,
}

impl Kernel {
    /// Makes a machine.
    ///
    /// # Errors
    /// A number of CPUs that no machine has; no address space on the host.
    pub fn new(config: Config) -> Result<Kernel, Error> {
        if config.cpus == 0 || config.cpus > Config::MAX_CPUS {
            let text = format!("a machine has 1 to {} CPUs, not {}", Config::MAX_CPUS, config.cpus);
            return Err(Error::BadInput(text));
        }
        let memory = Memory::new()?;
        memory.set_limit(config.memory);
        let stacks = vec![None; config.cpus as usize];
        Ok(Kernel { memory, core: Core::new(config), stacks, areas: Vec::new() })
    }

    /// The types of the kernel that this machine simulates, if it has any.
    pub fn btf(&self) -> Option<&TargetBtf> {
        self.core.btf.as_ref()
    }

    /// Has programs looked at by this verifier from now on. Without, [`Kernel::prog_load`] verifies nothing, and
    /// [`Kernel::bpf`] as Linux 6.18.
    pub fn set_verifier(&mut self, verifier: Box<dyn Verify>) {
        self.core.verifier = Some(verifier);
    }

    /// How many CPUs there are.
    pub fn cpus(&self) -> u32 {
        self.core.cpus
    }

    /// The simulated address space: for readers of rings, and to make kernel objects for programs to read.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What [`Config::memory`] refused, in a sentence, if that is why the last call that needed memory answered `ENOMEM`.
    pub fn refused(&self) -> Option<String> {
        self.core.refused.as_ref().map(over_limit)
    }

    /// The current task's memory.
    pub fn user_memory(&self) -> &UserRanges {
        &self.core.user
    }

    /// The current task's memory, to make some.
    pub fn user_memory_mut(&mut self) -> &mut UserRanges {
        &mut self.core.user
    }

    /// The current task, where no other was put on a CPU ([`Kernel::set_current`]). It and the `task_struct` that
    /// [`Kernel::current`] has always say the same.
    pub fn task(&self) -> &Task {
        &self.core.task
    }

    /// Switches to another task. Its memory stays that of the one before. If there is a `task_struct` of its id, that
    /// becomes as this says; otherwise one is made when it is looked at.
    pub fn set_task(&mut self, task: Task) {
        self.core.switch_task(&self.memory, task);
    }

    /// The clocks.
    pub fn clock(&self) -> &Clock {
        &self.core.clock
    }

    /// Sets the clocks.
    pub fn set_clock(&mut self, clock: Clock) {
        self.core.clock = clock;
    }

    /// What programs printed with `bpf_trace_printk`, oldest first. It holds 16,384 lines, or 4 MiB; see [`Kernel::trace_lost`].
    pub fn trace_log(&self) -> &[TraceLine] {
        self.core.trace.lines()
    }

    /// How many lines were printed while the log was full, and are not in it.
    pub fn trace_lost(&self) -> u64 {
        self.core.trace.lost()
    }

    /// Takes what programs printed, as reading `trace_pipe` does.
    pub fn take_trace_log(&mut self) -> Vec<TraceLine> {
        self.core.trace.take()
    }

    /// What a program is.
    ///
    /// # Errors
    /// `EBADF`: no open fd. `EINVAL`: not a program's.
    pub fn prog_info(&self, fd: Fd) -> Result<&ProgInfo, Errno> {
        let id = self.core.prog_of(fd)?;
        self.core.objects.prog(id).map(|it| &*it.info).ok_or(Errno::EINVAL)
    }

    /// The id of a program: what looking it up in a PROG_ARRAY answers.
    ///
    /// # Errors
    /// `EBADF`: no open fd. `EINVAL`: not a program's.
    pub fn prog_id(&self, fd: Fd) -> Result<u32, Errno> {
        self.core.prog_of(fd).map(|id| self.core.objects.number(id))
    }

    /// Notes that an EXT program replaces a function of this one, or that it no longer does (`is_extended`): such a
    /// program cannot be the target of a tail call.
    ///
    /// This is the book-keeping that attaching an EXT program does to its target, and no more.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no program. `EBUSY`: it is in a PROG_ARRAY.
    pub fn set_extended(&mut self, fd: Fd, extended: bool) -> Result<(), Errno> {
        let id = self.core.prog_of(fd)?;
        let prog = self.core.objects.prog_mut(id).ok_or(Errno::EINVAL)?;
        if extended && prog.memberships > 0 {
            return Err(Errno::EBUSY);
        }
        prog.extended = extended;
        Ok(())
    }
}

impl Core {
    /// Drops handles that left a map.
    pub(crate) fn drop_objects(&mut self, objects: impl IntoIterator<Item = skep_maps::ObjRef>) {
        for id in objects {
            if let Some(Object::Prog(prog)) = self.objects.get_mut(id) {
                prog.memberships = prog.memberships.saturating_sub(1);
            }
            self.objects.release(id);
        }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Core { cpus, seed, task, .. } = &self.core;
        f.debug_struct("Kernel")
            .field("cpus", cpus)
            .field("seed", seed)
            .field("task", task)
            .finish_non_exhaustive()
    }
}
