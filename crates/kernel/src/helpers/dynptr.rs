//! Dynptrs: memory whose size the verifier does not know (`kernel/bpf/helpers.c`, `kernel/bpf/ringbuf.c`).
//!
//! A dynptr lies in the program's stack as the kernel lays it out (`struct bpf_dynptr_kern`): an address, then a word of
//! size, type and a read-only bit, then an offset. What it leads to is accessed with the program's rights.

use super::env::{Answer, Env, Stop, ret};
use super::ring;
use skep_abi::Errno;
use skep_abi::flags::{BPF_F_INVALIDATE_HASH, BPF_F_RECOMPUTE_CSUM};

/// `sizeof(struct bpf_dynptr_kern)`.
const DYNPTR: usize = 16;
/// `DYNPTR_MAX_SIZE`.
const MAX_SIZE: u32 = (1 << 24) - 1;
const SIZE_MASK: u32 = 0xff_ffff;
const TYPE_SHIFT: u32 = 28;
const READ_ONLY: u32 = 1 << 31;

/// `BPF_DYNPTR_TYPE_LOCAL`.
const LOCAL: u32 = 1;
/// `BPF_DYNPTR_TYPE_RINGBUF`.
const RINGBUF: u32 = 2;
/// `BPF_DYNPTR_TYPE_SKB`: the bytes of a packet; `data` is the context.
pub(crate) const SKB: u32 = 3;
/// `BPF_DYNPTR_TYPE_XDP`.
pub(crate) const XDP: u32 = 4;
/// `BPF_DYNPTR_TYPE_SKB_META`: what is in front of the packet.
pub(crate) const SKB_META: u32 = 5;

/// A dynptr as it lies in memory.
#[derive(Clone, Copy)]
pub(crate) struct Dynptr {
    /// What it leads to; 0: nothing.
    pub(crate) data: u64,
    pub(crate) size: u32,
    pub(crate) kind: u32,
    pub(crate) read_only: bool,
    pub(crate) offset: u32,
}

impl Dynptr {
    /// The dynptr that an argument points to.
    pub(crate) fn read(env: &Env<'_, '_>, index: usize) -> Result<Dynptr, Stop> {
        let bytes = env.key(index, DYNPTR)?;
        let word =
            |from: usize| bytes[from..from + 4].iter().rev().fold(0, |it, byte| it << 8 | u32::from(*byte));
        let meta = word(8);
        Ok(Dynptr {
            data: u64::from(word(0)) | u64::from(word(4)) << 32,
            size: meta & SIZE_MASK,
            kind: (meta & !READ_ONLY) >> TYPE_SHIFT,
            read_only: meta & READ_ONLY != 0,
            offset: word(12),
        })
    }

    /// Puts it where an argument points.
    pub(crate) fn write(&self, env: &mut Env<'_, '_>, index: usize) -> Result<(), Stop> {
        let meta = self.size | self.kind << TYPE_SHIFT | if self.read_only { READ_ONLY } else { 0 };
        let mut bytes = [0; DYNPTR];
        bytes[..8].copy_from_slice(&self.data.to_le_bytes());
        bytes[8..12].copy_from_slice(&meta.to_le_bytes());
        bytes[12..].copy_from_slice(&self.offset.to_le_bytes());
        env.write(index, &bytes)
    }

    /// Whether `len` bytes at an offset are in it (`bpf_dynptr_check_off_len`).
    pub(crate) fn check(&self, offset: u32, len: u32) -> Result<(), Errno> {
        if len > self.size || offset > self.size - len { Err(Errno::E2BIG) } else { Ok(()) }
    }

    fn is_packet(&self) -> bool {
        matches!(self.kind, SKB | XDP | SKB_META)
    }

    /// Where `len` bytes at an offset are, which [`Dynptr::check`] let pass. `EFAULT`, `EINVAL`: the packet is no longer
    /// that long. What no helper makes is refused; `index` is that of the argument.
    pub(crate) fn place(&self, env: &Env<'_, '_>, index: usize, offset: u32, len: u32) -> Result<u64, Stop> {
        let offset = u64::from(self.offset).wrapping_add(offset.into());
        if !self.is_packet() {
            return match self.kind {
                LOCAL | RINGBUF => Ok(self.data.wrapping_add(offset)),
                _ => Err(env.bad_arg(index, "is no dynptr to memory, a ring buffer record or a packet")),
            };
        }
        let frame = env.core.now.frame.filter(|it| it.ctx.addr == self.data);
        let frame = frame.ok_or_else(|| env.bad_arg(index, "is no dynptr to the packet of this program"))?;
        let found = match self.kind {
            SKB_META => {
                let end = offset.checked_add(len.into());
                end.filter(|end| *end <= frame.data - frame.data_meta).map(|_| frame.data_meta + offset)
            }
            _ => frame.at(offset, len.into()),
        };
        Ok(found.ok_or(if self.kind == XDP { Errno::EINVAL } else { Errno::EFAULT })?)
    }
}

