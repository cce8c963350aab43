//! What a map is made from, and why one is refused.

use std::fmt;

use skep_abi::flags::BPF_F_LOCK;
use skep_abi::{Errno, MapType};

/// The attributes of `BPF_MAP_CREATE`. Sizes in bytes, limits in elements (bytes for a ring buffer).
///
/// After [`Map::new`](crate::Map::new) the spec is what the kernel would report for the map: `flags` without
/// `BPF_F_RDONLY` and `BPF_F_WRONLY` (they belong to the file descriptor), `max_entries` as the type rounded it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapSpec {
    /// The map type.
    pub kind: MapType,
    /// Bytes of a key: 4 for arrays, 0 for ring buffers.
    pub key_size: u32,
    /// Bytes of a value as programs see it.
    pub value_size: u32,
    /// How many elements fit. For a ring buffer: bytes of its data area.
    pub max_entries: u32,
    /// `BPF_F_*` creation flags ([`skep_abi::flags::MAP_CREATE`]).
    pub flags: u32,
    /// `map_extra`: of a BLOOM_FILTER, the number of hash functions; zero for the other types that are emulated.
    pub map_extra: u64,
    /// The NUMA node, used only with `BPF_F_NUMA_NODE`. The machine has node 0.
    pub numa_node: u32,
    /// The name that reports show.
    pub name: String,
    /// Fields inside the value that the kernel manages, found in the value's BTF.
    pub special: Vec<SpecialField>,
    /// What the inner maps of a map of maps have to be like.
    pub inner: Option<Box<MapSpec>>,
    /// Whether key and value have BTF types, without which there are no maps of local storage.
    pub typed: bool,
}

impl MapSpec {
    /// A spec without flags, name and special fields.
    pub fn new(kind: MapType, key_size: u32, value_size: u32, max_entries: u32) -> MapSpec {
        MapSpec {
            kind,
            key_size,
            value_size,
            max_entries,
            flags: 0,
            map_extra: 0,
            numa_node: 0,
            name: String::new(),
            special: Vec::new(),
            inner: None,
            typed: false,
        }
    }

    /// The same spec of a map of maps with this template for its inner maps.
    pub fn with_inner(mut self, inner: MapSpec) -> MapSpec {
        self.inner = Some(Box::new(inner));
        self
    }

    /// Whether a map made from `other` goes into a map of maps that has this spec.
    pub fn takes_inner(&self, other: &MapSpec) -> bool {
        self.inner.as_ref().is_some_and(|template| crate::inner::fits(template, other))
    }

    /// The same spec with these creation flags.
    pub fn with_flags(mut self, flags: u32) -> MapSpec {
        self.flags = flags;
        self
    }

    /// The same spec with this name.
    pub fn with_name(mut self, name: &str) -> MapSpec {
        self.name = name.to_string();
        self
    }

