//! The registers that tasks came into the kernel with.

use crate::context::PtRegs;
use crate::kernel::Kernel;
use crate::state::Core;
use skep_memory::{Arena, Memory, NoMemory, ObjectKind, Origin, Rights};

impl Core {
    /// Where the registers are that a task came into the kernel with. At first they are those of user space that calls the
    /// kernel from the innermost function of its stack.
    pub(crate) fn task_regs(&mut self, memory: &Memory, task: u64) -> Result<u64, NoMemory> {
        if let Some(addr) = self.task_regs.get(&task) {
            return Ok(*addr);
        }
        let ip = self.current_stack().user.first().copied().unwrap_or(0);
        let regs = PtRegs { rip: ip, rsp: USER_STACK, cs: USER_CS, ss: USER_SS, ..PtRegs::default() };
        let bytes = regs.to_bytes();
        let origin = Origin::new(ObjectKind::KernelObject, "pt_regs");
        let addr = memory.alloc(Arena::Kernel, bytes.len(), 16, Rights::RO, origin)?;
        let _ = memory.poke(addr, &bytes);
        self.task_regs.insert(task, addr);
        Ok(addr)
    }
}

/// `__USER_CS` and `__USER_DS`.
const USER_CS: u64 = 0x33;
const USER_SS: u64 = 0x2b;
/// Where the stack of a program is.
const USER_STACK: u64 = 0x7fff_ffff_e000;

impl Kernel {
    /// Sets the registers that a task came into the kernel with: what `bpf_task_pt_regs` leads to. The task is the one with
    /// the `task_struct` at this address.
    ///
    /// # Errors
    /// There is no room for them.
    pub fn set_task_regs(&mut self, task: u64, regs: &PtRegs) -> Result<(), NoMemory> {
        let addr = self.core.task_regs(&self.memory, task)?;
        let _ = self.memory.poke(addr, &regs.to_bytes());
        Ok(())
    }
}