pub(crate) fn set_null(env: &mut Env<'_, '_>, index: usize) -> Result<(), Stop> {
    env.write(index, &[0; DYNPTR])
}

/// Makes a dynptr, or a null one with the reason why.
pub(crate) fn make(env: &mut Env<'_, '_>, index: usize, made: Result<Dynptr, Errno>) -> Answer {
    match made {
        Ok(dynptr) => {
            dynptr.write(env, index)?;
            ret(0)
        }
        Err(errno) => {
            set_null(env, index)?;
            Err(errno.into())
        }
    }
}

fn check_size(size: u32) -> Result<(), Errno> {
    if size > MAX_SIZE { Err(Errno::E2BIG) } else { Ok(()) }
}

/// `bpf_dynptr_from_mem(data, size, flags, ptr)`.
pub(super) fn from_mem(env: &mut Env<'_, '_>) -> Answer {
    let (data, size, flags) = (env.arg(0), env.arg(1) as u32, env.arg(2));
    env.check_write(0, size as usize)?;
    let checked = check_size(size).and(if flags == 0 { Ok(()) } else { Err(Errno::EINVAL) });
    let made = checked.map(|()| Dynptr { data, size, kind: LOCAL, read_only: false, offset: 0 });
    make(env, 3, made)
}

/// `bpf_dynptr_read(dst, len, src, offset, flags)`.
pub(super) fn read(env: &mut Env<'_, '_>) -> Answer {
    let (len, offset, flags) = (env.arg(1) as u32, env.arg(3) as u32, env.arg(4));
    env.check_write(0, len as usize)?;
    let dynptr = Dynptr::read(env, 2)?;
    if dynptr.data == 0 || flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    dynptr.check(offset, len)?;
    let addr = dynptr.place(env, 2, offset, len)?;
    let bytes = env.read_at(2, addr, len as usize)?;
    env.write(0, &bytes)?;
    ret(0)
}

/// `bpf_dynptr_write(dst, offset, src, len, flags)`.
pub(super) fn write(env: &mut Env<'_, '_>) -> Answer {
    let (offset, len, flags) = (env.arg(1) as u32, env.arg(3) as u32, env.arg(4));
    let bytes = env.read(2, len as usize)?;
    let dynptr = Dynptr::read(env, 0)?;
    if dynptr.data == 0 || dynptr.read_only {
        return Err(Errno::EINVAL.into());
    }
    dynptr.check(offset, len)?;
    let known = if dynptr.kind == SKB { BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH } else { 0 };
    if flags & !known != 0 {
        return Err(Errno::EINVAL.into());
    }
    let addr = dynptr.place(env, 0, offset, len)?;
    if dynptr.is_packet() {
        // The packet is the kernel's to write, whatever the program may.
        env.charge_bytes(bytes.len() as u64);
        env.memory().poke(addr, &bytes).map_err(|_| Errno::EFAULT)?;
        return ret(0);
    }
    env.write_at(0, addr, &bytes)?;
    ret(0)
}

/// `bpf_dynptr_data(ptr, offset, len)`: the address of a part of it, or NULL.
pub(super) fn data(env: &mut Env<'_, '_>) -> Answer {
    let (offset, len) = (env.arg(1) as u32, env.arg(2) as u32);
    let dynptr = Dynptr::read(env, 0)?;
    if dynptr.data == 0 || dynptr.read_only || dynptr.is_packet() || dynptr.check(offset, len).is_err() {
        return ret(0);
    }
    ret(dynptr.place(env, 0, offset, len)?)
}

/// `bpf_ringbuf_reserve_dynptr(ringbuf, size, flags, ptr)`.
pub(super) fn ringbuf_reserve(env: &mut Env<'_, '_>) -> Answer {
    let (size, flags) = (env.arg(1) as u32, env.arg(2));
    env.check_write(3, DYNPTR)?;
    let checked = if flags == 0 { check_size(size) } else { Err(Errno::EINVAL) };
    let made = match checked {
        Ok(()) => match ring::reserve_record(env, 0, u64::from(size))? {
            0 => Err(Errno::EINVAL),
            data => Ok(Dynptr { data, size, kind: RINGBUF, read_only: false, offset: 0 }),
        },
        Err(errno) => Err(errno),
    };
    make(env, 3, made)
}

/// `bpf_ringbuf_submit_dynptr(ptr, flags)`: nothing to do for one that could not be reserved.
pub(super) fn ringbuf_submit(env: &mut Env<'_, '_>) -> Answer {
    commit(env, false)
}

/// `bpf_ringbuf_discard_dynptr(ptr, flags)`.
pub(super) fn ringbuf_discard(env: &mut Env<'_, '_>) -> Answer {
    commit(env, true)
}

fn commit(env: &mut Env<'_, '_>, discard: bool) -> Answer {
    let flags = env.arg(1);
    let dynptr = Dynptr::read(env, 0)?;
    if dynptr.data == 0 {
        return ret(0);
    }
    ring::commit_record(env, dynptr.data, flags, discard)?;
    set_null(env, 0)?;
    ret(0)
}
