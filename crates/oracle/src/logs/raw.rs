//! Programs of slots with arbitrary fields: what the verifier says of fields that an instruction does not have, and how
//! it prints them all the same.

use std::fmt::Write;

use skep_abi::ProgType;
use skep_isa::Insn;

use super::Case;
use crate::numbers::Numbers;

const TYPES: [ProgType; 5] =
    [ProgType::Xdp, ProgType::SchedCls, ProgType::SocketFilter, ProgType::Kprobe, ProgType::CgroupSkb];
const DST: [u8; 9] = [0, 0, 1, 2, 3, 6, 10, 10, 11];
const SRC: [u8; 9] = [0, 0, 1, 2, 3, 10, 1, 5, 12];
const OFF: [i16; 11] = [0, 0, 0, 1, 8, 16, 32, -8, -1, -16, 4];
const IMM: [i32; 23] = [
    0,
    0,
    1,
    16,
    32,
    64,
    8,
    0x40,
    0x50,
    0xa0,
    0x41,
    0x51,
    0xa1,
    0xe1,
    0xf1,
    0x100,
    0x110,
    0x101,
    0x10000,
    -1,
    2,
    -5,
    0x7fff_ffff,
];
/// Helpers that some of the program types have, and numbers of none.
const HELPERS: [i32; 13] = [1, 5, 6, 7, 8, 14, 35, 158, 164, 211, 212, 0, -1];
/// So that the slots find a context, numbers and a stack.
const PROLOGUE: &str =
    "r0 = 1\nr2 = 2\nr3 = *(u32 *)(r1 + 0)\n*(u64 *)(r10 - 8) = 0\n*(u64 *)(r10 - 16) = 7\n";

/// The program of a seed: one to three slots, and a way out that jumps over one slot reach.
pub fn raw(seed: u64) -> Case {
    let mut numbers = Numbers(seed);
    let prog_type = pick(&mut numbers, &TYPES);
    let mut text = String::new();
    if numbers.draw() % 5 < 3 {
        text.push_str(PROLOGUE);
    }
    for _ in 0..1 + numbers.draw() % 3 {
        let slot = slot(&mut numbers);
        let hex: Vec<String> = slot.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = writeln!(text, ".hex {}", hex.join(" "));
    }
    text.push_str("r0 = 0\nr0 = 0\nexit\n");
    Case { name: format!("raw {seed}"), prog_type: Some(prog_type), text, ..Case::default() }
}

fn pick<T: Copy>(numbers: &mut Numbers, from: &[T]) -> T {
    from[numbers.draw() as usize % from.len()]
}

/// A slot whose opcode there is; wide loads, which take two, are left out.
fn slot(numbers: &mut Numbers) -> Insn {
    let code = loop {
        let code = numbers.draw() as u8;
        let unknown = |error: skep_isa::Error| error.kind == skep_isa::ErrorKind::UnknownOpcode;
        if code != 0x18 && !skep_isa::decode(&[Insn { code, ..Insn::default() }], 0).is_err_and(unknown) {
            break code;
        }
    };
    let (dst, src) = (pick(numbers, &DST), pick(numbers, &SRC));
    let (off, imm) = (pick(numbers, &OFF), pick(numbers, &IMM));
    let insn = Insn { code, dst, src, off, imm };
    match code & 7 {
        1 if !numbers.draw().is_multiple_of(32) => Insn { imm: 0, ..insn },
        5 if code == 0x85 => Insn { src: 0, off: off & 1, imm: pick(numbers, &HELPERS), ..insn },
        5 | 6 => Insn { off: off & 1, imm: if code == 0x06 { imm & 1 } else { imm }, ..insn },
        _ => insn,
    }
}
