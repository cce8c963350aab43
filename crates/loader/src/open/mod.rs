//! An object that is open: its programs, maps and globals can still be changed.

mod map;
mod options;
mod program;

use std::sync::Arc;

use skep_abi::{Errno, MapType};
use skep_btf::Unresizable;
use skep_kernel::{Class, TargetBtf};
use skep_object::{MAX_ZEROED, Object, Var};

use crate::error::Error;
use crate::kconfig::Kconfig;
use crate::sec::Registry;

pub(crate) use map::round_ring;
pub use map::{MapPlan, MapSource};
pub use options::OpenOptions;
pub use program::ProgramPlan;

/// An object between open and load, as libbpf's `bpf_object` is between `bpf_object__open` and `bpf_object__load`.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use skep_kernel::{Config, Kernel};
/// use skep_loader::OpenObject;
///
/// let mut open = OpenObject::parse(&std::fs::read("firewall.bpf.o")?)?;
/// open.map_mut("blocked_ports")?.spec.max_entries = 64;
/// open.set_global("cfg_default_drop", &[1])?;
///
/// let mut kernel = Kernel::new(Config::default())?;
/// let loaded = open.load(&mut kernel);
/// let fd = loaded.program("firewall")?;
/// # let _ = fd; Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpenObject {
    pub(crate) object: Arc<Object>,
    pub(crate) programs: Vec<ProgramPlan>,
    pub(crate) maps: Vec<MapPlan>,
    pub(crate) kconfig: Kconfig,
    /// The types that CO-RE relocations are resolved against, if not the kernel's.
    pub(crate) btf_custom: Option<TargetBtf>,
    pub(crate) log_level: u32,
}

impl OpenObject {
    /// Opens an object file.
    ///
    /// # Errors
    /// The bytes are no BPF object that could be understood.
    pub fn parse(bytes: &[u8]) -> Result<OpenObject, Error> {
        OpenObject::parse_with(bytes, &OpenOptions::default())
    }

    /// Opens an object file, with options.
    ///
    /// # Errors
    /// As for [`OpenObject::parse`]; a configuration that makes no sense; what a handler's set-up callback answered.
    pub fn parse_with(bytes: &[u8], options: &OpenOptions) -> Result<OpenObject, Error> {
        let parsed = if options.relaxed_maps { Object::parse_relaxed(bytes) } else { Object::parse(bytes) };
        let object = parsed.map_err(|error| Error::bad_input("", error.to_string()))?;
        OpenObject::with(Arc::new(object), options)
    }

    /// Opens an object that was parsed before, with options: all but `relaxed_maps` count.
    ///
    /// # Errors
    /// A configuration that makes no sense; what a handler's set-up callback answered.
    pub fn with(object: Arc<Object>, options: &OpenOptions) -> Result<OpenObject, Error> {
        let mut open = OpenObject::assemble(object, &options.handlers);
        for plan in &mut open.programs {
            plan.set_up()?;
        }
        if let Some(text) = &options.kconfig {
            open.kconfig.put_before(Kconfig::parse(text, "kconfig")?);
        }
        if let Some(name) = &options.object_name {
            open.maps.iter_mut().filter(|it| it.is_section()).for_each(|it| it.name_for_kernel(name));
        }
        if let Some(root) = &options.pin_root_path {
            open.maps.iter_mut().filter(|it| it.pin_path.is_some()).for_each(|it| it.pin_by_name(root));
        }
        open.btf_custom.clone_from(&options.btf_custom);
        open.log_level = options.kernel_log_level;
        Ok(open)
    }

    /// Opens an object that was parsed before.
    pub fn new(object: Arc<Object>) -> OpenObject {
        OpenObject::assemble(object, &Registry::default())
    }

