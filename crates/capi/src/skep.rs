//! Kernels as values: the names of `include/skep.h`.
//!
//! cbindgen makes the header of this file (`cargo xtask header`), so what is here is written for C.
#![expect(unsafe_code, reason = "functions that C calls by name, with what C points to")]

use crate::attr::done;
use crate::errno;
use crate::machine::{Machine, config, default_kernel};
use crate::plain::{give, take};
use crate::text::put_text;
use skep_abi::{Errno, ProgType};
use skep_kernel::{Config, Context, Fd, PacketCtx, PtRegs, Run};
use std::ffi::{c_char, c_int, c_void};

/// How to make a kernel. Set `size` to the size of this structure, and what does not matter to 0.
#[repr(C)]
pub struct skep_kernel_opts {
    /// sizeof(struct skep_kernel_opts).
    pub size: usize,
    /// What randomness, fresh stack bytes and hash tables depend on.
    pub seed: u64,
    /// Processors, 1 to 256; 0 is 4.
    pub cpus: u32,
    /// 1: programs are loaded without being verified; they are run with every access checked.
    pub no_verify: u32,
}

/// How to run a program once, and what came of it. Set `size` to the size of this structure, and what does not matter to 0.
#[repr(C)]
pub struct skep_run_opts {
    /// sizeof(struct skep_run_opts).
    pub size: usize,
    /// A packet, for XDP programs and those that see a struct __sk_buff. Otherwise, NULL.
    pub packet: *const c_void,
    /// Its length.
    pub packet_size: u32,
    /// The processor to run on.
    pub cpu: u32,
    /// Without a packet: arguments. Of kprobes, those of the function; of raw tracepoints, all of them.
    pub args: *const u64,
    /// How many; functions have six at most.
    pub args_count: u32,
    /// Out: what the program returned.
    pub retval: u32,
    /// Without packet and arguments: the bytes of the context, as the type of the program has it.
    pub ctx: *const c_void,
    /// How many.
    pub ctx_size: u32,
    /// In: how much fits into `packet_out`. Out: the length of the packet.
    pub packet_out_size: u32,
    /// Out: the packet. May be NULL.
    pub packet_out: *mut c_void,
    /// Out: instructions that were executed.
    pub insns: u64,
}

/// Makes a kernel: one simulated machine, which is independent of all others.
///
/// `opts` may be NULL. Returns NULL, with errno set, where a number is out of range (EINVAL) or the host has no address
/// space or descriptor for one (ENOMEM).
///
/// # Safety
/// `opts` is NULL, or begins with its size and has as many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn skep_kernel_new(opts: *const skep_kernel_opts) -> *mut Machine {
    let mut config = config();
    let mut verify = true;
    if !opts.is_null() {
        // SAFETY: it has its size, and what that says.
        let opts = match unsafe { take(opts) } {
            Ok(opts) => opts,
            Err(error) => return refuse(error),
        };
        config.seed = opts.seed;
        config.cpus = if opts.cpus == 0 { config.cpus } else { opts.cpus };
        verify = opts.no_verify == 0;
    }
    if config.cpus > Config::MAX_CPUS {
        return refuse(Errno::EINVAL);
    }
    match Machine::new(config, verify) {
        Ok(machine) => Box::into_raw(Box::new(machine)),
        Err(_) => refuse(Errno::ENOMEM),
    }
}

fn refuse(error: Errno) -> *mut Machine {
    errno::set(error);
    std::ptr::null_mut()
}

/// Ends a kernel, and closes what is open on it. NULL is none. The process-wide kernel does not end.
///
/// # Safety
/// It was made by `skep_kernel_new` and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn skep_kernel_free(kernel: *mut Machine) {
    let is_default = default_kernel().is_ok_and(|it| std::ptr::eq(it, kernel));
    if !kernel.is_null() && !is_default {
        // SAFETY: it came out of a box, and goes back there once.
        drop(unsafe { Box::from_raw(kernel) });
    }
}

/// The kernel that libbpf's names in this library work on. The first call, of whatever name, makes it. NULL, with errno
/// set, if the host has nothing for one.
#[unsafe(no_mangle)]
pub extern "C" fn skep_default_kernel() -> *mut Machine {
    match default_kernel() {
        Ok(kernel) => std::ptr::from_ref(kernel).cast_mut(),
        Err(error) => refuse(error),
    }
}

