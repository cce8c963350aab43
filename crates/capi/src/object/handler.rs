//! Handlers of section names: one table for the process.
#![expect(unsafe_code, reason = "functions that C calls by name, and that call C back")]

use super::{Link, Object, Program};
use crate::attr::{Opts, done};
use crate::given::Given;
use crate::layout::{self, prog_handler};
use crate::text::text;
use skep_abi::{AttachType, Errno, ProgType};
use skep_kernel::ProgLoad;
use skep_loader::sec::{HandlerOpts, Registry};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_long, c_void};
use std::sync::{Mutex, PoisonError};

type Setup = unsafe extern "C" fn(*mut Program, c_long) -> c_int;
type PrepareLoad = unsafe extern "C" fn(*mut Program, *mut c_void, c_long) -> c_int;
type Attach = unsafe extern "C" fn(*const Program, c_long, *mut *mut Link) -> c_int;

/// What C is to be called with, and when.
#[derive(Clone, Copy)]
pub(super) struct Callbacks {
    cookie: c_long,
    setup: Option<Setup>,
    prepare_load: Option<PrepareLoad>,
    attach: Option<Attach>,
}

#[derive(Default)]
struct Table {
    registry: Registry,
    callbacks: BTreeMap<i32, Callbacks>,
}

static TABLE: Mutex<Option<Table>> = Mutex::new(None);

fn with<T>(run: impl FnOnce(&mut Table) -> T) -> T {
    run(TABLE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// The handlers that there are now.
pub(super) fn registry() -> Registry {
    with(|it| it.registry.clone())
}

/// What was given with a handler.
pub(super) fn callbacks(id: i32) -> Option<Callbacks> {
    with(|it| it.callbacks.get(&id).copied())
}

thread_local! {
    /// The object that this thread loads.
    static LOADING: Cell<*mut Object> = const { Cell::new(std::ptr::null_mut()) };
}

/// Loads an object, so that callbacks know which.
pub(super) fn loading<T>(object: *mut Object, run: impl FnOnce() -> T) -> T {
    LOADING.set(object);
    let result = run();
    LOADING.set(std::ptr::null_mut());
    result
}

/// A negative errno of a callback's.
fn refused(code: c_int) -> Result<(), Errno> {
    match code {
        0 => Ok(()),
        code => Err(Errno::from_code(code.wrapping_neg()).unwrap_or(Errno::EINVAL)),
    }
}

impl Callbacks {
    /// # Safety
    /// The program is one of an open object.
    pub(super) unsafe fn set_up(&self, program: *mut Program) -> Result<(), Errno> {
        // SAFETY: whoever registered it said that it is such a function.
        self.setup.map_or(Ok(()), |setup| refused(unsafe { setup(program, self.cookie) }))
    }

    /// # Safety
    /// The program is one of a loaded object.
    pub(super) unsafe fn attach(&self, program: *const Program) -> Result<*mut Link, Errno> {
        let attach = self.attach.ok_or(Errno::EOPNOTSUPP)?;
        let mut link = std::ptr::null_mut();
        // SAFETY: as above.
        refused(unsafe { attach(program, self.cookie, &raw mut link) })?;
        if link.is_null() { Err(Errno::EOPNOTSUPP) } else { Ok(link) }
    }

    /// Calls C before the program at this place of the object goes to the kernel.
    fn prepare(&self, index: usize, load: &mut ProgLoad) -> Result<(), Errno> {
        use layout::prog_load as fields;
        let (Some(prepare), object) = (self.prepare_load, LOADING.get()) else { return Ok(()) };
        if object.is_null() {
            return Ok(());
        }
        let mut opts = [0_u8; 128];
        let mut put = |field: layout::Field, value: u64| {
            opts[field.offset..field.end()].copy_from_slice(&value.to_le_bytes()[..field.size]);
        };
        put(fields::sz, fields::OPTIONS.end.next_multiple_of(8) as u64);
        put(fields::expected_attach_type, load.expected_attach_type.into());
        put(fields::prog_flags, load.flags.into());
        put(fields::attach_btf_id, load.attach_btf_id.into());
        // SAFETY: the object is being loaded by this thread, and keeps its programs where they are.
        let program = unsafe { &mut *object }.programs.get_mut(index).ok_or(Errno::EINVAL)?;
        // SAFETY: whoever registered it said that it is such a function.
        refused(unsafe { prepare(&raw mut **program, opts.as_mut_ptr().cast(), self.cookie) })?;
        let get = |field: layout::Field| {
            opts[field.offset..field.end()]
                .iter()
                .rev()
                .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
        };
        load.expected_attach_type = get(fields::expected_attach_type);
        load.flags = get(fields::prog_flags);
        load.attach_btf_id = get(fields::attach_btf_id);
        Ok(())
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn libbpf_register_prog_handler(
    sec: *const c_char,
    prog_type: u32,
    exp_attach_type: u32,
    opts: Opts,
) -> c_int {
    // SAFETY: the caller's options.
    let given = unsafe { Given::new(opts, prog_handler::OPTIONS) };
    // SAFETY: null, or a text.
    let sec = unsafe { text(sec) }.map(|it| it.to_string_lossy().into_owned());
    done(given.and_then(|given| {
        let callbacks = taken(&given);
        let mut opts = HandlerOpts::new().cookie(callbacks.cookie);
        if callbacks.prepare_load.is_some() {
            opts = opts.prepare_load(move |plan, load, _| callbacks.prepare(plan.index, load));
        }
        let (prog, attach) = (ProgType::from_u32(prog_type), AttachType::from_u32(exp_attach_type));
        with(|it| {
            let id = it.registry.register_prog_handler(sec.as_deref(), prog, attach, opts)?;
            it.callbacks.insert(id, callbacks);
            Ok(id)
        })
    }))
}

fn taken(given: &Given) -> Callbacks {
    let function = |field| std::ptr::with_exposed_provenance::<c_void>(given.u64(field) as usize);
    // SAFETY: null, which is `None`, or functions of these types: so says the structure that they were taken from.
    unsafe {
        Callbacks {
            cookie: given.u64(prog_handler::cookie) as c_long,
            setup: std::mem::transmute::<*const c_void, Option<Setup>>(function(prog_handler::prog_setup_fn)),
            prepare_load: std::mem::transmute::<*const c_void, Option<PrepareLoad>>(function(
                prog_handler::prog_prepare_load_fn,
            )),
            attach: std::mem::transmute::<*const c_void, Option<Attach>>(function(
                prog_handler::prog_attach_fn,
            )),
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn libbpf_unregister_prog_handler(id: c_int) -> c_int {
    done(with(|it| {
        it.registry.unregister_prog_handler(id)?;
        it.callbacks.remove(&id);
        Ok(0)
    }))
}
