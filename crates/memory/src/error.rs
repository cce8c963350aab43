//! Why memory could not be had.

use crate::layout::Arena;
use std::fmt;

/// The host did not give what a simulated machine needs. Not the fault of any program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostLimit {
    /// What was asked of the host.
    pub wanted: &'static str,
    /// The bytes that were asked for.
    pub bytes: u64,
    /// What the host answered.
    pub reason: String,
    /// What can be done about it.
    pub advice: &'static str,
}

impl HostLimit {
    /// Address space was refused.
    pub(crate) fn reservation(bytes: usize, reason: impl fmt::Display) -> HostLimit {
        HostLimit {
            wanted: "a reservation of address space",
            bytes: bytes as u64,
            reason: reason.to_string(),
            advice: "Simulated memory reserves 12 GiB of address space, nearly all of it never touched; raise the limit \
                     on address space (`ulimit -v unlimited`), or on mappings (`sysctl vm.max_map_count`) if very many \
                     machines are alive at once",
        }
    }

    /// Memory was refused.
    pub(crate) fn memory(bytes: usize, reason: impl fmt::Display) -> HostLimit {
        HostLimit {
            wanted: "memory for simulated objects",
            bytes: bytes as u64,
            reason: reason.to_string(),
            advice: "Raise the limit on memory (`ulimit -d unlimited`, or that of the container), or on mappings \
                     (`sysctl vm.max_map_count`) if very many machines are alive at once",
        }
    }

    /// Something about a file was refused.
    #[cfg(all(unix, not(skep_portable_memory)))]
    pub(crate) fn file(wanted: &'static str, bytes: usize, reason: impl fmt::Display) -> HostLimit {
        HostLimit {
            wanted,
            bytes: bytes as u64,
            reason: reason.to_string(),
            advice: "Pages of files need free file descriptors (`ulimit -n`) and mappings (`sysctl vm.max_map_count`)",
        }
    }
}

impl fmt::Display for HostLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostLimit { wanted, bytes, reason, advice } = self;
        write!(f, "the host refused {wanted} ({bytes} bytes): {reason}. {advice}")
    }
}

impl std::error::Error for HostLimit {}

/// Simulated objects would have taken more of the host's memory than they may: see
/// [`Memory::set_limit`](crate::Memory::set_limit). All numbers are bytes of whole pages, shadows included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OverLimit {
    /// What was needed more.
    pub wanted: u64,
    /// What was taken already.
    pub resident: u64,
    /// What may be taken.
    pub limit: u64,
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [wanted, resident, limit] = [self.wanted, self.resident, self.limit].map(Size);
        write!(
            f,
            "simulated objects take {resident} of the host's memory, and {wanted} more would pass their limit of {limit}"
        )
    }
}

impl std::error::Error for OverLimit {}

/// Bytes in the largest unit that leaves a whole number of them, or a short one.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1 << 20;
        match self.0 {
            bytes if bytes > 0 && bytes % MIB == 0 => write!(f, "{} MiB", bytes / MIB),
            bytes if bytes > 10 * MIB => write!(f, "{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB),
            bytes => write!(f, "{} KiB", bytes.div_ceil(1024)),
        }
    }
}

/// An allocation was refused. The kernel's answer to this is -ENOMEM.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NoMemory {
    /// The arena is too small for it, even when empty.
    TooBig {
        /// Where it should have gone.
        arena: Arena,
        /// Bytes that were asked for (saturated).
        bytes: u64,
    },
    /// The arena has no room left for it.
    Full {
        /// Where it should have gone.
        arena: Arena,
        /// Bytes that were asked for.
        bytes: u64,
    },
    /// Not a power of two, or more than 1 MiB.
    Alignment(usize),
    /// The stride of an array is less than its element's size.
    Stride {
        /// Bytes of an element.
        elem_size: usize,
        /// Bytes from one element to the next.
        stride: usize,
    },
    /// The host gave no memory.
    Host(HostLimit),
    /// More than [`Memory::set_limit`](crate::Memory::set_limit) allows.
    OverLimit(OverLimit),
    /// Pages cannot be mapped so.
    Pages(&'static str),
}

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoMemory::TooBig { arena, bytes } => write!(
                f,
                "{bytes} bytes do not fit into the simulated {} memory: its limit is {} bytes",
                arena.name(),
                arena.capacity()
            ),
            NoMemory::Full { arena, bytes } => write!(
                f,
                "no room for {bytes} more bytes in the simulated {} memory: its limit is {} bytes",
                arena.name(),
                arena.capacity()
            ),
            NoMemory::Alignment(align) => {
                write!(f, "an alignment of {align} bytes is not a power of two up to 1 MiB")
            }
            NoMemory::Stride { elem_size, stride } => {
                write!(f, "array elements of {elem_size} bytes overlap at a stride of {stride} bytes")
            }
            NoMemory::Host(limit) => limit.fmt(f),
            NoMemory::OverLimit(limit) => limit.fmt(f),
            NoMemory::Pages(why) => write!(f, "these pages cannot be mapped: {why}"),
        }
    }
}

impl std::error::Error for NoMemory {}

impl From<OverLimit> for NoMemory {
    fn from(limit: OverLimit) -> NoMemory {
        NoMemory::OverLimit(limit)
    }
}

impl From<HostLimit> for NoMemory {
    fn from(limit: HostLimit) -> NoMemory {
        NoMemory::Host(limit)
    }
}
