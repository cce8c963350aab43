//! Files of the host for the bytes that user space can map.

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use skep_kernel::{Pages, PagesWanted};
use skep_memory::PageFile;

/// Supplies a memfd for everything that can be mapped.
pub(crate) struct MemfdPages;

impl Pages for MemfdPages {
    fn supply(&mut self, wanted: &PagesWanted<'_>) -> Option<PageFile> {
        let file = memfd_create("skep-map", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).ok()?;
        ftruncate(&file, wanted.len).ok()?;
        // Whoever has it mapped would die of a page that is no longer there.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW).ok()?;
        Some(PageFile::new(file, 0))
    }
}
