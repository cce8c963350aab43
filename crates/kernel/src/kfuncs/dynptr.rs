//! Dynptrs (`kernel/bpf/helpers.c`, `net/core/filter.c`): to packets, and what is done with any.

use crate::context::PacketKind;
use crate::helpers::dynptr::{Dynptr, SKB, SKB_META, XDP, make, set_null};
use crate::helpers::env::{Answer, Env, Stop, ret};
use crate::probe::{read_kernel, read_kernel_str};
use skep_abi::{Errno, ProgType};

/// The program types that may write to packets directly (`may_access_direct_pkt_data`); the dynptrs of others are
/// read-only.
const WRITERS: [ProgType; 4] = [ProgType::SchedCls, ProgType::SchedAct, ProgType::LwtXmit, ProgType::SkSkb];

/// `bpf_dynptr_from_skb(s, flags, ptr)`.
pub(super) fn from_skb(env: &mut Env<'_, '_>) -> Answer {
    of_skb(env, SKB)
}

/// `bpf_dynptr_from_skb_meta(s, flags, ptr)`.
pub(super) fn from_skb_meta(env: &mut Env<'_, '_>) -> Answer {
    of_skb(env, SKB_META)
}

fn of_skb(env: &mut Env<'_, '_>, kind: u32) -> Answer {
    let frame = env.frame(0)?;
    if !matches!(frame.kind, PacketKind::Skb(_)) {
        return Err(env.bad_arg(0, "is no struct __sk_buff"));
    }
    let read_only = !env.core.now.prog_type.is_some_and(|it| WRITERS.contains(&it));
    let size = if kind == SKB { frame.len() } else { frame.data - frame.data_meta };
    let (data, size) = (env.arg(0), size as u32);
    let made = match env.arg(1) {
        0 => Ok(Dynptr { data, size, kind, read_only, offset: 0 }),
        _ => Err(Errno::EINVAL),
    };
    make(env, 2, made)
}

/// `bpf_dynptr_from_xdp(x, flags, ptr)`.
pub(super) fn from_xdp(env: &mut Env<'_, '_>) -> Answer {
    let frame = env.frame(0)?;
    if frame.kind != PacketKind::Xdp {
        return Err(env.bad_arg(0, "is no struct xdp_md"));
    }
    let (data, size) = (env.arg(0), frame.len() as u32);
    let made = match env.arg(1) {
        0 => Ok(Dynptr { data, size, kind: XDP, read_only: false, offset: 0 }),
        _ => Err(Errno::EINVAL),
    };
    make(env, 2, made)
}

