//! System calls: their handlers, their tracepoints, and the registers that they came in with.

use super::place::{Side, fit};
use super::regs::{Arch, Registers};
use super::setup::Setup;
use super::{Firing, Refusal};
use crate::context::Context;
use crate::world::FieldValue;
use skep_abi::Errno;
use skep_abi::syscalls::{self, Syscall};

/// What handlers of system calls are called, where they take the registers of user space
/// (`CONFIG_ARCH_HAS_SYSCALL_WRAPPER`).
const WRAPPERS: [(&str, Arch); 2] = [("__x64_sys_", Arch::X86_64), ("__arm64_sys_", Arch::Arm64)];

/// Bytes of the record of a system call's tracepoint before its own: common fields, and the number.
const RECORD_HEAD: usize = 16;

/// Where user space is when it makes a call.
const USER_IP: u64 = 0x40_1000;

impl Firing<'_, '_> {
    /// Registers of a probe on a system call's handler: the one argument points to the caller's registers.
    pub(super) fn syscall_probe(&mut self, name: &str, ret: bool) -> Result<Setup, Refusal> {
        let (prefix, _) = WRAPPERS[usize::from(self.arch == Arch::Arm64)];
        let entry = self.address(&format!("{prefix}{name}"));
        if ret {
            return self.registers(None, entry, 0, true, false);
        }
        let call = syscalls::find(name);
        let inner = self.caller(call)?;
        let kept = self.args.take_all(|name| super::probe::OWN.contains(&name));
        self.args.finish(&self.target.to_string(), &names_of(call))?;
        self.args.give_back(kept);
        self.args.put("arg0", FieldValue::Addr(inner));
        self.registers(None, entry, 0, false, false)
    }

