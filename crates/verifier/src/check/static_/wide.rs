//! Wide loads: the maps, variables and functions that they are of. Opcodes that there are not.

use skep_abi::{Errno, MapType};
use skep_isa::Insn;

use crate::code::{class, is_wide, mode, op, pseudo};
use crate::state::reg::MapNr;
use crate::state::types::{Base, RegType};
use crate::stop::{Check, Stop, refuse, verbose};
use crate::verifier::Verifier;

/// The greatest offset into a value (`BPF_MAX_VAR_OFF`), not included.
const MAX_VAR_OFF: u32 = 1 << 29;

impl Verifier<'_> {
    /// Resolves wide loads; refuses opcodes that there are not (`resolve_pseudo_ldimm64`).
    pub(crate) fn resolve_wide_loads(&mut self) -> Check {
        let mut i = 0;
        while i < self.insns.len() {
            let insn = self.insns[i];
            let loads = class(insn) == class::LDX;
            if loads && (!matches!(mode(insn), mode::MEM | mode::MEMSX) || insn.imm != 0) {
                return refuse!(self, EINVAL, "BPF_LDX uses reserved fields\n");
            }
            if is_wide(insn) {
                self.resolve_wide_load(i)?;
                i += 2;
                continue;
            }
            if !is_known(insn.code) {
                return refuse!(self, EINVAL, "unknown opcode {:02x}\n", insn.code);
            }
            i += 1;
        }
        Ok(())
    }

    fn resolve_wide_load(&mut self, i: usize) -> Check {
        let insn = self.insns[i];
        let Some(high) = self.insns.get(i + 1).copied().filter(is_second_half) else {
            return refuse!(self, EINVAL, "invalid bpf_ld_imm64 insn\n");
        };
        match insn.src {
            0 => Ok(()),
            pseudo::BTF_ID => self.check_pseudo_btf_id(i),
            pseudo::FUNC => {
                self.aux[i].ptr_type = Some(RegType::of(Base::PtrToFunc));
                Ok(())
            }
            pseudo::MAP_FD | pseudo::MAP_IDX if high.imm == 0 => {
                let map = self.map_of_load(insn)?;
                self.aux[i].map = Some((map, 0));
                Ok(())
            }
            pseudo::MAP_VALUE | pseudo::MAP_IDX_VALUE => {
                let map = self.map_of_load(insn)?;
                let off = high.imm as u32;
                self.check_direct_value(map, off)?;
                self.aux[i].map = Some((map, off));
                Ok(())
            }
            _ => refuse!(self, EINVAL, "unrecognized bpf_ld_imm64 insn\n"),
        }
    }

    fn map_of_load(&mut self, insn: Insn) -> Check<MapNr> {
        let by_index = matches!(insn.src, pseudo::MAP_IDX | pseudo::MAP_IDX_VALUE);
        let found = if by_index { self.env.map_by_index(insn.imm) } else { self.env.map_by_fd(insn.imm) };
        let fd = if by_index { self.env.fd_at(insn.imm).unwrap_or(insn.imm) } else { insn.imm };
        match found {
            Ok(map) => self.use_map(map),
            Err(errno) => {
                match errno {
                    Errno::EPROTO => verbose!(self, "fd_idx without fd_array is invalid\n"),
                    Errno::EFAULT => {}
                    _ => verbose!(self, "fd {fd} is not pointing to valid bpf_map\n"),
                }
                Err(Stop::new(errno))
            }
        }
    }

    /// Whether a value of a map can be used directly (`map_direct_value_addr` of the map types).
    fn check_direct_value(&mut self, map: MapNr, off: u32) -> Check {
        if off >= MAX_VAR_OFF {
            return refuse!(self, EINVAL, "direct value offset of {off} is not allowed\n");
        }
        let info = self.map(map);
        let errno = match info.kind {
            MapType::Array if info.max_entries != 1 => Errno::ENOTSUPP,
            MapType::Array if off >= info.value_size => Errno::EINVAL,
            MapType::Arena if u64::from(off) > info.arena.1 => Errno::ERANGE,
            MapType::Array | MapType::Arena => return Ok(()),
            _ => return refuse!(self, EINVAL, "no direct value access support for this map type\n"),
        };
        let size = info.value_size;
        verbose!(self, "invalid access to map value pointer, value_size={size} off={off}\n");
        Err(Stop::new(errno))
    }
}

fn is_second_half(insn: &Insn) -> bool {
    insn.code == 0 && insn.dst == 0 && insn.src == 0 && insn.off == 0
}

/// Whether there is such an opcode beside the wide load's (`bpf_opcode_in_insntable`).
fn is_known(code: u8) -> bool {
    let insn = Insn { code, ..Insn::default() };
    let by_register = code & 0x08 != 0;
    let size = code & 0x18;
    match class(insn) {
        class::ALU | class::ALU64 => match op(insn) {
            op::NEG => !by_register,
            op::END => class(insn) == class::ALU || !by_register,
            op => op <= op::ARSH,
        },
        class::JMP | class::JMP32 => match op(insn) {
            op::JA => !by_register,
            op::CALL | op::EXIT | op::JCOND => class(insn) == class::JMP && !by_register,
            op => op <= op::JSLE,
        },
        class::LD => matches!(mode(insn), mode::ABS | mode::IND) && size != 0x18,
        class::LDX => mode(insn) == mode::MEM || mode(insn) == mode::MEMSX && size != 0x18,
        class::ST => mode(insn) == mode::MEM,
        _ => matches!(mode(insn), mode::MEM | mode::ATOMIC),
    }
}

#[cfg(test)]
mod tests {
    use super::is_known;

    /// Opcodes of `BPF_INSN_MAP` in `kernel/bpf/core.c` of Linux 6.18, class by class.
    #[test]
    fn opcodes() {
        let known = |class: u8| (0..=255).filter(|code| code & 7 == class && is_known(*code)).count();
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(known), [6, 7, 4, 8, 27, 26, 23, 26]);
    }
}
