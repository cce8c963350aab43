//! References to tasks. Nothing ends a task, so they are not counted.

use crate::state::Core;
use skep_vm::{Call, HostFault};

pub(super) fn acquire(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    Ok(call.args[0])
}

pub(super) fn release(_: &mut Core, _: &mut Call<'_>) -> Result<u64, HostFault> {
    Ok(0)
}

/// The current task, if it is the one with this number; NULL for others, which are not looked for.
pub(super) fn from_pid(core: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    if call.args[0] as i32 != core.task.pid as i32 {
        return Ok(0);
    }
    let cpu = core.now.cpu;
    core.current_task(call.memory, cpu).map_err(|error| HostFault::host_limit(error.to_string()))
}
