//! Maps of objects.
#![expect(unsafe_code, reason = "functions that C calls by name, with what C points to")]

use super::{Map, Object, null};
use crate::attr::done;
use crate::text::text;
use skep_abi::Errno;
use std::ffi::{c_char, c_int};

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_object__next_map(object: *const Object, before: *const Map) -> *mut Map {
    // SAFETY: the caller's object, and a map of it or null.
    unsafe {
        let next = if before.is_null() { 0 } else { (*before).index + 1 };
        let maps = &(*object).maps;
        maps.get(next).map_or(std::ptr::null_mut(), |it| std::ptr::from_ref(&**it).cast_mut())
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_object__find_map_by_name(object: *const Object, name: *const c_char) -> *mut Map {
    // SAFETY: a text, and the caller's object.
    let (name, maps) = unsafe { (text(name), &(*object).maps) };
    match maps.iter().find(|it| Some(it.name.as_c_str()) == name) {
        Some(map) => std::ptr::from_ref(&**map).cast_mut(),
        None => null(Errno::ENOENT),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_object__find_map_fd_by_name(object: *const Object, name: *const c_char) -> c_int {
    // SAFETY: as above.
    unsafe {
        let map = bpf_object__find_map_by_name(object, name);
        if map.is_null() { done(Err(Errno::ENOENT)) } else { bpf_map__fd(map) }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_map__name(map: *const Map) -> *const c_char {
    // SAFETY: the caller's map.
    unsafe { (*map).name.as_ptr() }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_map__fd(map: *const Map) -> c_int {
    // SAFETY: the caller's map.
    let (loaded, index) = unsafe { ((*(*map).object).loaded.as_ref(), (*map).index) };
    let fd = loaded.and_then(|it| it.maps().get(index)?.fd.as_ref().ok().map(|fd| fd.0));
    done(fd.ok_or(Errno::EINVAL))
}
