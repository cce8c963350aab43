//! The graph of the instructions.

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
}
