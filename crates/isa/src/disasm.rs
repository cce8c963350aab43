//! Listings: every slot of a program as text, whether it is an instruction or not.

use std::fmt;

use crate::{Error, Insn, Op, decode};

/// One line of a listing.
///
/// Displayed as text that [`assemble`](crate::asm::assemble) takes back; with `{:#}` as `llvm-objdump -d` has it, slot
/// number and bytes in front.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// Index of its first slot.
    pub slot: usize,
    /// Its slots, one or two.
    pub insns: &'a [Insn],
    /// The instruction, or why it is none.
    pub op: Result<Op, Error>,
}

/// Lists a program. A slot that is no instruction becomes a `.hex` line, so that no slot is lost.
///
/// ```
/// let insns = skep_isa::asm::assemble("r0 = 7\n r1 = 0x123456789 ll\n exit")?;
/// let text: Vec<String> = skep_isa::disassemble(&insns).map(|line| line.to_string()).collect();
/// assert_eq!(text, ["r0 = 0x7", "r1 = 0x123456789 ll", "exit"]);
/// # Ok::<(), skep_isa::asm::AsmError>(())
/// ```
pub fn disassemble(insns: &[Insn]) -> impl Iterator<Item = Line<'_>> {
    let mut slot = 0;
    std::iter::from_fn(move || {
        let rest = insns.get(slot..).filter(|rest| !rest.is_empty())?;
        let op = decode(insns, slot);
        let slots = op.as_ref().map_or(1, Op::slots);
        let line = Line { slot, insns: &rest[..slots.min(rest.len())], op };
        slot += slots;
        Some(line)
    })
}

/// The bytes of slots: `b7 00 00 00 07 00 00 00`.
struct Bytes<'a>(&'a [Insn]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().flat_map(|insn| insn.to_bytes()).enumerate() {
            let gap = if i == 0 { "" } else { " " };
            write!(f, "{gap}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            write!(f, "{:8}:\t{}\t", self.slot, Bytes(self.insns))?;
        }
        match &self.op {
            Ok(op) => op.fmt(f),
            Err(error) => write!(f, ".hex {} ; {error}", Bytes(self.insns)),
        }
    }
}
