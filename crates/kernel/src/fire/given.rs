//! The arguments that a firing was given, and which of them were used.

use crate::world::{Args, FieldValue};

/// Arguments by name. Each is to be used; one that nobody asked for is a mistake of the caller's.
#[derive(Debug)]
pub(super) struct Given {
    args: Args,
    used: Vec<bool>,
}

/// How many names a message lists.
const LISTED: usize = 24;

impl Given {
    pub(super) fn new(args: Args) -> Given {
        let used = vec![false; args.len()];
        Given { args, used }
    }

    /// Takes the value of a name.
    pub(super) fn take(&mut self, name: &str) -> Option<FieldValue> {
        let mut found = None;
        for ((given, value), used) in self.args.iter().zip(&mut self.used) {
            if given == name {
                *used = true;
                found = Some(value.clone());
            }
        }
        found
    }

    /// Takes all values that were not taken yet and whose names a test picks.
    pub(super) fn take_all(&mut self, mut pick: impl FnMut(&str) -> bool) -> Vec<(String, FieldValue)> {
        let rest = self.args.iter().zip(&mut self.used).filter(|((name, _), used)| !**used && pick(name));
        rest.map(|((name, value), used)| {
            *used = true;
            (name.to_owned(), value.clone())
        })
        .collect()
    }

    /// Gives values back that were taken, to be taken by somebody else.
    pub(super) fn give_back(&mut self, taken: Vec<(String, FieldValue)>) {
        for (given, used) in self.args.iter().zip(&mut self.used) {
            *used &= !taken.iter().any(|(name, _)| name == given.0);
        }
    }

    /// Puts a value in, in place of what was given under this name.
    pub(super) fn put(&mut self, name: &str, value: FieldValue) {
        self.args = std::mem::take(&mut self.args).with(name, value);
        self.used.push(false);
    }

    /// Whether a value of this name is left.
    pub(super) fn has(&self, name: &str) -> bool {
        self.args.iter().zip(&self.used).any(|((given, _), used)| given == name && !used)
    }

    /// Whether nothing is left.
    pub(super) fn is_done(&self) -> bool {
        self.used.iter().all(|used| *used)
    }

    /// Refuses what is left: `of` is whose arguments they are, `names` what there is.
    pub(super) fn finish<S: AsRef<str>>(&self, of: &str, names: &[S]) -> Result<(), String> {
        let left = self.args.iter().zip(&self.used).find(|(_, used)| !**used);
        let Some(((name, _), _)) = left else { return Ok(()) };
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).filter(|it| !it.is_empty()).collect();
        let list = match names.len() {
            0 => "it has none".to_owned(),
            count if count > LISTED => {
                format!("it has {}, ... ({count})", names[..LISTED].join(", "))
            }
            _ => format!("it has {}", names.join(", ")),
        };
        Err(format!("{of} has no argument {name:?}; {list}"))
    }
}
