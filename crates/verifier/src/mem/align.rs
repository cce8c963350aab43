//! Alignment of accesses.

use crate::state::types::Base;
use crate::stop::{Check, refuse};
use crate::tnum::Tnum;
use crate::verifier::Verifier;

/// Where the network layer puts a packet's first byte, from a multiple of four on (`NET_IP_ALIGN`).
const NET_IP_ALIGN: i32 = 2;

impl Verifier<'_> {
    /// Whether an access is aligned, where it has to be (`check_ptr_alignment`): `off` is without the pointer's own.
    pub(crate) fn check_ptr_alignment(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        strict_once: bool,
    ) -> Check {
        let reg = self.reg(regno);
        // What is kept of the stack is kept by slots: accesses that are not aligned would spoil it.
        let strict = self.strict_alignment || strict_once || reg.ty.is(Base::PtrToStack);
        if !strict || size == 1 || reg.ty.is(Base::PtrToArena) {
            return Ok(());
        }
        let is_packet = reg.ty.is(Base::PtrToPacket) || reg.ty.is(Base::PtrToPacketMeta);
        let ip_align = if is_packet { NET_IP_ALIGN } else { 0 };
        let fixed = ip_align.wrapping_add(reg.off).wrapping_add(off);
        let (ty, own, var_off) = (reg.ty, reg.off, reg.scalar.var_off);
        if var_off.add(Tnum::constant(i64::from(fixed) as u64)).is_aligned(u64::from(size)) {
            return Ok(());
        }
        if is_packet {
            return refuse!(
                self,
                EACCES,
                "misaligned packet access off {NET_IP_ALIGN}+{var_off}+{own}+{off} size {size}\n"
            );
        }
        let what = if ty.flags.is_empty() { description(ty.base) } else { "" };
        refuse!(self, EACCES, "misaligned {what}access off {var_off}+{own}+{off} size {size}\n")
    }
}

/// What an access is called, with a blank behind it.
const fn description(base: Base) -> &'static str {
    match base {
        Base::PtrToFlowKeys => "flow keys ",
        Base::PtrToMapKey => "key ",
        Base::PtrToMapValue => "value ",
        Base::PtrToCtx => "context ",
        Base::PtrToStack => "stack ",
        Base::PtrToSocket => "sock ",
        Base::PtrToSockCommon => "sock_common ",
        Base::PtrToTcpSock => "tcp_sock ",
        Base::PtrToXdpSock => "xdp_sock ",
        _ => "",
    }
}
