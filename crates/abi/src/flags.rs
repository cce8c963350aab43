//! Flag bits of `bpf(2)` and of helpers, each family one table.
//!
//! The constants have their UAPI names; the [`Flags`] table of each family turns a number back into names:
//!
//! ```
//! use skep_abi::flags::{self, BPF_F_NO_PREALLOC};
//! assert_eq!(BPF_F_NO_PREALLOC, 1);
//! assert_eq!(flags::MAP_CREATE.describe(0x401), "BPF_F_NO_PREALLOC | BPF_F_MMAPABLE");
//! assert_eq!(flags::MAP_CREATE.describe(1 << 30), "0x40000000");
//! ```

/// The named bits of one flags argument.
#[derive(Clone, Copy, Debug)]
pub struct Flags {
    /// UAPI name and bits of each flag.
    pub rows: &'static [(&'static str, u64)],
}

impl Flags {
    /// All bits that have a name.
    pub const fn mask(&self) -> u64 {
        let mut mask = 0;
        let mut i = 0;
        while i < self.rows.len() {
            mask |= self.rows[i].1;
            i += 1;
        }
        mask
    }

    /// The names of the bits in `bits` joined by ` | `, bits without a name in hexadecimal; `"0"` for none.
    pub fn describe(&self, bits: u64) -> String {
        let mut rest = bits;
        let mut words: Vec<String> = Vec::new();
        for &(name, value) in self.rows {
            if value != 0 && rest & value == value {
                words.push(name.to_string());
                rest &= !value;
            }
        }
        if rest != 0 || words.is_empty() {
            words.push(if rest == 0 { "0".to_string() } else { format!("{rest:#x}") });
        }
        words.join(" | ")
    }
}

