//! Atomic operations that are written as functions: clang's names and the kernel's.

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

/// The function of a name.
fn function(name: &str) -> Option<(AtomicOp, Style)> {
    match name {
        "xchg_64" => return Some((AtomicOp::Xchg, Style::Plain(Size::DW))),
        "xchg32_32" => return Some((AtomicOp::Xchg, Style::Plain(Size::W))),
        "cmpxchg_64" => return Some((AtomicOp::CmpXchg, Style::Plain(Size::DW))),
        "cmpxchg32_32" => return Some((AtomicOp::CmpXchg, Style::Plain(Size::W))),
        "load_acquire" => return Some((AtomicOp::LoadAcquire, Style::Typed)),
        _ => {}
    }
    let name = name.strip_prefix("atomic64_").or_else(|| name.strip_prefix("atomic_"))?;
    let (name, fetch) = match name.strip_prefix("fetch_") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let is_fetch = |op: AtomicOp| matches!(op, AtomicOp::Xchg | AtomicOp::CmpXchg) != fetch;
    let op =
        AtomicOp::ALL.iter().copied().find(|&op| op.row().text == name && op.fetches() && is_fetch(op))?;
    Some((op, Style::Typed))
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
    if op == AtomicOp::CmpXchg {
        c.expect(",")?;
        only(c, size, Reg::R0, "compare-and-exchange compares with r0 alone")?;
    }
    let reg = if op == AtomicOp::LoadAcquire {
        dst
    } else {
        c.expect(",")?;
        value_register(c, size)?
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
    let is_next = |op: &&AtomicOp| op.row().text.ends_with('=') && c.rest().starts_with(op.row().text);
    let Some(&op) = AtomicOp::ALL.iter().find(is_next) else {
        return c.expected("`+=`, `|=`, `&=` or `^=`");
    };
    c.expect(op.row().text)?;
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
