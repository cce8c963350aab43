//! Second opinions: the real kernel's bpf(2) and rbpf, recorded for tests that need neither.
