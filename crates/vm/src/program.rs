//! A program made ready to run.

use std::fmt;

use skep_isa::{Callee, Imm64, Insn, Op, Reg, SLOT_BYTES, decode};

use crate::flow;
use crate::threaded::{self, Code};

/// Most slots a program may have; the real kernel takes a million instructions.
pub const MAX_SLOTS: usize = 1 << 24;

/// A slot that starts no instruction: the second half of a wide load.
const NO_OP: u32 = u32::MAX;

/// A program made ready to run: decoded, every jump and call resolved. It never changes, and machines share it.
///
/// Its instructions are those the kernel runs: wide loads hold plain numbers or functions of the program, since map
/// and variable references were put in place before.
#[derive(Debug)]
pub struct Program {
    insns: Box<[Insn]>,
    text_base: u64,
    tag: u64,
    /// One per instruction. Function references are plain numbers here.
    ops: Box<[Op]>,
    /// The same, for the fast engine.
    code: Box<[Code]>,
    /// Where each jump, branch and local call goes, as an index into `ops`; 0 for the others.
    targets: Box<[u32]>,
    /// For each instruction: whether r10 is used there or further on in its function.
    frames: Box<[bool]>,
    /// Where each instruction stands, in slots.
    slots: Box<[u32]>,
    /// The inverse: which instruction starts at a slot, or [`NO_OP`].
    op_at: Box<[u32]>,
}

impl Program {
    /// Decodes a program. Its function pointers will be `text_base + 8 * slot`; the base should be an address that no
    /// memory object ever has.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that could make the machine leave the program or lose its frame: unknown
    /// instructions, jumps and calls that do not end on an instruction, a last instruction that falls through, writes
    /// to r10, references that nobody resolved. A program without such an error may still do any nonsense; running it
    /// ends in a trap at worst.
    pub fn new(insns: &[Insn], text_base: u64) -> Result<Program, DecodeError> {
        if insns.len() > MAX_SLOTS {
            return Err(DecodeError::at(MAX_SLOTS, format!("a program has at most {MAX_SLOTS} slots")));
        }
        let mut ops = Vec::with_capacity(insns.len());
        let mut slots = Vec::with_capacity(insns.len());
        let mut op_at = vec![NO_OP; insns.len()];
        let mut slot = 0;
        while slot < insns.len() {
            let op = decode(insns, slot).map_err(DecodeError::from)?;
            check_op(&op).map_err(|message| DecodeError::at(slot, message))?;
            op_at[slot] = ops.len() as u32;
            ops.push(op);
            slots.push(slot as u32);
            slot += op.slots();
        }
        check_end(&ops, &slots)?;
        let mut program = Program {
            insns: insns.into(),
            text_base,
            tag: 0,
            ops: ops.into(),
            code: Box::new([]),
            targets: Box::new([]),
            frames: Box::new([]),
            slots: slots.into(),
            op_at: op_at.into(),
        };
        program.resolve()?;
        Ok(program)
    }

    /// Marks the program with a number of the caller's choice, to know it again in a trap or a hook.
    #[must_use]
    pub fn with_tag(self, tag: u64) -> Program {
        Program { tag, ..self }
    }

    /// The number that [`Program::with_tag`] gave it; 0 otherwise.
    pub fn tag(&self) -> u64 {
        self.tag
    }

    /// The instructions as they were given.
    pub fn insns(&self) -> &[Insn] {
        &self.insns
    }

    /// The decoded instruction at a slot, with function references resolved to numbers; `None` inside a wide load
    /// and past the end.
    pub fn op(&self, slot: usize) -> Option<&Op> {
        self.op_index(slot).map(|index| &self.ops[index as usize])
    }

    /// The function pointer of the function at a slot.
    pub fn function_address(&self, slot: usize) -> u64 {
        self.text_base.wrapping_add((slot * SLOT_BYTES) as u64)
    }

    /// The slot that a function pointer of this program names, if an instruction starts there.
    pub fn function_slot(&self, address: u64) -> Option<usize> {
        let offset = address.wrapping_sub(self.text_base);
        let slot = usize::try_from(offset / SLOT_BYTES as u64).ok()?;
        (offset.is_multiple_of(SLOT_BYTES as u64) && self.op_index(slot).is_some()).then_some(slot)
    }

