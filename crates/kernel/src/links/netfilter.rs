//! Netfilter programs (`net/netfilter/nf_bpf_link.c`).

use super::{Link, LinkCreate, LinkWith, Place};
use crate::files::Fd;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::flags::BPF_F_NETFILTER_IP_DEFRAG;
use skep_maps::ObjRef;

/// `NFPROTO_IPV4`, `NFPROTO_IPV6`.
const FAMILIES: [u32; 2] = [2, 10];
/// `NF_INET_NUMHOOKS`.
const HOOKS: u32 = 5;
/// `NF_IP_PRI_FIRST`, `NF_IP_PRI_LAST`: the kernel's own.
const RESERVED: [i32; 2] = [i32::MIN, i32::MAX];
/// `NF_IP_PRI_CONNTRACK_DEFRAG`: packets are whole behind it.
const DEFRAG: i32 = -400;

/// Which hooks there are (`bpf_nf_check_pf_and_hooks`).
fn check(pf: u32, hook: u32, priority: i32, flags: u32) -> Result<(), Errno> {
    if !FAMILIES.contains(&pf) {
        return Err(Errno::EAFNOSUPPORT);
    }
    if hook >= HOOKS {
        return Err(Errno::EPROTO);
    }
    if flags & !BPF_F_NETFILTER_IP_DEFRAG != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let too_early = flags & BPF_F_NETFILTER_IP_DEFRAG != 0 && priority <= DEFRAG;
    if RESERVED.contains(&priority) || too_early { Err(Errno::ERANGE) } else { Ok(()) }
}

impl Sys<'_> {
    /// A link to a netfilter hook.
    pub(super) fn link_netfilter(&mut self, prog: ObjRef, create: &LinkCreate) -> Result<Fd, Errno> {
        let (pf, hook, priority, flags) = match create.with {
            LinkWith::Netfilter { pf, hooknum, priority, flags } => (pf, hooknum, priority, flags),
            _ => (0, 0, 0, 0),
        };
        if create.flags != 0 {
            return Err(Errno::EINVAL);
        }
        check(pf, hook, priority, flags)?;
        let place = Place::Netfilter { pf, hook, priority, flags };
        let link = self.prime(Link::new(Some(prog), create.attach_type, 0, place))?;
        let new = self.attached(link)?;
        let result = self.core.hooks.netfilter.entry((pf, hook)).or_default().attach(priority, new);
        self.settle(link, result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_hooks() {
        let rows = [
            ((2, 0, 0, 0), Ok(())),
            ((10, 4, -128, 1), Ok(())),
            ((2, 5, 0, 0), Err(Errno::EPROTO)),
            ((1, 9, 0, 9), Err(Errno::EAFNOSUPPORT)),
            ((2, 0, i32::MIN, 2), Err(Errno::EOPNOTSUPP)),
            ((2, 0, i32::MIN, 0), Err(Errno::ERANGE)),
            ((2, 0, i32::MAX, 0), Err(Errno::ERANGE)),
            ((2, 0, -400, 1), Err(Errno::ERANGE)),
            ((2, 0, -400, 0), Ok(())),
            ((2, 0, -399, 1), Ok(())),
        ];
        for ((pf, hook, priority, flags), want) in rows {
            assert_eq!(check(pf, hook, priority, flags), want, "{pf} {hook} {priority} {flags}");
        }
    }
}
