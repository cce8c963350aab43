//! All that starts with a register and `=`: moves, loads, conversions, addresses.

use crate::{AluForm, AluOp, End, Imm64, Op, Operand, PacketMode, Reg, Size, Width};

use super::atomic;
use super::cursor::{Cursor, Fail, Parsed, is_no_register, no_register};
use super::parse::Statement;
use super::resolve::Target;
use super::value::{bracketed_address, offset, operand, pointer_type, pseudo};

/// All that starts with a register.
pub(super) fn assignment<'a>(c: &mut Cursor<'a>) -> Parsed<Statement<'a>> {
    let at = c.at();
    let (width, dst) = c.register()?;
    match c.alu_operator() {
        Some(AluOp::Mov) => move_to(c, width, dst, at),
        Some(op) => Ok((Op::Alu { op, width, dst, src: operand(c, width)? }, None)),
        None => c.expected("an operator (=, +=, -=, *=, /=, s/=, %=, s%=, |=, &=, ^=, <<=, >>=, s>>=)"),
    }
}

/// All that may stand behind `r1 =`.
fn move_to<'a>(c: &mut Cursor<'a>, width: Width, dst: Reg, dst_at: usize) -> Parsed<Statement<'a>> {
    let plain = |op: Op| Ok((op, None));
    if c.peek_register().is_some() {
        let src = Operand::Reg(c.register_of(width)?);
        return plain(Op::Alu { op: AluOp::Mov, width, dst, src });
    }
    if let Some(number) = c.number()? {
        if c.eat_word("ll") {
            whole_register(width, dst_at)?;
            return plain(Op::LoadImm64 { dst, value: Imm64::Const(number.bits64()?) });
        }
        return plain(Op::Alu { op: AluOp::Mov, width, dst, src: Operand::Imm(number.immediate(width)?) });
    }
    if c.eat("-") {
        same_register(c, width, dst)?;
        return plain(Op::Alu { op: AluOp::Neg, width, dst, src: Operand::Imm(0) });
    }
    if c.eat("*") {
        return plain(load(c, width, dst, dst_at)?);
    }
    if c.rest().starts_with('(') {
        return plain(sign_extension(c, width, dst)?);
    }
    if let Some(op) = conversion(c, width, dst, dst_at)? {
        return plain(op);
    }
    if let Some(op) = atomic::call(c, width, dst, dst_at)? {
        return plain(op);
    }
    if c.eat_word("addr_space_cast") {
        whole_register(width, dst_at)?;
        return plain(addr_space_cast(c, dst)?);
    }
    if let Some((value, target)) = pseudo(c)? {
        whole_register(width, dst_at)?;
        return Ok((Op::LoadImm64 { dst, value }, target));
    }
    function_address(c, width, dst, dst_at)
}

fn whole_register(width: Width, at: usize) -> Parsed<()> {
    match width {
        Width::W64 => Ok(()),
        Width::W32 => Err(Fail { at, message: "this gives 64 bits; use the `r` register".into() }),
    }
}

fn same_register(c: &mut Cursor<'_>, width: Width, dst: Reg) -> Parsed<()> {
    let before = *c;
    if c.register_of(width)? == dst {
        return Ok(());
    }
    before.fail("this works in place: both registers must be the same")
}

/// `(s8)r2`.
fn sign_extension(c: &mut Cursor<'_>, width: Width, dst: Reg) -> Parsed<Op> {
    let is_next = |op: &&AluOp| op.form() == AluForm::RegOnly && c.rest().starts_with(op.row().cast);
    let Some(&op) = AluOp::ALL.iter().find(is_next) else {
        return c.expected("(s8), (s16) or (s32)");
    };
    if width < op.row().min_width {
        return c.fail("`(s32)` extends to 64 bits; use `r` registers");
    }
    c.expect(op.row().cast)?;
    Ok(Op::Alu { op, width, dst, src: Operand::Reg(c.register_of(width)?) })
}

/// `be16 r1`, if that is next.
fn conversion(c: &mut Cursor<'_>, width: Width, dst: Reg, dst_at: usize) -> Parsed<Option<Op>> {
    let parts = c.peek_word().and_then(|word| {
        End::ALL.into_iter().find_map(|kind| Some((kind, word.strip_prefix(kind.row().name)?.parse().ok()?)))
    });
    let Some((kind, bits)) = parts.filter(|(_, bits)| End::BITS.contains(bits)) else { return Ok(None) };
    c.word();
    whole_register(width, dst_at)?;
    same_register(c, Width::W64, dst)?;
    Ok(Some(Op::End { kind, bits, dst }))
}

fn addr_space_cast(c: &mut Cursor<'_>, dst: Reg) -> Parsed<Op> {
    c.expect("(")?;
    let src = c.register_of(Width::W64)?;
    c.expect(",")?;
    let to = c.need_number()?.fit("an address space of 16 bits")?;
    c.expect(",")?;
    let from = c.need_number()?.fit("an address space of 16 bits")?;
    c.expect(")")?;
    Ok(Op::AddrSpaceCast { dst, src, to, from })
}

/// `*(u32 *)(r1 + 0)` or `*(u32 *)skb[4]`, behind the first star.
fn load(c: &mut Cursor<'_>, width: Width, dst: Reg, dst_at: usize) -> Parsed<Op> {
    let ty = pointer_type(c)?;
    if c.eat_word("skb") {
        if dst != Reg::R0 || ty.signed || ty.size == Size::DW {
            return Err(Fail { at: dst_at, message: "packet loads go to r0, as u8, u16 or u32".into() });
        }
        return packet_load(c, ty.size);
    }
    if ty.signed && ty.size == Size::DW {
        return Err(Fail { at: ty.at, message: "there is no s64; a u64 fills the register".into() });
    }
    if width == Width::W32 && (ty.signed || ty.size == Size::DW) {
        return Err(Fail { at: dst_at, message: "this load fills 64 bits; use the `r` register".into() });
    }
    let address = bracketed_address(c)?;
    Ok(Op::Load { size: ty.size, signed: ty.signed, dst, base: address.base, off: address.off })
}

fn packet_load(c: &mut Cursor<'_>, size: Size) -> Parsed<Op> {
    c.expect("[")?;
    let (mode, imm) = if c.peek_register().is_some() {
        let reg = c.register_of(Width::W64)?;
        // The kernel prints `r1 + -4`.
        let imm = if c.eat("+") { Some(c.need_number()?) } else { offset(c)? };
        (PacketMode::Ind(reg), imm)
    } else {
        (PacketMode::Abs, Some(c.need_number()?))
    };
    c.expect("]")?;
    Ok(Op::LoadPacket { mode, size, imm: imm.map_or(Ok(0), |n| n.bits32())? })
}

/// `name ll`, the address of a function of this program.
fn function_address<'a>(c: &mut Cursor<'a>, width: Width, dst: Reg, dst_at: usize) -> Parsed<Statement<'a>> {
    let start = *c;
    let at = c.at();
    let Some(name) = c.name() else { return c.expected("a register, a number or `*(...)`") };
    if is_no_register(name) {
        return start.fail(no_register(name));
    }
    if !c.eat_word("ll") {
        return start.fail(format!(
            "`{name}` is no register, number or function; the address of a function is written `{name} ll`"
        ));
    }
    whole_register(width, dst_at)?;
    Ok((Op::LoadImm64 { dst, value: Imm64::Func(0) }, Some(Target { name, at })))
}
