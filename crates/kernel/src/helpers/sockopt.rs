//! Socket options (`net/core/filter.c`): kept with the socket, as far as the kernel lets programs set and get them.

use super::env::{Answer, Env, Stop, ret};
use super::sock;
use crate::net::NetSocket;
use skep_abi::ctx::bpf_sock_ops;
use skep_abi::structs::bpf_tcp_sock;
use skep_abi::{Errno, ProgType};
use std::net::{IpAddr, SocketAddr};

/// `SOL_*`.
const SOCKET: i32 = 1;
const IP: i32 = 0;
const TCP: i32 = 6;
const IPV6: i32 = 41;

/// Options that need more than a range.
const SO_PRIORITY: i32 = 12;
const SO_MARK: i32 = 36;
const SO_BINDTODEVICE: i32 = 25;
const SO_BINDTOIFINDEX: i32 = 62;
const TCP_CONGESTION: i32 = 13;
const TCP_SAVED_SYN: i32 = 28;
const TCP_BPF_IW: i32 = 1001;
const TCP_BPF_SNDCWND_CLAMP: i32 = 1002;
const TCP_BPF_DELACK_MAX: i32 = 1003;
const TCP_BPF_RTO_MIN: i32 = 1004;
const TCP_BPF_SYN: i32 = 1005;
const TCP_BPF_SYN_MAC: i32 = 1007;
const TCP_BPF_SOCK_OPS_CB_FLAGS: i32 = 1008;

/// `BPF_SOCK_OPS_ALL_CB_FLAGS`.
pub(super) const ALL_CB_FLAGS: i32 = 0x7f;

/// The congestion controls that there are, and the one that sockets have at first; the longest name with its NUL.
const CONGESTION: [&[u8]; 4] = [b"cubic", b"reno", b"bbr", b"dctcp"];
const CA_NAME_MAX: usize = 16;

/// What becomes of a number that is set.
#[derive(Clone, Copy)]
enum Rule {
    /// Anything goes.
    Any,
    /// 0 or 1.
    Flag,
    /// In a range, or `EINVAL`.
    Range(i32, i32),
    /// A size of a buffer: at most `wmem_max`, doubled, at least this.
    Buffer(i32),
}

/// An option that is a number: level, name, rule, value at first.
type Row = (i32, i32, Rule, i32);

/// `net.core.wmem_max` and `rmem_max`.
const BUFFER_MAX: i32 = 212_992;

/// The options that are numbers of four bytes (`sol_socket_sockopt` and its siblings, `sk_setsockopt`, `do_tcp_setsockopt`).
const NUMBERS: &[Row] = &[
    (SOCKET, 2, Rule::Flag, 0),               // SO_REUSEADDR
    (SOCKET, 7, Rule::Buffer(4608), 87_040),  // SO_SNDBUF
    (SOCKET, 8, Rule::Buffer(2304), 131_072), // SO_RCVBUF
    (SOCKET, 9, Rule::Flag, 0),               // SO_KEEPALIVE
    (SOCKET, SO_PRIORITY, Rule::Any, 0),
    (SOCKET, 15, Rule::Flag, 0), // SO_REUSEPORT
    (SOCKET, 18, Rule::Any, 1),  // SO_RCVLOWAT
    (SOCKET, SO_MARK, Rule::Any, 0),
    (SOCKET, 47, Rule::Any, -1), // SO_MAX_PACING_RATE
    (SOCKET, SO_BINDTOIFINDEX, Rule::Range(0, i32::MAX), 0),
    (SOCKET, 74, Rule::Range(-1, 1), 1),    // SO_TXREHASH
    (TCP, 1, Rule::Flag, 0),                // TCP_NODELAY
    (TCP, 2, Rule::Range(88, 32_767), 536), // TCP_MAXSEG
    (TCP, 4, Rule::Range(1, 32_767), 7200), // TCP_KEEPIDLE
    (TCP, 5, Rule::Range(1, 32_767), 75),   // TCP_KEEPINTVL
    (TCP, 6, Rule::Range(1, 127), 9),       // TCP_KEEPCNT
    (TCP, 7, Rule::Range(1, 127), 6),       // TCP_SYNCNT
    (TCP, 10, Rule::Any, 0),                // TCP_WINDOW_CLAMP
    (TCP, 16, Rule::Range(0, 1), 0),        // TCP_THIN_LINEAR_TIMEOUTS
    (TCP, 18, Rule::Range(0, i32::MAX), 0), // TCP_USER_TIMEOUT
    (TCP, 25, Rule::Any, 0),                // TCP_NOTSENT_LOWAT
    (TCP, 27, Rule::Range(0, 2), 0),        // TCP_SAVE_SYN
    (IP, 1, Rule::Any, 0),                  // IP_TOS
    (IPV6, 67, Rule::Range(-1, 255), 0),    // IPV6_TCLASS
    (IPV6, 70, Rule::Flag, 0),              // IPV6_AUTOFLOWLABEL
];