    /// What can be set of an object, as the object has it.
    fn assemble(object: Arc<Object>, handlers: &Registry) -> OpenObject {
        let programs = object
            .programs
            .iter()
            .enumerate()
            .filter(|(_, program)| !program.is_subprogram)
            .map(|(index, program)| ProgramPlan::of(index, program, handlers))
            .collect();
        let definitions =
            object.maps.iter().enumerate().map(|(index, def)| MapPlan::of_definition(&object, index, def));
        let sections =
            object.data.iter().enumerate().map(|(index, data)| MapPlan::of_section(&object, index, data));
        let maps = definitions.chain(sections).collect();
        let kconfig = Kconfig::default();
        OpenObject { object, programs, maps, kconfig, btf_custom: None, log_level: 0 }
    }

    /// The object as it was parsed.
    pub fn object(&self) -> &Arc<Object> {
        &self.object
    }

    /// The programs, in the order of the file.
    pub fn programs(&self) -> &[ProgramPlan] {
        &self.programs
    }

    /// The programs, to change type, flags or whether they are loaded.
    pub fn programs_mut(&mut self) -> &mut [ProgramPlan] {
        &mut self.programs
    }

    /// The kernel's configuration, as the object's variables will see it.
    pub fn kconfig(&self) -> &Kconfig {
        &self.kconfig
    }

    /// The kernel's configuration, to change what the object's `.kconfig` section will hold.
    pub fn kconfig_mut(&mut self) -> &mut Kconfig {
        &mut self.kconfig
    }

    /// The maps: first those that the object defines, then its data sections.
    pub fn maps(&self) -> &[MapPlan] {
        &self.maps
    }

