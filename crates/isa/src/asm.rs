//! The assembler: the text that disassembly prints, and its kin.
//!
//! It reads what `llvm-objdump -d`, clang's inline assembly, the kernel's verifier log and bpftool print, one instruction
//! a line:
//!
//! - numbers in decimal or hex, `r1` and `w1` for the two widths;
//! - jump targets as `+3`, `pc+3` or a label; `name:` defines one; so does objdump's `0000000000000000 <name>:`;
//! - comments from `;`, `#` or `//` to the end of the line, and `/* */` inside one;
//! - an instruction number (`12:`) and the bytes or the opcode (`(b7)`) in front are skipped, and so is a `<name+0x8>`
//!   behind a target: a listing assembles to what was listed;
//! - `.hex b7 00 00 00 07 00 00 00` puts whole slots as they are, instructions or not;
//! - `r1 = name ll` is the address of a function of the same text (for helpers that call back), `call name` calls it.
//!
//! A number must fit where it goes. 64-bit operations sign-extend their 32-bit immediate, so they take nothing above
//! 0x7fffffff; only comparisons in the kernel's form (`goto pc+3`) do, since the kernel prints -1 as 0xffffffff.

mod assign;
mod atomic;
mod cursor;
mod parse;
mod resolve;
mod value;

use std::fmt;

use crate::Insn;

/// Why a text does not assemble, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AsmError {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for AsmError {}

/// Assembles a text to slots.
///
/// Time and memory are linear in the text.
///
/// ```
/// use skep_isa::asm::assemble;
///
/// let insns = assemble("
///     w0 = 0              ; the sum
/// again:
///     r0 += r1
///     r1 -= 1
///     if r1 != 0 goto again
///     exit
/// ")?;
/// assert_eq!(insns.len(), 5);
/// assert_eq!(insns[3].off, -3);
///
/// let error = assemble("r0 += w1").unwrap_err();
/// assert_eq!(error.to_string(), "line 1, column 7: `w1` is the 32-bit half of a register; this takes `r1`");
/// # Ok::<(), skep_isa::asm::AsmError>(())
/// ```
///
/// # Errors
/// [`AsmError`] for the first line that is no instruction, a label that is missing or defined twice, or a target out of
/// reach.
pub fn assemble(text: &str) -> Result<Vec<Insn>, AsmError> {
    let mut program = resolve::Unresolved::default();
    for (index, line) in text.lines().enumerate() {
        parse::line(line, index + 1, &mut program)?;
    }
    program.resolve()
}
