//! Where pages come from that user space can map.

use crate::kernel::Kernel;
use crate::state::Core;
use skep_abi::MapType;
use skep_maps::MapSpec;
use skep_memory::PageFile;

/// Supplies pages for what user space can map, so that a mapping that the embedding makes of the same file sees the same
/// bytes.
pub trait Pages: Send {
    /// A file of at least as many bytes of zeroes as wanted, from its offset on; it may be sparse, and must not shrink.
    /// `None`: the machine has memory of its own for this one, which no mapping of a real process shows.
    fn supply(&mut self, wanted: &PagesWanted<'_>) -> Option<PageFile>;
}

/// What pages are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PagesWanted<'a> {
    /// What they are of.
    pub kind: PagesKind,
    /// How many bytes: whole pages of 4,096.
    pub len: u64,
    /// The map's name, or "perf ring of CPU 3".
    pub name: &'a str,
}

/// What has pages that user space can map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagesKind {
    /// An ARRAY with `BPF_F_MMAPABLE`: its values, `value_size` rounded up to 8 apart.
    Array,
    /// A RINGBUF: the consumer's page, the producer's, the data once.
    RingBuffer,
    /// A USER_RINGBUF: the same.
    UserRingBuffer,
    /// An ARENA, all of it: up to 4 GiB, hardly any of which is ever touched.
    Arena,
    /// A perf event's ring: the header page and the data.
    PerfRing,
}

impl PagesKind {
    /// What the pages of a map of a type are.
    pub(super) fn of_map(kind: MapType) -> Option<PagesKind> {
        match kind {
            MapType::Array => Some(PagesKind::Array),
            MapType::Ringbuf => Some(PagesKind::RingBuffer),
            MapType::UserRingbuf => Some(PagesKind::UserRingBuffer),
            MapType::Arena => Some(PagesKind::Arena),
            _ => None,
        }
    }
}

impl Kernel {
    /// Has somebody asked for pages whenever something is made that user space can map: a map of such a type, or the
    /// ring of a perf event at its first mapping. What there is already stays where it is.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    /// use skep_abi::{MapType, flags::BPF_F_MMAPABLE};
    /// use skep_kernel::{Config, Kernel, MapSpec, Mmap, PageFile, Pages, PagesWanted};
    ///
    /// struct Memfds;
    ///
    /// impl Pages for Memfds {
    ///     fn supply(&mut self, wanted: &PagesWanted<'_>) -> Option<PageFile> {
    ///         let file = memfd_create(wanted.name, MemfdFlags::CLOEXEC).ok()?;
    ///         ftruncate(&file, wanted.len).ok()?;
    ///         Some(PageFile::new(file, 0))
    ///     }
    /// }
    ///
    /// let mut kernel = Kernel::new(Config::default())?;
    /// kernel.set_pages(Some(Box::new(Memfds)));
    /// let map = kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 16).with_flags(BPF_F_MMAPABLE))?;
    ///
    /// // What a process has to map at the address that its mmap(2) of the map's descriptor answers.
    /// let mapping = kernel.mmap(map, &Mmap::shared(4096))?;
    /// let part = &mapping.parts[0];
    /// let (file, offset) = part.file.as_ref().expect("a memfd");
    /// kernel.map_update_elem(map, &[1, 0, 0, 0], &[7; 8], 0)?;
    /// let mut seen = [0; 16];
    /// rustix::io::pread(file.fd(), &mut seen, *offset)?;
    /// assert_eq!(seen, [0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7]);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_pages(&mut self, source: Option<Box<dyn Pages>>) {
        self.core.mmaps.source = source;
    }
}

impl Core {
    /// The file that a new map's pages are to be of. The spec is one that a map can be made from.
    pub(crate) fn pages_for_map(&mut self, spec: &MapSpec) -> Option<PageFile> {
        self.mmaps.source.as_ref()?;
        let (kind, len) = (PagesKind::of_map(spec.kind)?, skep_maps::Map::shared_len(spec).ok()??);
        self.supply(kind, len, &spec.name)
    }

    /// A file from outside.
    pub(crate) fn supply(&mut self, kind: PagesKind, len: u64, name: &str) -> Option<PageFile> {
        self.mmaps.source.as_mut()?.supply(&PagesWanted { kind, len, name })
    }
}
