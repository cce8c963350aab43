//! The part of the object that was copied (`btf_show_obj_safe`): 32 bytes at a time, from where they are needed on.

use super::Show;
use skep_abi::Errno;
use skep_btf::TypeId;

const SIZE: usize = 32;
/// The largest plain value.
const BASE: u64 = 16;

/// What was copied, and from where.
pub(super) struct Chunk {
    /// The whole object.
    head: u64,
    size: u64,
    /// Where the copy is from.
    data: u64,
    /// The copy; a value that begins in it may reach past its end, where there are zeroes.
    bytes: [u8; 2 * SIZE],
    /// What the last attempt to copy came to.
    pub(super) status: Result<(), Errno>,
}

impl Default for Chunk {
    fn default() -> Chunk {
        Chunk { head: 0, size: 0, data: 0, bytes: [0; 2 * SIZE], status: Ok(()) }
    }
}

impl Show<'_> {
    /// Begins a value: its type, and where in the copy it is. `None` if it cannot be read.
    pub(super) fn start(&mut self, id: TypeId, named: TypeId, addr: u64) -> Option<usize> {
        self.kind = self.btf.type_by_id(id).map(|it| it.kind());
        self.type_id = named;
        self.copied(id, addr)
    }

    pub(super) fn end(&mut self) {
        self.kind = None;
        self.type_id = TypeId(0);
    }

    /// There is nothing to read of a type without a size.
    pub(super) fn no_size(&mut self) {
        self.chunk.status = Err(Errno::EINVAL);
    }

    fn copied(&mut self, id: TypeId, addr: u64) -> Option<usize> {
        let Ok(size) = self.btf.size_of(id) else {
            self.no_size();
            return None;
        };
        let chunk = &mut self.chunk;
        if self.depth == 0 {
            (chunk.head, chunk.size) = (addr, size);
        } else if addr >= chunk.data
            && addr.saturating_add(size.min(BASE)) < chunk.data.saturating_add(SIZE as u64)
        {
            return Some((addr - chunk.data) as usize);
        }
        let left = chunk.head.wrapping_add(chunk.size).wrapping_sub(addr).min(SIZE as u64) as usize;
        chunk.status = self.target.read(addr, &mut chunk.bytes[..left]);
        if chunk.status.is_err() {
            return None;
        }
        chunk.data = addr;
        Some(0)
    }

    /// A number of up to eight bytes of the copy.
    pub(super) fn word(&self, at: usize, size: usize) -> u64 {
        self.wide(at, size) as u64
    }

    /// A number of up to sixteen bytes of the copy.
    pub(super) fn wide(&self, at: usize, size: usize) -> u128 {
        let bytes = self.chunk.bytes.get(at..).unwrap_or_default();
        bytes.iter().take(size).rev().fold(0, |number, byte| number << 8 | u128::from(*byte))
    }
}
