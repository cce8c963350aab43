//! `struct perf_event_attr` in full, and the checks of it that need nothing else (`perf_copy_attr`).

use super::attr::PerfEventAttr;
use skep_abi::Errno;
use skep_abi::ctx::Field;
use skep_abi::uapi::attr_bits::{self as bits};
use skep_abi::uapi::perf_event_attr as field;
use skep_abi::uapi::*;

/// `sizeof(struct perf_event_attr)`: what this kernel knows.
pub(super) const SIZE: usize = PERF_ATTR_SIZE_VER8 as usize;
/// The most that attributes may be given as (a page).
const MAX_SIZE: u32 = 4096;
/// `kernel.perf_event_max_sample_rate`: the highest frequency.
const MAX_SAMPLE_RATE: u64 = 100_000;
/// `kernel.perf_event_max_stack`: the deepest call chain.
const MAX_STACK: u16 = PERF_MAX_STACK_DEPTH as u16;

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

/// What `PERF_SAMPLE_BRANCH_*` bits there are, and those that only say of which levels of privilege.
const BRANCH_KNOWN: u64 = (1 << 20) - 1;
const BRANCH_LEVELS: u64 = 7;
/// Registers of x86-64 that can be sampled, and those of which only some counters of the processor can
/// (`PERF_REG_EXTENDED_MASK`).
const REGS: u64 = 0xff_0fff;
const REGS_EXTENDED: u64 = !0 << 32;

/// The attributes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attr {
    bytes: [u8; SIZE],
}

/// The bytes between two fields that are reserved (`__reserved_2`).
const RESERVED_2: std::ops::Range<usize> = 110..112;

impl Attr {
    /// Takes attributes in as a caller gives them: `given` is the memory from their address on, and the size is in it
    /// (`copy_struct_from_user`). `E2BIG` writes the size that is known back.
    ///
    /// # Errors
    /// `EFAULT`: the caller's memory ends before. `E2BIG`: shorter than the first version or longer than a page, or
    /// something other than zero behind what is known. `EINVAL`: bits or masks that there are not.
    pub(crate) fn copy(given: &mut [u8]) -> Result<Attr, Errno> {
        let size = given.get(field::size.range()).and_then(|it| it.try_into().ok()).map(u32::from_le_bytes);
        let size = match size.ok_or(Errno::EFAULT)? {
            0 => PERF_ATTR_SIZE_VER0,
            size => size,
        };
        let known = if (PERF_ATTR_SIZE_VER0..=MAX_SIZE).contains(&size) {
            let whole = given.get(..size as usize).ok_or(Errno::EFAULT)?;
            let (known, beyond) = whole.split_at(SIZE.min(whole.len()));
            beyond.iter().all(|it| *it == 0).then(|| known.to_vec())
        } else {
            None
        };
        let Some(known) = known else {
            given[field::size.range()].copy_from_slice(&(SIZE as u32).to_le_bytes());
            return Err(Errno::E2BIG);
        };
        let mut attr = Attr { bytes: [0; SIZE] };
        attr.bytes[..known.len()].copy_from_slice(&known);
        attr.check()?;
        Ok(attr)
    }

