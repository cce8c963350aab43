//! libbpf's names for objects: open, load, look around, attach; and handlers of section names.
//!
//! This is what tests of programs need, not all of `libbpf.h`: options of `bpf_object__open_file` but `object_name`, and
//! what changes maps before they are made, are missing.

mod handler;
mod link;
mod map;
mod open;
mod program;

use handler::Callbacks;
use skep_loader::{Loaded, OpenObject};
use std::ffi::CString;

/// `struct bpf_object`. C has the addresses of its programs and maps.
#[expect(clippy::vec_box, reason = "they must not move when the list grows")]
pub(crate) struct Object {
    name: CString,
    /// Until it is loaded.
    open: Option<OpenObject>,
    /// From then on.
    loaded: Option<Loaded>,
    programs: Vec<Box<Program>>,
    maps: Vec<Box<Map>>,
}

/// `struct bpf_program`.
pub(crate) struct Program {
    object: *mut Object,
    /// Among the object's.
    index: usize,
    name: CString,
    section: CString,
    /// As it was when the object was loaded.
    prog_type: u32,
    attach_type: u32,
    /// Of the handler that was registered for its section.
    callbacks: Option<Callbacks>,
}

/// `struct bpf_map`.
pub(crate) struct Map {
    object: *mut Object,
    index: usize,
    name: CString,
}

/// `struct bpf_link`.
pub(crate) struct Link(skep_loader::Link);

/// Answers NULL, with errno set.
fn null<T>(error: skep_abi::Errno) -> *mut T {
    crate::errno::set(error);
    std::ptr::null_mut()
}

/// A text for C; what is behind a NUL in it is lost.
fn c_text(text: &str) -> CString {
    let bytes: Vec<u8> = text.bytes().take_while(|it| *it != 0).collect();
    CString::new(bytes).unwrap_or_default()
}
