//! Loading: maps are created, programs linked, relocated and handed to the kernel.

use std::collections::HashSet;
use std::sync::Arc;

use skep_abi::{MapType, ProgType};
use skep_btf::Btf;
use skep_kernel::{Class, Fd, Kernel, MapTypes, ProgLoad, Target as AttachTarget, TargetBtf};
use skep_maps::{CreateClass, CreateError, MapSpec};
use skep_object::{DataKind, ExternKind, Object, Target};

use crate::core::{self, Relocated};
use crate::error::{Error, Refused};
use crate::kconfig::Kconfig;
use crate::ksyms::Symbols;
use crate::link::{self, Linked};
use crate::map_types;
use crate::open::{self, MapPlan, MapSource, OpenObject, ProgramPlan};
use crate::own_types;
use crate::sec::{self, SecDef};
use crate::struct_ops;
use crate::target;

/// An object in a kernel. Whatever could be loaded is there; what could not says why when it is asked for.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub(crate) object: Arc<Object>,
    pub(crate) programs: Vec<LoadedProgram>,
    pub(crate) maps: Vec<LoadedMap>,
    /// The object's types, for the kernel.
    btf: Option<Arc<Btf>>,
}

/// A program of a loaded object.
#[derive(Clone, Debug)]
pub struct LoadedProgram {
    /// The function's name.
    pub name: String,
    /// The section, without a leading `?`.
    pub section: String,
    /// The row of the SEC() table that it matches.
    pub sec: Option<&'static SecDef>,
    /// The type it was loaded as.
    pub prog_type: Option<ProgType>,
    /// Its index in [`Object::programs`].
    pub index: usize,
    /// Whether it was to be loaded.
    pub autoload: bool,
    /// What it is attached to; or what is wrong with how its section says it, which libbpf notices when it attaches it.
    pub target: Result<AttachTarget, Error>,
    /// Its fd, or why there is none.
    pub fd: Result<Fd, Error>,
}

