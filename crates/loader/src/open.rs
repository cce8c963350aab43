//! An object that is open: its programs, maps and globals can still be changed.

use std::sync::Arc;

use skep_abi::{AttachType, MapType, ProgType, flags};
use skep_btf::{Def, Linkage};
use skep_kernel::{Fd, Target, TargetBtf};
use skep_maps::MapSpec;
use skep_object::{DataKind, DataSection, MapDef, Object, Var};

use crate::error::Error;
use crate::kconfig::Kconfig;
use crate::sec::{self, SecDef};
use crate::target;

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
}

/// What is going to be loaded of a program.
#[derive(Clone, Debug)]
pub struct ProgramPlan {
    /// The function's name.
    pub name: String,
    /// Its index in [`Object::programs`].
    pub index: usize,
    /// The row of the SEC() table that its section matches.
    pub sec: Option<&'static SecDef>,
    /// The program type; `None` if the section name does not tell, which is an error at load.
    pub prog_type: Option<ProgType>,
    /// `expected_attach_type`.
    pub attach_type: Option<AttachType>,
    /// `BPF_F_*` flags of `BPF_PROG_LOAD`.
    pub flags: u32,
    /// Whether it is loaded; `SEC("?...")` says no.
    pub autoload: bool,
    /// Where it is attached, if not where its section says: what a section would say behind its slash.
    pub attach_target: Option<String>,
    /// The program whose function it traces or replaces (`bpf_program__set_attach_target`).
    pub attach_prog: Option<Fd>,
}

/// What a map is going to be.
#[derive(Clone, Debug)]
pub struct MapPlan {
    /// The variable's name; of a data section, the section's.
    pub name: String,
    /// What is created.
    pub spec: MapSpec,
    /// The map type's number in the object, if it is none that Linux 6.18 knows: then there is no such map, unless
    /// this is cleared and `spec` set to something that exists.
    pub unknown_kind: Option<u32>,
    /// Where it comes from.
    pub source: MapSource,
    /// Whether it is created.
    pub autocreate: bool,
    /// The first value: what a data section starts with.
    pub(crate) initial: Option<Vec<u8>>,
}

/// Where a map comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapSource {
    /// The definition with this index in [`Object::maps`].
    Definition(usize),
    /// The section with this index in [`Object::data`].
    Section(usize),
}

impl OpenObject {
    /// Opens an object file.
    ///
    /// # Errors
    /// The bytes are no BPF object that could be understood.
    pub fn parse(bytes: &[u8]) -> Result<OpenObject, Error> {
        let object = Object::parse(bytes).map_err(|error| Error::bad_input("", error.to_string()))?;
        Ok(OpenObject::new(Arc::new(object)))
    }