    /// The map with this name.
    ///
    /// # Errors
    /// There is none; the message lists those there are.
    pub fn map(&self, name: &str) -> Result<&MapPlan, Error> {
        self.maps.iter().find(|it| it.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.maps.iter().map(|it| it.name.as_str()).collect();
            unknown("map", name, &names)
        })
    }

    /// Sets the size of a map's values (`bpf_map__set_value_size`). A data section gets longer or shorter, and with it
    /// the array that is its last variable; if that is none, or does not fit, the kernel is told nothing about what is
    /// in it. What it grows by is zero.
    ///
    /// # Errors
    /// There is no such map. `EBUSY`: it is a map that is there already. `EOPNOTSUPP`: it is a data section, and was made
    /// another kind of map. `ENOMEM`: it would be too long.
    pub fn set_value_size(&mut self, name: &str, size: u32) -> Result<(), Error> {
        let plan = self.map_mut(name)?;
        plan.spec_mut()?;
        let MapSource::Section(index) = plan.source else {
            plan.spec.value_size = size;
            return Ok(());
        };
        if plan.spec.kind != MapType::Array {
            return Err(plan.error(Errno::EOPNOTSUPP, "only arrays can be resized with what is in them"));
        }
        if u64::from(size) > MAX_ZEROED {
            let text =
                format!("{size} bytes are more than the {} MiB that a section may have", MAX_ZEROED >> 20);
            let error = Error::new(Class::HostLimit, format!("map {}", plan.name), text);
            return Err(error.with_errno(Errno::ENOMEM));
        }
        plan.spec.value_size = size;
        if let Some(initial) = &mut plan.initial {
            initial.resize(size as usize, 0);
        }
        let name = plan.name.clone();
        if self.resize_variables(index, size).is_err() {
            let plan = self.map_mut(&name)?;
            plan.untyped = true;
            plan.spec.typed = false;
        }
        Ok(())
    }

    /// Tells the types and the variables of a data section of its new size.
    fn resize_variables(&mut self, index: usize, size: u32) -> Result<(), Unresizable> {
        let object = Arc::make_mut(&mut self.object);
        let Some(btf) = &mut object.btf else { return Ok(()) };
        let section = object.data.get_mut(index).ok_or(Unresizable::NoDatasec)?;
        let array = btf.resize_datasec(section.btf_datasec.ok_or(Unresizable::NoDatasec)?, size)?;
        if let Some(var) = section.vars.last_mut() {
            var.size = u64::from(size).saturating_sub(var.offset);
            var.type_id = Some(array);
        }
        Ok(())
    }

    /// The maps, to change them.
    pub fn maps_mut(&mut self) -> &mut [MapPlan] {
        &mut self.maps
    }

    /// The program with this name, to change it.
    ///
    /// # Errors
    /// There is none; the message lists those there are.
    pub fn program_mut(&mut self, name: &str) -> Result<&mut ProgramPlan, Error> {
        let names: Vec<&str> = self.programs.iter().map(|it| it.name.as_str()).collect();
        let missing = unknown("program", name, &names);
        self.programs.iter_mut().find(|it| it.name == name).ok_or(missing)
    }

    /// The map with this name, to change it.
    ///
    /// # Errors
    /// There is none; the message lists those there are.
    pub fn map_mut(&mut self, name: &str) -> Result<&mut MapPlan, Error> {
        let names: Vec<&str> = self.maps.iter().map(|it| it.name.as_str()).collect();
        let missing = unknown("map", name, &names);
        self.maps.iter_mut().find(|it| it.name == name).ok_or(missing)
    }

    /// The global variable with this name: its map, and where it is there.
    ///
    /// # Errors
    /// There is none; the message lists those there are.
    pub fn global(&self, name: &str) -> Result<(&MapPlan, &Var), Error> {
        global(&self.object, name).map(|(section, var)| (&self.maps[self.object.maps.len() + section], var))
    }

    /// The bytes of a global variable.
    ///
    /// # Errors
    /// There is no such variable.
    pub fn global_bytes(&self, name: &str) -> Result<&[u8], Error> {
        let (map, var) = self.global(name)?;
        map.initial
            .as_ref()
            .and_then(|bytes| bytes.get(var.offset as usize..(var.offset + var.size) as usize))
            .ok_or_else(|| Error::bad_input(format!("variable {name}"), "it has no content in this object"))
    }

    /// Sets a global variable, of `.rodata` too, before it is loaded.
    ///
    /// # Errors
    /// There is no such variable, or `value` is not as long as it.
    pub fn set_global(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        let (section, var) = global(&self.object, name)?;
        check_size(var, value.len())?;
        let (start, end) = (var.offset as usize, (var.offset + var.size) as usize);
        let plan = &mut self.maps[self.object.maps.len() + section];
        match plan.initial.as_mut().and_then(|bytes| bytes.get_mut(start..end)) {
            Some(bytes) => bytes.copy_from_slice(value),
            None => {
                return Err(Error::bad_input(format!("variable {name}"), "it has no content in this object"));
            }
        }
        Ok(())
    }
}

/// The data section and the variable with this name.
pub(crate) fn global<'a>(object: &'a Object, name: &str) -> Result<(usize, &'a Var), Error> {
    let sections = || object.data.iter().enumerate();
    sections().find_map(|(index, data)| data.var(name).map(|var| (index, var))).ok_or_else(|| {
        let names: Vec<&str> =
            sections().flat_map(|(_, data)| data.vars.iter().map(|var| var.name.as_str())).collect();
        unknown("global variable", name, &names)
    })
}

/// Refuses a value that is not as long as its variable.
pub(crate) fn check_size(var: &Var, len: usize) -> Result<(), Error> {
    if len as u64 == var.size {
        return Ok(());
    }
    let text = format!("it has {} bytes, the value {len}", var.size);
    Err(Error::bad_input(format!("variable {}", var.name), text))
}

/// How many names an error lists.
const LISTED: usize = 16;

/// The error for a name that is not there.
pub(crate) fn unknown(what: &str, name: &str, names: &[&str]) -> Error {
    let list = match names {
        [] => format!("the object has no {what}s"),
        _ if names.len() > LISTED => {
            format!("the {what}s are {}, ... ({})", names[..LISTED].join(", "), names.len())
        }
        _ => format!("the {what}s are {}", names.join(", ")),
    };
    Error::bad_input("", format!("there is no {what} called {name:?}; {list}"))
}