macro_rules! flags {
    (
        $(#[$outer:meta])*
        $table:ident: $type:ty {
            $( $(#[$doc:meta])* $name:ident = $value:expr; )*
        }
    ) => {
        $( $(#[$doc])* pub const $name: $type = $value; )*
        $(#[$outer])*
        pub const $table: Flags = Flags { rows: &[ $( (stringify!($name), $name as u64), )* ] };
    };
}

pub(crate) use flags;

flags! {
    /// Flags of an element update (`BPF_MAP_UPDATE_ELEM` and the helper) and of a lookup (`BPF_F_LOCK`).
    MAP_UPDATE: u64 {
        /// Create or replace.
        BPF_ANY = 0;
        /// Only create: -EEXIST when the key exists.
        BPF_NOEXIST = 1;
        /// Only replace: -ENOENT when the key does not exist.
        BPF_EXIST = 2;
        /// Copy the value under its `bpf_spin_lock`.
        BPF_F_LOCK = 4;
    }
}

flags! {
    /// `map_flags` of `BPF_MAP_CREATE`.
    MAP_CREATE: u32 {
        /// Allocate elements on demand.
        BPF_F_NO_PREALLOC = 1 << 0;
        /// One LRU list for each CPU instead of a common one.
        BPF_F_NO_COMMON_LRU = 1 << 1;
        /// `numa_node` is given.
        BPF_F_NUMA_NODE = 1 << 2;
        /// User space may only read.
        BPF_F_RDONLY = 1 << 3;
        /// User space may only write.
        BPF_F_WRONLY = 1 << 4;
        /// Stack traces of (build id, offset) pairs.
        BPF_F_STACK_BUILD_ID = 1 << 5;
        /// The hash seed is 0.
        BPF_F_ZERO_SEED = 1 << 6;
        /// Programs may only read.
        BPF_F_RDONLY_PROG = 1 << 7;
        /// Programs may only write.
        BPF_F_WRONLY_PROG = 1 << 8;
        /// Socket storage is copied to a child socket.
        BPF_F_CLONE = 1 << 9;
        /// User space may `mmap` the values.
        BPF_F_MMAPABLE = 1 << 10;
        /// Perf events stay after the fd that put them there is closed.
        BPF_F_PRESERVE_ELEMS = 1 << 11;
        /// Inner maps of an outer array may have another `max_entries`.
        BPF_F_INNER_MAP = 1 << 12;
        /// A struct_ops map that is attached by a link.
        BPF_F_LINK = 1 << 13;
        /// The object is named by (path_fd, pathname) (`BPF_OBJ_PIN`, `BPF_OBJ_GET`).
        BPF_F_PATH_FD = 1 << 14;
        /// `value_type_btf_obj_fd` is given.
        BPF_F_VTYPE_BTF_OBJ_FD = 1 << 15;
        /// `map_token_fd` is given.
        BPF_F_TOKEN_FD = 1 << 16;
        /// Touching an unallocated arena page from user space is SIGSEGV.
        BPF_F_SEGV_ON_FAULT = 1 << 17;
        /// Arena pointers of programs are not turned into user addresses.
        BPF_F_NO_USER_CONV = 1 << 18;
    }
}

flags! {
    /// `prog_flags` of `BPF_PROG_LOAD`.
    PROG_LOAD: u32 {
        /// Refuse unaligned loads and stores.
        BPF_F_STRICT_ALIGNMENT = 1 << 0;
        /// Allow unaligned loads and stores on every architecture.
        BPF_F_ANY_ALIGNMENT = 1 << 1;
        /// Randomise the high halves of 32-bit results (kernel tests).
        BPF_F_TEST_RND_HI32 = 1 << 2;
        /// Save a verifier state at every jump (kernel tests).
        BPF_F_TEST_STATE_FREQ = 1 << 3;
        /// The program may sleep.
        BPF_F_SLEEPABLE = 1 << 4;
        /// An XDP program that understands packets of several fragments.
        BPF_F_XDP_HAS_FRAGS = 1 << 5;
        /// An XDP program bound to one device, for metadata kfuncs.
        BPF_F_XDP_DEV_BOUND_ONLY = 1 << 6;
        /// Register bounds that contradict each other are an error (kernel tests).
        BPF_F_TEST_REG_INVARIANTS = 1 << 7;
    }
}

flags! {
    /// `test.flags` of `BPF_PROG_TEST_RUN`.
    TEST_RUN: u32 {
        /// Run on the CPU in `test.cpu`.
        BPF_F_TEST_RUN_ON_CPU = 1 << 0;
        /// Send XDP's packets for real.
        BPF_F_TEST_XDP_LIVE_FRAMES = 1 << 1;
        /// The skb's checksum is complete.
        BPF_F_TEST_SKB_CHECKSUM_COMPLETE = 1 << 2;
    }
}

flags! {
    /// Flags of `BPF_PROG_ATTACH`, `BPF_LINK_CREATE` and multi-program attachment.
    ATTACH: u32 {
        /// A descendant cgroup may override the program.
        BPF_F_ALLOW_OVERRIDE = 1 << 0;
        /// Programs of descendant cgroups run as well.
        BPF_F_ALLOW_MULTI = 1 << 1;
        /// Replace the program `replace_bpf_fd`.
        BPF_F_REPLACE = 1 << 2;
        /// In front of the relative program.
        BPF_F_BEFORE = 1 << 3;
        /// Behind the relative program.
        BPF_F_AFTER = 1 << 4;
        /// The relative program is named by id.
        BPF_F_ID = 1 << 5;
        /// A cgroup's program runs before those of its descendants.
        BPF_F_PREORDER = 1 << 6;
    }
}

flags! {
    /// `query_flags` of `BPF_PROG_QUERY`.
    QUERY: u32 {
        /// What runs for the cgroup, with what the cgroups above it have.
        BPF_F_QUERY_EFFECTIVE = 1 << 0;
    }
}

flags! {
    /// Flags of XDP attachment (`XDP_FLAGS_*` of `linux/if_link.h`).
    XDP_ATTACH: u32 {
        /// Only if there is no program.
        XDP_FLAGS_UPDATE_IF_NOEXIST = 1 << 0;
        /// Run by the stack, on an skb.
        XDP_FLAGS_SKB_MODE = 1 << 1;
        /// Run by the driver.
        XDP_FLAGS_DRV_MODE = 1 << 2;
        /// Run by the device.
        XDP_FLAGS_HW_MODE = 1 << 3;
        /// Only in the place of an expected program.
        XDP_FLAGS_REPLACE = 1 << 4;
    }
}

flags! {
    /// `link_create.kprobe_multi.flags`.
    KPROBE_MULTI: u32 {
        /// On return of the functions.
        BPF_F_KPROBE_MULTI_RETURN = 1 << 0;
    }
}

flags! {
    /// `link_create.uprobe_multi.flags`.
    UPROBE_MULTI: u32 {
        /// On return of the functions.
        BPF_F_UPROBE_MULTI_RETURN = 1 << 0;
    }
}

flags! {
    /// `link_create.netfilter.flags`.
    NETFILTER_LINK: u32 {
        /// Packets are put together from their fragments first.
        BPF_F_NETFILTER_IP_DEFRAG = 1 << 0;
    }
}

flags! {
    /// Flags of `bpf_perf_event_output`, `bpf_perf_event_read` and `bpf_perf_event_read_value`.
    PERF_EVENT: u64 {
        /// Index into the map.
        BPF_F_INDEX_MASK = 0xffff_ffff;
        /// The index of the running CPU.
        BPF_F_CURRENT_CPU = BPF_F_INDEX_MASK;
        /// Bytes of the packet to append, in bits 32 to 51.
        BPF_F_CTXLEN_MASK = 0xf_ffff << 32;
    }
}

/// `netns` argument of the socket lookup helpers: the program's own network namespace.
pub const BPF_F_CURRENT_NETNS: i64 = -1;

flags! {
    /// Flags of the ring buffer helpers (output, submit, discard).
    RINGBUF: u64 {
        /// Do not wake the reader.
        BPF_RB_NO_WAKEUP = 1 << 0;
        /// Wake the reader in any case.
        BPF_RB_FORCE_WAKEUP = 1 << 1;
    }
}

/// `bpf_ringbuf_query`: bytes that have not been consumed.
pub const BPF_RB_AVAIL_DATA: u64 = 0;
/// `bpf_ringbuf_query`: size of the data area in bytes.
pub const BPF_RB_RING_SIZE: u64 = 1;
/// `bpf_ringbuf_query`: position of the consumer.
pub const BPF_RB_CONS_POS: u64 = 2;
/// `bpf_ringbuf_query`: position of the producer.
pub const BPF_RB_PROD_POS: u64 = 3;

flags! {
    /// Flags of `bpf_get_stackid` and `bpf_get_stack`.
    STACK: u64 {
        /// How many frames to skip.
        BPF_F_SKIP_FIELD_MASK = 0xff;
        /// The user stack instead of the kernel's.
        BPF_F_USER_STACK = 1 << 8;
        /// Compare by hash alone.
        BPF_F_FAST_STACK_CMP = 1 << 9;
        /// Replace a colliding trace.
        BPF_F_REUSE_STACKID = 1 << 10;
        /// (build id, offset) pairs instead of addresses.
        BPF_F_USER_BUILD_ID = 1 << 11;
    }
}

flags! {
    /// Flags of `bpf_skb_store_bytes`.
    SKB_STORE_BYTES: u64 {
        /// Update the checksum of a complete packet.
        BPF_F_RECOMPUTE_CSUM = 1 << 0;
        /// Forget the flow hash.
        BPF_F_INVALIDATE_HASH = 1 << 1;
    }
}

flags! {
    /// Flags of `bpf_l3_csum_replace` and `bpf_l4_csum_replace`.
    CSUM_REPLACE: u64 {
        /// Size of the field: 0 (a difference), 2 or 4 bytes.
        BPF_F_HDR_FIELD_MASK = 0xf;
        /// The field is part of the pseudo header.
        BPF_F_PSEUDO_HDR = 1 << 4;
        /// A zero checksum stays zero.
        BPF_F_MARK_MANGLED_0 = 1 << 5;
        /// A zero checksum is updated too.
        BPF_F_MARK_ENFORCE = 1 << 6;
        /// An IPv6 packet (`bpf_l4_csum_replace`).
        BPF_F_IPV6 = 1 << 7;
    }
}

flags! {
    /// Flags of `bpf_skb_set_tunnel_key` and `bpf_skb_get_tunnel_key`.
    TUNNEL_KEY: u64 {
        /// The tunnel is IPv6.
        BPF_F_TUNINFO_IPV6 = 1 << 0;
        /// No checksum in the outer header.
        BPF_F_ZERO_CSUM_TX = 1 << 1;
        /// The outer header is not to be fragmented.
        BPF_F_DONT_FRAGMENT = 1 << 2;
        /// Add a sequence number.
        BPF_F_SEQ_NUMBER = 1 << 3;
        /// No key in the outer header (set); the tunnel's flags instead of its label (get) is [`BPF_F_TUNINFO_FLAGS`].
        BPF_F_NO_TUNNEL_KEY = 1 << 4;
    }
}

/// `bpf_skb_get_tunnel_key`: fill `tunnel_flags`.
pub const BPF_F_TUNINFO_FLAGS: u64 = 1 << 4;

flags! {
    /// Flags of `bpf_skb_adjust_room`.
    ADJ_ROOM: u64 {
        /// Leave the segment size alone.
        BPF_F_ADJ_ROOM_FIXED_GSO = 1 << 0;
        /// The new header is IPv4.
        BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 = 1 << 1;
        /// The new header is IPv6.
        BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 = 1 << 2;
        /// The new header is GRE.
        BPF_F_ADJ_ROOM_ENCAP_L4_GRE = 1 << 3;
        /// The new header is UDP.
        BPF_F_ADJ_ROOM_ENCAP_L4_UDP = 1 << 4;
        /// Keep the checksum state.
        BPF_F_ADJ_ROOM_NO_CSUM_RESET = 1 << 5;
        /// The inner layer-2 header is Ethernet.
        BPF_F_ADJ_ROOM_ENCAP_L2_ETH = 1 << 6;
        /// What is taken away was around IPv4.
        BPF_F_ADJ_ROOM_DECAP_L3_IPV4 = 1 << 7;
        /// What is taken away was around IPv6.
        BPF_F_ADJ_ROOM_DECAP_L3_IPV6 = 1 << 8;
    }
}

/// `bpf_skb_adjust_room`: mask of the inner layer-2 length, before the shift.
pub const BPF_ADJ_ROOM_ENCAP_L2_MASK: u64 = 0xff;
/// `bpf_skb_adjust_room`: where the inner layer-2 length starts.
pub const BPF_ADJ_ROOM_ENCAP_L2_SHIFT: u64 = 56;
/// `bpf_skb_adjust_room` mode: between the network and transport headers.
pub const BPF_ADJ_ROOM_NET: u32 = 0;
/// `bpf_skb_adjust_room` mode: between the link and network headers.
pub const BPF_ADJ_ROOM_MAC: u32 = 1;

flags! {
    /// Flags of `bpf_redirect`, `bpf_clone_redirect` and `bpf_redirect_map`. The two low bits of `bpf_redirect_map`
    /// are the return value on a miss.
    REDIRECT: u64 {
        /// To the receiving side of the device.
        BPF_F_INGRESS = 1 << 0;
        /// To every device of the map (XDP).
        BPF_F_BROADCAST = 1 << 3;
        /// But not to the one the packet came from (XDP).
        BPF_F_EXCLUDE_INGRESS = 1 << 4;
    }
}

flags! {
    /// Flags of `bpf_fib_lookup`.
    FIB_LOOKUP: u32 {
        /// Skip the rules, use the device's table.
        BPF_FIB_LOOKUP_DIRECT = 1 << 0;
        /// Look up from the sender's side.
        BPF_FIB_LOOKUP_OUTPUT = 1 << 1;
        /// Do not look the neighbour up.
        BPF_FIB_LOOKUP_SKIP_NEIGH = 1 << 2;
        /// Use the table in `tbid`.
        BPF_FIB_LOOKUP_TBID = 1 << 3;
        /// Fill the source address.
        BPF_FIB_LOOKUP_SRC = 1 << 4;
        /// Use `mark`.
        BPF_FIB_LOOKUP_MARK = 1 << 5;
    }
}

/// `bpf_sysctl_get_name`: only the last component of the name.
pub const BPF_F_SYSCTL_BASE_NAME: u64 = 1 << 0;
/// `bpf_read_branch_records`: return the size that would be needed.
pub const BPF_F_GET_BRANCH_RECORDS_SIZE: u64 = 1 << 0;
/// `bpf_bprm_opts_set`: set `secureexec`.
pub const BPF_F_BPRM_SECUREEXEC: u64 = 1 << 0;
/// `bpf_copy_from_user_str`: zero the rest of the buffer.
pub const BPF_F_PAD_ZEROS: u64 = 1 << 0;

flags! {
    /// Flags of the storage helpers (`bpf_sk_storage_get` and its siblings).
    LOCAL_STORAGE: u64 {
        /// Create the value if there is none.
        BPF_LOCAL_STORAGE_GET_F_CREATE = 1 << 0;
    }
}

flags! {
    /// Flags of `bpf_timer_start`.
    TIMER: u64 {
        /// The time is absolute.
        BPF_F_TIMER_ABS = 1 << 0;
        /// The callback runs on the CPU that started the timer.
        BPF_F_TIMER_CPU_PIN = 1 << 1;
    }
}
