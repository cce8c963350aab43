//! Events: what happens in the machine, and the attached programs that run because of it.
//!
//! [`Kernel::fire`] runs one program as if its event happened; here the event happens, and whoever is attached
//! ([`crate::hooks`]) runs, in the kernel's order and by the kernel's rules for what one answer means to the next.

mod cgroup;
mod iter;
mod network;
mod trace;

pub use cgroup::CgroupAnswer;
pub use network::{Hop, Journey, Outcome, Stage};
pub use trace::Called;

use crate::context::Context;
use crate::fire::{Fire, Setup, Target};
use crate::hooks::{Attached, Hook};
use crate::kernel::Kernel;
use crate::report::RunError;
use crate::run::{Ran, Run};
use crate::world::Args;

impl Kernel {
    /// Runs an attached program with a context.
    fn run_attached(&mut self, it: &Attached, ctx: Context, cpu: u32) -> Result<Ran, RunError> {
        let run = Run { cpu, cookie: it.cookie, ..Run::default() };
        self.run_as(it.prog, run, Setup::from(ctx))
    }

    /// Fires an attached program.
    fn fire_attached(
        &mut self,
        it: &Attached,
        target: &Target,
        args: Args,
        cpu: u32,
    ) -> Result<Ran, RunError> {
        let mut fire = Fire::new(target, args);
        fire.run = Run { cpu, cookie: it.cookie, ..Run::default() };
        self.fire_at(it.prog, fire)
    }

    /// Who is attached to a place and has not ended.
    fn attached(&self, hook: &Hook) -> Vec<Attached> {
        let all = self.core.hooks.at(hook);
        all.into_iter().filter(|it| self.core.objects.prog(it.prog).is_some()).collect()
    }

    /// The name of a program.
    fn name_of(&self, it: &Attached) -> String {
        self.core.objects.prog(it.prog).map(|it| it.info.name.clone()).unwrap_or_default()
    }
}
