//! The state of a machine, but for its memory: what helpers change.

use crate::bpffs::Tree;
use crate::config::{Clock, Config, Task};
use crate::context::Room;
use crate::effects::Measured;
use crate::files::{Fd, Files};
use crate::fire::{Format, Keep};
use crate::hooks::Hooks;
use crate::invocation::Invocation;
use crate::kfuncs::Known;
use crate::mmap::Mmaps;
use crate::net::{Net, Sockets, Sysctl};
use crate::object::{Object, Objects};
use crate::outside::OutsideKind;
use crate::owned::Owned;
use crate::perf::{Buffers, Tracepoints};
use crate::poll::Wakeup;
use crate::prog::{TextMap, Verify};
use crate::rng::{Rng, mix};
use crate::stacks::Stacks;
use crate::symbols::Symbols;
use crate::timers::Timers;
use crate::trace::TraceLog;
use crate::types::TargetBtf;
use crate::world::World;

use skep_abi::Errno;
use skep_maps::{Cx, Displaced, ObjRef, SpecialKind};
use skep_memory::{Memory, OverLimit, UserRanges};
use skep_vm::Poison;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that a helper may look at or change beside memory.
///
/// Memory is apart so that a machine can run on it while its helpers have the rest.
pub(crate) struct Core {
    pub(crate) cpus: u32,
    pub(crate) seed: u64,
    /// What programs find in registers and stacks, which follows from the seed.
    pub(crate) poison: Arc<Poison>,
    pub(crate) budget: u64,
    pub(crate) clock: Clock,
    pub(crate) task: Task,
    /// The types of the simulated kernel.
    pub(crate) btf: Option<TargetBtf>,
    /// Those of all modules too, once somebody asked.
    pub(crate) all_types: std::cell::OnceCell<std::sync::Arc<skep_btf::Btf>>,
    /// Kernel objects, and what programs find when they look around.
    pub(crate) world: World,
    /// What `bpf_get_prandom_u32` draws from, by CPU.
    pub(crate) prandom: Vec<Rng>,
    pub(crate) objects: Objects,
    pub(crate) files: Files,
    /// Directories, and what is pinned in them.
    pub(crate) tree: Tree,
    pub(crate) text: TextMap,
    /// What is attached where.
    pub(crate) hooks: Hooks,
    /// Ring buffer maps by the address of their first page.
    pub(crate) rings: BTreeMap<u64, ObjRef>,
    /// Kernel objects that descriptors stand for, by kind and address.
    pub(crate) outside: BTreeMap<(OutsideKind, u64), ObjRef>,
    /// Cookies that such objects were given so far.
    pub(crate) cookies: u64,
    pub(crate) timers: Timers,
    /// Objects that programs made.
    pub(crate) owned: Owned,
    pub(crate) user: UserRanges,
    pub(crate) trace: TraceLog,
    /// Ids that perf events were given so far.
    pub(crate) perf_ids: u64,
    /// Addresses of the simulated kernel's functions.
    pub(crate) symbols: Symbols,
    /// What records of tracepoints look like, where somebody said so: by `category/name`.
    pub(crate) formats: BTreeMap<String, Format>,
    /// Iterations so far: each is a session.
    pub(crate) iterations: u64,
    /// Kernel functions that were called by id.
    pub(crate) kfuncs: Known,
    /// The CPU that `bpf_cpumask_any_distribute` gave last.
    pub(crate) last_distributed: usize,
    /// What the two sides of a session share: its address, once it was asked for.
    pub(crate) session_cookie: u64,
    /// Memory that was made for arguments.
    pub(crate) keep: Keep,
    /// Devices and routes.
    pub(crate) net: Net,
    pub(crate) sockets: Sockets,
    /// What is read or written.
    pub(crate) sysctl: Option<Sysctl>,
    /// Where packets are put.
    pub(crate) room: Option<Room>,
    /// The registers that tasks came into the kernel with, by `task_struct`.
    pub(crate) task_regs: BTreeMap<u64, u64>,
    /// Call stacks of tasks.
    pub(crate) stacks: Stacks,
    /// What user space mapped.
    pub(crate) mmaps: Mmaps,
    /// Who is told that somebody is woken.
    pub(crate) wakeup: Option<Wakeup>,
    /// Rings of perf events.
    pub(crate) buffers: Buffers,
    /// Numbers of tracepoints.
    pub(crate) tracepoints: Tracepoints,
    /// What the hardware says.
    pub(crate) measured: Measured,
    /// Looks at programs. `bpf(2)` verifies without one, too.
    pub(crate) verifier: Option<Box<dyn Verify>>,
    /// What [`Config::memory`] refused to the last call of user space.
    pub(crate) refused: Option<OverLimit>,
    /// How many descriptors have runs counted.
    pub(crate) stats: u32,
    /// What is running.
    pub(crate) now: Invocation,
}

