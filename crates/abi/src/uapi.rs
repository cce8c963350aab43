//! Numbers and layouts that programs, loaders and readers share through memory: perf events, perf and BPF ring
//! buffers, and the limits of `bpf(2)`.

use crate::ctx::layout::layouts;
use crate::flags::{Flags, flags};

/// Calls in a chain of tail calls (`MAX_TAIL_CALL_CNT`).
pub const MAX_TAIL_CALL_CNT: u32 = 33;
/// Iterations of `bpf_loop` and of a `may_goto` loop (`BPF_MAX_LOOPS`).
pub const BPF_MAX_LOOPS: u32 = 8 * 1024 * 1024;
/// Bytes of one stack frame (`MAX_BPF_STACK`).
pub const MAX_BPF_STACK: usize = 512;
/// Frames of BPF functions, callbacks included (`MAX_CALL_FRAMES`).
pub const MAX_CALL_FRAMES: usize = 8;
/// Instructions of one program for an unprivileged caller (`BPF_MAXINSNS`).
pub const BPF_MAXINSNS: usize = 4096;
/// Instructions that the verifier looks at, and that a privileged program may have (`BPF_COMPLEXITY_LIMIT_INSNS`).
pub const BPF_COMPLEXITY_LIMIT_INSNS: usize = 1_000_000;
/// Bytes of an object's name with its NUL (`BPF_OBJ_NAME_LEN`).
pub const BPF_OBJ_NAME_LEN: usize = 16;
/// Bytes of `bpf_get_current_comm` (`TASK_COMM_LEN`).
pub const TASK_COMM_LEN: usize = 16;
/// Bytes of a build id in a stack frame (`BPF_BUILD_ID_SIZE`).
pub const BPF_BUILD_ID_SIZE: usize = 20;
/// Frames of a stack trace by default (`PERF_MAX_STACK_DEPTH`).
pub const PERF_MAX_STACK_DEPTH: usize = 127;

/// Ring buffer record header: the length is not final, the record is not to be read yet.
pub const BPF_RINGBUF_BUSY_BIT: u32 = 1 << 31;
/// Ring buffer record header: the record is to be skipped.
pub const BPF_RINGBUF_DISCARD_BIT: u32 = 1 << 30;
/// Bytes of a ring buffer record's header: `u32` length with the two bits above, `u32` page offset.
pub const BPF_RINGBUF_HDR_SZ: u32 = 8;

/// `perf_event_attr.type` of hardware counters.
pub const PERF_TYPE_HARDWARE: u32 = 0;
/// `perf_event_attr.type` of software events.
pub const PERF_TYPE_SOFTWARE: u32 = 1;
/// `perf_event_attr.type` of tracepoints.
pub const PERF_TYPE_TRACEPOINT: u32 = 2;
/// `perf_event_attr.type` of cache counters.
pub const PERF_TYPE_HW_CACHE: u32 = 3;
/// `perf_event_attr.type` of raw counters.
pub const PERF_TYPE_RAW: u32 = 4;
/// `perf_event_attr.type` of breakpoints.
pub const PERF_TYPE_BREAKPOINT: u32 = 5;

/// `perf_event_attr.config` of the software event that ticks with the CPU's clock.
pub const PERF_COUNT_SW_CPU_CLOCK: u64 = 0;
/// `perf_event_attr.config` of the software event that ticks with the task's clock.
pub const PERF_COUNT_SW_TASK_CLOCK: u64 = 1;
/// `perf_event_attr.config` of the software event that counts nothing.
pub const PERF_COUNT_SW_DUMMY: u64 = 9;
/// `perf_event_attr.config` of the software event that `bpf_perf_event_output` writes to.
pub const PERF_COUNT_SW_BPF_OUTPUT: u64 = 10;

