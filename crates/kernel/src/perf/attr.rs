//! `struct perf_event_attr`, as far as BPF programs and their readers need it.

use skep_abi::uapi::*;

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
}
