//! `BPF_MAP_*_BATCH`: many elements in one call (`generic_map_*_batch`, `kernel/bpf/syscall.c`;
//! `__htab_map_lookup_and_delete_batch`, `kernel/bpf/hashtab.c`).
//!
//! What was done before an error stays done, and `count` says how much it was.

use super::Call;
use crate::files::Fd;
use crate::sys::Sys;
use skep_abi::attr::batch;
use skep_abi::flags::BPF_F_LOCK;
use skep_abi::{Errno, MapType};
use skep_maps::Bucket;

/// The commands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Batch {
    Lookup,
    LookupAndDelete,
    Update,
    Delete,
}

/// How a map type does a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Key by key.
    Keys,
    /// Bucket by bucket.
    Buckets,
}

/// Whether a map type knows a command (`map_*_batch` of its operations).
fn way(kind: MapType, batch: Batch) -> Option<Way> {
    use MapType::*;
    let hash = matches!(kind, Hash | PercpuHash | LruHash | LruPercpuHash | HashOfMaps);
    let array = matches!(kind, Array | PercpuArray | ArrayOfMaps);
    match batch {
        Batch::Lookup | Batch::LookupAndDelete if hash => Some(Way::Buckets),
        Batch::LookupAndDelete => None,
        Batch::Delete if array => None,
        _ if hash || array || kind == LpmTrie => Some(Way::Keys),
        _ => None,
    }
}

/// A batch command on its way.
struct Work {
    fd: Fd,
    key_size: usize,
    value_size: usize,
    keys: u64,
    values: u64,
    elem_flags: u64,
    /// How many elements the caller has, or has room for.
    max: u32,
    /// How many are done.
    done: u32,
}

impl Work {
    fn key_at(&self, index: u32) -> u64 {
        self.keys.wrapping_add(u64::from(index) * self.key_size as u64)
    }

    fn value_at(&self, index: u32) -> u64 {
        self.values.wrapping_add(u64::from(index) * self.value_size as u64)
    }

    /// Gives the caller an element, behind those that it has.
    fn give(&self, call: &mut Call<'_>, index: u32, key: &[u8], value: &[u8]) -> Result<(), Errno> {
        call.write(self.key_at(index), key)?;
        call.write(self.value_at(index), value)
    }
}

/// `BPF_MAP_LOOKUP_BATCH`.
pub(super) fn lookup(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    run(sys, call, Batch::Lookup)
}

/// `BPF_MAP_LOOKUP_AND_DELETE_BATCH`.
pub(super) fn lookup_and_delete(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    run(sys, call, Batch::LookupAndDelete)
}

/// `BPF_MAP_UPDATE_BATCH`.
pub(super) fn update(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    run(sys, call, Batch::Update)
}

/// `BPF_MAP_DELETE_BATCH`.
pub(super) fn delete(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    run(sys, call, Batch::Delete)
}

/// `bpf_map_do_batch`, and what all commands begin with.
fn run(sys: &mut Sys<'_>, call: &mut Call<'_>, command: Batch) -> Result<i32, Errno> {
    let fd = call.fd(&batch::map_fd);
    sys.core.map(fd)?;
    if matches!(command, Batch::Lookup | Batch::LookupAndDelete) {
        sys.core.readable(fd)?;
    }
    if command != Batch::Lookup {
        sys.writable(fd)?;
    }
    let map = sys.core.map(fd)?;
    let way = way(map.spec().kind, command).ok_or(Errno::ENOTSUPP)?;
    let elem_flags = call.u64(&batch::elem_flags);
    if elem_flags & !BPF_F_LOCK != 0 {
        return Err(Errno::EINVAL);
    }
    map.spec().check_lock(elem_flags)?;
    if way == Way::Buckets && call.u64(&batch::flags) != 0 {
        return Err(Errno::EINVAL);
    }
    let mut work = Work {
        fd,
        key_size: map.spec().key_size as usize,
        value_size: map.user_value_size(),
        keys: call.u64(&batch::keys),
        values: call.u64(&batch::values),
        elem_flags,
        max: call.u32(&batch::count),
        done: 0,
    };
    if work.max == 0 {
        return Ok(0);
    }
    call.put(&batch::count, 0);
    match (command, way) {
        (Batch::Update, _) => update_keys(sys, call, &mut work),
        (Batch::Delete, _) => delete_keys(sys, call, &mut work),
        (_, Way::Keys) => lookup_keys(sys, call, &mut work),
        (_, Way::Buckets) => lookup_buckets(sys, call, &mut work, command == Batch::LookupAndDelete),
    }
    .map(|()| 0)
}