/// bpf(2): a command and its attributes. Returns a number from 0 on, or a negative errno, which is in errno as well.
/// Descriptors that it returns are the process's: close(2) ends them.
///
/// # Safety
/// `kernel` is one. `attr` may be any address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn skep_bpf(kernel: *mut Machine, cmd: u32, attr: *mut c_void, size: u32) -> c_int {
    // SAFETY: the caller's kernel.
    let kernel = unsafe { &*kernel };
    done(kernel.with(|it| it.bpf(cmd, attr.expose_provenance() as u64, size)))
}

/// close(2) of a descriptor of the kernel, at once: what is behind it ends before this returns. After close(2) itself, it
/// ends with the next call of this library. Returns 0, or a negative errno.
///
/// # Safety
/// `kernel` is one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn skep_close(kernel: *mut Machine, fd: c_int) -> c_int {
    // SAFETY: the caller's kernel.
    let kernel = unsafe { &*kernel };
    done(kernel.with(|it| it.close(fd).map(|()| 0)))
}

/// dup(2) of a descriptor of the kernel; close(2) knows nothing of it and would make another number for the placeholder
/// alone. Returns the new descriptor, or a negative errno.
///
/// # Safety
/// `kernel` is one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn skep_dup(kernel: *mut Machine, fd: c_int) -> c_int {
    // SAFETY: the caller's kernel.
    let kernel = unsafe { &*kernel };
    done(kernel.with(|it| it.dup(fd, 3)))
}

/// Runs a program once, of any type. Returns 0, or a negative errno; `skep_last_error` then says what was wrong: with the
/// call, or with the program (EFAULT), where it names the instruction and the line of C.
///
/// # Safety
/// `kernel` is one; `opts` begins with its size, has as many bytes and may be written, and points to what it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn skep_run(kernel: *mut Machine, prog_fd: c_int, opts: *mut skep_run_opts) -> c_int {
    // SAFETY: the caller's kernel.
    let kernel = unsafe { &*kernel };
    // SAFETY: it has its size, and what that says.
    let mut taken = match unsafe { take(opts) } {
        Ok(taken) => taken,
        Err(error) => return done(Err(error)),
    };
    let ran = kernel.with(|it| {
        let info = it.kernel().prog_info(Fd(prog_fd)).ok();
        // SAFETY: the caller's options point to what they say.
        let ctx = unsafe { context(&taken, info.map(|it| it.prog_type)) };
        it.kernel_mut().run(Fd(prog_fd), Run { cpu: taken.cpu, ..Run::new(ctx) })
    });
    match ran {
        Ok(ran) => {
            taken.retval = ran.retval();
            taken.insns = ran.insns;
            let packet = ran.packet_out.unwrap_or_default();
            let fits = packet.len().min(taken.packet_out_size as usize);
            if !taken.packet_out.is_null() {
                // SAFETY: as much as the caller said fits.
                unsafe { taken.packet_out.cast::<u8>().copy_from(packet.as_ptr(), fits) };
            }
            taken.packet_out_size = packet.len() as u32;
            // SAFETY: as much as the caller has.
            unsafe { give(opts, &taken) };
            0
        }
        Err(error) => {
            kernel.set_error(error.to_string());
            done(Err(code(&error)))
        }
    }
}

/// The next line that programs printed with bpf_trace_printk, without its newline. Returns its length, cut to what fits
/// with a NUL; 0 for an empty line; -ENODATA if there is none.
///
/// # Safety
/// `kernel` is one, and `size` bytes may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn skep_trace_next(kernel: *mut Machine, text: *mut c_char, size: usize) -> c_int {
    // SAFETY: the caller's kernel.
    let kernel = unsafe { &*kernel };
    let Some(line) = kernel.next_line() else { return -Errno::ENODATA.code() };
    // SAFETY: the caller's bytes.
    unsafe { put_text(text, size, &line) };
    c_int::try_from(line.len().min(size.saturating_sub(1))).unwrap_or(c_int::MAX)
}

