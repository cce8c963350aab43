//! Reservations of host address space.
//!
//! Two backends with one interface: `mmap` on Unix, and `std::alloc` elsewhere (or with `--cfg skep_portable_memory`,
//! which is how it is tested on Unix).

#[cfg(all(unix, not(skep_portable_memory)))]
mod unix;
#[cfg(all(unix, not(skep_portable_memory)))]
pub(crate) use unix::{Region, page_size};

#[cfg(not(all(unix, not(skep_portable_memory))))]
mod portable;
#[cfg(not(all(unix, not(skep_portable_memory))))]
pub(crate) use portable::{Region, page_size};

/// What may be done with the bytes of a [`Region`] before any of them is committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Initial {
    /// Nothing: an access kills the process (where the backend can do that).
    NoAccess,
    /// They read as zero.
    Zeros,
}
