//! Small changes of a program.

use skep_isa::Insn;

use super::Sample;
use crate::fuzz::Input;

/// Numbers to put in the place of others.
const NUMBERS: [i32; 16] = [0, 1, -1, 2, 7, 8, 15, 16, 63, 64, 255, 256, 4096, i32::MAX, i32::MIN, -8];

/// Changes one thing.
pub(super) fn mutate(input: &mut Input<'_>, sample: &mut Sample) {
    let count = sample.insns.len();
    let at = input.below(count);
    // The second half of a wide load is no instruction.
    if at > 0 && sample.insns[at - 1].code == 0x18 {
        return;
    }
    let class = sample.insns[at].code & 7;
    match input.below(12) {
        0 | 1 => imm(input, &mut sample.insns[at]),
        2 | 3 if !matches!(class, 0 | 4 | 7) && !matches!(sample.insns[at].code, 0x85 | 0x95) => {
            sample.insns[at].off = nudge(input, sample.insns[at].off.into()) as i16;
        }
        4 => sample.insns[at].dst = input.below(11) as u8,
        5 if matches!(class, 1 | 3) || sample.insns[at].code & 8 != 0 => {
            sample.insns[at].src = input.below(11) as u8;
        }
        6 => code(input, &mut sample.insns[at]),
        7 => {
            let other = input.below(count);
            sample.insns.swap(at, other);
        }
        8 => sample.insns[at] = Insn::new(0xb7, input.below(10) as u8, 0, 0, 0),
        9 => duplicate(sample, at),
        10 => remove(sample, at),
        _ => imm(input, &mut sample.insns[at]),
    }
}

fn imm(input: &mut Input<'_>, insn: &mut Insn) {
    insn.imm = if input.below(2) == 0 { nudge(input, insn.imm) } else { input.pick(&NUMBERS) };
}

fn nudge(input: &mut Input<'_>, number: i32) -> i32 {
    number.wrapping_add(input.pick(&[1, -1, 2, -2, 4, -4, 8, -8]))
}

/// Another size of an access, another operation or width of arithmetic or a jump.
fn code(input: &mut Input<'_>, insn: &mut Insn) {
    match insn.code & 7 {
        0..=3 => insn.code = insn.code & !0x18 | (input.below(4) << 3) as u8,
        _ if matches!(insn.code, 0x85 | 0x95) => {}
        // The other width.
        _ if input.below(2) == 0 => insn.code ^= 3,
        _ => insn.code = insn.code & 0x0f | (input.below(14) << 4) as u8,
    }
}

/// Puts the instruction there a second time and keeps all jumps to their targets.
fn duplicate(sample: &mut Sample, at: usize) {
    if sample.insns[at].code == 0x18 {
        return;
    }
    let again = sample.insns[at];
    sample.insns.insert(at, again);
    shift(sample, at, 1);
}

/// Takes the instruction out.
fn remove(sample: &mut Sample, at: usize) {
    if sample.insns[at].code == 0x18 || sample.insns.len() < 3 {
        return;
    }
    sample.insns.remove(at);
    shift(sample, at, -1);
}

/// Corrects distances across a place where `by` slots came or went.
fn shift(sample: &mut Sample, at: usize, by: i64) {
    let at = at as i64;
    for start in &mut sample.funcs {
        if i64::from(start.slot) > at {
            start.slot = (i64::from(start.slot) + by) as u32;
        }
    }
    for (place, insn) in sample.insns.iter_mut().enumerate() {
        let now = place as i64;
        let before = if now > at { now - by } else { now };
        let far = insn.code == 0x85 && insn.src == 1 || insn.code == 0x18 && insn.src == 4;
        let jump = matches!(insn.code & 7, 5 | 6) && !matches!(insn.code, 0x85 | 0x95 | 0x06);
        let distance = if far { i64::from(insn.imm) } else { i64::from(insn.off) };
        let target = before + 1 + distance;
        let moved = if target > at { target + by } else { target };
        let distance = moved - now - 1;
        if far {
            insn.imm = distance as i32;
        } else if jump {
            insn.off = distance as i16;
        }
    }
}