/// What was wrong with the last call of `skep_run` that failed on this kernel, in a few lines. Returns the length that it
/// has; what does not fit is cut.
///
/// # Safety
/// `kernel` is one, and `size` bytes may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn skep_last_error(kernel: *mut Machine, text: *mut c_char, size: usize) -> usize {
    // SAFETY: the caller's kernel.
    let error = unsafe { &*kernel }.error();
    // SAFETY: the caller's bytes.
    unsafe { put_text(text, size, &error) };
    error.len()
}

/// # Safety
/// What the options point to is as long as they say.
unsafe fn context(opts: &skep_run_opts, prog_type: Option<ProgType>) -> Context {
    // SAFETY: as above.
    let bytes =
        |at: *const c_void, len: u32| unsafe { std::slice::from_raw_parts(at.cast::<u8>(), len as usize) };
    if !opts.packet.is_null() {
        return Context::Packet(PacketCtx::new(bytes(opts.packet, opts.packet_size).to_vec()));
    }
    if !opts.args.is_null() {
        // SAFETY: as above.
        let args = unsafe { std::slice::from_raw_parts(opts.args, opts.args_count as usize) };
        return match prog_type {
            Some(ProgType::Kprobe) => Context::Regs(PtRegs::call(args)),
            _ => Context::Raw(args.to_vec()),
        };
    }
    if opts.ctx.is_null() { Context::None } else { Context::Bytes(bytes(opts.ctx, opts.ctx_size).to_vec()) }
}

fn code(error: &skep_kernel::RunError) -> Errno {
    match error {
        skep_kernel::RunError::Fault(_) => Errno::EFAULT,
        _ => Errno::EINVAL,
    }
}

/// perf_event_open(2) on the kernel: `attr` is a struct perf_event_attr. Returns a descriptor, or a negative errno.
///
/// # Safety
/// `kernel` is one. `attr` may be any address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn skep_perf_event_open(
    kernel: *mut Machine,
    attr: *mut c_void,
    pid: c_int,
    cpu: c_int,
    group_fd: c_int,
    flags: u64,
) -> c_int {
    // SAFETY: the caller's kernel.
    let kernel = unsafe { &*kernel };
    let attr = attr.expose_provenance() as u64;
    done(kernel.with(|it| it.perf_event_open(attr, pid, cpu, group_fd, flags)))
}

/// ioctl(2) of an event of the kernel: PERF_EVENT_IOC_*. Returns a number from 0 on, or a negative errno.
///
/// # Safety
/// `kernel` is one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn skep_ioctl(kernel: *mut Machine, fd: c_int, request: u32, argument: u64) -> c_int {
    // SAFETY: the caller's kernel.
    let kernel = unsafe { &*kernel };
    done(kernel.with(|it| it.ioctl(fd, request, argument)))
}

/// mmap(2) of a descriptor of the kernel: a ring, an array, an arena, with the numbers of <sys/mman.h>. Returns the address,
/// or MAP_FAILED with errno set.
///
/// # Safety
/// `kernel` is one. With MAP_FIXED, nobody uses what is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn skep_mmap(
    kernel: *mut Machine,
    addr: *mut c_void,
    len: usize,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: u64,
) -> *mut c_void {
    // SAFETY: the caller's kernel.
    let kernel = unsafe { &*kernel };
    let addr = addr.expose_provenance() as u64;
    match kernel.with(|it| it.mmap(fd, addr, len as u64, prot, flags, offset)) {
        Ok(at) => std::ptr::with_exposed_provenance_mut(at as usize),
        Err(error) => {
            errno::set(error);
            libc::MAP_FAILED
        }
    }
}

/// munmap(2) of what `skep_mmap` mapped. Returns 0, or a negative errno.
///
/// # Safety
/// `kernel` is one, and nobody uses what is there any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn skep_munmap(kernel: *mut Machine, addr: *mut c_void, len: usize) -> c_int {
    // SAFETY: the caller's kernel.
    let kernel = unsafe { &*kernel };
    kernel.with(|it| it.unmapped(addr.expose_provenance() as u64, len as u64));
    // SAFETY: the caller gives it up.
    match unsafe { libc::munmap(addr, len) } {
        0 => 0,
        _ => -errno::get(),
    }
}
