//! Numbers of descriptors that somebody else gives out.

use super::Fd;
use skep_abi::Errno;
use std::cell::RefCell;
use std::fmt;

/// What gives out numbers.
pub(super) type Source = Box<dyn FnMut() -> Result<i32, Errno> + Send>;

/// The source of numbers for new descriptors, if the table is not to choose them.
#[derive(Default)]
pub(super) struct Numbers(RefCell<State>);

#[derive(Default)]
struct State {
    source: Option<Source>,
    /// Taken from the source, and not used yet.
    next: Option<i32>,
}

impl Numbers {
    pub(super) fn set(&mut self, source: Option<Source>) {
        *self.0.get_mut() = State { source, next: None };
    }

    /// Sees to it that there is a number for the next descriptor.
    ///
    /// # Errors
    /// The source's.
    pub(super) fn reserve(&self) -> Result<(), Errno> {
        let mut state = self.0.borrow_mut();
        if state.next.is_none()
            && let Some(source) = &mut state.source
        {
            let number = source()?;
            state.next = Some(number);
        }
        Ok(())
    }

    /// The number of the next descriptor; none if the table is to choose it.
    pub(super) fn take(&mut self) -> Option<Fd> {
        // Whoever opens something asked for room; without, the table chooses where the source has none.
        self.reserve().ok()?;
        self.0.get_mut().next.take().map(Fd)
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Numbers").finish_non_exhaustive()
    }
}
