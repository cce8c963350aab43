//! Simulated processes, as far as descriptors go: whose they are, and what their owner may do.

use super::table::{Entry, FdTable};
use super::{Fd, Files, OpenFile};
use crate::kernel::Kernel;
use crate::state::Core;
use skep_abi::Errno;
use skep_verifier::Caps;
use std::collections::BTreeMap;

/// A process that has file descriptors.
///
/// It is who calls `bpf(2)`, and has nothing to do with the task that programs find current
/// ([`Kernel::set_task`](crate::Kernel::set_task)). The first one is there from the start, and does not exit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Process(pub u32);

impl Process {
    /// The one that a machine starts with.
    pub const FIRST: Process = Process(1);
}

/// A user namespace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UserNs(pub u32);

impl UserNs {
    /// The first one: capabilities in it count everywhere.
    pub const INITIAL: UserNs = UserNs(0);
}

/// Who a process is for the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// The user that files belong to (`fsuid`).
    pub uid: u32,
    /// The group that files belong to (`fsgid`).
    pub gid: u32,
    /// What it may do beside, in its user namespace.
    pub caps: Caps,
    /// Its user namespace.
    pub userns: UserNs,
}

impl Credentials {
    /// Root with all capabilities.
    pub const ROOT: Credentials = Credentials { uid: 0, gid: 0, caps: Caps::ALL, userns: UserNs::INITIAL };

    /// A user without capabilities.
    pub const fn user(uid: u32) -> Credentials {
        Credentials { uid, gid: uid, caps: Caps::NONE, userns: UserNs::INITIAL }
    }

    /// Whether permissions of files do not matter to it (`CAP_DAC_OVERRIDE`).
    pub(crate) fn overrides(&self) -> bool {
        self.uid == 0
    }

    /// Whether it has a capability in its user namespace; `CAP_SYS_ADMIN` is all that `bpf(2)` asks for.
    pub(crate) fn has(&self, cap: Cap) -> bool {
        let has = match cap {
            Cap::Bpf => self.caps.bpf,
            Cap::NetAdmin => self.caps.net_admin,
            Cap::Perfmon => self.caps.perfmon,
            Cap::SysAdmin => self.caps.sys_admin,
        };
        has || self.caps.sys_admin
    }
}

/// A capability that `bpf(2)` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cap {
    Bpf,
    NetAdmin,
    Perfmon,
    SysAdmin,
}

/// What a process has.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) table: FdTable,
    credentials: Credentials,
    /// Permissions that new files do not get.
    umask: u32,
    parent: Process,
}

/// All processes. There is always a current one.
#[derive(Debug)]
pub(super) struct Processes {
    current: Process,
    /// The current one's, at hand.
    state: State,
    others: BTreeMap<Process, State>,
    last: u32,
    namespaces: u32,
}

impl Default for Processes {
    fn default() -> Processes {
        let first = Process::FIRST;
        let state =
            State { table: FdTable::default(), credentials: Credentials::ROOT, umask: 0o022, parent: first };
        Processes { current: first, state, others: BTreeMap::new(), last: first.0, namespaces: 0 }
    }
}

impl Processes {
    pub(super) fn current(&self) -> &State {
        &self.state
    }

    pub(super) fn current_mut(&mut self) -> &mut State {
        &mut self.state
    }

    fn get_mut(&mut self, process: Process) -> Result<&mut State, Errno> {
        if process == self.current {
            return Ok(&mut self.state);
        }
        self.others.get_mut(&process).ok_or(Errno::ESRCH)
    }

    fn switch(&mut self, to: Process) -> Result<(), Errno> {
        if to == self.current {
            return Ok(());
        }
        let state = self.others.remove(&to).ok_or(Errno::ESRCH)?;
        let before = std::mem::replace(&mut self.state, state);
        self.others.insert(self.current, before);
        self.current = to;
        Ok(())
    }
}

impl Files {
    fn fork(&mut self) -> Result<Process, Errno> {
        let processes = &mut self.processes;
        processes.last = processes.last.checked_add(1).ok_or(Errno::EAGAIN)?;
        let child = Process(processes.last);
        let state = State { parent: processes.current, ..processes.state.clone() };
        state.table.iter().for_each(|(_, entry)| self.open.keep(entry.slot));
        processes.others.insert(child, state);
        Ok(child)
    }

    /// Ends a process: the files come back that nobody has open any more.
    fn exit(&mut self, process: Process) -> Result<Vec<OpenFile>, Errno> {
        if process == Process::FIRST {
            return Err(Errno::EINVAL);
        }
        let processes = &mut self.processes;
        if process == processes.current {
            let parent = processes.state.parent;
            processes.switch(parent).or_else(|_| processes.switch(Process::FIRST))?;
        }
        let state = processes.others.remove(&process).ok_or(Errno::ESRCH)?;
        Ok(state.table.iter().filter_map(|(_, entry)| self.open.drop_one(entry.slot)).collect())
    }

