//! Which instructions can be executed at all, when those that CO-RE wrote are constants: what the kernel's verifier
//! never looks at, a kernel need not have.

use std::collections::{HashMap, VecDeque};

use skep::isa::{Callee, Imm64, Insn, Op, Operand, Reg, decode};
use skep::object::{Object, Target};

/// What is known of the registers: a number, or nothing.
type Known = [Option<u64>; Reg::COUNT];

/// The instructions that can be executed, by function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reach {
    /// Index in [`Object::programs`] to one truth for every slot.
    functions: HashMap<usize, Vec<bool>>,
}

impl Reach {
    /// What programs that start at `entries` reach; `code` gives the instructions of each function.
    pub(crate) fn of<'a>(
        object: &Object,
        entries: impl IntoIterator<Item = usize>,
        code: impl Fn(usize) -> &'a [Insn],
    ) -> Reach {
        let mut reach = Reach::default();
        let mut open: Vec<usize> = entries.into_iter().collect();
        while let Some(function) = open.pop() {
            if reach.functions.contains_key(&function) {
                continue;
            }
            let Some(program) = object.programs.get(function) else { continue };
            let outside = |slot| program.reloc_at(slot).map(|it| it.target);
            let reached = slots(code(function), outside);
            let callees = program.relocs.iter().filter(|it| reached.get(it.insn) == Some(&true));
            open.extend(callees.filter_map(|it| match it.target {
                Target::Subprog { program, .. } => Some(program),
                _ => None,
            }));
            reach.functions.insert(function, reached);
        }
        reach
    }

    /// Whether an instruction can be executed.
    pub(crate) fn has(&self, function: usize, slot: usize) -> bool {
        self.functions.get(&function).is_some_and(|slots| slots.get(slot) == Some(&true))
    }

    /// The functions that can be executed.
    pub(crate) fn functions(&self) -> impl Iterator<Item = usize> + '_ {
        self.functions.keys().copied()
    }
}

/// The reached slots of one function. What a slot refers to outside of the code is no constant.
fn slots(insns: &[Insn], outside: impl Fn(usize) -> Option<Target>) -> Vec<bool> {
    let mut walk =
        Walk { insns, reached: vec![false; insns.len()], heads: HashMap::new(), open: VecDeque::new() };
    walk.go(0, [None; Reg::COUNT]);
    while let Some(head) = walk.open.pop_front() {
        let Some(known) = walk.heads.get(&head).copied() else { continue };
        walk.block(head, known, &outside);
    }
    walk.reached
}

struct Walk<'a> {
    insns: &'a [Insn],
    reached: Vec<bool>,
    /// What is known wherever a jump goes to; it only gets less, so that the walk ends.
    heads: HashMap<usize, Known>,
    open: VecDeque<usize>,
}

