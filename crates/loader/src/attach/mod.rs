//! Attaching what is loaded (`bpf_program__attach`, `bpf_object__attach_skeleton`).

mod auto;
mod link;
mod perf;
mod to;

use skep_abi::Errno;
use skep_kernel::Kernel;

use crate::error::Error;
use crate::load::{Loaded, LoadedProgram};
use crate::open;
use crate::sec::Handler;

pub use link::Link;
pub use to::Among;

impl LoadedProgram {
    /// Attaches it to what its section says, or as its handler does (`bpf_program__attach`).
    ///
    /// # Errors
    /// `EOPNOTSUPP`: such programs are not attached by themselves, or its section does not say to what. `EINVAL`: it is
    /// not loaded. What its handler's attach callback, or the kernel, answered.
    pub fn attach(&self, kernel: &mut Kernel) -> Result<Link, Error> {
        let unsupported = || {
            let text = "it cannot be attached by itself: its section does not say to what, or how";
            Error::bad_input(self.place(), text).with_errno(Errno::EOPNOTSUPP)
        };
        if !self.attaches_itself() {
            return Err(unsupported());
        }
        self.attachable()?;
        self.attach_if_aimed(kernel)?.ok_or_else(unsupported)
    }

    /// Whether there is a function that attaches such programs.
    fn attaches_itself(&self) -> bool {
        match self.handler() {
            Some(Handler::BuiltIn(def)) => def.auto_attach.is_some(),
            Some(Handler::Custom(custom)) => custom.opts().attach.is_some(),
            None => false,
        }
    }

    /// Attaches it; `None` if its section names nothing to attach it to.
    fn attach_if_aimed(&self, kernel: &mut Kernel) -> Result<Option<Link>, Error> {
        match self.handler() {
            Some(Handler::Custom(custom)) => match &custom.opts().attach {
                Some(attach) => attach(kernel, self, custom.opts().cookie).map_err(|errno| {
                    let text = format!("prog '{}': failed to attach: {} ({errno})", self.name, errno.neg());
                    Error::bad_input(self.place(), text).with_errno(errno)
                }),
                None => Ok(None),
            },
            Some(Handler::BuiltIn(def)) => match def.auto_attach {
                Some(how) => self.attach_by(kernel, how),
                None => Ok(None),
            },
            None => Ok(None),
        }
    }

    fn place(&self) -> String {
        format!("program {}", self.name)
    }
}

impl Loaded {
    /// Attaches a program to what its section says: see [`LoadedProgram::attach`].
    ///
    /// # Errors
    /// There is no such program; as for [`LoadedProgram::attach`].
    pub fn attach(&self, kernel: &mut Kernel, name: &str) -> Result<Link, Error> {
        let Some(program) = self.programs.iter().find(|it| it.name == name) else {
            let names: Vec<&str> = self.programs.iter().map(|it| it.name.as_str()).collect();
            return Err(open::unknown("program", name, &names));
        };
        program.attach(kernel)
    }

    /// Attaches all programs that can be and are not told otherwise (`autoattach`), by name; those whose sections name
    /// nothing are passed over (`bpf_object__attach_skeleton`).
    ///
    /// # Errors
    /// What the first one that could not be attached said. What was attached before it is detached again.
    pub fn attach_all(&self, kernel: &mut Kernel) -> Result<Vec<(String, Link)>, Error> {
        let mut links = Vec::new();
        let wanted = self.programs.iter().filter(|it| it.autoload && it.autoattach && it.attaches_itself());
        for program in wanted {
            match program.attach_if_aimed(kernel) {
                Ok(Some(link)) => links.push((program.name.clone(), link)),
                Ok(None) => {}
                Err(error) => {
                    for (_, link) in links {
                        // The error that is told is the first.
                        let _ = link.destroy(kernel);
                    }
                    return Err(error);
                }
            }
        }
        Ok(links)
    }
}
