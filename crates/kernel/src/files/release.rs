//! What is left to do when an open file or a pin goes.

use super::{Fd, FileId, OpenFile};
use crate::state::Core;
use skep_abi::{Errno, MapType, flags};
use skep_maps::ObjRef;

impl Core {
    /// Whether there can be one more object and one more descriptor.
    ///
    /// # Errors
    /// `EMFILE`: the process has as many descriptors as it may. `ENFILE`: there are too many objects.
    pub(crate) fn room(&self) -> Result<(), Errno> {
        self.files.room()?;
        self.objects.room()
    }

    /// Closes an fd; what it stood for is not swept away yet.
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub(crate) fn close_fd(&mut self, fd: Fd) -> Result<(), Errno> {
        if let Some(file) = self.files.close(fd)? {
            self.release_file(&file);
        }
        Ok(())
    }

    /// What the end of an open file does (`file_operations::release`).
    pub(crate) fn release_file(&mut self, file: &OpenFile) {
        self.take_back(file.object, file.id);
        self.release_user(file.object);
    }

    /// One more reference of user space's: an open file's, or a pin's.
    pub(crate) fn retain_user(&mut self, id: ObjRef) {
        self.objects.retain(id);
        if let Some(map) = self.objects.map_mut(id) {
            map.fds += 1;
        }
    }

    /// One reference of user space's less. After the last one of a map no timer of its runs, and a PROG_ARRAY is
    /// emptied (`bpf_map_put_uref`).
    pub(crate) fn release_user(&mut self, id: ObjRef) {
        if let Some(map) = self.objects.map_mut(id) {
            map.fds = map.fds.saturating_sub(1);
            let (last, kind) = (map.fds == 0, map.map.spec().kind);
            if last {
                self.end_timers_of(id);
            }
            if last && kind == MapType::ProgArray {
                self.empty(id, |_| true);
            }
            if last && matches!(kind, MapType::Sockmap | MapType::Sockhash) {
                self.drop_sockmap_progs(id);
            }
        }
        self.objects.release(id);
    }

    /// Takes the events out of a PERF_EVENT_ARRAY that were put in through an open file
    /// (`perf_event_fd_array_release`).
    fn take_back(&mut self, id: ObjRef, file: FileId) {
        let Some(object) = self.objects.map_mut(id) else { return };
        let preserve = object.map.spec().flags & flags::BPF_F_PRESERVE_ELEMS != 0;
        if object.map.spec().kind != MapType::PerfEventArray || preserve {
            return;
        }
        let through = std::mem::take(&mut object.through);
        let (gone, kept) = through.into_iter().partition(|it| it.1 == file);
        object.through = kept;
        let gone: std::collections::BTreeMap<u32, FileId> = gone;
        self.empty(id, |index| gone.contains_key(&index));
    }

    /// Takes elements out of a map that holds objects.
    fn empty(&mut self, id: ObjRef, which: impl Fn(u32) -> bool) {
        let Some(object) = self.objects.map_mut(id) else { return };
        let slots: Vec<u32> = object.map.objects().map(|it| it.0).filter(|index| which(*index)).collect();
        let taken: Vec<_> =
            slots.into_iter().filter_map(|index| object.map.take_object(index).ok()).collect();
        self.drop_objects(taken);
    }
}