flags! {
    /// `perf_event_attr.sample_type`.
    PERF_SAMPLE: u64 {
        /// The instruction pointer.
        PERF_SAMPLE_IP = 1 << 0;
        /// Process and thread ids.
        PERF_SAMPLE_TID = 1 << 1;
        /// The time.
        PERF_SAMPLE_TIME = 1 << 2;
        /// The address.
        PERF_SAMPLE_ADDR = 1 << 3;
        /// The counter's value.
        PERF_SAMPLE_READ = 1 << 4;
        /// The call chain.
        PERF_SAMPLE_CALLCHAIN = 1 << 5;
        /// The event's id.
        PERF_SAMPLE_ID = 1 << 6;
        /// The CPU.
        PERF_SAMPLE_CPU = 1 << 7;
        /// The sample period.
        PERF_SAMPLE_PERIOD = 1 << 8;
        /// The stream's id.
        PERF_SAMPLE_STREAM_ID = 1 << 9;
        /// Raw data, as `bpf_perf_event_output` sends it.
        PERF_SAMPLE_RAW = 1 << 10;
        /// The branch stack.
        PERF_SAMPLE_BRANCH_STACK = 1 << 11;
        /// User registers.
        PERF_SAMPLE_REGS_USER = 1 << 12;
        /// The user stack.
        PERF_SAMPLE_STACK_USER = 1 << 13;
        /// How heavy what was sampled was.
        PERF_SAMPLE_WEIGHT = 1 << 14;
        /// Where data came from.
        PERF_SAMPLE_DATA_SRC = 1 << 15;
        /// The event's id at a fixed place.
        PERF_SAMPLE_IDENTIFIER = 1 << 16;
        /// The transaction.
        PERF_SAMPLE_TRANSACTION = 1 << 17;
        /// Registers of what was interrupted.
        PERF_SAMPLE_REGS_INTR = 1 << 18;
        /// The physical address.
        PERF_SAMPLE_PHYS_ADDR = 1 << 19;
        /// Part of the hardware's trace.
        PERF_SAMPLE_AUX = 1 << 20;
        /// The cgroup.
        PERF_SAMPLE_CGROUP = 1 << 21;
        /// The size of the page that data is on.
        PERF_SAMPLE_DATA_PAGE_SIZE = 1 << 22;
        /// The size of the page that code is on.
        PERF_SAMPLE_CODE_PAGE_SIZE = 1 << 23;
        /// The weight in three parts.
        PERF_SAMPLE_WEIGHT_STRUCT = 1 << 24;
    }
}

/// Every bit of `perf_event_attr.sample_type` (`PERF_SAMPLE_MAX - 1`).
pub const PERF_SAMPLE_KNOWN: u64 = (1 << 25) - 1;

flags! {
    /// `perf_event_attr.read_format`.
    PERF_FORMAT: u64 {
        /// For how long the event was enabled.
        PERF_FORMAT_TOTAL_TIME_ENABLED = 1 << 0;
        /// For how long it was counting.
        PERF_FORMAT_TOTAL_TIME_RUNNING = 1 << 1;
        /// Its id.
        PERF_FORMAT_ID = 1 << 2;
        /// All events of its group.
        PERF_FORMAT_GROUP = 1 << 3;
        /// Samples that were lost.
        PERF_FORMAT_LOST = 1 << 4;
    }
}

/// Every bit of `perf_event_attr.read_format` (`PERF_FORMAT_MAX - 1`).
pub const PERF_FORMAT_KNOWN: u64 = (1 << 5) - 1;

flags! {
    /// `flags` of `perf_event_open`.
    PERF_FLAG: u64 {
        /// The group's descriptor does not make a group.
        PERF_FLAG_FD_NO_GROUP = 1 << 0;
        /// Write to the ring of the group's descriptor.
        PERF_FLAG_FD_OUTPUT = 1 << 1;
        /// The pid is a cgroup's descriptor.
        PERF_FLAG_PID_CGROUP = 1 << 2;
        /// Close the descriptor on exec.
        PERF_FLAG_FD_CLOEXEC = 1 << 3;
    }
}

/// Every flag of `perf_event_open` (`PERF_FLAG_ALL`).
pub const PERF_FLAG_KNOWN: u64 = (1 << 4) - 1;

