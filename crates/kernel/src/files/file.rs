//! Open files: what several descriptors can have in common.

use skep_maps::{Access, ObjRef};

/// What an open file is known by; no two ever have the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct FileId(u64);

/// An open file (`struct file`).
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) id: FileId,
    /// What it is of; the file has a reference to it.
    pub(crate) object: ObjRef,
    /// What may be done through it.
    pub(crate) access: Access,
    /// Descriptors of it, in all processes.
    fds: u32,
}

/// The open files of a machine, by numbers that are given out again.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    slots: Vec<Option<OpenFile>>,
    free: Vec<u32>,
    ids: u64,
}

impl OpenFiles {
    /// Opens a file, for one descriptor.
    pub(super) fn add(&mut self, object: ObjRef, access: Access) -> u32 {
        self.ids += 1;
        let file = OpenFile { id: FileId(self.ids), object, access, fds: 1 };
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(file);
                slot
            }
            None => {
                self.slots.push(Some(file));
                self.slots.len() as u32 - 1
            }
        }
    }

    pub(super) fn get(&self, slot: u32) -> Option<&OpenFile> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut OpenFile> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// One more descriptor.
    pub(super) fn keep(&mut self, slot: u32) {
        if let Some(file) = self.get_mut(slot) {
            file.fds += 1;
        }
    }

    /// One descriptor less: the file itself, if it was the last.
    pub(super) fn drop_one(&mut self, slot: u32) -> Option<OpenFile> {
        let file = self.get_mut(slot)?;
        file.fds -= 1;
        if file.fds > 0 {
            return None;
        }
        self.free.push(slot);
        self.slots.get_mut(slot as usize)?.take()
    }

    /// How many files are open.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
