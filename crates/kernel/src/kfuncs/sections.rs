//! Sections in which something holds, which have no effect where nothing else runs; and which side of a session it is.

use crate::helpers::env::{Answer, Env, ret};
use skep_memory::{Arena, ObjectKind, Origin, Rights};
use skep_vm::HostFault;

/// Nothing runs beside a program, so there is nothing to hold off.
pub(super) fn nothing(_: &mut Env<'_, '_>) -> Answer {
    ret(0)
}

/// `X86_EFLAGS_IF`, and the bit that is always set.
const INTERRUPTS: u64 = 1 << 9;
const ALWAYS: u64 = 1 << 1;

/// `bpf_local_irq_save(flags)`: what the flags are is the kernel's business; they are 8 bytes of the program's stack.
pub(super) fn irq_save(env: &mut Env<'_, '_>) -> Answer {
    save(env, 0)
}

/// `bpf_local_irq_restore(flags)`.
pub(super) fn irq_restore(env: &mut Env<'_, '_>) -> Answer {
    restore(env, 0)
}

/// Writes down whether interrupts are on, and turns them off.
pub(super) fn save(env: &mut Env<'_, '_>, index: usize) -> Answer {
    let depth = env.core.now.irqs_off;
    let flags = ALWAYS | if depth == 0 { INTERRUPTS } else { 0 };
    env.write(index, &flags.to_le_bytes())?;
    env.core.now.irqs_off = depth + 1;
    ret(0)
}

/// Takes back what the last [`save`] did.
pub(super) fn restore(env: &mut Env<'_, '_>, index: usize) -> Answer {
    env.read(index, 8)?;
    match env.core.now.irqs_off.checked_sub(1) {
        Some(depth) => env.core.now.irqs_off = depth,
        None => return Err(env.bad_arg(index, "is no state of interrupts that was saved")),
    }
    ret(0)
}

pub(super) fn session_is_return(env: &mut Env<'_, '_>) -> Answer {
    ret(env.core.now.session_return.into())
}

/// The eight bytes that the entry and the return of a session share: new ones at each entry.
pub(super) fn session_cookie(env: &mut Env<'_, '_>) -> Answer {
    let memory = env.memory();
    if env.core.session_cookie == 0 {
        let origin = Origin::new(ObjectKind::KernelObject, "session cookie");
        env.core.session_cookie = memory
            .alloc(Arena::Kernel, 8, 8, Rights::RW, origin)
            .map_err(|error| HostFault::host_limit(error.to_string()))?;
    }
    if !env.core.now.session_return && !env.core.now.session_cookie {
        let _ = memory.poke_u64(env.core.session_cookie, 0);
    }
    env.core.now.session_cookie = true;
    ret(env.core.session_cookie)
}