/// Requests of `ioctl` on perf events.
pub mod ioctl {
    /// Starts an event.
    pub const PERF_EVENT_IOC_ENABLE: u32 = 0x2400;
    /// Stops one.
    pub const PERF_EVENT_IOC_DISABLE: u32 = 0x2401;
    /// Starts one for so many samples more.
    pub const PERF_EVENT_IOC_REFRESH: u32 = 0x2402;
    /// Sets the count to 0.
    pub const PERF_EVENT_IOC_RESET: u32 = 0x2403;
    /// Sets the period or frequency: the address of a `u64`.
    pub const PERF_EVENT_IOC_PERIOD: u32 = 0x4008_2404;
    /// Has an event write to another's ring: its descriptor, or -1.
    pub const PERF_EVENT_IOC_SET_OUTPUT: u32 = 0x2405;
    /// Sets a tracepoint's filter: a text.
    pub const PERF_EVENT_IOC_SET_FILTER: u32 = 0x4008_2406;
    /// The event's id: where to write a `u64`.
    pub const PERF_EVENT_IOC_ID: u32 = 0x8008_2407;
    /// Attaches a program: its descriptor.
    pub const PERF_EVENT_IOC_SET_BPF: u32 = 0x4004_2408;
    /// Stops or starts what is written to the ring.
    pub const PERF_EVENT_IOC_PAUSE_OUTPUT: u32 = 0x4004_2409;
    /// Programs of the tracepoint: a `struct perf_event_query_bpf`.
    pub const PERF_EVENT_IOC_QUERY_BPF: u32 = 0xc008_240a;
    /// Changes a breakpoint: attributes.
    pub const PERF_EVENT_IOC_MODIFY_ATTRIBUTES: u32 = 0x4008_240b;
    /// Argument of those without one: the whole group.
    pub const PERF_IOC_FLAG_GROUP: u32 = 1;
}

/// Bits of `perf_event_attr.aux_action`: what an event does to the hardware's trace.
pub mod aux_action {
    /// It starts paused.
    pub const START_PAUSED: u64 = 1 << 0;
    /// It pauses it.
    pub const PAUSE: u64 = 1 << 1;
    /// It lets it go on.
    pub const RESUME: u64 = 1 << 2;
    /// All of them.
    pub const KNOWN: u64 = 7;
}

/// `perf_event_header.type`.
///
/// ```
/// use skep_abi::uapi::perf_record;
/// assert_eq!(perf_record::name(9), Some("PERF_RECORD_SAMPLE"));
/// ```
pub mod perf_record {
    crate::verdict::verdicts! { u32,
        /// A mapping.
        PERF_RECORD_MMAP = 1;
        /// Records that did not fit: `u64 id; u64 lost`.
        PERF_RECORD_LOST = 2;
        /// A task's new name.
        PERF_RECORD_COMM = 3;
        /// A task's end.
        PERF_RECORD_EXIT = 4;
        /// Samples were throttled.
        PERF_RECORD_THROTTLE = 5;
        /// Samples are no longer throttled.
        PERF_RECORD_UNTHROTTLE = 6;
        /// A new task.
        PERF_RECORD_FORK = 7;
        /// A counter's value.
        PERF_RECORD_READ = 8;
        /// A sample; with only `PERF_SAMPLE_RAW`: `u32 size; u8 data[size]`.
        PERF_RECORD_SAMPLE = 9;
        /// A mapping with its inode.
        PERF_RECORD_MMAP2 = 10;
        /// New data in the AUX area.
        PERF_RECORD_AUX = 11;
        /// Instruction tracing started.
        PERF_RECORD_ITRACE_START = 12;
        /// Samples that were lost.
        PERF_RECORD_LOST_SAMPLES = 13;
        /// A context switch.
        PERF_RECORD_SWITCH = 14;
        /// A context switch of a whole CPU.
        PERF_RECORD_SWITCH_CPU_WIDE = 15;
        /// A task's namespaces.
        PERF_RECORD_NAMESPACES = 16;
        /// A kernel symbol came or went.
        PERF_RECORD_KSYMBOL = 17;
        /// A BPF program was loaded or unloaded.
        PERF_RECORD_BPF_EVENT = 18;
        /// A new cgroup.
        PERF_RECORD_CGROUP = 19;
        /// Kernel code was patched.
        PERF_RECORD_TEXT_POKE = 20;
        /// The hardware id of an AUX output event.
        PERF_RECORD_AUX_OUTPUT_HW_ID = 21;
    }
}

