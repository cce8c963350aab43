//! Infrared receivers (`drivers/media/rc/bpf-lirc.c`): what a decoder tells is noted.

use super::env::{Answer, Env, ret};
use crate::effects::Remote;

fn note(env: &mut Env<'_, '_>, told: Remote) -> Answer {
    env.check_ctx(0)?;
    env.core.now.effects.remote.push(told);
    ret(0)
}

/// `bpf_rc_repeat(ctx)`.
pub(super) fn repeat(env: &mut Env<'_, '_>) -> Answer {
    note(env, Remote::Repeat)
}

/// `bpf_rc_keydown(ctx, protocol, scancode, toggle)`.
pub(super) fn keydown(env: &mut Env<'_, '_>) -> Answer {
    let (protocol, scancode) = (env.arg(1) as u32, env.arg(2));
    let toggle = env.arg(3) as u32 != 0;
    note(env, Remote::Key { protocol, scancode, toggle })
}

/// `bpf_rc_pointer_rel(ctx, rel_x, rel_y)`.
pub(super) fn pointer_rel(env: &mut Env<'_, '_>) -> Answer {
    let (x, y) = (env.arg(1) as i32, env.arg(2) as i32);
    note(env, Remote::Pointer { x, y })
}
