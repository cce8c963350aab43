//! `BPF_OBJ_GET_INFO_BY_FD` (`kernel/bpf/syscall.c`): one file per kind of object.

mod btf;
mod link;
mod map;
mod prog;

use super::Call;
use crate::object::Object;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::info as attr;
use skep_abi::ctx::{Field, Layout};

/// `BPF_OBJ_GET_INFO_BY_FD`.
pub(super) fn get(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    // Here alone a descriptor of nothing is EBADFD (bpf_obj_get_info_by_fd).
    let id = sys.core.files.get(call.fd(&attr::bpf_fd));
    let id = id.map_err(|errno| if errno == Errno::EBADF { Errno::EBADFD } else { errno })?;
    match sys.core.objects.get(id) {
        Some(Object::Map(_)) => map::fill(sys, call, id),
        Some(Object::Link(_)) => link::fill(sys, call, id),
        Some(Object::Prog(_)) => prog::fill(sys, call, id),
        Some(Object::Btf(_)) => btf::fill(sys, call, id),
        _ => Err(Errno::EINVAL),
    }?;
    Ok(0)
}

/// What is told of an object, in the form that user space gets it.
pub(super) struct Info(Vec<u8>);

impl Info {
    /// Nothing yet, for a caller that has room for what it names; what it knows beyond this kernel must be zero
    /// (`bpf_check_uarg_tail_zero`).
    ///
    /// # Errors
    /// `E2BIG`: it is not zero, or more than a page. `EFAULT`: it cannot be read.
    pub(super) fn new(call: &mut Call<'_>, layout: &Layout) -> Result<Info, Errno> {
        let (addr, len) = (call.u64(&attr::info), call.u32(&attr::info_len) as usize);
        if len > super::call::MAX_SIZE {
            return Err(Errno::E2BIG);
        }
        if let Some(beyond) = len.checked_sub(layout.size).filter(|it| *it > 0) {
            let rest = call.read(addr.wrapping_add(layout.size as u64), beyond)?;
            if rest.iter().any(|it| *it != 0) {
                return Err(Errno::E2BIG);
            }
        }
        Ok(Info(vec![0; layout.size]))
    }

    /// The same, but with what the caller has there so far: some of it is asked for, and some of it stays.
    pub(super) fn given(call: &mut Call<'_>, layout: &Layout) -> Result<Info, Errno> {
        let mut info = Info::new(call, layout)?;
        let len = info.0.len().min(call.u32(&attr::info_len) as usize);
        let given = call.read(call.u64(&attr::info), len)?;
        info.0[..len].copy_from_slice(&given);
        Ok(info)
    }

    /// A number of up to eight bytes.
    pub(super) fn get(&self, field: &Field) -> u64 {
        self.0[field.range()].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    /// Sets a number.
    pub(super) fn put(&mut self, field: &Field, value: u64) {
        self.0[field.range()].copy_from_slice(&value.to_le_bytes()[..field.size()]);
    }

    /// Sets a text or other bytes; what does not fit is cut off.
    pub(super) fn put_bytes(&mut self, field: &Field, bytes: &[u8]) {
        let len = bytes.len().min(field.size());
        self.0[field.offset..field.offset + len].copy_from_slice(&bytes[..len]);
    }

    /// Sets an object's name: at most 15 bytes and a NUL.
    pub(super) fn put_name(&mut self, field: &Field, name: &str) {
        let len = name.len().min(field.size() - 1);
        self.put_bytes(field, &name.as_bytes()[..len]);
    }

    /// Gives the caller as much as it has room for, and says how much that is.
    pub(super) fn give(self, call: &mut Call<'_>) -> Result<(), Errno> {
        let len = self.0.len().min(call.u32(&attr::info_len) as usize);
        call.write(call.u64(&attr::info), &self.0[..len])?;
        call.put(&attr::info_len, len as u64);
        Ok(())
    }
}
