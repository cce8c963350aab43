//! Every BPF map type and its flag rules, over the simulated address space.
