//! Addresses of the kernel's functions. There is no code behind them: they are numbers to compare and to print.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Where functions are: an address that looks like the kernel's and that is none of simulated memory, so that nothing can
/// be read there.
pub(crate) const SYMBOLS_BASE: u64 = 0xffff_ffff_4100_0000;
/// Bytes of each function.
pub(crate) const STRIDE: u64 = 0x100;
/// How many there may be.
const MAX: usize = 1 << 18;

/// Functions by name and by address. One gets its address when it is first asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbols {
    by_name: BTreeMap<Arc<str>, u64>,
    names: Vec<Arc<str>>,
}

impl Symbols {
    /// The address of a function; 0 for one without a name.
    pub(crate) fn address(&mut self, name: &str) -> u64 {
        if let Some(&addr) = self.by_name.get(name) {
            return addr;
        }
        if name.is_empty() || self.names.len() == MAX {
            return 0;
        }
        let addr = SYMBOLS_BASE + self.names.len() as u64 * STRIDE;
        let name: Arc<str> = Arc::from(name);
        self.names.push(Arc::clone(&name));
        self.by_name.insert(name, addr);
        addr
    }

    /// The address of a function that was named before.
    pub(crate) fn known(&self, name: &str) -> Option<u64> {
        self.by_name.get(name).copied()
    }

    /// Whether a function was named before.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The function that an address is in, and how far.
    pub(crate) fn at(&self, addr: u64) -> Option<(&str, u64)> {
        let offset = addr.checked_sub(SYMBOLS_BASE)?;
        self.names.get((offset / STRIDE) as usize).map(|name| (&**name, offset % STRIDE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_keeps_its_address() {
        let mut symbols = Symbols::default();
        let first = symbols.address("vfs_read");
        assert_eq!(first, SYMBOLS_BASE);
        assert_ne!(symbols.address("vfs_write"), first);
        assert_eq!(symbols.address("vfs_read"), first);
        assert_eq!(symbols.at(first + 1), Some(("vfs_read", 1)));
        assert_eq!(symbols.at(0), None);
        assert_eq!(symbols.address(""), 0);
    }
}
