//! Where things live in the simulated address space.
//!
//! A simulated address is a sign-extended 32-bit number. That gives a low half, `0 ..= 0x7fff_ffff`, for what 32-bit
//! context fields point to (`xdp_md.data`), and a high half, `0xffff_ffff_8000_0000 ..`, that looks like kernel
//! addresses.
//!
//! | range | use |
//! |---|---|
//! | `0` .. [`LOW_LIMIT`] | never mapped: NULL and fields reached through NULL |
//! | [`PACKET_BASE`] | [`Arena::Packet`] |
//! | [`VALUES_BASE`] | [`Arena::Values`] |
//! | [`PAGES_BASE`] | [`Arena::Pages`] |
//! | [`KERNEL_BASE`] | [`Arena::Kernel`] |
//! | [`STACK_BASE`] | [`Arena::Stack`] |
//! | [`HANDLE_BASE`] | opaque kernel handles, never accessible |
//! | [`TEXT_BASE`] | function pointers, never accessible |
//! | [`HIGH_LIMIT`] .. | never mapped: error pointers |

/// Addresses below this are never mapped, so that NULL plus a field offset always faults.
pub const LOW_LIMIT: u64 = 0x0100_0000;

/// First address of [`Arena::Packet`].
pub const PACKET_BASE: u64 = 0x0100_0000;
/// Bytes of address space of [`Arena::Packet`].
pub const PACKET_SIZE: u64 = 0x1000_0000;

/// First address of [`Arena::Values`].
pub const VALUES_BASE: u64 = 0xffff_ffff_8000_0000;
/// Bytes of address space of [`Arena::Values`].
pub const VALUES_SIZE: u64 = 0x5000_0000;

/// First address of [`Arena::Pages`].
pub const PAGES_BASE: u64 = 0xffff_ffff_d000_0000;
/// Bytes of address space of [`Arena::Pages`].
pub const PAGES_SIZE: u64 = 0x2000_0000;

/// First address of [`Arena::Kernel`].
pub const KERNEL_BASE: u64 = 0xffff_ffff_f000_0000;
/// Bytes of address space of [`Arena::Kernel`].
pub const KERNEL_SIZE: u64 = 0x0800_0000;

/// First address of [`Arena::Stack`].
pub const STACK_BASE: u64 = 0xffff_ffff_f800_0000;
/// Bytes of address space of [`Arena::Stack`].
pub const STACK_SIZE: u64 = 0x0200_0000;

/// First address of the range for opaque kernel handles (a `struct bpf_map *` in a register). Never accessible.
pub const HANDLE_BASE: u64 = 0xffff_ffff_fa00_0000;
/// Bytes of address space for handles.
pub const HANDLE_SIZE: u64 = 0x0100_0000;

/// First address of the range for function pointers (`text base + 8 * slot`). Never accessible.
pub const TEXT_BASE: u64 = 0xffff_ffff_fb00_0000;
/// Bytes of address space for function pointers.
pub const TEXT_SIZE: u64 = 0x0400_0000;

/// Addresses from here up are never mapped; the highest page holds error pointers (`ERR_PTR(-errno)`).
pub const HIGH_LIMIT: u64 = 0xffff_ffff_ff00_0000;

/// The first and last bytes of every arena's range that hold no object.
///
/// An instruction's offset is 16 bits signed, so a base register that passed the sign test may be up to 32 KiB away
/// from the object that is reached. With this gap such a base is itself a valid address, at the sign edge too.
pub const ARENA_GAP: u64 = 0x1_0000;

/// Bytes of the guard below and above the 4 GiB of a window (an engine's displacement: 32 KiB, plus an access of 8).
pub(crate) const GUARD: usize = 0x1_0000;
/// Bytes of the window itself.
pub(crate) const WINDOW: usize = 1 << 32;

const _: () = assert!(GUARD >= 32 * 1024 + 8);

/// One fixed range of the simulated address space that objects are allocated from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Arena {
    /// Packets and all else that 32-bit context fields point to; the only arena of the low half.
    Packet,
    /// Map values.
    Values,
    /// Rings, and pages that come from outside ([`Memory::map_pages`](crate::Memory::map_pages)).
    Pages,
    /// Contexts, tasks and other kernel objects.
    Kernel,
    /// Program stacks.
    Stack,
}

impl Arena {
    /// Every arena, in the order of the enum.
    pub const ALL: [Arena; 5] = [Arena::Packet, Arena::Values, Arena::Pages, Arena::Kernel, Arena::Stack];

    const fn row(self) -> (&'static str, u64, u64) {
        match self {
            Arena::Packet => ("packet", PACKET_BASE, PACKET_SIZE),
            Arena::Values => ("map value", VALUES_BASE, VALUES_SIZE),
            Arena::Pages => ("page", PAGES_BASE, PAGES_SIZE),
            Arena::Kernel => ("kernel object", KERNEL_BASE, KERNEL_SIZE),
            Arena::Stack => ("stack", STACK_BASE, STACK_SIZE),
        }
    }

    /// What it holds, for messages.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The first address of its range.
    pub const fn base(self) -> u64 {
        self.row().1
    }

    /// The bytes of its range.
    pub const fn size(self) -> u64 {
        self.row().2
    }

    /// Whether `addr` lies in its range.
    pub const fn contains(self, addr: u64) -> bool {
        addr.wrapping_sub(self.base()) < self.size()
    }

    /// The low 32 bits of the first address that an object can have.
    pub(crate) const fn first(self) -> u32 {
        (self.base() + ARENA_GAP) as u32
    }

    /// The bytes that objects can take, all together.
    pub const fn capacity(self) -> u64 {
        self.size() - 2 * ARENA_GAP
    }
}

/// Whether `addr` is a simulated address at all: a sign-extended 32-bit number.
#[inline]
pub const fn is_address(addr: u64) -> bool {
    addr as i32 as i64 as u64 == addr
}

/// The address whose low 32 bits are `low`.
pub(crate) const fn extend(low: u32) -> u64 {
    low as i32 as i64 as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_ordered_and_disjoint() {
        let ranges = [
            (0, LOW_LIMIT),
            (PACKET_BASE, PACKET_SIZE),
            (VALUES_BASE, VALUES_SIZE),
            (PAGES_BASE, PAGES_SIZE),
            (KERNEL_BASE, KERNEL_SIZE),
            (STACK_BASE, STACK_SIZE),
            (HANDLE_BASE, HANDLE_SIZE),
            (TEXT_BASE, TEXT_SIZE),
        ];
        for pair in ranges.windows(2) {
            assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:x?}");
        }
        assert_eq!(TEXT_BASE + TEXT_SIZE, HIGH_LIMIT);
    }

    #[test]
    fn arenas_do_not_cross_a_half() {
        for arena in Arena::ALL {
            assert!(is_address(arena.base()) && is_address(arena.base() + arena.size() - 1), "{arena:?}");
            assert!(arena.contains(arena.base()) && !arena.contains(arena.base() + arena.size()));
            assert!(!arena.contains(arena.base().wrapping_sub(1)));
            assert!(arena.base().is_multiple_of(ARENA_GAP) && arena.size().is_multiple_of(ARENA_GAP));
        }
    }

    #[test]
    fn sign_test() {
        for good in [0, 1, 0x7fff_ffff, 0xffff_ffff_8000_0000, u64::MAX] {
            assert!(is_address(good), "{good:#x}");
        }
        for bad in [0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0xffff_ffff_7fff_ffff, 1 << 63, 0x7fff_1234_5678]
        {
            assert!(!is_address(bad), "{bad:#x}");
        }
    }
}
