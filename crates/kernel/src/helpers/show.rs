//! Memory as text by its type (`kernel/trace/bpf_trace.c`).

use super::env::{Answer, Env, Stop, ret};
use crate::bprintf::Out;
use crate::btf_show::{self, Buffer};
use crate::probe::Printing;
use skep_abi::Errno;
use skep_btf::{Btf, TypeId};
use std::sync::Arc;

/// `sizeof(struct btf_ptr)`: an address, a type id, flags that nobody looks at.
const BTF_PTR: u32 = 16;
/// What one step of the walk costs, in units of one instruction.
const STEP_COST: u64 = 4;

/// What a `struct btf_ptr` says.
struct Typed {
    btf: Arc<Btf>,
    id: TypeId,
    addr: u64,
}

/// `bpf_snprintf_btf(str, str_size, ptr, btf_ptr_size, flags)`: the length that the text would have had.
pub(super) fn snprintf_btf(env: &mut Env<'_, '_>) -> Answer {
    let (size, flags) = (env.arg(1) as u32 as usize, env.arg(4));
    env.check_write(0, size)?;
    let mut shown = shown(env, 2, flags, size)?;
    if shown.touched && size > 0 {
        shown.text.push(0);
        env.write(0, &shown.text)?;
    }
    shown.status?;
    ret(shown.len as u64)
}

/// Text, and what became of it.
pub(super) struct Shown {
    /// As much as there is room for, with a NUL that is not in it.
    pub(super) text: Vec<u8>,
    /// How long it would be.
    pub(super) len: usize,
    /// Anything was printed, if only nothing.
    touched: bool,
    pub(super) status: Result<(), Errno>,
}

/// Shows what the `struct btf_ptr` that an argument points to is about; its size is the next argument.
pub(super) fn shown(env: &mut Env<'_, '_>, index: usize, flags: u64, room: usize) -> Result<Shown, Stop> {
    let typed = typed(env, index, flags)?;
    let mut text = Vec::new();
    let mut buffer = Buffer {
        printing: Printing { core: env.core, memory: env.memory() },
        budget: env.call.budget_left() / STEP_COST,
        out: Out::new(&mut text, room),
        touched: false,
    };
    let (steps, status) = btf_show::show(&typed.btf, typed.id, typed.addr, flags, &mut buffer);
    let (len, touched) = (buffer.out.len(), buffer.touched);
    env.call.charge(STEP_COST * steps + len as u64);
    Ok(Shown { text, len, touched, status })
}

/// `bpf_btf_printf_prepare`.
///
/// # Errors
/// `EINVAL`: unknown flags, a size that is not a `struct btf_ptr`'s, type 0, or a machine without types. `ENOENT`: no such
/// type.
fn typed(env: &mut Env<'_, '_>, index: usize, flags: u64) -> Result<Typed, Stop> {
    let size = env.arg(index + 1) as u32;
    let bytes = env.read(index, size as usize)?;
    if flags & !btf_show::ALL != 0 || size != BTF_PTR {
        return Err(Errno::EINVAL.into());
    }
    let word =
        |from: usize, to: usize| bytes[from..to].iter().rev().fold(0, |it, byte| it << 8 | u64::from(*byte));
    let (addr, id) = (word(0, 8), word(8, 12) as u32);
    let btf = env.core.btf.as_ref().ok_or(Errno::EINVAL)?.vmlinux.clone();
    match id {
        0 => Err(Errno::EINVAL.into()),
        _ if btf.type_by_id(id).is_none() => Err(Errno::ENOENT.into()),
        _ => Ok(Typed { btf, id: TypeId(id), addr }),
    }
}
