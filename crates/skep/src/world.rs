//! Kernel objects, and the world that programs look around in.
//!
//! Every machine has a task with a parent, an address space, files, credentials, namespaces and cgroups, and makes what
//! else a test needs in a line: see [`Skep::object`], [`Skep::file`], [`Skep::tcp`], [`Skep::sk_buff`].

use skep_kernel::{FieldValue, ObjectMut, SocketSpec, Task};

use crate::error::{Error, Result};
use crate::machine::Skep;

impl Skep {
    /// Makes a zeroed kernel object of a type of the machine's BTF, to be set by paths.
    ///
    /// Paths follow pointers, and setting makes what they point to. See [`ObjectMut`].
    ///
    /// ```
    /// # fn main() -> skep::Result<()> {
    /// # let object = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/xdp_firewall.bpf.o");
    /// let mut sk = skep::open(object)?.load()?;
    /// let parent = sk.object("task_struct")?.set("tgid", 7)?.set("comm", "make")?.addr();
    /// sk.current()?.set("pid", 42)?.set("real_parent", parent)?;
    /// assert_eq!(sk.current()?.get_str("real_parent.comm")?, "make");
    ///
    /// let mut socket = sk.tcp("10.0.0.1:40000", "10.0.0.2:443")?;
    /// assert_eq!(socket.get_u64("sk.__sk_common.skc_num")?, 40000);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The machine has no types, or none of that name; no room.
    pub fn object(&mut self, type_name: &str) -> Result<ObjectMut<'_>> {
        Ok(self.kernel().object(type_name)?)
    }

    /// The kernel object of a type at an address: to read what a run left there.
    ///
    /// # Errors
    /// The machine has no types, or none of that name; there is no such object at the address.
    pub fn object_at(&mut self, addr: u64, type_name: &str) -> Result<ObjectMut<'_>> {
        Ok(self.kernel().object_at(addr, type_name)?)
    }

    /// The `task_struct` of the task that runs programs: it has all that a process has, and says the same as
    /// [`Kernel::task`](skep_kernel::Kernel::task). What is set in it, helpers see.
    ///
    /// # Errors
    /// The machine has no types; no room.
    pub fn current(&mut self) -> Result<ObjectMut<'_>> {
        Ok(self.kernel().current()?)
    }

    /// Sets the call stacks of the current task, innermost entry first: names of functions, `vfs_read` or
    /// `vfs_read+0x1c`, or addresses. What is not said is a system call of a program that is in its `main`.
    pub fn set_stack(&mut self, kernel: &[&str], user: &[&str]) {
        self.kernel().set_stack(kernel, user);
    }

    /// The call stack that a STACK_TRACE map has for an id, innermost entry first: names of functions, or addresses where
    /// there are none. The id is a number, or a value that a program left somewhere.
    ///
    /// # Errors
    /// There is no such map, or no such stack in it.
    pub fn stack(&mut self, map: &str, id: impl Into<FieldValue>) -> Result<Vec<String>> {
        let bytes = self.map(map)?.bytes_of(id)?;
        let addresses = bytes.chunks_exact(8).filter_map(|it| it.try_into().ok()).map(u64::from_le_bytes);
        let name = |addr| self.kernel().symbol(addr).unwrap_or_else(|| format!("{addr:#x}"));
        Ok(addresses.take_while(|addr| *addr != 0).map(name).collect())
    }

    /// Has the task at an address run on a CPU: one that [`spawn`](Skep::spawn) or [`object`](Skep::object) made.
    ///
    /// # Errors
    /// There is no such CPU, or no `task_struct` there.
    pub fn set_current(&mut self, cpu: u32, task: u64) -> Result<()> {
        Ok(self.kernel().set_current(cpu, task)?)
    }

    /// Makes a task with all that a process has: parent, address space, files, credentials, namespaces, cgroups.
    ///
    /// # Errors
    /// The machine has no types; no room.
    pub fn spawn(&mut self, task: &Task) -> Result<ObjectMut<'_>> {
        Ok(self.kernel().spawn(task)?)
    }

    /// Makes an open `struct file` of a path, with directory entries up to the root, inode and mount.
    ///
    /// # Errors
    /// The machine has no types, or not these; no room.
    pub fn file(&mut self, path: &str) -> Result<ObjectMut<'_>> {
        Ok(self.kernel().file(path)?)
    }

    /// Makes a TCP connection: a `struct socket`, whose `sk` is a whole `tcp_sock`. Addresses are as in
    /// `"10.0.0.1:22"` and `"[::1]:22"`.
    ///
    /// # Errors
    /// No addresses; the machine has no types, or not these; no room.
    pub fn tcp(&mut self, local: &str, remote: &str) -> Result<ObjectMut<'_>> {
        let (local, remote) = (address(local)?, address(remote)?);
        Ok(self.kernel().socket(&SocketSpec::tcp(local, remote))?)
    }

    /// Makes a connected UDP socket; as [`tcp`](Skep::tcp).
    ///
    /// # Errors
    /// As for [`tcp`](Skep::tcp).
    pub fn udp(&mut self, local: &str, remote: &str) -> Result<ObjectMut<'_>> {
        let (local, remote) = (address(local)?, address(remote)?);
        Ok(self.kernel().socket(&SocketSpec::udp(local, remote))?)
    }

    /// Makes a `struct sk_buff` around a packet that begins with its Ethernet header, received on `eth0`.
    ///
    /// # Errors
    /// The machine has no types, or not these; no room.
    pub fn sk_buff(&mut self, packet: &[u8]) -> Result<ObjectMut<'_>> {
        Ok(self.kernel().sk_buff(packet)?)
    }
}

fn address(text: &str) -> Result<std::net::SocketAddr> {
    text.parse()
        .map_err(|_| Error::bad_input(format!("{text:?} is no address and port, as \"10.0.0.1:22\" is")))
}
