//! Reading strings of user space, casts, and what is known of maps and memory (`kernel/bpf/helpers.c`, `map_iter.c`).

use crate::context::{Frame, PacketKind};
use crate::helpers::env::{Answer, Env, Stop, ret};
use crate::report::over_limit;
use crate::world::{FieldValue, ObjectError};
use skep_abi::{Errno, MapType};
use skep_vm::HostFault;

/// `BPF_F_PAD_ZEROS`.
const PAD_ZEROS: u64 = 1;

/// `bpf_copy_from_user_str(dst, dst__sz, unsafe_ptr, flags)`: how long it is, its NUL included; what is too long is cut.
pub(super) fn copy_from_user_str(env: &mut Env<'_, '_>) -> Answer {
    let flags = env.arg(3);
    copied(env, flags, true)
}

/// `bpf_copy_from_user_task_str(dst, dst__sz, unsafe_ptr, tsk, flags)`. There is one user memory, which all tasks that
/// have any share.
pub(super) fn copy_from_user_task_str(env: &mut Env<'_, '_>) -> Answer {
    let (task, flags) = (env.arg(3), env.arg(4));
    let is_current = env.current_task() == Some(task);
    let fields = env.fields()?;
    let has_memory = is_current || fields.word(task, "task_struct", "mm").is_some_and(|mm| mm != 0);
    copied(env, flags, has_memory)
}

fn copied(env: &mut Env<'_, '_>, flags: u64, has_memory: bool) -> Answer {
    let (size, from) = (env.arg(1) as u32 as usize, env.arg(2));
    env.check_write(0, size)?;
    if flags & !PAD_ZEROS != 0 {
        return Err(Errno::EINVAL.into());
    }
    if size == 0 {
        return ret(0);
    }
    env.charge_bytes(2 * size as u64);
    let mut bytes = vec![0; size];
    let read = if has_memory { env.core.read_user_str(from, &mut bytes) } else { Err(Errno::EFAULT) };
    let Ok(text) = read else {
        env.write(0, &vec![0; size])?;
        return Err(Errno::EFAULT.into());
    };
    // One that fills the buffer is cut, and ends with a NUL all the same.
    let len = text.len.min(size);
    bytes[len - 1] = 0;
    bytes[len..].fill(0);
    let kept = if flags & PAD_ZEROS != 0 { size } else { len };
    env.write(0, &bytes[..kept])?;
    ret(len as u64)
}

/// `bpf_rdonly_cast(obj, btf_id)`: the address stays what it is.
pub(super) fn rdonly_cast(env: &mut Env<'_, '_>) -> Answer {
    ret(env.arg(0))
}

/// `bpf_cast_to_kern_ctx(obj)`: what the kernel has where programs see the context: a `struct sk_buff`, a
/// `struct xdp_buff`. Contexts of other types are the kernel's own.
pub(super) fn cast_to_kern_ctx(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    let memory = env.memory();
    if env.core.now.frame.is_none() {
        return ret(env.arg(0));
    }
    let limit = |error: ObjectError| {
        let refused = memory.take_refused().map(|refused| over_limit(&refused));
        Stop::Fault(HostFault::host_limit(refused.unwrap_or_else(|| error.to_string())))
    };
    ret(env.core.kern_ctx(memory).map_err(limit)?)
}

impl crate::state::Core {
    /// The kernel's own view of the context of what is running.
    pub(crate) fn kern_ctx(&mut self, memory: &skep_memory::Memory) -> Result<u64, ObjectError> {
        let Some(frame) = self.now.frame else { return Ok(self.now.ctx.addr) };
        if let Some(addr) = self.now.kern_ctx {
            return Ok(addr);
        }
        let (made, pieces) = self.scene(memory)?.writing_down(|scene| scene.kern_ctx(&frame));
        self.now.pieces.extend(pieces);
        let addr = made?;
        self.now.kern_ctx = Some(addr);
        Ok(addr)
    }
}

impl crate::world::Scene<'_> {
    /// The kernel's own view of a packet that a program sees.
    fn kern_ctx(&mut self, frame: &Frame) -> Result<u64, ObjectError> {
        let offset = |addr: u64| FieldValue::from(addr.wrapping_sub(frame.hard_start));
        let addr = FieldValue::Addr;
        let (name, fields) = match frame.kind {
            PacketKind::Xdp => (
                "xdp_buff",
                vec![
                    ("data", addr(frame.data)),
                    ("data_end", addr(frame.data_end)),
                    ("data_meta", addr(frame.data_meta)),
                    ("data_hard_start", addr(frame.hard_start)),
                    ("frame_sz", offset(frame.hard_end)),
                ],
            ),
            PacketKind::Skb(_) => (
                "sk_buff",
                vec![
                    ("head", addr(frame.hard_start)),
                    ("data", addr(frame.data)),
                    ("len", FieldValue::from(frame.len())),
                    ("tail", offset(frame.data_end)),
                    ("end", offset(frame.hard_end)),
                    ("mac_header", offset(frame.mac)),
                    ("mac_len", FieldValue::from(frame.network.wrapping_sub(frame.mac))),
                    ("network_header", offset(frame.network)),
                    ("users", FieldValue::from(1u32)),
                ],
            ),
        };
        let id = self.type_of(name).map_err(ObjectError::bare)?;
        let made = self.alloc(id, false).map_err(ObjectError::bare)?;
        for (path, value) in fields {
            self.set_if(made, name, path, value).map_err(ObjectError::bare)?;
        }
        let device = self.named("eth0").ok().flatten();
        if let Some(device) = device {
            let path = if frame.kind == PacketKind::Xdp { "rxq.dev" } else { "dev" };
            self.set_if(made, name, path, addr(device)).map_err(ObjectError::bare)?;
        }
        Ok(made)
    }
}

/// `bpf_map_sum_elem_count(map)`: how many elements a hash map has; 0 of other types, which do not count.
pub(super) fn sum_elem_count(env: &mut Env<'_, '_>) -> Answer {
    let (_, object) = env.map(0)?;
    let counts = matches!(
        object.map.spec().kind,
        MapType::Hash | MapType::PercpuHash | MapType::LruHash | MapType::LruPercpuHash | MapType::HashOfMaps
    );
    if !counts {
        return ret(0);
    }
    let mut count = 0;
    let mut key = object.map.next_key(None).ok();
    while let Some(at) = key {
        count += 1;
        key = object.map.next_key(Some(&at)).ok();
    }
    env.call.charge(count);
    ret(count)
}

/// `bpf_get_kmem_cache(addr)`: nothing here comes out of a slab.
pub(super) fn kmem_cache(_: &mut Env<'_, '_>) -> Answer {
    ret(0)
}
