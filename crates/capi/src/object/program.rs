//! Programs of objects.
#![expect(unsafe_code, reason = "functions that C calls by name, with what C points to")]

use super::{Link, Object, Program, null};
use crate::attr::done;
use crate::machine::default_kernel;
use crate::text::text;
use skep_abi::{AttachType, Errno, ProgType};
use skep_loader::ProgramPlan;
use std::ffi::{c_char, c_int};

/// The plan of a program that is not loaded yet.
///
/// # Safety
/// The program is one of an open object, and nobody else looks at it.
unsafe fn plan<'a>(program: *const Program) -> Option<&'a mut ProgramPlan> {
    // SAFETY: as above.
    let (object, index) = unsafe { ((*program).object, (*program).index) };
    // SAFETY: as above.
    unsafe { (*object).open.as_mut() }?.programs_mut().get_mut(index)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_object__next_program(object: *const Object, before: *const Program) -> *mut Program {
    // SAFETY: the caller's object, and a program of it or null.
    unsafe {
        let next = if before.is_null() { 0 } else { (*before).index + 1 };
        let programs = &(*object).programs;
        programs.get(next).map_or(std::ptr::null_mut(), |it| std::ptr::from_ref(&**it).cast_mut())
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_object__find_program_by_name(
    object: *const Object,
    name: *const c_char,
) -> *mut Program {
    // SAFETY: a text, and the caller's object.
    let (name, programs) = unsafe { (text(name), &(*object).programs) };
    match programs.iter().find(|it| Some(it.name.as_c_str()) == name) {
        Some(program) => std::ptr::from_ref(&**program).cast_mut(),
        None => null(Errno::ENOENT),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_program__name(program: *const Program) -> *const c_char {
    // SAFETY: the caller's program.
    unsafe { (*program).name.as_ptr() }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_program__section_name(program: *const Program) -> *const c_char {
    // SAFETY: the caller's program.
    unsafe { (*program).section.as_ptr() }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_program__type(program: *const Program) -> u32 {
    // SAFETY: the caller's program.
    unsafe { plan(program).map_or((*program).prog_type, |it| it.prog_type().map_or(0, |it| it as u32)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_program__set_type(program: *mut Program, prog_type: u32) -> c_int {
    // SAFETY: the caller's program.
    let Some(plan) = (unsafe { plan(program) }) else { return done(Err(Errno::EBUSY)) };
    let Some(prog_type) = ProgType::from_u32(prog_type) else { return done(Err(Errno::EINVAL)) };
    let fallback = plan.handler().is_some_and(skep_loader::sec::Handler::is_fallback);
    if plan.prog_type() != Some(prog_type) && !fallback {
        // SAFETY: as above. Another type is no longer the handler's.
        unsafe { (*program).callbacks = None };
    }
    plan.set_type(prog_type);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_program__expected_attach_type(program: *const Program) -> u32 {
    // SAFETY: the caller's program.
    unsafe { plan(program).map_or((*program).attach_type, |it| it.attach_type.map_or(0, |it| it as u32)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_program__set_expected_attach_type(program: *mut Program, attach_type: u32) -> c_int {
    // SAFETY: the caller's program.
    let Some(plan) = (unsafe { plan(program) }) else { return done(Err(Errno::EBUSY)) };
    plan.attach_type = AttachType::from_u32(attach_type);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_program__set_autoload(program: *mut Program, autoload: bool) -> c_int {
    // SAFETY: the caller's program.
    let Some(plan) = (unsafe { plan(program) }) else { return done(Err(Errno::EINVAL)) };
    plan.autoload = autoload;
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_program__fd(program: *const Program) -> c_int {
    // SAFETY: the caller's program.
    let loaded = unsafe { (*(*program).object).loaded.as_ref() };
    // SAFETY: as above.
    let fd =
        loaded.and_then(|it| it.programs().get(unsafe { (*program).index })?.fd.as_ref().ok().map(|fd| fd.0));
    done(fd.ok_or(Errno::ENOENT))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_program__attach(program: *const Program) -> *mut Link {
    // SAFETY: the caller's program.
    let (loaded, index, callbacks) =
        unsafe { ((*(*program).object).loaded.as_ref(), (*program).index, (*program).callbacks) };
    let Some(loaded) = loaded.and_then(|it| it.programs().get(index)) else { return null(Errno::EINVAL) };
    if let Some(callbacks) = callbacks {
        // SAFETY: the program is loaded.
        return unsafe { callbacks.attach(program) }.unwrap_or_else(null);
    }
    let attached = default_kernel().and_then(|kernel| {
        kernel.with(|it| loaded.attach(it.kernel_mut())).map_err(|error| {
            kernel.set_error(error.to_string());
            error.errno.unwrap_or(Errno::EINVAL)
        })
    });
    attached.map_or_else(null, |link| Box::into_raw(Box::new(Link(link))))
}
