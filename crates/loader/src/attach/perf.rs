//! Attaching through perf events: tracepoints, probes of the kernel's functions and of places in files.

use skep_abi::uapi::{PERF_FLAG_FD_CLOEXEC, PERF_TYPE_TRACEPOINT, perf_event_attr as field};
use skep_abi::{AttachType, Errno};
use skep_kernel::{Fd, Kernel, LinkCreate, LinkWith, PERF_TYPE_KPROBE, PERF_TYPE_UPROBE};
use skep_memory::UserRanges;

use super::Link;
use crate::error::Error;
use crate::load::LoadedProgram;

/// Bytes of the attributes that are told (`PERF_ATTR_SIZE_VER1`): up to the second configuration word.
const ATTR_SIZE: usize = 72;
/// Where the name of a place is in user memory while an event is opened.
const NAME_AT: u64 = 0x10_0000;
/// Where a counter's offset begins in the configuration of a uprobe.
const REF_CTR_SHIFT: u32 = 32;

/// A place to probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Probe<'a> {
    kind: u32,
    /// The function, or the file.
    name: &'a str,
    offset: u64,
    ret: bool,
    ref_ctr_offset: u64,
    pid: i32,
}

impl Probe<'_> {
    /// Opens its event (`perf_event_open_probe`).
    fn open(&self, kernel: &mut Kernel) -> Result<Fd, Errno> {
        let mut user = UserRanges::new();
        let mut name = self.name.as_bytes().to_vec();
        name.push(0);
        user.insert(NAME_AT, name).map_err(|_| Errno::EFAULT)?;
        let config = u64::from(self.ret) | self.ref_ctr_offset << REF_CTR_SHIFT;
        let mut attr = attr(self.kind, config, NAME_AT, self.offset);
        let cpu = if self.pid == -1 { 0 } else { -1 };
        kernel.perf_event_open_raw(&mut attr, self.pid, cpu, -1, PERF_FLAG_FD_CLOEXEC, &mut user)
    }
}

fn attr(kind: u32, config: u64, config1: u64, config2: u64) -> [u8; ATTR_SIZE] {
    let mut attr = [0; ATTR_SIZE];
    let words = [
        (&field::r#type, u64::from(kind)),
        (&field::size, ATTR_SIZE as u64),
        (&field::config, config),
        (&field::config1, config1),
        (&field::config2, config2),
    ];
    for (field, value) in words {
        let (start, size) = (field.offset, field.width);
        attr[start..start + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }
    attr
}

impl LoadedProgram {
    /// Attaches it to a perf event, which then runs (`bpf_program__attach_perf_event_opts`). The event ends with the link.
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_with`].
    pub fn attach_perf_event(&self, kernel: &mut Kernel, event: Fd, cookie: u64) -> Result<Link, Error> {
        let to = format!("perf_event FD {event}");
        let link = self.attach_with(kernel, &to, |fd| {
            let with = LinkWith::PerfEvent { cookie };
            LinkCreate::new(fd, AttachType::PerfEvent).on(event.0 as u32).with(with)
        })?;
        match kernel.perf_enable(event) {
            Ok(()) => Ok(Link::of_event(link.fd(), event)),
            Err(errno) => {
                // The error that is told is the first.
                let _ = link.destroy(kernel);
                Err(self.not_attached(&to, errno))
            }
        }
    }

    /// The same with an event of its own.
    fn attach_own(
        &self,
        kernel: &mut Kernel,
        to: &str,
        cookie: u64,
        open: impl FnOnce(&mut Kernel) -> Result<Fd, Errno>,
    ) -> Result<Link, Error> {
        self.attachable()?;
        let event = open(kernel).map_err(|errno| self.not_attached(to, errno))?;
        self.attach_perf_event(kernel, event, cookie).inspect_err(|_| {
            let _ = kernel.close(event);
        })
    }

    /// Attaches it to a tracepoint's record (`bpf_program__attach_tracepoint_opts`).
    ///
    /// # Errors
    /// `ENOENT`: that can be no tracepoint. As for [`LoadedProgram::attach_with`].
    pub fn attach_tracepoint(
        &self,
        kernel: &mut Kernel,
        category: &str,
        name: &str,
        cookie: u64,
    ) -> Result<Link, Error> {
        let full = format!("{category}/{name}");
        self.attach_own(kernel, &format!("tracepoint '{full}'"), cookie, |kernel| {
            let id = kernel.tracepoint_id(&full).ok_or(Errno::ENOENT)?;
            let mut attr = attr(PERF_TYPE_TRACEPOINT, id.into(), 0, 0);
            kernel.perf_event_open_raw(&mut attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC, &mut UserRanges::new())
        })
    }

    /// Attaches it to a kernel function, bytes behind its entry, or to its return (`bpf_program__attach_kprobe_opts`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_with`].
    pub fn attach_kprobe(
        &self,
        kernel: &mut Kernel,
        func: &str,
        offset: u64,
        ret: bool,
        cookie: u64,
    ) -> Result<Link, Error> {
        let probe = Probe { kind: PERF_TYPE_KPROBE, name: func, offset, ret, ref_ctr_offset: 0, pid: -1 };
        let what = if ret { "kretprobe" } else { "kprobe" };
        self.attach_own(kernel, &format!("{what} '{func}+{offset:#x}'"), cookie, |kernel| probe.open(kernel))
    }

    /// Attaches it to the kernel's handler of a system call (`bpf_program__attach_ksyscall`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_with`].
    pub fn attach_ksyscall(
        &self,
        kernel: &mut Kernel,
        name: &str,
        ret: bool,
        cookie: u64,
    ) -> Result<Link, Error> {
        self.attach_kprobe(kernel, &format!("__x64_sys_{name}"), 0, ret, cookie)
    }

    /// Attaches it to a place in a file, in bytes from the file's start, of one process or of all (-1)
    /// (`bpf_program__attach_uprobe_opts`, without looking for functions: no file is read).
    ///
    /// # Errors
    /// As for [`LoadedProgram::attach_with`].
    pub fn attach_uprobe(
        &self,
        kernel: &mut Kernel,
        path: &str,
        offset: u64,
        ret: bool,
        pid: i32,
        cookie: u64,
    ) -> Result<Link, Error> {
        let probe = Probe { kind: PERF_TYPE_UPROBE, name: path, offset, ret, ref_ctr_offset: 0, pid };
        let what = if ret { "uretprobe" } else { "uprobe" };
        self.attach_own(kernel, &format!("{what} '{path}:{offset:#x}'"), cookie, |kernel| probe.open(kernel))
    }
}
