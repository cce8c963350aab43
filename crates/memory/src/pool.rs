//! Reservations that a dropped memory left behind, clean, for the next one.

use crate::error::HostLimit;
use crate::host::Region;
use crate::layout::Arena;
use crate::space::Space;
use std::sync::{Mutex, PoisonError};

/// More than the threads of a test run need at once; each may keep about a megabyte resident.
const MOST: usize = 16;

static FREE: Mutex<Vec<Space>> = Mutex::new(Vec::new());

/// A clean reservation.
pub(crate) fn take() -> Result<Space, HostLimit> {
    // Nothing panics under the lock; and a vector that was interrupted is still a vector of clean reservations.
    let kept = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    kept.map_or_else(Space::reserve, Ok)
}

/// Takes a reservation back; cleans it first, outside of the lock.
pub(crate) fn give(mut space: Space, used: [u32; Arena::ALL.len()]) {
    if !Region::POOLED || !space.clean(used) {
        return;
    }
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if free.len() < MOST {
        free.push(space);
    }
}
