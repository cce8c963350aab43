//! What tells programs apart (`bpf_prog_calc_tag`, `kernel/bpf/core.c`).

use sha2::{Digest, Sha256};
use skep_isa::Insn;

/// `BPF_LD | BPF_IMM | BPF_DW`.
const LD_IMM64: u8 = 0x18;

/// A hash of a program's instructions, of which maps are left out. Its first eight bytes are the program's tag.
pub(crate) fn digest(insns: &[Insn]) -> [u8; 32] {
    let mut insns = insns.to_vec();
    let mut slot = 0;
    while slot < insns.len() {
        if insns[slot].code != LD_IMM64 {
            slot += 1;
            continue;
        }
        // `BPF_PSEUDO_MAP_FD`, `BPF_PSEUDO_MAP_VALUE`.
        if matches!(insns[slot].src, 1 | 2) {
            insns[slot].imm = 0;
            if let Some(second) = insns.get_mut(slot + 1) {
                second.imm = 0;
            }
        }
        slot += 2;
    }
    Sha256::digest(Insn::to_vec(&insns)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_linux_has_it() {
        let insns = skep_isa::asm::assemble("r0 = 2\nexit").unwrap();
        assert_eq!(digest(&insns)[..8], [0x61, 0x4b, 0x43, 0x4c, 0xd8, 0x32, 0x4e, 0xcc]);
    }
}
