//! Reading memory that may not be there (`kernel/trace/bpf_trace.c`).
//!
//! All of these fill the destination with zeroes when they fail. What the program passes as destination has to be its
//! own; what it passes as source is any number.

use super::env::{Answer, Env, Stop, ret};
use crate::probe::{Text, is_user, read_kernel as kernel, read_kernel_str as kernel_str};
use skep_abi::Errno;

pub(super) fn read_kernel(env: &mut Env<'_, '_>) -> Answer {
    copy(env, |env, addr, out| kernel(env.memory(), addr, out))
}

pub(super) fn read_user(env: &mut Env<'_, '_>) -> Answer {
    copy(env, |env, addr, out| env.core.read_user(addr, out))
}

/// The older helper goes by the address: user memory, or kernel memory (`bpf_probe_read_compat`).
pub(super) fn read(env: &mut Env<'_, '_>) -> Answer {
    copy(env, |env, addr, out| match is_user(addr) {
        true => env.core.read_user(addr, out),
        false => kernel(env.memory(), addr, out),
    })
}

pub(super) fn read_kernel_str(env: &mut Env<'_, '_>) -> Answer {
    copy_str(env, |env, addr, out| kernel_str(env.memory(), addr, out))
}

pub(super) fn read_user_str(env: &mut Env<'_, '_>) -> Answer {
    copy_str(env, |env, addr, out| env.core.read_user_str(addr, out))
}

pub(super) fn read_str(env: &mut Env<'_, '_>) -> Answer {
    copy_str(env, |env, addr, out| match is_user(addr) {
        true => env.core.read_user_str(addr, out),
        false => kernel_str(env.memory(), addr, out),
    })
}

/// `bpf_copy_from_user`: the same as reading user memory, but it may sleep.
pub(super) fn copy_from_user(env: &mut Env<'_, '_>) -> Answer {
    copy(env, |env, addr, out| env.core.read_user(addr, out).or(Err(Errno::EFAULT)))
}

/// `bpf_probe_write_user`. There are no interrupts and no kernel threads here, which it would refuse to run in.
pub(super) fn write_user(env: &mut Env<'_, '_>) -> Answer {
    let (addr, size) = (env.arg(0), env.arg(2) as u32 as usize);
    let bytes = env.read(1, size)?;
    if !is_user(addr) && size > 0 {
        return Err(Errno::EFAULT.into());
    }
    env.core.user.write(addr, &bytes).map_err(|_| Errno::EFAULT)?;
    ret(0)
}

/// Sizes of buffers on the stack, which do for almost all.
const SMALL: usize = 256;

/// What a larger one costs, in units of one instruction.
const LARGE_COST: u64 = 2000;

/// Runs `read` on a buffer as long as the destination, and copies it there: read or zeroed.
fn buffered(
    env: &mut Env<'_, '_>,
    read: impl FnOnce(&Env<'_, '_>, u64, &mut [u8]) -> Result<(usize, u64), Errno>,
) -> Answer {
    let (size, addr) = (env.arg(1) as u32 as usize, env.arg(2));
    env.check_write(0, size)?;
    let (mut small, mut large) = ([0; SMALL], Vec::new());
    let buffer = if size <= SMALL {
        &mut small[..size]
    } else {
        env.call.charge(LARGE_COST);
        large.resize(size, 0);
        &mut large[..]
    };
    match read(env, addr, buffer) {
        Ok((len, value)) => {
            env.write(0, &buffer[..len])?;
            ret(value)
        }
        Err(errno) => {
            buffer.fill(0);
            env.write(0, buffer)?;
            Err(Stop::Errno(errno))
        }
    }
}

fn copy(env: &mut Env<'_, '_>, read: impl Fn(&Env<'_, '_>, u64, &mut [u8]) -> Result<(), Errno>) -> Answer {
    buffered(env, |env, addr, out| read(env, addr, out).map(|()| (out.len(), 0)))
}

/// Of a string, only the bytes that were read go to the destination, and the zeroes that the reader says follow them.
fn copy_str(
    env: &mut Env<'_, '_>,
    read: impl Fn(&Env<'_, '_>, u64, &mut [u8]) -> Result<Text, Errno>,
) -> Answer {
    buffered(env, |env, addr, out| read(env, addr, out).map(|text| (text.written, text.len as u64)))
}
