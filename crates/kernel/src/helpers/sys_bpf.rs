//! `bpf_sys_bpf`: `bpf(2)` from a syscall program (`kernel/bpf/syscall.c`). What light skeletons do at their start is done
//! by the same code as for user space; addresses in the attributes are of the program's memory.

use super::env::{Answer, Env, Stop, ret};
use crate::UserMemory;
use crate::bpf::Call;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::Cmd;
use skep_memory::Memory;

/// The most that attributes may be given as.
const MAX_SIZE: usize = 4096;
/// What a command costs, in units of one instruction.
const COST: u64 = 64;

/// The commands that programs have.
const COMMANDS: [Cmd; 9] = [
    Cmd::MapCreate,
    Cmd::MapUpdateElem,
    Cmd::MapDeleteElem,
    Cmd::ProgLoad,
    Cmd::MapGetFdById,
    Cmd::RawTracepointOpen,
    Cmd::BtfLoad,
    Cmd::MapFreeze,
    Cmd::LinkCreate,
];

/// The memory of a program, as its kernel sees it (`KERNEL_BPFPTR`).
struct Own<'m>(&'m Memory);

impl UserMemory for Own<'_> {
    fn read(&mut self, addr: u64, into: &mut [u8]) -> Result<(), Errno> {
        self.0.peek(addr, into).map_err(|_| Errno::EFAULT)
    }

    fn write(&mut self, addr: u64, from: &[u8]) -> Result<(), Errno> {
        self.0.poke(addr, from).map_err(|_| Errno::EFAULT)
    }
}

/// `bpf_sys_bpf(cmd, attr, attr_size)`.
pub(super) fn sys_bpf(env: &mut Env<'_, '_>) -> Answer {
    env.call.charge(COST);
    let cmd = Cmd::from_u32(env.arg(0) as u32).filter(|it| COMMANDS.contains(it)).ok_or(Errno::EINVAL)?;
    let size = env.arg(2) as u32 as usize;
    if size > MAX_SIZE {
        return Err(Errno::E2BIG.into());
    }
    let before = env.read(1, size)?.to_vec();
    let mut attr = before.clone();
    let memory = env.memory();
    let answer = Call::new(&mut attr, &mut Own(memory)).and_then(|mut call| {
        let mut sys = Sys { core: &mut *env.core, memory };
        sys.limited(|sys| crate::bpf::from_program(sys, cmd, &mut call))
    });
    if attr != before {
        env.write(1, &attr)?;
    }
    match answer {
        Ok(value) => ret(i64::from(value) as u64),
        Err(errno) => Err(Stop::Errno(errno)),
    }
}
