//! What a program did to the machine around it that nothing here acts on, for tests to look at.

use crate::files::Fd;
use crate::kernel::Kernel;
use crate::object::Object;
use crate::state::Core;
use skep_abi::Errno;
use std::collections::BTreeMap;

/// What a run did beside its return value and its maps.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Effects {
    /// Signals that it sent, in order.
    pub signals: Vec<Signal>,
    /// What the probed function returns instead of running (`bpf_override_return`).
    pub overridden: Option<u64>,
    /// What the system call or hook returns (`bpf_set_retval`).
    pub retval: Option<i32>,
    /// What a decoder of infrared signals told, in order.
    pub remote: Vec<Remote>,
}

impl Effects {
    /// Adds those of a later run.
    pub(crate) fn then(&mut self, later: Effects) {
        self.signals.extend(later.signals);
        self.remote.extend(later.remote);
        self.overridden = later.overridden.or(self.overridden);
        self.retval = later.retval.or(self.retval);
    }
}

/// What a decoder of infrared signals tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remote {
    /// The last key is held down (`bpf_rc_repeat`).
    Repeat,
    /// A key is pressed (`bpf_rc_keydown`).
    Key {
        /// `RC_PROTO_*`.
        protocol: u32,
        /// The key.
        scancode: u64,
        /// The remote control says that it is pressed anew by changing this.
        toggle: bool,
    },
    /// A pointer moves (`bpf_rc_pointer_rel`).
    Pointer {
        /// To the right.
        x: i32,
        /// Down.
        y: i32,
    },
}

/// A signal to the current task (`bpf_send_signal`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signal {
    /// Its number.
    pub number: u32,
    /// To the thread alone (`bpf_send_signal_thread`), not to any of its process.
    pub thread: bool,
    /// The thread.
    pub pid: u32,
}

/// What a perf event has counted (`struct bpf_perf_event_value`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PerfValue {
    /// The count.
    pub counter: u64,
    /// For how long it was enabled, in nanoseconds.
    pub enabled: u64,
    /// For how long it was counting, in nanoseconds.
    pub running: u64,
}

impl PerfValue {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [self.counter, self.enabled, self.running].iter().flat_map(|it| it.to_le_bytes()).collect()
    }
}

/// A branch that the processor took (`struct perf_branch_entry`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Branch {
    /// Where it was.
    pub from: u64,
    /// Where it led.
    pub to: u64,
    /// How it went: the word of bit-fields, `mispred` the lowest.
    pub flags: u64,
}

impl Branch {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [self.from, self.to, self.flags].iter().flat_map(|it| it.to_le_bytes()).collect()
    }
}

/// What the hardware and the integrity subsystem say, of the test's choosing.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) branches: Vec<Branch>,
    /// What the event counted that a perf_event program runs for.
    pub(crate) sampled: PerfValue,
    /// Hashes of inodes: the algorithm and the digest.
    pub(crate) hashes: BTreeMap<u64, (u32, Vec<u8>)>,
}

/// # What is measured
impl Kernel {
    /// Sets what a perf event has counted: what `bpf_perf_event_read` and `bpf_perf_event_read_value` answer.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no event.
    pub fn set_perf_value(&mut self, fd: Fd, value: PerfValue) -> Result<(), Errno> {
        let id = self.core.files.get(fd)?;
        match self.core.objects.get_mut(id) {
            Some(Object::Perf(event)) => {
                event.value = value;
                Ok(())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// Sets what `bpf_perf_prog_read_value` answers: the count of the event that perf_event programs run for.
    pub fn set_sampled_value(&mut self, value: PerfValue) {
        self.core.measured.sampled = value;
    }

    /// Sets the branches that the processor recorded, the last first: what `bpf_read_branch_records` and
    /// `bpf_get_branch_snapshot` answer.
    pub fn set_branches(&mut self, branches: Vec<Branch>) {
        self.core.measured.branches = branches;
    }

    /// Has the integrity subsystem know the hash of the `struct inode` at an address: the algorithm's number
    /// (`enum hash_algo`) and the digest.
    pub fn set_ima_hash(&mut self, inode: u64, algorithm: u32, digest: Vec<u8>) {
        self.core.measured.hashes.insert(inode, (algorithm, digest));
    }
}

impl Core {
    /// Bytes of the recorded branches, as many as fit.
    pub(crate) fn branch_bytes(&self, room: usize) -> Vec<u8> {
        let entry = Branch::default().to_bytes().len();
        self.measured.branches.iter().take(room / entry).flat_map(|it| it.to_bytes()).collect()
    }
}
