//! What libbpf does: open, relocate, load; ring and perf buffer readers.
