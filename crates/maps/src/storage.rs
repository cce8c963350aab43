//! The table of map types, and what each type's file has to provide.
//!
//! Adding a map type: one file with a `struct` that implements [`Storage`], and one row of [`map_types!`] below.

use skep_abi::{Errno, MapType};
use skep_memory::Memory;

use crate::arena::Arena;
use crate::array::{Array, PercpuArray};
use crate::backing::Backing;
use crate::bloom::Bloom;
use crate::cgroup::Cgroups;
use crate::cursor::{Cursor, Item};
use crate::handle::{Displaced, ObjRef};
use crate::hash::{Hash, HashOfMaps, Index, LruHash, LruPercpuHash, PercpuHash};
use crate::local::Local;
use crate::lpm::Lpm;
use crate::queue::Queue;
use crate::ringbuf::RingBuffer;
use crate::slots::Slots;
use crate::sockets::Sockets;
use crate::spec::{CreateError, MapSpec};
use crate::stack_trace::StackTrace;
use crate::targets::Targets;
use crate::user_ring::UserRing;

/// Where and for whom an operation runs.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    /// The simulated address space that holds the values.
    pub memory: &'a Memory,
    /// The CPU that runs the operation, below `cpus`.
    pub cpu: u32,
    /// Number of possible CPUs, at least 1; the same in every operation on a map.
    pub cpus: u32,
    /// Seeds the hash function; used when a map is made.
    pub seed: u64,
}

impl<'a> Cx<'a> {
    /// CPU 0 of a machine with `cpus` CPUs, seed 0.
    pub fn new(memory: &'a Memory, cpus: u32) -> Cx<'a> {
        Cx { memory, cpu: 0, cpus, seed: 0 }
    }

    /// The same machine seen from another CPU.
    pub fn on(self, cpu: u32) -> Cx<'a> {
        Cx { cpu, ..self }
    }
}

/// Who asks: per-CPU values have another shape on each side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// A program's helper call: values of `value_size` bytes, those of the running CPU.
    Program,
    /// `bpf(2)`: per-CPU values of all CPUs, each padded to 8 bytes.
    User,
}

/// What a map type does. The defaults are the answers of a type that lacks the operation.
pub(crate) trait Storage: Sized {
    /// The type's creation checks, in the kernel's order.
    fn check(spec: &MapSpec) -> Result<(), CreateError>;

    /// Makes the map. May round `max_entries` of the spec.
    fn create(spec: &mut MapSpec, cx: &Cx<'_>, backing: Backing<'_>) -> Result<Self, CreateError>;

    /// Whether user space can map the bytes of such a map, so that they may come from outside.
    fn mappable(_spec: &MapSpec) -> bool {
        false
    }

    /// How many bytes user space can map of such a map, if it can.
    fn shared_len(_spec: &MapSpec) -> u64 {
        0
    }

    /// The address of the first byte of those.
    fn pages(&self) -> Option<u64> {
        None
    }

    /// Whether the user side of a value covers every CPU.
    const PERCPU: bool = false;

