//! Encodings: which opcodes exist and which fields of the slot each of them uses.

/// How the fields of a slot are laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    AluReg,
    AluImm,
    Neg,
    End,
    LoadImm64,
    PacketAbs,
    PacketInd,
    Load,
    LoadSigned,
    StoreImm,
    StoreReg,
    Atomic,
    Jump,
    JumpLong,
    BranchReg,
    BranchImm,
    MayGoto,
    Call,
    Exit,
}

/// What one field of a slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    /// A register, R0 to R10.
    Reg,
    /// Something the instruction looks at.
    Data,
    /// Nothing: it must be zero.
    Zero,
}

/// One encoding.
pub(crate) struct FormRow {
    pub(crate) form: Form,
    /// A code belongs here if `code & mask == bits`; the first row that matches wins.
    pub(crate) mask: u8,
    pub(crate) bits: u8,
    pub(crate) dst: Use,
    pub(crate) src: Use,
    pub(crate) off: Use,
    pub(crate) imm: Use,
    /// What the kernel's verifier calls it when it complains of reserved fields.
    pub(crate) noun: &'static str,
}

macro_rules! forms {
    ($( $form:ident $mask:literal $bits:literal $dst:ident $src:ident $off:ident $imm:ident $noun:literal; )*) => {
        /// All encodings. What is in none of these rows is no instruction.
        pub(crate) static FORMS: &[FormRow] = &[$(
            FormRow {
                form: Form::$form, mask: $mask, bits: $bits,
                dst: Use::$dst, src: Use::$src, off: Use::$off, imm: Use::$imm, noun: $noun,
            },
        )*];
    };
}

// Classes: 0 ld, 1 ldx, 2 st, 3 stx, 4 alu, 5 jmp, 6 jmp32, 7 alu64 (RFC 9669 section 3.2). Size bits of loads and
// stores are 0x18, modes 0xe0. Which fields are reserved: kernel/bpf/verifier.c, resolve_pseudo_ldimm64, check_alu_op,
// check_ld_abs, check_atomic and do_check.
forms! {
    // form     mask bits   dst  src  off  imm  noun
    Neg         0xff 0x84   Reg  Zero Zero Zero "BPF_NEG";
    Neg         0xff 0x87   Reg  Zero Zero Zero "BPF_NEG";
    End         0xff 0xd4   Reg  Zero Zero Data "BPF_END";
    End         0xff 0xdc   Reg  Zero Zero Data "BPF_END";
    End         0xff 0xd7   Reg  Zero Zero Data "BPF_END";
    AluImm      0x0f 0x04   Reg  Zero Data Data "BPF_ALU";
    AluImm      0x0f 0x07   Reg  Zero Data Data "BPF_ALU";
    AluReg      0x0f 0x0c   Reg  Reg  Data Data "BPF_ALU";
    AluReg      0x0f 0x0f   Reg  Reg  Data Data "BPF_ALU";
    LoadImm64   0xff 0x18   Reg  Data Data Data "BPF_LD_IMM64";
    PacketAbs   0xe7 0x20   Zero Zero Zero Data "BPF_LD_[ABS|IND]";
    PacketInd   0xe7 0x40   Zero Reg  Zero Data "BPF_LD_[ABS|IND]";
    Load        0xe7 0x61   Reg  Reg  Data Zero "BPF_LDX";
    LoadSigned  0xe7 0x81   Reg  Reg  Data Zero "BPF_LDX";
    StoreImm    0xe7 0x62   Reg  Zero Data Data "BPF_ST";
    StoreReg    0xe7 0x63   Reg  Reg  Data Zero "BPF_STX";
    Atomic      0xe7 0xc3   Reg  Reg  Data Data "BPF_ATOMIC";
    Jump        0xff 0x05   Zero Zero Data Zero "BPF_JA";
    JumpLong    0xff 0x06   Zero Zero Zero Data "BPF_JA";
    Call        0xff 0x85   Zero Data Data Data "BPF_CALL";
    Exit        0xff 0x95   Zero Zero Zero Zero "BPF_EXIT";
    MayGoto     0xff 0xe5   Zero Zero Data Zero "may_goto";
    BranchImm   0x0f 0x05   Reg  Zero Data Data "BPF_JMP/JMP32";
    BranchImm   0x0f 0x06   Reg  Zero Data Data "BPF_JMP/JMP32";
    BranchReg   0x0f 0x0d   Reg  Reg  Data Zero "BPF_JMP/JMP32";
    BranchReg   0x0f 0x0e   Reg  Reg  Data Zero "BPF_JMP/JMP32";
}

/// The row of an opcode, if it has one. A row is no promise: the operation in the high nibble is looked up later.
pub(crate) fn row(code: u8) -> Option<&'static FormRow> {
    FORMS.iter().find(|row| code & row.mask == row.bits)
}

/// What the kernel calls an opcode that it finds with something in a reserved field.
pub(crate) fn noun(code: u8) -> &'static str {
    let is_mov = matches!(code, 0xb4 | 0xb7 | 0xbc | 0xbf);
    if is_mov { "BPF_MOV" } else { row(code).map_or("", |row| row.noun) }
}
