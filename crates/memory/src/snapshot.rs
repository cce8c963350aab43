//! `Memory`: going back to an earlier state.

use crate::error::HostLimit;
use crate::layout::Arena;
use crate::memory::Memory;
use crate::object::Object;
use crate::resident::Marks;
use crate::saved::Saved;
use crate::table::{ArenaBooks, Table};
use std::collections::BTreeMap;
use std::fmt;

/// All objects of a memory at one moment: what they are, their bytes, their rights. Plain data.
#[derive(Clone, Debug)]
pub struct Snapshot {
    objects: BTreeMap<u32, Object>,
    arenas: [ArenaBooks; Arena::ALL.len()],
    /// One for each object, in the same order.
    saved: Vec<Saved>,
    resident: Marks,
}

/// A snapshot was not restored.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RestoreError {
    /// It has pages of a file that are not mapped (any more) in this memory.
    Pages,
    /// The host gave no memory.
    Host(HostLimit),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::Pages => {
                write!(f, "the snapshot has pages from outside that are not mapped in this memory")
            }
            RestoreError::Host(limit) => limit.fmt(f),
        }
    }
}

impl std::error::Error for RestoreError {}

impl Memory {
    /// Copies all live objects. Costs time and memory by the bytes that were ever touched (for a huge array, looking
    /// for them takes about a second per gigabyte).
    pub fn snapshot(&self) -> Snapshot {
        let table = self.table().borrow();
        Snapshot {
            objects: table.objects.clone(),
            arenas: table.arenas.clone(),
            saved: table.objects.values().map(|object| table.space.save(object.slot)).collect(),
            resident: table.space.resident.marks(),
        }
    }

    /// Makes the memory what it was: objects, bytes, rights, what it takes of the host, and which addresses later
    /// allocations get; its limit stays. It may be a snapshot of another memory, unless that had pages from outside. The bytes of pages from outside are restored,
    /// which everybody who maps them sees.
    ///
    /// # Errors
    /// Pages from outside that the snapshot knows are gone, or the host has no memory; nothing has changed then. (If
    /// the host refuses to unmap pages that were mapped since, what was allocated since is gone.)
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), RestoreError> {
        self.table().borrow_mut().restore(snapshot)
    }
}

impl Table {
    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), RestoreError> {
        let stays = |here: &Object| {
            let there = snapshot.objects.get(&here.span.start);
            there.is_some_and(|there| there.slot == here.slot && there.mapping == here.mapping)
        };
        let kept = self.objects.values().filter(|object| object.mapping.is_some() && stays(object)).count();
        let wanted = snapshot.objects.values().filter(|object| object.mapping.is_some()).count();
        if self.lost || kept < wanted {
            return Err(RestoreError::Pages);
        }
        for arena in Arena::ALL {
            let high = snapshot.arenas[arena as usize].high() - arena.first();
            self.space.commit(arena, high).map_err(RestoreError::Host)?;
        }
        let gone: Vec<u32> = self.objects.values().filter(|o| !stays(o)).map(|o| o.span.start).collect();
        for start in gone {
            self.free(start, None);
        }
        if self.lost {
            return Err(RestoreError::Pages);
        }
        for saved in &snapshot.saved {
            self.space.put_back(saved);
        }
        self.space.come_back(&snapshot.resident);
        self.forget_recent();
        self.objects.clone_from(&snapshot.objects);
        for (here, there) in self.arenas.iter_mut().zip(&snapshot.arenas) {
            here.restore(there);
        }
        Ok(())
    }
}
