//! The emulated kernel: helpers, program types and contexts, cpus, clock, perf and ring buffers, file descriptors.
