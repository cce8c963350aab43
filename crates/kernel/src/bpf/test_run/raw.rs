//! Test runs of programs whose context is plain bytes, or arguments.

use super::answer::tell;
use super::{Call, Test, Times};
use crate::context::Context;
use crate::fire::Setup;
use crate::kernel::Kernel;
use crate::run::Run;
use skep_abi::Errno;
use skep_abi::attr::test as field;
use skep_abi::ctx::Field;

/// `BPF_F_TEST_RUN_ON_CPU`.
const ON_CPU: u32 = 1;
/// Bytes of the arguments of a tracepoint (`MAX_BPF_FUNC_ARGS`).
const MAX_ARGS: u32 = 12 * 8;

/// Whether attributes that such runs do not have are left out.
fn plain(call: &Call<'_>, more: &[&Field]) -> Result<(), Errno> {
    let unused = [
        &field::data_in,
        &field::data_out,
        &field::ctx_out,
        &field::duration,
        &field::repeat,
        &field::batch_size,
    ];
    let used = unused.iter().chain(more).any(|it| call.u64(it) != 0);
    if used { Err(Errno::EINVAL) } else { Ok(()) }
}

/// Whether the context has all that the program touches, and no more than it may.
fn fits(call: &Call<'_>, test: &Test, most: u32) -> Result<(), Errno> {
    let size = call.u32(&field::ctx_size_in);
    if size < test.max_ctx || size > most { Err(Errno::EINVAL) } else { Ok(()) }
}

/// The bytes of the context.
fn ctx(call: &mut Call<'_>) -> Result<Vec<u8>, Errno> {
    call.read(call.u64(&field::ctx_in), call.u32(&field::ctx_size_in) as usize)
}

fn context(bytes: Vec<u8>) -> Context {
    if bytes.is_empty() { Context::None } else { Context::Bytes(bytes) }
}

/// `bpf_prog_test_run_syscall`: the context goes back to where it came from.
pub(super) fn syscall(kernel: &mut Kernel, call: &mut Call<'_>, test: &Test) -> Result<i32, Errno> {
    plain(call, &[&field::flags])?;
    fits(call, test, u16::MAX.into())?;
    let bytes = ctx(call)?;
    let len = bytes.len();
    let Times { ran, .. } = test.run(kernel, Run::default(), Setup::from(context(bytes)))?;
    tell(call, &field::retval, ran.retval().into())?;
    if len > 0 {
        call.write(call.u64(&field::ctx_in), &ran.ctx_out)?;
    }
    Ok(0)
}

/// `bpf_prog_test_run_raw_tp`.
pub(super) fn raw_tp(kernel: &mut Kernel, call: &mut Call<'_>, test: &Test) -> Result<i32, Errno> {
    plain(call, &[])?;
    let (cpu, on_cpu) = (call.u32(&field::cpu), call.u32(&field::flags) & ON_CPU != 0);
    fits(call, test, MAX_ARGS)?;
    if !on_cpu && cpu != 0 {
        return Err(Errno::EINVAL);
    }
    let bytes = ctx(call)?;
    if cpu >= kernel.core.cpus {
        return Err(Errno::ENXIO);
    }
    let setup = Setup { read_only: true, ..Setup::from(context(bytes)) };
    let Times { ran, .. } = test.run(kernel, Run::default().on(cpu), setup)?;
    tell(call, &field::retval, ran.retval().into())?;
    Ok(0)
}

/// `bpf_struct_ops_test_run`: only the struct that the kernel has for its own tests has one, which is not emulated.
pub(super) fn struct_ops(_: &mut Kernel, _: &mut Call<'_>, _: &Test) -> Result<i32, Errno> {
    Err(Errno::EOPNOTSUPP)
}
