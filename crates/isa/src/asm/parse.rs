//! One line: what may stand in front of an instruction, and the instruction.

use crate::{Callee, Insn, Op, Operand, SLOT_BYTES, Width};

use super::AsmError;
use super::assign::assignment;
use super::atomic;
use super::cursor::{Cursor, Fail, Parsed, is_no_register, no_register, register};
use super::resolve::{Target, Unresolved};
use super::value::{bracketed_address, operand, pointer_type, value_register, width_of};

/// An instruction and the label it leads to, if it names one.
pub(super) type Statement<'a> = (Op, Option<Target<'a>>);

/// Reads a line into the program.
pub(super) fn line<'a>(line: &'a str, number: usize, program: &mut Unresolved<'a>) -> Result<(), AsmError> {
    read(Cursor::new(line), (line, number), program).map_err(|fail| fail.in_line(line, number))
}

fn read<'a>(mut c: Cursor<'a>, line: (&'a str, usize), program: &mut Unresolved<'a>) -> Parsed<()> {
    skip_listing(&mut c);
    while let Some((name, at)) = label(&mut c)? {
        if let Err(earlier) = program.define(name, line.1) {
            let message = format!("the label `{name}` is defined already, in line {earlier}");
            return Err(Fail { at, message });
        }
    }
    if c.is_empty() {
        return Ok(());
    }
    if c.eat_word(".hex") {
        program.push_raw(&raw_slots(&mut c)?);
    } else {
        let (op, target) = statement(&mut c)?;
        program.push(op, target, line);
    }
    if !c.is_empty() {
        return c.fail(format!("{} is too much after the instruction", c.found()));
    }
    no_second_statement(&c)
}

/// Skips an instruction number and what a listing puts behind it: the bytes, or the opcode in brackets.
fn skip_listing(c: &mut Cursor<'_>) {
    let mut ahead = *c;
    let is_number = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
    if !ahead.peek_word().is_some_and(is_number) {
        return;
    }
    ahead.word();
    if !ahead.eat(":") {
        return;
    }
    *c = ahead;
    if ahead.eat("(") && ahead.word().is_some_and(is_byte) && ahead.eat(")") {
        *c = ahead;
        return;
    }
    for _ in 0..2 {
        let mut ahead = *c;
        if (0..SLOT_BYTES).all(|_| ahead.word().is_some_and(is_byte)) {
            *c = ahead;
        }
    }
}

fn is_byte(word: &str) -> bool {
    word.len() == 2 && word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// `name:`, or objdump's `0000000000000000 <name>:`.
fn label<'a>(c: &mut Cursor<'a>) -> Parsed<Option<(&'a str, usize)>> {
    let mut ahead = *c;
    let at = c.at();
    let name = match ahead.name() {
        Some(name) => name,
        None => {
            if ahead.word().is_none() || !ahead.eat("<") {
                return Ok(None);
            }
            match ahead.skip_past('>') {
                Some(name) => name,
                None => return Ok(None),
            }
        }
    };
    if !ahead.eat(":") {
        return Ok(None);
    }
    if register(name).is_some() {
        return c.fail(format!("`{name}` is a register and cannot be a label"));
    }
    *c = ahead;
    Ok(Some((name, at)))
}

/// Whole slots in hex, behind `.hex`.
fn raw_slots(c: &mut Cursor<'_>) -> Parsed<Vec<Insn>> {
    let start = *c;
    let mut digits = Vec::new();
    while let Some(word) = c.peek_word() {
        if !word.bytes().all(|b| b.is_ascii_hexdigit()) {
            return c.expected("bytes in hex");
        }
        digits.extend(word.chars().filter_map(|digit| digit.to_digit(16)));
        c.word();
    }
    if digits.is_empty() || digits.len() % (2 * SLOT_BYTES) != 0 {
        return start.fail("a slot is 8 bytes, 16 hex digits");
    }
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect();
    let (slots, _) = bytes.as_chunks();
    Ok(slots.iter().map(|slot| Insn::from_bytes(*slot)).collect())
}

/// `;` separates instructions elsewhere and starts a comment here: dropping what follows silently would be a trap.
fn no_second_statement(c: &Cursor<'_>) -> Parsed<()> {
    let Some(comment) = c.rest().strip_prefix(';') else { return Ok(()) };
    let mut inner = Cursor::new(comment);
    if !inner.is_empty() && statement(&mut inner).is_ok() && inner.is_empty() {
        return c.fail("`;` starts a comment; put each instruction on a line of its own");
    }
    Ok(())
}

fn statement<'a>(c: &mut Cursor<'a>) -> Parsed<Statement<'a>> {
    if c.peek_register().is_some() {
        return assignment(c);
    }
    if c.eat("*") {
        return store(c).map(|op| (op, None));
    }
    let start = *c;
    match c.name() {
        Some("exit") => Ok((Op::Exit, None)),
        Some("if") => branch(c),
        Some("goto") => {
            jump(c, "`goto` reaches; `gotol` has 32 bits", |off| Some(Op::Jump { off: off.try_into().ok()? }))
        }
        Some("gotol") => jump(c, "`gotol` reaches", |off| Some(Op::JumpLong { off: off.try_into().ok()? })),
        Some("may_goto") => {
            jump(c, "`may_goto` reaches", |off| Some(Op::MayGoto { off: off.try_into().ok()? }))
        }
        Some("call") => call(c),
        Some("lock") => Ok((atomic::lock(c)?, None)),
        Some("store_release") => Ok((atomic::store_release(c)?, None)),
        Some("ld_pseudo") => Ok((ld_pseudo(c)?, None)),
        Some("callx") => {
            start.fail("the kernel has no indirect calls; use `call` with a label or a helper number")
        }
        Some(name) if is_no_register(name) => start.fail(no_register(name)),
        _ => start.expected("an instruction (`r0 = 1`, `if r1 > 2 goto +3`, `call 5`, `exit`, ...)"),
    }
}

