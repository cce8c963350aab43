//! Atomic operations that are written as functions: clang's names and the kernel's.

use crate::atomic::Syntax;
use crate::{AtomicOp, Op, Reg, Size, Width};

use super::cursor::{Cursor, Fail, Parsed};
use super::value::{Address, Type, address, bracketed_address, pointer_type, value_register};

/// How the arguments of such a function are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `((u64 *)(r1 + 0), ...)`.
    Typed,
    /// `(r1 + 0, ...)`, the size being in the name.
    Plain(Size),
}

/// The operation of a function's name.
fn function(name: &str) -> Option<(AtomicOp, Style)> {
    let kernel = name.strip_prefix("atomic64_").or_else(|| name.strip_prefix("atomic_"));
    AtomicOp::ALL.iter().find_map(|&op| {
        let style = match op.row().syntax {
            Syntax::Exchange(_, wide, _) if name == wide => Style::Plain(Size::DW),
            Syntax::Exchange(_, _, narrow) if name == narrow => Style::Plain(Size::W),
            Syntax::Exchange(own, ..) | Syntax::Fetch(own) if kernel == Some(own) => Style::Typed,
            Syntax::Load(own) if name == own => Style::Typed,
            _ => return None,
        };
        Some((op, style))
    })
}

/// `atomic_fetch_add((u64 *)(r1 + 0), r2)` and its kin, behind `dst =`; `None` if it is none of them.
pub(super) fn call(c: &mut Cursor<'_>, width: Width, dst: Reg, dst_at: usize) -> Parsed<Option<Op>> {
    let Some((op, style)) = c.peek_word().and_then(function) else { return Ok(None) };
    c.word();
    c.expect("(")?;
    let (size, Address { base, off }) = place(c, op, style)?;
    if width == Width::W32 && size == Size::DW {
        return Err(Fail { at: dst_at, message: "a `w` register holds no 8 bytes; use the `r` one".into() });
    }
    if op.result(Reg::R1) == Some(Reg::R0) {
        c.expect(",")?;
        only(c, size, Reg::R0, "compare-and-exchange compares with r0 alone")?;
    }
    let reg = if op.reads_operand() {
        c.expect(",")?;
        value_register(c, size)?
    } else {
        dst
    };
    c.expect(")")?;
    if op.result(reg) != Some(dst) {
        let message = match op {
            AtomicOp::CmpXchg => "compare-and-exchange puts the old value in r0 alone".into(),
            _ => format!("the old value goes to the operand's register; write `{reg} = ...`"),
        };
        return Err(Fail { at: dst_at, message });
    }
    Ok(Some(Op::Atomic { op, size, base, off, reg }))
}

/// `store_release((u64 *)(r1 + 0), r2)`, behind its name.
pub(super) fn store_release(c: &mut Cursor<'_>) -> Parsed<Op> {
    c.expect("(")?;
    let (size, Address { base, off }) = place(c, AtomicOp::StoreRelease, Style::Typed)?;
    c.expect(",")?;
    let reg = value_register(c, size)?;
    c.expect(")")?;
    Ok(Op::Atomic { op: AtomicOp::StoreRelease, size, base, off, reg })
}

/// `lock *(u64 *)(r1 + 0) += r2`, behind `lock`.
pub(super) fn lock(c: &mut Cursor<'_>) -> Parsed<Op> {
    c.expect("*")?;
    let (size, Address { base, off }) = place(c, AtomicOp::Add, Style::Typed)?;
    let operation =
        AtomicOp::ALL.iter().find(|op| matches!(op.row().syntax, Syntax::Lock(sign) if c.eat(sign)));
    let Some(&op) = operation else {
        return c.expected("`+=`, `|=`, `&=` or `^=`");
    };
    let reg = value_register(c, size)?;
    Ok(Op::Atomic { op, size, base, off, reg })
}

/// Size and address of the memory.
fn place(c: &mut Cursor<'_>, op: AtomicOp, style: Style) -> Parsed<(Size, Address)> {
    if let Style::Plain(size) = style {
        return Ok((size, address(c)?));
    }
    let Type { signed, size, at } = pointer_type(c)?;
    if signed || !op.supports(size) {
        let sizes = if op.supports(Size::B) { "u8 to u64" } else { "u32 or u64" };
        return Err(Fail { at, message: format!("this atomic operation takes {sizes}") });
    }
    Ok((size, bracketed_address(c)?))
}

fn only(c: &mut Cursor<'_>, size: Size, reg: Reg, why: &str) -> Parsed<()> {
    let before = *c;
    if value_register(c, size)? == reg { Ok(()) } else { before.fail(why) }
}
