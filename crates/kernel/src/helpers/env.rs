//! What a helper has at hand: its arguments, memory, the machine's state.

use crate::context::Frame;
use crate::fields::Fields;
use crate::object::{MapObject, from_handle};
use crate::state::Core;
use skep_abi::Errno;
use skep_abi::helpers::Helper;
use skep_btf::Kind;
use skep_maps::ObjRef;
use skep_memory::{Fault, Memory};
use skep_vm::{Call, HostFault, Outcome};

/// One call of a helper or kernel function.
pub(crate) struct Env<'a, 'c> {
    pub(crate) core: &'a mut Core,
    pub(crate) call: &'a mut Call<'c>,
    pub(crate) helper: Called,
}

/// What is called, for its name in reports.
#[derive(Clone, Copy)]
pub(crate) struct Called {
    /// Of a helper, without `bpf_`.
    pub(crate) name: &'static str,
    /// `None`: a kernel function, whose arguments the kernel's types name.
    arg_names: Option<&'static [&'static str]>,
}

impl Called {
    pub(crate) fn helper(helper: &'static Helper) -> Called {
        Called { name: helper.name, arg_names: Some(helper.arg_names) }
    }

    pub(crate) fn kfunc(name: &'static str) -> Called {
        Called { name, arg_names: None }
    }
}

/// What a helper comes to.
pub(crate) type Answer = Result<Outcome, Stop>;

/// Why a helper does not return a value of its own.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It returns a negative error number.
    Errno(Errno),
    /// The program stops.
    Fault(HostFault),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Stop {
        Stop::Errno(errno)
    }
}

impl From<HostFault> for Stop {
    fn from(fault: HostFault) -> Stop {
        Stop::Fault(fault)
    }
}

/// The helper returns this.
pub(crate) fn ret(value: u64) -> Answer {
    Ok(Outcome::Return(value))
}

/// How many bytes of copying cost as much as one instruction. Most helpers copy more than once: out of the program's
/// memory, and to where the bytes belong.
const BYTES_PER_CHARGE: u64 = 16;

/// How many bytes of shadow that are looked at cost as much as one instruction.
const CHECKED_PER_CHARGE: u64 = 128;

/// What looking fields of structs up by their names costs, a few of them, in units of one instruction.
const FIELDS_COST: u64 = 400;

/// Keys that cost nothing, in bytes.
const SHORT_KEY: usize = 64;

/// Keys and other small arguments, read without an allocation.
pub(crate) struct Bytes {
    small: [u8; SHORT_KEY],
    large: Vec<u8>,
    len: usize,
}

impl Default for Bytes {
    fn default() -> Bytes {
        Bytes { small: [0; SHORT_KEY], large: Vec::new(), len: 0 }
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        if self.len <= self.small.len() { &self.small[..self.len] } else { &self.large }
    }
}

