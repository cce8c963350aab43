//! Call stacks of the test's choosing, and the names of the addresses in them.

use crate::kernel::Kernel;
use crate::state::Core;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is on the stack of a task that runs, beside what is probed: a system call.
const SYSCALL: [&str; 2] = ["do_syscall_64", "entry_SYSCALL_64_after_hwframe"];
/// What is on the stack of one that does not.
const ASLEEP: [&str; 2] = ["__schedule", "schedule"];
/// What is on its user stack.
const USER: [&str; 3] = ["main", "__libc_start_main", "_start"];

/// Where functions of user space are: in a program's text.
const USER_BASE: u64 = 0x5555_5555_0000;
/// Bytes of each function.
const STRIDE: u64 = 0x100;

/// The two call stacks of a task: return addresses, innermost first.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CallStack {
    /// In the kernel.
    pub kernel: Vec<u64>,
    /// In user space; empty for a kernel thread.
    pub user: Vec<u64>,
}

/// A file that is mapped into user memory with its code, as `BPF_F_USER_BUILD_ID` sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MappedFile {
    /// The first address.
    pub start: u64,
    /// The bytes from there.
    pub len: u64,
    /// Where in the file that is.
    pub offset: u64,
    /// The file's build id (the note that linkers make), as long as they are: 20 bytes.
    pub build_id: [u8; 20],
}

/// Stacks, and functions of user space.
#[derive(Default)]
pub(crate) struct Stacks {
    current: Option<CallStack>,
    tasks: BTreeMap<u64, CallStack>,
    pub(crate) files: Vec<MappedFile>,
    user_names: Vec<Arc<str>>,
    user_addresses: BTreeMap<Arc<str>, u64>,
}

impl Stacks {
    fn user_address(&mut self, name: &str) -> u64 {
        if let Some(addr) = self.user_addresses.get(name) {
            return *addr;
        }
        let addr = USER_BASE + self.user_names.len() as u64 * STRIDE;
        let name: Arc<str> = name.into();
        self.user_names.push(name.clone());
        self.user_addresses.insert(name, addr);
        addr
    }

    fn user_name(&self, addr: u64) -> Option<(&str, u64)> {
        let offset = addr.checked_sub(USER_BASE)?;
        let name = self.user_names.get(usize::try_from(offset / STRIDE).ok()?)?;
        Some((name, offset % STRIDE))
    }
}

