//! Copies of spans: bytes and rights, for snapshots.
#![expect(unsafe_code, reason = "reads and writes the bytes and shadows of the reservation")]

use crate::host::Region;
use crate::resident::Plane;
use crate::space::{Space, Span};

/// The unit in which zeros are looked for. Small, so that small objects have few; a page is a multiple of it.
const CHUNK: usize = 4096;

/// What a span held: its bytes, and both its shadows.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    span: Span,
    data: Runs,
    load: Runs,
    store: Runs,
}

/// The chunks of a span that are not all zero, neighbours joined: offset from its start, and bytes.
type Runs = Vec<(usize, Vec<u8>)>;

impl Space {
    /// Copies a committed span. What was never touched costs nothing.
    pub(crate) fn save(&self, span: Span) -> Saved {
        let [data, load, store] = Plane::ALL.map(|plane| {
            let (region, offset) = self.region(plane, span);
            save(region, offset, span.len as usize)
        });
        Saved { span, data, load, store }
    }

    /// Puts a copy back. The span is committed.
    pub(crate) fn put_back(&self, saved: &Saved) {
        let Saved { span, data, load, store } = saved;
        for (plane, runs) in Plane::ALL.into_iter().zip([data, load, store]) {
            let (region, offset) = self.region(plane, *span);
            put_back(region, offset, span.len as usize, runs);
        }
    }
}

fn save(region: &Region, offset: usize, len: usize) -> Runs {
    let mut runs = Runs::new();
    for at in (0..len).step_by(CHUNK) {
        let mut chunk = [0; CHUNK];
        let chunk = &mut chunk[..CHUNK.min(len - at)];
        // SAFETY: the span is committed, and `chunk` is no part of the reservation.
        unsafe { chunk.as_mut_ptr().copy_from_nonoverlapping(region.base().add(offset + at), chunk.len()) };
        if is_zero(chunk) {
            continue;
        }
        match runs.last_mut() {
            Some((start, bytes)) if *start + bytes.len() == at => bytes.extend_from_slice(chunk),
            _ => runs.push((at, chunk.to_vec())),
        }
    }
    runs
}

fn put_back(region: &Region, offset: usize, len: usize, runs: &Runs) {
    let mut done = 0;
    for (at, bytes) in runs {
        zero(region, offset + done, at - done);
        // SAFETY: the span is committed, and a run of it lies inside.
        unsafe { region.base().add(offset + at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        done = at + bytes.len();
    }
    zero(region, offset + done, len - done);
}

/// Writes zeros where there are none, so that untouched pages stay so.
fn zero(region: &Region, offset: usize, len: usize) {
    for at in (0..len).step_by(CHUNK) {
        let here = region.base().wrapping_add(offset + at);
        let mut chunk = [0; CHUNK];
        let chunk = &mut chunk[..CHUNK.min(len - at)];
        // SAFETY: as in `save`.
        unsafe { chunk.as_mut_ptr().copy_from_nonoverlapping(here, chunk.len()) };
        if !is_zero(chunk) {
            // SAFETY: the chunk was just read, and what is committed can be written.
            unsafe { here.write_bytes(0, chunk.len()) };
        }
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |any, byte| any | byte) == 0
}
