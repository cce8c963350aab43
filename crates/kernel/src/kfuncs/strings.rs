//! Functions on strings (`kernel/bpf/helpers.c`, `bpf_str*`): strings of the kernel's memory, wherever they are, up to
//! 64 KiB long.
//!
//! `ERANGE`: an argument is no kernel address. `EFAULT`: a byte on the way cannot be read. `E2BIG`: 64 KiB were not enough.

use crate::helpers::env::{Answer, Env, Stop, ret};
use crate::probe::read_kernel;
use skep_abi::Errno;

/// `XATTR_SIZE_MAX`: how many characters are looked at.
const MAX: u64 = 65536;

/// How many characters cost as much as one instruction.
const CHARS_PER_CHARGE: u64 = 2;

/// Bytes that are read at a time. A block never crosses a multiple of its size, so that reading ahead fails where reading
/// the byte would, or a little later.
const BLOCK: u64 = 64;

/// A string, and the bytes of it that were looked at last.
struct Text {
    addr: u64,
    block: [u8; BLOCK as usize],
    /// Where the block is; its bytes from `addr` on, as many as could be read.
    at: Option<u64>,
    len: u64,
}

/// What is looked at.
struct Look<'e, 'a, 'c> {
    env: &'e mut Env<'a, 'c>,
    seen: u64,
}

impl<'e, 'a, 'c> Look<'e, 'a, 'c> {
    fn new(env: &'e mut Env<'a, 'c>) -> Self {
        Look { env, seen: 0 }
    }

    /// The string that an argument is. The kernel asks first whether the address may be probed.
    fn text(&self, index: usize) -> Result<Text, Errno> {
        let addr = self.env.arg(index);
        match read_kernel(self.env.memory(), addr, &mut [0]) {
            Err(Errno::ERANGE) => Err(Errno::ERANGE),
            // A byte that is not there is only missed when it is needed.
            _ => Ok(Text { addr, block: [0; BLOCK as usize], at: None, len: 0 }),
        }
    }

    /// A character of a string.
    fn char(&mut self, text: &mut Text, index: u64) -> Result<u8, Stop> {
        self.seen += 1;
        if self.seen.is_multiple_of(CHARS_PER_CHARGE) {
            self.env.call.charge(1);
            if self.env.call.budget_left() == 0 {
                // The machine stops at the next instruction.
                return Err(Errno::E2BIG.into());
            }
        }
        let addr = text.addr.wrapping_add(index);
        let known = text.at.map(|at| addr.wrapping_sub(at)).filter(|offset| *offset < text.len);
        let offset = match known {
            Some(offset) => offset,
            None => {
                self.load(text, addr)?;
                0
            }
        };
        Ok(text.block[offset as usize])
    }

    /// Reads a block, or what of it can be read one by one.
    fn load(&self, text: &mut Text, addr: u64) -> Result<(), Errno> {
        let len = BLOCK - addr % BLOCK;
        let memory = self.env.memory();
        text.at = Some(addr);
        text.len = len;
        if read_kernel(memory, addr, &mut text.block[..len as usize]).is_ok() {
            return Ok(());
        }
        text.len = 1;
        read_kernel(memory, addr, &mut text.block[..1]).map_err(|_| Errno::EFAULT)
    }
}

/// `tolower` of the kernel: Latin-1 letters as well (`lib/ctype.c`).
fn lower(c: u8) -> u8 {
    match c {
        b'A'..=b'Z' | 0xc0..=0xd6 | 0xd8..=0xde => c + 0x20,
        _ => c,
    }
}

fn same(c: u8) -> u8 {
    c
}

/// -1, 0 or 1, as the first difference is; the kernel's characters have no sign.
fn compare(env: &mut Env<'_, '_>, fold: fn(u8) -> u8) -> Answer {
    let mut look = Look::new(env);
    let (mut a, mut b) = (look.text(0)?, look.text(1)?);
    for index in 0..MAX {
        let (x, y) = (fold(look.char(&mut a, index)?), fold(look.char(&mut b, index)?));
        if x != y {
            return ret(if x < y { -1i64 as u64 } else { 1 });
        }
        if x == 0 {
            return ret(0);
        }
    }
    Err(Errno::E2BIG.into())
}

/// `bpf_strcmp(s1, s2)`.
pub(super) fn cmp(env: &mut Env<'_, '_>) -> Answer {
    compare(env, same)
}

/// `bpf_strcasecmp(s1, s2)`.
pub(super) fn casecmp(env: &mut Env<'_, '_>) -> Answer {
    compare(env, lower)
}

/// Where a character is among the first `count`; its NUL may be looked for.
fn position(env: &mut Env<'_, '_>, count: u64, c: u8) -> Answer {
    let mut look = Look::new(env);
    let mut text = look.text(0)?;
    for index in 0..count.min(MAX) {
        match look.char(&mut text, index)? {
            found if found == c => return ret(index),
            0 => return Err(Errno::ENOENT.into()),
            _ => {}
        }
    }
    Err(if count >= MAX { Errno::E2BIG } else { Errno::ENOENT }.into())
}

