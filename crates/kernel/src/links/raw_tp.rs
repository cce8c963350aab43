//! Tracepoints' arguments: `BPF_RAW_TRACEPOINT_OPEN`, and links of programs whose tracepoint is a BTF type.

use super::{Link, LinkCreate, LinkWith, Place};
use crate::files::Fd;
use crate::hooks::Hook;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::{AttachType, Errno, ProgType};
use skep_btf::Kind;
use skep_maps::ObjRef;

/// How the types that tracepoints have begin.
const PREFIX: &str = "btf_trace_";

impl Core {
    /// Whether the kernel has a tracepoint. Without types, whatever somebody names is one.
    fn has_tracepoint(&self, name: &str) -> bool {
        let has = |types: &skep_btf::Btf| types.find(Kind::Typedef, &format!("{PREFIX}{name}")).is_some();
        self.all_types().is_none_or(has)
    }
}

impl Sys<'_> {
    /// `BPF_RAW_TRACEPOINT_OPEN`: a link to a tracepoint, or to what a tracing or LSM program was loaded for, which names
    /// no tracepoint.
    pub(crate) fn raw_tracepoint_open(
        &mut self,
        fd: Fd,
        name: Option<&str>,
        cookie: u64,
    ) -> Result<Fd, Errno> {
        let prog = self.core.prog_of(fd)?;
        let info = self.core.objects.prog(prog).ok_or(Errno::EINVAL)?.info.clone();
        match info.prog_type {
            ProgType::Tracing | ProgType::Ext | ProgType::Lsm => {
                if name.is_some() {
                    return Err(Errno::EINVAL);
                }
                let attach = info.expected_attach_type;
                if info.prog_type == ProgType::Tracing && attach == AttachType::TraceRawTp.to_u32() {
                    return self.link_own_tracepoint(prog, cookie);
                }
                let create = LinkCreate {
                    prog: fd,
                    target: 0,
                    attach_type: attach,
                    flags: 0,
                    with: LinkWith::Nothing,
                };
                self.link_func(prog, &create)
            }
            ProgType::RawTracepoint | ProgType::RawTracepointWritable => {
                // A NULL name cannot be read.
                self.link_tracepoint(prog, 0, name.ok_or(Errno::EFAULT)?, cookie)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// A link of a program whose tracepoint is a BTF type (`tp_btf`).
    pub(super) fn link_btf_tracepoint(&mut self, prog: ObjRef, create: &LinkCreate) -> Result<Fd, Errno> {
        let cookie = match create.with {
            LinkWith::Tracing { cookie, .. } => cookie,
            _ => 0,
        };
        self.link_own_tracepoint(prog, cookie)
    }

    fn link_own_tracepoint(&mut self, prog: ObjRef, cookie: u64) -> Result<Fd, Errno> {
        let info = self.core.objects.prog(prog).ok_or(Errno::EINVAL)?.info.clone();
        let name = info.attach_name.as_deref().ok_or(Errno::ENOENT)?;
        let name = name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
        self.link_tracepoint(prog, AttachType::TraceRawTp.to_u32(), &name, cookie)
    }

    /// A link to a tracepoint (`bpf_raw_tp_link_attach`).
    fn link_tracepoint(
        &mut self,
        prog: ObjRef,
        attach_type: u32,
        name: &str,
        cookie: u64,
    ) -> Result<Fd, Errno> {
        if !self.core.has_tracepoint(name) {
            return Err(Errno::ENOENT);
        }
        let place = Place::RawTracepoint { name: name.to_owned() };
        let link = self.prime(Link::new(Some(prog), attach_type, cookie, place))?;
        let new = self.attached(link)?;
        self.core.hooks.add(Hook::RawTracepoint { name: name.to_owned() }, new);
        self.settle(link, Ok(()))
    }
}
