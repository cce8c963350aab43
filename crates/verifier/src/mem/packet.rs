//! The packet.

use skep_abi::{Errno, ProgType};

use super::MemAccess;
use crate::stop::{Check, Stop, refuse, verbose};
use crate::verifier::Verifier;

impl Verifier<'_> {
    pub(super) fn access_packet(&mut self, it: &MemAccess) -> Check {
        if it.writes() && !self.may_access_direct_pkt_data(None, true) {
            return refuse!(self, EACCES, "cannot write into packet\n");
        }
        self.refuse_leak(it, "packet")?;
        self.check_packet_access(it.regno, it.off, it.size, false)?;
        self.loaded_unknown(it);
        Ok(())
    }

    /// The packet (`check_packet_access`).
    pub(crate) fn check_packet_access(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        zero_size_allowed: bool,
    ) -> Check {
        let reg = self.reg(regno);
        let (scalar, range) = (reg.scalar, reg.range());
        if scalar.smin < 0 {
            return self.refuse_negative(regno);
        }
        let inside = match u32::try_from(range) {
            Ok(range) => self.check_region(regno, off, size, range, zero_size_allowed),
            Err(_) => Err(Stop::new(Errno::EINVAL)),
        };
        inside.inspect_err(|_| verbose!(self, "R{regno} offset is outside of the packet\n"))?;
        // The range is less than 64 KiB and comes behind the variable offset, so that nothing here wraps in the kernel.
        let last = (off as u32).wrapping_add(scalar.umax as u32).wrapping_add(size).wrapping_sub(1);
        self.reach.packet = self.reach.packet.max(last);
        Ok(())
    }

    /// Whether programs of this type may access packet bytes through their pointers, or give them to a helper:
    /// `pkt_access` is what that helper's prototype says (`may_access_direct_pkt_data`).
    pub(crate) fn may_access_direct_pkt_data(&mut self, pkt_access: Option<bool>, writes: bool) -> bool {
        use ProgType::*;
        match self.prog_type {
            LwtIn | LwtOut | LwtSeg6local | SkReuseport | FlowDissector | CgroupSkb if writes => false,
            LwtIn | LwtOut | LwtSeg6local | SkReuseport | FlowDissector | CgroupSkb | SchedCls | SchedAct
            | Xdp | LwtXmit | SkSkb | SkMsg => {
                self.seen_direct_write |= pkt_access.is_none();
                pkt_access.unwrap_or(true)
            }
            CgroupSockopt => {
                self.seen_direct_write |= writes;
                true
            }
            _ => false,
        }
    }
}
