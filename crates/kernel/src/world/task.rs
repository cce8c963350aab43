//! Tasks: what a process has from the start.

use super::error::Problem;
use super::named::{IDLE_TASK, Init, ROOT_CRED, ROOT_FS, Row};
use super::scene::Scene;
use super::value::FieldValue;
use crate::config::Task;
use crate::state::Core;
use Init::{Int, Of, Ring};

/// What every task that is made has, whoever it is.
const TASK: &[Row] = &[
    // PF_RANDOMIZE.
    ("flags", Int(0x0040_0000)),
    ("prio", Int(120)),
    ("static_prio", Int(120)),
    ("normal_prio", Int(120)),
    ("children", Ring),
    ("sibling", Ring),
    ("thread_group", Ring),
    ("tasks", Ring),
    ("nsproxy", Of("init_nsproxy")),
    ("loginuid", Int(0xffff_ffff)),
    ("sessionid", Int(0xffff_ffff)),
    // SIGCHLD.
    ("exit_signal", Int(17)),
];

/// What the threads of a process have in common (`include/uapi/asm-generic/resource.h`: 7 is `RLIMIT_NOFILE`).
const SIGNAL: &[Row] = &[
    ("nr_threads", Int(1)),
    ("thread_head", Ring),
    ("rlim[7].rlim_cur", Int(1024)),
    ("rlim[7].rlim_max", Int(1_048_576)),
];

/// An address space, where a program that is at a fixed place has it.
const MM: &[Row] = &[
    ("mm_users", Int(1)),
    ("mm_count", Int(1)),
    ("map_count", Int(20)),
    ("total_vm", Int(1000)),
    ("start_code", Int(0x40_1000)),
    ("end_code", Int(0x40_2000)),
    ("start_data", Int(0x40_3000)),
    ("end_data", Int(0x40_4000)),
    ("start_brk", Int(0x41_0000)),
    ("brk", Int(0x43_1000)),
    ("mmap_base", Int(0x7fff_f7ff_f000)),
    ("task_size", Int(0x7fff_ffff_f000)),
    ("start_stack", Int(0x7fff_ffff_e000)),
];

/// When the first process and all others start, in nanoseconds after boot.
const FIRST_START: i128 = 10_000_000;
const START: i128 = 500_000_000;

/// The first process: its id, name and executable.
const INIT_PID: u32 = 1;
const INIT_COMM: &str = "systemd";
const INIT_EXE: &str = "/usr/lib/systemd/systemd";