impl Core {
    pub(crate) fn new(config: Config) -> Core {
        let objects = Objects::new(config.btf.as_ref());
        Core {
            cpus: config.cpus,
            seed: config.seed,
            poison: Arc::new(Poison::new(config.seed)),
            budget: config.budget,
            clock: config.clock,
            task: config.task,
            btf: config.btf,
            all_types: std::cell::OnceCell::new(),
            world: World::default(),
            prandom: (0..config.cpus).map(|cpu| Rng::new(config.seed, cpu)).collect(),
            objects,
            files: Files::default(),
            tree: Tree::default(),
            text: TextMap::default(),
            hooks: Hooks::default(),
            rings: BTreeMap::new(),
            outside: BTreeMap::new(),
            cookies: 0,
            timers: Timers::default(),
            owned: Owned::default(),
            user: UserRanges::default(),
            trace: TraceLog::default(),
            perf_ids: 0,
            symbols: Symbols::default(),
            formats: BTreeMap::new(),
            iterations: 0,
            kfuncs: Known::default(),
            last_distributed: 0,
            session_cookie: 0,
            keep: Keep::default(),
            net: Net::default(),
            sockets: Sockets::default(),
            sysctl: None,
            room: None,
            task_regs: BTreeMap::new(),
            stacks: Stacks::default(),
            measured: Measured::default(),
            mmaps: Mmaps::default(),
            wakeup: None,
            buffers: Buffers::default(),
            tracepoints: Tracepoints::default(),
            verifier: None,
            refused: None,
            stats: 0,
            now: Invocation::default(),
        }
    }

    /// What map operations on the running CPU need to know.
    pub(crate) fn cx<'m>(&self, memory: &'m Memory) -> Cx<'m> {
        Cx { memory, cpu: self.now.cpu, cpus: self.cpus, seed: self.seed }
    }

    /// The 32 bits that stand for an address in print.
    pub(crate) fn hash_pointer(&self, addr: u64) -> u32 {
        (mix(addr ^ mix(self.seed)) >> 32) as u32
    }

    /// Drops what left a map.
    pub(crate) fn drop_displaced(&mut self, displaced: Displaced) {
        for field in &displaced.fields {
            match field.kind {
                SpecialKind::Timer | SpecialKind::Workqueue | SpecialKind::TaskWork => {
                    self.end_timer(field.addr)
                }
                // Kernel objects that a kptr points to live on: none of the world is counted.
                _ => self.owned.orphan(field),
            }
        }
        self.drop_objects(displaced.objects);
    }

    /// Ends objects that nobody refers to any more. Not while a program runs: it may be one of them.
    pub(crate) fn sweep(&mut self, memory: &Memory) {
        while let Some((id, object)) = self.objects.take_dead() {
            match object {
                Object::Map(map) => {
                    self.mmaps.arenas.remove(&id);
                    self.drop_sockmap_progs(id);
                    if let Some(ring) = map.map.ring() {
                        self.rings.remove(&ring.pages());
                    }
                    if let Some(btf) = map.btf {
                        self.objects.release(btf);
                    }
                    let displaced = map.map.destroy(memory);
                    self.drop_displaced(displaced);
                }
                Object::Prog(prog) => {
                    self.text.free(prog.text_base);
                    if let Some((id, _)) = prog.replaces {
                        self.objects.release(id);
                    }
                    for id in prog.maps.into_iter().chain(prog.btfs) {
                        self.objects.release(id);
                    }
                }
                Object::Perf(event) => self.end_event(memory, id, *event),
                Object::Outside(it) => self.end_outside(memory, it),
                Object::Dir(id) => {
                    self.tree.close(id);
                    self.drop_unpinned();
                }
                Object::Btf(_) | Object::Token(_) => {}
                Object::Stats => self.stats -= 1,
                Object::Link(link) => self.end_link(id, &link),
                Object::Iter(file) => self.end_iter(&file),
            }
        }
        self.owned.sweep(memory);
    }

    /// The number of the map that an fd stands for.
    ///
    /// # Errors
    /// `EBADF`: nothing. `EINVAL`: something else.
    pub(crate) fn map_of(&self, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.files.get(fd)?;
        self.objects.map(id).map(|_| id).ok_or(Errno::EINVAL)
    }

    /// The number of the program that an fd stands for.
    ///
    /// # Errors
    /// `EBADF`: nothing. `EINVAL`: something else.
    pub(crate) fn prog_of(&self, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.files.get(fd)?;
        self.objects.prog(id).map(|_| id).ok_or(Errno::EINVAL)
    }
}
