//! Opening, loading and closing objects.
#![expect(unsafe_code, reason = "functions that C calls by name, with what C points to")]

use super::{Map, Object, Program, c_text, handler, null};
use crate::attr::{Opts, done};
use crate::given::Given;
use crate::layout::object_open;
use crate::machine::default_kernel;
use crate::text::text;
use skep_abi::Errno;
use skep_loader::sec::Handler;
use skep_loader::{OpenObject, OpenOptions};
use std::ffi::{c_char, c_int, c_void};

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_object__open(path: *const c_char) -> *mut Object {
    // SAFETY: a text, and no options.
    unsafe { bpf_object__open_file(path, std::ptr::null()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_object__open_file(path: *const c_char, opts: Opts) -> *mut Object {
    // SAFETY: null, or a text.
    let Some(path) = (unsafe { text(path) }).and_then(|it| it.to_str().ok()) else {
        return null(Errno::EINVAL);
    };
    match std::fs::read(path) {
        // SAFETY: the caller's options.
        Ok(bytes) => unsafe { open(&bytes, opts, std::path::Path::new(path).file_name()) },
        Err(error) => null(error.raw_os_error().and_then(Errno::from_code).unwrap_or(Errno::EIO)),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_object__open_mem(bytes: *const c_void, size: usize, opts: Opts) -> *mut Object {
    if bytes.is_null() || size == 0 {
        return null(Errno::EINVAL);
    }
    // SAFETY: the caller's bytes and options.
    unsafe { open(std::slice::from_raw_parts(bytes.cast(), size), opts, None) }
}

/// # Safety
/// `opts` are options, or null.
unsafe fn open(bytes: &[u8], opts: Opts, file: Option<&std::ffi::OsStr>) -> *mut Object {
    // SAFETY: the caller's options.
    let given = match unsafe { Given::new(opts, object_open::OPTIONS) } {
        Ok(given) => given,
        Err(error) => return null(error),
    };
    let at = std::ptr::with_exposed_provenance(given.u64(object_open::object_name) as usize);
    // SAFETY: null, or a text.
    let name = unsafe { text(at) }.map(|it| it.to_string_lossy().into_owned());
    // A file is called what it is called up to its first dot.
    let of_file = || file.and_then(|it| Some(it.to_str()?.split('.').next()?.to_owned()));
    let name = name.or_else(of_file);
    let options =
        OpenOptions { handlers: handler::registry(), object_name: name.clone(), ..OpenOptions::default() };
    let Ok(open) = OpenObject::parse_with(bytes, &options) else {
        return null(Errno::EINVAL);
    };
    let object = Box::into_raw(Box::new(Object {
        name: c_text(&name.unwrap_or_default()),
        open: None,
        loaded: None,
        programs: Vec::new(),
        maps: Vec::new(),
    }));
    // SAFETY: it was just made, and nobody has it.
    let made = unsafe { &mut *object };
    for (index, plan) in open.programs().iter().enumerate() {
        let custom = plan.handler().and_then(Handler::custom).and_then(|it| handler::callbacks(it.id()));
        made.programs.push(Box::new(Program {
            object,
            index,
            name: c_text(&plan.name),
            section: c_text(plan.section()),
            prog_type: 0,
            attach_type: 0,
            callbacks: custom,
        }));
    }
    for (index, plan) in open.maps().iter().enumerate() {
        made.maps.push(Box::new(Map { object, index, name: c_text(&plan.name) }));
    }
    made.open = Some(open);
    for index in 0..made.programs.len() {
        // SAFETY: as above; programs stay where they are.
        let program = unsafe { &raw mut *(&mut *object).programs[index] };
        // SAFETY: a program of this object.
        let set_up = unsafe { (*program).callbacks.map_or(Ok(()), |it| it.set_up(program)) };
        if let Err(error) = set_up {
            // SAFETY: it goes back where it came from.
            drop(unsafe { Box::from_raw(object) });
            return null(error);
        }
    }
    object
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_object__load(object: *mut Object) -> c_int {
    let load = || -> Result<i32, Errno> {
        let kernel = default_kernel()?;
        // SAFETY: the caller's object; callbacks reach it through the same pointer while nothing here looks.
        let open = unsafe { (*object).open.take() }.ok_or(Errno::EINVAL)?;
        for plan in open.programs() {
            // SAFETY: as above.
            let program = unsafe { &mut (&mut *object).programs[plan.index] };
            program.prog_type = plan.prog_type().map_or(0, |it| it as u32);
            program.attach_type = plan.attach_type.map_or(0, |it| it as u32);
        }
        let loaded = handler::loading(object, || kernel.with(|it| open.load_all(it.kernel_mut())));
        let loaded = loaded.map_err(|error| {
            kernel.set_error(error.to_string());
            error.errno.unwrap_or(Errno::EINVAL)
        })?;
        // SAFETY: as above.
        unsafe { (*object).loaded = Some(loaded) };
        Ok(0)
    };
    done(load())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_object__close(object: *mut Object) {
    if object.is_null() {
        return;
    }
    // SAFETY: it came out of a box, and goes back there once.
    let object = unsafe { Box::from_raw(object) };
    if let (Some(loaded), Ok(kernel)) = (object.loaded, default_kernel()) {
        kernel.with(|it| {
            let fds = loaded.programs().iter().map(|it| it.fd.as_ref().ok().map(|fd| fd.0));
            let fds: Vec<i32> = fds
                .chain(loaded.maps().iter().map(|it| it.fd.as_ref().ok().map(|fd| fd.0)))
                .flatten()
                .collect();
            for fd in fds {
                // What its user closed is closed.
                let _ = it.close(fd);
            }
        });
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_object__name(object: *const Object) -> *const c_char {
    // SAFETY: the caller's object.
    if object.is_null() { null(Errno::EINVAL) } else { unsafe { (*object).name.as_ptr() } }
}