impl Scene<'_> {
    /// The task of an id; `None` if there is none.
    pub(crate) fn task_of(&mut self, pid: u32) -> Result<Option<u64>, Problem> {
        match pid {
            0 => self.named("init_task"),
            INIT_PID if !self.world.tasks.contains_key(&INIT_PID) => self.named("init"),
            pid => Ok(self.world.tasks.get(&pid).copied()),
        }
    }

    /// The task that runs on a CPU.
    pub(crate) fn current(&mut self, cpu: u32) -> Result<u64, Problem> {
        if let Some(addr) = self.world.on_cpu.get(&cpu).or(self.world.task.as_ref()) {
            return Ok(*addr);
        }
        let task = self.task;
        let addr = self.spawn(task)?;
        self.world.task = Some(addr);
        self.set_if(addr, "task_struct", "on_cpu", 1)?;
        for field in ["thread_info.cpu", "cpu", "recent_used_cpu", "wake_cpu"] {
            self.set_if(addr, "task_struct", field, cpu)?;
        }
        Ok(addr)
    }

    /// The task that a CPU runs when there is nothing to do; `None` if this kernel has no tasks.
    pub(crate) fn idle_task(&mut self, cpu: u32) -> Result<Option<u64>, Problem> {
        if cpu == 0 {
            return self.named("init_task");
        }
        if let Some(addr) = self.world.idle.get(&cpu) {
            return Ok(Some(*addr));
        }
        let Ok(id) = self.type_of("task_struct") else { return Ok(None) };
        let addr = self.alloc(id, false)?;
        self.world.idle.insert(cpu, addr);
        self.fill(addr, "task_struct", IDLE_TASK)?;
        self.set_if(addr, "task_struct", "comm", format!("swapper/{cpu}"))?;
        for field in ["thread_info.cpu", "cpu"] {
            self.set_if(addr, "task_struct", field, cpu)?;
        }
        Ok(Some(addr))
    }

    /// A task with all that belongs to one: parent, address space, files, directories, credentials, namespaces, pid and
    /// cgroups. If one of this id is there, what the [`Task`] says of it is set.
    pub(crate) fn spawn(&mut self, task: &Task) -> Result<u64, Problem> {
        if let Some(addr) = self.task_of(task.pid)? {
            self.identify(addr, task)?;
            return Ok(addr);
        }
        self.for_good(|scene| scene.make_task(task))
    }

    fn make_task(&mut self, task: &Task) -> Result<u64, Problem> {
        let id = self.type_of("task_struct")?;
        let addr = self.alloc(id, false)?;
        let exe = format!("/usr/bin/{}", task.comm_str().replace('/', "-"));
        self.task(addr, task, &exe, START)?;
        Ok(addr)
    }

    /// The first process.
    pub(crate) fn first_process(&mut self, addr: u64) -> Result<(), Problem> {
        self.task(addr, &Task::new(INIT_PID, INIT_PID, INIT_COMM), INIT_EXE, FIRST_START)
    }

    fn task(&mut self, addr: u64, task: &Task, exe: &str, start: i128) -> Result<(), Problem> {
        self.world.tasks.insert(task.pid, addr);
        self.fill(addr, "task_struct", TASK)?;
        self.family(addr, task)?;
        let leader = if task.pid == task.tgid { None } else { self.leader(task)? };
        self.set_if(addr, "task_struct", "group_leader", FieldValue::Addr(leader.unwrap_or(addr)))?;
        match leader {
            Some(leader) => self.share(addr, leader)?,
            None => self.process(addr, task, exe)?,
        }
        self.credentials(addr)?;
        self.pid(addr, task.pid, leader.is_none())?;
        self.identify(addr, task)?;
        for field in ["start_time", "start_boottime", "real_start_time"] {
            self.set_if(addr, "task_struct", field, FieldValue::Int(start))?;
        }
        self.link(addr, leader)
    }

    /// Parents and namesakes.
    fn family(&mut self, addr: u64, task: &Task) -> Result<(), Problem> {
        let parent = if task.tgid == INIT_PID { "init_task" } else { "init" };
        if let Some(parent) = self.named(parent)? {
            for field in ["real_parent", "parent"] {
                self.set_if(addr, "task_struct", field, FieldValue::Addr(parent))?;
            }
        }
        Ok(())
    }

    /// The first thread of a thread's process.
    fn leader(&mut self, task: &Task) -> Result<Option<u64>, Problem> {
        match self.task_of(task.tgid)? {
            Some(leader) => Ok(Some(leader)),
            None => self.spawn(&Task { pid: task.tgid, ..task.clone() }).map(Some),
        }
    }

    /// What a thread has in common with the first one.
    fn share(&mut self, addr: u64, leader: u64) -> Result<(), Problem> {
        for field in ["mm", "active_mm", "files", "fs", "signal", "sighand"] {
            let Some(from) = self.spot_if(leader, "task_struct", field)? else { continue };
            let to = self.read(from, 8)?.try_into().map_or(0, u64::from_le_bytes);
            self.set_if(addr, "task_struct", field, FieldValue::Addr(to))?;
        }
        Ok(())
    }

    fn process(&mut self, addr: u64, task: &Task, exe: &str) -> Result<(), Problem> {
        self.part(addr, "signal", "signal_struct", SIGNAL)?;
        self.part(addr, "fs", "fs_struct", ROOT_FS)?;
        if let Some(files) = self.part(addr, "files", "files_struct", &[("count", Int(1))])? {
            self.files(files)?;
        }
        let Some(mm) = self.part(addr, "mm", "mm_struct", MM)? else { return Ok(()) };
        self.set_if(addr, "task_struct", "active_mm", FieldValue::Addr(mm))?;
        self.set_if(mm, "mm_struct", "owner", FieldValue::Addr(addr))?;
        if let Some(file) = self.file(exe)? {
            self.set_if(mm, "mm_struct", "exe_file", FieldValue::Addr(file))?;
        }
        self.arguments(mm, &[&task.comm_str()])
    }

    /// Something that the task points to, if this kernel's tasks do.
    fn part(
        &mut self,
        addr: u64,
        field: &str,
        type_name: &str,
        rows: &[Row],
    ) -> Result<Option<u64>, Problem> {
        let (Ok(id), Some(_)) = (self.type_of(type_name), self.spot_if(addr, "task_struct", field)?) else {
            return Ok(None);
        };
        let part = self.alloc(id, false)?;
        self.set_if(addr, "task_struct", field, FieldValue::Addr(part))?;
        self.fill(part, type_name, rows)?;
        Ok(Some(part))
    }

    /// Puts the arguments of a process where `/proc/PID/cmdline` looks for them.
    fn arguments(&mut self, mm: u64, argv: &[&str]) -> Result<(), Problem> {
        let bytes: Vec<u8> = argv.iter().flat_map(|it| it.bytes().chain([0])).collect();
        let start = self.put_user(&bytes)?;
        let end = start + bytes.len() as u64;
        for (field, at) in [("arg_start", start), ("arg_end", end), ("env_start", end), ("env_end", end)] {
            self.set_if(mm, "mm_struct", field, FieldValue::Addr(at))?;
        }
        Ok(())
    }

    fn credentials(&mut self, addr: u64) -> Result<(), Problem> {
        if let Some(cred) = self.part(addr, "cred", "cred", &ROOT_CRED[..3])? {
            self.set_if(addr, "task_struct", "real_cred", FieldValue::Addr(cred))?;
        }
        Ok(())
    }

    /// The `struct pid` of a task, by which its ids in namespaces are found.
    fn pid(&mut self, addr: u64, nr: u32, first: bool) -> Result<(), Problem> {
        const PID: &[Row] = &[("numbers[0].ns", Of("init_pid_ns"))];
        let Some(pid) = self.part(addr, "thread_pid", "pid", PID)? else { return Ok(()) };
        self.set_if(pid, "pid", "numbers[0].nr", nr)?;
        for field in ["count", "count.refs"] {
            self.set_if(pid, "pid", field, 1)?;
        }
        // The ids of its process, process group and session (`enum pid_type`).
        for index in (1..4).filter(|_| first) {
            self.set_if(addr, "task_struct", &format!("signal.pids[{index}]"), FieldValue::Addr(pid))?;
        }
        Ok(())
    }

    /// Lists of all processes, of siblings, of threads.
    fn link(&mut self, addr: u64, leader: Option<u64>) -> Result<(), Problem> {
        let mut rings = Vec::new();
        if leader.is_none() {
            if let Some(first) = self.named("init_task")? {
                rings.push((first, "tasks", "tasks"));
            }
            if let Some(parent) = self.get_if(addr, "task_struct", "real_parent") {
                rings.push((parent, "children", "sibling"));
            }
        }
        if leader.is_some() {
            let threads = self.get_if(addr, "task_struct", "signal.nr_threads").unwrap_or(0);
            self.set_if(addr, "task_struct", "signal.nr_threads", threads + 1)?;
        }
        rings.push((addr, "signal.thread_head", "thread_node"));
        for (of, head, node) in rings {
            let head = self.spot_if(of, "task_struct", head)?;
            let node = self.spot_if(addr, "task_struct", node)?;
            if let (Some(head), Some(node)) = (head, node) {
                self.append(head, node)?;
            }
        }
        Ok(())
    }

    /// What a [`Task`] says.
    pub(crate) fn identify(&mut self, addr: u64, task: &Task) -> Result<(), Problem> {
        let comm = FieldValue::Bytes(task.comm.to_vec());
        let fields = [("pid", task.pid.into()), ("tgid", task.tgid.into()), ("comm", comm)];
        for (path, value) in fields {
            self.set_if(addr, "task_struct", path, value)?;
        }
        let uids = ["uid", "suid", "euid", "fsuid"].map(|it| (it, task.uid));
        let gids = ["gid", "sgid", "egid", "fsgid"].map(|it| (it, task.gid));
        let shared = self.get_if(addr, "task_struct", "cred") == self.world.named.get("init_cred").copied();
        if let (Some(cred), false) = (self.get_if(addr, "task_struct", "cred"), shared) {
            for (path, value) in uids.into_iter().chain(gids) {
                self.set_if(cred, "cred", path, value)?;
            }
            if task.uid == 0 {
                self.fill(cred, "cred", &ROOT_CRED[3..])?;
            }
        }
        self.join_cgroups(addr, &task.cgroups)
    }

    /// What helpers say of a task, as far as this kernel's tasks tell; what they do not is as in `else_`.
    pub(crate) fn identity(&mut self, addr: u64, else_: &Task) -> Task {
        let mut task = else_.clone();
        let number =
            |scene: &mut Self, path: &str| scene.get_if(addr, "task_struct", path).map(|it| it as u32);
        for (path, into) in [
            ("pid", &mut task.pid),
            ("tgid", &mut task.tgid),
            ("cred.uid.val", &mut task.uid),
            ("cred.gid.val", &mut task.gid),
        ] {
            *into = number(self, path).unwrap_or(*into);
        }
        let comm = self.spot_if(addr, "task_struct", "comm").ok().flatten();
        if let Some(bytes) = comm.and_then(|at| self.read(at, task.comm.len() as u64).ok()) {
            task.comm.copy_from_slice(&bytes);
            task.comm[bytes.len() - 1] = 0;
        }
        if let Some(cgroups) = self.cgroups_of(addr) {
            task.cgroups = cgroups;
        }
        task
    }

    /// A number or an address, if there is such a field and no NULL on the way.
    pub(crate) fn get_if(&mut self, addr: u64, type_name: &str, path: &str) -> Option<u64> {
        let id = self.type_of(type_name).ok()?;
        let spot = self.quietly(|scene| scene.find(addr, id, path, false)).ok()?;
        let bytes = self.read(spot.addr, spot.len()).ok()?;
        spot.field.read(&bytes).map(|it| it as u64)
    }
}