    /// The system call whose handler a function is, by its name.
    pub(super) fn handled(&self, func: &str) -> Option<&'static Syscall> {
        let wrapped = WRAPPERS.iter().filter(|it| it.1 == self.arch).find_map(|it| func.strip_prefix(it.0));
        wrapped.and_then(syscalls::find)
    }

    /// The call that was made: `syscall` by name or `id` by number, else the one that is known.
    fn made(&mut self, known: Option<&'static Syscall>) -> Result<(Option<&'static Syscall>, u64), Refusal> {
        let by_number = match self.arch {
            Arch::X86_64 => syscalls::by_x86_64,
            Arch::Arm64 => syscalls::by_arm64,
        };
        if let Some(name) = self.args.take("syscall") {
            let FieldValue::Str(name) = name else {
                return Err("syscall: the name of a system call".to_owned());
            };
            let call = syscalls::find(&name).ok_or_else(|| format!("there is no system call {name:?}"))?;
            return Ok((Some(call), self.number(call)));
        }
        match self.args.take("id") {
            Some(id) => {
                let number = self.untyped(&id, Side::User).map_err(|why| format!("id: {why}"))?;
                Ok((known.or_else(|| u32::try_from(number).ok().and_then(by_number)), number))
            }
            None => Ok((known, known.map_or(0, |call| self.number(call)))),
        }
    }

    fn number(&self, call: &Syscall) -> u64 {
        let number = match self.arch {
            Arch::X86_64 => call.x86_64(),
            Arch::Arm64 => call.arm64(),
        };
        number.unwrap_or(0).into()
    }

    /// The six arguments of a call, as user space gives them; by their names, or `arg0`...
    fn call_args(&mut self, call: Option<&Syscall>) -> Result<[u64; 6], Refusal> {
        let mut words = [0; 6];
        for (index, word) in words.iter_mut().enumerate() {
            let arg = call.and_then(|it| it.args().nth(index));
            let positional = format!("arg{index}");
            let name = arg.map_or(positional.as_str(), |it| it.name);
            let Some(value) = self.args.take(name).or_else(|| self.args.take(&positional)) else { continue };
            let placed = match (&value, arg.and_then(|it| it.of)) {
                (FieldValue::Fields(_), Some(of)) => self.named_struct(of, &value, Side::User),
                _ => self.untyped(&value, Side::User),
            };
            *word = placed.map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(words)
    }

    /// The registers of user space at a call, in kernel memory.
    fn caller(&mut self, known: Option<&'static Syscall>) -> Result<u64, Refusal> {
        let (call, number) = self.made(known)?;
        let words = self.call_args(call)?;
        self.caller_regs(number, words, None)
    }

    fn caller_regs(&mut self, number: u64, words: [u64; 6], ret: Option<u64>) -> Result<u64, Refusal> {
        let mut regs = Registers::new(self.arch, true);
        regs.set_ip(USER_IP);
        // What the kernel starts with (`do_syscall_64`).
        if self.arch == Arch::X86_64 {
            regs.set_ret(Errno::ENOSYS.neg() as u64);
        }
        regs.set_syscall(number);
        words.iter().enumerate().for_each(|(index, word)| regs.set_syscall_arg(index, *word));
        if let Some(ret) = ret {
            regs.set_ret(ret);
        }
        let mut bytes = regs.to_bytes();
        if self.arch == Arch::Arm64 {
            // `struct pt_regs` goes on with what x0 was, and the number.
            bytes.extend(words[0].to_le_bytes());
            bytes.extend(number.to_le_bytes());
            bytes.resize(336, 0);
        }
        self.put(&bytes, Side::Kernel, "pt_regs")
    }

    /// Makes the registers that the raw tracepoints of all calls show, unless they are given.
    pub(super) fn syscall_event(&mut self, event: &str) -> Result<(), Refusal> {
        if !matches!(event, "sys_enter" | "sys_exit") || self.args.has("regs") {
            return Ok(());
        }
        let (call, number) = self.made(None)?;
        let words = self.call_args(call)?;
        let ret = match self.args.take("ret").filter(|_| event == "sys_exit") {
            Some(value) => Some(self.untyped(&value, Side::User).map_err(|why| format!("ret: {why}"))?),
            None => (event == "sys_exit").then_some(0),
        };
        // All of it was asked for: what is left is a mistake, whether the types know the event or not.
        let second = if ret.is_some() { "ret" } else { "syscall" };
        let names = names_of(call).into_iter().chain(["id", "regs", second].map(str::to_owned));
        self.args.finish(&self.target.to_string(), &names.collect::<Vec<_>>())?;
        let regs = self.caller_regs(number, words, ret)?;
        self.args.put("regs", FieldValue::Addr(regs));
        match ret {
            Some(ret) => self.args.put("ret", FieldValue::Addr(ret)),
            None => self.args.put("id", FieldValue::Addr(number)),
        }
        Ok(())
    }

    /// The record of a system call's tracepoint: of one call (`syscalls/sys_enter_openat`), or of all
    /// (`raw_syscalls/sys_enter`).
    pub(super) fn syscall_record(&mut self, category: &str, event: &str) -> Option<Result<Setup, Refusal>> {
        let (enter, name) = match (category, event) {
            ("raw_syscalls", "sys_enter") => (true, None),
            ("raw_syscalls", "sys_exit") => (false, None),
            ("syscalls", event) => match event.strip_prefix("sys_enter_") {
                Some(name) => (true, Some(name)),
                None => (false, Some(event.strip_prefix("sys_exit_")?)),
            },
            _ => return None,
        };
        Some(self.call_record(enter, name))
    }

    fn call_record(&mut self, enter: bool, name: Option<&str>) -> Result<Setup, Refusal> {
        let known = name.and_then(syscalls::find);
        let (call, number) = self.made(known)?;
        let mut bytes = vec![0; RECORD_HEAD];
        self.common(&mut bytes)?;
        bytes[8..16].copy_from_slice(&number.to_le_bytes());
        let mut names = vec!["id".to_owned()];
        if enter {
            if let Some(FieldValue::List(list)) = self.args.take("args") {
                for (index, value) in list.into_iter().enumerate().take(6) {
                    self.args.put(&format!("arg{index}"), value);
                }
            }
            let words = self.call_args(call)?;
            bytes.extend(words.iter().flat_map(|it| it.to_le_bytes()));
            names.extend(names_of(call));
        } else {
            let ret = self.args.take("ret").map_or(Ok(0), |it| self.untyped(&it, Side::User))?;
            bytes.extend(ret.to_le_bytes());
            names.push("ret".to_owned());
        }
        self.args.finish(&self.target.to_string(), &names)?;
        Ok(Setup::from(Context::Record(bytes)))
    }

    /// Writes the fields that all records begin with (`struct trace_entry`): the current thread's id among them.
    pub(super) fn common(&mut self, bytes: &mut [u8]) -> Result<(), Refusal> {
        let mut set = |name: &str, at: usize, size: usize, default: u64| -> Result<(), Refusal> {
            let number = match self.args.take(name) {
                Some(FieldValue::Int(number)) => {
                    fit(number, size as u64).map_err(|why| format!("{name}: {why}"))?
                }
                Some(_) => return Err(format!("{name}: a number")),
                None => default,
            };
            if let Some(place) = bytes.get_mut(at..at + size) {
                place.copy_from_slice(&number.to_le_bytes()[..size]);
            }
            Ok(())
        };
        let pid = self.kernel.core.task.pid;
        set("common_type", 0, 2, 0)?;
        set("common_flags", 2, 1, 0)?;
        set("common_preempt_count", 3, 1, 0)?;
        set("common_pid", 4, 4, pid.into())
    }
}

/// What the arguments of a call are called.
fn names_of(call: Option<&Syscall>) -> Vec<String> {
    match call {
        Some(call) => call.args().map(|it| it.name.to_owned()).collect(),
        None => (0..6).map(|index| format!("arg{index}")).collect(),
    }
}
