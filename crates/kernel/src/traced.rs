//! Programs that trace programs: fentry and fexit programs of one run before and behind it, with what the kernel has where
//! it sees its context, and with what it returned.

use crate::context::Context;
use crate::fire::{Setup, Traced};
use crate::hooks::trampoline::Way;
use crate::hooks::{Func, Hook};
use crate::kernel::Kernel;
use crate::report::RunError;
use crate::run::Run;
use skep_maps::ObjRef;

impl Kernel {
    /// Runs what traces the entry of a program, in the middle of its run. A tail call goes past it (`arch/x86/net`).
    pub(crate) fn run_tracers(&mut self, prog: ObjRef, way: Way, ret: Option<u64>) -> Result<(), RunError> {
        if self.core.hooks.funcs.is_empty() {
            return Ok(());
        }
        let tracers = self.core.hooks.at(&Hook::Func { func: Func::Prog { prog, slot: 0 }, way });
        if tracers.is_empty() {
            return Ok(());
        }
        for tracer in tracers {
            // Without types there is no other view of a context than the program's own.
            let own = self.core.now.ctx.addr;
            let words = [self.core.kern_ctx(&self.memory).unwrap_or(own)];
            let ctx = Context::Raw(words.into_iter().chain(ret).collect());
            let traced = Some(Traced { args: words.len(), ret: ret.is_some(), ip: 0 });
            let cpu = self.core.now.cpu;
            let now = std::mem::take(&mut self.core.now);
            let run = Run { cpu, cookie: tracer.cookie, ..Run::default() };
            let ran = self.run_prog(tracer.prog, run, Setup { traced, ..Setup::from(ctx) });
            self.core.now = now;
            self.core.now.effects.then(ran?.effects);
        }
        // What the program itself makes of its context is seen when it asks for it.
        self.core.free_scratch(&self.memory);
        Ok(())
    }
}
