//! Walking a map while it changes.

/// Where a walk over a map is: plain data that survives any change of the map.
///
/// A walk visits each element that exists from its beginning to when it is reached exactly once, and none that was
/// made after it began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// Index of an array element, or serial number of a hash element, to be visited next.
    pub(crate) next: u64,
    /// The first number that is not visited any more.
    pub(crate) end: u64,
}

impl Cursor {
    /// The cursor as two words, for whoever keeps plain data.
    pub fn to_words(self) -> [u64; 2] {
        [self.next, self.end]
    }

    /// The cursor that [`Cursor::to_words`] gave. Made-up words make a walk that visits too much or too little, and
    /// nothing worse.
    pub fn from_words([next, end]: [u64; 2]) -> Cursor {
        Cursor { next, end }
    }
}

/// One element of a walk.
#[derive(Clone, Copy, Debug)]
pub struct Item<'m> {
    pub(crate) key: Key<'m>,
    /// The address of the value, for per-CPU maps that of the running CPU.
    pub value: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Key<'m> {
    Index([u8; 4]),
    Bytes(&'m [u8]),
}

impl Item<'_> {
    /// The bytes of the key.
    pub fn key(&self) -> &[u8] {
        match &self.key {
            Key::Index(bytes) => bytes,
            Key::Bytes(bytes) => bytes,
        }
    }
}