/// Where a part of a dynptr's memory is; `None`: it has no such part, or not for writing.
fn part(
    env: &Env<'_, '_>,
    index: usize,
    dynptr: &Dynptr,
    offset: u32,
    len: u32,
    write: bool,
) -> Result<Option<u64>, Stop> {
    if dynptr.data == 0 || (write && dynptr.read_only) || dynptr.check(offset, len).is_err() {
        return Ok(None);
    }
    match dynptr.place(env, index, offset, len) {
        Ok(addr) => Ok(Some(addr)),
        Err(Stop::Errno(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn sliced(env: &mut Env<'_, '_>, write: bool) -> Answer {
    let (offset, len) = (env.arg(1) as u32, env.arg(3) as u32);
    if env.arg(2) != 0 {
        // Packets are in one piece here, so that the buffer is never needed; but it has to be one.
        env.check_write(2, len as usize)?;
    }
    let dynptr = Dynptr::read(env, 0)?;
    ret(part(env, 0, &dynptr, offset, len, write)?.unwrap_or(0))
}

/// `bpf_dynptr_slice(p, offset, buffer, buffer_size)`: the address of a part, or NULL.
pub(super) fn slice(env: &mut Env<'_, '_>) -> Answer {
    sliced(env, false)
}

/// `bpf_dynptr_slice_rdwr(p, offset, buffer, buffer_size)`.
pub(super) fn slice_rdwr(env: &mut Env<'_, '_>) -> Answer {
    sliced(env, true)
}

/// `bpf_dynptr_adjust(p, start, end)`: from now on it is that part of itself.
pub(super) fn adjust(env: &mut Env<'_, '_>) -> Answer {
    let (start, end) = (env.arg(1) as u32, env.arg(2) as u32);
    let dynptr = Dynptr::read(env, 0)?;
    if dynptr.data == 0 || start > end {
        return Err(Errno::EINVAL.into());
    }
    if start > dynptr.size || end > dynptr.size {
        return Err(Errno::ERANGE.into());
    }
    let offset = dynptr.offset.wrapping_add(start);
    Dynptr { size: end - start, offset, ..dynptr }.write(env, 0)?;
    ret(0)
}

/// `bpf_dynptr_is_null(p)`.
pub(super) fn is_null(env: &mut Env<'_, '_>) -> Answer {
    ret((Dynptr::read(env, 0)?.data == 0).into())
}

/// `bpf_dynptr_is_rdonly(p)`.
pub(super) fn is_rdonly(env: &mut Env<'_, '_>) -> Answer {
    let dynptr = Dynptr::read(env, 0)?;
    ret((dynptr.data != 0 && dynptr.read_only).into())
}

/// `bpf_dynptr_size(p)`.
pub(super) fn size(env: &mut Env<'_, '_>) -> Answer {
    match Dynptr::read(env, 0)? {
        Dynptr { data: 0, .. } => Err(Errno::EINVAL.into()),
        dynptr => ret(dynptr.size.into()),
    }
}

/// `bpf_dynptr_clone(p, clone)`.
pub(super) fn clone(env: &mut Env<'_, '_>) -> Answer {
    let dynptr = Dynptr::read(env, 0)?;
    if dynptr.data == 0 {
        set_null(env, 1)?;
        return Err(Errno::EINVAL.into());
    }
    dynptr.write(env, 1)?;
    ret(0)
}

/// Why there is no part to write to (`__bpf_dynptr_write`).
fn no_part(dynptr: &Dynptr, offset: u32, len: u32, write: bool) -> Stop {
    if dynptr.data == 0 || (write && dynptr.read_only) {
        return Errno::EINVAL.into();
    }
    dynptr.check(offset, len).err().unwrap_or(Errno::EFAULT).into()
}

/// Writes to a part of a dynptr. The kernel writes to packets itself.
fn put(env: &mut Env<'_, '_>, index: usize, dynptr: &Dynptr, addr: u64, bytes: &[u8]) -> Answer {
    match dynptr.kind {
        SKB | XDP | SKB_META => {
            env.charge_bytes(bytes.len() as u64);
            env.memory().poke(addr, bytes).map_err(|_| Errno::EFAULT)?;
        }
        _ => env.write_at(index, addr, bytes)?,
    }
    ret(0)
}

/// `bpf_dynptr_copy(dst, dst_off, src, src_off, size)`.
pub(super) fn copy(env: &mut Env<'_, '_>) -> Answer {
    let (dst_off, src_off, len) = (env.arg(1) as u32, env.arg(3) as u32, env.arg(4) as u32);
    let (dst, src) = (Dynptr::read(env, 0)?, Dynptr::read(env, 2)?);
    let from = part(env, 2, &src, src_off, len, false)?;
    let to = part(env, 0, &dst, dst_off, len, true)?;
    match (from, to) {
        (Some(from), Some(to)) => {
            let bytes = env.read_at(2, from, len as usize)?;
            put(env, 0, &dst, to, &bytes)
        }
        (Some(_), None) => Err(no_part(&dst, dst_off, len, true)),
        (None, Some(_)) => Err(no_part(&src, src_off, len, false)),
        (None, None) => Err(Errno::E2BIG.into()),
    }
}

/// `bpf_dynptr_memset(p, offset, size, val)`.
pub(super) fn memset(env: &mut Env<'_, '_>) -> Answer {
    let (offset, len, byte) = (env.arg(1) as u32, env.arg(2) as u32, env.arg(3) as u8);
    let dynptr = Dynptr::read(env, 0)?;
    match part(env, 0, &dynptr, offset, len, true)? {
        Some(addr) => {
            if dynptr.kind != SKB && dynptr.kind != XDP {
                env.call.charge(u64::from(len) / 128);
                env.memory().check_write(addr, len as usize).map_err(|_| Errno::EFAULT)?;
            }
            env.charge_bytes(len.into());
            env.memory().fill(addr, len as usize, byte).map_err(|_| Errno::EFAULT)?;
            ret(0)
        }
        None if dynptr.data != 0 && dynptr.read_only => Err(Errno::EINVAL.into()),
        None => Err(dynptr.check(offset, len).err().unwrap_or(Errno::E2BIG).into()),
    }
}

/// Where the bytes that a function reads into a dynptr come from.
#[derive(Clone, Copy)]
enum Source {
    Kernel,
    User,
}

/// Reads memory that may not be there into a part of a dynptr (`__bpf_dynptr_copy`): bytes, or a string with its NUL.
fn fetched(env: &mut Env<'_, '_>, source: Source, string: bool) -> Answer {
    let (offset, len, from) = (env.arg(1) as u32, env.arg(2) as u32, env.arg(3));
    let dynptr = Dynptr::read(env, 0)?;
    let Some(addr) = part(env, 0, &dynptr, offset, len, true)? else {
        return Err(Errno::E2BIG.into());
    };
    env.charge_bytes(2 * u64::from(len));
    let mut bytes = vec![0; len as usize];
    let read = match (source, string) {
        (Source::Kernel, false) => read_kernel(env.memory(), from, &mut bytes).map(|()| (len as usize, 0)),
        (Source::User, false) => env.core.read_user(from, &mut bytes).map(|()| (len as usize, 0)),
        (Source::Kernel, true) => {
            read_kernel_str(env.memory(), from, &mut bytes).map(|it| (it.written, it.len as u64))
        }
        (Source::User, true) => {
            env.core.read_user_str(from, &mut bytes).map(|it| (it.written, it.len as u64))
        }
    };
    let (written, value) = match read {
        Ok(done) => done,
        Err(errno) => {
            // `strncpy_from_kernel_nofault` leaves an empty string.
            if string && errno == Errno::EFAULT && matches!(source, Source::Kernel) {
                put(env, 0, &dynptr, addr, &[0])?;
            }
            return Err(errno.into());
        }
    };
    put(env, 0, &dynptr, addr, &bytes[..written])?;
    ret(value)
}

/// `bpf_probe_read_kernel_dynptr(dptr, off, size, unsafe_ptr)`.
pub(super) fn read_kernel_bytes(env: &mut Env<'_, '_>) -> Answer {
    fetched(env, Source::Kernel, false)
}

/// `bpf_probe_read_user_dynptr(dptr, off, size, unsafe_ptr)`, and `bpf_copy_from_user_dynptr`.
pub(super) fn read_user_bytes(env: &mut Env<'_, '_>) -> Answer {
    fetched(env, Source::User, false)
}

/// `bpf_probe_read_kernel_str_dynptr(dptr, off, size, unsafe_ptr)`.
pub(super) fn read_kernel_string(env: &mut Env<'_, '_>) -> Answer {
    fetched(env, Source::Kernel, true)
}

/// `bpf_probe_read_user_str_dynptr(dptr, off, size, unsafe_ptr)`, and `bpf_copy_from_user_str_dynptr`.
pub(super) fn read_user_string(env: &mut Env<'_, '_>) -> Answer {
    fetched(env, Source::User, true)
}
