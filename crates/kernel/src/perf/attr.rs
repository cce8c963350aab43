//! `struct perf_event_attr`, as far as BPF programs and their readers need it.

use skep_abi::Errno;

use skep_abi::uapi::*;

/// Every field of a sample that is emulated.
const SAMPLE_EMULATED: u64 = PERF_SAMPLE_IP
    | PERF_SAMPLE_TID
    | PERF_SAMPLE_TIME
    | PERF_SAMPLE_ADDR
    | PERF_SAMPLE_ID
    | PERF_SAMPLE_CPU
    | PERF_SAMPLE_PERIOD
    | PERF_SAMPLE_STREAM_ID
    | PERF_SAMPLE_RAW
    | PERF_SAMPLE_IDENTIFIER;

/// What to open with [`Kernel::perf_event_open`](crate::Kernel::perf_event_open): the fields of
/// `struct perf_event_attr` that matter here, under their names.
///
/// ```
/// use skep_abi::uapi::PERF_SAMPLE_RAW;
/// use skep_kernel::PerfEventAttr;
///
/// // What every reader of bpf_perf_event_output opens on every CPU.
/// let attr = PerfEventAttr::bpf_output();
/// assert_eq!((attr.kind, attr.config, attr.sample_type), (1, 10, PERF_SAMPLE_RAW));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerfEventAttr {
    /// `type`: `PERF_TYPE_*`.
    pub kind: u32,
    /// Which event of the type.
    pub config: u64,
    /// `PERF_SAMPLE_*` bits: the fields of a sample.
    pub sample_type: u64,
    /// Events per sample.
    pub sample_period: u64,
    /// `wakeup_events`, or `wakeup_watermark` in bytes if `watermark` is set: when readers are woken. 0 events:
    /// never, beside the watermark of half the ring.
    pub wakeup: u32,
    /// `wakeup` is in bytes.
    pub watermark: bool,
    /// The event starts disabled.
    pub disabled: bool,
    /// Children inherit the event: such an event cannot be stored in a map.
    pub inherit: bool,
    /// Records other than samples carry the fields of [`PerfEventAttr::sample_type`] that say who and when.
    pub sample_id_all: bool,
}

impl PerfEventAttr {
    /// The event of `bpf_perf_event_output` as libbpf opens it: raw samples, a wake-up for each.
    pub const fn bpf_output() -> PerfEventAttr {
        PerfEventAttr {
            kind: PERF_TYPE_SOFTWARE,
            config: PERF_COUNT_SW_BPF_OUTPUT,
            sample_type: PERF_SAMPLE_RAW,
            sample_period: 1,
            wakeup: 1,
            watermark: false,
            disabled: false,
            inherit: false,
            sample_id_all: false,
        }
    }

    /// Whether `bpf_perf_event_output` may use the event.
    pub(crate) fn is_bpf_output(&self) -> bool {
        self.kind == PERF_TYPE_SOFTWARE && self.config == PERF_COUNT_SW_BPF_OUTPUT
    }

    /// The checks of `perf_event_open(2)` that need nothing but the attributes.
    pub(crate) fn check(&self) -> Result<(), Errno> {
        /// `PERF_COUNT_HW_MAX` and `PERF_COUNT_SW_MAX`.
        const EVENTS: [u64; 2] = [10, 12];
        if self.sample_period >> 63 != 0 {
            return Err(Errno::EINVAL);
        }
        let known = EVENTS.get(self.kind as usize).is_some_and(|&count| self.config < count);
        if !known {
            return Err(Errno::ENOENT);
        }
        if self.sample_type & !SAMPLE_EMULATED != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        Ok(())
    }
}
