//! Where the bytes of a map come from: memory of our own, or pages that somebody outside maps too.

use skep_memory::{Arena, Memory, NoMemory, Origin};

#[cfg(all(unix, not(skep_portable_memory)))]
use skep_memory::HostPages;
use skep_memory::Rights;

use crate::values::{Request, Values};

/// The place of a map's bytes. Only maps that user space can `mmap` take pages from outside.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backing<'a> {
    #[cfg(all(unix, not(skep_portable_memory)))]
    pub(crate) pages: Option<HostPages<'a>>,
    #[cfg(not(all(unix, not(skep_portable_memory))))]
    pub(crate) pages: Option<&'a std::convert::Infallible>,
}

/// A ring's pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingPages {
    /// The first of the head pages.
    pub(crate) base: u64,
    /// Whether the second half of the data is the same memory as the first.
    pub(crate) mirrored: bool,
}

impl Backing<'_> {
    /// An array of `count` values, none of them accessible to programs yet.
    pub(crate) fn array(
        &self,
        memory: &Memory,
        request: &Request,
        values: &Values,
        count: u64,
    ) -> Result<u64, NoMemory> {
        #[cfg(all(unix, not(skep_portable_memory)))]
        if let Some(pages) = self.pages {
            let (size, stride) = (values.size(), values.stride());
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let Request { rights, origin, .. } = request.clone();
            return memory.map_array_pages(Arena::Pages, pages, size, stride, count, rights, origin);
        }
        request.alloc(memory, values, count)
    }

    /// `head` bytes and, behind them, `data` bytes twice. Nothing of it is accessible to programs.
    pub(crate) fn ring(
        &self,
        memory: &Memory,
        head: usize,
        data: usize,
        origin: Origin,
    ) -> Result<RingPages, NoMemory> {
        #[cfg(all(unix, not(skep_portable_memory)))]
        if let Some(pages) = self.pages {
            if pages.len != head + data {
                return Err(NoMemory::Pages("a ring takes two pages and its data, no more and no less"));
            }
            let base = memory.map_mirrored(Arena::Pages, pages, head, origin)?;
            return Ok(RingPages { base, mirrored: true });
        }
        match memory.alloc_mirrored(Arena::Pages, head, data, origin.clone()) {
            Ok(base) => Ok(RingPages { base, mirrored: true }),
            Err(NoMemory::Pages(_)) => {
                let base = memory.alloc(Arena::Pages, head + 2 * data, head / 2, Rights::NONE, origin)?;
                Ok(RingPages { base, mirrored: false })
            }
            Err(other) => Err(other),
        }
    }
}
