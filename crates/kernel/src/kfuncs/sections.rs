//! Sections in which something holds, which have no effect where nothing else runs; and which side of a session it is.

use crate::state::Core;
use skep_memory::{Arena, ObjectKind, Origin, Rights};
use skep_vm::{Call, HostFault};

/// Nothing runs beside a program, so there is nothing to hold off.
pub(super) fn nothing(_: &mut Core, _: &mut Call<'_>) -> Result<u64, HostFault> {
    Ok(0)
}

pub(super) fn session_is_return(core: &mut Core, _: &mut Call<'_>) -> Result<u64, HostFault> {
    Ok(core.now.session_return.into())
}

/// The eight bytes that the entry and the return of a session share: new ones at each entry.
pub(super) fn session_cookie(core: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    if core.session_cookie == 0 {
        let origin = Origin::new(ObjectKind::KernelObject, "session cookie");
        core.session_cookie = call
            .memory
            .alloc(Arena::Kernel, 8, 8, Rights::RW, origin)
            .map_err(|error| HostFault::host_limit(error.to_string()))?;
    }
    if !core.now.session_return && !core.now.session_cookie {
        let _ = call.memory.poke_u64(core.session_cookie, 0);
    }
    core.now.session_cookie = true;
    Ok(core.session_cookie)
}
