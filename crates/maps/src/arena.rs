//! ARENA: memory that a program and user space share, page by page (kernel/bpf/arena.c).
//!
//! A pointer into an arena has two forms. Programs keep and pass on the *user* form: an address of user space, from the
//! arena's start there. To load and store through one it is cast to the form of the kernel, whose lower half is all that
//! counts there; here it is an address of the machine's own memory. The two differ by a constant.
//!
//! In memory an arena has room for [`WINDOW`] bytes from its start on; pages behind it cannot be had.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use skep_abi::Errno;
use skep_abi::flags::{BPF_F_MMAPABLE, BPF_F_NO_USER_CONV, BPF_F_SEGV_ON_FAULT};
use skep_memory::{Memory, ObjectKind, Origin, PageFile, layout};

use crate::backing::Backing;
use crate::handle::Displaced;
use crate::rules::{self, invalid};
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};

/// Bytes of a page.
pub(crate) const PAGE: u64 = 4096;
/// How much of an arena there is memory for, in bytes.
const WINDOW: u64 = 256 << 20;
/// The largest arena (`SZ_4G`).
const LARGEST: u64 = 1 << 32;

/// Where arenas are in user space whose place nobody chose: above this, each in 4 GiB of its own, as `mmap` has it.
const USER_BASE: u64 = 0x1000_0000_0000;
/// The lower half of that place, where it leaves room: pointers to the first page are not NULL in it.
const USER_LOW: u64 = 0x1000_0000;

/// An arena.
#[derive(Clone, Debug)]
pub struct Arena {
    /// Where it is in memory, and how many bytes there are.
    base: u64,
    window: u64,
    /// Where it is in user space.
    user: u64,
    /// Pages that it may have.
    pages: u64,
    /// Ranges of pages that can be had: lengths by the first.
    free: BTreeMap<u64, u64>,
    /// Pages that are there.
    present: BTreeSet<u64>,
    /// Programs keep pointers in the kernel's form.
    as_is: bool,
    /// User space does not get pages by touching them.
    segv: bool,
    /// Somebody chose where it is in user space.
    placed: bool,
    /// Where it is now will do for programs.
    assumed: bool,
    /// The file that its pages are of, which user space may touch without telling.
    file: Option<PageFile>,
}

fn low(addr: u64) -> u64 {
    addr & 0xffff_ffff
}

impl Arena {
    /// Where it is in user space.
    pub fn user_start(&self) -> u64 {
        self.user
    }

    /// Where it ends there.
    pub fn user_end(&self) -> u64 {
        self.user + self.pages * PAGE
    }

    /// Whether its place in user space is settled: `map_extra` named it, or somebody mapped it.
    pub fn is_placed(&self) -> bool {
        self.placed
    }

    /// Whether programs may know its place, which goes into them when they are loaded: it is settled, or nobody minds.
    pub fn is_known(&self) -> bool {
        self.placed || self.assumed
    }

    /// Has programs take the place that it has, though nobody maps it: for those who look at it by other means.
    pub fn assume(&mut self) {
        self.assumed = true;
    }

    /// Has user space see `len` bytes of it from an address on, whole pages within a multiple of 4 GiB: what the first
    /// `mmap` of an arena does that no `map_extra` gave a place (`arena_map_mmap`). Without an address it is where it is.
    /// Not while programs know another place.
    ///
    /// # Errors
    /// -EINVAL: no such place. -EBUSY: it has another one, or another length.
    pub fn settle(&mut self, at: Option<u64>, len: u64) -> Result<(), Errno> {
        let at = at.unwrap_or(self.user);
        if self.placed {
            return if (at, len) == (self.user, self.pages * PAGE) { Ok(()) } else { Err(Errno::EBUSY) };
        }
        let whole = at.is_multiple_of(PAGE) && len.is_multiple_of(PAGE) && (1..=LARGEST).contains(&len);
        if !whole || at.checked_add(len - 1).is_none_or(|end| end >> 32 != at >> 32) {
            return Err(Errno::EINVAL);
        }
        (self.user, self.pages, self.placed) = (at, len / PAGE, true);
        Ok(())
    }

