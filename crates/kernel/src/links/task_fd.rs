//! `BPF_TASK_FD_QUERY`: what the program of another task's descriptor is at.

use super::{PerfLinkInfo, Place};
use crate::files::{Cap, Fd};
use crate::sys::Sys;
use skep_abi::Errno;

/// What a descriptor's program is at (`enum bpf_task_fd_type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FdType {
    /// A tracepoint's arguments.
    RawTracepoint = 0,
    /// A tracepoint's record.
    Tracepoint = 1,
    /// A kernel function.
    Kprobe = 2,
    /// Its return.
    Kretprobe = 3,
    /// A place in a file.
    Uprobe = 4,
    /// Its return.
    Uretprobe = 5,
}

/// What the program of a descriptor is at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskFd {
    /// The program's id.
    pub prog_id: u32,
    /// What it is at.
    pub kind: FdType,
    /// The tracepoint, function or file; none for a function that was named by its address.
    pub name: Option<String>,
    /// The place in it, in bytes.
    pub offset: u64,
    /// The function's address.
    pub addr: u64,
}

impl Sys<'_> {
    /// `BPF_TASK_FD_QUERY`: of a descriptor of the process that a task belongs to.
    pub(crate) fn task_fd_query(&mut self, pid: u32, fd: u32, flags: u32) -> Result<TaskFd, Errno> {
        if !self.core.capable(Cap::SysAdmin) {
            return Err(Errno::EPERM);
        }
        if flags != 0 {
            return Err(Errno::EINVAL);
        }
        if !self.core.is_process(pid) {
            return Err(Errno::ENOENT);
        }
        let id = self.core.files.get(Fd(fd as i32))?;
        let core = &*self.core;
        if let Some(link) = core.objects.link(id) {
            let Place::RawTracepoint { name } = &link.place else { return Err(Errno::ENOTSUPP) };
            return Ok(TaskFd {
                prog_id: link.prog.map_or(0, |prog| core.objects.number(prog)),
                kind: FdType::RawTracepoint,
                name: Some(name.clone()),
                offset: 0,
                addr: 0,
            });
        }
        let Some(prog) = core.event_prog(id).ok_or(Errno::ENOTSUPP)? else { return Err(Errno::ENOENT) };
        let prog_id = core.objects.number(prog);
        let (kind, name, offset, addr) = match core.perf_info(id)? {
            PerfLinkInfo::Tracepoint { name, .. } => (FdType::Tracepoint, Some(name), 0, 0),
            PerfLinkInfo::Kprobe { name, offset, addr, ret, .. } => {
                (if ret { FdType::Kretprobe } else { FdType::Kprobe }, name, offset, addr)
            }
            PerfLinkInfo::Uprobe { name, offset, ref_ctr_offset, ret, .. } => {
                let kind = if ret { FdType::Uretprobe } else { FdType::Uprobe };
                (kind, Some(name), offset, ref_ctr_offset)
            }
            PerfLinkInfo::Event { .. } => return Err(Errno::EOPNOTSUPP),
        };
        Ok(TaskFd { prog_id, kind, name, offset, addr })
    }
}
