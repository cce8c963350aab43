//! Registers of the two architectures whose objects are run, and where a function's arguments are in them.

use crate::context::{Context, PtRegs};

/// Whose registers a program reads: what it was built for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Arch {
    /// `struct pt_regs` of x86-64.
    #[default]
    X86_64,
    /// `struct user_pt_regs` of arm64.
    Arm64,
}

/// `struct user_pt_regs` of arm64.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Arm64Regs {
    /// x0 to x30.
    pub regs: [u64; 31],
    /// The stack pointer.
    pub sp: u64,
    /// The program counter.
    pub pc: u64,
    /// The processor's state: the lowest four bits are 0 in user space.
    pub pstate: u64,
}

impl Arm64Regs {
    /// Bytes of it.
    pub const SIZE: usize = skep_abi::ctx::pt_regs_arm64::LAYOUT.size;

    /// The struct's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let rest = [self.sp, self.pc, self.pstate];
        self.regs.iter().chain(&rest).flat_map(|it| it.to_le_bytes()).collect()
    }
}

/// `__USER_CS`, and `PSR_MODE_EL1h` of a kernel.
const USER_CS: u64 = 0x33;
const KERNEL_CS: u64 = 0x10;
const EL1H: u64 = 5;

/// Registers as a probe finds them, whatever the architecture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Registers {
    X86(PtRegs),
    Arm64(Arm64Regs),
}

/// What argument registers hold; the rest is on the stack.
pub(crate) const fn register_args(arch: Arch) -> usize {
    match arch {
        Arch::X86_64 => 6,
        Arch::Arm64 => 8,
    }
}

/// Names of all registers, as messages list them.
const X86_NAMES: [&str; 21] = [
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
    "orig_rax", "rip", "cs", "eflags", "rsp", "ss",
];

impl Registers {
    /// All zero, in kernel or user mode.
    pub(crate) fn new(arch: Arch, user: bool) -> Registers {
        match arch {
            Arch::X86_64 => {
                let cs = if user { USER_CS } else { KERNEL_CS };
                Registers::X86(PtRegs { cs, ..PtRegs::default() })
            }
            Arch::Arm64 => {
                let pstate = if user { 0 } else { EL1H };
                Registers::Arm64(Arm64Regs { pstate, ..Arm64Regs::default() })
            }
        }
    }

    /// Puts a word into the argument register with this number, if there are so many.
    pub(crate) fn set_arg(&mut self, index: usize, value: u64) {
        match self {
            Registers::X86(regs) => {
                let places =
                    [&mut regs.rdi, &mut regs.rsi, &mut regs.rdx, &mut regs.rcx, &mut regs.r8, &mut regs.r9];
                if let Some(place) = places.into_iter().nth(index) {
                    *place = value;
                }
            }
            Registers::Arm64(regs) if index < 8 => regs.regs[index] = value,
            Registers::Arm64(_) => {}
        }
    }

    /// Puts a word where a system call has its argument with this number: as the instruction found it.
    pub(crate) fn set_syscall_arg(&mut self, index: usize, value: u64) {
        match self {
            // The instruction needs rcx for itself.
            Registers::X86(regs) if index == 3 => regs.r10 = value,
            Registers::X86(_) => self.set_arg(index, value),
            Registers::Arm64(regs) if index < 6 => regs.regs[index] = value,
            Registers::Arm64(_) => {}
        }
    }

    /// The number of the system call.
    pub(crate) fn set_syscall(&mut self, nr: u64) {
        match self {
            Registers::X86(regs) => regs.orig_rax = nr,
            Registers::Arm64(regs) => regs.regs[8] = nr,
        }
    }

    pub(crate) fn set_ret(&mut self, value: u64) {
        match self {
            Registers::X86(regs) => regs.rax = value,
            Registers::Arm64(regs) => regs.regs[0] = value,
        }
    }

    pub(crate) fn set_ip(&mut self, value: u64) {
        match self {
            Registers::X86(regs) => regs.rip = value,
            Registers::Arm64(regs) => regs.pc = value,
        }
    }

