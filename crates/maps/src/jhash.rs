//! Bob Jenkins' lookup3, as the kernel's `jhash` has it: bloom filters and stack ids depend on its values.

const START: u32 = 0xdead_beef;

/// The hash of bytes; `jhash2` for whole little-endian words is the same function.
pub(crate) fn jhash(bytes: &[u8], seed: u32) -> u32 {
    let start = START.wrapping_add(bytes.len() as u32).wrapping_add(seed);
    let mut state = [start; 3];
    let mut rest = bytes;
    while let Some((block, behind)) = rest.split_first_chunk::<12>()
        && !behind.is_empty()
    {
        add(&mut state, block);
        mix(&mut state);
        rest = behind;
    }
    if !rest.is_empty() {
        let mut block = [0; 12];
        block[..rest.len()].copy_from_slice(rest);
        add(&mut state, &block);
        finish(&mut state);
    }
    state[2]
}

fn add(state: &mut [u32; 3], block: &[u8; 12]) {
    for (word, bytes) in state.iter_mut().zip(block.chunks_exact(4)) {
        let number = bytes.iter().rev().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        *word = word.wrapping_add(number);
    }
}

/// Rotations of the six steps: each takes one word from another, mixes it in and adds the third.
const MIX: [u32; 6] = [4, 6, 8, 16, 19, 4];
/// Rotations of the seven last steps.
const FINISH: [u32; 7] = [14, 11, 25, 16, 4, 14, 24];

fn mix(state: &mut [u32; 3]) {
    for (step, by) in MIX.into_iter().enumerate() {
        let (a, b, c) = (step % 3, (step + 1) % 3, (step + 2) % 3);
        state[a] = state[a].wrapping_sub(state[c]) ^ state[c].rotate_left(by);
        state[c] = state[c].wrapping_add(state[b]);
    }
}

fn finish(state: &mut [u32; 3]) {
    for (step, by) in FINISH.into_iter().enumerate() {
        // c from b, a from c, b from a, and so on.
        let (to, from) = ((step + 2) % 3, (step + 1) % 3);
        state[to] = (state[to] ^ state[from]).wrapping_sub(state[from].rotate_left(by));
    }
}

#[cfg(test)]
mod tests {
    use super::jhash;

    /// The values of lookup3's own self test (`driver5`), which starts from 0xdeadbeef as well.
    #[test]
    fn known_values() {
        assert_eq!(jhash(b"", 0), 0xdead_beef);
        assert_eq!(jhash(b"", 0xdead_beef), 0xbd5b_7dde);
        assert_eq!(jhash(b"Four score and seven years ago", 0), 0x1777_0551);
        assert_eq!(jhash(b"Four score and seven years ago", 1), 0xcd62_8161);
    }
}
