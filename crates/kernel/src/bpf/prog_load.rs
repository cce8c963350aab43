//! `BPF_PROG_LOAD` (`bpf_prog_load`, `kernel/bpf/syscall.c`; `bpf_check`, `kernel/bpf/verifier.c`).

use super::Call;
use super::prog_info::Infos;
use crate::bpffs::Token;
use crate::files::Fd;
use crate::prog::check::{attach_type, attaches, knows_flags, may_load};
use crate::prog::{Asked, Loading, ProgLoad};
use crate::report::Class;
use crate::sys::Sys;
use skep_abi::attr::{Cmd, prog_load as field};
use skep_abi::flags::{BPF_F_TOKEN_FD, BPF_F_XDP_DEV_BOUND_ONLY, BPF_F_XDP_HAS_FRAGS};
use skep_abi::{Errno, ProgType};
use skep_isa::{Callee, Imm64, Insn, Op, decode};
use skep_verifier::{Caps, Refusal, Stage, check_log_request};

/// How much of a license is read.
const LICENSE_LEN: usize = 127;
/// `BTF_MAX_TYPE`.
const MAX_TYPE: u32 = 0xf_ffff;
/// A descriptor that stands for what could not be read.
const NO_FD: i32 = -1;

/// `BPF_PROG_LOAD`.
pub(super) fn prog_load(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let prog_type = ProgType::from_u32(call.u32(&field::prog_type));
    let flags = call.u32(&field::prog_flags);
    if !knows_flags(flags) {
        return Err(Errno::EINVAL);
    }
    let attach = attach_type(prog_type, call.u32(&field::expected_attach_type));
    let token = sys.core.token_of(flags, call.fd(&field::prog_token_fd))?;
    // A token that does not allow this counts as none.
    let allows = |it: &Token| {
        it.allows_cmd(Cmd::ProgLoad) && prog_type.is_some_and(|kind| it.allows_prog(kind, attach))
    };
    let caps = sys.core.token_caps(token.filter(allows).as_ref());
    if !caps.bpf {
        // As kernels are configured, others may load nothing (`unprivileged_bpf_disabled`).
        return Err(Errno::EPERM);
    }
    may_load(prog_type, call.u32(&field::insn_cnt) as usize, caps)?;
    let mut load = ProgLoad::new("", prog_type.unwrap_or(ProgType::SocketFilter), Vec::new());
    load.flags = flags & !BPF_F_TOKEN_FD;
    load.attach_btf_id = call.u32(&field::attach_btf_id);
    load.expected_attach_type = attach;
    attach_target(sys, call, &mut load)?;
    if !attaches(load.prog_type, attach) {
        return Err(Errno::EINVAL);
    }
    let text = call.read(call.u64(&field::insns), call.u32(&field::insn_cnt) as usize * 8)?;
    load.insns = Insn::from_slice(&text).map_err(|_| Errno::EINVAL)?;
    let license = call.text(call.u64(&field::license), LICENSE_LEN)?;
    load.license = String::from_utf8_lossy(&license).into_owned();
    if call.u64(&field::signature) != 0 {
        return Err(signed(call));
    }
    if call.u32(&field::prog_ifindex) != 0 {
        return Err(bound_to_device(sys, call, &load));
    }
    prog_type.ok_or(Errno::EINVAL)?;
    load.name = call.name(&field::prog_name)?;
    check(sys, call, load, caps)
}

/// What the program is attached to: `attach_prog_fd` may be of a program or of types.
fn attach_target(sys: &Sys<'_>, call: &Call<'_>, load: &mut ProgLoad) -> Result<(), Errno> {
    let fd = call.fd(&field::attach_prog_fd);
    let id = load.attach_btf_id;
    let mut types = id != 0;
    if fd.0 != 0 {
        match sys.core.prog_of(fd) {
            Ok(_) => {
                types = false;
                load.attach_prog = Some(fd);
            }
            Err(_) => {
                let object = sys.core.files.get(fd).map_err(|_| Errno::EINVAL)?;
                let btf = sys.core.objects.btf(object).ok_or(Errno::EINVAL)?;
                if !btf.kernel {
                    return Err(Errno::ENOTSUPP);
                }
                types = true;
                load.attach_module = btf.module.map(|_| btf.name.to_string());
            }
        }
    } else if id != 0 && sys.core.btf.is_none() {
        return Err(Errno::EINVAL);
    }
    use ProgType::{Ext, Lsm, StructOps, Tracing};
    let by_id = matches!(load.prog_type, Tracing | Lsm | StructOps | Ext);
    let of_prog = load.attach_prog.is_some();
    let bad = id != 0 && (id > MAX_TYPE || !by_id)
        || types && id == 0
        || of_prog && !matches!(load.prog_type, Tracing | Ext);
    if bad { Err(Errno::EINVAL) } else { Ok(()) }
}

/// A kernel without keys has its own keyrings, and nothing that compares signatures
/// (`bpf_prog_verify_signature`, `bpf_verify_pkcs7_signature`).
fn signed(call: &mut Call<'_>) -> Errno {
    /// `VERIFY_USE_PLATFORM_KEYRING`: keyrings of the kernel are up to this one.
    const LAST_SYSTEM_KEYRING: u32 = 2;
    if call.u32(&field::keyring_id) > LAST_SYSTEM_KEYRING {
        return Errno::EINVAL;
    }
    match call.read(call.u64(&field::signature), call.u32(&field::signature_size) as usize) {
        Ok(_) => Errno::EOPNOTSUPP,
        Err(_) => Errno::ENOMEM,
    }
}

