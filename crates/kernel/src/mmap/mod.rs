//! `mmap(2)` of descriptors: rings, ring buffers, arrays and arenas as pages that user space shares.
//!
//! What may be mapped and how is each object's business (`bpf_map_mmap` of `kernel/bpf/syscall.c`, `perf_mmap` of
//! `kernel/events/core.c`); what `mmap` itself looks at before (`do_mmap`, `mm/mmap.c`) is here.

mod maps;
mod source;

pub use source::{Pages, PagesKind, PagesWanted};

use crate::files::{Fd, Held, Process};
use crate::kernel::Kernel;
use crate::object::Object;
use crate::perf::BufferId;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_maps::{Access, ObjRef};
use skep_memory::PageFile;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a page.
pub(crate) const PAGE: u64 = 4096;

/// `PROT_READ`: the pages may be read.
pub const PROT_READ: u32 = 1;
/// `PROT_WRITE`: the pages may be written.
pub const PROT_WRITE: u32 = 2;
/// `PROT_EXEC`: the pages may be executed. No descriptor here allows it.
pub const PROT_EXEC: u32 = 4;
/// `MAP_SHARED`: others see what is written.
pub const MAP_SHARED: u32 = 1;
/// `MAP_PRIVATE`: nobody else sees what is written.
pub const MAP_PRIVATE: u32 = 2;
/// `MAP_SHARED_VALIDATE`: as `MAP_SHARED`, and unknown flags are an error.
pub const MAP_SHARED_VALIDATE: u32 = 3;

/// The bits of the flags that say which of these it is (`MAP_TYPE`).
const MAP_TYPE: u32 = 0xf;
/// Flags that were there before unknown ones became errors (`LEGACY_MAP_MASK`), and `MAP_FIXED_NOREPLACE`.
const MAP_KNOWN: u32 = 0x7c17_f9f3;
/// The highest address of a process, and the most that it can map (`TASK_SIZE` with four levels of page tables).
const TASK_SIZE: u64 = (1 << 47) - PAGE;

/// The arguments of `mmap(2)` beside the descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mmap {
    /// Where it is to be, or will be; 0: nobody says. Nothing but arenas looks at it.
    pub addr: u64,
    /// How many bytes. A last page that is not whole is mapped whole.
    pub len: u64,
    /// `PROT_*`.
    pub prot: u32,
    /// `MAP_*`.
    pub flags: u32,
    /// Where in what the descriptor stands for, in bytes: whole pages.
    pub offset: u64,
}

impl Mmap {
    /// The first `len` bytes, to read and to write, shared.
    pub fn shared(len: u64) -> Mmap {
        Mmap { addr: 0, len, prot: PROT_READ | PROT_WRITE, flags: MAP_SHARED, offset: 0 }
    }

    /// The same to read only.
    pub fn read_only(self) -> Mmap {
        Mmap { prot: PROT_READ, ..self }
    }

    /// The same from an offset on.
    pub fn at_offset(self, offset: u64) -> Mmap {
        Mmap { offset, ..self }
    }

    pub(crate) fn writes(&self) -> bool {
        self.prot & PROT_WRITE != 0
    }
}

/// Names a mapping that was made, until it is unmapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MappingId(u64);

/// What a call of `mmap(2)` made.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// For [`Kernel::munmap`].
    pub id: MappingId,
    /// The address in user space where an arena is from now on. 0: of anything else, that is nobody's business here.
    pub addr: u64,
    /// It may be written to, at all.
    pub writable: bool,
    /// What is mapped, from the first byte to the last: each where the one before ends.
    pub parts: Vec<MappedPart>,
}

impl Mapping {
    /// The simulated address of a byte of the mapping.
    pub fn at(&self, offset: u64) -> Option<u64> {
        let part = self.parts.iter().find(|it| (it.at..it.at + it.len).contains(&offset))?;
        Some(part.addr + (offset - part.at))
    }
}