    /// The address of the value of `key` on `cpu`.
    fn lookup(&self, cx: &Cx<'_>, key: &[u8], cpu: u32) -> Result<Option<u64>, Errno>;

    /// Copies the value out, in the user side's shape.
    fn read(&self, cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno>;

    /// Creates or replaces the value of `key`.
    fn update(&mut self, cx: &Cx<'_>, change: Change<'_>, out: &mut Displaced) -> Result<(), Errno>;

    /// Removes `key`.
    fn delete(&mut self, cx: &Cx<'_>, key: &[u8], out: &mut Displaced) -> Result<(), Errno>;

    /// Whether `BPF_MAP_LOOKUP_AND_DELETE_ELEM` works.
    const TAKES: bool = false;

    /// Copies the value out and removes it; only asked if [`Storage::TAKES`].
    fn take(&mut self, cx: &Cx<'_>, key: &[u8], out: &mut Displaced) -> Result<Vec<u8>, Errno> {
        let value = self.read(cx, key)?;
        self.delete(cx, key, out)?;
        Ok(value)
    }

    /// The table of a hash map.
    fn index(&self) -> Option<&Index> {
        None
    }

    /// Adds a value that has no key.
    fn push(&mut self, _value: &[u8], _flags: u64) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Takes the next value that has no key.
    fn pop(&mut self) -> Result<Vec<u8>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Whether a value without a key is there.
    fn contains(&self, _value: &[u8]) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// All values without keys, the next one first; `None` when the type has keys, or does not know.
    fn keyless(&self) -> Option<Vec<Vec<u8>>> {
        None
    }

    /// The key behind `key`, or the first one.
    fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno>;

    /// A walk over what is there now; `None` when programs cannot walk the type.
    fn cursor(&self) -> Option<Cursor> {
        None
    }

    /// The next element of a walk, its value on the CPU of `cx`.
    fn advance(&self, _cx: &Cx<'_>, _cursor: &mut Cursor) -> Option<Item<'_>> {
        None
    }

    /// The key and the address of the value that an address is in.
    fn key_of(&self, _addr: u64) -> Option<(Vec<u8>, u64)> {
        None
    }

    /// The address of byte `off` of the only value.
    fn value_addr(&self, _cx: &Cx<'_>, _off: u32) -> Result<u64, Errno> {
        Err(Errno::EINVAL)
    }

    /// Object slots, when the type has them.
    fn slots(&self) -> Option<&Slots> {
        None
    }

    /// The same, to change them.
    fn slots_mut(&mut self) -> Option<&mut Slots> {
        None
    }

    /// The handle that an element holds.
    fn held(&self, _key: &[u8]) -> Option<ObjRef> {
        None
    }

    /// The checks of [`Storage::hold`] that come before it is known what the handle is.
    fn check_hold(&self, _key: &[u8], _flags: u64) -> Result<(), Errno> {
        Ok(())
    }

    /// Has an element hold a handle and nothing else; the one that it held comes out.
    fn hold(&mut self, _key: &[u8], _object: ObjRef, _flags: u64) -> Result<Option<ObjRef>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// The checks of [`Storage::place`] that come before devices and descriptors are looked at.
    fn admits(&self, _cx: &Cx<'_>, _key: &[u8], _value: &[u8], _flags: u64) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Puts a value and the program that goes with it at a key.
    fn place(
        &mut self,
        _cx: &Cx<'_>,
        _key: &[u8],
        _value: &[u8],
        _program: Option<ObjRef>,
        _out: &mut Displaced,
    ) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// The value of a cgroup, made if there is none.
    fn attach(&mut self, _cx: &Cx<'_>, _cgroup: u64, _attach_type: u32) -> Result<u64, Errno> {
        Err(Errno::EINVAL)
    }

    /// Values by owner, when the type is local storage.
    fn local(&self) -> Option<&Local> {
        None
    }

    /// The same, to change them.
    fn local_mut(&mut self) -> Option<&mut Local> {
        None
    }

    /// All handles that elements hold.
    fn all_held(&self) -> Vec<ObjRef> {
        Vec::new()
    }

    /// The stacks, when the type holds such.
    fn stacks(&mut self) -> Option<&mut StackTrace> {
        None
    }

    /// The ring, when the type is one.
    fn ring(&self) -> Option<&RingBuffer> {
        None
    }

    /// The ring, when the type is one that user space writes.
    fn user_ring(&self) -> Option<&UserRing> {
        None
    }

    /// The arena, when the type is one.
    fn arena(&self) -> Option<&Arena> {
        None
    }

    /// The same, to take pages.
    fn arena_mut(&mut self) -> Option<&mut Arena> {
        None
    }

    /// Gives everything back: handles to `out`, memory to `memory`.
    fn release(&mut self, memory: &Memory, out: &mut Displaced);
}

/// An update.
#[derive(Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) flags: u64,
    pub(crate) side: Side,
}

type PlainCgroups = Cgroups<false>;
type PercpuCgroups = Cgroups<true>;

/// Makes the enum of all storages and its dispatch from the table.
macro_rules! map_types {
    ($( $kind:ident => $storage:ident; )*) => {
        /// The map types that are emulated.
        pub const EMULATED: &[MapType] = &[ $( MapType::$kind, )* ];

        /// The storage of one map.
        #[derive(Clone, Debug)]
        pub(crate) enum Body { $( $kind($storage), )* }

        impl Body {
            pub(crate) fn check(spec: &MapSpec) -> Result<(), CreateError> {
                match spec.kind {
                    $( MapType::$kind => <$storage as Storage>::check(spec), )*
                    other => Err(CreateError::not_emulated(other)),
                }
            }

            pub(crate) fn create(spec: &mut MapSpec, cx: &Cx<'_>, backing: Backing<'_>) -> Result<Body, CreateError> {
                match spec.kind {
                    $( MapType::$kind => <$storage as Storage>::create(spec, cx, backing).map(Body::$kind), )*
                    other => Err(CreateError::not_emulated(other)),
                }
            }

            pub(crate) fn mappable(spec: &MapSpec) -> bool {
                match spec.kind {
                    $( MapType::$kind => <$storage as Storage>::mappable(spec), )*
                    _ => false,
                }
            }

            pub(crate) fn shared_len(spec: &MapSpec) -> u64 {
                match spec.kind {
                    $( MapType::$kind => <$storage as Storage>::shared_len(spec), )*
                    _ => 0,
                }
            }

            pub(crate) fn percpu(&self) -> bool {
                match self { $( Body::$kind(_) => <$storage as Storage>::PERCPU, )* }
            }

            pub(crate) fn takes(&self) -> bool {
                match self { $( Body::$kind(_) => <$storage as Storage>::TAKES, )* }
            }
        }

        /// Runs an expression on whatever storage a body holds.
        macro_rules! with_storage {
            ($body:expr, $it:ident => $run:expr) => {
                match $body { $( Body::$kind($it) => $run, )* }
            };
        }
    };
}

map_types! {
    Hash => Hash;
    Array => Array;
    ProgArray => Slots;
    PerfEventArray => Slots;
    PercpuHash => PercpuHash;
    PercpuArray => PercpuArray;
    StackTrace => StackTrace;
    CgroupArray => Slots;
    LruHash => LruHash;
    LruPercpuHash => LruPercpuHash;
    LpmTrie => Lpm;
    ArrayOfMaps => Slots;
    HashOfMaps => HashOfMaps;
    Devmap => Targets;
    Sockmap => Sockets;
    Cpumap => Targets;
    Xskmap => Sockets;
    Sockhash => Sockets;
    CgroupStorage => PlainCgroups;
    ReuseportSockarray => Sockets;
    PercpuCgroupStorage => PercpuCgroups;
    SkStorage => Local;
    DevmapHash => Targets;
    InodeStorage => Local;
    TaskStorage => Local;
    CgrpStorage => Local;
    Queue => Queue;
    Stack => Queue;
    BloomFilter => Bloom;
    Ringbuf => RingBuffer;
    UserRingbuf => UserRing;
    Arena => Arena;
}
#[expect(clippy::single_component_path_imports, reason = "makes the macro reachable from other modules")]
pub(crate) use with_storage;
