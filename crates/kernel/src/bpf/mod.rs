//! `bpf(2)`: decodes `union bpf_attr` and calls what the typed methods of [`Kernel`] call.
//!
//! One file per family of commands. A command reads its attributes and the caller's memory through `Call` and through
//! nothing else; what it means is elsewhere.

mod attach;
mod batch;
mod btf_load;
mod call;
mod elem;
mod ids;
mod info;
mod iter;
mod link;
mod map_create;
mod pin;
mod prog_info;
mod prog_load;
mod query;
mod raw_tp;
mod stats;
mod task_fd;
mod test_run;
mod user;

pub(crate) use call::Call;
pub use user::UserMemory;

use crate::kernel::Kernel;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::Cmd;

/// What does a command's work.
enum Handler {
    /// It runs no program: programs may ask for some of these too.
    Sys(fn(&mut Sys<'_>, &mut Call<'_>) -> Result<i32, Errno>),
    /// It may run programs.
    Kernel(fn(&mut Kernel, &mut Call<'_>) -> Result<i32, Errno>),
}

/// The handler of a command.
fn handler(cmd: Cmd) -> Handler {
    use Handler::{Kernel, Sys};
    match cmd {
        Cmd::MapCreate => Sys(map_create::create),
        Cmd::MapLookupElem => Sys(elem::lookup),
        Cmd::MapUpdateElem => Sys(elem::update),
        Cmd::MapDeleteElem => Sys(elem::delete),
        Cmd::MapGetNextKey => Sys(elem::next_key),
        Cmd::MapLookupAndDeleteElem => Sys(elem::lookup_and_delete),
        Cmd::MapFreeze => Sys(elem::freeze),
        Cmd::MapLookupBatch => Sys(batch::lookup),
        Cmd::MapLookupAndDeleteBatch => Sys(batch::lookup_and_delete),
        Cmd::MapUpdateBatch => Sys(batch::update),
        Cmd::MapDeleteBatch => Sys(batch::delete),
        Cmd::ObjGetInfoByFd => Sys(info::get),
        Cmd::ObjPin => Sys(pin::pin),
        Cmd::ObjGet => Sys(pin::get),
        Cmd::TokenCreate => Sys(pin::token),
        Cmd::ProgGetNextId => Sys(ids::next_prog),
        Cmd::MapGetNextId => Sys(ids::next_map),
        Cmd::BtfGetNextId => Sys(ids::next_btf),
        Cmd::LinkGetNextId => Sys(ids::next_link),
        Cmd::ProgGetFdById => Sys(ids::prog),
        Cmd::MapGetFdById => Sys(ids::map),
        Cmd::BtfGetFdById => Sys(ids::btf),
        Cmd::LinkGetFdById => Sys(ids::link),
        Cmd::ProgTestRun => Kernel(test_run::test_run),
        Cmd::ProgLoad => Sys(prog_load::prog_load),
        Cmd::BtfLoad => Sys(btf_load::btf_load),
        Cmd::EnableStats => Sys(stats::enable),
        Cmd::ProgBindMap => Sys(stats::bind_map),
        Cmd::ProgStreamReadByFd => Sys(stats::read_stream),
        Cmd::ProgAttach => Sys(attach::attach),
        Cmd::ProgDetach => Sys(attach::detach),
        Cmd::ProgQuery => Sys(query::query),
        Cmd::RawTracepointOpen => Sys(raw_tp::open),
        Cmd::TaskFdQuery => Sys(task_fd::query),
        Cmd::LinkCreate => Sys(link::create),
        Cmd::LinkUpdate => Sys(link::update),
        Cmd::LinkDetach => Sys(link::detach),
        Cmd::IterCreate => Sys(iter::create),
    }
}

/// Does what a program asks for (`bpf_sys_bpf`).
///
/// # Errors
/// `EINVAL`: programs cannot ask for that. Those of the command.
pub(crate) fn from_program(sys: &mut Sys<'_>, cmd: Cmd, call: &mut Call<'_>) -> Result<i32, Errno> {
    call.check(cmd)?;
    match handler(cmd) {
        Handler::Sys(run) => run(sys, call),
        Handler::Kernel(_) => Err(Errno::EINVAL),
    }
}

impl Kernel {
    /// `bpf(2)`, as Linux 6.18 has it: `attr` are the attributes as the caller gave them, of any length, and what the
    /// command answers in them is in there afterwards; addresses in them are of `user`'s memory.
    ///
    /// ```
    /// use skep_abi::attr::{self, Cmd};
    /// use skep_abi::{Errno, MapType};
    /// use skep_kernel::{Config, Kernel, MapSpec};
    /// use skep_memory::UserRanges;
    ///
    /// let mut kernel = Kernel::new(Config::default())?;
    /// let map = kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 1))?;
    /// let mut user = UserRanges::new();
    /// user.insert(0x1000, [0; 4])?; // The key,
    /// user.insert(0x2000, [7; 8])?; // and the value.
    ///
    /// let mut attr = [0; 32];
    /// let mut put = |field: &skep_abi::ctx::Field, value: u64| {
    ///     attr[field.range()].copy_from_slice(&value.to_le_bytes()[..field.size()]);
    /// };
    /// put(&attr::elem::map_fd, map.0 as u64);
    /// put(&attr::elem::key, 0x1000);
    /// put(&attr::elem::value, 0x2000);
    /// put(&attr::elem::flags, 1); // BPF_NOEXIST: elements of arrays exist.
    /// assert_eq!(kernel.bpf(Cmd::MapUpdateElem as u32, &mut attr, &mut user), Err(Errno::EEXIST));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The kernel's, negated there: `E2BIG` for attributes that it does not know, `EINVAL` for a command that it does
    /// not know, and those of the command.
    pub fn bpf(&mut self, cmd: u32, attr: &mut [u8], user: &mut dyn UserMemory) -> Result<i32, Errno> {
        let mut call = Call::new(attr, user)?;
        let cmd = Cmd::from_u32(cmd).ok_or(Errno::EINVAL)?;
        call.check(cmd)?;
        let result = match handler(cmd) {
            Handler::Sys(run) => run(&mut self.sys(), &mut call),
            Handler::Kernel(run) => run(self, &mut call),
        };
        self.core.sweep(&self.memory);
        result
    }
}
