//! A program as user space is shown it: after the verifier rewrote it (`bpf_insn_prepare_dump`, `kernel/bpf/syscall.c`).
//!
//! As in the kernel are: code that nothing reaches, which goes, with the branches that always go one way and the jumps to
//! the next instruction; maps by id; functions by number. Not as in the kernel are what it makes of accesses to contexts,
//! of helpers that it has code for, and of `bpf_loop` and `may_goto`: here these stay what they were.

use skep_isa::Insn;
use skep_isa::facts::Facts;

/// `BPF_LD | BPF_IMM | BPF_DW`; `BPF_JMP | BPF_JA`, `BPF_JMP32 | BPF_JA`, `BPF_JMP | BPF_CALL`.
const LD_IMM64: u8 = 0x18;
const JA: u8 = 0x05;
const JA32: u8 = 0x06;
const CALL: u8 = 0x85;
/// `BPF_PSEUDO_CALL`, and `BPF_PSEUDO_FUNC` of wide loads.
const PSEUDO_CALL: u8 = 1;
const PSEUDO_FUNC: u8 = 4;

/// A rewritten program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Xlated {
    /// Its instructions: jumps as they are now; calls and pointers of functions as the number of the function in `imm`
    /// (of a pointer, in its second slot), and what was there before in `off` (in `imm`).
    pub(crate) insns: Vec<Insn>,
    /// Which slot of the program as it was loaded each is.
    pub(crate) slots: Vec<usize>,
    /// Where functions start; the first is 0.
    pub(crate) starts: Vec<usize>,
    /// Records of functions and lines, which begin with a slot.
    pub(crate) funcs: Vec<u8>,
    pub(crate) lines: Vec<u8>,
}

/// An instruction on its way.
struct Node {
    insn: Insn,
    slot: usize,
    /// The slot that it goes to or points to.
    target: Option<usize>,
}

/// A record that begins with a place in the program.
struct Record {
    at: usize,
    rest: Vec<u8>,
}

struct Rewrite {
    nodes: Vec<Node>,
    /// Where functions start, by their first slots.
    starts: Vec<(usize, usize)>,
    lines: Vec<Record>,
}

/// Rewrites a program. `reached` is empty if nobody knows.
pub(crate) fn xlate(insns: &[Insn], facts: Option<&Facts>, funcs: &[u8], lines: &[u8]) -> Xlated {
    let mut it = Rewrite { nodes: nodes(insns), starts: Vec::new(), lines: records(lines, 16) };
    it.starts = starts(&it.nodes);
    if let Some(facts) = facts.filter(|it| it.rows().len() >= insns.len()) {
        it.hard_wire(facts);
        it.remove_dead(facts);
        it.remove_nops();
    }
    let kept = |slot: u32| it.starts.iter().find(|start| start.0 == slot as usize);
    let funcs: Vec<Record> = records(funcs, 8)
        .into_iter()
        .filter_map(|record| Some(Record { at: kept(record.at as u32)?.1, ..record }))
        .collect();
    let starts: Vec<usize> = it.starts.iter().map(|it| it.1).collect();
    Xlated {
        insns: it.finish(&starts),
        slots: it.nodes.iter().map(|it| it.slot).collect(),
        starts,
        funcs: bytes(&funcs),
        lines: bytes(&it.lines),
    }
}

fn records(given: &[u8], size: usize) -> Vec<Record> {
    let record = |it: &[u8]| {
        let (at, rest) = it.split_at(4);
        let at = at.try_into().map_or(0, u32::from_le_bytes) as usize;
        Record { at, rest: rest.to_vec() }
    };
    given.chunks_exact(size).map(record).collect()
}

fn bytes(records: &[Record]) -> Vec<u8> {
    records.iter().flat_map(|it| [&(it.at as u32).to_le_bytes()[..], &it.rest].concat()).collect()
}

