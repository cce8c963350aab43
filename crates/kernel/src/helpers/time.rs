//! Clocks. Every reading is a step of the machine's clock later than the one before.

use super::env::{Answer, Env, ret};
use crate::config::Clock;

pub(super) fn ktime_get_ns(env: &mut Env<'_, '_>) -> Answer {
    ret(env.core.clock.read())
}

pub(super) fn ktime_get_boot_ns(env: &mut Env<'_, '_>) -> Answer {
    let suspended = env.core.clock.suspended_ns;
    ret(env.core.clock.read().wrapping_add(suspended))
}

pub(super) fn ktime_get_tai_ns(env: &mut Env<'_, '_>) -> Answer {
    let offset = env.core.clock.tai_offset_ns;
    ret(env.core.clock.read().wrapping_add(offset))
}

pub(super) fn ktime_get_coarse_ns(env: &mut Env<'_, '_>) -> Answer {
    ret(Clock::tick_start(env.core.clock.read()))
}

pub(super) fn jiffies64(env: &mut Env<'_, '_>) -> Answer {
    ret(Clock::jiffies64(env.core.clock.read()))
}