    /// Takes note of pages that user space touched in a mapping of the file which they are of: they are there from now on,
    /// as after a page fault (`arena_vm_fault`). Nothing to do for an arena in memory of our own.
    pub fn notice(&mut self, memory: &Memory) {
        let Some(file) = &self.file else { return };
        for range in file.touched(self.window) {
            for page in range.start / PAGE..range.end.div_ceil(PAGE) {
                if !self.present.contains(&page) && memory.grant(self.addr_of(page)) {
                    self.present.insert(page);
                    if self.is_free(page, 1) {
                        self.cut(page, 1);
                    }
                }
            }
        }
    }

    /// How many pages are there.
    pub fn present(&self) -> usize {
        self.present.len()
    }

    /// In how many ranges the pages are that can be had.
    pub fn ranges(&self) -> usize {
        self.free.len()
    }

    /// The number of the page that a user address is in (`compute_pgoff`).
    fn page_of(&self, user: u64) -> u64 {
        low(user.wrapping_sub(low(self.user))) / PAGE
    }

    fn addr_of(&self, page: u64) -> u64 {
        self.base + page * PAGE
    }

    /// Takes pages (`bpf_arena_alloc_pages`): at a user address, or where there are any. Their user address; `None`:
    /// there are not so many, or not there.
    pub fn alloc(&mut self, memory: &Memory, at: u64, count: u32) -> Option<u64> {
        let first = self.pick(at, count.into())?;
        let end = first + u64::from(count);
        if end > self.window / PAGE {
            return None;
        }
        for page in first..end {
            if !self.bring(memory, page) {
                // All or none.
                self.end(memory, first, page);
                return None;
            }
        }
        self.cut(first, count.into());
        Some(self.user + first * PAGE)
    }

    /// The first of `count` pages that can be had: at a user address, or of the smallest range that is large enough, the
    /// last of those (`range_tree_find`).
    fn pick(&self, at: u64, count: u64) -> Option<u64> {
        if count == 0 || count > self.pages {
            return None;
        }
        if at == 0 {
            let fits = self.free.iter().filter(|(_, len)| **len >= count);
            return fits.min_by_key(|(first, len)| (**len, Reverse(**first))).map(|(first, _)| *first);
        }
        let page = self.page_of(at);
        (at.is_multiple_of(PAGE) && page <= self.pages - count && self.is_free(page, count)).then_some(page)
    }

    fn is_free(&self, page: u64, count: u64) -> bool {
        let range = self.free.range(..=page).next_back();
        range.is_some_and(|(first, len)| page + count <= first + len)
    }

    /// Takes pages out of those that can be had, which they all are.
    fn cut(&mut self, page: u64, count: u64) {
        let Some((first, len)) = self.free.range(..=page).next_back().map(|(a, b)| (*a, *b)) else { return };
        self.free.remove(&first);
        if first < page {
            self.free.insert(first, page - first);
        }
        if page + count < first + len {
            self.free.insert(page + count, first + len - page - count);
        }
    }

    /// Puts pages back among those that can be had, whatever they were.
    fn join(&mut self, page: u64, count: u64) {
        let (mut first, mut end) = (page, page + count);
        while let Some((start, len)) = self.free.range(..=end).next_back().map(|(a, b)| (*a, *b)) {
            if start + len < first {
                break;
            }
            self.free.remove(&start);
            (first, end) = (first.min(start), end.max(start + len));
        }
        self.free.insert(first, end - first);
    }

    /// Has a page be there, of zeroes. False: there is no memory for it.
    fn bring(&mut self, memory: &Memory, page: u64) -> bool {
        let addr = self.addr_of(page);
        if !memory.grant(addr) {
            return false;
        }
        let _ = memory.fill(addr, PAGE as usize, 0);
        self.present.insert(page);
        true
    }

    /// Ends the pages of a range that are there.
    fn end(&mut self, memory: &Memory, from: u64, to: u64) {
        let gone: Vec<u64> = self.present.range(from..to).copied().collect();
        for page in gone {
            memory.revoke(self.addr_of(page));
            self.present.remove(&page);
            if let Some(file) = &self.file {
                file.punch(page * PAGE..(page + 1) * PAGE);
            }
        }
    }

