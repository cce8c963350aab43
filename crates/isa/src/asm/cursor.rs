//! Reading one line from left to right.

use crate::{AluOp, JmpOp, Reg, Width};

use super::AsmError;

/// What is wrong at a byte of the line.
pub(super) struct Fail {
    pub(super) at: usize,
    pub(super) message: String,
}

pub(super) type Parsed<T> = Result<T, Fail>;

/// A place in a line. Copied to look ahead.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

/// A number as written: a magnitude, a sign and a base.
#[derive(Clone, Copy)]
pub(super) struct Number {
    /// Between -2^64 and 2^64.
    pub(super) value: i128,
    pub(super) hex: bool,
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str) -> Cursor<'a> {
        let mut cursor = Cursor { line, at: 0 };
        cursor.skip_space();
        cursor
    }

    /// What is left of the line. Empty at a comment.
    pub(super) fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// The byte offset in the line.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(Fail { at: self.at, message: message.into() })
    }

    /// "expected ..., found ...".
    pub(super) fn expected<T>(&self, what: &str) -> Parsed<T> {
        self.fail(format!("expected {what}, found {}", self.found()))
    }

    /// The next word or sign, for messages; long ones are cut.
    pub(super) fn found(&self) -> String {
        match (self.peek_word(), self.rest().chars().next()) {
            (Some(word), _) => format!("`{}`", word.chars().take(40).collect::<String>()),
            (None, Some(sign)) => format!("`{sign}`"),
            (None, None) => "the end of the line".into(),
        }
    }

    /// Whether nothing but a comment is left.
    pub(super) fn is_empty(&self) -> bool {
        self.rest().is_empty() || self.at_comment()
    }

    pub(super) fn at_comment(&self) -> bool {
        let rest = self.rest();
        rest.starts_with([';', '#']) || rest.starts_with("//")
    }

    fn advance(&mut self, bytes: usize) {
        self.at += bytes;
        self.skip_space();
    }

    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let Some(comment) = self.rest().strip_prefix("/*") else { break };
            self.at += match comment.find("*/") {
                Some(end) => end + 4,
                None => comment.len() + 2,
            };
        }
    }

    /// Takes `sign` if it is next.
    pub(super) fn eat(&mut self, sign: &str) -> bool {
        let found = !self.at_comment() && self.rest().starts_with(sign);
        if found {
            self.advance(sign.len());
        }
        found
    }

    /// Takes `sign` or fails.
    pub(super) fn expect(&mut self, sign: &str) -> Parsed<()> {
        if self.eat(sign) { Ok(()) } else { self.expected(&format!("`{sign}`")) }
    }

    /// The next word: letters, digits, `_`, `.`, `$` and `@`.
    pub(super) fn peek_word(&self) -> Option<&'a str> {
        let rest = self.rest();
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '@');
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        rest.get(..end).filter(|word| !word.is_empty())
    }

    pub(super) fn word(&mut self) -> Option<&'a str> {
        let word = self.peek_word()?;
        self.advance(word.len());
        Some(word)
    }

    /// Takes a word that is not a number: a label, a type, a function.
    pub(super) fn name(&mut self) -> Option<&'a str> {
        self.peek_word().filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()))?;
        self.word()
    }

    /// Takes `word` if it is the next whole word.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.peek_word() == Some(word);
        if found {
            self.advance(word.len());
        }
        found
    }

    /// Skips everything up to and including `sign`; stays put if it does not come.
    pub(super) fn skip_past(&mut self, sign: char) -> Option<&'a str> {
        let rest = self.rest();
        let end = rest.find(sign)?;
        self.advance(end + sign.len_utf8());
        rest.get(..end)
    }

    /// `r0` to `r10` or `w0` to `w10`, if that is the next word.
    pub(super) fn peek_register(&self) -> Option<(Width, Reg)> {
        register(self.peek_word()?)
    }

    /// Takes a register of either width.
    pub(super) fn register(&mut self) -> Parsed<(Width, Reg)> {
        let Some(register) = self.peek_register() else {
            return self.expected("a register, r0 to r10 or w0 to w10");
        };
        self.word();
        Ok(register)
    }

    /// Takes a register of this width.
    pub(super) fn register_of(&mut self, width: Width) -> Parsed<Reg> {
        let before = *self;
        let (found, reg) = self.register()?;
        match (found, width) {
            (Width::W32, Width::W64) => before.fail(format!(
                "`w{n}` is the 32-bit half of a register; this takes `r{n}`",
                n = reg.number()
            )),
            (Width::W64, Width::W32) => {
                before.fail(format!("`r{n}` is 64 bits wide; this takes `w{n}`", n = reg.number()))
            }
            _ => Ok(reg),
        }
    }

    /// Takes a number with an optional sign; `None` and no move if there is none.
    pub(super) fn number(&mut self) -> Parsed<Option<Number>> {
        let at = self.at;
        let mut ahead = *self;
        let negative = ahead.eat("-");
        if !negative {
            ahead.eat("+");
        }
        let digit = ahead.peek_word().filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let Some(word) = digit else { return Ok(None) };
        let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
        let hex = digits.is_some();
        let magnitude = match digits {
            // `from_str_radix` takes a sign of its own.
            Some(digits) if digits.starts_with('+') => None,
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => word.parse::<u64>().ok(),
        };
        let Some(magnitude) = magnitude else {
            return ahead.fail(format!("{} is not a number of up to 64 bits", ahead.found()));
        };
        ahead.word();
        *self = ahead;
        let value = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
        Ok(Some(Number { value, hex, at }))
    }

    /// Takes a number or fails.
    pub(super) fn need_number(&mut self) -> Parsed<Number> {
        match self.number()? {
            Some(number) => Ok(number),
            None => self.expected("a number"),
        }
    }

    /// Takes the operator of a binary arithmetic operation; `=` is [`AluOp::Mov`].
    pub(super) fn alu_operator(&mut self) -> Option<AluOp> {
        let binary = |op: &&AluOp| op.row().cast.is_empty() && !op.symbol().contains(' ');
        let longest = AluOp::ALL.iter().filter(binary).filter(|op| self.rest().starts_with(op.symbol()));
        let op = longest.max_by_key(|op| op.symbol().len())?;
        self.eat(op.symbol()).then_some(*op)
    }

    /// Takes the operator of a comparison.
    pub(super) fn comparison(&mut self) -> Option<JmpOp> {
        let longest = JmpOp::ALL.iter().filter(|op| self.rest().starts_with(op.symbol()));
        let op = longest.max_by_key(|op| op.symbol().len())?;
        self.eat(op.symbol()).then_some(*op)
    }
}

/// The register of a name.
pub(super) fn register(word: &str) -> Option<(Width, Reg)> {
    let (width, digits) = match word.split_at_checked(1)? {
        ("r", digits) => (Width::W64, digits),
        ("w", digits) => (Width::W32, digits),
        _ => return None,
    };
    let canonical = digits == "0" || (!digits.starts_with(['0', '+']) && !digits.is_empty());
    let number = digits.parse().ok().filter(|_| canonical)?;
    Some((width, Reg::new(number)?))
}

/// Whether a word looks like a register and is none: `r11`, `w01`.
pub(super) fn is_no_register(word: &str) -> bool {
    let digits = word.strip_prefix(['r', 'w']).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && register(word).is_none()
}

/// What to say of such a word.
pub(super) fn no_register(word: &str) -> String {
    format!("there is no register `{word}`; they are r0 to r10, and w0 to w10 for their low halves")
}

impl Fail {
    /// With the line's number, and the place counted in characters.
    pub(super) fn in_line(self, line: &str, number: usize) -> AsmError {
        let before = line.get(..self.at).unwrap_or(line);
        AsmError { line: number, column: before.chars().count() + 1, message: self.message }
    }
}
