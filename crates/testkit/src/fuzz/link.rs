//! Static linking: whatever two objects are, they are linked or refused; what comes out can be read and linked again.

use skep_object::Object;

use super::corpus;
use super::input::Input;
use crate::{fixtures, linking};

/// Bytes of output for each of input, beside a constant.
const GROWTH: usize = 40;

/// Takes the bytes for two objects, one behind the other, if they begin like one; otherwise for changes to two of the
/// fixtures, mostly those that belong together.
pub fn link(bytes: &[u8]) {
    if bytes.starts_with(b"\x7fELF") {
        let second =
            bytes.windows(4).skip(1).position(|it| it == b"\x7fELF").map_or(bytes.len(), |at| at + 1);
        return both(&bytes[..second], &bytes[second..]);
    }
    let input = &mut Input::new(bytes);
    let mut files = [object(input), object(input)];
    files.iter_mut().for_each(|file| input.mutate(file));
    both(&files[0], &files[1]);
}

fn object(input: &mut Input<'_>) -> Vec<u8> {
    let mut parts: Vec<Vec<u8>> =
        linking::PARTS.iter().map(|name| fixtures::read(&format!("{name}.bpf.o"))).collect();
    parts.push(input.pick(corpus::objects()));
    input.pick(&parts)
}

fn both(a: &[u8], b: &[u8]) {
    for inputs in [&[("a", a)][..], &[("a", a), ("b", b)], &[("b", b), ("a", a)]] {
        match skep_loader::linker::link(inputs) {
            Ok(linked) => {
                assert!(linked.bytes.len() <= (a.len() + b.len()) * GROWTH + (1 << 20));
                let _ = Object::parse(&linked.bytes);
                let _ = skep_loader::linker::link(&[("both", &linked.bytes)]);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
