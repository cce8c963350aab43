//! What one simulated machine is like: its processors, clock, randomness, types and current task.

use crate::types::TargetBtf;

/// How to make a [`Kernel`](crate::Kernel). Nothing here is read from the host: two kernels made from equal values
/// behave alike to the last bit.
///
/// ```
/// use skep_kernel::{Config, Task};
///
/// let config = Config { cpus: 2, seed: 7, task: Task::new(42, 42, "sshd"), ..Config::default() };
/// assert_eq!(config.task.comm_str(), "sshd");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Processors, all of them possible and online: 1 to [`Config::MAX_CPUS`]. Per-CPU maps have a value for each.
    pub cpus: u32,
    /// What `bpf_get_prandom_u32`, fresh stack bytes, clobbered registers and hash tables depend on.
    pub seed: u64,
    /// Where the clocks stand at first.
    pub clock: Clock,
    /// The task that is running when a program is.
    pub task: Task,
    /// The budget of a run that names none: taken jumps, calls, returns and the helpers' charges. Unlimited budgets
    /// do not exist for code that no verifier has seen.
    pub budget: u64,
    /// The types of the kernel that it simulates. Without, there are no kernel objects, and programs that are attached
    /// by BTF id cannot be loaded.
    pub btf: Option<TargetBtf>,
    /// How much of the host's memory simulated objects may take, in bytes: map values that were touched, packets, rings,
    /// each with two bytes beside every byte of theirs that say what programs may do with it
    /// ([`skep_memory::Memory::resident`]). A run that would take more ends with [`Class::HostLimit`].
    ///
    /// [`Class::HostLimit`]: crate::Class::HostLimit
    pub memory: u64,
}

impl Config {
    /// The most processors that a kernel value has.
    pub const MAX_CPUS: u32 = 256;
    /// What [`Config::memory`] is by default: 128 MiB. The machine with all that is around it then stays below 256.
    pub const DEFAULT_MEMORY: u64 = 128 << 20;
}

impl Default for Config {
    /// Four processors, seed 0, a clock that starts at one second, task 1000 `"skep"` of user 1000, and no types.
    fn default() -> Self {
        Config {
            cpus: 4,
            seed: 0,
            clock: Clock::default(),
            task: Task::default(),
            budget: skep_vm::DEFAULT_BUDGET,
            btf: None,
            memory: Config::DEFAULT_MEMORY,
        }
    }
}

/// The clocks of the machine. They stand still but for `step_ns`, which every reading adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// `CLOCK_MONOTONIC`, in nanoseconds: what `bpf_ktime_get_ns` returns next.
    pub monotonic_ns: u64,
    /// What one reading of any clock adds, in nanoseconds.
    pub step_ns: u64,
    /// Time spent suspended: `CLOCK_BOOTTIME` less `CLOCK_MONOTONIC`, in nanoseconds.
    pub suspended_ns: u64,
    /// `CLOCK_TAI` at boot: what is added to the monotonic clock to get it, in nanoseconds.
    pub tai_offset_ns: u64,
}

impl Default for Clock {
    /// One second after boot, a microsecond per reading, never suspended, booted at 2026-01-01 00:00:00 UTC.
    fn default() -> Self {
        const BOOT_TAI_S: u64 = 1_767_225_600 + 37;
        Clock {
            monotonic_ns: 1_000_000_000,
            step_ns: 1_000,
            suspended_ns: 0,
            tai_offset_ns: BOOT_TAI_S * 1_000_000_000,
        }
    }
}

impl Clock {
    /// Timer interrupts per second (`CONFIG_HZ`).
    pub const HZ: u64 = 250;

    /// Reads the monotonic clock, which advances by a step.
    pub(crate) fn read(&mut self) -> u64 {
        let now = self.monotonic_ns;
        self.monotonic_ns = now.wrapping_add(self.step_ns);
        now
    }

    /// The tick that a monotonic time belongs to, in nanoseconds: what the coarse clock shows.
    pub(crate) fn tick_start(now: u64) -> u64 {
        const TICK_NS: u64 = 1_000_000_000 / Clock::HZ;
        now - now % TICK_NS
    }

    /// The jiffies at a monotonic time. They start five minutes before a 32-bit overflow (`INITIAL_JIFFIES` of
    /// `include/linux/jiffies.h`), so that code which does not expect one shows.
    pub(crate) fn jiffies64(now: u64) -> u64 {
        const INITIAL: u64 = 0u32.wrapping_sub(300 * Clock::HZ as u32) as u64;
        INITIAL + now / (1_000_000_000 / Clock::HZ)
    }
}

/// The task that runs programs: what `bpf_get_current_*` say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The thread's id (`task_struct.pid`).
    pub pid: u32,
    /// The process's id (`task_struct.tgid`).
    pub tgid: u32,
    /// The real user id in the initial user namespace.
    pub uid: u32,
    /// The real group id in the initial user namespace.
    pub gid: u32,
    /// The command name, padded with NULs; the last byte is one (`TASK_COMM_LEN`).
    pub comm: [u8; 16],
    /// The ids of the task's cgroups (version 2), from the root's to its own.
    pub cgroups: Vec<u64>,
}

impl Default for Task {
    fn default() -> Self {
        Task { uid: 1000, gid: 1000, ..Task::new(1000, 1000, "skep") }
    }
}

impl Task {
    /// A task of root's, in the root cgroup. Of `comm`, the first 15 bytes count.
    pub fn new(pid: u32, tgid: u32, comm: &str) -> Task {
        let mut bytes = [0; 16];
        let len = comm.len().min(15);
        bytes[..len].copy_from_slice(&comm.as_bytes()[..len]);
        Task { pid, tgid, uid: 0, gid: 0, comm: bytes, cgroups: vec![1] }
    }

    /// The command name as text, without its padding; bytes that are not UTF-8 show as replacement characters.
    pub fn comm_str(&self) -> String {
        let len = self.comm.iter().position(|&it| it == 0).unwrap_or(self.comm.len());
        String::from_utf8_lossy(&self.comm[..len]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comm_is_cut_and_padded() {
        let task = Task::new(1, 1, "a-very-long-command-name");
        assert_eq!(&task.comm, b"a-very-long-com\0");
        assert_eq!(task.comm_str(), "a-very-long-com");
        assert_eq!(Task::new(1, 1, "").comm, [0; 16]);
    }

    #[test]
    fn every_reading_is_a_step_later() {
        let mut clock = Clock { monotonic_ns: 5, step_ns: 3, ..Clock::default() };
        assert_eq!((clock.read(), clock.read(), clock.monotonic_ns), (5, 8, 11));
        clock = Clock { monotonic_ns: u64::MAX, step_ns: 1, ..clock };
        assert_eq!((clock.read(), clock.read()), (u64::MAX, 0));
    }

    #[test]
    fn ticks() {
        assert_eq!(Clock::tick_start(3_999_999), 0);
        assert_eq!(Clock::tick_start(4_000_001), 4_000_000);
        assert_eq!(Clock::jiffies64(0), 4_294_892_296);
        assert_eq!(Clock::jiffies64(1_000_000_000), 4_294_892_546);
    }
}