    /// Gives pages back (`bpf_arena_free_pages`): those from a user address on that there are. How many they may be.
    pub fn free(&mut self, memory: &Memory, at: u64, count: u32) -> u64 {
        // Only the lower half counts, and only whole pages.
        let at = (self.user & !0xffff_ffff) | low(at) & !(PAGE - 1);
        let end = (self.user + self.pages * PAGE).min(at.saturating_add(u64::from(count) * PAGE));
        if at < self.user || at >= end {
            return 0;
        }
        let (page, count) = (self.page_of(at), (end - at) / PAGE);
        self.join(page, count);
        self.end(memory, page, page + count);
        count
    }

    /// Keeps pages from being taken (`bpf_arena_reserve_pages`).
    ///
    /// # Errors
    /// -EINVAL: they are not in the arena. -EBUSY: some are taken.
    pub fn reserve(&mut self, at: u64, count: u32) -> Result<(), Errno> {
        let count = u64::from(count);
        if count == 0 {
            return Ok(());
        }
        let page = self.page_of(at);
        if !at.is_multiple_of(PAGE) || count > self.pages || page > self.pages - count {
            return Err(Errno::EINVAL);
        }
        if !self.is_free(page, count) {
            return Err(Errno::EBUSY);
        }
        self.cut(page, count);
        Ok(())
    }

    /// An address of memory for a pointer in the user form: what casting it for loads and stores gives. NULL stays NULL,
    /// which to the kernel is also the first page of an arena at a multiple of 4 GiB. One that leads out of the arena
    /// gives an address at which nothing ever is.
    pub fn to_memory(&self, pointer: u64) -> u64 {
        let offset = low(pointer.wrapping_sub(low(self.user)));
        if pointer == 0 || self.offset_of(pointer).is_some() {
            pointer
        } else if offset < self.window {
            self.base + offset
        } else {
            layout::HIGH_LIMIT + (offset & 0xffff)
        }
    }

    /// A pointer in the user form for an address of memory: what a program keeps and passes on.
    pub fn to_user(&self, addr: u64) -> u64 {
        let user = match self.offset_of(addr) {
            Some(_) if self.as_is => return addr,
            Some(offset) => self.user + offset,
            None => self.user & !0xffff_ffff | low(addr),
        };
        // A lower half of zeroes is NULL (`BPF_ADDR_SPACE_CAST`).
        if low(user) == 0 { 0 } else { user }
    }

    /// Whether an address of memory is in the arena, be there a page or not.
    pub fn holds(&self, addr: u64) -> bool {
        addr.wrapping_sub(self.base) < self.window
    }

    /// How far into the arena's memory an address is; the end counts.
    fn offset_of(&self, addr: u64) -> Option<u64> {
        Some(addr.wrapping_sub(self.base)).filter(|it| *it <= self.window)
    }

    /// Reads or writes as user space does: a page that is not there is made, as a page fault would.
    fn touched(
        &mut self,
        memory: &Memory,
        offset: u64,
        len: usize,
        mut run: impl FnMut(u64, std::ops::Range<usize>) -> bool,
    ) -> Result<(), Errno> {
        let mut done = 0;
        while done < len {
            let at = offset.checked_add(done as u64).ok_or(Errno::EFAULT)?;
            let page = at / PAGE;
            let outside = page >= self.pages || page >= self.window / PAGE;
            if outside || (!self.present.contains(&page) && self.segv) {
                return Err(Errno::EFAULT);
            }
            if !self.present.contains(&page) {
                if !self.bring(memory, page) {
                    return Err(Errno::ENOMEM);
                }
                if self.is_free(page, 1) {
                    self.cut(page, 1);
                }
            }
            let part = ((PAGE - at % PAGE) as usize).min(len - done);
            if !run(self.base + at, done..done + part) {
                return Err(Errno::EFAULT);
            }
            done += part;
        }
        Ok(())
    }

    /// Reads bytes as user space does, from an offset on.
    ///
    /// # Errors
    /// -EFAULT: there is no page, and there will be none (`BPF_F_SEGV_ON_FAULT`, or past the end). -ENOMEM: no memory.
    pub fn read_user(&mut self, memory: &Memory, offset: u64, into: &mut [u8]) -> Result<(), Errno> {
        let len = into.len();
        self.touched(memory, offset, len, |addr, part| memory.peek(addr, &mut into[part]).is_ok())
    }

