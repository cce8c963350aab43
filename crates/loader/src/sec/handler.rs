//! What is done with the programs of a kind of section.

use std::fmt;
use std::sync::Arc;

use skep_abi::{AttachType, Errno, ProgType};
use skep_kernel::{Kernel, ProgLoad};

use super::table::SecDef;
use crate::attach::Link;
use crate::load::LoadedProgram;
use crate::open::ProgramPlan;

/// Called for each of its programs when an object is opened, with the cookie: sets what is to be set of it
/// (`libbpf_prog_setup_fn_t`). An error fails the opening.
pub type SetupFn = dyn Fn(&mut ProgramPlan, i64) -> Result<(), Errno> + Send + Sync;

/// Called before `BPF_PROG_LOAD` is, with what that is going to get, code included, and the cookie
/// (`libbpf_prog_prepare_load_fn_t`). An error fails the loading of the program.
pub type PrepareLoadFn = dyn Fn(&ProgramPlan, &mut ProgLoad, i64) -> Result<(), Errno> + Send + Sync;

/// Attaches a program, with the cookie (`libbpf_prog_attach_fn_t`). `None`: there was nothing to attach it to, which is
/// well when all programs of an object are attached, and an error when this one is asked for.
pub type AttachFn = dyn Fn(&mut Kernel, &LoadedProgram, i64) -> Result<Option<Link>, Errno> + Send + Sync;

/// What [`Registry::register_prog_handler`](super::Registry::register_prog_handler) is told beside the section and the
/// types (`struct libbpf_prog_handler_opts`): nothing, all in all, if nothing is said.
#[derive(Clone, Default)]
pub struct HandlerOpts {
    /// A number that each callback is given.
    pub cookie: i64,
    /// Called when an object is opened.
    pub setup: Option<Arc<SetupFn>>,
    /// Called before a program is loaded.
    pub prepare_load: Option<Arc<PrepareLoadFn>>,
    /// Called when a program is attached. Without it, such programs cannot be attached by themselves.
    pub attach: Option<Arc<AttachFn>>,
}

impl HandlerOpts {
    /// No cookie, no callbacks.
    pub fn new() -> HandlerOpts {
        HandlerOpts::default()
    }

    /// The number that each callback is given.
    #[must_use]
    pub fn cookie(mut self, cookie: i64) -> HandlerOpts {
        self.cookie = cookie;
        self
    }

    /// What to do with such a program when its object is opened.
    #[must_use]
    pub fn setup(
        mut self,
        setup: impl Fn(&mut ProgramPlan, i64) -> Result<(), Errno> + Send + Sync + 'static,
    ) -> HandlerOpts {
        self.setup = Some(Arc::new(setup));
        self
    }

    /// What to do before such a program is loaded.
    #[must_use]
    pub fn prepare_load(
        mut self,
        prepare: impl Fn(&ProgramPlan, &mut ProgLoad, i64) -> Result<(), Errno> + Send + Sync + 'static,
    ) -> HandlerOpts {
        self.prepare_load = Some(Arc::new(prepare));
        self
    }

    /// How such a program is attached.
    #[must_use]
    pub fn attach(
        mut self,
        attach: impl Fn(&mut Kernel, &LoadedProgram, i64) -> Result<Option<Link>, Errno> + Send + Sync + 'static,
    ) -> HandlerOpts {
        self.attach = Some(Arc::new(attach));
        self
    }
}

impl fmt::Debug for HandlerOpts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerOpts")
            .field("cookie", &self.cookie)
            .field("setup", &self.setup.is_some())
            .field("prepare_load", &self.prepare_load.is_some())
            .field("attach", &self.attach.is_some())
            .finish()
    }
}

/// A handler that was registered.
#[derive(Debug)]
pub struct Custom {
    pub(crate) id: i32,
    pub(crate) sec: Option<String>,
    pub(crate) prog_type: Option<ProgType>,
    pub(crate) attach_type: Option<AttachType>,
    pub(crate) opts: HandlerOpts,
}

impl Custom {
    /// What [`Registry::register_prog_handler`](super::Registry::register_prog_handler) answered.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The pattern; `None`: it is the fallback.
    pub fn sec(&self) -> Option<&str> {
        self.sec.as_deref()
    }

    /// Its cookie and callbacks.
    pub fn opts(&self) -> &HandlerOpts {
        &self.opts
    }
}

/// What takes care of a program.
#[derive(Clone, Debug)]
pub enum Handler {
    /// A row of libbpf's table.
    BuiltIn(&'static SecDef),
    /// One that was registered.
    Custom(Arc<Custom>),
}

impl Handler {
    /// The program type, if it says one.
    pub fn prog_type(&self) -> Option<ProgType> {
        match self {
            Handler::BuiltIn(def) => Some(def.prog_type),
            Handler::Custom(custom) => custom.prog_type,
        }
    }

    /// `expected_attach_type`, if it says one.
    pub fn attach_type(&self) -> Option<AttachType> {
        match self {
            Handler::BuiltIn(def) => def.attach_type,
            Handler::Custom(custom) => custom.attach_type,
        }
    }

    /// The row of libbpf's table, if it is one.
    pub fn built_in(&self) -> Option<&'static SecDef> {
        match self {
            Handler::BuiltIn(def) => Some(def),
            Handler::Custom(_) => None,
        }
    }

    /// The handler that was registered, if it is one.
    pub fn custom(&self) -> Option<&Arc<Custom>> {
        match self {
            Handler::BuiltIn(_) => None,
            Handler::Custom(custom) => Some(custom),
        }
    }

    /// Whether it is the one for programs that no other wants. It alone keeps a program whose type is changed.
    pub fn is_fallback(&self) -> bool {
        self.custom().is_some_and(|custom| custom.sec.is_none())
    }
}
