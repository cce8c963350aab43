//! `struct bpf_object` in the hands of a test.

use libbpf_sys::{
    bpf_map, bpf_object, bpf_object__close, bpf_object__find_map_by_name, bpf_object__find_program_by_name,
    bpf_object__load, bpf_object__open_mem, bpf_object_open_opts, bpf_program, libbpf_set_print,
};
use std::ffi::{CString, c_char, c_int};
use std::sync::{Mutex, Once, PoisonError};

/// What libbpf said.
static SAID: Mutex<String> = Mutex::new(String::new());

unsafe extern "C" {
    fn vsnprintf(
        into: *mut c_char,
        size: usize,
        format: *const c_char,
        args: *mut libbpf_sys::__va_list_tag,
    ) -> c_int;
}

unsafe extern "C" fn listen(
    level: libbpf_sys::libbpf_print_level,
    format: *const c_char,
    args: *mut libbpf_sys::__va_list_tag,
) -> c_int {
    if level == libbpf_sys::LIBBPF_DEBUG {
        return 0;
    }
    let mut text = vec![0_u8; 16 << 10];
    // SAFETY: libbpf's format and its arguments.
    let len = unsafe { vsnprintf(text.as_mut_ptr().cast(), text.len(), format, args) };
    text.truncate(usize::try_from(len).unwrap_or(0).min(text.len() - 1));
    SAID.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&text));
    0
}

/// Takes what libbpf said since the last time.
pub(crate) fn message() -> String {
    std::mem::take(&mut *SAID.lock().unwrap_or_else(PoisonError::into_inner))
}

/// An open object.
pub(crate) struct Object(pub(crate) *mut bpf_object);

impl Object {
    /// Opens a fixture.
    pub(crate) fn open(name: &str) -> Result<Object, String> {
        static LISTEN: Once = Once::new();
        // SAFETY: the function lives as long as the process.
        LISTEN.call_once(|| unsafe {
            libbpf_set_print(Some(listen));
        });
        message();
        let path = format!("{}/../fixtures/{name}.bpf.o", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
        let c_name = CString::new(name).unwrap();
        let opts = bpf_object_open_opts {
            sz: size_of::<bpf_object_open_opts>() as u64,
            object_name: c_name.as_ptr(),
            ..Default::default()
        };
        // SAFETY: bytes and options that live for the call; libbpf copies what it keeps.
        let object = unsafe { bpf_object__open_mem(bytes.as_ptr().cast(), bytes.len() as u64, &opts) };
        if object.is_null() { Err(message()) } else { Ok(Object(object)) }
    }

    /// Loads it.
    pub(crate) fn load(&self) -> Result<(), String> {
        // SAFETY: it is open.
        match unsafe { bpf_object__load(self.0) } {
            0 => Ok(()),
            error => Err(format!("{error}: {}", message())),
        }
    }

    /// A map by its name.
    pub(crate) fn map(&self, name: &str) -> *mut bpf_map {
        let name = CString::new(name).unwrap();
        // SAFETY: it is open.
        let map = unsafe { bpf_object__find_map_by_name(self.0, name.as_ptr()) };
        assert!(!map.is_null(), "{name:?}");
        map
    }

    /// A program by its name.
    pub(crate) fn program(&self, name: &str) -> *mut bpf_program {
        let name = CString::new(name).unwrap();
        // SAFETY: it is open.
        let program = unsafe { bpf_object__find_program_by_name(self.0, name.as_ptr()) };
        assert!(!program.is_null(), "{name:?}");
        program
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: it is open, and nothing is asked of it any more.
        unsafe { bpf_object__close(self.0) };
    }
}