impl LoadedProgram {
    /// What it is attached to if a section said this behind its slash; nothing is looked for in the kernel's types.
    ///
    /// # Errors
    /// That is nothing to attach such a program to.
    pub fn target_at(&self, what: &str) -> Result<AttachTarget, Error> {
        let place = format!("program {}", self.name);
        match self.sec {
            Some(def) => target::of_type(def, what, &self.name).map_err(|why| target::malformed(place, why)),
            None => Err(Error::bad_input(place, "its section does not say how it is attached")),
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
    /// Its fd, or why there is none.
    pub fd: Result<Fd, Error>,
}

/// What a program's code needs from outside of it, for all programs of an object.
struct Outside<'a> {
    relocated: &'a Relocated,
    symbols: &'a Symbols,
}

impl OpenObject {
    /// Creates the maps and loads the programs, as `bpf_object__load` does.
    ///
    /// libbpf gives up at the first failure. Here each program and map that cannot be loaded keeps its error, and the
    /// rest goes on: ask [`Loaded::complete`] for libbpf's verdict.
    pub fn load(self, kernel: &mut Kernel) -> Loaded {
        let OpenObject { object, programs, maps, kconfig } = self;
        let btf = own_types::for_kernel(&object);
        let maps: Vec<LoadedMap> = maps
            .into_iter()
            .map(|plan| match configured(plan, &object, &kconfig, kernel) {
                Ok(plan) => {
                    let types = btf.as_ref().and_then(|btf| map_types::of(&object, btf, &plan));
                    create(kernel, plan, types)
                }
                Err(map) => *map,
            })
            .collect();
        let relocated = relocate_core(&object, kernel.btf(), &programs);
        let mut loaded = Loaded { object, programs: Vec::new(), maps, btf };
        loaded.fill_arena(kernel);
        loaded.fill_maps_of_maps(kernel);
        let symbols = Symbols::new(&loaded.object, kernel);
        let outside = Outside { relocated: &relocated, symbols: &symbols };
        for plan in programs {
            let mut target = plan.target(&loaded.object);
            if plan.prog_type == Some(ProgType::StructOps)
                && let Some(member) = struct_ops::target_of(&loaded.object, plan.index, kernel.btf())
            {
                target = member;
            }
            let fd = loaded.load_program(kernel, &outside, &plan, &mut target);
            let section = loaded.object.programs[plan.index].section.clone();
            let ProgramPlan { name, index, sec, prog_type, autoload, .. } = plan;
            let program = LoadedProgram { name, section, sec, prog_type, index, autoload, target, fd };
            loaded.programs.push(program);
        }
        symbols.close(kernel);
        loaded.fill_program_arrays(kernel);
        loaded
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
        bytes[var.offset as usize..(var.offset + var.size) as usize].copy_from_slice(value);
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
        Ok(bytes[var.offset as usize..(var.offset + var.size) as usize].to_vec())
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

    fn load_program(
        &self,
        kernel: &mut Kernel,
        outside: &Outside<'_>,
        plan: &ProgramPlan,
        attach: &mut Result<AttachTarget, Error>,
    ) -> Result<Fd, Error> {
        let place = || format!("program {}", plan.name);
        if !plan.autoload {
            return Err(Error::skipped(place(), "it is not loaded unless it is asked for (SEC(\"?...\"))"));
        }
        let section = &self.object.programs[plan.index].section;
        let prog_type = plan.prog_type.ok_or_else(|| Error::bad_input(place(), unknown_section(section)))?;
        // What is of another program is not of the kernel.
        if let Ok(target) = attach
            && plan.attach_prog.is_none()
        {
            target::resolve(target, kernel.btf(), &plan.name, &place())?;
        }
        let mut linked = link::link(&self.object, outside.relocated, plan.index)?;
        self.relocate(kernel, outside.symbols, &mut linked, &place())?;
        let Linked { insns, lines, funcs, poisoned, .. } = linked;
        let mut load = ProgLoad::new(&plan.name, prog_type, insns);
        load.license = self.object.license.clone();
        load.expected_attach_type = plan.attach_type.map_or(0, |it| it.to_u32());
        load.flags = plan.flags;
        if let Ok(AttachTarget::Btf { id, module, .. }) = attach {
            load.attach_btf_id = *id;
            load.attach_module = module.clone();
        }
        match attach {
            Ok(AttachTarget::StructOps { id, index, .. }) => {
                load.attach_btf_id = *id;
                load.expected_attach_type = *index;
            }
            Err(error) if prog_type == ProgType::StructOps => return Err(error.clone()),
            _ => {}
        }
        load.attach_prog = plan.attach_prog;
        if let (Ok(AttachTarget::Freplace { func } | AttachTarget::Btf { name: func, .. }), Some(_)) =
            (&*attach, plan.attach_prog)
        {
            load.attach_func = Some(func.clone());
        }
        if prog_type == ProgType::Ext && plan.attach_prog.is_none() {
            let text = format!(
                "prog '{}': attach program FD is not set: say whose function it replaces (Builder::attach_prog)",
                plan.name
            );
            return Err(Error::bad_input(place(), text));
        }
        load.btf = self.btf.clone();
        load.fd_array.clone_from(&outside.symbols.fd_array);
        load.lines = lines;
        load.funcs = funcs;
        load.poisoned = poisoned;
        kernel.prog_load(load).map_err(|error| {
            let message = error.to_string();
            let text = message.strip_prefix(&format!("{}: ", error.class)).unwrap_or(&message);
            let refused = Refused { errno: error.errno, message: error.message.clone(), slot: error.slot };
            let refused = Some(refused).filter(|_| error.class == Class::Rejected);
            Error { refused, ..Error::new(error.class, place(), text) }
        })
    }

    /// The map that holds a data section: the arena, for variables in it.
    fn map_of_data(&self, section: usize) -> Option<&LoadedMap> {
        match self.object.data.get(section)?.kind {
            DataKind::Arena => self.maps.iter().find(|it| it.spec.kind == MapType::Arena),
            _ => self.maps.get(self.object.maps.len() + section),
        }
    }

    /// Puts the variables of the arena at its start, as libbpf does.
    fn fill_arena(&mut self, kernel: &mut Kernel) {
        let Some(section) = self.object.data.iter().find(|it| it.kind == DataKind::Arena) else { return };
        let Some(map) = self.maps.iter_mut().find(|it| it.spec.kind == MapType::Arena) else { return };
        let Ok(fd) = map.fd else { return };
        if let Err(errno) = kernel.arena_write(fd, 0, &section.bytes) {
            let place = format!("map {}", map.name);
            let text = format!("the arena has no room for its variables ({errno})");
            map.fd = Err(no_memory(kernel, &place).unwrap_or_else(|| Error::bad_input(place, text)));
        }
    }

    /// Fills in what lies outside of the code.
    fn relocate(
        &self,
        kernel: &mut Kernel,
        symbols: &Symbols,
        linked: &mut Linked,
        place: &str,
    ) -> Result<(), Error> {
        for (slot, target) in &linked.relocs {
            let at = || format!("{place}, instruction {slot}");
            let (map, offset) = match *target {
                Target::Map(index) => (self.maps.get(index), None),
                Target::Data { section, offset } => (self.map_of_data(section), Some(offset)),
                Target::Extern(index) => match self.config_value(index) {
                    Some((map, offset)) => (Some(map), Some(offset)),
                    None => {
                        let external = self.object.externs.get(index);
                        let external = external
                            .ok_or_else(|| Error::bad_input(at(), "the relocation's extern is not there"))?;
                        let poison = symbols.relocate(kernel, external, index, &mut linked.insns, *slot);
                        let poison = poison.map_err(|error| Error::bad_input(at(), error.message))?;
                        linked.poisoned.extend(poison.map(|message| (*slot, message)));
                        continue;
                    }
                },
                // link::link has left none.
                Target::Subprog { .. } => continue,
            };
            let map = map.ok_or_else(|| Error::bad_input(at(), "the relocation's map is not there"))?;
            let fd = map.fd.clone().map_err(|error| {
                Error::new(
                    error.class,
                    at(),
                    format!("it uses the map {:?}, which is not there: {error}", map.name),
                )
            })?;
            let Some([first, second]) = linked.insns.get_mut(*slot..*slot + 2) else {
                return Err(Error::bad_input(at(), "the relocated instruction is cut off"));
            };
            first.imm = fd.0;
            match offset {
                // BPF_PSEUDO_MAP_FD
                None => first.src = 1,
                Some(offset) => {
                    // BPF_PSEUDO_MAP_VALUE; libbpf computes the offset modulo 2^32 too.
                    first.src = 2;
                    second.imm = offset as u32 as i32;
                }
            }
        }
        linked.poisoned.sort_by_key(|it| it.0);
        Ok(())
    }

    /// The map of configuration values, and where in it one is, if an extern is one.
    fn config_value(&self, index: usize) -> Option<(&LoadedMap, u64)> {
        let ExternKind::Kconfig { offset, .. } = self.object.externs.get(index)?.kind else { return None };
        let section = self.object.data.iter().position(|it| it.kind == DataKind::Kconfig)?;
        Some((self.maps.get(self.object.maps.len() + section)?, offset.into()))
    }
}

/// Resolves the CO-RE relocations of the programs that are to be loaded, and of what they may call.
fn relocate_core(object: &Object, target: Option<&TargetBtf>, programs: &[ProgramPlan]) -> Relocated {
    let off: HashSet<usize> = programs.iter().filter(|it| !it.autoload).map(|it| it.index).collect();
    match target {
        Some(target) => core::relocate(object, target, |program| !off.contains(&program), |_| {}),
        None => Relocated::without_types(object),
    }
}

fn unknown_section(section: &str) -> String {
    let hint = match sec::suggest(section) {
        Some(name) => format!("; did you mean {name:?}?"),
        None => String::new(),
    };
    format!("the section name {section:?} tells no program type{hint} (it can be set before loading)")
}

/// Puts the configuration into the map for it; a map that is not there when that makes no sense.
fn configured(
    mut plan: MapPlan,
    object: &Object,
    kconfig: &Kconfig,
    kernel: &Kernel,
) -> Result<MapPlan, Box<LoadedMap>> {
    let MapSource::Section(index) = plan.source else { return Ok(plan) };
    let Some(section) = object.data.get(index).filter(|it| it.kind == DataKind::Kconfig) else {
        return Ok(plan);
    };
    match kconfig.fill(section, &object.externs, kernel.btf()) {
        Ok(bytes) => {
            plan.initial = Some(bytes);
            Ok(plan)
        }
        Err(error) => {
            let MapPlan { name, spec, source, .. } = plan;
            Err(Box::new(LoadedMap { name, spec, source, fd: Err(error) }))
        }
    }
}

/// Creates a map and gives it its first value.
fn create(kernel: &mut Kernel, plan: MapPlan, types: Option<MapTypes>) -> LoadedMap {
    let MapPlan { name, mut spec, unknown_kind, source, autocreate, initial } = plan;
    let place = format!("map {name}");
    let fd = if !autocreate {
        Err(Error::skipped(&place, "it is not created"))
    } else if spec.kind == MapType::StructOps {
        let text = "the struct itself is not created: its members are programs that can be called";
        Err(Error::skipped(&place, text))
    } else if let Some(kind) = unknown_kind {
        Err(Error::bad_input(&place, format!("map type {kind} is none that Linux 6.18 knows")))
    } else {
        as_libbpf_adjusts(&mut spec, kernel.cpus());
        if let Some(inner) = spec.inner.as_mut() {
            as_libbpf_adjusts(inner, kernel.cpus());
        }
        create_filled(kernel, &mut spec, types, initial.as_deref(), &place)
    };
    LoadedMap { name, spec, source, fd }
}

fn create_filled(
    kernel: &mut Kernel,
    spec: &mut MapSpec,
    types: Option<MapTypes>,
    initial: Option<&[u8]>,
    place: &str,
) -> Result<Fd, Error> {
    let fd = create_typed(kernel, spec, types).map_err(|error| {
        let class = match error.class() {
            CreateClass::BadInput => Class::BadInput,
            CreateClass::NotEmulated => Class::NotEmulated,
            CreateClass::HostLimit => Class::HostLimit,
        };
        let hint = match spec.max_entries {
            0 if class == Class::BadInput => {
                "; the object leaves max_entries to its loader: set it before loading"
            }
            _ if spec.inner.is_none() && matches!(spec.kind, MapType::ArrayOfMaps | MapType::HashOfMaps) => {
                "; the object leaves the inner map to its loader: set one before loading"
            }
            _ => "",
        };
        Error::new(class, place, format!("{error}{hint}"))
    })?;
    if let Some(bytes) = initial {
        kernel
            .map_update_elem(fd, &0u32.to_ne_bytes(), bytes, 0)
            .and_then(|()| match spec.flags & skep_abi::flags::BPF_F_RDONLY_PROG {
                0 => Ok(()),
                _ => kernel.map_freeze(fd),
            })
            .map_err(|errno| {
                let text = format!("its content cannot be set ({errno})");
                no_memory(kernel, place).unwrap_or_else(|| Error::bad_input(place, text))
            })?;
    }
    Ok(fd)
}

/// Creates a map; without types, if it cannot be with them, as libbpf does.
fn create_typed(kernel: &mut Kernel, spec: &mut MapSpec, types: Option<MapTypes>) -> Result<Fd, CreateError> {
    let typed = types.is_some();
    match kernel.map_create_typed(spec, types) {
        Err(error) if typed && error.class() == CreateClass::BadInput => {
            let plain = MapSpec { special: Vec::new(), typed: false, ..spec.clone() };
            // What is wrong with it is for the first attempt to say.
            let fd = kernel.map_create(&plain).map_err(|_| error)?;
            *spec = plain;
            Ok(fd)
        }
        answer => answer,
    }
}

/// The error of a call that the machine's limit on memory refused, if that is what happened.
fn no_memory(kernel: &Kernel, place: &str) -> Option<Error> {
    kernel.refused().map(|text| Error::new(Class::HostLimit, place, text))
}

/// What libbpf makes of sizes that the object leaves open (`adjust_ringbuf_sz`, `bpf_object__create_map`).
fn as_libbpf_adjusts(spec: &mut MapSpec, cpus: u32) {
    const PAGE: u32 = 4096;
    match spec.kind {
        MapType::PerfEventArray if spec.max_entries == 0 => spec.max_entries = cpus,
        MapType::Ringbuf | MapType::UserRingbuf if spec.max_entries > 0 => {
            let pages = spec.max_entries.div_ceil(PAGE).checked_next_power_of_two();
            if let Some(size) = pages.and_then(|pages| pages.checked_mul(PAGE)) {
                spec.max_entries = size;
            }
        }
        _ => {}
    }
}
