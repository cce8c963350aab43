//! Writing a number into an instruction (libbpf's `bpf_core_patch_insn`).

use skep_isa::Insn;

use super::error::Error;
use super::outcome::Outcome;

/// What the immediate of the call is that takes the place of an instruction which cannot be relocated: no helper has
/// this number.
pub const POISON: i32 = 0x0bad_2310;

/// The low three bits of an opcode.
mod class {
    pub(super) const LD: u8 = 0;
    pub(super) const LDX: u8 = 1;
    pub(super) const ST: u8 = 2;
    pub(super) const STX: u8 = 3;
    pub(super) const ALU: u8 = 4;
    pub(super) const ALU64: u8 = 7;
}

/// `BPF_LD | BPF_IMM | BPF_DW`.
const LOAD64: u8 = 0x18;
/// `BPF_JMP | BPF_CALL`.
const CALL: u8 = 0x85;
/// `BPF_X`: the operand is a register.
const REGISTER: u8 = 8;
/// The bits of an opcode that say how wide a load or store is.
const SIZE_MASK: u8 = 0x18;
/// Their values, by bytes.
const SIZES: [(u8, u32); 4] = [(0x18, 8), (0x00, 4), (0x08, 2), (0x10, 1)];

/// What was done to an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patched {
    /// It has the target's number.
    Relocated,
    /// The target lacks it: the instruction is a call that fails.
    Missing,
    /// The target's field is of another size, and the value would not be the same: the instruction is a call that
    /// fails.
    WrongSize,
}

/// Puts the outcome of a relocation into the instruction at `slot`: into the immediate of arithmetic or of a wide
/// load, into the offset of a load or store, which may change its width with it.
///
/// # Errors
/// The instruction is none that could be relocated, or does not hold what the object's own types say.
pub fn patch(insns: &mut [Insn], slot: usize, outcome: &Outcome) -> Result<Patched, Error> {
    let rest = insns.get_mut(slot..).filter(|rest| !rest.is_empty()).ok_or(Error::NoInsn { slot })?;
    let mut place = Place { insns: rest, slot, outcome };
    let insn = place.insns[0];
    match insn.code & 7 {
        class::ALU | class::ALU64 if insn.code & REGISTER == 0 => place.arithmetic(),
        class::LDX | class::ST | class::STX => place.access(),
        class::LD => place.wide(),
        _ => Err(Error::UnrecognizedInsn { slot, insn }),
    }
}

/// The instruction and what follows it.
struct Place<'a> {
    insns: &'a mut [Insn],
    slot: usize,
    outcome: &'a Outcome,
}

impl Place<'_> {
    /// The instruction must be as compiled.
    fn expect(&self, class: &'static str, found: u64) -> Result<(), Error> {
        let expected = self.outcome.original;
        if !self.outcome.validate || found == expected {
            return Ok(());
        }
        let new = self.outcome.value.unwrap_or(0);
        Err(Error::UnexpectedValue { slot: self.slot, class, found, expected, new })
    }

    fn poison(&mut self, slots: usize) {
        for insn in self.insns.iter_mut().take(slots) {
            *insn = Insn::new(CALL, 0, 0, 0, POISON);
        }
    }

    fn arithmetic(&mut self) -> Result<Patched, Error> {
        let Some(value) = self.outcome.value else {
            self.poison(1);
            return Ok(Patched::Missing);
        };
        self.expect("ALU/ALU64", i64::from(self.insns[0].imm) as u64)?;
        self.insns[0].imm = value as i32;
        Ok(Patched::Relocated)
    }

    fn access(&mut self) -> Result<Patched, Error> {
        let Some(value) = self.outcome.value else {
            self.poison(1);
            return Ok(Patched::Missing);
        };
        let (slot, access) = (self.slot, self.outcome.access);
        self.expect("LDX/ST/STX", i64::from(self.insns[0].off) as u64)?;
        let offset = i16::try_from(value).map_err(|_| Error::OffsetTooBig { slot, value })?;
        let resized = access.old_size != access.new_size;
        if resized && !access.can_resize {
            self.poison(1);
            return Ok(Patched::WrongSize);
        }
        self.insns[0].off = offset;
        if resized {
            let code = self.insns[0].code;
            let found = SIZES.iter().find(|(bits, _)| *bits == code & SIZE_MASK).map_or(0, |(_, size)| *size);
            if found != access.old_size {
                return Err(Error::UnexpectedSize { slot, found, expected: access.old_size });
            }
            let new = SIZES.iter().find(|(_, size)| *size == access.new_size);
            let (bits, _) = new.ok_or(Error::InvalidSize { slot, size: access.new_size })?;
            self.insns[0].code = code & !SIZE_MASK | bits;
        }
        Ok(Patched::Relocated)
    }

    fn wide(&mut self) -> Result<Patched, Error> {
        let slot = self.slot;
        let [first, rest @ ..] = &*self.insns else { return Err(Error::NoInsn { slot }) };
        if first.code != LOAD64 {
            return Err(Error::WideForm { slot });
        }
        let second = *rest.first().ok_or(Error::WideTruncated { slot })?;
        if (first.src, first.off) != (0, 0) || second != Insn::new(0, 0, 0, 0, second.imm) {
            return Err(Error::WideForm { slot });
        }
        let Some(value) = self.outcome.value else {
            self.poison(2);
            return Ok(Patched::Missing);
        };
        let found = u64::from(first.imm as u32) | u64::from(second.imm as u32) << 32;
        self.expect("LDIMM64", found)?;
        self.insns[0].imm = value as i32;
        self.insns[1].imm = (value >> 32) as i32;
        Ok(Patched::Relocated)
    }
}
