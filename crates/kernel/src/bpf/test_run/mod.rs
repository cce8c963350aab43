//! `BPF_PROG_TEST_RUN` (`bpf_prog_test_run`, `kernel/bpf/syscall.c`; `net/bpf/test_run.c`).

mod answer;
mod raw;
mod skb;
mod sockets;
mod tracing;
mod xdp;

use super::Call;
use crate::fire::Setup;
use crate::kernel::Kernel;
use crate::report::{Class, RunError};
use crate::run::{Ran, Run};
use skep_abi::attr::test as field;
use skep_abi::{Errno, ProgType};
use skep_maps::ObjRef;

/// Where the time for a run is not the program's own.
const PAGE: u32 = 4096;
/// Bytes before and behind a packet in its page: `NET_SKB_PAD + NET_IP_ALIGN`, and `struct skb_shared_info`.
const SKB_HEADROOM: u32 = 64;
const TAILROOM: u32 = 320;
/// Bytes of an Ethernet header.
const ETH_HLEN: u32 = 14;

/// `BPF_PROG_TEST_RUN`.
pub(super) fn test_run(kernel: &mut Kernel, call: &mut Call<'_>) -> Result<i32, Errno> {
    let half = |addr, size| (call.u64(addr) == 0) != (call.u32(size) == 0);
    if half(&field::ctx_in, &field::ctx_size_in) || half(&field::ctx_out, &field::ctx_size_out) {
        return Err(Errno::EINVAL);
    }
    let prog = Test::of(kernel, call)?;
    use ProgType::*;
    match prog.prog_type {
        SocketFilter | SchedCls | SchedAct | CgroupSkb | LwtIn | LwtOut | LwtXmit => {
            skb::run(kernel, call, &prog)
        }
        Xdp => xdp::run(kernel, call, &prog),
        FlowDissector => sockets::flow_dissector(kernel, call, &prog),
        SkLookup => sockets::sk_lookup(kernel, call, &prog),
        Netfilter => sockets::netfilter(kernel, call, &prog),
        Syscall => raw::syscall(kernel, call, &prog),
        RawTracepoint => raw::raw_tp(kernel, call, &prog),
        Tracing => tracing::run(kernel, call, &prog),
        StructOps => raw::struct_ops(kernel, call, &prog),
        // What the kernel has no test run of.
        _ => Err(Errno::ENOTSUPP),
    }
}

/// What is to be run.
struct Test {
    prog: ObjRef,
    prog_type: ProgType,
    expected_attach_type: u32,
    /// One past the last byte of its context that it touches (`max_ctx_offset`).
    max_ctx: u32,
}

impl Test {
    fn of(kernel: &Kernel, call: &Call<'_>) -> Result<Test, Errno> {
        let id = kernel.core.prog_of(call.fd(&field::prog_fd))?;
        let prog = kernel.core.objects.prog(id).ok_or(Errno::EINVAL)?;
        Ok(Test {
            prog: id,
            prog_type: prog.info.prog_type,
            expected_attach_type: prog.info.expected_attach_type,
            max_ctx: prog.told.max_ctx,
        })
    }

    /// Runs it, and says how long a run took.
    fn run(&self, kernel: &mut Kernel, run: Run<'_>, setup: Setup) -> Result<Times, Errno> {
        let turns = u64::from(run.repeat.max(1));
        let before = kernel.core.clock.monotonic_ns;
        let ran = kernel.run_as(self.prog, run, setup).map_err(|error| errno(&error))?;
        let took = kernel.core.clock.monotonic_ns.saturating_sub(before) / turns;
        Ok(Times { ran, duration: u32::try_from(took).unwrap_or(u32::MAX) })
    }
}

/// What came of a run.
struct Times {
    ran: Ran,
    /// Nanoseconds of one run, on the simulated clock.
    duration: u32,
}

/// The kernel has no word for a program that stops in the middle: its verifier lets none through.
fn errno(error: &RunError) -> Errno {
    match error.class() {
        Class::NotEmulated => Errno::EOPNOTSUPP,
        Class::HostLimit => Errno::ENOMEM,
        Class::BadInput => Errno::EINVAL,
        _ => Errno::EFAULT,
    }
}

/// Bytes that are all zero.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|it| *it == 0)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|it| it.try_into().ok()).map_or(0, u32::from_le_bytes)
}
