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

/// Who a process is for the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// The user that files belong to (`fsuid`).
    pub uid: u32,
    /// The group that files belong to (`fsgid`).
    pub gid: u32,
    /// What it may do beside.
    pub caps: Caps,
}

impl Credentials {
    /// Root with all capabilities.
    pub const ROOT: Credentials = Credentials { uid: 0, gid: 0, caps: Caps::ALL };

    /// A user without capabilities.
    pub const fn user(uid: u32) -> Credentials {
        Credentials { uid, gid: uid, caps: Caps::NONE }
    }
}

/// A capability that `bpf(2)` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cap {
    SysAdmin,
}

/// What a process has.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) table: FdTable,
    credentials: Credentials,
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
}

impl Default for Processes {
    fn default() -> Processes {
        let first = Process::FIRST;
        let state = State { table: FdTable::default(), credentials: Credentials::ROOT, parent: first };
        Processes { current: first, state, others: BTreeMap::new(), last: first.0 }
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

    fn send(&mut self, fd: Fd, to: Process) -> Result<Fd, Errno> {
        let Entry { slot, .. } = self.table().get(fd)?;
        let table = &mut self.processes.get_mut(to)?.table;
        table.room(0)?;
        self.open.keep(slot);
        Ok(table.add(Entry { slot, cloexec: false }, 0))
    }
}

/// # Processes
impl Kernel {
    /// The process whose descriptors calls are about.
    pub fn current_process(&self) -> Process {
        self.core.files.processes.current
    }

    /// Makes a process with a copy of the current one's descriptors and credentials (`fork(2)`). The current one stays
    /// current.
    ///
    /// # Errors
    /// `EAGAIN`: there were too many processes.
    pub fn fork(&mut self) -> Result<Process, Errno> {
        self.core.files.fork()
    }

    /// Has another process make the calls from now on.
    ///
    /// # Errors
    /// `ESRCH`: there is no such process.
    pub fn switch_process(&mut self, to: Process) -> Result<(), Errno> {
        self.core.files.processes.switch(to)
    }

    /// Ends a process, which closes its descriptors. After the current one its parent is current.
    ///
    /// # Errors
    /// `ESRCH`: there is no such process. `EINVAL`: it is [`Process::FIRST`].
    pub fn exit_process(&mut self, process: Process) -> Result<(), Errno> {
        let closed = self.core.files.exit(process)?;
        self.release_files(&closed);
        Ok(())
    }

    /// Closes what does not outlive `execve(2)` in the current process.
    pub fn exec(&mut self) {
        let closed = self.core.files.exec();
        self.release_files(&closed);
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
        self.core.files.processes.state.credentials
    }

    /// Has the current process be somebody else; what it has open stays open.
    pub fn set_credentials(&mut self, credentials: Credentials) {
        self.core.files.processes.state.credentials = credentials;
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
        self.files.processes.state.credentials
    }

    /// Whether the current process may do what a capability allows; `CAP_SYS_ADMIN` allows everything
    /// (`bpf_token_capable`).
    pub(crate) fn capable(&self, cap: Cap) -> bool {
        let caps = self.files.processes.state.credentials.caps;
        let has = match cap {
            Cap::SysAdmin => caps.sys_admin,
        };
        has || caps.sys_admin
    }
}
