//! Decisions out of bytes.

/// Bytes that decisions are taken from, front to back; zeroes once they are used up.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All decisions that these bytes make.
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    /// Whether nothing is left to decide from.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// The next few bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let (taken, rest) = self.0.split_at(N.min(self.0.len()));
        out[..taken.len()].copy_from_slice(taken);
        self.0 = rest;
        out
    }

    /// A number below `limit`, which is at least 1.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(u16::from_le_bytes(self.array())) % limit
    }

    /// One of these, which are at least one.
    pub fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    /// Changes a few places of a file, as long as there is something left to decide from.
    pub fn mutate(&mut self, file: &mut Vec<u8>) {
        for _ in 0..16 {
            if self.is_empty() || file.is_empty() {
                break;
            }
            self.mutate_once(file);
        }
    }

    fn mutate_once(&mut self, file: &mut Vec<u8>) {
        let kind = self.byte();
        let back = u32::from_le_bytes(self.array()) as usize;
        // Headers are at the begin, or for ELF at the end.
        let at = match kind >> 6 {
            0 => back % file.len().min(64),
            1 => file.len() - 1 - back % file.len().min(4096),
            _ => back % file.len(),
        };
        let end = |len: usize| (at + len).min(file.len());
        match kind & 7 {
            0..=2 => file[at] = self.byte(),
            3 => file[at] ^= 1 << (self.byte() & 7),
            4 => {
                let word = self.pick(&WORDS).to_le_bytes();
                let places = file[at & !3..].iter_mut();
                places.zip(word).for_each(|(place, byte)| *place = byte);
            }
            5 => drop(file.drain(at..end(usize::from(self.byte()) + 1))),
            6 => {
                let again = file[at..end(usize::from(self.byte()) + 1)].to_vec();
                file.splice(at..at, again);
            }
            _ => file.truncate(at),
        }
    }
}

/// Numbers at which checks go wrong.
const WORDS: [u32; 10] =
    [0, 1, 4, 0xff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff];
