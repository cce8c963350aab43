//! Who counts what: the units that events belong to (`struct pmu`), and what each asks of attributes.

use super::full::Attr;
use crate::bpf::UserMemory;
use crate::hooks::Hook;
use crate::state::Core;
use skep_abi::Errno;
use skep_abi::uapi::perf_event_attr as field;
use skep_abi::uapi::*;

/// `type` of events of functions of the kernel, as `/sys/bus/event_source/devices/kprobe/type` of the simulated machine
/// says it. It is not one of the numbers that are the same everywhere.
pub const PERF_TYPE_KPROBE: u32 = 8;
/// The same of places in files that are executed (`uprobe`).
pub const PERF_TYPE_UPROBE: u32 = 9;
/// The types of the two clocks, which events of software get that count those.
const CPU_CLOCK: u32 = 6;
const TASK_CLOCK: u32 = 7;
/// `PERF_COUNT_SW_MAX`.
const SOFTWARE_EVENTS: u64 = 12;

/// Config bit 0 of probes: the return (`PERF_PROBE_CONFIG_IS_RETPROBE`).
const IS_RETURN: u64 = 1;
/// Where the offset of a reference counter begins in the config of a uprobe.
const REF_CTR_SHIFT: u32 = 32;
/// The longest name of a function (`KSYM_NAME_LEN`) and the longest path (`PATH_MAX`), with their NULs.
const NAME_LEN: usize = 512;
const PATH_MAX: usize = 4096;

/// What an event counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Something that software counts, or that nobody does.
    Software,
    /// The time of a CPU or a task.
    Clock,
    /// Hits of a tracepoint: `sched/sched_switch`.
    Tracepoint(String),
    /// Calls or returns of a function of the kernel, or hits of an instruction in it.
    Kprobe { func: Option<String>, addr: u64, offset: u64, ret: bool },
    /// Hits of a place in a file that is executed.
    Uprobe { path: String, offset: u64, ref_ctr: u64, ret: bool },
}

impl Counted {
    /// The hook that programs of the event are at (`perf_event_is_tracing`); `None`: they run for its samples.
    pub(crate) fn hook(&self) -> Option<Hook> {
        match self {
            Counted::Software | Counted::Clock => None,
            Counted::Tracepoint(name) => Some(Hook::Tracepoint { name: name.clone() }),
            Counted::Kprobe { func, offset, ret, .. } => {
                Some(Hook::Kprobe { func: func.clone().unwrap_or_default(), offset: *offset, ret: *ret })
            }
            Counted::Uprobe { path, offset, ret, .. } => {
                Some(Hook::Uprobe { path: path.clone(), offset: *offset, ret: *ret })
            }
        }
    }

    /// Whether clocks may be read for it that an NMI must not (`PERF_PMU_CAP_NO_NMI`).
    pub(super) fn any_clock(&self) -> bool {
        matches!(self, Counted::Software | Counted::Clock)
    }
}

impl Core {
    /// Finds out who counts what attributes ask for (`perf_init_event`).
    ///
    /// # Errors
    /// `ENOENT`: nobody; this machine has no counters in hardware, and no breakpoints. `EOPNOTSUPP`: not with branches or
    /// such registers. `EINVAL`: no such tracepoint; a probe without a place. `EACCES`: who asks may not. `E2BIG`,
    /// `EFAULT`: the name of the place.
    pub(super) fn counted(&mut self, attr: &mut Attr, user: &mut dyn UserMemory) -> Result<Counted, Errno> {
        let config = attr.config();
        let counted = match attr.kind() {
            PERF_TYPE_SOFTWARE => {
                no_branches(attr)?;
                match config {
                    PERF_COUNT_SW_CPU_CLOCK | PERF_COUNT_SW_TASK_CLOCK => {
                        attr.set_kind(CPU_CLOCK + config as u32);
                        Counted::Clock
                    }
                    _ if config < SOFTWARE_EVENTS => Counted::Software,
                    _ => return Err(Errno::ENOENT),
                }
            }
            CPU_CLOCK | TASK_CLOCK if config == u64::from(attr.kind() - CPU_CLOCK) => {
                no_branches(attr)?;
                Counted::Clock
            }
            PERF_TYPE_TRACEPOINT => {
                no_branches(attr)?;
                let name = u32::try_from(config).ok().and_then(|id| self.tracepoints.name(id));
                Counted::Tracepoint(name.ok_or(Errno::EINVAL)?.to_owned())
            }
            PERF_TYPE_KPROBE => {
                self.may_probe(self.perfmon())?;
                no_branches(attr)?;
                kprobe(attr, user)?
            }
            PERF_TYPE_UPROBE => {
                self.may_probe(self.sys_admin())?;
                no_branches(attr)?;
                uprobe(attr, user)?
            }
            _ => return Err(Errno::ENOENT),
        };
        if attr.has_extended_regs() { Err(Errno::EOPNOTSUPP) } else { Ok(counted) }
    }

    fn may_probe(&self, may: bool) -> Result<(), Errno> {
        if may { Ok(()) } else { Err(Errno::EACCES) }
    }
}

fn no_branches(attr: &Attr) -> Result<(), Errno> {
    if attr.samples(PERF_SAMPLE_BRANCH_STACK) { Err(Errno::EOPNOTSUPP) } else { Ok(()) }
}

/// A text of the caller's; as many bytes as there is room for if there is no NUL among them.
fn text(user: &mut dyn UserMemory, addr: u64, room: usize) -> Result<Vec<u8>, Errno> {
    let mut text = Vec::new();
    let mut byte = [0];
    while text.len() < room {
        user.read(addr.wrapping_add(text.len() as u64), &mut byte)?;
        if byte[0] == 0 {
            break;
        }
        text.push(byte[0]);
    }
    Ok(text)
}

/// `perf_kprobe_init`: by name and offset, or by address.
fn kprobe(attr: &Attr, user: &mut dyn UserMemory) -> Result<Counted, Errno> {
    let (name, place) = (attr.get(&field::config1), attr.get(&field::config2));
    let ret = attr.config() & IS_RETURN != 0;
    let name = match name {
        0 => Vec::new(),
        addr => text(user, addr, NAME_LEN)?,
    };
    if name.len() == NAME_LEN {
        return Err(Errno::E2BIG);
    }
    if name.is_empty() {
        return Ok(Counted::Kprobe { func: None, addr: place, offset: 0, ret });
    }
    // Any name that can be one is taken for a function of the kernel's.
    let fits = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.' | b'$');
    if !name.iter().all(fits) {
        return Err(Errno::ENOENT);
    }
    let func = String::from_utf8(name).map_err(|_| Errno::ENOENT)?;
    Ok(Counted::Kprobe { func: Some(func), addr: 0, offset: place, ret })
}

/// `perf_uprobe_init`.
fn uprobe(attr: &Attr, user: &mut dyn UserMemory) -> Result<Counted, Errno> {
    let path = match attr.get(&field::config1) {
        0 => return Err(Errno::EINVAL),
        addr => text(user, addr, PATH_MAX)?,
    };
    match path.len() {
        0 => return Err(Errno::EINVAL),
        PATH_MAX => return Err(Errno::E2BIG),
        _ => {}
    }
    Ok(Counted::Uprobe {
        path: String::from_utf8(path).map_err(|_| Errno::ENOENT)?,
        offset: attr.get(&field::config2),
        ref_ctr: attr.config() >> REF_CTR_SHIFT,
        ret: attr.config() & IS_RETURN != 0,
    })
}
