//! What the kernel's log does not say of a refused program: which value is at fault, what made it, and what usually
//! helps.

mod hints;
mod origin;

pub use self::hints::hint;

use crate::verifier::Verifier;

/// Why a program was refused, in more words than the log has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Explanation {
    /// The register that the message is about.
    pub register: Option<u8>,
    /// What was known of it, as the log prints it.
    pub value: Option<String>,
    /// The instructions that made its value, the last one first.
    pub origin: Vec<usize>,
    /// What usually helps, for the frequent messages.
    pub hint: Option<&'static str>,
}

impl Verifier<'_> {
    /// Explains why the program was refused with this message at the current instruction.
    pub(crate) fn explain(&self, message: &str) -> Explanation {
        let hint = hint(message);
        let on_a_path =
            self.stats.insns > 0 && self.insn_idx < self.insns.len() && !self.cur.frames.is_empty();
        let Some(register) = register_in(message).filter(|_| on_a_path) else {
            return Explanation { hint, ..Explanation::default() };
        };
        let reg = *self.reg(register.into());
        let value = self.reg_text(self.cur.curframe(), &reg);
        Explanation {
            register: Some(register),
            value: Some(value).filter(|it| !it.is_empty()),
            origin: self.origin(register.into()),
            hint,
        }
    }
}

/// The first register that a message names.
fn register_in(message: &str) -> Option<u8> {
    message.split(|c: char| !c.is_ascii_alphanumeric()).find_map(|word| {
        let number = word.strip_prefix('R')?.parse().ok()?;
        (number <= 10).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_found_in_messages() {
        assert_eq!(register_in("R1 type=scalar expected=fp"), Some(1));
        assert_eq!(register_in("invalid read from stack R10 off -8+0 size 8"), Some(10));
        assert_eq!(register_in("At program exit the register R0 has smin=2"), Some(0));
        assert_eq!(register_in("back-edge from insn 3 to 1"), None);
        assert_eq!(register_in("R11 is invalid"), None);
    }
}
