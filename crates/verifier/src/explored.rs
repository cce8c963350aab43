//! States that were kept, by instruction.

use crate::state::{State, StateNr};

/// Where a state is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In the list of its instruction.
    Listed,
    /// Nowhere: it was of little use there, but paths from it are not at their end (`free_list`).
    Evicted,
}

/// All states that others hold on to: an arena with places that are used again.
#[derive(Debug, Default)]
pub struct Explored {
    places: Vec<Option<(Box<State>, Place)>>,
    free: Vec<u32>,
}

impl Explored {
    /// Keeps a state.
    pub(crate) fn add(&mut self, state: State) -> StateNr {
        let entry = Some((Box::new(state), Place::Listed));
        match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = entry;
                StateNr(place)
            }
            None => {
                self.places.push(entry);
                StateNr(self.places.len() as u32 - 1)
            }
        }
    }

    /// The state of a number that [`Explored::add`] gave and [`Explored::remove`] did not take back.
    pub(crate) fn get(&self, nr: StateNr) -> &State {
        match &self.places[nr.0 as usize] {
            Some((state, _)) => state,
            None => unreachable!("a state that is gone is nobody's parent"),
        }
    }

    /// As [`Explored::get`].
    pub(crate) fn get_mut(&mut self, nr: StateNr) -> &mut State {
        match &mut self.places[nr.0 as usize] {
            Some((state, _)) => state,
            None => unreachable!("a state that is gone is nobody's parent"),
        }
    }

    /// Takes a state out for a while.
    pub(crate) fn take(&mut self, nr: StateNr) -> Box<State> {
        match &mut self.places[nr.0 as usize] {
            Some((state, _)) => std::mem::take(state),
            None => unreachable!("a state that is gone is nobody's parent"),
        }
    }

    /// Puts back what [`Explored::take`] took out.
    pub(crate) fn put_back(&mut self, nr: StateNr, state: Box<State>) {
        if let Some(entry) = &mut self.places[nr.0 as usize] {
            entry.0 = state;
        }
    }

    /// Where it is found.
    pub(crate) fn place(&self, nr: StateNr) -> Place {
        self.places[nr.0 as usize].as_ref().map_or(Place::Evicted, |it| it.1)
    }

    /// Says that it is no longer in a list.
    pub(crate) fn evict(&mut self, nr: StateNr) {
        if let Some(entry) = &mut self.places[nr.0 as usize] {
            entry.1 = Place::Evicted;
        }
    }

    /// Drops a state.
    pub(crate) fn remove(&mut self, nr: StateNr) {
        if self.places[nr.0 as usize].take().is_some() {
            self.free.push(nr.0);
        }
    }
}