/// `bpf_prog_dev_bound_init` (`kernel/bpf/offload.c`): none of the devices here run programs by themselves.
fn bound_to_device(sys: &Sys<'_>, call: &Call<'_>, load: &ProgLoad) -> Errno {
    let known = BPF_F_XDP_DEV_BOUND_ONLY | BPF_F_XDP_HAS_FRAGS;
    let only = load.flags & BPF_F_XDP_DEV_BOUND_ONLY != 0;
    let frags = load.flags & BPF_F_XDP_HAS_FRAGS != 0;
    let bad = !matches!(load.prog_type, ProgType::SchedCls | ProgType::Xdp)
        || load.flags & !known != 0
        || frags && !only
        || load.prog_type == ProgType::SchedCls && only;
    let index = call.u32(&field::prog_ifindex);
    if bad || sys.core.net.device(index).is_none() { Errno::EINVAL } else { Errno::EOPNOTSUPP }
}

/// `bpf_check`: what the verifier looks at, and its log.
fn check(sys: &mut Sys<'_>, call: &mut Call<'_>, mut load: ProgLoad, caps: Caps) -> Result<i32, Errno> {
    let (level, size) = (call.u32(&field::log_level), call.u32(&field::log_size));
    let buffer = call.u64(&field::log_buf);
    check_log_request(level, buffer != 0, size)?;
    let mut asked = Asked { log_level: level, caps: Some(caps), ..Asked::default() };
    fd_array(sys, call, &mut load, &mut asked);
    let infos = Infos::read(sys, call, &mut load, &mut asked);
    let Loading { result, mut log, mut log_extent } = sys.prog_load_as(load, infos.records, Some(&asked));
    if let Err(error) = &result {
        if error.errno == Errno::E2BIG
            && let Some((field, size)) = infos.known_size
        {
            call.put(field, size);
        }
        if error.class != Class::Rejected {
            log.push_str(&error.message);
            log.push('\n');
            log_extent = skep_verifier::LogExtent::of(&log);
        }
    }
    let told = log_extent.buffer(&log, level, size);
    let written = call.write(buffer, &told.bytes);
    call.put(&field::log_true_size, told.true_size.into());
    if written.is_err() || told.truncated {
        if let Ok(fd) = result {
            sys.core.close_fd(fd)?;
        }
        return Err(if written.is_err() { Errno::EFAULT } else { Errno::ENOSPC });
    }
    result.map(|fd| fd.0).map_err(|error| error.errno)
}

/// Reads `fd_array`: all of it if the caller says how long it is, else the entries that instructions name
/// (`process_fd_array`).
fn fd_array(sys: &Sys<'_>, call: &mut Call<'_>, load: &mut ProgLoad, asked: &mut Asked) {
    let addr = call.u64(&field::fd_array);
    let count = call.u32(&field::fd_array_cnt);
    let mut refuse = |errno, text: String| {
        asked.refusals.push((Stage::FdArray, Refusal { errno, text }));
    };
    if count >= u32::MAX / 4 {
        return refuse(Errno::EINVAL, format!("fd_array_cnt is too big ({count})\n"));
    }
    for index in 0..count {
        let Ok(fd) = call.read_u32(addr.wrapping_add(u64::from(index) * 4)) else {
            return refuse(Errno::EFAULT, String::new());
        };
        let fd = fd as i32;
        let known = sys
            .core
            .files
            .get(Fd(fd))
            .map(|id| sys.core.objects.map(id).is_some() || sys.core.objects.btf(id).is_some());
        if known != Ok(true) {
            let errno = known.err().unwrap_or(Errno::EINVAL);
            return refuse(errno, format!("fd {fd} is not pointing to valid bpf_map or btf\n"));
        }
        load.fd_array.push(fd);
        asked.bound += 1;
    }
    if addr == 0 || count > 0 {
        return;
    }
    // An entry that is there but that nobody names.
    load.fd_array.push(NO_FD);
    for index in named_entries(&load.insns) {
        let Ok(fd) = call.read_u32(addr.wrapping_add(index as u64 * 4)) else { continue };
        if load.fd_array.len() <= index {
            load.fd_array.resize(index + 1, NO_FD);
        }
        load.fd_array[index] = fd as i32;
    }
}

/// The entries of `fd_array` that instructions name, ascending.
fn named_entries(insns: &[Insn]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut slot = 0;
    while slot < insns.len() {
        let Ok(op) = decode(insns, slot) else {
            slot += 1;
            continue;
        };
        let index = match op {
            Op::LoadImm64 { value: Imm64::MapIdx(idx) | Imm64::MapIdxValue { idx, .. }, .. } => idx,
            Op::Call(Callee::Kfunc { off, .. }) if off > 0 => i32::from(off),
            _ => -1,
        };
        // Others are too far away for any array.
        found.extend(usize::try_from(index).ok().filter(|it| *it <= MAX_TYPE as usize));
        slot += op.slots();
    }
    found.sort_unstable();
    found.dedup();
    found
}
