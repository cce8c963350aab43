//! The world of a machine, from outside.

use super::error::{ObjectError, Problem};
use super::net::SocketSpec;
use super::object::ObjectMut;
use super::scene::Scene;
use crate::config::Task;
use crate::kernel::Kernel;

impl Kernel {
    /// The `task_struct` of the task that runs on CPU 0: made from the machine's [`Task`](crate::Kernel::task) when it is
    /// first looked at, with all that a process has (parent, address space, files, credentials, namespaces, cgroups).
    ///
    /// From then on the object is what counts: a `pid`, `comm` or `cred.uid` that is set in it is what helpers say, and
    /// what [`Kernel::task`] does. [`Kernel::set_task`] sets it as well.
    ///
    /// ```
    /// use skep_kernel::{Config, Kernel, Task, vmlinux};
    ///
    /// let task = Task::new(42, 42, "sshd");
    /// let mut kernel = Kernel::new(Config { btf: Some(vmlinux::bundled()), task, ..Config::default() })?;
    /// let mut current = kernel.current()?;
    /// assert_eq!(current.get_str("comm")?, "sshd");
    /// assert_eq!(current.get_str("real_parent.comm")?, "systemd");
    /// assert_eq!(current.get_u64("nsproxy.pid_ns_for_children.ns.inum")?, 4026531836);
    ///
    /// current.set("comm", "sftp")?;
    /// assert_eq!(kernel.task().comm_str(), "sftp");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The machine has no types, or no `task_struct` among them; no room.
    pub fn current(&mut self) -> Result<ObjectMut<'_>, ObjectError> {
        self.current_on(0)
    }

    /// The same on another CPU. It is the same task on all CPUs that [`Kernel::set_current`] was not called for.
    ///
    /// # Errors
    /// As for [`Kernel::current`]; there is no such CPU.
    pub fn current_on(&mut self, cpu: u32) -> Result<ObjectMut<'_>, ObjectError> {
        self.check_cpu(cpu)?;
        let addr = self.core.current_task(&self.memory, cpu)?;
        self.object_at(addr, "task_struct")
    }

    /// Has a task run on a CPU: that of a `task_struct` at an address. Programs that run there see it as the current one,
    /// and so do all helpers.
    ///
    /// # Errors
    /// There is no such CPU, or no `task_struct` at the address.
    pub fn set_current(&mut self, cpu: u32, task: u64) -> Result<(), ObjectError> {
        self.check_cpu(cpu)?;
        self.object_at(task, "task_struct")?;
        self.core.world.on_cpu.insert(cpu, task);
        self.scene()?.now_runs(cpu, task).map_err(ObjectError::bare)
    }

    /// Makes a task with all that belongs to a process, and links it to its parent and to the list of all tasks. A thread
    /// (`pid` is not `tgid`) shares what threads do with the first one of its process, which is made as well. If there is
    /// a task of this id, it becomes as `task` says.
    ///
    /// # Errors
    /// As for [`Kernel::current`].
    pub fn spawn(&mut self, task: &Task) -> Result<ObjectMut<'_>, ObjectError> {
        let addr = self.scene()?.spawn(task).map_err(ObjectError::bare)?;
        self.core.refresh_task(&self.memory);
        self.object_at(addr, "task_struct")
    }

    /// The `task_struct` of a process or thread that exists: 0 is the idle task of CPU 0, 1 the first process.
    ///
    /// # Errors
    /// The machine has no types.
    pub fn task_by_pid(&mut self, pid: u32) -> Result<Option<ObjectMut<'_>>, ObjectError> {
        match self.scene()?.task_of(pid).map_err(ObjectError::bare)? {
            Some(addr) => self.object_at(addr, "task_struct").map(Some),
            None => Ok(None),
        }
    }

    /// The task that a CPU runs when there is nothing to do: `swapper/2`, for one.
    ///
    /// # Errors
    /// The machine has no types, or no `task_struct` among them; no room; there is no such CPU.
    pub fn idle_task(&mut self, cpu: u32) -> Result<ObjectMut<'_>, ObjectError> {
        self.check_cpu(cpu)?;
        self.made("task_struct", |scene| scene.idle_task(cpu))
    }

    /// Ends an object that was made: what reads it from then on reads freed memory. False: there is none at the address.
    pub fn free_object(&mut self, addr: u64) -> bool {
        self.scene().is_ok_and(|mut scene| scene.made(addr).is_some() && scene.free(addr))
    }

    /// Makes an open `struct file` of a path from the root, with its directory entries, inode and mount.
    ///
    /// # Errors
    /// The machine has no types, or not these; no room.
    pub fn file(&mut self, path: &str) -> Result<ObjectMut<'_>, ObjectError> {
        self.made("file", |scene| scene.file(path))
    }

    /// The `struct dentry` of a path from the root: the same one for the same path.
    ///
    /// # Errors
    /// The machine has no types, or not these; no room.
    pub fn dentry(&mut self, path: &str) -> Result<ObjectMut<'_>, ObjectError> {
        self.made("dentry", |scene| scene.dentry(path))
    }

    /// Makes a `struct socket` with its `sock` (which is a whole `tcp6_sock`), file and inode.
    ///
    /// # Errors
    /// The machine has no types, or not these; no room.
    pub fn socket(&mut self, spec: &SocketSpec) -> Result<ObjectMut<'_>, ObjectError> {
        self.made("socket", |scene| scene.socket(spec))
    }

    /// Makes a `struct sk_buff` around the bytes of a packet, from its Ethernet header on, as `eth0` hands one to the
    /// network layer: `data` is at the network header.
    ///
    /// # Errors
    /// The machine has no types, or not these; no room.
    pub fn sk_buff(&mut self, packet: &[u8]) -> Result<ObjectMut<'_>, ObjectError> {
        self.made("sk_buff", |scene| scene.sk_buff(packet))
    }

    /// The address of a variable of the kernel: `init_task`, `runqueues`. A per-CPU variable's is where
    /// [`Kernel::per_cpu`] counts from. `None` if this kernel has none of that name.
    ///
    /// # Errors
    /// The machine has no types; no room.
    pub fn variable(&mut self, name: &str) -> Result<Option<u64>, ObjectError> {
        self.scene()?.variable(name).map_err(ObjectError::bare)
    }

    /// A variable of the kernel as an object; of a per-CPU one, a CPU's own.
    ///
    /// # Errors
    /// There is none of that name, or no such CPU; no room.
    pub fn variable_on(&mut self, name: &str, cpu: u32) -> Result<ObjectMut<'_>, ObjectError> {
        self.check_cpu(cpu)?;
        let mut scene = self.scene()?;
        let missing = || Problem::NoVariable(name.to_owned());
        let id = scene.variable_type(name).ok_or_else(missing)?;
        let addr = scene.variable(name)?.ok_or_else(missing)?;
        let addr = scene.per_cpu(addr, cpu).unwrap_or(addr);
        Ok(ObjectMut::new(self, addr, id))
    }

    /// Where a CPU has its own of what is at a per-CPU address, as `bpf_per_cpu_ptr` answers; `None` if it is none, or
    /// there is no such CPU.
    pub fn per_cpu(&mut self, addr: u64, cpu: u32) -> Option<u64> {
        self.scene().ok()?.per_cpu(addr, cpu)
    }

    fn check_cpu(&self, cpu: u32) -> Result<(), ObjectError> {
        if cpu < self.core.cpus { Ok(()) } else { Err(Problem::NoCpu(cpu).into()) }
    }

    fn made(
        &mut self,
        type_name: &str,
        make: impl FnOnce(&mut Scene<'_>) -> Result<Option<u64>, Problem>,
    ) -> Result<ObjectMut<'_>, ObjectError> {
        let mut scene = self.scene()?;
        // The error of what is not there.
        let id = scene.type_of(type_name)?;
        let addr = make(&mut scene)?.ok_or_else(|| Problem::NoLayout(type_name.to_owned()))?;
        Ok(ObjectMut::new(self, addr, id))
    }
}
