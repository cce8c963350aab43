//! The simulated address space: objects, rights, shadow, faults that name what was missed.
