//! Chores of the skep repository.

fn main() {}
