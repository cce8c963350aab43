//! The number that a relocation asks for, in the object and in the target (libbpf's `bpf_core_calc_relo`).

use super::ReloKind;
use super::error::{Error, Failure};
use super::kind::Subject;
use super::size::size_of;
use super::spec::{Accessor, Spec};
use crate::{Btf, Def, IntEncoding, Type, TypeId};

/// A number, and what else of the field an instruction has to agree with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Number {
    pub(super) value: u64,
    /// Of an offset: the field that a load or store there would access. None for a bit-field.
    pub(super) field: Option<(TypeId, u32)>,
    /// Whether the compiler must have put the same number into the instruction.
    pub(super) validate: bool,
}

impl Number {
    fn plain(value: u64) -> Number {
        Number { value, field: None, validate: true }
    }
}

/// What a spec amounts to.
pub(super) fn number(spec: &Spec<'_>, insn: usize) -> Result<Number, Error> {
    match spec.kind.subject() {
        Subject::Field => Field { spec, insn }.number(),
        Subject::Type => type_number(spec),
        Subject::EnumValue => enum_number(spec),
    }
}

/// What a relocation amounts to that found nothing: a number, or none, which poisons the instruction.
pub(super) fn missing(kind: ReloKind) -> Option<u64> {
    match kind {
        ReloKind::FieldExists | ReloKind::EnumValueExists => Some(0),
        kind if kind.subject() == Subject::Type => Some(0),
        _ => None,
    }
}

/// Whether a load or store of one field may be made one of the other by changing its width.
pub(super) fn can_resize(
    local: &Btf,
    a: Option<(TypeId, u32)>,
    target: &Btf,
    b: Option<(TypeId, u32)>,
) -> bool {
    let (Some((a, _)), Some((b, _))) = (a, b) else { return false };
    match (local.type_by_id(a).map(|ty| &ty.def), target.type_by_id(b).map(|ty| &ty.def)) {
        // Zeros above are what a narrower pointer or unsigned number means.
        (Some(Def::Ptr(_)), Some(Def::Ptr(_))) => true,
        (Some(Def::Int(a)), Some(Def::Int(b))) => {
            a.encoding != IntEncoding::Signed && b.encoding != IntEncoding::Signed
        }
        _ => false,
    }
}

fn sized(btf: &Btf, id: TypeId) -> Result<u32, Error> {
    size_of(btf, id).map_err(|_: Failure| Error::NoSize)
}

fn type_number(spec: &Spec<'_>) -> Result<Number, Error> {
    let number = match spec.kind {
        ReloKind::TypeSize => Number::plain(sized(spec.btf, spec.root)?.into()),
        // Ids change when objects are linked.
        ReloKind::TypeIdLocal | ReloKind::TypeIdTarget => {
            Number { validate: false, ..Number::plain(spec.root.0.into()) }
        }
        _ => Number::plain(1),
    };
    Ok(number)
}

fn enum_number(spec: &Spec<'_>) -> Result<Number, Error> {
    if spec.kind == ReloKind::EnumValueExists {
        return Ok(Number::plain(1));
    }
    let step = spec.steps.first().ok_or(Error::NoSize)?;
    let value = |values: &[crate::EnumValue]| values.get(step.index as usize).map(|it| it.value);
    let value = match spec.btf.type_by_id(step.type_id).map(|ty| &ty.def) {
        // libbpf takes the 32 bits as signed, whatever the enumeration says.
        Some(Def::Enum(e)) => value(&e.values).map(|value| i64::from(value as i32)),
        Some(Def::Enum64(e)) => value(&e.values),
        _ => None,
    };
    value.map(|value| Number::plain(value as u64)).ok_or(Error::NoSize)
}

struct Field<'s, 'b> {
    spec: &'s Spec<'b>,
    insn: usize,
}

/// Where the bytes are that hold a field.
struct Place {
    byte_offset: u32,
    byte_size: u32,
    bit_size: u32,
    is_bitfield: bool,
}

