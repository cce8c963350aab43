//! The maps that a program names, before anybody judges them.

use super::ProgLoad;
use crate::files::{Fd, Files};
use crate::object::Objects;
use skep_isa::{Imm64, Op, decode};
use skep_maps::ObjRef;

/// `BPF_LD | BPF_IMM | BPF_DW`: the only instruction of two slots.
const LD_IMM64: u8 = 0x18;

/// The maps that a program names.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// Each once: those that are bound to it, then others in the order of first use, with the slot of that.
    pub(super) maps: Vec<(ObjRef, usize)>,
    /// How many are bound.
    pub(super) bound: usize,
    /// The slots that name maps, ascending, and places in `maps`.
    pub(super) by_slot: Vec<(usize, usize)>,
    /// Descriptors in the place of a map's that are of something else.
    pub(super) other_fds: Vec<i32>,
}

impl Uses {
    /// Looks through a program whose loader binds the first `bound` descriptors of its `fd_array` to it.
    pub(super) fn of(load: &ProgLoad, bound: usize, files: &Files, objects: &Objects) -> Uses {
        let mut uses = Uses::default();
        for fd in load.fd_array.iter().take(bound) {
            uses.add(0, *fd, files, objects);
        }
        uses.bound = uses.maps.len();
        let mut slot = 0;
        while let Some(insn) = load.insns.get(slot) {
            let wide = insn.code == LD_IMM64;
            let fd = match decode(&load.insns, slot) {
                Ok(Op::LoadImm64 { value: Imm64::MapFd(fd) | Imm64::MapValue { fd, .. }, .. }) => Some(fd),
                Ok(Op::LoadImm64 { value: Imm64::MapIdx(idx) | Imm64::MapIdxValue { idx, .. }, .. }) => {
                    usize::try_from(idx).ok().and_then(|it| load.fd_array.get(it).copied())
                }
                _ => None,
            };
            if let Some(place) = fd.and_then(|fd| uses.add(slot, fd, files, objects)) {
                uses.by_slot.push((slot, place));
            }
            slot += if wide { 2 } else { 1 };
        }
        uses
    }

    fn add(&mut self, slot: usize, fd: i32, files: &Files, objects: &Objects) -> Option<usize> {
        let id = files.get(Fd(fd)).ok()?;
        if objects.map(id).is_none() {
            self.other_fds.push(fd);
            return None;
        }
        let known = self.maps.iter().position(|it| it.0 == id);
        Some(known.unwrap_or_else(|| {
            self.maps.push((id, slot));
            self.maps.len() - 1
        }))
    }
}
