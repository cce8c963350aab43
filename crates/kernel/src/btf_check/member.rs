//! Whether members fit into their structs (`check_member`, `check_kflag_member` of each kind).

use super::{Check, Checker, Raw, kind};

/// A member (`struct btf_member`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) name: u32,
    pub(super) ty: u32,
    /// Its bits; in structs with the flag, a bitfield's size above 24 bits of them.
    pub(super) offset: u32,
}

impl Member {
    pub(super) fn bit_offset(self, of: Raw) -> u32 {
        if of.kflag() { self.offset & 0xff_ffff } else { self.offset }
    }
}

impl Checker<'_> {
    /// Checks a member against its type.
    pub(super) fn fits(&mut self, of: Raw, member: Member, ty: Raw) -> Check {
        self.fits_as(of, member, ty, of.kflag())
    }

    fn fits_as(&mut self, of: Raw, member: Member, ty: Raw, flagged: bool) -> Check {
        if ty.is_modifier() {
            let mut id = member.ty;
            let Some((resolved, _)) = self.sized(&mut id) else {
                return self.bad_member(of, member, "Invalid member");
            };
            return self.fits_as(of, Member { ty: id, ..member }, resolved, flagged);
        }
        match (ty.kind(), flagged) {
            (kind::INT, true) => self.flagged_int(of, member, ty),
            (kind::INT, false) => self.int_member(of, member, ty),
            (kind::ENUM, true) => self.flagged_enum(of, member),
            (kind::PTR | kind::ARRAY | kind::STRUCT | kind::UNION | kind::FLOAT, true) => {
                if member.offset >> 24 != 0 {
                    return self.bad_member(of, member, "Invalid member bitfield_size");
                }
                self.fits_as(of, member, ty, false)
            }
            (kind::ENUM64, true) => self.flagged_enum(of, member),
            (kind::FLOAT, false) => self.float_member(of, member, ty),
            (kind::PTR, false) => self.aligned(of, member, 8),
            (kind::ARRAY, false) => {
                let mut id = member.ty;
                let size = self.sized(&mut id).map_or(0, |it| it.1);
                self.aligned(of, member, size)
            }
            (kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64, false) => {
                self.aligned(of, member, ty.word)
            }
            (_, true) => self.bad_basic(of, "Unsupported check_kflag_member"),
            (_, false) => self.bad_basic(of, "Unsupported check_member"),
        }
    }

    /// Members of whole bytes.
    fn aligned(&mut self, of: Raw, member: Member, size: u32) -> Check {
        if !member.offset.is_multiple_of(8) {
            return self.bad_member(of, member, "Member is not byte aligned");
        }
        if of.word.wrapping_sub(member.offset / 8) < size {
            return self.bad_member(of, member, "Member exceeds struct_size");
        }
        Ok(())
    }

    fn int_member(&mut self, of: Raw, member: Member, ty: Raw) -> Check {
        let data = self.word(ty, 0);
        let Some(offset) = member.offset.checked_add(data >> 16 & 0xff) else {
            return self.bad_member(of, member, "bits_offset exceeds U32_MAX");
        };
        self.bits(of, member, offset, data & 0xff)
    }

    /// Bits in their struct.
    fn bits(&mut self, of: Raw, member: Member, offset: u32, bits: u32) -> Check {
        let copied = bits + offset % 8;
        if copied > 128 {
            return self.bad_member(of, member, "nr_copy_bits exceeds 128");
        }
        if of.word < offset / 8 || of.word - offset / 8 < copied.div_ceil(8) {
            return self.bad_member(of, member, "Member exceeds struct_size");
        }
        Ok(())
    }

    fn flagged_int(&mut self, of: Raw, member: Member, ty: Raw) -> Check {
        if !self.is_regular(ty) {
            return self.bad_member(of, member, "Invalid member base type");
        }
        let (offset, whole) = (member.offset & 0xff_ffff, self.word(ty, 0) & 0xff);
        let bits = match member.offset >> 24 {
            0 if !offset.is_multiple_of(8) => return self.bad_member(of, member, "Invalid member offset"),
            0 => whole,
            bits if bits > whole => return self.bad_member(of, member, "Invalid member bitfield_size"),
            bits => bits,
        };
        self.bits(of, member, offset, bits)
    }

    fn flagged_enum(&mut self, of: Raw, member: Member) -> Check {
        const INT: u32 = 32;
        let offset = member.offset & 0xff_ffff;
        let bits = match member.offset >> 24 {
            0 if !offset.is_multiple_of(8) => {
                return self.bad_member(of, member, "Member is not byte aligned");
            }
            0 => INT,
            bits if bits > INT => return self.bad_member(of, member, "Invalid member bitfield_size"),
            bits => bits,
        };
        if of.word < (offset + bits).div_ceil(8) {
            return self.bad_member(of, member, "Member exceeds struct_size");
        }
        Ok(())
    }

    fn float_member(&mut self, of: Raw, member: Member, ty: Raw) -> Check {
        let align = 8 * ty.word.min(8);
        if !member.offset.is_multiple_of(align) {
            return self.bad_member(of, member, "Member is not properly aligned");
        }
        if u64::from(member.offset / 8) + u64::from(ty.word) > u64::from(of.word) {
            return self.bad_member(of, member, "Member exceeds struct_size");
        }
        Ok(())
    }

    /// `btf_type_int_is_regular`.
    pub(super) fn is_regular(&self, ty: Raw) -> bool {
        let data = self.word(ty, 0);
        matches!(data & 0xff, 8 | 16 | 32 | 64 | 128) && data >> 16 & 0xff == 0
    }
}