impl Field<'_, '_> {
    fn number(&self) -> Result<Number, Error> {
        let spec = self.spec;
        if spec.kind == ReloKind::FieldExists {
            return Ok(Number::plain(1));
        }
        match spec.steps.last() {
            Some(Accessor { type_id, index, name: Some(_) }) => self.member(*type_id, *index),
            Some(Accessor { type_id, .. }) => self.element(*type_id),
            None => Err(Error::NoSize),
        }
    }

    fn element(&self, id: TypeId) -> Result<Number, Error> {
        let spec = self.spec;
        let size = || sized(spec.btf, id);
        match spec.kind {
            ReloKind::FieldByteOffset => {
                let field = Some((id, size()?));
                Ok(Number { field, ..Number::plain((spec.bit_offset / 8).into()) })
            }
            ReloKind::FieldByteSize => Ok(Number::plain(size()?.into())),
            kind => Err(Error::ArrayElement { kind: kind.number(), insn: self.insn }),
        }
    }

    fn member(&self, id: TypeId, index: u32) -> Result<Number, Error> {
        let btf = self.spec.btf;
        let composite = btf.type_by_id(id).and_then(Type::composite).ok_or(Error::NoSize)?;
        let member = composite.members.get(index as usize).ok_or(Error::NoSize)?;
        let type_id = btf.resolve(member.type_id);
        let place = self.place(type_id, member.bit_size.into())?;
        let plain = |value: u32| Number { validate: !place.is_bitfield, ..Number::plain(value.into()) };
        Ok(match self.spec.kind {
            ReloKind::FieldByteOffset => {
                let field = (!place.is_bitfield).then_some((type_id, place.byte_size));
                Number { field, ..plain(place.byte_offset) }
            }
            ReloKind::FieldByteSize => plain(place.byte_size),
            // Neither sign nor width are up to the compiler, unlike the place of a bit-field.
            ReloKind::FieldSigned => Number::plain(is_signed(btf, type_id).into()),
            ReloKind::FieldRshiftU64 => Number::plain(64u32.wrapping_sub(place.bit_size).into()),
            // As of little-endian machines.
            _ => {
                let end = self.spec.bit_offset.wrapping_add(place.bit_size);
                let above = end.wrapping_sub(place.byte_offset.wrapping_mul(8));
                plain(64u32.wrapping_sub(above))
            }
        })
    }

    /// A bit-field lies in the smallest aligned integer, of its type's size or more, that has all of its bits.
    fn place(&self, type_id: TypeId, bit_size: u32) -> Result<Place, Error> {
        let bit_offset = self.spec.bit_offset;
        let mut byte_size = sized(self.spec.btf, type_id)?;
        if bit_size == 0 {
            let (byte_offset, bit_size) = (bit_offset / 8, byte_size.wrapping_mul(8));
            return Ok(Place { byte_offset, byte_size, bit_size, is_bitfield: false });
        }
        loop {
            let units = (bit_offset / 8).checked_div(byte_size).ok_or(Error::NoSize)?;
            let byte_offset = units * byte_size;
            let end = u64::from(bit_offset) + u64::from(bit_size) - u64::from(byte_offset) * 8;
            if end <= u64::from(byte_size) * 8 {
                return Ok(Place { byte_offset, byte_size, bit_size, is_bitfield: true });
            }
            if byte_size >= 8 {
                return Err(Error::BitField { kind: self.spec.kind.number(), insn: self.insn });
            }
            byte_size *= 2;
        }
    }
}

fn is_signed(btf: &Btf, id: TypeId) -> bool {
    match btf.type_by_id(id).map(|ty| &ty.def) {
        Some(Def::Int(int)) => int.encoding == IntEncoding::Signed,
        Some(Def::Enum(e) | Def::Enum64(e)) => e.signed,
        _ => false,
    }
}
