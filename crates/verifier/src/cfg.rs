//! The graph of the instructions.

/// Order of instructions, and components of the graph.
#[derive(Clone, Debug, Default)]
pub struct Cfg {
    /// Instructions in postorder, function after function.
    pub postorder: Vec<u32>,
    /// How many strongly connected components there are, plus one.
    pub scc_count: u32,
}
