//! `Memory`: pages that come from a file, so that another mapping sees the same bytes.
//!
//! On Unix alone; elsewhere these methods answer [`NoMemory::Pages`], and callers do without.

#[cfg(all(unix, not(skep_portable_memory)))]
pub use mapped::HostPages;

use crate::error::NoMemory;
use crate::layout::Arena;
use crate::memory::Memory;
use crate::origin::{Origin, Rights};
use std::ops::Range;

/// A file whose pages an object is to have, kept open as long as somebody has one of these: what an embedding hands to
/// a machine so that a mapping of its own shows the same bytes. Where files cannot be mapped there are none.
///
/// The file must be as long as the object from `offset` on, and must not shrink (see [`HostPages`]).
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
/// use skep_memory::{Arena, Memory, ObjectKind, Origin, PageFile, Rights};
///
/// let file = memfd_create("pages", MemfdFlags::CLOEXEC)?;
/// ftruncate(&file, 8192)?;
/// let pages = PageFile::new(file, 4096);
/// let memory = Memory::new()?;
/// let addr = memory.map_file(Arena::Pages, &pages, 4096, Rights::RW, Origin::new(ObjectKind::Ring, "ring"))?;
/// memory.store(addr, 1, 7)?;
///
/// let mut seen = [0];
/// rustix::io::pread(pages.fd(), &mut seen, 4096)?;
/// assert_eq!(seen, [7]);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PageFile {
    #[cfg(all(unix, not(skep_portable_memory)))]
    file: std::sync::Arc<std::os::fd::OwnedFd>,
    #[cfg(not(all(unix, not(skep_portable_memory))))]
    none: std::convert::Infallible,
    offset: u64,
}

impl PageFile {
    /// Where the pages begin in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    #[cfg(not(all(unix, not(skep_portable_memory))))]
    fn never(&self) -> ! {
        match self.none {}
    }
}

#[cfg(all(unix, not(skep_portable_memory)))]
impl PageFile {
    /// The pages of a file from `offset` on, a multiple of the host's page size.
    pub fn new(file: std::os::fd::OwnedFd, offset: u64) -> PageFile {
        PageFile { file: std::sync::Arc::new(file), offset }
    }

    /// The file.
    pub fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&*self.file)
    }

    /// The first `len` bytes of the pages.
    pub fn pages(&self, len: usize) -> HostPages<'_> {
        HostPages { file: self.fd(), offset: self.offset, len }
    }
}

/// # Holes
impl PageFile {
    /// The ranges in the first `len` bytes that somebody wrote to or looked at, in whole pages, as offsets from the start of
    /// the pages. A file that cannot tell has none.
    pub fn touched(&self, len: u64) -> Vec<Range<u64>> {
        #[cfg(all(target_os = "linux", not(skep_portable_memory)))]
        return mapped::touched(self, len);
        #[cfg(not(all(target_os = "linux", not(skep_portable_memory))))]
        {
            let _ = len;
            Vec::new()
        }
    }

    /// Gives a range of pages back: it reads as zeroes afterwards, in every mapping. False: the file cannot do that.
    pub fn punch(&self, range: Range<u64>) -> bool {
        #[cfg(all(target_os = "linux", not(skep_portable_memory)))]
        return mapped::punch(self, range);
        #[cfg(not(all(target_os = "linux", not(skep_portable_memory))))]
        {
            let _ = range;
            false
        }
    }
}

impl Memory {
    /// [`map_pages`](Memory::map_pages) of a [`PageFile`], on every host.
    ///
    /// # Errors
    /// As for `map_pages`.
    pub fn map_file(
        &self,
        arena: Arena,
        file: &PageFile,
        len: usize,
        rights: Rights,
        origin: Origin,
    ) -> Result<u64, NoMemory> {
        #[cfg(all(unix, not(skep_portable_memory)))]
        return self.map_pages(arena, file.pages(len), rights, origin);
        #[cfg(not(all(unix, not(skep_portable_memory))))]
        {
            let _ = (arena, len, rights, origin);
            file.never()
        }
    }
}