    pub(crate) fn get(&self, field: &Field) -> u64 {
        self.bytes[field.range()].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    fn put(&mut self, field: &Field, value: u64) {
        self.bytes[field.range()].copy_from_slice(&value.to_le_bytes()[..field.size()]);
    }

    /// One of the bits of [`attr_bits`](bits).
    pub(crate) fn has(&self, bit: u64) -> bool {
        self.get(&field::flags) & bit != 0
    }

    pub(crate) fn kind(&self) -> u32 {
        self.get(&field::r#type) as u32
    }

    pub(crate) fn config(&self) -> u64 {
        self.get(&field::config)
    }

    pub(crate) fn sample_type(&self) -> u64 {
        self.get(&field::sample_type)
    }

    pub(crate) fn samples(&self, bit: u64) -> bool {
        self.sample_type() & bit != 0
    }

    pub(crate) fn read_format(&self) -> u64 {
        self.get(&field::read_format)
    }

    /// Whether it takes samples at all (`is_sampling_event`).
    pub(super) fn is_sampling(&self) -> bool {
        self.get(&field::sample_period) != 0
    }

    /// Has another period, or frequency.
    pub(super) fn set_period(&mut self, value: u64) {
        self.put(&field::sample_period, value);
    }

    /// Bytes after which a reader is woken, if they count; and events, if those do. 0: never.
    pub(super) fn wakeup(&self) -> (u32, u32) {
        let wakeup = self.get(&field::wakeup_events) as u32;
        if self.has(bits::WATERMARK) { (wakeup, 0) } else { (0, wakeup) }
    }

    /// Whether `bpf_perf_event_output` may use the event.
    pub(crate) fn is_bpf_output(&self) -> bool {
        self.kind() == PERF_TYPE_SOFTWARE && self.config() == PERF_COUNT_SW_BPF_OUTPUT
    }

    /// Whether samples of it are as the kernel writes them.
    pub(crate) fn is_emulated(&self) -> bool {
        self.sample_type() & !SAMPLE_EMULATED == 0
    }

    /// The checks of `perf_copy_attr`.
    fn check(&self) -> Result<(), Errno> {
        let reserved = self.get(&field::flags) & bits::RESERVED != 0
            || self.bytes[RESERVED_2].iter().any(|it| *it != 0)
            || self.get(&field::aux_action) & !aux_action::KNOWN != 0;
        let unknown =
            self.sample_type() & !PERF_SAMPLE_KNOWN != 0 || self.read_format() & !PERF_FORMAT_KNOWN != 0;
        if reserved || unknown {
            return Err(Errno::EINVAL);
        }
        let branches = self.get(&field::branch_sample_type);
        if self.samples(PERF_SAMPLE_BRANCH_STACK)
            && (branches & !BRANCH_KNOWN != 0 || branches & !BRANCH_LEVELS == 0)
        {
            return Err(Errno::EINVAL);
        }
        let stack = self.get(&field::sample_stack_user);
        if self.samples(PERF_SAMPLE_REGS_USER) {
            check_regs(self.get(&field::sample_regs_user))?;
        }
        if self.samples(PERF_SAMPLE_STACK_USER) && (stack >= 0xffff || !stack.is_multiple_of(8)) {
            return Err(Errno::EINVAL);
        }
        let regs = match self.samples(PERF_SAMPLE_REGS_INTR) {
            true => check_regs(self.get(&field::sample_regs_intr)),
            false => Ok(()),
        };
        let weights = PERF_SAMPLE_WEIGHT | PERF_SAMPLE_WEIGHT_STRUCT;
        let contradicts = self.sample_type() & weights == weights
            || self.has(bits::INHERIT_THREAD) && !self.has(bits::INHERIT)
            || self.has(bits::REMOVE_ON_EXEC) && self.has(bits::ENABLE_ON_EXEC)
            || self.has(bits::SIGTRAP) && !self.has(bits::REMOVE_ON_EXEC);
        if contradicts { Err(Errno::EINVAL) } else { regs }
    }

    /// The checks of period and frequency, which come next.
    pub(super) fn check_rate(&self) -> Result<(), Errno> {
        let period = self.get(&field::sample_period);
        let fits = if self.has(bits::FREQ) { period <= MAX_SAMPLE_RATE } else { period >> 63 == 0 };
        if fits { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Whether it asks for registers that only counters of the processor have, be they in samples or not.
    pub(super) fn has_extended_regs(&self) -> bool {
        (self.get(&field::sample_regs_user) | self.get(&field::sample_regs_intr)) & REGS_EXTENDED != 0
    }

    /// Is of another type than it said, as events of clocks are.
    pub(super) fn set_kind(&mut self, kind: u32) {
        self.put(&field::r#type, kind.into());
    }

    /// The checks behind those of the kind of event (`perf_event_alloc`): the hardware trace that there is not, and how
    /// deep call chains may be.
    pub(super) fn check_rest(&self) -> Result<(), Errno> {
        let action = |bit: u64| self.get(&field::aux_action) & bit != 0;
        if self.has(bits::AUX_OUTPUT) {
            return Err(Errno::EOPNOTSUPP);
        }
        if action(aux_action::PAUSE) && action(aux_action::RESUME) {
            return Err(Errno::EINVAL);
        }
        if action(aux_action::START_PAUSED) {
            return Err(Errno::EOPNOTSUPP);
        }
        Ok(())
    }

    /// See [`Attr::check_rest`].
    pub(super) fn check_chain(&self) -> Result<(), Errno> {
        let deep = self.get(&field::sample_max_stack) as u16 > MAX_STACK;
        if self.samples(PERF_SAMPLE_CALLCHAIN) && deep { Err(Errno::EOVERFLOW) } else { Ok(()) }
    }

    /// Whether it needs a hardware trace, of which there is none.
    pub(super) fn needs_aux(&self) -> bool {
        let action = self.get(&field::aux_action) & (aux_action::PAUSE | aux_action::RESUME) != 0;
        action || self.get(&field::aux_sample_size) != 0
    }
}

/// `perf_reg_validate` of x86-64.
fn check_regs(mask: u64) -> Result<(), Errno> {
    let known = REGS | REGS_EXTENDED;
    if mask == 0 || mask & !known != 0 { Err(Errno::EINVAL) } else { Ok(()) }
}

impl From<&PerfEventAttr> for Attr {
    fn from(it: &PerfEventAttr) -> Attr {
        let flags = [
            (it.disabled, bits::DISABLED),
            (it.inherit, bits::INHERIT),
            (it.watermark, bits::WATERMARK),
            (it.sample_id_all, bits::SAMPLE_ID_ALL),
        ];
        let flags = flags.iter().filter(|it| it.0).fold(0, |all, it| all | it.1);
        let mut attr = Attr { bytes: [0; SIZE] };
        for (field, value) in [
            (&field::r#type, u64::from(it.kind)),
            (&field::size, SIZE as u64),
            (&field::config, it.config),
            (&field::sample_period, it.sample_period),
            (&field::sample_type, it.sample_type),
            (&field::flags, flags),
            (&field::wakeup_events, u64::from(it.wakeup)),
        ] {
            attr.put(field, value);
        }
        attr
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_typed_attributes_are_some_of_them() {
        let typed =
            PerfEventAttr { watermark: true, wakeup: 100, disabled: true, ..PerfEventAttr::bpf_output() };
        let attr = Attr::from(&typed);
        assert!(attr.is_bpf_output() && attr.has(bits::DISABLED) && !attr.has(bits::INHERIT));
        assert_eq!((attr.sample_type(), attr.wakeup()), (PERF_SAMPLE_RAW, (100, 0)));
        assert_eq!(Attr::copy(&mut attr.bytes.clone()), Ok(attr));
        assert_eq!(Attr::from(&PerfEventAttr::bpf_output()).wakeup(), (0, 1));
    }

    #[test]
    fn memory_that_ends() {
        assert_eq!(Attr::copy(&mut []), Err(Errno::EFAULT));
        assert_eq!(Attr::copy(&mut [0; 63]), Err(Errno::EFAULT), "no size is that of the first version");
        assert!(Attr::copy(&mut [0; 64]).is_ok());
        let mut short = [0; 100];
        short[4] = 104;
        assert_eq!(Attr::copy(&mut short), Err(Errno::EFAULT));
        short[4] = 63;
        assert_eq!((Attr::copy(&mut short), short[4]), (Err(Errno::E2BIG), 136));
    }
}
