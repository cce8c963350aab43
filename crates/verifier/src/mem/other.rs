//! Dissected keys, sockets, buffers of tracepoints and iterators.

use skep_abi::ctx::{self, Field};
use skep_abi::structs::{bpf_flow_keys, bpf_tcp_sock, bpf_xdp_sock};

use super::MemAccess;
use crate::ctx::rules;
use crate::log::type_name;
use crate::state::reg::Reg;
use crate::state::types::{Base, Flags};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    pub(super) fn access_flow_keys(&mut self, it: &MemAccess) -> Check {
        self.refuse_leak(it, "flow keys")?;
        let (off, size) = (it.off, it.size);
        if off < 0 || i64::from(off) + i64::from(size) > bpf_flow_keys::LAYOUT.size as i64 {
            return refuse!(self, EACCES, "invalid access to flow keys off={off} size={size}\n");
        }
        self.loaded_unknown(it);
        Ok(())
    }

    pub(super) fn access_sock(&mut self, it: &MemAccess) -> Check {
        if it.writes() {
            return self.refuse_write(it.regno, it.reg.ty);
        }
        self.check_sock_access(it)?;
        self.loaded_unknown(it);
        Ok(())
    }

    /// A field of a socket as programs see it (`check_sock_access`).
    fn check_sock_access(&mut self, it: &MemAccess) -> Check {
        if it.reg.scalar.smin < 0 {
            return self.refuse_negative(it.regno);
        }
        let (layout, hidden) = match it.reg.ty.base {
            Base::PtrToSockCommon => (&ctx::bpf_sock::LAYOUT, ctx::SOCK_COMMON_HIDDEN),
            Base::PtrToSocket => (&ctx::bpf_sock::LAYOUT, NONE),
            Base::PtrToTcpSock => (&bpf_tcp_sock::LAYOUT, NONE),
            _ => (&bpf_xdp_sock::LAYOUT, NONE),
        };
        if let Some(field_size) = rules::readable(layout, hidden, it.off, it.size) {
            self.aux[it.insn_idx].ctx_field_size = field_size;
            return Ok(());
        }
        if it.reg.ty.base == Base::PtrToTcpSock && is_upper_half(it.off, it.size) {
            self.reach.unconvertible = true;
            return Ok(());
        }
        let (regno, off, size, name) = (it.regno, it.off, it.size, type_name(it.reg.ty));
        refuse!(self, EACCES, "R{regno} invalid {name} access off={off} size={size}\n")
    }

    pub(super) fn access_tp_buffer(&mut self, it: &MemAccess) -> Check {
        self.check_buffer(&it.reg, it.regno, it.off, it.size, "tracepoint")?;
        self.reach.tp_buffer = self.reach.tp_buffer.max(it.off as u32 + it.size);
        self.loaded_unknown(it);
        Ok(())
    }

    pub(super) fn access_buf(&mut self, it: &MemAccess) -> Check {
        if it.writes() && it.reg.ty.has(Flags::RDONLY) {
            return self.refuse_write(it.regno, it.reg.ty);
        }
        self.check_buffer_access(&it.reg, it.regno, it.off, it.size)?;
        self.loaded_unknown(it);
        Ok(())
    }

    /// A buffer whose size is known when the program is attached (`check_buffer_access`).
    pub(super) fn check_buffer_access(&mut self, reg: &Reg, regno: usize, off: i32, size: u32) -> Check {
        let read_only = reg.ty.has(Flags::RDONLY);
        self.check_buffer(reg, regno, off, size, if read_only { "rdonly" } else { "rdwr" })?;
        let reached = if read_only { &mut self.reach.rdonly_buf } else { &mut self.reach.rdwr_buf };
        *reached = (*reached).max((off as u32).wrapping_add(size));
        Ok(())
    }

    /// The offset has to be known (`__check_buffer_access`).
    fn check_buffer(&mut self, reg: &Reg, regno: usize, off: i32, size: u32, kind: &str) -> Check {
        if off < 0 {
            let size = size as i32;
            return refuse!(self, EACCES, "R{regno} invalid {kind} buffer access: off={off}, size={size}\n");
        }
        let var_off = reg.scalar.var_off;
        if !var_off.is(0) {
            return refuse!(
                self,
                EACCES,
                "R{regno} invalid variable buffer offset: off={off}, var_off={var_off}\n"
            );
        }
        Ok(())
    }
}

/// The upper half of one of the two wide fields of `struct bpf_tcp_sock`. The kernel refuses it only when it
/// rewrites the load.
fn is_upper_half(off: i32, size: u32) -> bool {
    let upper = |field: Field| usize::try_from(off).is_ok_and(|off| off == field.offset + 4);
    size == 4 && (upper(bpf_tcp_sock::bytes_received) || upper(bpf_tcp_sock::bytes_acked))
}

const NONE: &[Field] = &[];