fn row(level: i32, name: i32) -> Option<&'static Row> {
    NUMBERS.iter().find(|it| (it.0, it.1) == (level, name))
}

impl Rule {
    fn apply(self, value: i32) -> Result<i32, Errno> {
        match self {
            Rule::Any => Ok(value),
            Rule::Flag => Ok(i32::from(value != 0)),
            Rule::Range(low, high) => (low..=high).contains(&value).then_some(value).ok_or(Errno::EINVAL),
            Rule::Buffer(least) => Ok(value.clamp(0, BUFFER_MAX).saturating_mul(2).max(least)),
        }
    }
}

/// The socket that the first argument is, or is the context of.
fn socket(env: &mut Env<'_, '_>) -> Result<u64, Stop> {
    let is_ctx = env.arg(0) == env.core.now.ctx.addr && env.core.now.prog_type != Some(ProgType::CgroupSock);
    let addr = if is_ctx { sock::of_ctx(env).ok_or(Errno::EINVAL)? } else { sock::arg(env, 0)?.0 };
    let memory = env.memory();
    let whole = env.core.sockets.at(memory, addr).is_some_and(|it| it.is_whole());
    if whole { Ok(addr) } else { Err(Errno::EINVAL.into()) }
}

/// Whether a socket has options of a level.
fn has_level(socket: &NetSocket, level: i32) -> bool {
    match level {
        SOCKET => true,
        TCP => socket.protocol == 6,
        IP => socket.local.is_ipv4() || socket.takes_v4(),
        IPV6 => socket.local.is_ipv6(),
        _ => false,
    }
}

fn number(bytes: &[u8]) -> Result<i32, Errno> {
    bytes.try_into().map(i32::from_le_bytes).map_err(|_| Errno::EINVAL)
}

/// `bpf_setsockopt(bpf_socket, level, optname, optval, optlen)`.
pub(super) fn set(env: &mut Env<'_, '_>) -> Answer {
    let (level, name, len) = (env.arg(1) as i32, env.arg(2) as i32, env.arg(4) as u32 as usize);
    let value = env.read(3, len)?;
    let addr = socket(env)?;
    let memory = env.memory();
    let device = |ifindex: i32| env.core.net.device(ifindex as u32).is_some();
    if (level, name) == (SOCKET, SO_BINDTOIFINDEX) && number(&value).is_ok_and(|it| it > 0 && !device(it)) {
        return Err(Errno::ENODEV.into());
    }
    if (level, name) == (SOCKET, SO_BINDTODEVICE) {
        // Devices here have no names: none is the only one that can be given.
        let none = value.first().is_none_or(|it| *it == 0);
        return if none { ret(0) } else { Err(Errno::ENODEV.into()) };
    }
    let Some(socket) = env.core.sockets.at(memory, addr) else { return Err(Errno::EINVAL.into()) };
    set_on(socket, level, name, &value)?;
    env.core.sockets.show(memory, addr);
    ret(0)
}

