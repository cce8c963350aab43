//! What two-slot loads load: one row per pseudo kind.

use std::fmt::{self, Display, Formatter};

use crate::error::ErrorKind;
use crate::fmt::Hex;

/// What a two-slot load puts into its register (RFC 9669 section 5.4): the pseudo kinds 0 to 6.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Imm64 {
    /// This number.
    Const(u64),
    /// The map behind a file descriptor.
    MapFd(i32),
    /// An address inside the value of the map behind a file descriptor.
    MapValue {
        /// The map.
        fd: i32,
        /// Bytes into the value.
        off: u32,
    },
    /// The address of a kernel variable.
    BtfId {
        /// BTF id of the variable.
        id: i32,
        /// File descriptor of the module's BTF; 0 is vmlinux.
        obj_fd: i32,
    },
    /// A function of this program, to hand to a helper that calls back: slots from the *first* slot's successor, as in
    /// a local call.
    Func(i32),
    /// The map at an index of the `fd_array` given at load time.
    MapIdx(i32),
    /// An address inside the value of the map at an index of the `fd_array`.
    MapIdxValue {
        /// The map.
        idx: i32,
        /// Bytes into the value.
        off: u32,
    },
}

impl Imm64 {
    /// From the source field and the immediates of the two slots.
    pub(crate) fn of(kind: u8, lo: i32, hi: i32) -> Result<Imm64, ErrorKind> {
        let value = match kind {
            0 => Imm64::Const(u64::from(hi as u32) << 32 | u64::from(lo as u32)),
            1 => Imm64::MapFd(lo),
            2 => Imm64::MapValue { fd: lo, off: hi as u32 },
            3 => Imm64::BtfId { id: lo, obj_fd: hi },
            4 => Imm64::Func(lo),
            5 => Imm64::MapIdx(lo),
            6 => Imm64::MapIdxValue { idx: lo, off: hi as u32 },
            kind => return Err(ErrorKind::UnknownPseudo { kind }),
        };
        if value.parts() == (kind, lo, hi) { Ok(value) } else { Err(ErrorKind::PseudoSecondSlot) }
    }

    /// The source field and the immediates of the two slots.
    pub(crate) const fn parts(self) -> (u8, i32, i32) {
        match self {
            Imm64::Const(v) => (0, v as i32, (v >> 32) as i32),
            Imm64::MapFd(fd) => (1, fd, 0),
            Imm64::MapValue { fd, off } => (2, fd, off as i32),
            Imm64::BtfId { id, obj_fd } => (3, id, obj_fd),
            Imm64::Func(off) => (4, off, 0),
            Imm64::MapIdx(idx) => (5, idx, 0),
            Imm64::MapIdxValue { idx, off } => (6, idx, off as i32),
        }
    }
}

impl Display for Imm64 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Imm64::Const(value) => Hex(value as i64).fmt(f),
            Imm64::MapFd(fd) => write!(f, "map[fd:{fd}]"),
            Imm64::MapValue { fd, off } => write!(f, "map[fd:{fd}][0]+{off}"),
            Imm64::MapIdx(idx) => write!(f, "map[idx:{idx}]"),
            Imm64::MapIdxValue { idx, off } => write!(f, "map[idx:{idx}][0]+{off}"),
            Imm64::BtfId { id, obj_fd } => write!(f, "btf[id:{id},fd:{obj_fd}]"),
            Imm64::Func(off) => write!(f, "subprog[{off:+}]"),
        }
    }
}
