//! States that were kept, by instruction.

use crate::state::{State, StateNr};

/// All states that others hold on to: an arena with places that are used again.
#[derive(Debug, Default)]
pub struct Explored {
    places: Vec<Option<Box<State>>>,
    free: Vec<u32>,
}

impl Explored {
    /// Keeps a state.
    pub fn add(&mut self, state: State) -> StateNr {
        match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = Some(Box::new(state));
                StateNr(place)
            }
            None => {
                self.places.push(Some(Box::new(state)));
                StateNr(self.places.len() as u32 - 1)
            }
        }
    }

    /// The state of a number that [`Explored::add`] gave and [`Explored::remove`] did not take back.
    pub fn get(&self, nr: StateNr) -> &State {
        match self.places.get(nr.0 as usize) {
            Some(Some(state)) => state,
            _ => unreachable!("a state that is gone is nobody's parent"),
        }
    }

    /// As [`Explored::get`].
    pub fn get_mut(&mut self, nr: StateNr) -> &mut State {
        match self.places.get_mut(nr.0 as usize) {
            Some(Some(state)) => state,
            _ => unreachable!("a state that is gone is nobody's parent"),
        }
    }

    /// Drops a state.
    pub fn remove(&mut self, nr: StateNr) {
        if let Some(place) = self.places.get_mut(nr.0 as usize) {
            *place = None;
            self.free.push(nr.0);
        }
    }
}
