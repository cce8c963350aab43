//! What firing hands to a run.

use super::seq::Seq;
use crate::context::Context;
use crate::invocation::Probed;

/// A context, and what the kernel knows beside it.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) ctx: Context,
    pub(crate) traced: Option<Traced>,
    /// Where the probed function starts, if the registers say something else.
    pub(crate) entry: Option<u64>,
    pub(crate) seq: Option<Seq>,
    /// What was interrupted, where no registers are the context.
    pub(crate) probed: Option<Probed>,
    /// Bytes of a context that the program may not write.
    pub(crate) read_only: bool,
    /// The arguments' places are in the program's maps.
    pub(crate) usdt: bool,
    /// The return of a function on whose entry the program is attached too.
    pub(crate) session_return: bool,
    /// How a flow is to be taken apart (`BPF_FLOW_DISSECTOR_F_*`).
    pub(crate) flow_flags: u32,
    /// Nobody said how long the packet was on the wire, and the program finds 0.
    pub(crate) no_wire_len: bool,
}

impl From<Context> for Setup {
    fn from(ctx: Context) -> Setup {
        Setup { ctx, ..Setup::default() }
    }
}

/// What the words of a context are, where a function or a hook is traced: arguments, then perhaps what it returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Traced {
    /// Words of arguments.
    pub(crate) args: usize,
    /// A word with the return value follows.
    pub(crate) ret: bool,
    /// Where the function starts.
    pub(crate) ip: u64,
}