    pub(crate) fn op_index(&self, slot: usize) -> Option<u32> {
        self.op_at.get(slot).copied().filter(|index| *index != NO_OP)
    }

    pub(crate) fn slot_of(&self, index: u32) -> usize {
        self.slots[index as usize] as usize
    }

    pub(crate) fn ops(&self) -> &[Op] {
        &self.ops
    }

    pub(crate) fn code(&self) -> &[Code] {
        &self.code
    }

    /// Whether a function that starts at an instruction needs a stack frame: it uses r10 somewhere.
    pub(crate) fn uses_frame(&self, index: u32) -> bool {
        self.frames[index as usize]
    }

    pub(crate) fn target(&self, index: u32) -> u32 {
        self.targets[index as usize]
    }

    /// Finds out where jumps, calls and function references go.
    fn resolve(&mut self) -> Result<(), DecodeError> {
        let mut targets = vec![0; self.ops.len()];
        for (index, target) in targets.iter_mut().enumerate() {
            let slot = self.slots[index] as usize;
            let op = self.ops[index];
            let (what, off) = match op {
                Op::Call(Callee::Local(off)) => ("call", off),
                Op::LoadImm64 { value: Imm64::Func(off), .. } => ("function reference", off),
                _ => match op.jump_offset() {
                    Some(off) => ("jump", off),
                    None => continue,
                },
            };
            let to = slot as i64 + 1 + i64::from(off);
            let found = usize::try_from(to).ok().and_then(|to| self.op_index(to));
            *target = found.ok_or_else(|| {
                DecodeError::at(
                    slot,
                    format!("{what} to slot {to}, where no instruction of the program starts"),
                )
            })?;
            if let Op::LoadImm64 { dst, .. } = op {
                let address = self.function_address(to as usize);
                self.ops[index] = Op::LoadImm64 { dst, value: Imm64::Const(address) };
            }
        }
        self.targets = targets.into();
        self.frames = flow::uses_frame(&self.ops, &self.targets);
        self.code = threaded::translate(&self.ops, &self.targets, &self.frames);
        Ok(())
    }
}

/// Refuses what decodes, but must not run.
fn check_op(op: &Op) -> Result<(), String> {
    if let Op::LoadImm64 { value, .. } = op
        && !matches!(value, Imm64::Const(_) | Imm64::Func(_))
    {
        return Err(format!("nobody resolved {value} to an address"));
    }
    if written(op) == Some(Reg::FP) {
        return Err("r10 is the frame pointer, and read-only".into());
    }
    Ok(())
}

/// The register that an instruction names as its result.
fn written(op: &Op) -> Option<Reg> {
    match *op {
        Op::Alu { dst, .. }
        | Op::End { dst, .. }
        | Op::LoadImm64 { dst, .. }
        | Op::Load { dst, .. }
        | Op::AddrSpaceCast { dst, .. } => Some(dst),
        Op::Atomic { op, reg, .. } => op.result(reg),
        _ => None,
    }
}

/// The last instruction must not run off the end (check_subprogs, kernel/bpf/verifier.c).
fn check_end(ops: &[Op], slots: &[u32]) -> Result<(), DecodeError> {
    match (ops.last(), slots.last()) {
        (Some(op), _) if op.ends_block() => Ok(()),
        (Some(_), Some(slot)) => {
            Err(DecodeError::at(*slot as usize, "the last instruction must be an exit or a jump"))
        }
        _ => Err(DecodeError::at(0, "the program is empty")),
    }
}

/// Why a program cannot run, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// The offending slot.
    pub slot: usize,
    /// What is wrong with it, in a sentence that says where.
    pub message: String,
}

impl DecodeError {
    fn at(slot: usize, what: impl fmt::Display) -> DecodeError {
        DecodeError { slot, message: format!("insn {slot}: {what}") }
    }
}

impl From<skep_isa::Error> for DecodeError {
    fn from(error: skep_isa::Error) -> DecodeError {
        DecodeError { slot: error.slot, message: error.to_string() }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}
