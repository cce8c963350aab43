//! The memory of the process that makes the calls: pages, and nothing beside them.

use skep_abi::Errno;
use skep_kernel::UserMemory;
use std::collections::BTreeMap;

/// Bytes of a page.
const PAGE: u64 = 4096;

/// Mapped pages. What goes wrong in the middle has happened up to there, as in the kernel's copying.
#[derive(Clone, Default)]
pub(crate) struct Pages(BTreeMap<u64, Vec<u8>>);

impl Pages {
    /// Maps the pages that a range touches, at least one, and writes bytes there.
    pub(crate) fn map(&mut self, addr: u64, bytes: &[u8]) {
        let last = (addr + bytes.len() as u64).saturating_sub(1).max(addr - 1);
        for page in (addr - u64::from(bytes.is_empty())) / PAGE..=last / PAGE {
            self.0.entry(page).or_insert_with(|| vec![0; PAGE as usize]);
        }
        self.write(addr, bytes).expect("pages that were mapped");
    }

    /// All that is mapped, page by page.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.0.iter().map(|(page, bytes)| (page * PAGE, bytes.as_slice()))
    }

    fn byte(&mut self, addr: u64) -> Result<&mut u8, Errno> {
        let page = self.0.get_mut(&(addr / PAGE)).ok_or(Errno::EFAULT)?;
        Ok(&mut page[(addr % PAGE) as usize])
    }
}

impl UserMemory for Pages {
    fn read(&mut self, addr: u64, into: &mut [u8]) -> Result<(), Errno> {
        for (byte, addr) in into.iter_mut().zip(addr..) {
            *byte = *self.byte(addr)?;
        }
        Ok(())
    }

    fn write(&mut self, addr: u64, from: &[u8]) -> Result<(), Errno> {
        for (byte, addr) in from.iter().zip(addr..) {
            *self.byte(addr)? = *byte;
        }
        Ok(())
    }
}
