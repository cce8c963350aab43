//! What goes in and comes out of a test run by its attributes.

use super::Call;
use skep_abi::Errno;
use skep_abi::attr::test as field;
use skep_abi::ctx::Field;

/// The packet that is put in (`bpf_test_init`).
pub(super) fn packet(call: &mut Call<'_>, len: u32, room: u32) -> Result<Vec<u8>, Errno> {
    if len > room {
        return Err(Errno::EINVAL);
    }
    call.read(call.u64(&field::data_in), len as usize)
}

/// The context that is put in, filled up with zeros; nothing if the caller neither gives nor wants one
/// (`bpf_ctx_init`).
pub(super) fn ctx(call: &mut Call<'_>, size: usize) -> Result<Option<Vec<u8>>, Errno> {
    let (given, wanted) = (call.u64(&field::ctx_in), call.u64(&field::ctx_out));
    if given == 0 && wanted == 0 {
        return Ok(None);
    }
    let mut ctx = vec![0; size];
    if given != 0 {
        let len = call.u32(&field::ctx_size_in) as usize;
        if len > super::PAGE as usize {
            return Err(Errno::E2BIG);
        }
        let bytes = call.read(given, len)?;
        if bytes.iter().skip(size).any(|it| *it != 0) {
            return Err(Errno::E2BIG);
        }
        let known = len.min(size);
        ctx[..known].copy_from_slice(&bytes[..known]);
    }
    Ok(Some(ctx))
}

/// What is told of a run beside its context.
pub(super) struct Answer<'a> {
    /// The packet.
    pub(super) data: &'a [u8],
    /// How many bytes of it, at its end, are in fragments.
    pub(super) frags: usize,
    pub(super) retval: u32,
    pub(super) duration: u32,
}

/// Tells the caller of a run (`bpf_test_finish`).
///
/// # Errors
/// `ENOSPC`: not all of the packet fits, and what does is there. `EFAULT`: there is no such memory.
pub(super) fn finish(call: &mut Call<'_>, answer: &Answer<'_>) -> Result<(), Errno> {
    let (size, room) = (answer.data.len(), call.u32(&field::data_size_out) as usize);
    let cut = room != 0 && size > room;
    let copied = if cut { room } else { size };
    let out = call.u64(&field::data_out);
    if out != 0 {
        // What is not in fragments has to fit.
        if copied < answer.frags {
            return Err(Errno::ENOSPC);
        }
        call.write(out, &answer.data[..copied]).map_err(|errno| why(cut, errno))?;
    }
    let told = [
        (&field::data_size_out, size as u64),
        (&field::retval, answer.retval.into()),
        (&field::duration, answer.duration.into()),
    ];
    told.iter().try_for_each(|it| tell(call, it.0, it.1)).map_err(|errno| why(cut, errno))?;
    if cut { Err(Errno::ENOSPC) } else { Ok(()) }
}

/// What did not fit is told before what went wrong after that.
fn why(cut: bool, errno: Errno) -> Errno {
    if cut { Errno::ENOSPC } else { errno }
}

/// Writes a number into the caller's attributes.
///
/// # Errors
/// `EFAULT`: they are too short for it.
pub(super) fn tell(call: &mut Call<'_>, field: &Field, value: u64) -> Result<(), Errno> {
    if !call.has(field) {
        return Err(Errno::EFAULT);
    }
    call.put(field, value);
    Ok(())
}

/// Tells the caller of the context (`bpf_ctx_finish`).
///
/// # Errors
/// As [`finish`].
pub(super) fn finish_ctx(call: &mut Call<'_>, ctx: Option<&[u8]>) -> Result<i32, Errno> {
    let out = call.u64(&field::ctx_out);
    let Some(ctx) = ctx.filter(|_| out != 0) else { return Ok(0) };
    let room = call.u32(&field::ctx_size_out) as usize;
    let copied = ctx.len().min(room);
    let cut = copied < ctx.len();
    call.write(out, &ctx[..copied]).map_err(|errno| why(cut, errno))?;
    tell(call, &field::ctx_size_out, ctx.len() as u64).map_err(|errno| why(cut, errno))?;
    if cut { Err(Errno::ENOSPC) } else { Ok(0) }
}
