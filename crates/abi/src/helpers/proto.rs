//! What a helper takes and returns, in the verifier's terms (`enum bpf_arg_type`, `enum bpf_return_type` and
//! `enum bpf_type_flag` of the kernel's `include/linux/bpf.h`).

/// A helper's prototype (`struct bpf_func_proto`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proto {
    /// What the helper returns in R0.
    pub ret: RetType,
    /// R1 to R5; unused ones are [`ArgType::UNUSED`].
    pub args: [ArgType; 5],
    /// Only programs with a GPL-compatible license may call it.
    pub gpl_only: bool,
    /// Memory arguments may point into the packet.
    pub pkt_access: bool,
    /// Only sleepable programs may call it.
    pub might_sleep: bool,
    /// It follows the `bpf_fastcall` contract: it clobbers no register but R0 and its arguments'.
    pub fastcall: bool,
}

/// One argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArgType {
    /// What it is.
    pub kind: ArgKind,
    /// How it may be used.
    pub flags: ArgFlags,
}

impl ArgType {
    /// A register that the helper does not look at.
    pub const UNUSED: ArgType = ArgType { kind: ArgKind::Unused, flags: ArgFlags::NONE };

    /// Whether the helper accepts NULL here.
    pub const fn nullable(self) -> bool {
        self.flags.nullable
    }

    /// Whether the argument is the size of the memory that the argument before points to.
    pub const fn is_size(self) -> bool {
        matches!(self.kind, ArgKind::ConstSize | ArgKind::ConstSizeOrZero)
    }
}

/// What an argument is (`enum bpf_arg_type`, base types).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgKind {
    /// Not an argument.
    Unused,
    /// A map, known at load time.
    ConstMapPtr,
    /// A key of the map argument: `key_size` readable bytes.
    MapKey,
    /// A value of the map argument: `value_size` bytes.
    MapValue,
    /// Memory whose size is the next argument.
    Mem,
    /// Memory of this many bytes.
    FixedMem(u32),
    /// Size of the memory argument before; not zero.
    ConstSize,
    /// Size of the memory argument before; zero allowed.
    ConstSizeOrZero,
    /// Size of what the helper returns, a constant.
    ConstAllocSizeOrZero,
    /// The program's context.
    Ctx,
    /// Any initialised register.
    Anything,
    /// A number, not a pointer.
    Scalar,
    /// A `struct bpf_spin_lock` in a map value.
    SpinLock,
    /// A `struct bpf_timer` in a map value.
    Timer,
    /// A socket of any state, as the sock lookup helpers give it.
    SockCommon,
    /// A full socket.
    Socket,
    /// A pointer to this kernel struct.
    BtfId(&'static str),
    /// A kernel `struct sock_common`, or a socket as the lookup helpers give it.
    BtfIdSockCommon,
    /// A per-CPU kernel variable.
    PercpuBtfId,
    /// An object that the program owns (the value of `bpf_kptr_xchg`).
    OwnedKptr,
    /// The kptr field to exchange.
    KptrXchgDest,
    /// Memory reserved from a ring buffer.
    RingbufMem,
    /// A function of the program.
    Func,
    /// The program's stack.
    Stack,
    /// A NUL-terminated string in a read-only map.
    ConstStr,
    /// A dynptr on the stack.
    Dynptr(Dynptr),
}

/// What a dynptr points to (`DYNPTR_TYPE_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dynptr {
    /// Whatever it was made for.
    Any,
    /// Memory of the program.
    Local,
    /// A ring buffer record.
    Ringbuf,
}

/// How an argument may be used (`enum bpf_type_flag`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ArgFlags {
    /// NULL is accepted (`PTR_MAYBE_NULL`).
    pub nullable: bool,
    /// The helper only reads, so read-only memory will do (`MEM_RDONLY`).
    pub read_only: bool,
    /// The memory need not be initialised (`MEM_UNINIT`).
    pub uninit: bool,
    /// The helper writes it (`MEM_WRITE`).
    pub write: bool,
    /// The memory must be aligned to its size (`MEM_ALIGNED`).
    pub aligned: bool,
    /// The argument's reference is given up (`OBJ_RELEASE`).
    pub release: bool,
}

impl ArgFlags {
    /// No flag.
    pub const NONE: ArgFlags = ArgFlags {
        nullable: false,
        read_only: false,
        uninit: false,
        write: false,
        aligned: false,
        release: false,
    };
}

/// What a helper returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetType {
    /// What it is.
    pub kind: RetKind,
    /// NULL is possible.
    pub nullable: bool,
    /// The memory may only be read.
    pub read_only: bool,
    /// The pointer may be passed to kfuncs that take trusted arguments (`PTR_TRUSTED`).
    pub trusted: bool,
}

/// What a helper returns (`enum bpf_return_type`, base types).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetKind {
    /// A number.
    Integer,
    /// Nothing: R0 is unreadable after the call.
    Void,
    /// A value of the map argument.
    MapValue,
    /// A full socket.
    Socket,
    /// A TCP socket.
    TcpSock,
    /// A socket of any state.
    SockCommon,
    /// Memory of the constant size that the arguments ask for.
    Mem,
    /// Memory reserved from a ring buffer.
    RingbufMem,
    /// A per-CPU variable: memory, or a kernel struct, as its type says.
    MemOrBtfId,
    /// A kernel struct of this name.
    BtfId(&'static str),
    /// The object that was in the kptr field.
    OwnedKptr,
}
