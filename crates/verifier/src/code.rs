//! Parts of an opcode. The verifier looks at raw slots: what is wrong with one is said when a path comes to it.

use skep_isa::Insn;

/// The class of an instruction.
pub(crate) const fn class(insn: Insn) -> u8 {
    insn.code & 0x07
}

/// The mode of a load or store.
pub(crate) const fn mode(insn: Insn) -> u8 {
    insn.code & 0xe0
}

/// The operation of arithmetic or a jump.
pub(crate) const fn op(insn: Insn) -> u8 {
    insn.code & 0xf0
}

/// Bytes that a load or store accesses.
pub(crate) const fn size(insn: Insn) -> u32 {
    match insn.code & 0x18 {
        0x00 => 4,
        0x08 => 2,
        0x10 => 1,
        _ => 8,
    }
}

/// Whether the second operand is a register.
pub(crate) const fn is_reg(insn: Insn) -> bool {
    insn.code & 0x08 != 0
}

/// Whether it is the first slot of a wide load.
pub(crate) const fn is_wide(insn: Insn) -> bool {
    insn.code == 0x18
}

/// Classes (RFC 9669 section 3.2).
pub(crate) mod class {
    pub(crate) const LD: u8 = 0;
    pub(crate) const LDX: u8 = 1;
    pub(crate) const ST: u8 = 2;
    pub(crate) const STX: u8 = 3;
    pub(crate) const ALU: u8 = 4;
    pub(crate) const JMP: u8 = 5;
    pub(crate) const JMP32: u8 = 6;
    pub(crate) const ALU64: u8 = 7;
}

/// Modes of loads and stores (RFC 9669 section 5).
pub(crate) mod mode {
    pub(crate) const IMM: u8 = 0x00;
    pub(crate) const ABS: u8 = 0x20;
    pub(crate) const IND: u8 = 0x40;
    pub(crate) const MEM: u8 = 0x60;
    pub(crate) const MEMSX: u8 = 0x80;
    pub(crate) const ATOMIC: u8 = 0xc0;
}

/// Operations (RFC 9669 section 4).
pub(crate) mod op {
    pub(crate) const ADD: u8 = 0x00;
    pub(crate) const SUB: u8 = 0x10;
    pub(crate) const MUL: u8 = 0x20;
    pub(crate) const DIV: u8 = 0x30;
    pub(crate) const OR: u8 = 0x40;
    pub(crate) const AND: u8 = 0x50;
    pub(crate) const LSH: u8 = 0x60;
    pub(crate) const RSH: u8 = 0x70;
    pub(crate) const NEG: u8 = 0x80;
    pub(crate) const MOD: u8 = 0x90;
    pub(crate) const XOR: u8 = 0xa0;
    pub(crate) const MOV: u8 = 0xb0;
    pub(crate) const ARSH: u8 = 0xc0;
    pub(crate) const END: u8 = 0xd0;
    pub(crate) const JA: u8 = 0x00;
    pub(crate) const JEQ: u8 = 0x10;
    pub(crate) const JGT: u8 = 0x20;
    pub(crate) const JGE: u8 = 0x30;
    pub(crate) const JSET: u8 = 0x40;
    pub(crate) const JNE: u8 = 0x50;
    pub(crate) const JSGT: u8 = 0x60;
    pub(crate) const JSGE: u8 = 0x70;
    pub(crate) const CALL: u8 = 0x80;
    pub(crate) const EXIT: u8 = 0x90;
    pub(crate) const JLT: u8 = 0xa0;
    pub(crate) const JLE: u8 = 0xb0;
    pub(crate) const JSLT: u8 = 0xc0;
    pub(crate) const JSLE: u8 = 0xd0;
    pub(crate) const JCOND: u8 = 0xe0;
}

/// What the source field of wide loads and calls selects (RFC 9669 section 5.4, `BPF_PSEUDO_*`).
pub(crate) mod pseudo {
    pub(crate) const MAP_FD: u8 = 1;
    pub(crate) const MAP_VALUE: u8 = 2;
    pub(crate) const BTF_ID: u8 = 3;
    pub(crate) const FUNC: u8 = 4;
    pub(crate) const MAP_IDX: u8 = 5;
    pub(crate) const MAP_IDX_VALUE: u8 = 6;
    pub(crate) const CALL: u8 = 1;
    pub(crate) const KFUNC_CALL: u8 = 2;
}
