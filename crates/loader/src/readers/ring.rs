//! libbpf's `ring_buffer`: any number of RINGBUF maps, each with a callback's worth of records.

use std::ops::ControlFlow;

use skep_abi::Errno;
use skep_kernel::{Fd, Kernel};

use super::Flow;

/// A reader of what programs send through ring buffers.
#[derive(Clone, Debug, Default)]
pub struct RingBuffer {
    maps: Vec<Fd>,
}

impl RingBuffer {
    /// A reader of one map (`ring_buffer__new`).
    ///
    /// # Errors
    /// `EINVAL`: `map` is no RINGBUF.
    pub fn new(kernel: &Kernel, map: Fd) -> Result<RingBuffer, Errno> {
        let mut reader = RingBuffer::default();
        reader.add(kernel, map)?;
        Ok(reader)
    }

    /// Reads another map as well (`ring_buffer__add`).
    ///
    /// # Errors
    /// `EINVAL`: `map` is no RINGBUF.
    pub fn add(&mut self, kernel: &Kernel, map: Fd) -> Result<(), Errno> {
        kernel.map(map)?.ring().ok_or(Errno::EINVAL)?;
        self.maps.push(map);
        Ok(())
    }

    /// The maps that it reads.
    pub fn maps(&self) -> &[Fd] {
        &self.maps
    }

    /// Reads every record that is committed, up to the first that is not (`ring_buffer__consume`), and says how many
    /// there were. Discarded records are passed over.
    ///
    /// # Errors
    /// A callback that breaks with a negative number stops the reader with that errno; its record counts as read, as
    /// libbpf has it.
    pub fn consume(
        &mut self,
        kernel: &Kernel,
        on_sample: &mut dyn FnMut(Fd, &[u8]) -> Flow,
    ) -> Result<usize, Errno> {
        let mut count = 0;
        for &fd in &self.maps {
            let ring = kernel.map(fd)?.ring().ok_or(Errno::EINVAL)?;
            while let Some(sample) = ring.consume(kernel.memory())? {
                count += 1;
                if let ControlFlow::Break(code) = on_sample(fd, &sample) {
                    return Err(Errno::from_return(code.into()).unwrap_or(Errno::ECANCELED));
                }
            }
        }
        Ok(count)
    }
}
