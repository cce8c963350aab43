//! What was wrong with an access, in words.

use crate::object::ObjectInfo;
use std::fmt;

/// What an instruction or a helper wanted to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// Read.
    Load,
    /// Write.
    Store,
}

/// Why an access was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// NULL, or NULL plus the offset of a field: an address in the lowest 16 MiB.
    Null,
    /// An error pointer (`ERR_PTR(-errno)`): an address in the highest page. The number is the errno, positive.
    ErrorPointer(u16),
    /// Not a simulated kernel address: not a sign-extended 32-bit number.
    NotAnAddress,
    /// Nothing is there.
    Unmapped,
    /// It begins in or near an object, and leaves it or misses it.
    OutOfBounds,
    /// A store to an object that may only be loaded from.
    ReadOnly,
    /// A load from an object that may not be loaded from.
    NoRead,
    /// A program may not touch this object, or this part of it, at all.
    NoAccess,
    /// An element of an array that was never handed to the program.
    NotGranted,
    /// The object was freed.
    Freed,
    /// A map pointer or other kernel handle: it can be passed on, not looked into.
    Handle,
    /// A function pointer: it can be called, not looked into.
    Text,
    /// An atomic access at an address that is no multiple of its size.
    Misaligned,
    /// Not a size that an instruction can have.
    Size,
    /// Writing there would take more of the host's memory than is allowed.
    OverLimit,
    /// The bytes may be accessed; the register that the address was computed from does not hold an address.
    Base,
}

/// An access that was refused: what, where, and why. `Display` is one sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Fault {
    /// Load or store.
    pub access: Access,
    /// The first address.
    pub addr: u64,
    /// The bytes from there.
    pub size: usize,
    /// Why.
    pub cause: Cause,
    /// The object that was meant, as far as one can tell; `offset` in it says where the access begins.
    pub object: Option<Box<ObjectInfo>>,
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            Access::Load => "load",
            Access::Store => "store",
        };
        write!(f, "{access} of {} at {:#x}: ", Bytes(self.size as u64), self.addr)?;
        match (&self.cause, &self.object) {
            (cause, Some(object)) => self.about(f, *cause, object),
            (cause, None) => self.place(f, *cause),
        }
    }
}

impl Fault {
    /// The rest of the sentence, where there is no object.
    fn place(&self, f: &mut fmt::Formatter<'_>, cause: Cause) -> fmt::Result {
        match cause {
            Cause::Null if self.addr == 0 => write!(f, "NULL pointer dereference"),
            Cause::Null if self.addr < 0x1_0000 => {
                write!(f, "NULL pointer dereference (NULL plus {})", self.addr)
            }
            Cause::Null => write!(
                f,
                "nothing is mapped in the lowest 16 MiB (NULL plus a large offset, or a user-space address, which is \
                 read with bpf_probe_read_user)"
            ),
            Cause::ErrorPointer(errno) => write!(f, "this is the error pointer for -{errno}, not an address"),
            Cause::NotAnAddress if self.addr >> 47 == 0 => write!(
                f,
                "not a kernel address (a user-space address is read with bpf_probe_read_user; a number that was cut to \
                 32 bits is no pointer any more)"
            ),
            Cause::NotAnAddress => write!(f, "not an address of this machine"),
            Cause::Handle => write!(f, "a pointer to a map or another kernel handle cannot be looked into"),
            Cause::Text => write!(f, "a function pointer cannot be looked into"),
            Cause::Misaligned => write!(f, "an atomic access must be aligned to its size"),
            Cause::Size => write!(f, "no instruction accesses this many bytes"),
            Cause::OverLimit => write!(f, "simulated objects may not take more of the host's memory"),
            Cause::Base => write!(f, "the address was computed from a register that does not hold a pointer"),
            _ => write!(f, "nothing is mapped there"),
        }
    }

    /// The rest of the sentence about an object.
    fn about(&self, f: &mut fmt::Formatter<'_>, cause: Cause, object: &ObjectInfo) -> fmt::Result {
        let named = Named(object);
        match cause {
            Cause::OutOfBounds => self.bounds(f, object)?,
            Cause::ReadOnly => write!(f, "{named} is read-only")?,
            Cause::NoRead => write!(f, "{named} is write-only")?,
            Cause::NoAccess => write!(f, "the program has no access to {named}")?,
            Cause::NotGranted => write!(f, "{named} was not looked up by the program")?,
            Cause::Freed => write!(f, "use after free, at offset {} of {named}", object.offset)?,
            other => {
                self.place(f, other)?;
                write!(f, " ({named})")?;
            }
        }
        history(f, object, cause == Cause::Freed)
    }

    fn bounds(&self, f: &mut fmt::Formatter<'_>, object: &ObjectInfo) -> fmt::Result {
        let named = Named(object);
        let (offset, len) = (i128::from(object.offset), i128::from(object.len));
        if offset < 0 {
            write!(f, "{} before the start of {named}", Bytes(offset.unsigned_abs() as u64))
        } else if offset >= len {
            match offset - len {
                0 => write!(f, "just past the end of {named}"),
                past => write!(f, "{} past the end of {named}", Bytes(past as u64)),
            }
        } else {
            let past = offset + self.size as i128 - len;
            write!(f, "at offset {offset} of {named} it goes {} past the end", Bytes(past as u64))
        }
    }
}

/// Who made it, and who freed it.
fn history(f: &mut fmt::Formatter<'_>, object: &ObjectInfo, freed: bool) -> fmt::Result {
    match (object.allocated, object.freed.filter(|_| freed)) {
        (Some(made), Some(freed)) => write!(f, "; allocated by {made}, freed by {freed}"),
        (Some(made), None) => write!(f, "; allocated by {made}"),
        (None, Some(freed)) => write!(f, "; freed by {freed}"),
        (None, None) => Ok(()),
    }
}

/// `1 byte`, `2 bytes`.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// `element 3 of map value "counts" (8 bytes)`.
struct Named<'a>(&'a ObjectInfo);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = self.0;
        if let Some(index) = object.element {
            write!(f, "element {index} of ")?;
        }
        write!(f, "{}", object.kind)?;
        if !object.name.is_empty() {
            write!(f, " \"{}\"", object.name)?;
        }
        write!(f, " ({})", Bytes(object.len))
    }
}