fn set_on(socket: &mut NetSocket, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
    if !has_level(socket, level) {
        return Err(Errno::EINVAL);
    }
    if (level, name) == (TCP, TCP_CONGESTION) {
        return set_congestion(socket, value);
    }
    let value = number(value)?;
    let stored = match row(level, name) {
        Some((_, _, rule, _)) => rule.apply(value)?,
        None if level == TCP => set_bpf(socket, name, value)?,
        None => return Err(Errno::EINVAL),
    };
    match (level, name) {
        (SOCKET, SO_MARK) => socket.mark = stored as u32,
        (SOCKET, SO_PRIORITY) => socket.priority = stored as u32,
        (SOCKET, SO_BINDTOIFINDEX) => socket.device = stored as u32,
        _ => {}
    }
    socket.options.insert((level, name), stored.to_le_bytes().to_vec());
    Ok(())
}

fn set_congestion(socket: &mut NetSocket, value: &[u8]) -> Result<(), Errno> {
    if value.len() < 2 {
        return Err(Errno::EINVAL);
    }
    let name = value.split(|it| *it == 0).next().unwrap_or_default();
    let name = &name[..name.len().min(CA_NAME_MAX - 1)];
    if name == b"cdg" {
        return Err(Errno::ENOTSUPP);
    }
    if !CONGESTION.contains(&name) {
        return Err(Errno::ENOENT);
    }
    socket.options.insert((TCP, TCP_CONGESTION), name.to_vec());
    Ok(())
}

/// The options that programs alone have (`bpf_sol_tcp_setsockopt`).
fn set_bpf(socket: &mut NetSocket, name: i32, value: i32) -> Result<i32, Errno> {
    const US_PER_JIFFY: i32 = 4000;
    /// The longest in jiffies (`TCP_DELACK_MAX`, `TCP_RTO_MIN`), the shortest (`TCP_TIMEOUT_MIN`).
    const LONGEST: i32 = 50;
    const SHORTEST: i32 = 2;
    let mut put = |at: usize, word: i32| {
        socket.tcp.resize(socket.tcp.len().max(at + 4), 0);
        socket.tcp[at..at + 4].copy_from_slice(&word.to_le_bytes());
    };
    let fits = match name {
        TCP_BPF_IW | TCP_BPF_SNDCWND_CLAMP => value > 0,
        TCP_BPF_DELACK_MAX | TCP_BPF_RTO_MIN => {
            value >= 0
                && (SHORTEST..=LONGEST)
                    .contains(&(value / US_PER_JIFFY + i32::from(value % US_PER_JIFFY != 0)))
        }
        TCP_BPF_SOCK_OPS_CB_FLAGS => value & !ALL_CB_FLAGS == 0,
        _ => false,
    };
    if !fits {
        return Err(Errno::EINVAL);
    }
    match name {
        TCP_BPF_IW => put(bpf_tcp_sock::snd_cwnd.offset, value),
        TCP_BPF_SNDCWND_CLAMP => put(bpf_tcp_sock::snd_ssthresh.offset, value),
        _ => {}
    }
    Ok(value)
}

/// `bpf_getsockopt(bpf_socket, level, optname, optval, optlen)`: what is not written is zeroed.
pub(super) fn get(env: &mut Env<'_, '_>) -> Answer {
    let (level, name, len) = (env.arg(1) as i32, env.arg(2) as i32, env.arg(4) as u32 as usize);
    env.check_write(3, len)?;
    let of_ops = env.core.now.prog_type == Some(ProgType::SockOps);
    if of_ops && level == TCP && (TCP_BPF_SYN..=TCP_BPF_SYN_MAC).contains(&name) {
        // No SYN was saved.
        return Err(Errno::ENOENT.into());
    }
    let memory = env.memory();
    let answer = match socket(env) {
        Ok(addr) => match env.core.sockets.at(memory, addr) {
            Some(socket) => get_from(socket, level, name, len),
            None => Err(Errno::EINVAL),
        },
        Err(Stop::Errno(errno)) => Err(errno),
        Err(stop) => return Err(stop),
    };
    let mut bytes = answer.clone().unwrap_or_default();
    bytes.resize(len, 0);
    env.write(3, &bytes)?;
    answer?;
    ret(0)
}

