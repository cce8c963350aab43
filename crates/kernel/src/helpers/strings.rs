//! Numbers in text, and comparing strings (`kernel/bpf/helpers.c`, `lib/kstrtox.c`).

use super::env::{Answer, Env, Stop, ret};
use skep_abi::Errno;
use skep_vm::HostFault;

/// `BPF_STRTOX_BASE_MASK`.
const BASE_MASK: u64 = 0x1f;
/// How much of the text counts: the kernel copies it into 64 bytes, one of them for a NUL.
const LONGEST: usize = 63;

/// A number at the beginning of a text.
struct Parsed {
    negative: bool,
    value: u64,
    /// Bytes that belong to it, white space before it included.
    consumed: usize,
}

/// `bpf_strtol(buf, buf_len, flags, res)`.
pub(super) fn strtol(env: &mut Env<'_, '_>) -> Answer {
    number(env, |it| {
        let value = if it.negative { (it.value as i64).wrapping_neg() } else { it.value as i64 };
        // The sign must come out as it went in; zero has none.
        let fits = if it.negative { value <= 0 } else { value >= 0 };
        if fits { Ok(value as u64) } else { Err(Errno::ERANGE) }
    })
}

/// `bpf_strtoul(buf, buf_len, flags, res)`.
pub(super) fn strtoul(env: &mut Env<'_, '_>) -> Answer {
    number(env, |it| if it.negative { Err(Errno::EINVAL) } else { Ok(it.value) })
}

fn number(env: &mut Env<'_, '_>, value: impl Fn(&Parsed) -> Result<u64, Errno>) -> Answer {
    let (len, flags) = (env.arg(1) as usize, env.arg(2));
    env.check_write(3, 8)?;
    let text = env.read(0, len)?;
    env.write(3, &[0; 8])?;
    let parsed = parse(&text, flags)?;
    let value = value(&parsed)?;
    env.write(3, &value.to_le_bytes())?;
    ret(parsed.consumed as u64)
}

fn parse(text: &[u8], flags: u64) -> Result<Parsed, Errno> {
    let base = flags & BASE_MASK;
    if text.is_empty() || !matches!(base, 0 | 8 | 10 | 16) || flags & !BASE_MASK != 0 {
        return Err(Errno::EINVAL);
    }
    let is_space = |it: &u8| matches!(it, b' ' | b'\t'..=b'\r' | 0xa0);
    let spaces = text.iter().take_while(|it| is_space(it)).count();
    let negative = text.get(spaces) == Some(&b'-');
    let start = spaces + usize::from(negative);
    let digits = &text[start..];
    if digits.is_empty() {
        return Err(Errno::EINVAL);
    }
    let digits = &digits[..digits.len().min(LONGEST)];
    let (base, prefix) = radix(digits, base);
    let (value, count) = integer(&digits[prefix..], base)?;
    Ok(Parsed { negative, value, consumed: start + prefix + count })
}

/// The base, and how long its prefix is (`_parse_integer_fixup_radix`).
fn radix(digits: &[u8], base: u64) -> (u64, usize) {
    let at = |i: usize| digits.get(i).map_or(0, u8::to_ascii_lowercase);
    let hex = at(0) == b'0' && at(1) == b'x';
    let base = match base {
        0 if hex && at(2).is_ascii_hexdigit() => 16,
        0 if at(0) == b'0' => 8,
        0 => 10,
        given => given,
    };
    (base, if base == 16 && hex { 2 } else { 0 })
}

/// Digits up to the first that is none (`_parse_integer`).
fn integer(digits: &[u8], base: u64) -> Result<(u64, usize), Errno> {
    let mut value = 0u64;
    let mut count = 0;
    let mut overflow = false;
    for byte in digits {
        let Some(digit) = (*byte as char).to_digit(16).map(u64::from).filter(|it| *it < base) else { break };
        let next = value.checked_mul(base).and_then(|it| it.checked_add(digit));
        overflow |= next.is_none();
        value = next.unwrap_or(0);
        count += 1;
    }
    match (overflow, count) {
        (true, _) => Err(Errno::ERANGE),
        (false, 0) => Err(Errno::EINVAL),
        (false, _) => Ok((value, count)),
    }
}

/// `bpf_strncmp(s1, s1_sz, s2)`: -1, 0 or 1, as the kernel's `strncmp` says it.
pub(super) fn strncmp(env: &mut Env<'_, '_>) -> Answer {
    let size = env.arg(1) as u32 as usize;
    let first = env.read(0, size)?;
    env.call.charge(size as u64);
    for (i, byte) in first.iter().copied().enumerate() {
        let addr = env.arg(2).wrapping_add(i as u64);
        let other = env.memory().load(addr, 1).map_err(|fault| {
            let name = env.name(2);
            Stop::Fault(HostFault::access(&name, fault))
        })? as u8;
        if byte != other {
            return ret(if byte < other { -1i64 as u64 } else { 1 });
        }
        if byte == 0 {
            break;
        }
    }
    ret(0)
}
