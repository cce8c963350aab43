//! Firing programs: what they see is built from what they are attached to, and from arguments by name.
//!
//! A run takes a context as it is; firing makes one. One file per family: `probe` (registers), `traced` (words of
//! arguments), ... Names and types of arguments come from the types of the simulated kernel. What is not given is
//! zero; a name that does not exist is an error that lists those that do.

mod fields;
mod given;
mod iter;
mod keep;
mod place;
mod probe;
mod proto;
mod record;
mod regs;
mod sample;
mod seq;
mod setup;
mod syscall;
mod target;
mod traced;
mod usdt;

pub(crate) use keep::Keep;
pub(crate) use record::Format;
pub use regs::{Arch, Arm64Regs};
pub(crate) use seq::{LIMIT as SEQ_LIMIT, Seq};
pub(crate) use setup::{Setup, Traced};
pub use target::Target;

use crate::context::PacketKind;
use crate::files::Fd;
use crate::kernel::Kernel;
use crate::prog::ProgInfo;
use crate::report::RunError;
use crate::run::{Ran, Run};
use crate::state::Core;
use crate::world::Args;
use given::Given;
use place::Side;
use skep_abi::{AttachType, ProgType};
use skep_btf::{Btf, TypeId};
use skep_maps::ObjRef;
use std::sync::Arc;

/// How to fire a program.
///
/// ```
/// use skep_kernel::{Fire, Target, args};
///
/// let target = Target::Kprobe { func: "do_unlinkat".to_owned(), offset: 0, ret: false };
/// let fire = Fire::new(&target, args! { dfd: -100 });
/// assert_eq!(fire.run.cpu, 0);
/// ```
pub struct Fire<'a, 'r> {
    /// What the program is attached to.
    pub target: &'a Target,
    /// The arguments, by name.
    pub args: Args,
    /// Whose registers the program reads.
    pub arch: Arch,
    /// The type that the program itself gives to its context, in its object's types.
    pub own: Option<(&'a Btf, TypeId)>,
    /// How to run it. Its context is not looked at.
    pub run: Run<'r>,
}

impl<'a> Fire<'a, '_> {
    /// One run on CPU 0 with these arguments.
    pub fn new(target: &'a Target, args: Args) -> Self {
        Fire { target, args, arch: Arch::default(), own: None, run: Run::default() }
    }
}

/// Why nothing could be fired: a sentence.
type Refusal = String;

/// What a family needs to make a context.
struct Firing<'k, 'a> {
    kernel: &'k mut Kernel,
    id: ObjRef,
    info: Arc<ProgInfo>,
    /// What the test calls the attachment.
    cookie: u64,
    target: &'a Target,
    args: Given,
    arch: Arch,
    own: Option<(&'a Btf, TypeId)>,
    /// Where strings go if nothing says it.
    texts: Side,
    /// The kernel's types.
    btf: Option<Arc<Btf>>,
}

impl Kernel {
    /// Fires a program: makes its context from its target and the arguments, and runs it.
    ///
    /// # Errors
    /// As [`Kernel::run`]; and arguments that the target does not have, or values that do not fit them.
    pub fn fire(&mut self, fd: Fd, fire: Fire<'_, '_>) -> Result<Ran, RunError> {
        let id = self.runnable(fd)?;
        self.fire_at(id, fire)
    }

    /// Fires a program of any origin: see [`Kernel::fire`].
    pub(crate) fn fire_at(&mut self, id: ObjRef, fire: Fire<'_, '_>) -> Result<Ran, RunError> {
        let Some(info) = self.core.objects.prog(id).map(|it| it.info.clone()) else {
            return Err(RunError::BadInput(format!("object {} is no program", id.0)));
        };
        let Core { keep, user, world, .. } = &mut self.core;
        keep.next_firing(&self.memory, user, world);
        let mut run = fire.run;
        let mut firing = Firing {
            id,
            info,
            cookie: run.cookie,
            target: fire.target,
            args: Given::new(fire.args),
            arch: fire.arch,
            own: fire.own,
            texts: match fire.target {
                Target::Kprobe { func: name, .. } | Target::Btf { name, .. } => place::texts_of(name),
                _ => Side::Kernel,
            },
            btf: self.core.types(),
            kernel: self,
        };
        if let Target::Btf { attach: AttachType::TraceIter, name, .. } = fire.target {
            return firing.iterate(name, run);
        }
        let setup = firing.setup().map_err(RunError::BadInput)?;
        if setup.usdt {
            // The cookie of the attachment is libbpf's then, and says which specification it is.
            run.cookie = 0;
        }
        self.run_as(id, run, setup)
    }
}

impl Firing<'_, '_> {
    /// What the program is going to see.
    fn setup(&mut self) -> Result<Setup, Refusal> {
        match self.info.prog_type {
            ProgType::Kprobe => self.probe(),
            ProgType::Tracepoint => match self.target {
                Target::Tracepoint { category, name } => self.record(category, name),
                _ => self.record("", ""),
            },
            ProgType::RawTracepoint | ProgType::RawTracepointWritable | ProgType::Tracing | ProgType::Lsm => {
                self.traced()
            }
            ProgType::PerfEvent => self.sample(),
            ProgType::Syscall => self.syscall_program(),
            ProgType::StructOps | ProgType::Ext => self.traced(),
            other if PacketKind::of(other).is_some() => self.packet(),
            _ => self.fields_of_context(),
        }
    }
}