/// A function's name and an offset in it: `vfs_read+0x1c`.
fn name_and_offset(text: &str) -> (&str, u64) {
    let split = text.rsplit_once('+').and_then(|(name, offset)| Some((name, number(offset)?)));
    split.unwrap_or((text, 0))
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Core {
    /// The address that an entry of a stack is: `0xffffffff81000000`, `vfs_read`, `vfs_read+0x1c`.
    fn stack_address(&mut self, text: &str, user: bool) -> u64 {
        if let Some(addr) = text.starts_with("0x").then(|| number(text)).flatten() {
            return addr;
        }
        let (name, offset) = name_and_offset(text);
        let start = if user { self.stacks.user_address(name) } else { self.symbols.address(name) };
        start.wrapping_add(offset)
    }

    fn stack_addresses(&mut self, texts: &[&str], user: bool) -> Vec<u64> {
        texts.iter().map(|text| self.stack_address(text, user)).collect()
    }

    /// The stacks of the task that runs, as a program that runs now finds them.
    pub(crate) fn current_stack(&mut self) -> CallStack {
        let probed = self.now.probed;
        let user_mode = probed.is_some_and(|it| it.user);
        let mut stack = match &self.stacks.current {
            Some(stack) => stack.clone(),
            None => {
                let ip = probed.map(|it| it.ip).or(self.now.traced.map(|it| it.ip)).filter(|ip| *ip != 0);
                let mut stack = CallStack {
                    kernel: self.stack_addresses(&SYSCALL, false),
                    user: self.stack_addresses(&USER, true),
                };
                let innermost = if user_mode { &mut stack.user } else { &mut stack.kernel };
                innermost.splice(..0, ip);
                stack
            }
        };
        // A probe in user space interrupts no kernel function (`get_perf_callchain`, `kernel/events/callchain.c`).
        if user_mode {
            stack.kernel.clear();
        }
        stack
    }

    /// The stacks of another task.
    pub(crate) fn task_stack(&mut self, task: u64) -> CallStack {
        match self.stacks.tasks.get(&task) {
            Some(stack) => stack.clone(),
            None => CallStack { kernel: self.stack_addresses(&ASLEEP, false), user: Vec::new() },
        }
    }
}

/// # Stacks and symbols
/// What `bpf_get_stackid`, `bpf_get_stack` and `bpf_get_task_stack` find.
///
/// ```
/// use skep_kernel::{Config, Kernel};
///
/// let mut kernel = Kernel::new(Config::default())?;
/// kernel.set_stack(&["vfs_read", "ksys_read+0x52"], &["main"]);
/// let stack = kernel.call_stack();
/// assert_eq!(kernel.symbol(stack.kernel[1]).as_deref(), Some("ksys_read+0x52"));
/// assert_eq!(kernel.symbol(stack.user[0]).as_deref(), Some("main"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Kernel {
    /// Sets the call stacks of the current task, innermost entry first: names of functions, with an offset or without
    /// (`vfs_read+0x1c`), or addresses (`0xffffffff81000000`). Without, a task is in a system call, of a program that is
    /// in its `main`; what is probed comes first. A task without a user stack is a kernel thread.
    pub fn set_stack(&mut self, kernel: &[&str], user: &[&str]) {
        let kernel = self.core.stack_addresses(kernel, false);
        let user = self.core.stack_addresses(user, true);
        self.set_call_stack(Some(CallStack { kernel, user }));
    }

    /// The same by addresses; `None`: what it is at first.
    pub fn set_call_stack(&mut self, stack: Option<CallStack>) {
        self.core.stacks.current = stack;
    }

    /// Sets the stack in the kernel of another task, which does not run: that of the `task_struct` at this address.
    pub fn set_task_stack(&mut self, task: u64, kernel: &[&str]) {
        let kernel = self.core.stack_addresses(kernel, false);
        self.core.stacks.tasks.insert(task, CallStack { kernel, user: Vec::new() });
    }

    /// The call stacks of the current task.
    pub fn call_stack(&mut self) -> CallStack {
        self.core.current_stack()
    }

    /// Maps a file with code into user memory, for stacks with build ids. It need not be readable there.
    pub fn map_file(&mut self, file: MappedFile) {
        self.core.stacks.files.push(file);
    }

    /// The function, of the kernel or of user space, that an address is in: `"vfs_read"`, `"vfs_read+0x1c"`. `None`: in
    /// none that was named.
    pub fn symbol(&self, addr: u64) -> Option<String> {
        let (name, offset) = self.core.symbols.at(addr).or_else(|| self.core.stacks.user_name(addr))?;
        Some(if offset == 0 { name.to_owned() } else { format!("{name}+{offset:#x}") })
    }

    /// The address of a function of the kernel.
    pub fn symbol_address(&mut self, name: &str) -> u64 {
        self.core.symbols.address(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_stacks() {
        assert_eq!(name_and_offset("vfs_read"), ("vfs_read", 0));
        assert_eq!(name_and_offset("vfs_read+0x1c"), ("vfs_read", 0x1c));
        assert_eq!(name_and_offset("vfs_read+28"), ("vfs_read", 28));
        assert_eq!(name_and_offset("operator+"), ("operator+", 0));
        assert_eq!(name_and_offset("std::operator+(int)"), ("std::operator+(int)", 0));
    }

    #[test]
    fn user_functions_keep_their_addresses() {
        let mut stacks = Stacks::default();
        let [main, other] = ["main", "other"].map(|name| stacks.user_address(name));
        assert_eq!((stacks.user_address("main"), main == other), (main, false));
        assert_eq!(stacks.user_name(other + 3), Some(("other", 3)));
        assert_eq!(stacks.user_name(other + STRIDE), None);
        assert_eq!(stacks.user_name(0), None);
    }
}
