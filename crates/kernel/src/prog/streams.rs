//! What programs write for whoever loaded them (`kernel/bpf/stream.c`).

use skep_abi::Errno;

/// What a stream holds at most (`BPF_STREAM_MAX_CAPACITY`).
const CAPACITY: usize = 100_000;

/// The two streams of a program: `BPF_STDOUT` (1) and `BPF_STDERR` (2).
#[derive(Debug, Default)]
pub(crate) struct Streams([Vec<u8>; 2]);

impl Streams {
    /// The stream of a number, if there is one.
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Vec<u8>> {
        self.0.get_mut((number as usize).checked_sub(1)?)
    }

    /// Writes to a stream.
    ///
    /// # Errors
    /// `ENOENT`: there is no such stream. `ENOSPC`: it is full, and nothing is written.
    pub(crate) fn write(&mut self, number: u32, text: &[u8]) -> Result<(), Errno> {
        let stream = self.get_mut(number).ok_or(Errno::ENOENT)?;
        if stream.len() + text.len() >= CAPACITY {
            return Err(Errno::ENOSPC);
        }
        stream.extend_from_slice(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_fill_up() {
        let mut streams = Streams::default();
        assert_eq!(streams.write(0, b"a"), Err(Errno::ENOENT));
        assert_eq!(streams.write(3, b"a"), Err(Errno::ENOENT));
        assert_eq!(streams.write(1, &vec![0; CAPACITY - 1]), Ok(()));
        assert_eq!(streams.write(1, b"a"), Err(Errno::ENOSPC));
        assert_eq!(streams.write(2, b"a"), Ok(()));
        assert_eq!(streams.get_mut(2).map(|it| it.len()), Some(1));
    }
}
