//! Kernel objects, and the values that a test gives them.

mod value;

pub use value::{Args, FieldValue};