fn update_keys(sys: &mut Sys<'_>, call: &mut Call<'_>, work: &mut Work) -> Result<(), Errno> {
    let result = (0..work.max).try_for_each(|index| {
        let key = call.read(work.key_at(index), work.key_size)?;
        let value = call.read(work.value_at(index), work.value_size)?;
        sys.map_update_elem(work.fd, &key, &value, work.elem_flags)?;
        work.done += 1;
        Ok(())
    });
    call.put(&batch::count, work.done.into());
    result
}

fn delete_keys(sys: &mut Sys<'_>, call: &mut Call<'_>, work: &mut Work) -> Result<(), Errno> {
    let result = (0..work.max).try_for_each(|index| {
        let key = call.read(work.key_at(index), work.key_size)?;
        sys.map_delete_elem(work.fd, &key)?;
        work.done += 1;
        Ok(())
    });
    call.put(&batch::count, work.done.into());
    result
}

/// Walks on from the key that the caller names. A batch that an element could not be copied from, or to the caller, has
/// no count.
fn lookup_keys(sys: &mut Sys<'_>, call: &mut Call<'_>, work: &mut Work) -> Result<(), Errno> {
    let mut last = match call.u64(&batch::in_batch) {
        0 => None,
        addr => Some(call.read(addr, work.key_size)?),
    };
    let mut end = Ok(());
    while work.done < work.max {
        let key = match sys.core.map_get_next_key(work.fd, last.as_deref()) {
            Ok(key) => key,
            // `EFAULT` would leave without a count; no map answers it here.
            Err(errno) => {
                end = Err(errno);
                break;
            }
        };
        match sys.core.map_lookup_elem(sys.memory, work.fd, &key) {
            Ok(value) => {
                work.give(call, work.done, &key, &value)?;
                work.done += 1;
            }
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
        last = Some(key);
    }
    call.put(&batch::count, work.done.into());
    if let Some(last) = last.filter(|_| work.done > 0) {
        call.write(call.u64(&batch::out_batch), &last)?;
    }
    end
}

/// Takes whole buckets while they fit.
fn lookup_buckets(sys: &mut Sys<'_>, call: &mut Call<'_>, work: &mut Work, take: bool) -> Result<(), Errno> {
    let mut from = match call.u64(&batch::in_batch) {
        0 => 0,
        addr => call.read_u32(addr)?,
    };
    let mut at_start = true;
    let end = loop {
        let bucket = match sys.core.map(work.fd)?.bucket(from) {
            // The caller's number is looked at first of all; ours is behind the last bucket.
            Err(errno) if at_start => return Err(errno),
            Err(_) => None,
            Ok(bucket) => bucket,
        };
        at_start = false;
        let Some(Bucket { keys, number }) = bucket else {
            from = sys.core.map(work.fd)?.end_of_buckets();
            break Err(Errno::ENOENT);
        };
        from = number;
        if keys.len() > (work.max - work.done) as usize {
            break if work.done == 0 { Err(Errno::ENOSPC) } else { Ok(()) };
        }
        let mut elements = Vec::with_capacity(keys.len());
        for key in keys {
            let value = sys.core.map_lookup_elem(sys.memory, work.fd, &key)?;
            if take {
                sys.map_delete_elem(work.fd, &key)?;
            }
            elements.push((key, value));
        }
        // What cannot be copied is lost, as it is in the kernel.
        for (index, (key, value)) in (work.done..).zip(&elements) {
            work.give(call, index, key, value)?;
        }
        work.done += elements.len() as u32;
        from = number + 1;
    };
    call.write(call.u64(&batch::out_batch), &from.to_le_bytes())?;
    call.put(&batch::count, work.done.into());
    end
}
