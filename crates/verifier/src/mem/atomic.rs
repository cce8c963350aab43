//! Atomic instructions.

use skep_isa::Insn;

use crate::access::{Access, RegUse};
use crate::code;
use crate::log::type_name;
use crate::state::types::Base;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

const FETCH: i32 = 0x01;
const ADD: i32 = 0x00;
const OR: i32 = 0x40;
const AND: i32 = 0x50;
const XOR: i32 = 0xa0;
const XCHG: i32 = 0xe0 | FETCH;
const CMPXCHG: i32 = 0xf0 | FETCH;
const AND_FETCH: i32 = AND | FETCH;
const OR_FETCH: i32 = OR | FETCH;
const XOR_FETCH: i32 = XOR | FETCH;
const LOAD_ACQ: i32 = 0x100;
const STORE_REL: i32 = 0x110;

impl Verifier<'_> {
    /// An atomic (`check_atomic`).
    pub(crate) fn check_atomic(&mut self, insn: Insn) -> Check {
        match insn.imm {
            XCHG | CMPXCHG => self.check_atomic_rmw(insn),
            imm if matches!(imm & !FETCH, ADD | OR | AND | XOR) => self.check_atomic_rmw(insn),
            LOAD_ACQ => {
                self.check_load_mem(insn, true, false, false, "atomic_load")?;
                self.check_atomic_ptr(usize::from(insn.src), insn, "loads from")
            }
            STORE_REL => {
                self.check_store_reg(insn, true)?;
                self.check_atomic_ptr(usize::from(insn.dst), insn, "stores into")
            }
            imm => refuse!(self, EINVAL, "BPF_ATOMIC uses invalid atomic opcode {imm:02x}\n"),
        }
    }

    /// Read, modify, write (`check_atomic_rmw`).
    fn check_atomic_rmw(&mut self, insn: Insn) -> Check {
        let (src, dst, size) = (usize::from(insn.src), usize::from(insn.dst), code::size(insn));
        if size < 4 {
            return refuse!(self, EINVAL, "invalid atomic operand size\n");
        }
        self.check_reg_arg(src, RegUse::Src)?;
        self.check_reg_arg(dst, RegUse::Src)?;
        if insn.imm == CMPXCHG {
            self.check_reg_arg(0, RegUse::Src)?;
            self.refuse_atomic_leak(0)?;
        }
        self.refuse_atomic_leak(src)?;
        self.check_atomic_ptr(dst, insn, "stores into")?;
        let loaded = (insn.imm & FETCH != 0).then_some(if insn.imm == CMPXCHG { 0 } else { src });
        if let Some(regno) = loaded {
            self.check_reg_arg(regno, RegUse::Dst)?;
        }
        self.check_rmw_memory(dst, i32::from(insn.off), size, loaded)
    }

    /// The memory has to be readable as a number, and writable; the old value may go to a register.
    fn check_rmw_memory(&mut self, dst: usize, off: i32, size: u32, loaded: Option<usize>) -> Check {
        let at = self.insn_idx;
        self.check_mem_access(at, dst, off, size, Access::Read, None, true, false)?;
        if loaded.is_some() {
            self.check_mem_access(at, dst, off, size, Access::Read, loaded, true, false)?;
        }
        self.save_aux_ptr_type(self.reg(dst).ty, false)?;
        self.check_mem_access(at, dst, off, size, Access::Write, None, true, false)
    }

    fn refuse_atomic_leak(&mut self, regno: usize) -> Check {
        if self.is_pointer_value(regno) {
            return refuse!(self, EACCES, "R{regno} leaks addr into mem\n");
        }
        Ok(())
    }

    /// Whether atomics may go through a pointer of this kind (`atomic_ptr_type_ok`).
    fn check_atomic_ptr(&mut self, regno: usize, insn: Insn, does: &str) -> Check {
        let ty = self.reg(regno).ty;
        let forbidden = match ty.base {
            Base::PtrToCtx | Base::PtrToFlowKeys => ty.flags.is_empty(),
            Base::PtrToPacket | Base::PtrToPacketMeta => true,
            Base::PtrToSocket | Base::PtrToSockCommon | Base::PtrToTcpSock | Base::PtrToXdpSock => {
                ty.flags.is_empty()
            }
            // What the x86-64 JIT makes a loop of cannot be undone after a fault (`bpf_jit_supports_insn`).
            Base::PtrToArena => matches!(insn.imm, AND_FETCH | OR_FETCH | XOR_FETCH),
            _ => false,
        };
        if forbidden {
            let name = type_name(ty);
            return refuse!(self, EACCES, "BPF_ATOMIC {does} R{regno} {name} is not allowed\n");
        }
        Ok(())
    }
}
