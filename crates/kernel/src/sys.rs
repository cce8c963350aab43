//! What calls of user space work on that run no program.

use crate::kernel::Kernel;
use crate::state::Core;
use skep_abi::Errno;
use skep_memory::Memory;

/// A machine as a system call sees it: all but what only running programs needs. Programs that make system calls
/// (`bpf_sys_bpf`) have one too.
pub(crate) struct Sys<'k> {
    pub(crate) core: &'k mut Core,
    pub(crate) memory: &'k Memory,
}

impl Kernel {
    /// The machine for a system call.
    pub(crate) fn sys(&mut self) -> Sys<'_> {
        Sys { core: &mut self.core, memory: &self.memory }
    }

    /// Runs something for user space that may need memory. It is `ENOMEM` if the limit refuses some, and nothing else.
    pub(crate) fn limited<T>(
        &mut self,
        run: impl FnOnce(&mut Kernel) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.memory.take_refused();
        let result = run(self);
        self.sys().within_limit(result)
    }
}

impl Sys<'_> {
    /// The same for a call that sees no more than this.
    pub(crate) fn limited<T>(
        &mut self,
        run: impl FnOnce(&mut Sys<'_>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.memory.take_refused();
        let result = run(self);
        self.within_limit(result)
    }

    fn within_limit<T>(&mut self, result: Result<T, Errno>) -> Result<T, Errno> {
        self.core.refused = self.memory.take_refused();
        if self.core.refused.is_some() { Err(Errno::ENOMEM) } else { result }
    }
}
