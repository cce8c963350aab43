//! An object that is loaded.

use std::sync::Arc;

use skep_abi::{AttachType, ProgType};
use skep_btf::Btf;
use skep_isa::Insn;
use skep_kernel::{Fd, FuncInfo, Kernel, LineInfo, Target};
use skep_maps::MapSpec;
use skep_object::Object;

use super::maps::no_memory;
use crate::error::Error;
use crate::open::{self, MapPlan, MapSource};
use crate::sec::Handler;
use crate::struct_ops;
use crate::target;

/// An object in a kernel. Whatever could be loaded is there; what could not says why when it is asked for.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub(crate) object: Arc<Object>,
    pub(crate) programs: Vec<LoadedProgram>,
    pub(crate) maps: Vec<LoadedMap>,
    /// The object's types, for the kernel.
    pub(crate) btf: Option<Arc<Btf>>,
}

/// A program of a loaded object.
#[derive(Clone, Debug)]
pub struct LoadedProgram {
    /// The function's name.
    pub name: String,
    /// The section, without a leading `?`.
    pub section: String,
    /// What takes care of it.
    pub(crate) handler: Option<Handler>,
    /// The type it was loaded as.
    pub prog_type: Option<ProgType>,
    /// `expected_attach_type`, as it was loaded.
    pub attach_type: Option<AttachType>,
    /// Its index in [`Object::programs`].
    pub index: usize,
    /// Whether it was to be loaded.
    pub autoload: bool,
    /// Whether it is attached when all of the object is.
    pub autoattach: bool,
    /// What the kernel was asked; `None`: it was not.
    pub request: Option<Request>,
    /// What the verifier logged.
    pub log: String,
    /// What it is attached to; or what is wrong with how its section says it, which libbpf notices when it attaches it.
    pub target: Result<Target, Error>,
    /// Its fd, or why there is none.
    pub fd: Result<Fd, Error>,
}

/// What `BPF_PROG_LOAD` got of a program: all its functions, with everything filled in.
#[derive(Clone, Debug)]
pub struct Request {
    /// The program type.
    pub prog_type: ProgType,
    /// `expected_attach_type`, as a number.
    pub expected_attach_type: u32,
    /// `prog_flags`.
    pub flags: u32,
    /// The instructions.
    pub insns: Vec<Insn>,
    /// Where functions begin, by ascending slot.
    pub funcs: Vec<FuncInfo>,
    /// Which line of C each instruction was made from, by ascending slot.
    pub lines: Vec<LineInfo>,
}

impl LoadedProgram {
    /// What takes care of it, as of a [`ProgramPlan`](crate::ProgramPlan).
    pub fn handler(&self) -> Option<&Handler> {
        self.handler.as_ref()
    }

    /// What it is attached to if a section said this behind its slash; nothing is looked for in the kernel's types.
    ///
    /// # Errors
    /// That is nothing to attach such a program to.
    pub fn target_at(&self, what: &str) -> Result<Target, Error> {
        let place = format!("program {}", self.name);
        match self.handler.as_ref().and_then(Handler::built_in) {
            Some(def) => target::of_type(def, what, &self.name).map_err(|why| target::malformed(place, why)),
            None => target::of_types(self.prog_type, self.attach_type, what)
                .map_err(|why| target::malformed(place, why)),
        }
    }
}

/// A map of a loaded object.
#[derive(Clone, Debug)]
pub struct LoadedMap {
    /// The variable's name; of a data section, the section's.
    pub name: String,
    /// What it was created from.
    pub spec: MapSpec,
    /// Where it comes from.
    pub source: MapSource,
    /// Whether it was to be created.
    pub autocreate: bool,
    /// Whether it was there before the object was loaded.
    pub reused: bool,
    /// Whether it is attached when all of the object is: a struct_ops map.
    pub autoattach: bool,
    /// Where it is pinned, or would be.
    pub pin_path: Option<String>,
    /// Whether it is pinned there.
    pub pinned: bool,
    /// Its fd, or why there is none.
    pub fd: Result<Fd, Error>,
}

impl LoadedMap {
    /// What became of what it was going to be.
    pub(crate) fn of(plan: MapPlan, fd: Result<Fd, Error>) -> LoadedMap {
        LoadedMap {
            name: plan.name,
            spec: plan.spec,
            source: plan.source,
            autocreate: plan.autocreate,
            reused: plan.reused.is_some(),
            autoattach: plan.autoattach,
            pin_path: plan.pin_path,
            pinned: plan.pinned,
            fd,
        }
    }
}

impl Loaded {
    /// The object that was loaded.
    pub fn object(&self) -> &Arc<Object> {
        &self.object
    }

    /// The programs, in the order of the file.
    pub fn programs(&self) -> &[LoadedProgram] {
        &self.programs
    }

    /// The maps: first those that the object defines, then its data sections.
    pub fn maps(&self) -> &[LoadedMap] {
        &self.maps
    }

