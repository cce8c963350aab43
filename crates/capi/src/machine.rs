//! The kernels that C holds, and the process-wide one.

use skep_abi::Errno;
use skep_exec::HostProcess;
use skep_kernel::{Config, Kernel, Verifier, vmlinux};
use std::collections::VecDeque;
use std::sync::{Mutex, OnceLock, PoisonError};

/// One simulated machine with this process on it. It may be used by several threads, which take turns.
#[derive(Debug)]
pub struct Machine {
    process: Mutex<HostProcess>,
    /// What was wrong with the last call of `skep_*` that failed.
    error: Mutex<String>,
    /// What programs printed and nobody has read.
    printed: Mutex<VecDeque<String>>,
}

/// What the libbpf names work on.
static DEFAULT: OnceLock<Option<Box<Machine>>> = OnceLock::new();

/// The process-wide kernel, which the first call makes.
///
/// # Errors
/// `ENOMEM`: this host has no address space for one, or no descriptor.
pub(crate) fn default_kernel() -> Result<&'static Machine, Errno> {
    let made = DEFAULT.get_or_init(|| Machine::new(config(), true).ok().map(Box::new));
    made.as_deref().ok_or(Errno::ENOMEM)
}

/// A machine as the libbpf names have it: everything is verified, against the types that come with skep.
pub(crate) fn config() -> Config {
    Config { btf: Some(vmlinux::bundled()), ..Config::default() }
}

impl Machine {
    pub(crate) fn new(config: Config, verify: bool) -> Result<Machine, String> {
        let mut kernel = Kernel::new(config).map_err(|error| error.to_string())?;
        if verify {
            kernel.set_verifier(Box::new(Verifier::default()));
        }
        let process = HostProcess::new(kernel).map_err(|error| error.to_string())?;
        Ok(Machine { process: Mutex::new(process), error: Mutex::default(), printed: Mutex::default() })
    }

    /// Takes the oldest line that programs printed.
    pub(crate) fn next_line(&self) -> Option<String> {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        printed.extend(self.with(|it| it.kernel_mut().take_trace_log()).into_iter().map(|it| it.message()));
        printed.pop_front()
    }

    /// Notes what was wrong.
    pub(crate) fn set_error(&self, text: String) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// What was wrong last.
    pub(crate) fn error(&self) -> String {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Works on it, when no other thread does.
    pub(crate) fn with<T>(&self, run: impl FnOnce(&mut HostProcess) -> T) -> T {
        // No panic is reachable from C; if there were one, the next caller would still have the same machine.
        run(&mut self.process.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
