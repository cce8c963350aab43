//! Options of TCP headers, for sock_ops programs (`net/core/filter.c`). The context's data is the header.

use super::env::{Answer, Env, ret};
use skep_abi::Errno;
use skep_abi::ctx::bpf_sock_ops;

/// `BPF_SOCK_OPS_HDR_OPT_LEN_CB` and `BPF_SOCK_OPS_WRITE_HDR_OPT_CB`.
const LEN_CB: u32 = 14;
const WRITE_CB: u32 = 15;
/// `BPF_LOAD_HDR_OPT_TCP_SYN`.
const OF_SYN: u64 = 1;

/// `TCPOPT_EOL`, `TCPOPT_NOP`, and the experimental kinds.
const EOL: u8 = 0;
const NOP: u8 = 1;
const EXPERIMENTAL: [u8; 2] = [253, 254];

/// Bytes of a TCP header without options, and with all that there can be.
const TCP_HLEN: usize = 20;
const LONGEST: usize = 60;

/// Why a search found nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Miss {
    /// There is none, and no end of options either.
    Absent,
    /// The options end before.
    Ended,
    /// The options make no sense.
    Broken,
}

/// Looks for an option by its kind, and perhaps the first bytes behind its length (`bpf_search_tcp_opt`).
fn search<'a>(mut options: &'a [u8], kind: u8, magic: &[u8]) -> Result<&'a [u8], Miss> {
    loop {
        options = match options {
            [] => return Err(Miss::Absent),
            [EOL, ..] => return Err(Miss::Ended),
            [NOP, rest @ ..] => rest,
            [found, len, ..] if *len >= 2 && usize::from(*len) <= options.len() => {
                let (option, rest) = options.split_at(usize::from(*len));
                if *found == kind {
                    if option[2..].starts_with(magic) {
                        return Ok(option);
                    }
                    if magic.len() > option.len() - 2 {
                        return Err(Miss::Absent);
                    }
                }
                rest
            }
            _ => return Err(Miss::Broken),
        };
    }
}

fn op(env: &Env<'_, '_>) -> u32 {
    env.core.now.ctx.get(env.memory(), &bpf_sock_ops::op) as u32
}

/// The header behind the context; empty if there is no packet.
fn header(env: &Env<'_, '_>) -> Vec<u8> {
    env.core.now.data.map_or(Vec::new(), |it| it.bytes(env.memory()))
}

/// How many more bytes of options there is room for.
fn room(env: &Env<'_, '_>) -> usize {
    let used = env.core.now.data.map_or(0, |it| it.len).max(TCP_HLEN);
    LONGEST.saturating_sub(used + env.core.now.net.reserved as usize)
}

/// `bpf_load_hdr_opt(skops, searchby_res, len, flags)`: the option's length.
pub(super) fn load(env: &mut Env<'_, '_>) -> Answer {
    let (len, flags) = (env.arg(2) as u32 as usize, env.arg(3));
    env.check_ctx(0)?;
    env.check_write(1, len)?;
    let asked = env.read(1, len)?;
    let [kind, asked_len, ..] = asked[..] else { return Err(Errno::EINVAL.into()) };
    let experimental = EXPERIMENTAL.contains(&kind);
    let fits = if experimental { matches!(asked_len, 4 | 6) } else { asked_len == 0 };
    if flags & !OF_SYN != 0 || usize::from(asked_len) > len || matches!(kind, NOP | EOL) || !fits {
        return Err(Errno::EINVAL.into());
    }
    if flags & OF_SYN != 0 {
        // No SYN was saved.
        return Err(Errno::ENOENT.into());
    }
    if env.core.now.data.is_none_or(|it| it.len == 0) || op(env) == LEN_CB {
        return Err(Errno::EPERM.into());
    }
    let header = header(env);
    let magic = if experimental { &asked[2..usize::from(asked_len)] } else { &[] };
    let option = match search(header.get(TCP_HLEN..).unwrap_or_default(), kind, magic) {
        Ok(option) => option.to_vec(),
        Err(Miss::Broken) => return Err(Errno::EFAULT.into()),
        Err(_) => return Err(Errno::ENOMSG.into()),
    };
    env.write(1, &option[..option.len().min(len)])?;
    if option.len() > len { Err(Errno::ENOSPC.into()) } else { ret(option.len() as u64) }
}

/// `bpf_store_hdr_opt(skops, from, len, flags)`.
pub(super) fn store(env: &mut Env<'_, '_>) -> Answer {
    let (len, flags) = (env.arg(2) as u32 as usize, env.arg(3));
    env.check_ctx(0)?;
    let given = env.read(1, len)?;
    if op(env) != WRITE_CB {
        return Err(Errno::EPERM.into());
    }
    let [kind, new_len, ..] = given[..] else { return Err(Errno::EINVAL.into()) };
    let new_len = usize::from(new_len);
    if flags != 0 || new_len > len || matches!(kind, NOP | EOL) {
        return Err(Errno::EINVAL.into());
    }
    if new_len > room(env) {
        return Err(Errno::ENOSPC.into());
    }
    let experimental = EXPERIMENTAL.contains(&kind);
    if experimental && new_len < 4 {
        return Err(Errno::EINVAL.into());
    }
    let mut header = header(env);
    let magic = if experimental { &given[2..4] } else { &[] };
    match search(header.get(TCP_HLEN..).unwrap_or_default(), kind, magic) {
        Ok(_) => return Err(Errno::EEXIST.into()),
        Err(Miss::Broken) => return Err(Errno::EFAULT.into()),
        Err(Miss::Ended) => return Err(Errno::ENOSPC.into()),
        Err(Miss::Absent) => {}
    }
    header.extend_from_slice(&given[..new_len]);
    super::msg::put_data(env, &header)?;
    ret(0)
}

/// `bpf_reserve_hdr_opt(skops, len, flags)`.
pub(super) fn reserve(env: &mut Env<'_, '_>) -> Answer {
    let (len, flags) = (env.arg(1) as u32, env.arg(2));
    env.check_ctx(0)?;
    if op(env) != LEN_CB {
        return Err(Errno::EPERM.into());
    }
    if flags != 0 || len < 2 {
        return Err(Errno::EINVAL.into());
    }
    if len as usize > room(env) {
        return Err(Errno::ENOSPC.into());
    }
    env.core.now.net.reserved += len;
    ret(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found() {
        let options = [NOP, 2, 4, 5, 0xb4, 253, 6, 1, 2, 3, 4, NOP, 8, 2];
        assert_eq!(search(&options, 2, &[]), Ok(&options[1..5]));
        assert_eq!(search(&options, 253, &[1, 2]), Ok(&options[5..11]));
        assert_eq!(search(&options, 253, &[1, 3]), Err(Miss::Absent));
        assert_eq!(search(&options, 3, &[]), Err(Miss::Absent));
        assert_eq!(search(&[2, 4, 0, 0, EOL, 3, 2], 3, &[]), Err(Miss::Ended));
        for broken in [&[2, 1, 0][..], &[2, 4, 0], &[2]] {
            assert_eq!(search(broken, 3, &[]), Err(Miss::Broken), "{broken:?}");
        }
    }
}