    /// Opens an object that was parsed before.
    pub fn new(object: Arc<Object>) -> OpenObject {
        let programs = object
            .programs
            .iter()
            .enumerate()
            .filter(|(_, program)| !program.is_subprogram)
            .map(|(index, program)| ProgramPlan::of(index, program))
            .collect();
        let definitions =
            object.maps.iter().enumerate().map(|(index, def)| MapPlan::of_definition(&object, index, def));
        let sections = object.data.iter().enumerate().map(|(index, data)| {
            let mut flags = match data.kind {
                DataKind::RoData | DataKind::Kconfig => flags::BPF_F_RDONLY_PROG,
                _ => 0,
            };
            if is_seen(&object, data) {
                flags |= flags::BPF_F_MMAPABLE;
            }
            // A section is at most MAX_ZEROED or the file's size long: both fit.
            let spec = MapSpec::new(MapType::Array, 4, data.bytes.len() as u32, 1)
                .with_flags(flags)
                .with_name(&data.name);
            let emulated =
                matches!(data.kind, DataKind::Data | DataKind::RoData | DataKind::Bss | DataKind::Kconfig);
            MapPlan {
                name: data.name.clone(),
                unknown_kind: None,
                spec,
                source: MapSource::Section(index),
                autocreate: emulated && !data.bytes.is_empty(),
                initial: Some(data.bytes.clone()),
            }
        });
        let maps = definitions.chain(sections).collect();
        OpenObject { object, programs, maps, kconfig: Kconfig::default() }
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

/// Whether user space has a use for a section's memory: a variable that is not static (`map_is_mmapable`).
fn is_seen(object: &Object, data: &DataSection) -> bool {
    let Some((btf, id)) = object.btf.as_ref().zip(data.btf_datasec) else { return false };
    let Some(Def::DataSec(list)) = btf.type_by_id(id).map(|it| &it.def) else { return false };
    let mut vars = list.vars.iter().filter_map(|it| match btf.type_by_id(it.type_id).map(|it| &it.def) {
        Some(Def::Var(var)) => Some(var.linkage),
        _ => None,
    });
    vars.any(|linkage| linkage != Linkage::Static)
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

impl ProgramPlan {
    /// What it is attached to, before anything is looked for in the kernel's types.
    ///
    /// # Errors
    /// Its section does not say it as it should, in libbpf's words.
    pub fn target(&self, object: &Object) -> Result<Target, Error> {
        let section = object.programs.get(self.index).map_or("", |it| it.section.as_str());
        let Some(def) = self.sec else { return Ok(Target::Unsaid) };
        let parsed = match &self.attach_target {
            Some(what) => target::of_type(def, what, &self.name),
            None => target::parse(section, def, &self.name),
        };
        parsed.map_err(|why| target::malformed(format!("program {}", self.name), why))
    }

    /// What it is attached to on a kernel with these types: what they name has been found in them.
    ///
    /// # Errors
    /// Its section does not say it as it should, or the kernel has no such thing.
    pub fn target_on(&self, object: &Object, types: &TargetBtf) -> Result<Target, Error> {
        let mut target = self.target(object)?;
        target::resolve(&mut target, Some(types), &self.name, &format!("program {}", self.name))?;
        Ok(target)
    }

    fn of(index: usize, program: &skep_object::Program) -> ProgramPlan {
        let sec = sec::find(&program.section);
        let has = |flag: u8| sec.is_some_and(|def| def.flags & flag == flag);
        let mut flags = 0;
        if has(sec::flags::SLEEPABLE) {
            flags |= flags::BPF_F_SLEEPABLE;
        }
        if has(sec::flags::XDP_FRAGS) {
            flags |= flags::BPF_F_XDP_HAS_FRAGS;
        }
        ProgramPlan {
            name: program.name.clone(),
            index,
            sec,
            prog_type: sec.map(|def| def.prog_type),
            attach_type: sec.and_then(|def| def.attach_type),
            flags,
            autoload: program.autoload,
            attach_target: None,
            attach_prog: None,
        }
    }
}

impl MapPlan {
    fn of_definition(object: &Object, index: usize, def: &MapDef) -> MapPlan {
        let spec = spec_of(object, def);
        MapPlan {
            name: def.name.clone(),
            unknown_kind: def.map_type().is_none().then_some(def.kind),
            spec,
            source: MapSource::Definition(index),
            autocreate: def.struct_ops.as_ref().is_none_or(|ops| ops.autocreate),
            initial: None,
        }
    }
}

/// What is created for a definition, and for the template in it.
fn spec_of(object: &Object, def: &MapDef) -> MapSpec {
    MapSpec {
        kind: def.map_type().unwrap_or(MapType::Hash),
        key_size: def.key_size,
        value_size: def.value_size,
        max_entries: def.max_entries,
        flags: def.map_flags,
        map_extra: def.map_extra,
        numa_node: def.numa_node,
        name: def.name.clone(),
        special: match (&object.btf, def.value_type) {
            (Some(btf), Some(value)) => skep_kernel::special_fields(btf, value),
            _ => Vec::new(),
        },
        inner: def.inner.as_ref().map(|inner| Box::new(spec_of(object, inner))),
        typed: def.key_type.is_some() && def.value_type.is_some(),
    }
}
