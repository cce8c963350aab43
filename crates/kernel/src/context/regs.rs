//! Registers as a probe finds them.

use skep_abi::ctx::pt_regs_x86_64;

/// `struct pt_regs` of x86-64.
///
/// ```
/// use skep_kernel::PtRegs;
///
/// // A call of read(3, 0x7ffc1000, 16).
/// let regs = PtRegs::call(&[3, 0x7ffc_1000, 16]);
/// assert_eq!((regs.rdi, regs.rsi, regs.rdx), (3, 0x7ffc_1000, 16));
/// // It returned 16.
/// assert_eq!(PtRegs::ret(16).rax, 16);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[allow(missing_docs, reason = "the processor's names")]
pub struct PtRegs {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub orig_rax: u64,
    pub rip: u64,
    pub cs: u64,
    pub eflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

/// The code segment of the kernel (`__KERNEL_CS`): a probe of a kernel function.
const KERNEL_CS: u64 = 0x10;

impl PtRegs {
    /// The entry of a kernel function with up to six arguments in registers.
    pub fn call(args: &[u64]) -> PtRegs {
        let arg = |i: usize| args.get(i).copied().unwrap_or(0);
        PtRegs {
            rdi: arg(0),
            rsi: arg(1),
            rdx: arg(2),
            rcx: arg(3),
            r8: arg(4),
            r9: arg(5),
            cs: KERNEL_CS,
            ..PtRegs::default()
        }
    }

    /// The return of a kernel function with a value.
    pub fn ret(value: u64) -> PtRegs {
        PtRegs { rax: value, cs: KERNEL_CS, ..PtRegs::default() }
    }

    /// Whether they are of user space: the lowest two bits of `cs`.
    pub(crate) fn is_user(&self) -> bool {
        self.cs & 3 != 0
    }

    /// The struct's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let words = [
            self.r15,
            self.r14,
            self.r13,
            self.r12,
            self.rbp,
            self.rbx,
            self.r11,
            self.r10,
            self.r9,
            self.r8,
            self.rax,
            self.rcx,
            self.rdx,
            self.rsi,
            self.rdi,
            self.orig_rax,
            self.rip,
            self.cs,
            self.eflags,
            self.rsp,
            self.ss,
        ];
        const _: () = assert!(size_of::<PtRegs>() == pt_regs_x86_64::LAYOUT.size);
        words.iter().flat_map(|it| it.to_le_bytes()).collect()
    }
}