    pub(crate) fn set_sp(&mut self, value: u64) {
        match self {
            Registers::X86(regs) => regs.rsp = value,
            Registers::Arm64(regs) => regs.sp = value,
        }
    }

    /// Sets a register by the name that `struct pt_regs` has for it; `ip`, `sp`, `ax`... as the kernel itself has
    /// them too. False: there is none of this name.
    pub(crate) fn set(&mut self, name: &str, value: u64) -> bool {
        match self {
            Registers::X86(regs) => match x86_register(regs, name) {
                Some(place) => *place = value,
                None => return false,
            },
            Registers::Arm64(regs) => match name {
                "sp" => regs.sp = value,
                "pc" => regs.pc = value,
                "pstate" => regs.pstate = value,
                _ => {
                    let number = name.strip_prefix('x').and_then(|digits| digits.parse::<usize>().ok());
                    match number.and_then(|number| regs.regs.get_mut(number)) {
                        Some(place) => *place = value,
                        None => return false,
                    }
                }
            },
        }
        true
    }

    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Registers::X86(_) => X86_NAMES.iter().map(|it| (*it).to_owned()).collect(),
            Registers::Arm64(_) => {
                let rest = ["sp", "pc", "pstate"].map(str::to_owned);
                (0..31).map(|it| format!("x{it}")).chain(rest).collect()
            }
        }
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        match self {
            Registers::X86(regs) => regs.to_bytes(),
            Registers::Arm64(regs) => regs.to_bytes(),
        }
    }
}

impl From<Registers> for Context {
    fn from(regs: Registers) -> Context {
        match regs {
            Registers::X86(regs) => Context::Regs(regs),
            Registers::Arm64(regs) => Context::Arm64(Box::new(regs)),
        }
    }
}

/// The names of `struct pt_regs` in the UAPI, and those inside the kernel (`di`, `orig_ax`, `flags`).
fn x86_register<'r>(regs: &'r mut PtRegs, name: &str) -> Option<&'r mut u64> {
    Some(match name {
        "r15" => &mut regs.r15,
        "r14" => &mut regs.r14,
        "r13" => &mut regs.r13,
        "r12" => &mut regs.r12,
        "rbp" | "bp" => &mut regs.rbp,
        "rbx" | "bx" => &mut regs.rbx,
        "r11" => &mut regs.r11,
        "r10" => &mut regs.r10,
        "r9" => &mut regs.r9,
        "r8" => &mut regs.r8,
        "rax" | "ax" => &mut regs.rax,
        "rcx" | "cx" => &mut regs.rcx,
        "rdx" | "dx" => &mut regs.rdx,
        "rsi" | "si" => &mut regs.rsi,
        "rdi" | "di" => &mut regs.rdi,
        "orig_rax" | "orig_ax" => &mut regs.orig_rax,
        "rip" | "ip" => &mut regs.rip,
        "cs" => &mut regs.cs,
        "eflags" | "flags" => &mut regs.eflags,
        "rsp" | "sp" => &mut regs.rsp,
        "ss" => &mut regs.ss,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_register_has_its_name_and_its_place() {
        for arch in [Arch::X86_64, Arch::Arm64] {
            let names = Registers::new(arch, false).names();
            for (index, name) in names.iter().enumerate() {
                let mut regs = Registers::new(arch, true);
                assert!(regs.set(name, 0x1122_3344_5566_7788), "{name}");
                let bytes = regs.to_bytes();
                assert_eq!(bytes.len(), names.len() * 8);
                assert_eq!(bytes[index * 8..index * 8 + 8], 0x1122_3344_5566_7788u64.to_le_bytes(), "{name}");
            }
            assert!(!Registers::new(arch, false).set("r99", 1));
        }
    }

    #[test]
    fn system_calls_have_their_fourth_argument_elsewhere() {
        let mut regs = Registers::new(Arch::X86_64, true);
        (0..6).for_each(|index| regs.set_syscall_arg(index, index as u64 + 1));
        let Registers::X86(regs) = regs else { panic!() };
        assert_eq!([regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9], [1, 2, 3, 4, 5, 6]);
        assert_eq!(regs.rcx, 0);
    }
}