/// Bits of the one `u64` of flags in `struct perf_event_attr` (see [`perf_event_attr::flags`]).
pub mod attr_bits {
    /// Not counting until it is enabled.
    pub const DISABLED: u64 = 1 << 0;
    /// Children inherit it.
    pub const INHERIT: u64 = 1 << 1;
    /// Nothing else may keep it from counting.
    pub const PINNED: u64 = 1 << 2;
    /// Nothing else may count while it does.
    pub const EXCLUSIVE: u64 = 1 << 3;
    /// Do not count user space.
    pub const EXCLUDE_USER: u64 = 1 << 4;
    /// Do not count the kernel.
    pub const EXCLUDE_KERNEL: u64 = 1 << 5;
    /// `sample_period` is a frequency.
    pub const FREQ: u64 = 1 << 10;
    /// Counting from the next exec on.
    pub const ENABLE_ON_EXEC: u64 = 1 << 12;
    /// `wakeup_events` is in bytes.
    pub const WATERMARK: u64 = 1 << 14;
    /// Every record carries the sample id.
    pub const SAMPLE_ID_ALL: u64 = 1 << 18;
    /// The ring is written from its end to its start.
    pub const WRITE_BACKWARD: u64 = 1 << 27;
    /// `clockid` says which clock times are of.
    pub const USE_CLOCKID: u64 = 1 << 25;
    /// Records of namespaces.
    pub const NAMESPACES: u64 = 1 << 28;
    /// It has the hardware trace something.
    pub const AUX_OUTPUT: u64 = 1 << 31;
    /// Only threads of the same process inherit it.
    pub const INHERIT_THREAD: u64 = 1 << 35;
    /// It ends at the next exec.
    pub const REMOVE_ON_EXEC: u64 = 1 << 36;
    /// A signal to the task for each sample.
    pub const SIGTRAP: u64 = 1 << 37;
    /// Those that mean nothing (yet).
    pub const RESERVED: u64 = !0 << 38;
}

/// `perf_event_attr.size` of the first version (`PERF_ATTR_SIZE_VER0`).
pub const PERF_ATTR_SIZE_VER0: u32 = 64;
/// `perf_event_attr.size` of Linux 6.12 and 6.18 (`PERF_ATTR_SIZE_VER8`).
pub const PERF_ATTR_SIZE_VER8: u32 = 136;

layouts! {
    /// What `perf_event_open` takes.
    mod perf_event_attr "perf_event_attr" 136 {
        r#type: 0, 4, Number;
        size: 4, 4, Number;
        config: 8, 8, Number;
        sample_period: 16, 8, Number;
        sample_type: 24, 8, Number;
        read_format: 32, 8, Number;
        flags: 40, 8, Number;
        wakeup_events: 48, 4, Number;
        bp_type: 52, 4, Number;
        config1: 56, 8, Number;
        config2: 64, 8, Number;
        branch_sample_type: 72, 8, Number;
        sample_regs_user: 80, 8, Number;
        sample_stack_user: 88, 4, Number;
        clockid: 92, 4, Number;
        sample_regs_intr: 96, 8, Number;
        aux_watermark: 104, 4, Number;
        sample_max_stack: 108, 2, Number;
        aux_sample_size: 112, 4, Number;
        aux_action: 116, 4, Number;
        sig_data: 120, 8, Number;
        config3: 128, 8, Number;
    }

    /// The first page of a mapped perf event. The data area starts at `data_offset`; head and tail only grow.
    mod perf_event_mmap_page "perf_event_mmap_page" 1088 {
        version: 0, 4, Number;
        compat_version: 4, 4, Number;
        lock: 8, 4, Number;
        index: 12, 4, Number;
        offset: 16, 8, Number;
        time_enabled: 24, 8, Number;
        time_running: 32, 8, Number;
        capabilities: 40, 8, Number;
        pmc_width: 48, 2, Number;
        time_shift: 50, 2, Number;
        time_mult: 52, 4, Number;
        time_offset: 56, 8, Number;
        time_zero: 64, 8, Number;
        size: 72, 4, Number;
        time_cycles: 80, 8, Number;
        time_mask: 88, 8, Number;
        data_head: 1024, 8, Number;
        data_tail: 1032, 8, Number;
        data_offset: 1040, 8, Number;
        data_size: 1048, 8, Number;
        aux_head: 1056, 8, Number;
        aux_tail: 1064, 8, Number;
        aux_offset: 1072, 8, Number;
        aux_size: 1080, 8, Number;
    }

    /// The start of every record in a perf ring; `size` includes it.
    mod perf_event_header "perf_event_header" 8 {
        r#type: 0, 4, Number;
        misc: 4, 2, Number;
        size: 6, 2, Number;
    }
}
