//! What calls call: one row per kind.

use std::fmt::{self, Display, Formatter};

use crate::error::{ErrorKind, Field};
use crate::fmt::Hex;

/// What a call calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Callee {
    /// A helper by number.
    Helper(u32),
    /// A function of this program: slots from the call's successor.
    Local(i32),
    /// A kernel function by BTF id.
    Kfunc {
        /// BTF id of the function.
        btf_id: i32,
        /// Index in `fd_array` of the module's BTF; 0 is vmlinux.
        off: i16,
    },
}

impl Callee {
    /// From the source, offset and immediate fields.
    pub(crate) fn of(kind: u8, off: i16, imm: i32) -> Result<Callee, ErrorKind> {
        let reserved = |field, value, expected| Err(ErrorKind::Reserved { field, value, expected });
        match kind {
            0 | 1 if off != 0 => {
                reserved(Field::Off, off.into(), "0: only calls of kernel functions have an index there")
            }
            0 => Ok(Callee::Helper(imm as u32)),
            1 => Ok(Callee::Local(imm)),
            2 => Ok(Callee::Kfunc { btf_id: imm, off }),
            _ => reserved(Field::Src, kind.into(), "0 (helper), 1 (local) or 2 (kernel function)"),
        }
    }

    /// The source, offset and immediate fields.
    pub(crate) const fn parts(self) -> (u8, i16, i32) {
        match self {
            Callee::Helper(id) => (0, 0, id as i32),
            Callee::Local(off) => (1, 0, off),
            Callee::Kfunc { btf_id, off } => (2, off, btf_id),
        }
    }
}

impl Display for Callee {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Callee::Helper(id) => Hex((id as i32).into()).fmt(f),
            Callee::Local(off) => write!(f, "pc{off:+}"),
            Callee::Kfunc { btf_id, off: 0 } => write!(f, "kernel-function#{btf_id}"),
            Callee::Kfunc { btf_id, off } => write!(f, "kernel-function#{btf_id} fd_array[{off}]"),
        }
    }
}