impl<'c> Env<'_, 'c> {
    /// An argument, from 0.
    pub(crate) fn arg(&self, index: usize) -> u64 {
        self.call.args[index]
    }

    /// The simulated memory.
    pub(crate) fn memory(&self) -> &'c Memory {
        self.call.memory
    }

    /// Takes the cost of handling this many bytes from the budget.
    pub(crate) fn charge_bytes(&mut self, len: u64) {
        self.call.charge(len / BYTES_PER_CHARGE);
    }

    /// What an argument is called in a report: `bpf_map_lookup_elem, argument 2 (key)`.
    pub(crate) fn name(&self, index: usize) -> String {
        let Called { name, arg_names } = self.helper;
        let (prefix, arg) = match arg_names {
            Some(names) => ("bpf_", names.get(index).copied().unwrap_or("?")),
            None => ("", self.param(index).unwrap_or("?")),
        };
        format!("{prefix}{name}, argument {} ({arg})", index + 1)
    }

    /// What the kernel's types call a parameter of the kernel function that was called.
    fn param(&self, index: usize) -> Option<&str> {
        let btf = self.core.all_types()?;
        let proto = btf.func_proto(btf.find(Kind::Func, self.helper.name)?)?;
        let name = btf.str(proto.params.get(index)?.name);
        // What is behind `__` is for the verifier.
        Some(name.split("__").next().unwrap_or(name))
    }

    /// The program stops because of an argument that no verified program passes.
    pub(crate) fn bad_arg(&self, index: usize, why: &str) -> Stop {
        let value = self.arg(index);
        Stop::Fault(HostFault::program(format!("{}: {value:#x} {why}", self.name(index))))
    }

    fn bad_access(&self, index: usize, fault: Fault) -> Stop {
        Stop::Fault(HostFault::access(&self.name(index), fault))
    }

    /// The key that an argument points to. [`Env::charge_key`] is due for it.
    pub(crate) fn key(&self, index: usize, len: usize) -> Result<Bytes, Stop> {
        let mut bytes = Bytes { small: [0; SHORT_KEY], large: Vec::new(), len };
        let into = if len <= bytes.small.len() {
            &mut bytes.small[..len]
        } else {
            bytes.large.resize(len, 0);
            &mut bytes.large[..]
        };
        self.memory().read(self.arg(index), into).map_err(|fault| self.bad_access(index, fault))?;
        Ok(bytes)
    }

    /// The bytes that an argument points to.
    pub(crate) fn read(&mut self, index: usize, len: usize) -> Result<Bytes, Stop> {
        self.read_at(index, self.arg(index), len)
    }

    /// The bytes at an address that an argument stands for.
    pub(crate) fn read_at(&mut self, index: usize, addr: u64, len: usize) -> Result<Bytes, Stop> {
        let mut bytes = Bytes { small: [0; SHORT_KEY], large: Vec::new(), len };
        let into = if len <= bytes.small.len() {
            &mut bytes.small[..len]
        } else {
            self.charge_bytes(len as u64);
            // Checked first, so that a wild length allocates nothing.
            self.memory().check_read(addr, len).map_err(|fault| self.bad_access(index, fault))?;
            bytes.large.resize(len, 0);
            &mut bytes.large[..]
        };
        self.memory().read(addr, into).map_err(|fault| self.bad_access(index, fault))?;
        Ok(bytes)
    }

    /// Takes the cost of looking for a key from the budget. Short ones cost nothing beside the call.
    pub(crate) fn charge_key(&mut self, len: usize) {
        const BYTES_PER_CHARGE: usize = 8;
        self.call.charge((len / BYTES_PER_CHARGE).saturating_sub(SHORT_KEY / BYTES_PER_CHARGE) as u64);
    }

    /// Checks that the program may write what an argument points to, before the helper does anything.
    pub(crate) fn check_write(&mut self, index: usize, len: usize) -> Result<(), Stop> {
        self.call.charge(len as u64 / CHECKED_PER_CHARGE);
        self.memory().check_write(self.arg(index), len).map_err(|fault| self.bad_access(index, fault))
    }

    /// Writes to where an argument points.
    pub(crate) fn write(&mut self, index: usize, bytes: &[u8]) -> Result<(), Stop> {
        self.write_at(index, self.arg(index), bytes)
    }

    /// Writes to an address that an argument stands for.
    pub(crate) fn write_at(&mut self, index: usize, addr: u64, bytes: &[u8]) -> Result<(), Stop> {
        self.charge_bytes(bytes.len() as u64);
        self.memory().write(addr, bytes).map_err(|fault| self.bad_access(index, fault))
    }

    /// The fields of kernel structs, which this helper or function cannot do without.
    pub(crate) fn fields(&mut self) -> Result<Fields<'c>, HostFault> {
        self.call.charge(FIELDS_COST);
        Fields::needed(self.core, self.memory(), self.helper.name)
    }

    /// The address of the current `task_struct`, on a machine that has such.
    pub(crate) fn current_task(&mut self) -> Option<u64> {
        let (memory, cpu) = (self.memory(), self.core.now.cpu);
        self.core.current_task(memory, cpu).ok()
    }

    /// The flags (`PF_*`) of the current task; 0 on a machine without types.
    pub(crate) fn task_flags(&mut self) -> u64 {
        let Some(task) = self.current_task() else { return 0 };
        let fields = Fields::new(self.core, self.memory());
        fields.and_then(|it| it.word(task, "task_struct", "flags")).unwrap_or(0)
    }

    /// The map that an argument points to.
    pub(crate) fn map_ref(&self, index: usize) -> Result<ObjRef, Stop> {
        let id = from_handle(self.arg(index)).filter(|id| self.core.objects.map(*id).is_some());
        id.ok_or_else(|| self.bad_arg(index, "is no map"))
    }

    /// The map that an argument points to.
    pub(crate) fn map(&self, index: usize) -> Result<(ObjRef, &MapObject), Stop> {
        let found =
            from_handle(self.arg(index)).and_then(|id| self.core.objects.map(id).map(|map| (id, map)));
        found.ok_or_else(|| self.bad_arg(index, "is no map"))
    }

    /// Checks that an argument is the program's context.
    pub(crate) fn check_ctx(&self, index: usize) -> Result<(), Stop> {
        let is_ctx = self.arg(index) == self.core.now.ctx.addr;
        if is_ctx { Ok(()) } else { Err(self.bad_arg(index, "is not the program's context")) }
    }

    /// The packet behind the context that an argument is.
    pub(crate) fn frame(&self, index: usize) -> Result<Frame, Stop> {
        self.check_ctx(index)?;
        self.core.now.frame.ok_or_else(|| self.bad_arg(index, "is a context without a packet"))
    }
}
