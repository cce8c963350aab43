//! The kernel from outside: recordings of Linux 6.18 replayed, and what the mission asks of it, a test each.

mod bad_loads;
mod c_types;
mod fire;
mod fire_types;
mod load;
mod maps_and_fds;
mod memory_limit;
mod objects;
mod objects_prop;
mod packets;
mod perf_model;
mod perf_output;
mod probe_read;
mod replay_btf_show;
mod replay_perf;
mod replay_printf;
mod replay_probe_read;
mod replay_programs;
mod replay_tracing;
mod reports;
mod rings;
mod robust;
mod support;
mod tail_calls;
mod tasks_and_time;
