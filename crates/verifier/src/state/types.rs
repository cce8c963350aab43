//! What a register holds (`enum bpf_reg_type` with the flags of `enum bpf_type_flag`).

use bitflags::bitflags;

/// What a register holds, without flags.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Base {
    /// Nothing was written to it.
    #[default]
    NotInit,
    /// A number.
    Scalar,
    /// The program's context.
    PtrToCtx,
    /// A map itself.
    ConstPtrToMap,
    /// A value of a map.
    PtrToMapValue,
    /// A key of a map (in callbacks).
    PtrToMapKey,
    /// A frame of the stack.
    PtrToStack,
    /// Metadata before the packet.
    PtrToPacketMeta,
    /// Packet bytes.
    PtrToPacket,
    /// The end of the packet.
    PtrToPacketEnd,
    /// `struct bpf_flow_keys`.
    PtrToFlowKeys,
    /// A full socket.
    PtrToSocket,
    /// A socket of any state.
    PtrToSockCommon,
    /// A TCP socket.
    PtrToTcpSock,
    /// The buffer of a writable raw tracepoint.
    PtrToTpBuffer,
    /// An AF_XDP socket.
    PtrToXdpSock,
    /// A kernel object of a BTF type (or one that the program allocated).
    PtrToBtfId,
    /// Memory of a known size.
    PtrToMem,
    /// An arena.
    PtrToArena,
    /// A buffer whose bounds are checked at attach time.
    PtrToBuf,
    /// A function of the program.
    PtrToFunc,
    /// A dynptr that the kernel made.
    ConstPtrToDynptr,
}

bitflags! {
    /// What else is known of what a register holds.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct Flags: u16 {
        /// It may be NULL (`PTR_MAYBE_NULL`).
        const MAYBE_NULL = 1 << 0;
        /// It may only be read (`MEM_RDONLY`).
        const RDONLY = 1 << 1;
        /// Reserved from a ring buffer (`MEM_RINGBUF`).
        const RINGBUF = 1 << 2;
        /// Memory of user space (`MEM_USER`).
        const USER = 1 << 3;
        /// One per CPU (`MEM_PERCPU`).
        const PERCPU = 1 << 4;
        /// May be stale or made up (`PTR_UNTRUSTED`).
        const UNTRUSTED = 1 << 5;
        /// The program allocated it (`MEM_ALLOC`).
        const ALLOC = 1 << 6;
        /// The kernel vouches for it (`PTR_TRUSTED`).
        const TRUSTED = 1 << 7;
        /// Valid inside an RCU section (`MEM_RCU`).
        const RCU = 1 << 8;
        /// Not owned: a node that a list or tree owns (`NON_OWN_REF`).
        const NON_OWN_REF = 1 << 9;
        /// A slice of a dynptr of local memory (`DYNPTR_TYPE_LOCAL`).
        const DYNPTR_LOCAL = 1 << 10;
        /// A slice of a dynptr of a ring buffer record (`DYNPTR_TYPE_RINGBUF`).
        const DYNPTR_RINGBUF = 1 << 11;
        /// A slice of a dynptr of an skb (`DYNPTR_TYPE_SKB`).
        const DYNPTR_SKB = 1 << 12;
        /// A slice of a dynptr of an XDP frame (`DYNPTR_TYPE_XDP`).
        const DYNPTR_XDP = 1 << 13;
        /// A slice of a dynptr of an skb's metadata (`DYNPTR_TYPE_SKB_META`).
        const DYNPTR_SKB_META = 1 << 14;
        /// A slice of a dynptr of a file (`DYNPTR_TYPE_FILE`).
        const DYNPTR_FILE = 1 << 15;
        /// All of those: they are not printed.
        const DYNPTR = 0b11_1111 << 10;
    }
}

/// What a register holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RegType {
    /// The base type.
    pub base: Base,
    /// Its flags.
    pub flags: Flags,
}

impl RegType {
    /// Nothing.
    pub const NOT_INIT: RegType = RegType::of(Base::NotInit);
    /// A number.
    pub const SCALAR: RegType = RegType::of(Base::Scalar);

    /// A type without flags.
    pub const fn of(base: Base) -> RegType {
        RegType { base, flags: Flags::empty() }
    }

    /// A type with flags.
    pub const fn with(base: Base, flags: Flags) -> RegType {
        RegType { base, flags }
    }

    /// Whether it may be NULL.
    pub const fn may_be_null(self) -> bool {
        self.flags.contains(Flags::MAYBE_NULL)
    }

    /// Whether it has all of these flags.
    pub const fn has(self, flags: Flags) -> bool {
        self.flags.contains(flags)
    }

    /// Whether it is exactly this base, without any flag.
    pub fn is(self, base: Base) -> bool {
        self.base == base && self.flags.is_empty()
    }
}
