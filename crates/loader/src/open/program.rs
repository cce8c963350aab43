//! What is going to be loaded of a program.

use std::sync::Arc;

use skep_abi::{AttachType, Errno, ProgType, flags};
use skep_isa::Insn;
use skep_kernel::{Fd, ProgLoad, Target, TargetBtf};
use skep_object::Object;

use crate::error::Error;
use crate::sec::{self, Handler, HandlerOpts, Registry, SecDef};
use crate::target;

/// What is going to be loaded of a program: `struct bpf_program` before it is.
#[derive(Clone, Debug)]
pub struct ProgramPlan {
    /// The function's name.
    pub name: String,
    /// Its index in [`Object::programs`].
    pub index: usize,
    pub(crate) section: String,
    pub(crate) handler: Option<Handler>,
    pub(crate) prog_type: Option<ProgType>,
    /// `expected_attach_type`.
    pub attach_type: Option<AttachType>,
    /// `BPF_F_*` flags of `BPF_PROG_LOAD` beside those that the section implies.
    pub flags: u32,
    /// Whether it is loaded; `SEC("?...")` says no.
    pub autoload: bool,
    /// Whether it is attached when all of the object is.
    pub autoattach: bool,
    /// Where it is attached, if not where its section says: what a section would say behind its slash.
    pub attach_target: Option<String>,
    /// The program whose function it traces or replaces (`bpf_program__set_attach_target`).
    pub attach_prog: Option<Fd>,
    /// What the verifier is to log: the `BPF_LOG_LEVEL*` bits of `log_level`.
    pub log_level: u32,
    /// The network interface whose hardware runs it; 0: none.
    pub ifindex: u32,
    pub(crate) insns: Arc<[Insn]>,
    /// Whether `insns` are not the object's any more.
    pub(crate) rewritten: bool,
}

impl ProgramPlan {
    /// The section that it is in, without a leading `?`.
    pub fn section(&self) -> &str {
        &self.section
    }

    /// What takes care of it: the handler of its section when the object was opened. `None`: there was none, or
    /// [`ProgramPlan::set_type`] has taken it away.
    pub fn handler(&self) -> Option<&Handler> {
        self.handler.as_ref()
    }

    /// The row of libbpf's table that takes care of it, if one does.
    pub fn sec(&self) -> Option<&'static SecDef> {
        self.handler.as_ref().and_then(Handler::built_in)
    }

    /// The program type; `None` if its section name does not tell, which is an error at load.
    pub fn prog_type(&self) -> Option<ProgType> {
        self.prog_type
    }

    /// Sets the program type. If it was another one, what its section says no longer counts: only a fallback handler
    /// keeps the program (`bpf_program__set_type`).
    pub fn set_type(&mut self, prog_type: ProgType) {
        if self.prog_type == Some(prog_type) {
            return;
        }
        self.prog_type = Some(prog_type);
        self.handler.take_if(|it| !it.is_fallback());
    }

    /// Its instructions, without those of the functions that it calls; nothing is filled in yet.
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }

    /// Gives it other instructions, as they are: what the object says about the old ones (relocations, lines) does not
    /// hold for them. To change the code as it is loaded, with the maps filled in, use a handler's prepare-load callback.
    pub fn set_insns(&mut self, insns: impl Into<Arc<[Insn]>>) {
        self.insns = insns.into();
        self.rewritten = true;
    }

    /// The flags that `BPF_PROG_LOAD` gets: [`ProgramPlan::flags`] and those that the section implies.
    pub fn load_flags(&self) -> u32 {
        let has = |flag: u8| self.sec().is_some_and(|def| def.flags & flag == flag);
        let mut flags = self.flags;
        if has(sec::flags::SLEEPABLE) {
            flags |= flags::BPF_F_SLEEPABLE;
        }
        if self.prog_type == Some(ProgType::Xdp) && has(sec::flags::XDP_FRAGS) {
            flags |= flags::BPF_F_XDP_HAS_FRAGS;
        }
        flags
    }

    /// What it is attached to, before anything is looked for in the kernel's types.
    ///
    /// # Errors
    /// Its section does not say it as it should, in libbpf's words.
    pub fn target(&self, _object: &Object) -> Result<Target, Error> {
        let parsed = match (self.sec(), &self.attach_target) {
            (Some(def), Some(what)) => target::of_type(def, what, &self.name),
            (Some(def), None) => target::parse(&self.section, def, &self.name),
            (None, Some(what)) => target::of_types(self.prog_type, self.attach_type, what),
            (None, None) => Ok(Target::Unsaid),
        };
        parsed.map_err(|why| target::malformed(format!("program {}", self.name), why))
    }

    /// What it is attached to on a kernel with these types: what they name has been found in them.
    ///
    /// # Errors
    /// Its section does not say it as it should, or the kernel has no such thing.
    pub fn target_on(&self, object: &Object, types: &TargetBtf) -> Result<Target, Error> {
        let mut target = self.target(object)?;
        target::resolve(&mut target, Some(types), &self.name, &format!("program {}", self.name))?;
        Ok(target)
    }

    /// A program of an object, in the hands of whoever takes care of its section (`bpf_object_init_progs`).
    pub(crate) fn of(index: usize, program: &skep_object::Program, handlers: &Registry) -> ProgramPlan {
        let handler = handlers.find(&program.section);
        ProgramPlan {
            name: program.name.clone(),
            index,
            section: program.section.clone(),
            prog_type: handler.as_ref().and_then(Handler::prog_type),
            attach_type: handler.as_ref().and_then(Handler::attach_type),
            handler,
            flags: 0,
            autoload: program.autoload,
            autoattach: true,
            attach_target: None,
            attach_prog: None,
            log_level: 0,
            ifindex: 0,
            insns: Arc::from(program.insns.as_slice()),
            rewritten: false,
        }
    }

    /// Has its handler set it up.
    pub(crate) fn set_up(&mut self) -> Result<(), Error> {
        let custom = self.handler.as_ref().and_then(Handler::custom).cloned();
        match custom.as_ref().map(|it| it.opts()) {
            Some(HandlerOpts { setup: Some(setup), cookie, .. }) => {
                setup(self, *cookie).map_err(|errno| self.failed("failed to initialize", errno))
            }
            _ => Ok(()),
        }
    }

    /// Has its handler look at what is going to be loaded.
    pub(crate) fn prepare(&self, load: &mut ProgLoad) -> Result<(), Error> {
        match self.handler.as_ref().and_then(Handler::custom).map(|it| it.opts()) {
            Some(HandlerOpts { prepare_load: Some(prepare), cookie, .. }) => prepare(self, load, *cookie)
                .map_err(|errno| self.failed("failed to prepare load attributes", errno)),
            _ => Ok(()),
        }
    }

    /// The error of a callback.
    fn failed(&self, what: &str, errno: Errno) -> Error {
        let text = format!("prog '{}': {what}: {} ({errno})", self.name, errno.neg());
        Error::bad_input(format!("program {}", self.name), text).with_errno(errno)
    }
}
