//! Variables of struct_ops: their members are called as the kernel would.

use skep_kernel::{Args, Ran};

use crate::error::{Error, Result};
use crate::machine::Skep;

/// A struct of functions that the object implements: `SEC(".struct_ops")`.
#[derive(Debug)]
pub struct StructOps<'a> {
    skep: &'a mut Skep,
    members: Vec<(String, String)>,
    name: String,
}

impl<'a> StructOps<'a> {
    pub(crate) fn new(skep: &'a mut Skep, name: &str) -> Result<StructOps<'a>> {
        let loaded = skep.loaded();
        let programs = &loaded.object().programs;
        let named = |it: skep_loader::Member| Some((it.name, programs.get(it.program)?.name.clone()));
        let members = loaded.struct_ops(name)?.into_iter().filter_map(named).collect();
        Ok(StructOps { skep, members, name: name.to_owned() })
    }

    /// The members that are programs, in the struct's order.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|it| it.0.as_str())
    }

    /// Calls a member. The kernel's types have no names for its arguments: they are taken in the order in which they are
    /// written, or as `arg0`, `arg1`, ... What the member returns is [`Ran::r0`].
    ///
    /// # Errors
    /// There is no such member, or it is no program; as [`Program::fire`](crate::Program::fire).
    pub fn call(&mut self, member: &str, args: Args) -> Result<Ran> {
        let program = self.members.iter().find(|it| it.0 == member).map(|it| it.1.clone());
        let program = program.ok_or_else(|| {
            let names: Vec<&str> = self.members().collect();
            let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Error::bad_input(format!("{} has no program for {member:?}; it has {list}", self.name))
        })?;
        self.skep.program(&program)?.fire(args)
    }
}