    /// Whether values have what `BPF_F_LOCK`, if it is among the flags, takes: `bpf(2)` looks before it looks at anything
    /// else.
    ///
    /// # Errors
    /// -EINVAL: they have no `bpf_spin_lock`.
    pub fn check_lock(&self, flags: u64) -> Result<(), Errno> {
        let lockable = self.special.iter().any(|field| field.kind == SpecialKind::SpinLock);
        if flags & BPF_F_LOCK != 0 && !lockable { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// Whether `flag` (one or more bits) is set in whole.
    pub(crate) fn has(&self, flag: u32) -> bool {
        self.flags & flag == flag
    }

    /// Distance of values in memory: `value_size` rounded up to 8. Fits in `u64` for any `value_size`.
    pub(crate) fn stride(&self) -> u64 {
        u64::from(self.value_size).next_multiple_of(8)
    }
}

/// A field of a map value that programs use through kernel calls only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpecialField {
    /// What it is.
    pub kind: SpecialKind,
    /// Bytes from the start of the value.
    pub offset: u32,
}

macro_rules! special_kinds {
    ($( $(#[$doc:meta])* $name:ident = $size:literal, [$($home:ident)*]; )*) => {
        /// The kinds of special fields (kernel/bpf/btf.c `btf_parse_fields`).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum SpecialKind {
            $( $(#[$doc])* $name, )*
        }

        impl SpecialKind {
            /// Bytes of the field.
            pub const fn size(self) -> u32 {
                match self { $( SpecialKind::$name => $size, )* }
            }

            /// The emulated map types whose values may hold it (kernel/bpf/syscall.c `map_check_btf`).
            pub const fn homes(self) -> &'static [MapType] {
                match self { $( SpecialKind::$name => &[$( MapType::$home, )*], )* }
            }
        }
    };
}

special_kinds! {
    /// `struct bpf_spin_lock`.
    SpinLock = 4, [Hash Array CgroupStorage SkStorage InodeStorage TaskStorage CgrpStorage];
    /// `struct bpf_res_spin_lock`.
    ResSpinLock = 4, [Hash Array CgroupStorage SkStorage InodeStorage TaskStorage CgrpStorage];
    /// `struct bpf_timer`.
    Timer = 16, [Hash LruHash Array];
    /// `struct bpf_wq`.
    Workqueue = 16, [Hash LruHash Array];
    /// `struct bpf_task_work`.
    TaskWork = 8, [Hash LruHash Array];
    /// `__kptr_untrusted`: a pointer that is not counted.
    KptrUnref = 8, [
        Hash PercpuHash LruHash LruPercpuHash Array PercpuArray SkStorage InodeStorage TaskStorage CgrpStorage
    ];
    /// `__kptr`: a pointer that owns a reference.
    KptrRef = 8, [
        Hash PercpuHash LruHash LruPercpuHash Array PercpuArray SkStorage InodeStorage TaskStorage CgrpStorage
    ];
    /// `__percpu_kptr`: a pointer to one object for each CPU.
    KptrPercpu = 8, [
        Hash PercpuHash LruHash LruPercpuHash Array PercpuArray SkStorage InodeStorage TaskStorage CgrpStorage
    ];
    /// `struct bpf_list_head`.
    ListHead = 16, [Hash LruHash Array];
    /// `struct bpf_rb_root`.
    RbRoot = 16, [Hash LruHash Array];
    /// `struct bpf_refcount`.
    Refcount = 4, [
        Hash PercpuHash LruHash LruPercpuHash Array PercpuArray SkStorage InodeStorage TaskStorage CgrpStorage
    ];
}

impl SpecialKind {
    /// Whether the field holds something that has to be dropped with the value. Locks and counters do not.
    pub(crate) const fn owns(self) -> bool {
        !matches!(self, SpecialKind::SpinLock | SpecialKind::ResSpinLock | SpecialKind::Refcount)
    }
}

/// Whose fault it is that a map was not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreateClass {
    /// The kernel refuses this spec as well.
    BadInput,
    /// The kernel has it; this crate does not yet.
    NotEmulated,
    /// The simulated address space has no room for it.
    HostLimit,
}

/// Why a map was not made: the errno of `BPF_MAP_CREATE`, whose fault it is, and a sentence for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateError {
    errno: Errno,
    class: CreateClass,
    reason: String,
}

impl CreateError {
    pub(crate) fn new(errno: Errno, reason: impl Into<String>) -> CreateError {
        CreateError { errno, class: CreateClass::BadInput, reason: reason.into() }
    }

    pub(crate) fn not_emulated(kind: MapType) -> CreateError {
        let reason = format!("map type {kind} is not emulated yet");
        CreateError { errno: Errno::EINVAL, class: CreateClass::NotEmulated, reason }
    }

    /// There is no room for a map, for a reason that the caller knows: -ENOMEM, the host's limit.
    pub fn no_room(reason: impl Into<String>) -> CreateError {
        CreateError { errno: Errno::ENOMEM, class: CreateClass::HostLimit, reason: reason.into() }
    }

    /// There is no descriptor left for the map: `EMFILE`.
    pub fn no_descriptor(errno: Errno) -> CreateError {
        CreateError::new(errno, "there is no file descriptor left".to_owned())
    }

    /// The fd of an inner map is none: `EBADF` or `EINVAL`.
    pub fn no_inner(errno: Errno, fd: i32) -> CreateError {
        CreateError::new(errno, format!("inner_map_fd {fd} is no map"))
    }

    /// Whose fault it is.
    pub fn class(&self) -> CreateClass {
        self.class
    }

    /// What `bpf(2)` answers.
    pub fn errno(&self) -> Errno {
        self.errno
    }

    /// What is wrong, without the errno.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.errno)
    }
}

impl std::error::Error for CreateError {}

impl From<CreateError> for Errno {
    fn from(error: CreateError) -> Errno {
        error.errno
    }
}