/// Where a jump leads: a distance, or a label to be resolved (then 0). The flag says that it was written `pc+3`.
fn target<'a>(c: &mut Cursor<'a>) -> Parsed<(i128, Option<Target<'a>>, bool)> {
    let at = c.at();
    let mut ahead = *c;
    let kernel_form = ahead.eat_word("pc") && ahead.rest().starts_with(['+', '-']);
    if kernel_form {
        *c = ahead;
    }
    let found = if c.rest().starts_with(['+', '-']) {
        (c.need_number()?.value, None, kernel_form)
    } else {
        match c.name() {
            Some(name) => (0, Some(Target { name, at }), false),
            None => return c.expected("a target: a label, or a distance with its sign such as `+3`"),
        }
    };
    // objdump's comment: `<function+0x18>`.
    if c.rest().starts_with('<') && c.skip_past('>').is_none() {
        return c.fail("`<` is not closed");
    }
    Ok(found)
}

fn jump<'a>(c: &mut Cursor<'a>, reach: &str, make: fn(i128) -> Option<Op>) -> Parsed<Statement<'a>> {
    let at = c.at();
    let (off, target, _) = target(c)?;
    match make(off) {
        Some(op) => Ok((op, target)),
        None => Err(Fail { at, message: format!("{off} is further than {reach}") }),
    }
}

fn branch<'a>(c: &mut Cursor<'a>) -> Parsed<Statement<'a>> {
    let (width, dst) = c.register()?;
    let Some(op) = c.comparison() else {
        return c.expected("a comparison (==, !=, >, >=, <, <=, s>, s>=, s<, s<=, &)");
    };
    let mut ahead = *c;
    let src = match c.number()? {
        Some(number) => Err(number),
        None => Ok(operand(c, width)?),
    };
    if !c.eat_word("goto") {
        return c.expected("`goto`");
    }
    let at = c.at();
    let (off, target, kernel_form) = target(c)?;
    let src = match src {
        Ok(src) => src,
        // The kernel prints the 32 bits of the immediate without their sign.
        Err(number) if kernel_form && number.hex => Operand::Imm(number.bits32()?),
        Err(_) => operand(&mut ahead, width)?,
    };
    match i16::try_from(off) {
        Ok(off) => Ok((Op::Branch { op, width, dst, src, off }, target)),
        Err(_) => Err(Fail { at, message: format!("{off} is further than the 16 bits of a branch reach") }),
    }
}

fn call<'a>(c: &mut Cursor<'a>) -> Parsed<Statement<'a>> {
    if let Some(id) = c.number()? {
        return Ok((Op::Call(Callee::Helper(id.bits32()? as u32)), None));
    }
    if c.eat("kernel-function#") || c.eat("kfunc#") {
        let btf_id = c.need_number()?.bits32()?;
        return Ok((Op::Call(Callee::Kfunc { btf_id, off: fd_array_index(c)? }), None));
    }
    let mut ahead = *c;
    let is_name = ahead.name().is_some();
    if is_name && ahead.rest().starts_with('#') {
        // `bpf_map_lookup_elem#1`: the number says which, the name is for the reader.
        c.skip_past('#');
        return Ok((Op::Call(Callee::Helper(c.need_number()?.bits32()? as u32)), None));
    }
    if !is_name {
        return c.expected("a helper number or a label");
    }
    let at = c.at();
    let (off, target, _) = target(c)?;
    match i32::try_from(off) {
        Ok(off) => Ok((Op::Call(Callee::Local(off)), target)),
        Err(_) => Err(Fail { at, message: format!("{off} is further than the 32 bits of a call reach") }),
    }
}

fn fd_array_index(c: &mut Cursor<'_>) -> Parsed<i16> {
    if !c.eat_word("fd_array") {
        return Ok(0);
    }
    c.expect("[")?;
    let index = c.need_number()?.fit("an index of 16 bits")?;
    c.expect("]")?;
    Ok(index)
}

/// `ld_pseudo r1, 1, 5`: objdump's form of what it has no words for.
fn ld_pseudo(c: &mut Cursor<'_>) -> Parsed<Op> {
    let dst = c.register_of(Width::W64)?;
    c.expect(",")?;
    let kind = c.need_number()?;
    c.expect(",")?;
    let imm = c.need_number()?.bits64()?;
    let (lo, hi) = (imm as i32, (imm >> 32) as i32);
    let kind_number = kind.fit("the 4 bits of a kind")?;
    let insns = [Insn::new(0x18, dst.number(), kind_number, 0, lo), Insn::new(0, 0, 0, 0, hi)];
    crate::decode(&insns, 0).map_err(|error| Fail { at: kind.at, message: error.reason().to_string() })
}

/// `*(u32 *)(r1 + 0) = ...`, behind the first star.
fn store(c: &mut Cursor<'_>) -> Parsed<Op> {
    let ty = pointer_type(c)?;
    if ty.signed {
        return Err(Fail { at: ty.at, message: "stores have no sign; use u8 to u64".into() });
    }
    let address = bracketed_address(c)?;
    if !c.eat("=") {
        return c.expected("`=` (`lock` goes in front of the operations on memory)");
    }
    let value = if c.peek_register().is_some() {
        Operand::Reg(value_register(c, ty.size)?)
    } else {
        operand(c, width_of(ty.size))?
    };
    Ok(Op::Store { size: ty.size, base: address.base, off: address.off, value })
}
