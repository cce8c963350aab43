//! What maps allow (`bpf_map_mmap` and the types' own rules).

use super::{Mapped, MappedPart, Mmap, PAGE};
use crate::object::MapObject;
use crate::state::Core;
use skep_abi::flags::{BPF_F_MMAPABLE, BPF_F_RDONLY_PROG};
use skep_abi::{Errno, MapType};
use skep_maps::{Map, ObjRef};

/// The largest arena (`SZ_4G`).
const LARGEST_ARENA: u64 = 1 << 32;

impl Core {
    /// Maps a map.
    pub(super) fn map_map(&mut self, id: ObjRef, request: &Mmap, shared: bool) -> Result<Mapped, Errno> {
        let object = self.objects.map_mut(id).ok_or(Errno::EINVAL)?;
        let kind = object.map.spec().kind;
        let has_pages =
            matches!(kind, MapType::Array | MapType::Ringbuf | MapType::UserRingbuf | MapType::Arena);
        if !has_pages || !object.map.spec().special.is_empty() {
            return Err(Errno::ENOTSUPP);
        }
        if !shared {
            return Err(Errno::EINVAL);
        }
        if request.writes() {
            if object.map.is_frozen() {
                return Err(Errno::EPERM);
            }
            if object.map.spec().flags & BPF_F_RDONLY_PROG != 0 {
                return Err(Errno::EACCES);
            }
        }
        allowed(&object.map, request)?;
        let addr = settle(&mut object.map, request)?;
        let parts = parts(object, request)?;
        // The kernel never takes an arena's writers off again: it puts other functions in place of those that would
        // (arena_map_mmap).
        object.writers += u32::from(request.writes() && kind == MapType::Arena);
        Ok(Mapped { addr, parts, writes: request.writes() && kind != MapType::Arena })
    }

    /// Whether there is a place for an arena where it is wanted (`arena_get_unmapped_area`). Of other things there is.
    pub(super) fn arena_place(&self, id: ObjRef, request: &Mmap) -> Result<(), Errno> {
        let Some(arena) = self.objects.map(id).and_then(|it| it.map.arena()) else { return Ok(()) };
        if request.offset != 0 {
            return Err(Errno::EINVAL);
        }
        if request.len > LARGEST_ARENA {
            return Err(Errno::E2BIG);
        }
        if !arena.is_placed() {
            return Ok(());
        }
        let len = arena.user_end() - arena.user_start();
        match request.len {
            more if more > len => Err(Errno::E2BIG),
            same if same == len && request.addr == arena.user_start() => Ok(()),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Takes note of what user space did to arenas that it shares: before a program runs that may look.
    pub(crate) fn notice_arenas(&mut self, memory: &skep_memory::Memory) {
        for id in &self.mmaps.arenas {
            if let Some(arena) = self.objects.map_mut(*id).and_then(|it| it.map.arena_mut()) {
                arena.notice(memory);
            }
        }
    }
}

/// The type's own rules on writing, and that the pages are there.
fn allowed(map: &Map, request: &Mmap) -> Result<(), Errno> {
    let writes = request.writes();
    match map.spec().kind {
        MapType::Array if map.spec().flags & BPF_F_MMAPABLE == 0 => return Err(Errno::EINVAL),
        // Programs own the data, user space the consumer's position (`ringbuf_map_mmap_kern`).
        MapType::Ringbuf if writes && (request.offset, request.len) != (0, PAGE) => return Err(Errno::EPERM),
        // The reverse (`ringbuf_map_mmap_user`).
        MapType::UserRingbuf if writes && request.offset == 0 => return Err(Errno::EPERM),
        MapType::Arena => return Ok(()),
        _ => {}
    }
    let end = request.offset.checked_add(request.len).ok_or(Errno::EINVAL)?;
    if end > extent(map)? { Err(Errno::EINVAL) } else { Ok(()) }
}

/// How many bytes there are to map: of rings the data twice.
fn extent(map: &Map) -> Result<u64, Errno> {
    let spec = map.spec();
    let len = Map::shared_len(spec).ok().flatten().ok_or(Errno::EINVAL)?;
    Ok(match spec.kind {
        MapType::Ringbuf | MapType::UserRingbuf => len + u64::from(spec.max_entries),
        _ => len,
    })
}

/// Settles where an arena is in user space.
fn settle(map: &mut Map, request: &Mmap) -> Result<u64, Errno> {
    let Some(arena) = map.arena_mut() else { return Ok(0) };
    arena.settle(Some(request.addr).filter(|it| *it != 0), request.len)?;
    Ok(arena.user_start())
}

/// The pages of a range, in rows of the file that they are of.
fn parts(object: &MapObject, request: &Mmap) -> Result<Vec<MappedPart>, Errno> {
    let spec = object.map.spec();
    let base = object.map.pages().ok_or(Errno::EINVAL)?;
    let (start, end) = (request.offset, request.offset + request.len);
    // From here on a ring's file begins again.
    let again = match spec.kind {
        MapType::Ringbuf | MapType::UserRingbuf => 2 * PAGE + u64::from(spec.max_entries),
        _ => u64::MAX,
    };
    let part = |from: u64, to: u64, back: u64| MappedPart {
        at: from - start,
        len: to - from,
        addr: base + from,
        writable: request.writes(),
        file: object.file.as_ref().map(|file| (file.clone(), file.offset() + from - back)),
    };
    let mut parts = Vec::new();
    if start < again {
        parts.push(part(start, end.min(again), 0));
    }
    if end > again {
        parts.push(part(start.max(again), end, u64::from(spec.max_entries)));
    }
    Ok(parts)
}
