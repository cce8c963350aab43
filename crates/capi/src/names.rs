//! libbpf's functions that ask no kernel: its version, its errors, and the words for numbers.
#![expect(unsafe_code, reason = "functions that C calls by name")]

use crate::attr::done;
use crate::errno;
use crate::machine::default_kernel;
use crate::text::put_text;
use skep_abi::{AttachType, Errno, MapType, ProgType};
use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::sync::OnceLock;

/// The version of libbpf whose calls these are.
const MAJOR: u32 = 1;
const MINOR: u32 = 5;
const VERSION: &CStr = c"v1.5";

#[unsafe(no_mangle)]
extern "C" fn libbpf_major_version() -> u32 {
    MAJOR
}

#[unsafe(no_mangle)]
extern "C" fn libbpf_minor_version() -> u32 {
    MINOR
}

#[unsafe(no_mangle)]
extern "C" fn libbpf_version_string() -> *const c_char {
    VERSION.as_ptr()
}

/// libbpf's own errors, from this number on.
const FIRST: i32 = 4000;
const ERRORS: [&str; 13] = [
    "Something wrong in libelf",
    "BPF object format invalid",
    "'version' section incorrect or lost",
    "Endian mismatch",
    "Internal error in libbpf",
    "Relocation failed",
    "Kernel verifier blocks program loading",
    "Program too big",
    "Incorrect kernel version",
    "Kernel doesn't support this program type",
    "Wrong pid in netlink message",
    "Invalid netlink sequence",
    "Incorrect netlink message parsing",
];

#[unsafe(no_mangle)]
unsafe extern "C" fn libbpf_strerror(error: c_int, buf: *mut c_char, size: usize) -> c_int {
    if buf.is_null() || size == 0 {
        return done(Err(Errno::EINVAL));
    }
    let number = error.unsigned_abs();
    let (text, unknown) = match message(number) {
        Some(text) => (text, false),
        None if number < FIRST as u32 => (format!("Unknown error {number}"), true),
        None => (format!("Unknown libbpf error {number}"), true),
    };
    // SAFETY: the caller's bytes.
    unsafe { put_text(buf, size, &text) };
    match () {
        () if text.len() >= size => done(Err(Errno::ERANGE)),
        () if unknown && number < FIRST as u32 => done(Err(Errno::EINVAL)),
        () if unknown => done(Err(Errno::ENOENT)),
        () => 0,
    }
}

fn message(number: u32) -> Option<String> {
    let number = i32::try_from(number).ok()?;
    match number.checked_sub(FIRST).and_then(|it| usize::try_from(it).ok()) {
        Some(own) => ERRORS.get(own).map(|it| (*it).to_owned()),
        None if number == 0 => Some("Success".to_owned()),
        None => Errno::from_code(number).map(|it| it.description().to_owned()),
    }
}

#[unsafe(no_mangle)]
extern "C" fn libbpf_get_error(pointer: *const c_void) -> c_long {
    if !pointer.is_null() {
        return 0;
    }
    // Functions that answer a pointer set it when that is null.
    c_long::from(-errno::get())
}

/// There are no modes any more since libbpf 1.0; strict is all there is.
#[unsafe(no_mangle)]
extern "C" fn libbpf_set_strict_mode(_mode: c_int) -> c_int {
    0
}

/// Memory is not accounted for by `RLIMIT_MEMLOCK`, as on kernels since 5.11: there is nothing to raise.
#[unsafe(no_mangle)]
extern "C" fn libbpf_set_memlock_rlim(_bytes: usize) -> c_int {
    0
}

#[unsafe(no_mangle)]
extern "C" fn libbpf_num_possible_cpus() -> c_int {
    done(default_kernel().map(|it| it.with(|it| it.kernel().cpus() as i32)))
}

/// Words with a NUL behind each, made once.
type Words = OnceLock<Vec<Option<std::ffi::CString>>>;

fn word(words: &'static Words, number: u32, name: impl Fn(u32) -> Option<&'static str>) -> *const c_char {
    /// No vocabulary is longer.
    const MOST: u32 = 128;
    let words = words.get_or_init(|| (0..MOST).map(|it| std::ffi::CString::new(name(it)?).ok()).collect());
    words.get(number as usize).and_then(Option::as_deref).map_or(std::ptr::null(), CStr::as_ptr)
}

#[unsafe(no_mangle)]
extern "C" fn libbpf_bpf_map_type_str(number: u32) -> *const c_char {
    static WORDS: Words = OnceLock::new();
    let name = |it: u32| if it == 0 { Some("unspec") } else { MapType::from_u32(it).map(MapType::name) };
    word(&WORDS, number, name)
}

#[unsafe(no_mangle)]
extern "C" fn libbpf_bpf_prog_type_str(number: u32) -> *const c_char {
    static WORDS: Words = OnceLock::new();
    let name = |it: u32| if it == 0 { Some("unspec") } else { ProgType::from_u32(it).map(ProgType::name) };
    word(&WORDS, number, name)
}

#[unsafe(no_mangle)]
extern "C" fn libbpf_bpf_attach_type_str(number: u32) -> *const c_char {
    static WORDS: Words = OnceLock::new();
    word(&WORDS, number, |it| AttachType::from_u32(it).map(AttachType::name))
}

#[unsafe(no_mangle)]
extern "C" fn libbpf_bpf_link_type_str(number: u32) -> *const c_char {
    static WORDS: Words = OnceLock::new();
    word(&WORDS, number, |it| LINKS.get(it as usize).copied())
}

/// `enum bpf_link_type`, by libbpf's words.
const LINKS: [&str; 14] = [
    "unspec",
    "raw_tracepoint",
    "tracing",
    "cgroup",
    "iter",
    "netns",
    "xdp",
    "perf_event",
    "kprobe_multi",
    "struct_ops",
    "netfilter",
    "tcx",
    "uprobe_multi",
    "netkit",
];
