//! The pieces of an instruction: immediates, addresses, types, and what a two-slot load loads.

use crate::{Imm64, Operand, Reg, Size, Width};

use super::cursor::{Cursor, Fail, Number, Parsed};
use super::resolve::Target;

/// `*(u32 *)` or `(s8 *)`: what memory is accessed as.
#[derive(Clone, Copy)]
pub(super) struct Type {
    pub(super) signed: bool,
    pub(super) size: Size,
    pub(super) at: usize,
}

/// An address: `r10 - 8`.
pub(super) struct Address {
    pub(super) base: Reg,
    pub(super) off: i16,
}

/// The type of an access, in its brackets: `(u32 *)`.
pub(super) fn pointer_type(c: &mut Cursor<'_>) -> Parsed<Type> {
    c.expect("(")?;
    let at = c.at();
    let Some((signed, size)) = c.peek_word().and_then(type_name) else {
        return c.expected("a type, u8 to u64 or s8 to s32");
    };
    c.word();
    c.expect("*")?;
    c.expect(")")?;
    Ok(Type { signed, size, at })
}

fn type_name(word: &str) -> Option<(bool, Size)> {
    let (letter, bits) = word.split_at_checked(1)?;
    let signed = match letter {
        "u" => false,
        "s" => true,
        _ => return None,
    };
    let size = Size::ALL.into_iter().find(|size| size.bits().to_string() == bits)?;
    Some((signed, size))
}

/// `r10 - 8`, without brackets.
pub(super) fn address(c: &mut Cursor<'_>) -> Parsed<Address> {
    let base = c.register_of(Width::W64)?;
    let off = offset(c)?.map_or(Ok(0), |n| n.fit("an address offset of 16 bits"))?;
    Ok(Address { base, off })
}

/// `(r10 - 8)`.
pub(super) fn bracketed_address(c: &mut Cursor<'_>) -> Parsed<Address> {
    c.expect("(")?;
    let address = address(c)?;
    c.expect(")")?;
    Ok(address)
}

/// ` + 8` or ` - 8` behind a register.
pub(super) fn offset(c: &mut Cursor<'_>) -> Parsed<Option<Number>> {
    if c.rest().starts_with(['+', '-']) { c.need_number().map(Some) } else { Ok(None) }
}

/// The width of the register that holds a value of this size.
pub(super) fn width_of(size: Size) -> Width {
    if size == Size::DW { Width::W64 } else { Width::W32 }
}

/// A register that holds a value of this size: `r1` will do for all, `w1` for up to 4 bytes.
pub(super) fn value_register(c: &mut Cursor<'_>, size: Size) -> Parsed<Reg> {
    match c.peek_register() {
        Some((Width::W64, reg)) => {
            c.word();
            Ok(reg)
        }
        _ => c.register_of(width_of(size)),
    }
}

/// Second operand of arithmetic and comparisons.
pub(super) fn operand(c: &mut Cursor<'_>, width: Width) -> Parsed<Operand> {
    if c.peek_register().is_some() {
        return c.register_of(width).map(Operand::Reg);
    }
    match c.number()? {
        Some(number) => number.immediate(width).map(Operand::Imm),
        None => c.expected("a register or a number"),
    }
}

impl Number {
    /// As a field of the given type.
    pub(super) fn fit<T: TryFrom<i128>>(self, what: &str) -> Parsed<T> {
        T::try_from(self.value)
            .map_err(|_| Fail { at: self.at, message: format!("{} does not fit {what}", self.value) })
    }

    /// As the 32-bit immediate of an operation.
    pub(super) fn immediate(self, width: Width) -> Parsed<i32> {
        match (i32::try_from(self.value), u32::try_from(self.value)) {
            (Ok(imm), _) => Ok(imm),
            (_, Ok(imm)) if width == Width::W32 => Ok(imm as i32),
            (_, Ok(imm)) => {
                let message = format!(
                    "{imm:#x} would be sign-extended to {:#x}; write it as a negative number if that is meant, or load \
                     it with `ll`",
                    imm as i32 as i64
                );
                Err(Fail { at: self.at, message })
            }
            _ => Err(Fail {
                at: self.at,
                message: format!("{} does not fit an immediate of 32 bits", self.value),
            }),
        }
    }

    /// As 32 bits, signed or not.
    pub(super) fn bits32(self) -> Parsed<i32> {
        self.immediate(Width::W32)
    }

    /// As 64 bits, signed or not.
    pub(super) fn bits64(self) -> Parsed<u64> {
        if let Ok(value) = u64::try_from(self.value) {
            return Ok(value);
        }
        self.fit::<i64>("64 bits").map(|value| value as u64)
    }
}

/// What a two-slot load loads, other than a number: `map[fd:3]`, `subprog[+5]`...; `None` if it is none of these.
pub(super) fn pseudo<'a>(c: &mut Cursor<'a>) -> Parsed<Option<(Imm64, Option<Target<'a>>)>> {
    let mut ahead = *c;
    let Some(kind @ ("map" | "btf" | "subprog")) = ahead.name() else { return Ok(None) };
    if !ahead.eat("[") {
        return Ok(None);
    }
    *c = ahead;
    let (value, target) = match kind {
        "map" => (map(c)?, None),
        "btf" => (btf(c)?, None),
        _ => subprog(c)?,
    };
    c.eat_word("ll");
    Ok(Some((value, target)))
}

fn map(c: &mut Cursor<'_>) -> Parsed<Imm64> {
    let by_fd = match c.peek_word() {
        Some("fd") => true,
        Some("idx") => false,
        _ => return c.expected("`fd:` or `idx:`"),
    };
    c.word();
    c.expect(":")?;
    let map = c.need_number()?.bits32()?;
    c.expect("]")?;
    if !c.eat("[") {
        return Ok(if by_fd { Imm64::MapFd(map) } else { Imm64::MapIdx(map) });
    }
    if c.need_number()?.value != 0 {
        return c.fail("the address of a value is that of the first one: `map[..][0]+offset`");
    }
    c.expect("]")?;
    let off = offset(c)?.map_or(Ok(0), |n| n.fit("an offset of 32 bits"))?;
    Ok(if by_fd { Imm64::MapValue { fd: map, off } } else { Imm64::MapIdxValue { idx: map, off } })
}

fn btf(c: &mut Cursor<'_>) -> Parsed<Imm64> {
    let mut field = |name: &str| {
        if !c.eat_word(name) {
            return c.expected(&format!("`{name}:`"));
        }
        c.expect(":")?;
        c.need_number()?.bits32()
    };
    let id = field("id")?;
    let obj_fd = if c.eat(",") { field_fd(c)? } else { 0 };
    c.expect("]")?;
    Ok(Imm64::BtfId { id, obj_fd })
}

fn field_fd(c: &mut Cursor<'_>) -> Parsed<i32> {
    if !c.eat_word("fd") {
        return c.expected("`fd:`");
    }
    c.expect(":")?;
    c.need_number()?.bits32()
}

fn subprog<'a>(c: &mut Cursor<'a>) -> Parsed<(Imm64, Option<Target<'a>>)> {
    let at = c.at();
    let found = match c.number()? {
        Some(number) => (Imm64::Func(number.bits32()?), None),
        None => match c.name() {
            Some(name) => (Imm64::Func(0), Some(Target { name, at })),
            None => return c.expected("a distance in slots or a label"),
        },
    };
    c.expect("]")?;
    Ok(found)
}
