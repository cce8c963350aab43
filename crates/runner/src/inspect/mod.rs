//! `skep inspect`: what an object contains, and the kernel that it needs.

mod guards;
pub(crate) mod needs;
mod reach;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use skep::abi::helpers;
use skep::btf::core::{self, ReloKind};
use skep::isa::{Callee, Op, decode};
use skep::kernel::TargetBtf;
use skep::loader::{OpenObject, sec};
use skep::object::{DataKind, ExternKind, MapDef, Object, Program};
use skep::{Error, Kconfig, Result};

use crate::listing;
use needs::Minimum;
pub use needs::Need;
pub use target::{ConfigInspection, Problem, RelocationInspection, TargetInspection};

/// What an object contains.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The license.
    pub license: String,
    /// Entry programs and the functions they call.
    pub programs: Vec<ProgramInspection>,
    /// Maps.
    pub maps: Vec<MapInspection>,
    /// Global variables.
    pub globals: Vec<GlobalInspection>,
    /// What the kernel or its configuration has to supply.
    pub externs: Vec<ExternInspection>,
    /// Helpers that are called, and from how many places.
    pub helpers: Vec<HelperUse>,
    /// The first kernel that has every program type, map type, helper and feature that is used there: code that asks
    /// first whether the kernel has what it uses counts only if it has.
    pub minimum_kernel: String,
    /// What of the object asks for that kernel.
    pub minimum_kernel_because: Vec<String>,
    /// Everything that it needs of a kernel of that version, what is youngest first.
    pub needs: Vec<Need>,
    /// What it uses beside that, but only where it finds that the kernel has it.
    pub guarded: Vec<Need>,
    /// Number of BTF types; none if the object has no BTF.
    pub btf_types: Option<u32>,
    /// The kernel's types that CO-RE relocations ask for.
    pub types: Vec<TypeUse>,
    /// What becomes of it on kernels with certain types.
    pub targets: Vec<TargetInspection>,
    /// What is odd, but no reason to refuse the object.
    pub warnings: Vec<String>,
}

/// A function.
#[derive(Clone, Debug, Serialize)]
pub struct ProgramInspection {
    /// Its name.
    pub name: String,
    /// Its section.
    pub section: String,
    /// The program type that the section stands for, as libbpf calls it; none for a subprogram or an unknown section.
    #[serde(rename = "type")]
    pub prog_type: Option<&'static str>,
    /// Whether it is called by others only.
    pub subprogram: bool,
    /// Instructions, in slots of 8 bytes.
    pub insns: usize,
    /// What its instructions refer to, each with how often.
    pub relocations: BTreeMap<String, usize>,
    /// How many CO-RE relocations it has.
    pub core_relocations: usize,
}

/// A map.
#[derive(Clone, Debug, Serialize)]
pub struct MapInspection {
    /// Its name.
    pub name: String,
    /// bpftool's word for the type.
    #[serde(rename = "type")]
    pub map_type: String,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// How many fit; 0 if the loader has to say.
    pub max_entries: u32,
    /// `BPF_F_*` bits.
    pub flags: u32,
    /// The key's type in C.
    pub key: Option<String>,
    /// The value's type in C.
    pub value: Option<String>,
    /// Whether it is of the old form (`SEC("maps")`).
    pub legacy: bool,
    /// Elements that are filled in by the definition.
    pub initialised: usize,
}

/// A global variable.
#[derive(Clone, Debug, Serialize)]
pub struct GlobalInspection {
    /// Its name.
    pub name: String,
    /// Its section.
    pub section: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its declaration in C, if the object has BTF.
    pub declaration: Option<String>,
}

/// An extern.
#[derive(Clone, Debug, Serialize)]
pub struct ExternInspection {
    /// Its name.
    pub name: String,
    /// `kconfig`, `ksym variable`, `ksym function` or `undefined`.
    pub kind: &'static str,
    /// Whether it may be missing.
    pub weak: bool,
}

/// A helper that is called.
#[derive(Clone, Debug, Serialize)]
pub struct HelperUse {
    /// Its name, with `bpf_`.
    pub name: String,
    /// From how many places.
    pub calls: usize,
    /// The first kernel that has it.
    pub since: String,
}

/// A type of the kernel's that CO-RE relocations ask for.
#[derive(Clone, Debug, Serialize)]
pub struct TypeUse {
    /// Its kind and name: `struct task_struct`.
    #[serde(rename = "type")]
    pub name: String,
    /// What of it: `.pid`, `.mm (field_exists)`, `::BPF_FUNC_loop (enumval_exists)`, `(type_size)`.
    pub uses: Vec<String>,
}

