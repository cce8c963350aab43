//! What a program can use beside helpers, map and program types, and which kernel has it first.

use crate::KernelVersion;

macro_rules! features {
    ($( $(#[$doc:meta])* $name:ident = $text:literal, $major:literal, $minor:literal; )*) => {
        /// A feature of programs or objects.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Feature {
            $( $(#[$doc])* $name, )*
        }

        impl Feature {
            /// All of them, in table order.
            pub const ALL: &'static [Feature] = &[$( Feature::$name, )*];

            /// What it is, in a few words.
            pub const fn name(self) -> &'static str {
                match self { $( Feature::$name => $text, )* }
            }

            /// The first kernel that has it.
            pub const fn since(self) -> KernelVersion {
                match self { $( Feature::$name => KernelVersion::new($major, $minor), )* }
            }
        }
    };
}

features! {
    /// Unsigned and signed less-than branches (`-mcpu=v2`).
    LessThan = "less-than branches", 4, 14;
    /// Calls to functions of the same program.
    BpfToBpf = "bpf-to-bpf calls", 4, 16;
    /// 32-bit branches (`-mcpu=v3`).
    Jmp32 = "32-bit branches", 5, 1;
    /// Global variables: wide loads of a map value's address.
    GlobalData = "global variables", 5, 2;
    /// Jumps back, in loops that end.
    BoundedLoops = "loops", 5, 3;
    /// Memory-mapped arrays (`BPF_F_MMAPABLE`).
    MmapableArrays = "memory-mapped arrays", 5, 5;
    /// Calls to functions that are verified on their own.
    GlobalFunctions = "global functions", 5, 6;
    /// Addresses of kernel variables by their types.
    TypedKsyms = "typed kernel variables", 5, 10;
    /// Tail calls in programs that call functions of their own.
    TailCallsWithCalls = "tail calls along with bpf-to-bpf calls", 5, 10;
    /// Programs that may sleep (`BPF_F_SLEEPABLE`).
    Sleepable = "programs that may sleep", 5, 10;
    /// XDP programs for packets in fragments (`BPF_F_XDP_HAS_FRAGS`).
    XdpFragments = "XDP packets in fragments", 5, 18;
    /// Programs of more than 4,096 instructions.
    LargePrograms = "more than 4,096 instructions", 5, 2;
    /// Atomic operations that return the old value, and those beside addition.
    Atomics = "atomics with fetch, xchg, cmpxchg", 5, 12;
    /// Addresses of functions, for helpers that call back.
    Callbacks = "callbacks", 5, 13;
    /// Calls of kernel functions.
    Kfuncs = "kernel functions", 5, 13;
    /// `-mcpu=v4`.
    IsaV4 = "instructions of -mcpu=v4", 6, 6;
    /// `may_goto`.
    MayGoto = "may_goto", 6, 9;
    /// Arenas: `addr_space_cast`.
    AddrSpaceCast = "addr_space_cast", 6, 9;
    /// Load-acquire and store-release.
    AcquireRelease = "load-acquire, store-release", 6, 15;
}
