//! One 8-byte slot, as it lies in memory and in files.

use crate::error::{Error, ErrorKind};

/// Bytes of one slot. Wide instructions (`ldimm64`) take two.
pub const SLOT_BYTES: usize = 8;

/// One slot as RFC 9669 section 3.1 lays it out; the fields are raw and may hold anything.
///
/// Byte order of `off` and `imm` in files and in [`Insn::to_bytes`] is little-endian, which is what a BPF object for
/// x86-64 or arm64 holds. [`decode`](crate::decode) gives a slot its meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Insn {
    /// Opcode: the class in the low three bits, the rest by class.
    pub code: u8,
    /// Destination register number, 4 bits in the encoding.
    pub dst: u8,
    /// Source register number, or a selector (pseudo kind of a wide load, kind of a call), 4 bits in the encoding.
    pub src: u8,
    /// Signed offset: bytes for memory, slots for jumps, a selector for `sdiv`, `smod` and `movsx`.
    pub off: i16,
    /// Signed immediate.
    pub imm: i32,
}

impl Insn {
    /// A slot from its five fields. Only the low four bits of `dst` and `src` exist in the encoding.
    pub const fn new(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
        Insn { code, dst, src, off, imm }
    }

    /// Reads a slot from its little-endian bytes. Every pattern is some slot.
    pub const fn from_bytes(b: [u8; SLOT_BYTES]) -> Insn {
        Insn {
            code: b[0],
            dst: b[1] & 0xf,
            src: b[1] >> 4,
            off: i16::from_le_bytes([b[2], b[3]]),
            imm: i32::from_le_bytes([b[4], b[5], b[6], b[7]]),
        }
    }

    /// The little-endian bytes of the slot. `dst` and `src` are cut to the four bits they have.
    pub const fn to_bytes(self) -> [u8; SLOT_BYTES] {
        let [o0, o1] = self.off.to_le_bytes();
        let [i0, i1, i2, i3] = self.imm.to_le_bytes();
        [self.code, (self.src << 4) | (self.dst & 0xf), o0, o1, i0, i1, i2, i3]
    }

    /// Reads a whole program text.
    ///
    /// # Errors
    /// [`ErrorKind::PartialSlot`] if the length is not a multiple of [`SLOT_BYTES`].
    pub fn from_slice(bytes: &[u8]) -> Result<Vec<Insn>, Error> {
        let (slots, rest) = bytes.as_chunks::<SLOT_BYTES>();
        if !rest.is_empty() {
            let kind = ErrorKind::PartialSlot { bytes: rest.len() };
            return Err(Error { slot: slots.len(), insn: Insn::default(), kind });
        }
        Ok(slots.iter().map(|b| Insn::from_bytes(*b)).collect())
    }

    /// The bytes of a whole program text, the opposite of [`Insn::from_slice`].
    pub fn to_vec(insns: &[Insn]) -> Vec<u8> {
        insns.iter().flat_map(|i| i.to_bytes()).collect()
    }
}