/// Looks into an object, and judges it by the types of some kernels and a configuration; that of the profile if there is
/// none.
///
/// # Errors
/// The bytes are no BPF object.
pub fn inspect(bytes: &[u8], targets: &[TargetBtf], kconfig: Option<&Kconfig>) -> Result<Inspection> {
    let object = Object::parse(bytes).map_err(|error| Error::from_input(error.to_string()))?;
    let mut open = OpenObject::new(Arc::new(object));
    if let Some(config) = kconfig {
        open.kconfig_mut().replace_file(config.clone());
    }
    let object = Arc::clone(open.object());
    let Minimum { version, because, needs, guarded } = needs::minimum(&object, &open);
    Ok(Inspection {
        license: object.license.clone(),
        programs: object.programs.iter().map(|program| program_of(&object, program)).collect(),
        maps: object.maps.iter().map(|def| map_of(&object, def)).collect(),
        globals: globals_of(&object),
        externs: object.externs.iter().map(extern_of).collect(),
        helpers: helpers_of(&object),
        minimum_kernel: version.to_string(),
        minimum_kernel_because: because,
        needs,
        guarded,
        btf_types: object.btf.as_ref().map(|btf| btf.end_id().saturating_sub(1)),
        types: types_of(&object),
        targets: targets.iter().map(|target| target::inspect(&object, &open, target)).collect(),
        warnings: object.warnings.clone(),
    })
}

fn helpers_of(object: &Object) -> Vec<HelperUse> {
    let mut calls: BTreeMap<u32, usize> = BTreeMap::new();
    for program in &object.programs {
        let mut slot = 0;
        while slot < program.insns.len() {
            let op = decode(&program.insns, slot);
            if let Ok(Op::Call(Callee::Helper(id))) = op
                && program.reloc_at(slot).is_none()
            {
                *calls.entry(id).or_insert(0) += 1;
            }
            slot += op.map_or(1, |op| op.slots());
        }
    }
    let used = |(id, calls): (u32, usize)| {
        let helper = helpers::helper(id)?;
        Some(HelperUse { name: format!("bpf_{}", helper.name), calls, since: helper.since.to_string() })
    };
    calls.into_iter().filter_map(used).collect()
}

fn types_of(object: &Object) -> Vec<TypeUse> {
    let Some(btf) = &object.btf else { return Vec::new() };
    let mut types: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for relo in object.programs.iter().flat_map(|it| &it.core_relos) {
        let Ok(asked) = core::asked(btf, relo) else { continue };
        let uses = types.entry(asked.type_name).or_default();
        // That a field is read is what is usual.
        uses.insert(match asked.kind {
            ReloKind::FieldByteOffset => asked.path,
            kind => format!("{} ({})", asked.path, kind.name()).trim_start().to_owned(),
        });
    }
    types.into_iter().map(|(name, uses)| TypeUse { name, uses: uses.into_iter().collect() }).collect()
}

fn program_of(object: &Object, program: &Program) -> ProgramInspection {
    let mut relocations = BTreeMap::new();
    for reloc in &program.relocs {
        *relocations.entry(listing::target(object, reloc.target)).or_insert(0) += 1;
    }
    let sec = sec::find(&program.section).filter(|_| !program.is_subprogram);
    ProgramInspection {
        name: program.name.clone(),
        section: program.section.clone(),
        prog_type: sec.map(|def| def.prog_type.name()),
        subprogram: program.is_subprogram,
        insns: program.insns.len(),
        relocations,
        core_relocations: program.core_relos.len(),
    }
}

fn map_of(object: &Object, def: &MapDef) -> MapInspection {
    let c_type = |id: Option<skep::btf::TypeId>| object.btf.as_ref().and_then(|btf| btf.c_type(id?).ok());
    MapInspection {
        name: def.name.clone(),
        map_type: def
            .map_type()
            .map_or_else(|| format!("unknown ({})", def.kind), |kind| kind.name().to_owned()),
        key_size: def.key_size,
        value_size: def.value_size,
        max_entries: def.max_entries,
        flags: def.map_flags,
        key: c_type(def.key_type),
        value: c_type(def.value_type),
        legacy: def.legacy,
        initialised: def.values.len(),
    }
}

fn globals_of(object: &Object) -> Vec<GlobalInspection> {
    let sections = object.data.iter().filter(|data| data.kind != DataKind::Kconfig);
    sections
        .flat_map(|data| data.vars.iter().map(move |var| (data, var)))
        .map(|(data, var)| GlobalInspection {
            name: var.name.clone(),
            section: data.name.clone(),
            size: var.size,
            declaration: object.btf.as_ref().and_then(|btf| btf.c_declaration(var.type_id?, &var.name).ok()),
        })
        .collect()
}

fn extern_of(it: &skep::object::Extern) -> ExternInspection {
    let kind = match it.kind {
        ExternKind::Kconfig { .. } => "kconfig",
        ExternKind::KsymVar { .. } => "ksym variable",
        ExternKind::KsymFunc { .. } => "ksym function",
        ExternKind::Undefined => "undefined",
    };
    ExternInspection { name: it.name.clone(), kind, weak: it.weak }
}
