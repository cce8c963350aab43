//! Checksums (`net/core/filter.c`).

use super::env::{Answer, Env, Stop, ret};
use super::skb::frame;
use crate::csum;
use skep_abi::Errno;
use skep_abi::flags::*;

/// What a UDP checksum of zero is written as (`CSUM_MANGLED_0`).
const MANGLED_ZERO: u16 = 0xffff;

/// `bpf_csum_diff(from, from_size, to, to_size, seed)`: a sum of 16 bits, as since Linux 6.13; before, sizes had to be
/// multiples of four up to 512 bytes together, and the sum was not folded.
pub(super) fn diff(env: &mut Env<'_, '_>) -> Answer {
    let (from_size, to_size, seed) = (env.arg(1) as u32, env.arg(3) as u32, env.arg(4) as u32);
    let from = env.read(0, from_size as usize)?;
    let to = env.read(2, to_size as usize)?;
    let sum = match (from_size, to_size) {
        (0, _) => csum::partial(&to, seed),
        (_, 0) => !csum::partial(&from, !seed),
        _ => csum::add(csum::partial(&to, seed), !csum::partial(&from, 0)),
    };
    ret(u64::from(csum::fold16(sum)))
}

/// `bpf_csum_update(skb, csum)`: there is no hardware checksum to update.
pub(super) fn update(env: &mut Env<'_, '_>) -> Answer {
    frame(env)?;
    Err(Errno::ENOTSUPP.into())
}

/// `bpf_l3_csum_replace(skb, offset, from, to, flags)`.
pub(super) fn l3_replace(env: &mut Env<'_, '_>) -> Answer {
    let flags = env.arg(4);
    if flags & !BPF_F_HDR_FIELD_MASK != 0 {
        return Err(Errno::EINVAL.into());
    }
    let addr = field(env)?;
    let check = replaced(env, addr, flags)?;
    put(env, addr, check)
}

/// `bpf_l4_csum_replace(skb, offset, from, to, flags)`. There is no hardware checksum, which is all that
/// `BPF_F_PSEUDO_HDR` is about.
pub(super) fn l4_replace(env: &mut Env<'_, '_>) -> Answer {
    let flags = env.arg(4);
    let known =
        BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE | BPF_F_PSEUDO_HDR | BPF_F_HDR_FIELD_MASK | BPF_F_IPV6;
    if flags & !known != 0 {
        return Err(Errno::EINVAL.into());
    }
    let mangled_zero = flags & BPF_F_MARK_MANGLED_0 != 0;
    let addr = field(env)?;
    if mangled_zero && flags & BPF_F_MARK_ENFORCE == 0 && get(env, addr)? == 0 {
        return ret(0);
    }
    let check = replaced(env, addr, flags)?;
    put(env, addr, if mangled_zero && check == 0 { MANGLED_ZERO } else { check })
}

/// Where the checksum is.
fn field(env: &Env<'_, '_>) -> Result<u64, Stop> {
    let offset = env.arg(1) as u32;
    let frame = frame(env)?;
    if offset > 0xffff || !offset.is_multiple_of(2) {
        return Err(Errno::EFAULT.into());
    }
    Ok(frame.at(u64::from(offset), 2).ok_or(Errno::EFAULT)?)
}

/// The checksum after what the flags say was replaced: a difference, two bytes or four.
fn replaced(env: &Env<'_, '_>, addr: u64, flags: u64) -> Result<u16, Stop> {
    let (from, to) = (env.arg(2), env.arg(3));
    let check = get(env, addr)?;
    match flags & BPF_F_HDR_FIELD_MASK {
        0 if from != 0 => Err(Errno::EINVAL.into()),
        0 => Ok(csum::replace_by_diff(check, to as u32)),
        2 => Ok(csum::replace2(check, from as u16, to as u16)),
        4 => Ok(csum::replace4(check, from as u32, to as u32)),
        _ => Err(Errno::EINVAL.into()),
    }
}

fn get(env: &Env<'_, '_>, addr: u64) -> Result<u16, Stop> {
    let mut bytes = [0; 2];
    env.memory().peek(addr, &mut bytes).map_err(|_| Errno::EFAULT)?;
    Ok(u16::from_le_bytes(bytes))
}

fn put(env: &Env<'_, '_>, addr: u64, check: u16) -> Answer {
    env.memory().poke(addr, &check.to_le_bytes()).map_err(|_| Errno::EFAULT)?;
    ret(0)
}