/// Pages of a mapping that lie in a row.
#[derive(Clone, Debug)]
pub struct MappedPart {
    /// Where in the mapping.
    pub at: u64,
    /// How many bytes.
    pub len: u64,
    /// The simulated address of the first one. The pages of an arena that lie outside of what there is memory for have
    /// none there.
    pub addr: u64,
    /// User space may write to these: of a perf ring, to the first page alone; writing to another is a SIGBUS.
    pub writable: bool,
    /// The file that supplied the pages, and where in it the first one is.
    pub file: Option<(PageFile, u64)>,
}

/// What is mapped, and who supplies pages.
#[derive(Default)]
pub(crate) struct Mmaps {
    source: Option<Box<dyn Pages>>,
    made: u64,
    live: BTreeMap<MappingId, Live>,
    /// Arenas whose pages are of a file.
    pub(crate) arenas: BTreeSet<ObjRef>,
}

/// A mapping that was made.
struct Live {
    /// The open file that it is of.
    file: Held,
    /// What is mapped.
    object: ObjRef,
    /// It keeps the map from being frozen.
    writes: bool,
    /// The ring, of an event.
    ring: Option<BufferId>,
    /// Whose it is.
    process: Process,
}

/// What a descriptor's object has to say about being mapped.
pub(crate) struct Mapped {
    pub(crate) addr: u64,
    pub(crate) parts: Vec<MappedPart>,
    /// It counts as a writer until it is unmapped.
    pub(crate) writes: bool,
}

impl Kernel {
    /// Maps what a descriptor stands for (`mmap(2)`).
    ///
    /// The mapping keeps the descriptor's object as an open descriptor does, until [`Kernel::munmap`]. Of an arena whose
    /// place is not settled, `addr` is where the embedding maps it, and pointers of programs go there; with 0 the machine
    /// chooses.
    ///
    /// # Errors
    /// `EBADF`: no open descriptor. `EINVAL`: no length, an offset within a page, neither shared nor private, or the
    /// object's rules. `EACCES`: the descriptor is not open for it. `EPERM`: `PROT_EXEC`, or the object's rules. `ENODEV`:
    /// nothing that can be mapped; `ENOTSUPP` for a map that cannot.
    pub fn mmap(&mut self, fd: Fd, request: &Mmap) -> Result<Mapping, Errno> {
        self.sys().mmap(fd, request)
    }

    /// Unmaps what [`Kernel::mmap`] mapped, all of it.
    ///
    /// # Errors
    /// `EINVAL`: there is no such mapping (any more).
    pub fn munmap(&mut self, mapping: MappingId) -> Result<(), Errno> {
        self.sys().munmap(mapping)
    }
}

impl Sys<'_> {
    /// See [`Kernel::mmap`].
    pub(crate) fn mmap(&mut self, fd: Fd, request: &Mmap) -> Result<Mapping, Errno> {
        if !request.offset.is_multiple_of(PAGE) {
            return Err(Errno::EINVAL);
        }
        let (id, access) = self.core.files.file(fd).map(|it| (it.object, it.access))?;
        let request = self.core.placed(id, request)?;
        let shared = checked(&request, access, self.core.can_map(id))?;
        let Mapped { addr, parts, writes } = match self.core.objects.get(id) {
            Some(Object::Map(_)) => self.core.map_map(id, &request, shared)?,
            Some(Object::Perf(_)) => self.limited(|sys| sys.perf_map(id, &request, shared))?,
            _ => return Err(Errno::ENODEV),
        };
        if let Some(object) = self.core.objects.map_mut(id) {
            object.writers += u32::from(writes);
        }
        let (file, ring) = (self.core.files.hold(fd)?, self.core.buffer_id(id));
        let process = self.core.process();
        let mapping = self.core.mmaps.add(Live { file, object: id, writes, ring, process });
        Ok(Mapping { id: mapping, addr, writable: request.writes(), parts })
    }

    /// See [`Kernel::munmap`].
    pub(crate) fn munmap(&mut self, mapping: MappingId) -> Result<(), Errno> {
        let Live { file, object: id, writes, ring, .. } =
            self.core.mmaps.live.remove(&mapping).ok_or(Errno::EINVAL)?;
        if let Some(object) = self.core.objects.map_mut(id) {
            object.writers -= u32::from(writes);
        }
        if let Some(ring) = ring {
            self.core.perf_unmap(self.memory, id, ring);
        }
        if let Some(file) = self.core.files.let_go(file) {
            self.core.release_file(&file);
        }
        self.core.sweep(self.memory);
        Ok(())
    }

    /// Unmaps all that a process mapped.
    pub(crate) fn unmap_all(&mut self, process: Process) {
        for mapping in self.core.mmaps.of(process) {
            // It is there.
            let _ = self.munmap(mapping);
        }
    }
}

