//! Sequences of `bpf(2)` as text, and what the running kernel answers to each call: every byte that came back.
//!
//! A script is a list of cases; a case runs in a process of its own, with nothing open but 0, 1 and 2, its own mount and
//! network namespaces, and a bpffs at `/sys/fs/bpf` that only it sees.
//!
//! ```text
//! case hash, noexist
//! m = MAP_CREATE map_type=hash key_size=4 value_size=8 max_entries=2
//! MAP_UPDATE_ELEM map_fd=$m key=[01000000] value=[u64(7)] flags=BPF_NOEXIST
//! MAP_LOOKUP_ELEM map_fd=$m key=[01000000] value=[aa*8]
//! p = PROG_LOAD prog_type=xdp prog={r0 = 2; exit} license="GPL"
//! ```
//!
//! | step | meaning |
//! |---|---|
//! | `[name =] COMMAND field=value...` | the call; a new descriptor gets a name. `CMD99` is an unknown command |
//! | `buf name bytes`, `put &name+4 bytes` | user memory, and a later write to it |
//! | `close $m`, `d = dup $m` | |
//! | `dir = open "/path"` | a directory, for `path_fd` |
//! | `e = perf_event_open attr=[bytes] pid=-1 cpu=0 group=$l flags=0`, `ioctl $e request argument` | |
//! | `for i in 0..4` ... `end` | the lines between, with `{i}` replaced |
//!
//! A value is a number, names or numbers joined by `|`, `$m` (the descriptor), `$m.id` (its object's id), `&name+4` (an
//! address), `#name` (bytes of a buffer), `[bytes]` or `"text"` (the address of a new buffer; text ends in NUL), or
//! `prog={insn; insn}` (`insns` and `insn_cnt`). Beside fields: `size=N` (bytes of the attribute, [`ATTR`] otherwise),
//! `at36=[bytes]` (raw), `~field` and `~&name+4:8` (bytes whose values are not compared: times, addresses).
//!
//! Bytes are hex digits, `aa*8`, `u32(5)`, `u64(-1)`, `"text"` (no NUL), `$m`, `$m.id`, `&name`.
//!
//! Buffers end where their last page ends; behind it nothing is mapped, so that what reaches too far is `EFAULT`.
//! Addresses are the same in every run.
//!
//! # Recordings
//! A recording is the script with answers, in a form that needs no parser of scripts:
//!
//! ```text
//! = hash, noexist
//! > m = MAP_CREATE map_type=hash key_size=4 value_size=8 max_entries=2
//! c 0 168 0100000004000000[00*4]...      command, bytes of the attribute, its bytes without the zeroes at the end
//! r fd 3 m map                           the new descriptor, its name and kind
//! > MAP_LOOKUP_ELEM map_fd=$m key=[01000000] value=[aa*8]
//! b 100000ffc 01000000                   new user memory: address, bytes
//! b 100002ff8 [aa*8]
//! c 1 168 <m>...                         a descriptor or id by its name
//! r 0                                    the answer, or the name of an errno
//! m 100002ff8 0700000000000000           user memory that changed
//! a 4 00000000                           bytes of the attribute that changed, from an offset
//! ```
//!
//! `..` is a byte whose value is not compared. Other steps: `w ADDRESS BYTES` (written by the process itself), `x close m`,
//! `x dup m`, `x open PATH`, `x perf_event_open ADDRESS PID CPU GROUP FLAGS` and `x ioctl e REQUEST ARGUMENT` (with an
//! `r`; group and argument as bytes).

mod fields;
pub mod generate;
mod live;
mod parse;
mod script;
mod words;

pub use live::record;
pub use parse::{Mistake, parse};
pub use script::{Act, Bytes, Call, Case, Perf, Step, Symbol};

/// Bytes of the attribute unless a step says otherwise: the whole `union bpf_attr` of Linux 6.18.
pub const ATTR: usize = 168;