    /// The fd of a program.
    ///
    /// # Errors
    /// There is no such program, or it could not be loaded.
    pub fn program(&self, name: &str) -> Result<Fd, Error> {
        match self.programs.iter().find(|it| it.name == name) {
            Some(program) => program.fd.clone(),
            None => {
                let names: Vec<&str> = self.programs.iter().map(|it| it.name.as_str()).collect();
                Err(open::unknown("program", name, &names))
            }
        }
    }

    /// The programs that are members of a struct_ops variable, in the struct's order.
    ///
    /// # Errors
    /// There is no such variable.
    pub fn struct_ops(&self, name: &str) -> Result<Vec<struct_ops::Member>, Error> {
        let defs = || self.object.maps.iter().filter(|it| it.struct_ops.is_some());
        match defs().find(|it| it.name == name) {
            Some(def) => Ok(struct_ops::members(&self.object, def)),
            None => {
                let names: Vec<&str> = defs().map(|it| it.name.as_str()).collect();
                Err(open::unknown("struct_ops variable", name, &names))
            }
        }
    }

    /// A map and its fd.
    ///
    /// # Errors
    /// There is no such map, or it could not be created.
    pub fn map(&self, name: &str) -> Result<(&LoadedMap, Fd), Error> {
        match self.maps.iter().find(|it| it.name == name) {
            Some(map) => map.fd.clone().map(|fd| (map, fd)),
            None => {
                let names: Vec<&str> = self.maps.iter().map(|it| it.name.as_str()).collect();
                Err(open::unknown("map", name, &names))
            }
        }
    }

    /// A global variable: the fd of its map, where it is in the map's only value, its size and its type.
    ///
    /// # Errors
    /// There is no such variable, or its map could not be created.
    pub fn global(&self, name: &str) -> Result<(Fd, &skep_object::Var), Error> {
        let (section, var) = open::global(&self.object, name)?;
        let map = &self.maps[self.object.maps.len() + section];
        Ok((map.fd.clone()?, var))
    }

    /// Sets a global variable of a loaded object.
    ///
    /// # Errors
    /// There is no such variable, `value` is not as long as it, or it is constant.
    pub fn set_global(&self, kernel: &mut Kernel, name: &str, value: &[u8]) -> Result<(), Error> {
        let (fd, var) = self.global(name)?;
        open::check_size(var, value.len())?;
        let place = || format!("variable {name}");
        let mut bytes = kernel
            .map_lookup_elem(fd, &0u32.to_ne_bytes())
            .map_err(|errno| Error::bad_input(place(), errno.to_string()))?;
        let room = bytes.get_mut(var.offset as usize..(var.offset + var.size) as usize);
        room.ok_or_else(|| cut_off(name))?.copy_from_slice(value);
        kernel.map_update_elem(fd, &0u32.to_ne_bytes(), &bytes, 0).map_err(|errno| {
            let text = format!("{errno}; constants are set before the object is loaded");
            no_memory(kernel, &place()).unwrap_or_else(|| Error::bad_input(place(), text))
        })
    }

    /// The bytes of a global variable as they are now.
    ///
    /// # Errors
    /// There is no such variable.
    pub fn global_bytes(&self, kernel: &Kernel, name: &str) -> Result<Vec<u8>, Error> {
        let (fd, var) = self.global(name)?;
        let bytes = kernel
            .map_lookup_elem(fd, &0u32.to_ne_bytes())
            .map_err(|errno| Error::bad_input(format!("variable {name}"), errno.to_string()))?;
        let bytes = bytes.get(var.offset as usize..(var.offset + var.size) as usize);
        Ok(bytes.ok_or_else(|| cut_off(name))?.to_vec())
    }

    /// Closes the fds of its maps and programs (`bpf_object__close`): what is not pinned, attached or used by others goes.
    pub fn close(self, kernel: &mut Kernel) {
        let maps = self.maps.into_iter().filter_map(|it| it.fd.ok());
        let programs = self.programs.into_iter().filter_map(|it| it.fd.ok());
        for fd in maps.chain(programs) {
            // Somebody else may have closed it.
            let _ = kernel.close(fd);
        }
    }

    /// What `bpf_object__load` would say: the first program or map that was to be there and is not.
    ///
    /// # Errors
    /// The reason.
    pub fn complete(&self) -> Result<(), Error> {
        let programs = self.programs.iter().filter(|it| it.autoload).map(|it| &it.fd);
        let maps = self.maps.iter().map(|it| &it.fd);
        maps.chain(programs)
            .find_map(|fd| fd.as_ref().err().filter(|error| !error.is_skipped()))
            .map_or(Ok(()), |error| Err(error.clone()))
    }
}

/// The error for a variable that a shorter data section has lost.
fn cut_off(name: &str) -> Error {
    Error::bad_input(format!("variable {name}"), "its section was made too short for it")
}