fn nodes(insns: &[Insn]) -> Vec<Node> {
    let mut second = false;
    let node = |(slot, insn): (usize, &Insn)| {
        let was_second = second;
        second = insn.code == LD_IMM64 && !was_second;
        let by = match insn.code {
            _ if was_second => None,
            LD_IMM64 => Some(i64::from(insn.imm)).filter(|_| insn.src == PSEUDO_FUNC),
            JA32 => Some(i64::from(insn.imm)),
            CALL => Some(i64::from(insn.imm)).filter(|_| insn.src == PSEUDO_CALL),
            JA => Some(i64::from(insn.off)),
            code if is_branch(code) => Some(i64::from(insn.off)),
            _ => None,
        };
        let target = by.and_then(|by| usize::try_from(slot as i64 + 1 + by).ok());
        Node { insn: *insn, slot, target }
    };
    insns.iter().enumerate().map(node).collect()
}

/// `insn_is_cond_jump`.
fn is_branch(code: u8) -> bool {
    let op = code & 0xf0;
    match code & 7 {
        6 => op != 0,
        5 => !matches!(op, 0 | 0x80 | 0x90),
        _ => false,
    }
}

/// Where functions start, and the slots that these are.
fn starts(nodes: &[Node]) -> Vec<(usize, usize)> {
    let is_function = |it: &&Node| matches!(it.insn.code, CALL | LD_IMM64);
    let mut starts: Vec<usize> = nodes.iter().filter(is_function).filter_map(|it| it.target).collect();
    starts.push(0);
    starts.sort_unstable();
    starts.dedup();
    starts.into_iter().map(|slot| (slot, slot)).collect()
}

impl Rewrite {
    /// Branches of which one way is never gone become jumps (`opt_hard_wire_dead_code_branches`).
    fn hard_wire(&mut self, facts: &Facts) {
        for node in &mut self.nodes {
            let Some(target) = node.target.filter(|_| is_branch(node.insn.code)) else { continue };
            let next = node.slot + 1;
            let to = match (facts.at(next).reached, facts.at(target).reached) {
                (false, _) => target,
                (true, false) => next,
                (true, true) => continue,
            };
            node.insn = Insn::new(JA, 0, 0, 0, 0);
            node.target = Some(to);
        }
    }

    /// What nothing comes to goes (`opt_remove_dead_code`).
    fn remove_dead(&mut self, facts: &Facts) {
        let mut at = 0;
        while at < self.nodes.len() {
            let dead = self.nodes[at..].iter().take_while(|it| !facts.at(it.slot).reached).count();
            if dead > 0 {
                self.remove(at, dead);
            } else {
                at += 1;
            }
        }
    }

    /// Jumps to the next instruction go (`opt_remove_nops`).
    fn remove_nops(&mut self) {
        let mut at = 0;
        while at < self.nodes.len() {
            let node = &self.nodes[at];
            let to = node.target.map(|it| self.place(it));
            if node.insn.code == JA && to == Some(at + 1) {
                self.remove(at, 1);
            } else {
                at += 1;
            }
        }
    }

    /// Where a slot of the program as it was loaded is now: what came in its place, if it is gone.
    fn place(&self, slot: usize) -> usize {
        self.nodes.partition_point(|it| it.slot < slot)
    }

    /// Takes instructions out (`verifier_remove_insns`).
    fn remove(&mut self, off: usize, count: usize) {
        self.nodes.drain(off..off + count);
        self.remove_functions(off, count);
        self.remove_lines(off, count);
    }

    /// `adjust_subprog_starts_after_remove`.
    fn remove_functions(&mut self, off: usize, count: usize) {
        let mut first = self.starts.partition_point(|it| it.1 < off);
        let mut stays = self.starts.partition_point(|it| it.1 < off + count);
        let end = self.nodes.len() + count;
        let exact = self.starts.get(stays).map_or(end, |it| it.1) == off + count;
        if !exact {
            stays -= 1;
        }
        if stays > first {
            self.starts.drain(first..stays);
        } else if self.starts.get(first).is_some_and(|it| it.1 == off) {
            first += 1;
        }
        self.starts.iter_mut().skip(first).for_each(|it| it.1 -= count);
    }

