//! Encodings: which opcodes exist and which fields of the slot each of them uses. Decoding and encoding both read this.

use crate::words::Width;

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
    /// The bits of the opcode that tell it from others; the rest is an operation or a size.
    mask: u8,
    /// Those bits, for 64-bit operations where there are two widths.
    wide: u8,
    /// Those bits for 32-bit operations; the same where there is one width.
    narrow: u8,
    pub(crate) dst: Use,
    pub(crate) src: Use,
    pub(crate) off: Use,
    pub(crate) imm: Use,
    /// What the kernel's verifier calls it when it complains of reserved fields.
    noun: &'static str,
}

macro_rules! forms {
    ($( $form:ident $mask:literal $wide:literal $narrow:literal
        $dst:ident $src:ident $off:ident $imm:ident $noun:literal; )*) => {
        /// All encodings. What is in none of these rows is no instruction; the first that matches wins.
        static FORMS: &[&FormRow] = &[$( Form::$form.row(), )*];

        impl Form {
            const fn row(self) -> &'static FormRow {
                match self { $(
                    Form::$form => &FormRow {
                        form: Form::$form, mask: $mask, wide: $wide, narrow: $narrow,
                        dst: Use::$dst, src: Use::$src, off: Use::$off, imm: Use::$imm, noun: $noun,
                    },
                )* }
            }
        }
    };
}

// Classes: 0 ld, 1 ldx, 2 st, 3 stx, 4 alu, 5 jmp, 6 jmp32, 7 alu64 (RFC 9669 section 3.2). Size bits of loads and
// stores are 0x18, modes 0xe0. Which fields are reserved: kernel/bpf/verifier.c, resolve_pseudo_ldimm64, check_alu_op,
// check_ld_abs, check_atomic and do_check.
forms! {
    // form     mask wide narrow dst  src  off  imm  noun
    Neg         0xff 0x87 0x84   Reg  Zero Zero Zero "BPF_NEG";
    End         0xf7 0xd7 0xd4   Reg  Zero Zero Data "BPF_END";
    AluImm      0x0f 0x07 0x04   Reg  Zero Data Data "BPF_ALU";
    AluReg      0x0f 0x0f 0x0c   Reg  Reg  Data Data "BPF_ALU";
    LoadImm64   0xff 0x18 0x18   Reg  Data Data Data "BPF_LD_IMM64";
    PacketAbs   0xe7 0x20 0x20   Zero Zero Zero Data "BPF_LD_[ABS|IND]";
    PacketInd   0xe7 0x40 0x40   Zero Reg  Zero Data "BPF_LD_[ABS|IND]";
    Load        0xe7 0x61 0x61   Reg  Reg  Data Zero "BPF_LDX";
    LoadSigned  0xe7 0x81 0x81   Reg  Reg  Data Zero "BPF_LDX";
    StoreImm    0xe7 0x62 0x62   Reg  Zero Data Data "BPF_ST";
    StoreReg    0xe7 0x63 0x63   Reg  Reg  Data Zero "BPF_STX";
    Atomic      0xe7 0xc3 0xc3   Reg  Reg  Data Data "BPF_ATOMIC";
    Jump        0xff 0x05 0x05   Zero Zero Data Zero "BPF_JA";
    JumpLong    0xff 0x06 0x06   Zero Zero Zero Data "BPF_JA";
    Call        0xff 0x85 0x85   Zero Data Data Data "BPF_CALL";
    Exit        0xff 0x95 0x95   Zero Zero Zero Zero "BPF_EXIT";
    MayGoto     0xff 0xe5 0xe5   Zero Zero Data Zero "may_goto";
    BranchImm   0x0f 0x05 0x06   Reg  Zero Data Data "BPF_JMP/JMP32";
    BranchReg   0x0f 0x0d 0x0e   Reg  Reg  Data Zero "BPF_JMP/JMP32";
}

impl FormRow {
    /// The row of an opcode, if it has one. That is no promise: the operation in the other bits is looked up later.
    pub(crate) fn of(code: u8) -> Option<&'static FormRow> {
        FORMS.iter().copied().find(|row| [row.wide, row.narrow].contains(&(code & row.mask)))
    }

    /// The width that an opcode of this row has.
    pub(crate) const fn width(&self, code: u8) -> Width {
        if code & self.mask == self.wide { Width::W64 } else { Width::W32 }
    }

    /// What the kernel calls an opcode of this row.
    pub(crate) const fn noun(&self, code: u8) -> &'static str {
        let is_mov = matches!(self.form, Form::AluImm | Form::AluReg) && code & 0xf0 == 0xb0;
        if is_mov { "BPF_MOV" } else { self.noun }
    }
}

impl Form {
    /// The opcode at a width, without its operation or size.
    pub(crate) const fn code(self, width: Width) -> u8 {
        match width {
            Width::W64 => self.row().wide,
            Width::W32 => self.row().narrow,
        }
    }
}
