//! Captures: reading ends, in packets or an error, after no more of them than the bytes can hold.

use skep_runner::Capture;

use super::corpus;
use super::input::Input;

/// Takes the bytes for a capture, and for changes to one of the fixtures.
pub fn capture(bytes: &[u8]) {
    read(bytes);
    let input = &mut Input::new(bytes);
    let mut file = input.pick(corpus::captures());
    input.mutate(&mut file);
    read(&file);
}

fn read(file: &[u8]) {
    let capture = match Capture::new(file) {
        Ok(capture) => capture,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let mut bytes = 0;
    for (count, packet) in capture.enumerate() {
        match packet {
            Ok(packet) => bytes += packet.data.len(),
            Err(error) => assert_eq!(error.after, count),
        }
        // A record of either format has a header of at least 12 bytes.
        assert!(bytes + 12 * count <= file.len(), "{count} packets with {bytes} bytes");
    }
}