    /// Writes bytes as user space does, from an offset on.
    ///
    /// # Errors
    /// As for [`Arena::read_user`].
    pub fn write_user(&mut self, memory: &Memory, offset: u64, from: &[u8]) -> Result<(), Errno> {
        self.touched(memory, offset, from.len(), |addr, part| memory.poke(addr, &from[part]).is_ok())
    }
}

impl Storage for Arena {
    /// `arena_map_alloc`.
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        if spec.key_size != 0 || spec.value_size != 0 {
            return Err(invalid(format!("{} maps have neither keys nor values: sizes are 0", spec.kind)));
        }
        rules::not_empty("max_entries", spec.max_entries)?;
        if !spec.has(BPF_F_MMAPABLE) {
            return Err(invalid(format!("{} maps need BPF_F_MMAPABLE", spec.kind)));
        }
        let known = BPF_F_SEGV_ON_FAULT | BPF_F_MMAPABLE | BPF_F_NO_USER_CONV;
        if spec.flags & !known != 0 {
            let unknown = skep_abi::flags::MAP_CREATE.describe((spec.flags & !known).into());
            return Err(invalid(format!("flags {unknown}: {} maps take none of these", spec.kind)));
        }
        let (start, len) = (spec.map_extra, u64::from(spec.max_entries) * PAGE);
        if !start.is_multiple_of(PAGE) {
            return Err(invalid(format!("map_extra {start:#x}: an address in user space, of whole pages")));
        }
        if len > LARGEST {
            let text = format!("max_entries {}: more than 4 GiB of pages", spec.max_entries);
            return Err(CreateError::new(Errno::E2BIG, text));
        }
        if start >> 32 != start.wrapping_add(len - 1) >> 32 {
            let text = format!("map_extra {start:#x}: the arena crosses a multiple of 4 GiB");
            return Err(CreateError::new(Errno::ERANGE, text));
        }
        Ok(())
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, backing: Backing<'_>) -> Result<Arena, CreateError> {
        let pages = u64::from(spec.max_entries);
        let window = (pages * PAGE).min(WINDOW);
        let origin = Origin::new(ObjectKind::MapValue, spec.name.as_str());
        let (page, count) = (PAGE as usize, (window / PAGE) as usize);
        let base = backing
            .arena(cx.memory, page, count, origin)
            .map_err(|error| CreateError::no_room(error.to_string()))?;
        let lower = if pages * PAGE + USER_LOW <= LARGEST { USER_LOW } else { 0 };
        let user = match spec.map_extra {
            0 => USER_BASE | low(base) << 32 | lower,
            chosen => chosen,
        };
        Ok(Arena {
            base,
            window,
            user,
            pages,
            free: BTreeMap::from([(0, pages)]),
            present: BTreeSet::new(),
            as_is: spec.has(BPF_F_NO_USER_CONV),
            segv: spec.has(BPF_F_SEGV_ON_FAULT),
            placed: spec.map_extra != 0,
            assumed: false,
            file: backing.file.cloned(),
        })
    }

    fn mappable(_spec: &MapSpec) -> bool {
        true
    }

    fn shared_len(spec: &MapSpec) -> u64 {
        u64::from(spec.max_entries) * PAGE
    }

    fn pages(&self) -> Option<u64> {
        Some(self.base)
    }

    fn lookup(&self, _cx: &Cx<'_>, _key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        Err(Errno::EINVAL)
    }

    fn read(&self, _cx: &Cx<'_>, _key: &[u8]) -> Result<Vec<u8>, Errno> {
        Err(Errno::EINVAL)
    }

    fn update(&mut self, _cx: &Cx<'_>, _change: Change<'_>, _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn delete(&mut self, _cx: &Cx<'_>, _key: &[u8], _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn next_key(&self, _key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// A user address.
    fn value_addr(&self, _cx: &Cx<'_>, off: u32) -> Result<u64, Errno> {
        if u64::from(off) > self.pages * PAGE { Err(Errno::ERANGE) } else { Ok(self.user + u64::from(off)) }
    }

    fn arena(&self) -> Option<&Arena> {
        Some(self)
    }

    fn arena_mut(&mut self) -> Option<&mut Arena> {
        Some(self)
    }

    fn release(&mut self, memory: &Memory, _out: &mut Displaced) {
        memory.free(self.base);
        self.present.clear();
    }
}
