//! The file that an iterator writes into.

use skep_abi::Errno;

#[allow(dead_code, reason = "what iterators are made of")]
/// What an iterator wrote so far: the `seq_file` of its context.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seq {
    /// The `struct seq_file` that the program is handed.
    pub(crate) addr: u64,
    /// What was written.
    pub(crate) bytes: Vec<u8>,
}

/// The most that one object may write: the buffer of a `seq_file` of an iterator (`BPF_SEQ_BUF_SIZE` is eight pages).
const LIMIT: usize = 8 * 4096;
/// The most that is kept of a whole iteration.
const TOTAL: usize = 16 << 20;

impl Seq {
    #[allow(dead_code, reason = "what iterators are made of")]
    pub(crate) fn new(addr: u64) -> Seq {
        Seq { addr, bytes: Vec::new() }
    }

    /// Appends bytes, all of them or none.
    ///
    /// # Errors
    /// `EOVERFLOW`: the buffer is full.
    #[allow(dead_code, reason = "what bpf_seq_write is made of")]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        if bytes.len() > LIMIT || self.bytes.len() + bytes.len() > TOTAL {
            return Err(Errno::EOVERFLOW);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}
