//! The graph of the instructions.

pub(crate) mod calls;
mod components;
mod depth;
mod fastcall;
mod live;
mod postorder;
mod rewrite;
mod walk;

use skep_isa::Insn;

use crate::check::jump_offset;
use crate::code::{class, is_wide, op};

/// No successor.
const NONE: u32 = u32::MAX;

/// Order of instructions, and components of the graph.
#[derive(Clone, Debug, Default)]
pub struct Cfg {
    /// Instructions in postorder, function after function.
    pub postorder: Vec<u32>,
    /// How many strongly connected components there are, plus one.
    pub scc_count: u32,
    /// Where each instruction goes within its function: the next one first, then where it jumps.
    successors: Vec<[u32; 2]>,
}

impl Cfg {
    /// Where an instruction goes within its function; a call goes to the next one (`bpf_insn_successors`).
    pub fn successors(&self, insn_idx: usize) -> &[u32] {
        let of = &self.successors[insn_idx];
        &of[..2 - of.iter().filter(|&&it| it == NONE).count()]
    }

    fn find_successors(&mut self, insns: &[Insn]) {
        self.successors = insns.iter().enumerate().map(|(i, insn)| successors(i, *insn)).collect();
    }
}

fn successors(i: usize, insn: Insn) -> [u32; 2] {
    let next = i as u32 + 1 + u32::from(is_wide(insn));
    let target = (i as i32).wrapping_add(jump_offset(insn)).wrapping_add(1) as u32;
    if !matches!(class(insn), class::JMP | class::JMP32) {
        return [next, NONE];
    }
    match op(insn) {
        op::EXIT => [NONE, NONE],
        op::JA => [target, NONE],
        op::CALL => [next, NONE],
        _ => [next, target],
    }
}
