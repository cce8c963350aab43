//! The file that an iterator writes into.

use skep_abi::Errno;

/// What an iterator wrote so far: the `seq_file` of its context.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seq {
    /// The `struct seq_file` that the program is handed.
    pub(crate) addr: u64,
    /// What was written.
    pub(crate) bytes: Vec<u8>,
    /// How much of it for objects before.
    before: usize,
}

/// The buffer of a `seq_file` of an iterator (`BPF_SEQ_BUF_SIZE` is eight pages), which one object may not fill.
pub(crate) const LIMIT: usize = 8 * 4096;
/// The most that is kept of a whole iteration.
const TOTAL: usize = 16 << 20;

impl Seq {
    /// The file for the next object, behind what was written for those before.
    pub(crate) fn behind(addr: u64, bytes: Vec<u8>) -> Seq {
        Seq { addr, before: bytes.len(), bytes }
    }

    /// Appends bytes, all of them or none (`seq_write`, `fs/seq_file.c`).
    ///
    /// # Errors
    /// `EOVERFLOW`: the buffer is full.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let all = self.bytes.len() + bytes.len();
        if all - self.before >= LIMIT || all > TOTAL {
            return Err(Errno::EOVERFLOW);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_may_not_fill_the_buffer() {
        let mut seq = Seq::behind(1, vec![1; LIMIT]);
        assert_eq!(seq.write(&vec![2; LIMIT - 2]), Ok(()));
        assert_eq!(seq.write(&[3; 2]), Err(Errno::EOVERFLOW));
        assert_eq!((seq.write(&[4]), seq.bytes.len()), (Ok(()), 2 * LIMIT - 1));
        let mut next = Seq::behind(1, seq.bytes);
        assert_eq!(next.write(&[5; 100]), Ok(()));
    }
}