impl Memory {
    /// Allocates pages for a ring buffer: `head_len` bytes, then `data_len` bytes, then *the same* `data_len` bytes
    /// once more, so that a record which wraps around is in one piece all the same. Both lengths must be multiples
    /// of the host's page size. Programs have no access to it, except to parts that are
    /// [carved](Memory::carve) of it.
    ///
    /// # Errors
    /// [`NoMemory::Pages`] if this host cannot map pages twice (callers wrap by hand then), or for odd lengths;
    /// otherwise as for [`alloc`](Memory::alloc).
    pub fn alloc_mirrored(
        &self,
        arena: Arena,
        head_len: usize,
        data_len: usize,
        origin: Origin,
    ) -> Result<u64, NoMemory> {
        #[cfg(all(target_os = "linux", not(skep_portable_memory)))]
        return mapped::alloc_mirrored(self, arena, head_len, data_len, origin);
        #[cfg(not(all(target_os = "linux", not(skep_portable_memory))))]
        {
            let _ = (self, arena, head_len, data_len, origin);
            Err(NoMemory::Pages("this host cannot map pages twice"))
        }
    }
}

#[cfg(all(unix, not(skep_portable_memory)))]
mod mapped {
    use crate::error::{HostLimit, NoMemory};
    use crate::host::page_size;
    use crate::layout::{Arena, extend};
    use crate::memory::Memory;
    use crate::origin::{Origin, Rights};
    use crate::space::Span;
    use crate::table::{Request, ShapeRequest, checked, page_span};
    #[cfg(target_os = "linux")]
    use rustix::io::Errno;
    use std::io::ErrorKind;
    use std::os::fd::BorrowedFd;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// How many were ever made. Snapshots tell them apart by it, and nothing else does.
    static MAPPINGS: AtomicU64 = AtomicU64::new(0);