impl Mmaps {
    fn add(&mut self, live: Live) -> MappingId {
        self.made += 1;
        self.live.insert(MappingId(self.made), live);
        MappingId(self.made)
    }

    fn of(&self, process: Process) -> Vec<MappingId> {
        let of = self.live.iter().filter(|it| it.1.process == process);
        of.map(|it| *it.0).collect()
    }
}

impl Core {
    /// Gives a new process the mappings of its parent that `fork(2)` copies: rings of events and arenas stay with the one
    /// who mapped them (`VM_DONTCOPY`). The copies have no name that anybody knows: they end with the process.
    pub(crate) fn fork_mappings(&mut self, parent: Process, child: Process) {
        for mapping in self.mmaps.of(parent) {
            let Some(Live { file, object: id, writes, .. }) = self.mmaps.live.get(&mapping) else { continue };
            let (id, writes) = (*id, *writes);
            let Some(object) = self.objects.map_mut(id).filter(|it| it.map.arena().is_none()) else {
                continue;
            };
            object.writers += u32::from(writes);
            let file = self.files.hold_again(file);
            self.mmaps.add(Live { file, object: id, writes, ring: None, process: child });
        }
    }

    /// Whether there is anything to map (`file_operations.mmap`).
    fn can_map(&self, id: ObjRef) -> bool {
        matches!(self.objects.get(id), Some(Object::Map(_) | Object::Perf(_)))
    }

    /// The length in whole pages, and the checks before those of the flags: that there is a place for it
    /// (`get_unmapped_area`).
    fn placed(&self, id: ObjRef, request: &Mmap) -> Result<Mmap, Errno> {
        if request.len == 0 {
            return Err(Errno::EINVAL);
        }
        let len = request.len.checked_next_multiple_of(PAGE).ok_or(Errno::ENOMEM)?;
        request.offset.checked_add(len).ok_or(Errno::EOVERFLOW)?;
        if len > TASK_SIZE {
            return Err(Errno::ENOMEM);
        }
        let request = Mmap { len, ..*request };
        self.arena_place(id, &request)?;
        Ok(request)
    }
}

/// The checks of `do_mmap` on the kind of mapping. Whether it is one that others share: a descriptor that is not open for
/// writing has none.
fn checked(request: &Mmap, access: Access, mappable: bool) -> Result<bool, Errno> {
    let kind = request.flags & MAP_TYPE;
    match kind {
        MAP_SHARED_VALIDATE if request.flags & !MAP_KNOWN != 0 => return Err(Errno::EOPNOTSUPP),
        MAP_SHARED | MAP_SHARED_VALIDATE if request.writes() && !access.write => return Err(Errno::EACCES),
        MAP_SHARED | MAP_SHARED_VALIDATE | MAP_PRIVATE => {}
        _ => return Err(Errno::EINVAL),
    }
    if !access.read {
        return Err(Errno::EACCES);
    }
    if request.prot & PROT_EXEC != 0 {
        return Err(Errno::EPERM);
    }
    if !mappable {
        return Err(Errno::ENODEV);
    }
    Ok(kind != MAP_PRIVATE && access.write)
}
