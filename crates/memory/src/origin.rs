//! What an object is, who made it, and what a program may do with it.

use std::fmt;
use std::sync::Arc;

/// What a program may do with the bytes of an object. The kernel's own accesses do not ask.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Rights {
    /// Loads are allowed.
    pub load: bool,
    /// Stores are allowed.
    pub store: bool,
}

impl Rights {
    /// Neither loads nor stores.
    pub const NONE: Rights = Rights { load: false, store: false };
    /// Loads alone.
    pub const RO: Rights = Rights { load: true, store: false };
    /// Stores alone.
    pub const WO: Rights = Rights { load: false, store: true };
    /// Loads and stores.
    pub const RW: Rights = Rights { load: true, store: true };
}

macro_rules! object_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What sort of thing an object is. Decides nothing; it is what reports call it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[non_exhaustive]
        pub enum ObjectKind { $($(#[$doc])* $name,)* }

        impl ObjectKind {
            /// Every kind, in the order of the enum.
            pub const ALL: &'static [ObjectKind] = &[$(ObjectKind::$name,)*];

            /// The words for it in a report: `"map value"`.
            pub const fn name(self) -> &'static str {
                match self { $(ObjectKind::$name => $text,)* }
            }
        }
    };
}

object_kinds! {
    /// The stack of a program, or one frame of it.
    Stack = "stack",
    /// A program's context.
    Context = "context",
    /// Packet data.
    Packet = "packet",
    /// A value, or all values, of a map.
    MapValue = "map value",
    /// A record reserved in a ring buffer.
    RingRecord = "ring buffer record",
    /// The pages of a ring or perf buffer.
    Ring = "ring buffer",
    /// A global data section of an object file.
    Data = "data section",
    /// A fabricated kernel object (a task, a socket...).
    KernelObject = "kernel object",
    /// Memory that a program allocated (`bpf_obj_new`, arena pages...).
    Allocation = "allocation",
    /// Memory that the user of the library handed to a raw program.
    Raw = "memory",
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An instruction of a program, as the owner of the memory numbers them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Site {
    /// The program.
    pub prog: u32,
    /// The instruction slot in it.
    pub insn: u32,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instruction {} of program {}", self.insn, self.prog)
    }
}

/// What an object is and who made it. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// What sort of thing it is.
    pub kind: ObjectKind,
    /// Its name, e.g. that of the map; may be empty.
    pub name: Arc<str>,
    /// The instruction that allocated it, if one did.
    pub site: Option<Site>,
}

impl Origin {
    /// An object that no instruction allocated.
    pub fn new(kind: ObjectKind, name: impl Into<Arc<str>>) -> Origin {
        Origin { kind, name: name.into(), site: None }
    }

    /// The same, allocated by an instruction.
    #[must_use]
    pub fn at(mut self, site: Site) -> Origin {
        self.site = Some(site);
        self
    }
}