    fn exec(&mut self) -> Vec<OpenFile> {
        let gone: Vec<Fd> = self.table().iter().filter(|it| it.1.cloexec).map(|it| it.0).collect();
        gone.into_iter().filter_map(|fd| self.close(fd).ok().flatten()).collect()
    }

    /// Who the current process is.
    pub(crate) fn credentials(&self) -> Credentials {
        self.processes.state.credentials
    }

    pub(crate) fn umask(&self) -> u32 {
        self.processes.state.umask
    }

    fn send(&mut self, fd: Fd, to: Process) -> Result<Fd, Errno> {
        let Entry { slot, .. } = self.table().get(fd)?;
        let table = &mut self.processes.get_mut(to)?.table;
        table.room(0)?;
        self.open.keep(slot);
        Ok(table.add(Entry { slot, cloexec: false }, 0))
    }
}

impl Core {
    /// The process whose descriptors calls are about.
    pub(crate) fn process(&self) -> Process {
        self.files.processes.current
    }
}

/// # Processes
impl Kernel {
    /// The process whose descriptors calls are about.
    pub fn current_process(&self) -> Process {
        self.core.files.processes.current
    }

    /// Makes a process with a copy of the current one's descriptors, credentials and mappings of maps other than arenas
    /// (`fork(2)`). The current one stays
    /// current.
    ///
    /// # Errors
    /// `EAGAIN`: there were too many processes.
    pub fn fork(&mut self) -> Result<Process, Errno> {
        let child = self.core.files.fork()?;
        self.core.fork_mappings(self.current_process(), child);
        Ok(child)
    }

    /// Has another process make the calls from now on.
    ///
    /// # Errors
    /// `ESRCH`: there is no such process.
    pub fn switch_process(&mut self, to: Process) -> Result<(), Errno> {
        self.core.files.processes.switch(to)
    }

    /// Ends a process, which closes its descriptors and unmaps what it mapped. After the current one its parent is current.
    ///
    /// # Errors
    /// `ESRCH`: there is no such process. `EINVAL`: it is [`Process::FIRST`].
    pub fn exit_process(&mut self, process: Process) -> Result<(), Errno> {
        let closed = self.core.files.exit(process)?;
        self.release_files(&closed);
        self.sys().unmap_all(process);
        Ok(())
    }

    /// Closes what does not outlive `execve(2)` in the current process, and unmaps what it mapped.
    pub fn exec(&mut self) {
        let closed = self.core.files.exec();
        self.release_files(&closed);
        let process = self.current_process();
        self.sys().unmap_all(process);
    }

    fn release_files(&mut self, closed: &[OpenFile]) {
        closed.iter().for_each(|file| self.core.release_file(file));
        self.core.sweep(&self.memory);
    }

    /// Gives another process a descriptor of the same open file, whose number there is the answer (`SCM_RIGHTS`).
    ///
    /// # Errors
    /// `EBADF`: it is not open. `ESRCH`: there is no such process. `EMFILE`: it has as many as it may.
    pub fn send_fd(&mut self, fd: Fd, to: Process) -> Result<Fd, Errno> {
        self.core.files.send(fd, to)
    }

    /// Who the current process is.
    pub fn credentials(&self) -> Credentials {
        self.core.files.credentials()
    }

    /// Has the current process be somebody else; what it has open stays open.
    pub fn set_credentials(&mut self, credentials: Credentials) {
        self.core.files.processes.state.credentials = credentials;
    }

    /// Has the current process enter a new user namespace, where it has all capabilities and in the first one none
    /// (`unshare(2)`). The answer is the namespace.
    pub fn unshare_user(&mut self) -> UserNs {
        let processes = &mut self.core.files.processes;
        processes.namespaces += 1;
        let userns = UserNs(processes.namespaces);
        processes.state.credentials = Credentials { caps: Caps::ALL, userns, ..processes.state.credentials };
        userns
    }

    /// Sets which permissions the current process's new files do not get (`umask(2)`); 0o022 at first. The answer is
    /// what they were before.
    pub fn set_umask(&mut self, umask: u32) -> u32 {
        std::mem::replace(&mut self.core.files.processes.state.umask, umask & 0o777)
    }

    /// Sets how many descriptors the current process may have (`RLIMIT_NOFILE`): numbers are below. Those that are
    /// open stay so.
    pub fn set_fd_limit(&mut self, limit: u32) {
        self.core.files.table_mut().limit = limit.min(super::table::MOST);
    }
}

impl Core {
    /// Who the current process is.
    pub(crate) fn credentials(&self) -> Credentials {
        self.files.credentials()
    }

    /// Whether the current process may do what a capability allows.
    pub(crate) fn capable(&self, cap: Cap) -> bool {
        self.token_capable(None, cap)
    }
}