    /// Pages of a file (a memfd, say): `len` bytes from `offset`.
    ///
    /// The file must not shrink while it is mapped (seal a memfd with `F_SEAL_SHRINK`): the host kills a process that
    /// touches a page which is not there any more.
    #[derive(Clone, Copy, Debug)]
    pub struct HostPages<'a> {
        /// The file; open for reading and writing.
        pub file: BorrowedFd<'a>,
        /// Where in the file, a multiple of the host's page size.
        pub offset: u64,
        /// How many bytes. The rest of the last page is mapped, but belongs to no object.
        pub len: usize,
    }

    /// # Pages from outside
    impl Memory {
        /// Allocates an object whose bytes are those of a file: writes are seen by every other mapping of it, at once
        /// and in both directions. [`free`](Memory::free) unmaps it. What others write while it is accessed may be seen
        /// in part, except by the atomic methods.
        ///
        /// # Errors
        /// [`NoMemory::Pages`] if the file or the range is not fit for it; otherwise as for [`alloc`](Memory::alloc).
        pub fn map_pages(
            &self,
            arena: Arena,
            pages: HostPages<'_>,
            rights: Rights,
            origin: Origin,
        ) -> Result<u64, NoMemory> {
            let start = map(self, arena, pages, rights, origin, ShapeRequest::Whole, &[(0, 0, pages.len)])?;
            let mut table = self.table().borrow_mut();
            let span = Span { start, len: pages.len as u32 };
            if let Err(error) = self.within_limit(table.space.paint(span, rights)) {
                table.free(start, None);
                return Err(error.into());
            }
            Ok(extend(start))
        }

        /// The same for an array, as [`alloc_array`](Memory::alloc_array): `count` elements from the start of the
        /// pages on; none is granted yet.
        ///
        /// # Errors
        /// As for [`map_pages`](Memory::map_pages); also if the elements do not fit into the pages.
        #[expect(clippy::too_many_arguments, reason = "an array has three sizes, as in alloc_array")]
        pub fn map_array_pages(
            &self,
            arena: Arena,
            pages: HostPages<'_>,
            elem_size: usize,
            stride: usize,
            count: usize,
            rights: Rights,
            origin: Origin,
        ) -> Result<u64, NoMemory> {
            let shape = ShapeRequest::array(elem_size, stride, count)?;
            if stride.checked_mul(count).is_none_or(|bytes| bytes > pages.len) {
                return Err(NoMemory::Pages("the array is longer than the pages"));
            }
            map(self, arena, pages, rights, origin, shape, &[(0, 0, pages.len)]).map(extend)
        }

        /// [`alloc_mirrored`](Memory::alloc_mirrored) over pages from outside: the first `head_len` bytes of them
        /// once, then all the others twice.
        ///
        /// # Errors
        /// As for [`map_pages`](Memory::map_pages).
        pub fn map_mirrored(
            &self,
            arena: Arena,
            pages: HostPages<'_>,
            head_len: usize,
            origin: Origin,
        ) -> Result<u64, NoMemory> {
            let HostPages { len, .. } = pages;
            let whole = |bytes: usize| bytes.is_multiple_of(page_size());
            if !whole(head_len) || !whole(len) || head_len >= len {
                return Err(NoMemory::Pages("head and data of a ring must be whole pages"));
            }
            let places = [(0, 0, len), (len, head_len, len - head_len)];
            map(self, arena, pages, Rights::NONE, origin, ShapeRequest::Whole, &places).map(extend)
        }
    }

    /// Allocates an object and maps parts of the file over it: (place in the object, place in the pages, length).
    fn map(
        memory: &Memory,
        arena: Arena,
        pages: HostPages<'_>,
        rights: Rights,
        origin: Origin,
        shape: ShapeRequest,
        places: &[(usize, usize, usize)],
    ) -> Result<u32, NoMemory> {
        fits(pages)?;
        let total = places.iter().try_fold(0usize, |end, (at, _, len)| Some(end.max(at.checked_add(*len)?)));
        let (len, align) = checked(arena, total, page_size())?;
        let mapping = Some(MAPPINGS.fetch_add(1, Ordering::Relaxed));
        let mut table = memory.table().borrow_mut();
        let start = table.alloc(Request { arena, len, align, rights, origin, shape, mapping })?;
        for (at, from, len) in places {
            let place = page_span(Span { start: start + *at as u32, len: *len as u32 });
            let mapped = table.space.map_file(place, pages.file, pages.offset + *from as u64);
            if let Err(error) = mapped {
                table.free(start, None);
                return Err(refused(*len, error));
            }
        }
        Ok(start)
    }

    #[cfg(target_os = "linux")]
    pub(super) fn touched(pages: &super::PageFile, len: u64) -> Vec<std::ops::Range<u64>> {
        use rustix::fs::{SeekFrom, seek};
        let (start, end) = (pages.offset(), pages.offset().saturating_add(len));
        let (mut at, mut found) = (start, Vec::new());
        // -ENXIO: nothing but holes from here on.
        while at < end
            && let Ok(data) = seek(pages.fd(), SeekFrom::Data(at))
            && data < end
        {
            let hole = seek(pages.fd(), SeekFrom::Hole(data)).unwrap_or(end).min(end);
            found.push(data - start..hole - start);
            at = hole.max(data + 1);
        }
        found
    }

    #[cfg(target_os = "linux")]
    pub(super) fn punch(pages: &super::PageFile, range: std::ops::Range<u64>) -> bool {
        use rustix::fs::{FallocateFlags, fallocate};
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let len = range.end.saturating_sub(range.start);
        len == 0 || fallocate(pages.fd(), flags, pages.offset() + range.start, len).is_ok()
    }

    fn refused(len: usize, error: std::io::Error) -> NoMemory {
        match error.kind() {
            ErrorKind::PermissionDenied => NoMemory::Pages("the file is not open for reading and writing"),
            _ => HostLimit::file("a mapping of a file", len, error).into(),
        }
    }

    /// A page past the end of a file would kill the process that touches it.
    fn fits(pages: HostPages<'_>) -> Result<(), NoMemory> {
        if pages.len == 0 || !pages.offset.is_multiple_of(page_size() as u64) {
            return Err(NoMemory::Pages("they are none, or do not begin at a page of the file"));
        }
        let stat = rustix::fs::fstat(pages.file)
            .map_err(|error| HostLimit::file("the size of a file", pages.len, error))?;
        let end = pages.offset.checked_add(pages.len as u64);
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if end.is_none_or(|end| end > size) {
            return Err(NoMemory::Pages("the file ends before they do"));
        }
        Ok(())
    }

    /// Not every sandbox knows memfds, or allows them.
    #[cfg(target_os = "linux")]
    fn no_memfd(len: usize, error: Errno) -> NoMemory {
        match error {
            Errno::NOSYS | Errno::PERM | Errno::ACCESS => NoMemory::Pages("this host has no memfd for us"),
            _ => HostLimit::file("a memfd", len, error).into(),
        }
    }

    #[cfg(target_os = "linux")]
    pub(super) fn alloc_mirrored(
        memory: &Memory,
        arena: Arena,
        head_len: usize,
        data_len: usize,
        origin: Origin,
    ) -> Result<u64, NoMemory> {
        use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
        use std::os::fd::AsFd;

        let total = head_len.checked_add(data_len).and_then(|len| len.checked_add(data_len));
        checked(arena, total, page_size())?;
        let len = head_len + data_len;
        let file = memfd_create("skep-ring", MemfdFlags::CLOEXEC)
            .and_then(|file| ftruncate(&file, len as u64).map(|()| file))
            .map_err(|error| no_memfd(len, error))?;
        // Nobody else has the file, and it is closed here: it cannot shrink.
        memory.map_mirrored(arena, HostPages { file: file.as_fd(), offset: 0, len }, head_len, origin)
    }
}
