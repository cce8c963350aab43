//! What happens in the machine, and whoever is attached to it runs.
//!
//! [`Program::fire`](crate::Program::fire) runs one program as if its event happened; these let the event happen: what is
//! attached runs, by links of the loader or of the program under test, in the kernel's order.

use skep_kernel::{Args, Called, CgroupAnswer, Context, Journey, PacketCtx, Ran};

use crate::error::Result;
use crate::machine::Skep;

impl Skep {
    /// A packet comes into a device ([`Net::add_device`](skep_kernel::Net::add_device)), on CPU 0: its XDP programs run,
    /// then those of traffic control, and so on wherever they send it.
    ///
    /// # Errors
    /// A program faulted, and where.
    pub fn receive(&mut self, ifindex: u32, packet: impl Into<PacketCtx>) -> Result<Journey> {
        Ok(self.kernel().receive(ifindex, 0, packet.into())?)
    }

    /// A packet of this machine's goes out of a device, on CPU 0.
    ///
    /// # Errors
    /// A program faulted, and where.
    pub fn transmit(&mut self, ifindex: u32, packet: impl Into<PacketCtx>) -> Result<Journey> {
        Ok(self.kernel().transmit(ifindex, 0, packet.into())?)
    }

    /// A kernel function is called on CPU 0, and returns `ret` unless a program has it return something else.
    ///
    /// # Errors
    /// A program faulted, and where; arguments that the function does not have.
    pub fn call_function(&mut self, func: &str, args: Args, ret: u64) -> Result<Called> {
        Ok(self.kernel().call_function(func, args, ret, 0)?)
    }

    /// A tracepoint is hit on CPU 0: `args` are the fields of its record, `raw` the arguments that raw tracepoints see.
    ///
    /// # Errors
    /// A program faulted, and where; arguments that it does not have.
    pub fn tracepoint(
        &mut self,
        category: &str,
        name: &str,
        args: Args,
        raw: Args,
    ) -> Result<Vec<(String, Ran)>> {
        Ok(self.kernel().tracepoint(category, name, args, raw, 0)?)
    }

    /// Something happens in a cgroup on CPU 0: what the programs of it and of those above say together.
    ///
    /// # Errors
    /// A program faulted, and where; a context that does not go with the event.
    pub fn cgroup_event(
        &mut self,
        cgroup: u64,
        attach: skep_abi::AttachType,
        ctx: Context,
    ) -> Result<CgroupAnswer> {
        Ok(self.kernel().cgroup_event(cgroup, attach, ctx, 0)?)
    }
}
