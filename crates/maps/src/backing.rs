//! Where the bytes of a map come from: memory of our own, or pages that somebody outside maps too.

use skep_memory::{Arena, Memory, NoMemory, Origin, PageFile};

#[cfg(all(unix, not(skep_portable_memory)))]
use skep_memory::HostPages;
use skep_memory::Rights;

use crate::values::{Request, Values};

/// The place of a map's bytes. Only maps that user space can `mmap` take pages from outside.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backing<'a> {
    #[cfg(all(unix, not(skep_portable_memory)))]
    pub(crate) pages: Option<HostPages<'a>>,
    /// The file that they are of, where somebody has to look at it again.
    pub(crate) file: Option<&'a PageFile>,
}

/// A ring's pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingPages {
    /// The first of the head pages.
    pub(crate) base: u64,
    /// Whether the second half of the data is the same memory as the first.
    pub(crate) mirrored: bool,
}

impl<'a> Backing<'a> {
    /// The first `len` bytes of a file's pages.
    pub(crate) fn of_file(file: &'a PageFile, len: u64) -> Backing<'a> {
        let _ = len;
        Backing {
            #[cfg(all(unix, not(skep_portable_memory)))]
            pages: Some(file.pages(usize::try_from(len).unwrap_or(usize::MAX))),
            file: Some(file),
        }
    }

    /// The pages of an arena, each an element of its own: those that there is room for.
    pub(crate) fn arena(
        &self,
        memory: &Memory,
        page: usize,
        count: usize,
        origin: Origin,
    ) -> Result<u64, NoMemory> {
        #[cfg(all(unix, not(skep_portable_memory)))]
        if let Some(pages) = self.pages {
            let pages = HostPages { len: page * count, ..pages };
            return memory.map_array_pages(Arena::Values, pages, page, page, count, Rights::RW, origin);
        }
        memory.alloc_array(Arena::Values, page, page, count, Rights::RW, origin)
    }
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
