//! The memory of a context: one object, or one for each field where a program may not touch all of them alike.

use skep_abi::ctx::{Access, Context as Layout, Field};
use skep_memory::{Arena, Memory, NoMemory, ObjectKind, Origin, Rights};

/// How much longer data gets at most, in bytes.
pub(crate) const DATA_ROOM: usize = 4096;

/// A context in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Area {
    pub(crate) addr: u64,
    pub(crate) len: usize,
}

impl Area {
    /// Makes a context of plain bytes.
    pub(crate) fn plain(memory: &Memory, name: &str, bytes: &[u8], rights: Rights) -> Result<Area, NoMemory> {
        let origin = Origin::new(ObjectKind::Context, name);
        let addr = memory.alloc(Arena::Kernel, bytes.len(), 16, rights, origin)?;
        let area = Area { addr, len: bytes.len() };
        area.fill(memory, bytes);
        Ok(area)
    }

    /// Makes plain bytes with [`DATA_ROOM`] behind them, which is out of sight until [`Memory::set_extent`] says otherwise.
    pub(crate) fn roomy(memory: &Memory, name: &str, bytes: &[u8], rights: Rights) -> Result<Area, NoMemory> {
        let origin = Origin::new(ObjectKind::Context, name);
        let addr = memory.alloc(Arena::Kernel, bytes.len() + DATA_ROOM, 16, rights, origin)?;
        let area = Area { addr, len: bytes.len() };
        memory.set_extent(addr, addr, bytes.len());
        area.fill(memory, bytes);
        Ok(area)
    }

    /// Makes a context with fields: what a program may not read or write is no part of any object for it.
    pub(crate) fn of(memory: &Memory, layout: &Layout) -> Result<Area, NoMemory> {
        let all = layout.layout;
        let origin = Origin::new(ObjectKind::Context, all.name);
        let addr = memory.alloc(Arena::Kernel, all.size, 16, Rights::NONE, origin)?;
        for (i, field) in all.fields.iter().enumerate() {
            // Of a union's members, the first stands for all.
            let shadowed = all.fields[..i].iter().any(|it| it.range().contains(&field.offset));
            let rights = match layout.access(field) {
                Access::None => continue,
                Access::Read => Rights::RO,
                Access::ReadWrite => Rights::RW,
            };
            if !shadowed {
                let origin = Origin::new(ObjectKind::Context, format!("{}.{}", all.name, field.name));
                memory.carve(addr + field.offset as u64, field.size(), rights, origin);
            }
        }
        Ok(Area { addr, len: all.size })
    }

    /// Writes all of it.
    pub(crate) fn fill(&self, memory: &Memory, bytes: &[u8]) {
        // The area lives as long as this value.
        let _ = memory.poke(self.addr, &bytes[..bytes.len().min(self.len)]);
    }

    /// Writes a field of up to eight bytes.
    pub(crate) fn set(&self, memory: &Memory, field: &Field, value: u64) {
        let bytes = value.to_le_bytes();
        let _ = memory.poke(self.addr + field.offset as u64, &bytes[..field.size().min(8)]);
    }

    /// Reads a field of up to eight bytes.
    pub(crate) fn get(&self, memory: &Memory, field: &Field) -> u64 {
        let mut bytes = [0; 8];
        let _ = memory.peek(self.addr + field.offset as u64, &mut bytes[..field.size().min(8)]);
        u64::from_le_bytes(bytes)
    }

    /// Reads all of it.
    pub(crate) fn bytes(&self, memory: &Memory) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        let _ = memory.peek(self.addr, &mut bytes);
        bytes
    }

    /// Gives it back.
    pub(crate) fn free(self, memory: &Memory) {
        if self.addr != 0 {
            memory.free(self.addr);
        }
    }
}
