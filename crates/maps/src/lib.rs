//! Every BPF map type and its flag rules, over the simulated address space.
//!
//! A [`Map`] does what `kernel/bpf/*map.c` does: the same creation rules, the same errnos, the same elements evicted.
//! Values live in a [`skep_memory::Memory`], where programs reach them by address; keys and everything else live here.
//! Each operation is told where it runs by a [`Cx`], and from which [`Side`] it comes.
//!
//! ```
//! use skep_abi::{Errno, MapType, flags::{BPF_ANY, BPF_NOEXIST}};
//! use skep_maps::{Cx, Map, MapSpec, Side};
//! use skep_memory::Memory;
//!
//! let memory = Memory::new()?;
//! let cx = Cx::new(&memory, 2);
//! let mut map = Map::new(MapSpec::new(MapType::PercpuHash, 4, 5, 100), &cx)?;
//!
//! // A program on CPU 1 makes an element: 5 bytes for its CPU, zeroes for the other.
//! let key = 7u32.to_le_bytes();
//! let _ = map.update(&cx.on(1), &key, b"bytes", BPF_ANY, Side::Program)?;
//! let value = map.lookup_ptr(&cx.on(1), &key)?.ok_or("no such key")?;
//! assert_eq!(memory.load(value, 4)?, u64::from(u32::from_le_bytes(*b"byte")));
//!
//! // User space sees both CPUs, each padded to 8.
//! assert_eq!(map.lookup_user(&cx, &key)?, b"\0\0\0\0\0\0\0\0bytes\0\0\0");
//! let again = map.update(&cx, &key, &[0; 16], BPF_NOEXIST, Side::User);
//! assert_eq!(again, Err(Errno::EEXIST));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where it differs from the kernel
//!
//! - Hash maps are walked in the order of insertion, not of a seeded hash; LPM_TRIE and DEVMAP_HASH, whose order follows
//!   from their keys, in the kernel's. A walk misses nothing and repeats nothing, and ends although elements are added.
//!   Nobody can rely on the order of the others, which differs from map to map of one kernel, except with
//!   `BPF_F_ZERO_SEED`, and then from one kernel's hash function to the next one's.
//! - A BLOOM_FILTER has the kernel's hash, so that with `BPF_F_ZERO_SEED` it wrongly claims the same values.
//! - A replaced or deleted value of LPM_TRIE and local storage stays readable until 64 others were; the kernel frees it
//!   after an RCU grace period.
//! - A BLOOM_FILTER has at most 64 MiB (-ENOMEM when it is made), and so have the values of a QUEUE or STACK (-ENOMEM
//!   when one more is pushed).
//! - An ARENA has memory for the 256 MiB from its start on, and a user address from the start: nobody has to map it first.
//! - CPUMAP has room for 256 CPUs, as the kernel that was asked; others are built for more.
//! - Address space is taken as a hash map fills, so that -ENOMEM may come from an update, not from creation; a map larger
//!   than the simulated address space is -ENOMEM at once, with a text that names the limit.
//! - There is one NUMA node, and the maker of a map has every capability.
//! - User space sees a `bpf_list_head` as zeroes, where the kernel shows it the address of a temporary buffer.
//!
//! Everything else in `fixtures/oracle/maps-6.18.json` is equal in errno and bytes: per-CPU free lists and which slot a
//! deleted element's pointer shows next, LRU eviction, the pages of ring buffers.
//!
//! Architecture invariants: nothing here knows programs, helpers or file descriptors. What maps hold for others is an
//! opaque [`ObjRef`] or the bytes of a special field, and comes back as [`Displaced`]. No operation calls back: a walk
//! is a [`Cursor`]. Adding a map type is one file and one row of the table in `storage.rs`.

mod arena;
mod array;
mod backing;
mod bloom;
mod cgroup;
mod cursor;
mod handle;
mod hash;
mod inner;
mod jhash;
mod local;
mod lpm;
mod map;
mod queue;
mod recycle;
mod ringbuf;
mod rules;
mod slab;
mod slots;
mod sockets;
mod spec;
mod stack_trace;
mod storage;
mod targets;
mod user_ring;
mod values;

pub use arena::Arena;
pub use cursor::{Cursor, Item};
pub use handle::{Displaced, FieldRef, ObjRef};
pub use local::Local;
pub use map::{Access, Bucket, Map};
pub use ringbuf::{HEADER_SIZE, Head, PAGE_SIZE, Refused, RingBuffer};
pub use spec::{CreateClass, CreateError, MapSpec, SpecialField, SpecialKind};
pub use stack_trace::StackTrace;
pub use storage::{Cx, EMULATED, Side};
pub use user_ring::{Sample, UserRing};