    /// `bpf_adj_linfo_after_remove`: the first instruction behind what is gone has the last of its lines, if it had none.
    fn remove_lines(&mut self, off: usize, count: usize) {
        let from = self.lines.partition_point(|it| it.at < off);
        let mut to = self.lines.partition_point(|it| it.at < off + count);
        let inherits = self.lines.get(to).is_none_or(|it| it.at != off + count);
        if to > from && self.nodes.len() != off && inherits {
            to -= 1;
            self.lines[to].at = off + count;
        }
        self.lines.drain(from..to);
        self.lines.iter_mut().skip(from).for_each(|it| it.at -= count);
    }

    /// The instructions, with their jumps and functions.
    fn finish(&self, starts: &[usize]) -> Vec<Insn> {
        let mut out: Vec<Insn> = self.nodes.iter().map(|it| it.insn).collect();
        for (at, node) in self.nodes.iter().enumerate() {
            let Some(to) = node.target.map(|it| self.place(it)) else { continue };
            let by = to as i64 - at as i64 - 1;
            let function = starts.iter().position(|it| *it == to).unwrap_or(0) as i32;
            match node.insn.code {
                CALL => (out[at].off, out[at].imm) = (by as i16, function),
                JA32 => out[at].imm = by as i32,
                LD_IMM64 => {
                    out[at].imm = by as i32;
                    if let Some(second) = out.get_mut(at + 1) {
                        second.imm = function;
                    }
                }
                _ => out[at].off = by as i16,
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_isa::asm::assemble;
    use skep_isa::facts::Fact;

    fn rewritten(text: &str, dead: &[usize], lines: &[u32]) -> (String, Vec<u32>, Vec<usize>) {
        let insns = assemble(text).unwrap();
        let fact = |slot| Fact { reached: !dead.contains(&slot), ..Fact::default() };
        let facts = Facts::new((0..insns.len()).map(fact).collect());
        let lines: Vec<u8> = lines.iter().flat_map(|it| [&it.to_le_bytes()[..], &[0; 12]].concat()).collect();
        let out = xlate(&insns, Some(&facts), &[], &lines);
        let text: Vec<String> = skep_isa::disassemble(&out.insns).map(|it| it.to_string()).collect();
        let lines = out.lines.chunks(16).map(|it| u32::from_le_bytes(it[..4].try_into().unwrap()));
        (text.join("\n"), lines.collect(), out.slots)
    }

    #[test]
    fn branches_that_go_one_way() {
        let text = "r0 = 1\nif r0 == 1 goto out\nr0 = 9\nr0 += 1\nout:\nexit";
        let (text, lines, slots) = rewritten(text, &[2, 3], &[0, 1, 2, 4]);
        assert_eq!(slots, [0, 4], "{text}");
        assert_eq!(lines, [0, 1], "the line of the branch goes with it");
    }

    #[test]
    fn a_line_is_inherited() {
        let text = "r0 = 1\nr1 = 9\nr1 = 8\nexit";
        assert_eq!(rewritten(text, &[1], &[0, 1]).1, [0, 1]);
        assert_eq!(rewritten(text, &[1], &[0, 1, 2]).1, [0, 1]);
        assert_eq!(rewritten(text, &[1, 2, 3], &[0, 1, 2]).1, [0]);
    }

    #[test]
    fn functions_by_number() {
        let insns = assemble("call f\nexit\nf:\nr0 = 1\nexit").unwrap();
        let out = xlate(&insns, None, &[], &[]);
        assert_eq!((out.insns[0].off, out.insns[0].imm), (1, 1));
        assert_eq!(out.starts, [0, 2]);
    }
}
