//! Instructions as the log shows them (`kernel/bpf/disasm.c`).

use std::fmt;

use skep_abi::helpers::helper;
use skep_isa::Insn;

use crate::code::{class, mode, op, pseudo};

/// One instruction, with what it takes to show it.
pub(super) struct Shown<'a> {
    /// The instruction.
    pub insn: Insn,
    /// The upper half, of a wide load.
    pub high: i32,
    /// The name of the kernel function that it calls; `None`: it has none.
    pub kfunc: Option<&'a str>,
}

const ALU: [&str; 16] = [
    "+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=", "endian", "(null)",
    "(null)",
];
const JMP: [&str; 16] = [
    "jmp", "==", ">", ">=", "&", "!=", "s>", "s>=", "call", "exit", "<", "<=", "s<", "s<=", "(null)",
    "(null)",
];
/// `BPF_LOAD_ACQ` and `BPF_STORE_REL`.
const LOAD_ACQ: i32 = 0x100;
const STORE_REL: i32 = 0x110;
const FETCH: i32 = 0x01;
const XCHG: i32 = 0xe1;
const CMPXCHG: i32 = 0xf1;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match class(self.insn) {
            class::ALU | class::ALU64 => self.alu(f),
            class::STX => self.store(f),
            class::ST => self.store_imm(f),
            class::LDX => self.load(f),
            class::LD => self.load_wide(f),
            _ => self.jump(f),
        }
    }
}

