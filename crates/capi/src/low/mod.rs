//! libbpf's names for the calls of `bpf(2)`, one file per family (`bpf.h`).
//!
//! Each fills in `union bpf_attr` as libbpf 1.5 does and calls the process-wide kernel. Returned is a number from 0 on, or
//! a negative errno, which is in `errno` as well.

mod attach;
mod elem;
mod ids;
mod link;
mod map;
mod misc;
mod obj;
mod prog;
mod run;
