//! `skep inspect`: what an object contains, and the kernel that it needs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use skep::abi::{Feature, KernelVersion, helpers};
use skep::isa::{AtomicOp, Callee, Imm64, IsaVersion, Op, decode};
use skep::loader::sec;
use skep::object::{DataKind, ExternKind, MapDef, Object, Program, Target};
use skep::{Error, Result};

use crate::listing;

/// Instructions of a program that every kernel takes.
const SMALL_PROGRAM: usize = 4096;

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
    /// The first kernel that has every program type, map type, helper and feature that is used.
    pub minimum_kernel: String,
    /// What of the object asks for that kernel.
    pub minimum_kernel_because: Vec<String>,
    /// Number of BTF types; none if the object has no BTF.
    pub btf_types: Option<u32>,
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

/// Looks into an object.
///
/// # Errors
/// The bytes are no BPF object.
pub fn inspect(bytes: &[u8]) -> Result<Inspection> {
    let object = Object::parse(bytes).map_err(|error| Error::from_input(error.to_string()))?;
    let mut needs = Needs::default();
    for program in object.entry_programs() {
        if let Some(def) = sec::find(&program.section) {
            needs.add(def.prog_type.since(), || format!("program type {}", def.prog_type.name()));
        }
    }
    for kind in object.maps.iter().filter_map(MapDef::map_type) {
        needs.add(kind.since(), || format!("map type {}", kind.name()));
    }
    let mut calls = BTreeMap::new();
    for program in &object.programs {
        scan(program, &mut needs, &mut calls);
    }
    let helpers = calls.iter().filter_map(|(id, calls)| {
        let helper = helpers::helper(*id)?;
        needs.add(helper.since, || format!("bpf_{}", helper.name));
        Some(HelperUse {
            name: format!("bpf_{}", helper.name),
            calls: *calls,
            since: helper.since.to_string(),
        })
    });
    let helpers = helpers.collect();
    Ok(Inspection {
        license: object.license.clone(),
        programs: object.programs.iter().map(|program| program_of(&object, program)).collect(),
        maps: object.maps.iter().map(|def| map_of(&object, def)).collect(),
        globals: globals_of(&object),
        externs: object.externs.iter().map(extern_of).collect(),
        helpers,
        minimum_kernel: needs.version.to_string(),
        minimum_kernel_because: needs.because.into_iter().collect(),
        btf_types: object.btf.as_ref().map(|btf| btf.end_id().saturating_sub(1)),
        warnings: object.warnings.clone(),
    })
}

/// The oldest kernel that will do, and what asks for it.
struct Needs {
    version: KernelVersion,
    because: BTreeSet<String>,
}

impl Default for Needs {
    /// The kernel that had the first of it all.
    fn default() -> Needs {
        Needs { version: KernelVersion::new(3, 18), because: BTreeSet::new() }
    }
}

impl Needs {
    fn add(&mut self, since: KernelVersion, what: impl FnOnce() -> String) {
        if since > self.version {
            self.version = since;
            self.because.clear();
        }
        if since == self.version {
            self.because.insert(what());
        }
    }

    fn feature(&mut self, feature: Feature) {
        self.add(feature.since(), || feature.name().to_owned());
    }
}

/// What the instructions of a function need, and which helpers they call.
fn scan(program: &Program, needs: &mut Needs, calls: &mut BTreeMap<u32, usize>) {
    if program.insns.len() > SMALL_PROGRAM {
        needs.feature(Feature::LargePrograms);
    }
    for reloc in &program.relocs {
        match reloc.target {
            Target::Subprog { pointer: true, .. } => needs.feature(Feature::Callbacks),
            Target::Subprog { .. } => needs.feature(Feature::BpfToBpf),
            Target::Data { .. } => needs.feature(Feature::GlobalData),
            Target::Map(_) | Target::Extern(_) => {}
        }
    }
    let mut slot = 0;
    while slot < program.insns.len() {
        let Ok(op) = decode(&program.insns, slot) else {
            slot += 1;
            continue;
        };
        slot += op.slots();
        if let Op::Call(Callee::Helper(id)) = op
            && program.reloc_at(slot - 1).is_none()
        {
            *calls.entry(id).or_insert(0) += 1;
        }
        if let Some(feature) = feature_of(&op) {
            needs.feature(feature);
        }
    }
}

/// The youngest feature that an instruction is.
fn feature_of(op: &Op) -> Option<Feature> {
    match op {
        Op::MayGoto { .. } => Some(Feature::MayGoto),
        Op::AddrSpaceCast { .. } => Some(Feature::AddrSpaceCast),
        Op::Atomic { op: AtomicOp::LoadAcquire | AtomicOp::StoreRelease, .. } => {
            Some(Feature::AcquireRelease)
        }
        Op::Atomic { op: AtomicOp::Add, .. } => None,
        Op::Atomic { .. } => Some(Feature::Atomics),
        Op::Call(Callee::Kfunc { .. }) => Some(Feature::Kfuncs),
        Op::LoadImm64 { value: Imm64::Func(_), .. } => Some(Feature::Callbacks),
        op => match op.isa_version() {
            IsaVersion::V4 => Some(Feature::IsaV4),
            // 32-bit arithmetic is as old as eBPF; it is branches that came with -mcpu=v3.
            IsaVersion::V3 if matches!(op, Op::Branch { .. }) => Some(Feature::Jmp32),
            IsaVersion::V2 => Some(Feature::LessThan),
            _ => None,
        },
    }
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
