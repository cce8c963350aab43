//! Which slots the real kernel takes for instructions: every opcode with fields that it uses and fields that it does not.
//!
//! The recording groups them by answer: a line `= ok`, or `= ` and the last line of the verifier's log, and below it the
//! slots in hex, one or two a line.

use std::collections::BTreeMap;

use skep_isa::{AluOp, Imm64, Insn, JmpOp, Op, Operand, Reg, Width};

use crate::sys::{MapCreate, ProgLoad};

/// `BPF_PROG_TYPE_SCHED_CLS`.
const SCHED_CLS: u32 = 3;

/// What one field is set to, apart from zero.
const DST: [u8; 3] = [1, 10, 11];
const SRC: [u8; 7] = [1, 2, 3, 6, 7, 10, 11];
const OFF: [i16; 6] = [1, 2, 8, 16, 32, -1];
const IMM: [i32; 20] = [
    1, 16, 32, 64, 8, 0x40, 0x50, 0x41, 0x51, 0xa0, 0xa1, 0xe0, 0xe1, 0xf0, 0xf1, 0x100, 0x101, 0x110,
    0x10000, -1,
];

/// Asks the kernel about every slot of [`candidates`].
///
/// # Errors
/// If the map for the programs cannot be made.
pub fn record() -> std::io::Result<String> {
    let map = MapCreate { kind: 2, key_size: 4, value_size: 64, max_entries: 1, ..MapCreate::default() }
        .create()?;
    let mut answers = BTreeMap::<String, Vec<String>>::new();
    for slots in candidates() {
        let text = program(&slots, map.raw_fd());
        let load = ProgLoad {
            prog_type: SCHED_CLS,
            insns: &text,
            license: "GPL",
            log_level: 1,
            ..Default::default()
        };
        let answer = match load.load() {
            Ok(_) => "ok".to_string(),
            Err(rejected) => rejected.message().to_string(),
        };
        let hex = Insn::to_vec(&slots).iter().map(|byte| format!("{byte:02x}")).collect();
        answers.entry(answer).or_default().push(hex);
    }
    Ok(answers.iter().map(|(answer, slots)| format!("= {answer}\n{}\n", slots.join("\n"))).collect())
}

/// Slots to try: all opcodes bare, and those that exist with one or two of their fields set.
pub fn candidates() -> Vec<Vec<Insn>> {
    let mut all = Vec::new();
    for code in 0..=255u8 {
        let bare = Insn { code, ..Insn::default() };
        all.push(vec![bare]);
        if code == 0x18 {
            all.extend(wide(bare));
        } else if exists(code) {
            all.extend(variants(bare).map(|insn| vec![insn]));
        }
    }
    all
}

/// Whether some slot of this opcode is an instruction.
fn exists(code: u8) -> bool {
    let unknown = |error: skep_isa::Error| error.kind == skep_isa::ErrorKind::UnknownOpcode;
    !skep_isa::decode(&[Insn { code, ..Insn::default() }], 0).is_err_and(unknown)
}

fn variants(bare: Insn) -> impl Iterator<Item = Insn> {
    let base = Insn { dst: 1, src: if uses_src(bare.code) { 2 } else { 0 }, ..bare };
    // Byte swaps have no meaning without an immediate, atomics have one.
    let base = if matches!(bare.code, 0xd4 | 0xd7 | 0xdc) { Insn { imm: 32, ..base } } else { base };
    let dst = DST.map(|dst| Insn { dst, ..base });
    let src = SRC.map(|src| Insn { src, ..base });
    let off = OFF.map(|off| Insn { off, ..base });
    let imm = IMM.map(|imm| Insn { imm, ..base });
    let no_dst = [Insn { dst: 0, ..base }, Insn { dst: 0, src: 0, ..base }, Insn { src: 0, ..base }];
    let no_dst_src = SRC.map(|src| Insn { dst: 0, src, ..base });
    let no_dst_off = OFF.map(|off| Insn { dst: 0, src: 0, off, ..base });
    let no_dst_imm = IMM.map(|imm| Insn { dst: 0, src: 0, imm, ..base });
    let cast = [Insn { off: 1, imm: 1, ..base }, Insn { off: 8, imm: 1, ..base }];
    let all = [&dst[..], &src, &off, &imm, &no_dst, &no_dst_src, &no_dst_off, &no_dst_imm, &cast].concat();
    all.into_iter()
}

/// Whether a register is expected in `src`.
const fn uses_src(code: u8) -> bool {
    match code & 7 {
        1 | 3 => true,
        4..=7 => code & 8 != 0,
        _ => false,
    }
}

fn wide(bare: Insn) -> Vec<Vec<Insn>> {
    let zero = Insn::default();
    let mut all = Vec::new();
    for src in 0..=8 {
        let first = Insn { dst: 1, src, ..bare };
        all.push(vec![first, zero]);
        all.push(vec![first, Insn { imm: 1, ..zero }]);
        all.push(vec![Insn { off: 1, ..first }, zero]);
    }
    let seconds = [
        Insn { code: 0x95, ..zero },
        Insn { dst: 1, ..zero },
        Insn { src: 1, ..zero },
        Insn { off: 1, ..zero },
        Insn { imm: -1, ..zero },
    ];
    all.extend(seconds.map(|second| vec![Insn { dst: 1, ..bare }, second]));
    all
}

/// A program in which the slots would be good if they are any: numbers in the registers, or pointers to a map's value
/// where memory is accessed, and the context in R6.
fn program(slots: &[Insn], map_fd: i32) -> Vec<Insn> {
    let code = slots.first().map_or(0, |insn| insn.code);
    let is_memory = matches!(code & 7, 1..=3);
    let is_load = code & 7 == 1 || slots.first().is_some_and(|insn| code & 7 == 3 && insn.imm == 0x100);
    let value = Imm64::MapValue { fd: map_fd, off: 8 };
    let copy = |dst, src| Op::Alu { op: AluOp::Mov, width: Width::W64, dst, src };
    let mut text = Vec::new();
    let mut push = |op: Op| op.encode_into(&mut text);
    push(copy(Reg::R6, Operand::Reg(Reg::R1)));
    for reg in [Reg::R0, Reg::R1, Reg::R2, Reg::R3, Reg::R7] {
        let is_base = if is_load { reg != Reg::R1 } else { !matches!(reg, Reg::R2 | Reg::R0) };
        if is_memory && is_base {
            push(Op::LoadImm64 { dst: reg, value });
        } else {
            push(copy(reg, Operand::Imm(1)));
        }
    }
    // A way around, so that what follows an exit is not unreachable; R3 is 1 or a pointer.
    let around = slots.len() as i16;
    push(Op::Branch { op: JmpOp::Eq, width: Width::W64, dst: Reg::R3, src: Operand::Imm(0), off: around });
    text.extend_from_slice(slots);
    // Long enough for the jumps forward.
    let zero = copy(Reg::R0, Operand::Imm(0)).encode().0;
    text.extend([zero; 80]);
    text.push(Op::Exit.encode().0);
    text
}