/// `bpf_strchr(s, c)`.
pub(super) fn chr(env: &mut Env<'_, '_>) -> Answer {
    let c = env.arg(1) as u8;
    position(env, MAX, c)
}

/// `bpf_strnchr(s, count, c)`.
pub(super) fn nchr(env: &mut Env<'_, '_>) -> Answer {
    let (count, c) = (env.arg(1), env.arg(2) as u8);
    position(env, count, c)
}

/// `bpf_strchrnul(s, c)`: or where the string ends.
pub(super) fn chrnul(env: &mut Env<'_, '_>) -> Answer {
    let c = env.arg(1) as u8;
    let mut look = Look::new(env);
    let mut text = look.text(0)?;
    for index in 0..MAX {
        let found = look.char(&mut text, index)?;
        if found == c || found == 0 {
            return ret(index);
        }
    }
    Err(Errno::E2BIG.into())
}

/// `bpf_strrchr(s, c)`: the last one. The character that is looked for is an `int`.
pub(super) fn rchr(env: &mut Env<'_, '_>) -> Answer {
    let c = env.arg(1) as i32;
    let mut look = Look::new(env);
    let mut text = look.text(0)?;
    let mut last = Err(Errno::ENOENT.into());
    for index in 0..MAX {
        let found = look.char(&mut text, index)?;
        if i32::from(found) == c {
            last = ret(index);
        }
        if found == 0 {
            return last;
        }
    }
    Err(Errno::E2BIG.into())
}

fn length(env: &mut Env<'_, '_>, count: u64) -> Answer {
    let mut look = Look::new(env);
    let mut text = look.text(0)?;
    for index in 0..count.min(MAX) {
        if look.char(&mut text, index)? == 0 {
            return ret(index);
        }
    }
    if count >= MAX { Err(Errno::E2BIG.into()) } else { ret(count) }
}

/// `bpf_strlen(s)`.
pub(super) fn len(env: &mut Env<'_, '_>) -> Answer {
    length(env, MAX)
}

/// `bpf_strnlen(s, count)`.
pub(super) fn nlen(env: &mut Env<'_, '_>) -> Answer {
    let count = env.arg(1);
    length(env, count)
}

/// How many characters from the start on are among others, or are not.
fn span(env: &mut Env<'_, '_>, among: bool) -> Answer {
    let mut look = Look::new(env);
    let (mut text, mut set) = (look.text(0)?, look.text(1)?);
    for index in 0..MAX {
        let c = look.char(&mut text, index)?;
        if c == 0 {
            return ret(index);
        }
        let mut at = 0;
        let found = loop {
            if at == MAX {
                return Err(Errno::E2BIG.into());
            }
            let other = look.char(&mut set, at)?;
            if other == c || other == 0 {
                break other != 0;
            }
            at += 1;
        };
        if found != among {
            return ret(index);
        }
    }
    Err(Errno::E2BIG.into())
}

/// `bpf_strspn(s, accept)`.
pub(super) fn spn(env: &mut Env<'_, '_>) -> Answer {
    span(env, true)
}

/// `bpf_strcspn(s, reject)`.
pub(super) fn cspn(env: &mut Env<'_, '_>) -> Answer {
    span(env, false)
}

/// Where a string is within the first `len` characters of another.
fn find(env: &mut Env<'_, '_>, len: u64, fold: fn(u8) -> u8) -> Answer {
    let mut look = Look::new(env);
    let (mut text, mut wanted) = (look.text(0)?, look.text(1)?);
    for start in 0..MAX {
        let mut at = 0;
        while at < MAX && start + at <= len {
            let c = look.char(&mut wanted, at)?;
            if c == 0 {
                return ret(start);
            }
            // The wanted string is looked at one further, which says that it ends where the others do.
            if start + at == len {
                break;
            }
            let there = look.char(&mut text, start + at)?;
            if there == 0 {
                return Err(Errno::ENOENT.into());
            }
            if fold(there) != fold(c) {
                break;
            }
            at += 1;
        }
        if at == MAX {
            return Err(Errno::E2BIG.into());
        }
        if start + at == len {
            return Err(Errno::ENOENT.into());
        }
    }
    Err(Errno::E2BIG.into())
}

/// `bpf_strstr(s1, s2)`.
pub(super) fn str(env: &mut Env<'_, '_>) -> Answer {
    find(env, MAX, same)
}

/// `bpf_strnstr(s1, s2, len)`.
pub(super) fn nstr(env: &mut Env<'_, '_>) -> Answer {
    let len = env.arg(2);
    find(env, len, same)
}

/// `bpf_strcasestr(s1, s2)`.
pub(super) fn casestr(env: &mut Env<'_, '_>) -> Answer {
    find(env, MAX, lower)
}

/// `bpf_strncasestr(s1, s2, len)`.
pub(super) fn ncasestr(env: &mut Env<'_, '_>) -> Answer {
    let len = env.arg(2);
    find(env, len, lower)
}