impl Walk<'_> {
    /// Control may come to `slot` with these registers.
    fn go(&mut self, slot: usize, known: Known) {
        if slot >= self.insns.len() {
            return;
        }
        let before = self.heads.get(&slot).copied();
        let merged = before
            .map_or(known, |before| std::array::from_fn(|at| before[at].filter(|it| known[at] == Some(*it))));
        if before != Some(merged) {
            self.heads.insert(slot, merged);
            self.open.push_back(slot);
        }
    }

    /// From a head to where control goes on elsewhere, or to the next head.
    fn block(&mut self, head: usize, mut known: Known, outside: &impl Fn(usize) -> Option<Target>) {
        let mut slot = head;
        while slot < self.insns.len() {
            if slot != head && self.heads.contains_key(&slot) {
                return self.go(slot, known);
            }
            self.reached[slot] = true;
            let Ok(op) = decode(self.insns, slot) else { return };
            let next = slot + op.slots();
            let jump = |off: i64| usize::try_from(slot as i64 + 1 + off).unwrap_or(usize::MAX);
            match op {
                Op::Exit => return,
                Op::Jump { off } => return self.go(jump(off.into()), known),
                Op::MayGoto { off } => self.go(jump(off.into()), known),
                Op::Branch { op, width, dst, src, off } => {
                    let (a, b) = (known[dst.index()], value(&known, src));
                    match a.zip(b).map(|(a, b)| op.test(width, a, b)) {
                        Some(true) => return self.go(jump(off.into()), known),
                        Some(false) => {}
                        None => self.go(jump(off.into()), known),
                    }
                }
                op => self.step(&op, slot, outside(slot).is_some(), &mut known),
            }
            slot = next;
        }
    }

    /// What an instruction without a jump makes of the registers.
    fn step(&mut self, op: &Op, slot: usize, is_outside: bool, known: &mut Known) {
        match *op {
            Op::Alu { op, width, dst, src } => {
                let (old, operand) = (known[dst.index()], value(known, src));
                let old = if op.reads_dst() { old } else { Some(0) };
                known[dst.index()] = old.zip(operand).map(|(a, b)| op.eval(width, a, b));
            }
            Op::End { kind, bits, dst } => {
                known[dst.index()] = known[dst.index()].map(|it| kind.eval(bits, it));
            }
            Op::LoadImm64 { dst, value: Imm64::Const(number) } if !is_outside => {
                known[dst.index()] = Some(number);
            }
            Op::LoadImm64 { dst, .. } | Op::Load { dst, .. } | Op::AddrSpaceCast { dst, .. } => {
                known[dst.index()] = None;
            }
            Op::Atomic { reg, base, .. } => {
                for register in [reg, base, Reg::R0] {
                    known[register.index()] = None;
                }
            }
            Op::Call(callee) => {
                known[..6].fill(None);
                if let (Callee::Local(off), false) = (callee, is_outside) {
                    let target = usize::try_from(slot as i64 + 1 + i64::from(off)).unwrap_or(usize::MAX);
                    self.go(target, [None; Reg::COUNT]);
                }
            }
            Op::LoadPacket { .. } => known[..6].fill(None),
            _ => {}
        }
    }
}

fn value(known: &Known, operand: Operand) -> Option<u64> {
    match operand {
        Operand::Reg(reg) => known[reg.index()],
        Operand::Imm(imm) => Some(i64::from(imm) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep::isa::asm::assemble;

    /// The slots that are reached, as a string of `x` and `.`.
    fn reached(text: &str) -> String {
        let insns = assemble(text).unwrap();
        slots(&insns, |_| None).iter().map(|it| if *it { 'x' } else { '.' }).collect()
    }

    #[test]
    fn what_no_branch_leads_to_is_not_reached() {
        for (text, slots) in [
            ("r0 = 1\nexit\nr0 = 2\nexit", "xx.."),
            ("r1 = 1\nif r1 != 0 goto +1\ncall 130\nr0 = 0\nexit", "xx.xx"),
            ("r1 = 0\nif r1 != 0 goto +1\ncall 130\nr0 = 0\nexit", "xxxxx"),
            ("if r1 != 0 goto +1\ncall 130\nr0 = 0\nexit", "xxxx"),
            ("r2 = 5\nr2 -= 5\nif w2 == 0 goto +1\ncall 130\nr0 = 0\nexit", "xxx.xx"),
            ("r2 = 0x100000000 ll\nif w2 == 0 goto +1\ncall 130\nr0 = 0\nexit", "x.x.xx"),
            ("r6 = 1\ncall 7\nif r6 == 1 goto +1\ncall 130\nexit", "xxx.x"),
            ("r1 = 1\ncall 7\nif r1 == 1 goto +1\ncall 130\nexit", "xxxxx"),
            ("r6 = 0\nif r1 == 0 goto +1\nr6 = 1\nif r6 == 1 goto +1\ncall 130\nexit", "xxxxxx"),
            ("r6 = 0\nr6 += 1\nif r6 < 10 goto -2\nexit", "xxxx"),
        ] {
            assert_eq!(reached(text), slots, "{text}");
        }
    }
}