fn get_from(socket: &NetSocket, level: i32, name: i32, len: usize) -> Result<Vec<u8>, Errno> {
    if !has_level(socket, level) {
        return Err(Errno::EINVAL);
    }
    let set = socket.options.get(&(level, name)).cloned();
    match (level, name) {
        (TCP, TCP_CONGESTION) if len >= 2 => {
            let mut name = set.unwrap_or_else(|| CONGESTION[0].to_vec());
            name.truncate((len - 1).min(CA_NAME_MAX));
            return Ok(name);
        }
        (TCP, TCP_CONGESTION | TCP_SAVED_SYN) => return Err(Errno::EINVAL),
        _ if len != 4 => return Err(Errno::EINVAL),
        (TCP, TCP_BPF_SOCK_OPS_CB_FLAGS) => return Ok(set.unwrap_or(vec![0; 4])),
        (SOCKET, SO_MARK) => return Ok(socket.mark.to_le_bytes().to_vec()),
        (SOCKET, SO_PRIORITY) => return Ok(socket.priority.to_le_bytes().to_vec()),
        (SOCKET, SO_BINDTOIFINDEX) => return Ok(socket.device.to_le_bytes().to_vec()),
        _ => {}
    }
    let (_, _, _, first) = row(level, name).ok_or(Errno::EINVAL)?;
    Ok(set.unwrap_or_else(|| first.to_le_bytes().to_vec()))
}

/// `bpf_sock_ops_cb_flags_set(bpf_sock, argval)`: the flags that the kernel does not know.
pub(super) fn cb_flags_set(env: &mut Env<'_, '_>) -> Answer {
    let flags = env.arg(1) as i32;
    env.check_ctx(0)?;
    let memory = env.memory();
    // A context without a socket is about one of which nothing else is said.
    if let Some(addr) = sock::of_ctx(env) {
        let Some(socket) = env.core.sockets.at(memory, addr).filter(|it| it.is_whole()) else {
            return Err(Errno::EINVAL.into());
        };
        let value = (flags & ALL_CB_FLAGS).to_le_bytes().to_vec();
        socket.options.insert((TCP, TCP_BPF_SOCK_OPS_CB_FLAGS), value);
    }
    env.core.now.ctx.set(memory, &bpf_sock_ops::bpf_sock_ops_cb_flags, (flags & ALL_CB_FLAGS) as u64);
    env.core.now.net.cb_flags = Some((flags & ALL_CB_FLAGS) as u32);
    ret(i64::from(flags & !ALL_CB_FLAGS) as u64)
}

/// `bpf_tcp_send_ack(tp, rcv_nxt)`, of programs that are a congestion control.
pub(super) fn send_ack(env: &mut Env<'_, '_>) -> Answer {
    env.core.now.net.ack = Some(env.arg(1) as u32);
    ret(0)
}

/// `bpf_bind(ctx, addr, addr_len)`: the address has to be one of the machine's, or any.
pub(super) fn bind(env: &mut Env<'_, '_>) -> Answer {
    /// The least of `struct sockaddr_in` and `struct sockaddr_in6`.
    const IN: usize = 16;
    const IN6: usize = 24;
    let len = env.arg(2) as u32 as usize;
    env.check_ctx(0)?;
    let bytes = env.read(1, len)?;
    let port = bytes.get(2..4).and_then(|it| it.try_into().ok()).map_or(0, u16::from_be_bytes);
    let ip = match bytes.get(..2) {
        None => return Err(Errno::EINVAL.into()),
        Some([2, 0]) if len >= IN => {
            bytes.get(4..8).and_then(|it| <[u8; 4]>::try_from(it).ok()).map(IpAddr::from)
        }
        Some([10, 0]) if len >= IN6 => {
            bytes.get(8..24).and_then(|it| <[u8; 16]>::try_from(it).ok()).map(IpAddr::from)
        }
        Some([2 | 10, 0]) => return Err(Errno::EINVAL.into()),
        Some(_) => return Err(Errno::EAFNOSUPPORT.into()),
    };
    let Some(ip) = ip else { return Err(Errno::EINVAL.into()) };
    if !ip.is_unspecified() && !env.core.net.is_local(ip) {
        return Err(Errno::EADDRNOTAVAIL.into());
    }
    env.core.now.net.bound = Some(SocketAddr::new(ip, port));
    ret(0)
}
