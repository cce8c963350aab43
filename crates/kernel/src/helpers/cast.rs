//! Kernel objects from other kernel objects: sockets by what they are, a file's socket, per-CPU variables; and a few
//! helpers of LSM programs.

use super::env::{Answer, Env, ret};
use skep_abi::Errno;

/// `TCP_TIME_WAIT` and `TCP_NEW_SYN_RECV`: states of sockets that are not whole.
const TIME_WAIT: u64 = 6;
const NEW_SYN_RECV: u64 = 12;
const AF_UNIX: u64 = 1;
const AF_INET6: u64 = 10;
const IPPROTO_TCP: u64 = 6;
const IPPROTO_UDP: u64 = 17;
const SOCK_STREAM: u64 = 1;
const SOCK_DGRAM: u64 = 2;

/// What a socket says about itself.
struct Sock {
    family: u64,
    state: u64,
    kind: u64,
    protocol: u64,
    mptcp: bool,
}

impl Sock {
    fn is_whole(&self) -> bool {
        self.state != TIME_WAIT && self.state != NEW_SYN_RECV
    }

    fn is(&self, kind: u64, protocol: u64) -> bool {
        self.is_whole() && (self.kind, self.protocol) == (kind, protocol)
    }
}

/// `bpf_skc_to_*(sk)` (`net/core/filter.c`): the same address, if the socket is what is asked for, else NULL.
fn cast(env: &mut Env<'_, '_>, is: impl FnOnce(&Sock) -> bool) -> Answer {
    let sk = env.arg(0);
    let fields = env.fields()?;
    let common = |field| fields.word(sk, "sock_common", field);
    let Some(state) = common("skc_state") else { return ret(0) };
    // What is no whole socket has no other fields.
    let whole = |field| fields.word(sk, "sock", field).unwrap_or(0);
    let sock = Sock {
        family: common("skc_family").unwrap_or(0),
        state,
        kind: whole("sk_type"),
        protocol: whole("sk_protocol"),
        mptcp: fields.word(sk, "tcp_sock", "is_mptcp").unwrap_or(0) != 0,
    };
    ret(if is(&sock) { sk } else { 0 })
}

pub(super) fn to_tcp_sock(env: &mut Env<'_, '_>) -> Answer {
    cast(env, |sock| sock.is(SOCK_STREAM, IPPROTO_TCP))
}

pub(super) fn to_tcp6_sock(env: &mut Env<'_, '_>) -> Answer {
    cast(env, |sock| sock.is(SOCK_STREAM, IPPROTO_TCP) && sock.family == AF_INET6)
}

pub(super) fn to_tcp_timewait_sock(env: &mut Env<'_, '_>) -> Answer {
    cast(env, |sock| sock.state == TIME_WAIT)
}

pub(super) fn to_tcp_request_sock(env: &mut Env<'_, '_>) -> Answer {
    cast(env, |sock| sock.state == NEW_SYN_RECV)
}

pub(super) fn to_udp6_sock(env: &mut Env<'_, '_>) -> Answer {
    cast(env, |sock| sock.is(SOCK_DGRAM, IPPROTO_UDP) && sock.family == AF_INET6)
}

pub(super) fn to_unix_sock(env: &mut Env<'_, '_>) -> Answer {
    cast(env, |sock| sock.is_whole() && sock.family == AF_UNIX)
}

/// `bpf_skc_to_mptcp_sock(sk)`: the connection that a subflow belongs to.
pub(super) fn to_mptcp_sock(env: &mut Env<'_, '_>) -> Answer {
    let sk = env.arg(0);
    let fields = env.fields()?;
    let subflow = fields.word(sk, "inet_connection_sock", "icsk_ulp_data").unwrap_or(0);
    let conn = fields.word(subflow, "mptcp_subflow_context", "conn").unwrap_or(0);
    match cast(env, |sock| sock.is(SOCK_STREAM, IPPROTO_TCP) && sock.mptcp)? {
        skep_vm::Outcome::Return(0) => ret(0),
        _ => ret(conn),
    }
}

/// `bpf_sock_from_file(file)`: the `struct socket` behind a file, if it is one of a socket: its operations are
/// `socket_file_ops`, or what its private data points to was made as a socket.
pub(super) fn sock_from_file(env: &mut Env<'_, '_>) -> Answer {
    let file = env.arg(0);
    let fields = env.fields()?;
    let word = |field| fields.word(file, "file", field).unwrap_or(0);
    let (ops, data) = (word("f_op"), word("private_data"));
    let is_socket = match ops {
        0 => fields.type_id("socket").is_some_and(|id| env.core.world.all_of(id).contains(&data)),
        _ => env.core.symbols.at(ops) == Some(("socket_file_ops", 0)),
    };
    ret(if is_socket { data } else { 0 })
}

/// `bpf_bprm_opts_set(bprm, flags)`: `BPF_F_BPRM_SECUREEXEC` or nothing.
pub(super) fn bprm_opts_set(env: &mut Env<'_, '_>) -> Answer {
    let (bprm, flags) = (env.arg(0), env.arg(1));
    if flags & !1 != 0 {
        return Err(Errno::EINVAL.into());
    }
    let fields = env.fields()?;
    match fields.set(bprm, "linux_binprm", "secureexec", flags & 1) {
        Some(()) => ret(0),
        None => Err(env.bad_arg(0, "is no struct linux_binprm")),
    }
}

/// `bpf_ima_inode_hash(inode, dst, size)`.
pub(super) fn ima_inode_hash(env: &mut Env<'_, '_>) -> Answer {
    let inode = env.arg(0);
    hash_of(env, inode)
}

/// `bpf_ima_file_hash(file, dst, size)`.
pub(super) fn ima_file_hash(env: &mut Env<'_, '_>) -> Answer {
    let fields = env.fields()?;
    let inode = fields.word(env.arg(0), "file", "f_inode").unwrap_or(0);
    hash_of(env, inode)
}

/// The algorithm of an inode's hash, whose first bytes go to the buffer. `EOPNOTSUPP`: nobody measured it.
fn hash_of(env: &mut Env<'_, '_>, inode: u64) -> Answer {
    let size = env.arg(2) as u32 as usize;
    env.check_write(1, size)?;
    let (algorithm, digest) = env.core.measured.hashes.get(&inode).cloned().ok_or(Errno::EOPNOTSUPP)?;
    env.write(1, &digest[..digest.len().min(size)])?;
    ret(u64::from(algorithm))
}

/// `bpf_per_cpu_ptr(percpu_ptr, cpu)`: NULL for a CPU that there is not.
pub(super) fn per_cpu_ptr(env: &mut Env<'_, '_>) -> Answer {
    let cpu = env.arg(1) as u32;
    if cpu >= env.core.cpus {
        return ret(0);
    }
    on_cpu(env, cpu)
}

/// `bpf_this_cpu_ptr(percpu_ptr)`.
pub(super) fn this_cpu_ptr(env: &mut Env<'_, '_>) -> Answer {
    let cpu = env.core.now.cpu;
    on_cpu(env, cpu)
}

fn on_cpu(env: &mut Env<'_, '_>, cpu: u32) -> Answer {
    let (ptr, memory) = (env.arg(0), env.memory());
    if let Some(addr) = env.core.owned.per_cpu(ptr, cpu) {
        return ret(addr);
    }
    let addr = env.core.scene(memory).ok().and_then(|scene| scene.per_cpu(ptr, cpu));
    match addr {
        Some(addr) => ret(addr),
        None => Err(env.bad_arg(0, "points into no per-CPU variable")),
    }
}