impl Shown<'_> {
    fn alu(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Insn { code, dst, src, off, imm } = self.insn;
        let narrow = class(self.insn) == class::ALU;
        let letter = if narrow { 'w' } else { 'r' };
        let by_register = code & 0x08 != 0;
        match op(self.insn) {
            op::END if !narrow => write!(f, "({code:02x}) r{dst} = bswap{imm} r{dst}"),
            op::END => {
                let order = if by_register { "be" } else { "le" };
                write!(f, "({code:02x}) r{dst} = {order}{imm} r{dst}")
            }
            op::NEG => write!(f, "({code:02x}) {letter}{dst} = -{letter}{dst}"),
            op::MOV if code == 0xbf && off == 1 => {
                let spaces = (imm as u32 >> 16, imm as u16);
                write!(f, "({code:02x}) r{dst} = addr_space_cast(r{src}, {}, {})", spaces.0, spaces.1)
            }
            op::MOV if code == 0xbf && off == -1 => {
                write!(f, "({code:02x}) r{dst} = &(void __percpu *)(r{src})")
            }
            op => {
                let sign = if matches!(op, op::DIV | op::MOD) && off == 1 { "s" } else { "" };
                let symbol = ALU[usize::from(op >> 4)];
                write!(f, "({code:02x}) {letter}{dst} {sign}{symbol} ")?;
                if !by_register {
                    return write!(f, "{imm}");
                }
                let cast = match off {
                    8 if op == op::MOV => "(s8)",
                    16 if op == op::MOV => "(s16)",
                    32 if op == op::MOV => "(s32)",
                    _ => "",
                };
                write!(f, "{cast}{letter}{src}")
            }
        }
    }

    fn store(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Insn { code, dst, src, off, imm } = self.insn;
        let size = size_name(code, 'u');
        if mode(self.insn) == mode::MEM {
            return write!(f, "({code:02x}) *({size} *)(r{dst} {off:+}) = r{src}");
        }
        if mode(self.insn) != mode::ATOMIC {
            return write!(f, "BUG_{code:02x}");
        }
        let wide = if code & 0x18 == 0x18 { "64" } else { "" };
        match imm {
            0x00 | 0x40 | 0x50 | 0xa0 => {
                let symbol = ALU[(imm >> 4) as usize];
                write!(f, "({code:02x}) lock *({size} *)(r{dst} {off:+}) {symbol} r{src}")
            }
            0x01 | 0x41 | 0x51 | 0xa1 => {
                let name = match imm & !FETCH {
                    0x00 => "add",
                    0x40 => "or",
                    0x50 => "and",
                    _ => "xor",
                };
                write!(
                    f,
                    "({code:02x}) r{src} = atomic{wide}_fetch_{name}(({size} *)(r{dst} {off:+}), r{src})"
                )
            }
            CMPXCHG => {
                write!(f, "({code:02x}) r0 = atomic{wide}_cmpxchg(({size} *)(r{dst} {off:+}), r0, r{src})")
            }
            XCHG => write!(f, "({code:02x}) r{src} = atomic{wide}_xchg(({size} *)(r{dst} {off:+}), r{src})"),
            LOAD_ACQ => write!(f, "({code:02x}) r{dst} = load_acquire(({size} *)(r{src} {off:+}))"),
            STORE_REL => write!(f, "({code:02x}) store_release(({size} *)(r{dst} {off:+}), r{src})"),
            _ => write!(f, "BUG_{code:02x}"),
        }
    }

    fn store_imm(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Insn { code, dst, off, imm, .. } = self.insn;
        match mode(self.insn) {
            mode::MEM => write!(f, "({code:02x}) *({} *)(r{dst} {off:+}) = {imm}", size_name(code, 'u')),
            mode::ATOMIC => write!(f, "({code:02x}) nospec"),
            _ => write!(f, "BUG_st_{code:02x}"),
        }
    }

    fn load(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Insn { code, dst, src, off, .. } = self.insn;
        let sign = match mode(self.insn) {
            mode::MEM => 'u',
            mode::MEMSX => 's',
            _ => return write!(f, "BUG_ldx_{code:02x}"),
        };
        write!(f, "({code:02x}) r{dst} = *({} *)(r{src} {off:+})", size_name(code, sign))
    }

    fn load_wide(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Insn { code, dst, src, imm, .. } = self.insn;
        match mode(self.insn) {
            mode::ABS => write!(f, "({code:02x}) r0 = *({} *)skb[{imm}]", size_name(code, 'u')),
            mode::IND => write!(f, "({code:02x}) r0 = *({} *)skb[r{src} + {imm}]", size_name(code, 'u')),
            mode::IMM if code == 0x18 => {
                // Where a map or variable is in the kernel means nothing here: the log has 0 for it, as the kernel's
                // has for those who may not see pointers.
                let value = match src {
                    0 | pseudo::FUNC => u64::from(self.high as u32) << 32 | u64::from(imm as u32),
                    _ => 0,
                };
                write!(f, "({code:02x}) r{dst} = {value:#x}")
            }
            _ => write!(f, "BUG_ld_{code:02x}"),
        }
    }

    fn jump(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Insn { code, dst, src, off, imm } = self.insn;
        let letter = if class(self.insn) == class::JMP32 { 'w' } else { 'r' };
        match op(self.insn) {
            op::CALL => self.call(f),
            op::JA if code == class::JMP => write!(f, "({code:02x}) goto pc{off:+}"),
            op::JA if code == class::JMP32 => write!(f, "({code:02x}) gotol pc{imm:+}"),
            op::JCOND if code == class::JMP | op::JCOND && src == 0 => {
                write!(f, "({code:02x}) may_goto pc{off:+}")
            }
            op::EXIT if code == class::JMP | op::EXIT => write!(f, "({code:02x}) exit"),
            op => {
                write!(f, "({code:02x}) if {letter}{dst} {} ", JMP[usize::from(op >> 4)])?;
                match code & 0x08 {
                    0 => write!(f, "{imm:#x}")?,
                    _ => write!(f, "{letter}{src}")?,
                }
                write!(f, " goto pc{off:+}")
            }
        }
    }

    fn call(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Insn { code, src, imm, .. } = self.insn;
        if src == pseudo::CALL {
            return write!(f, "({code:02x}) call pc{imm:+}");
        }
        write!(f, "({code:02x}) call ")?;
        match (src, helper(imm as u32)) {
            (0, Some(helper)) => write!(f, "bpf_{}", helper.name)?,
            (0, None) if imm == 0 => f.write_str("bpf_unspec")?,
            (pseudo::KFUNC_CALL, _) => f.write_str(self.kfunc.unwrap_or("kernel-function"))?,
            _ => f.write_str("unknown")?,
        }
        write!(f, "#{imm}")
    }
}

fn size_name(code: u8, sign: char) -> &'static str {
    match (code & 0x18, sign) {
        (0x00, 'u') => "u32",
        (0x08, 'u') => "u16",
        (0x10, 'u') => "u8",
        (_, 'u') => "u64",
        (0x00, _) => "s32",
        (0x08, _) => "s16",
        (0x10, _) => "s8",
        _ => "(null)",
    }
}