impl Core {
    /// The task_struct of the task that runs on a CPU.
    pub(crate) fn current_task(
        &mut self,
        memory: &skep_memory::Memory,
        cpu: u32,
    ) -> Result<u64, super::ObjectError> {
        self.scene(memory)?.current(cpu).map_err(super::ObjectError::bare)
    }

    /// Has the machine's [`Task`] say what its task_struct does, after something was set in an object.
    pub(crate) fn refresh_task(&mut self, memory: &skep_memory::Memory) {
        let Some(addr) = self.world.task else { return };
        let task = self.task.clone();
        if let Ok(mut scene) = self.scene(memory) {
            self.task = scene.identity(addr, &task);
        }
    }

    /// Another [`Task`] is the machine's.
    pub(crate) fn switch_task(&mut self, memory: &skep_memory::Memory, task: Task) {
        self.world.task = None;
        if let Some(addr) = self.world.tasks.get(&task.pid).copied()
            && let Ok(mut scene) = self.scene(memory)
        {
            // What does not fit stays as it is in the object, and the object is what counts.
            let _ = scene.identify(addr, &task);
            self.world.task = Some(addr);
        }
        self.task = task;
        self.refresh_task(memory);
    }

    /// The task that was put on a CPU is the machine's while something runs there; what it was before.
    pub(crate) fn enter_cpu(&mut self, memory: &skep_memory::Memory, cpu: u32) -> Option<Task> {
        let addr = *self.world.on_cpu.get(&cpu)?;
        let task = self.task.clone();
        let mut scene = self.scene(memory).ok()?;
        let there = scene.identity(addr, &task);
        Some(std::mem::replace(&mut self.task, there))
    }
}
