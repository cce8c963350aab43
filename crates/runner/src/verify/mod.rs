//! `skep verify`: every program alone, as the kernel would see it.

mod report;
mod spy;

use skep::abi::{KernelVersion, MapType};
use skep::kernel::{Config, Kernel, TargetBtf, Verifier};
use skep::loader::OpenObject;
use skep::{Error, Result};

pub use self::report::ProgramVerdict;
use self::spy::Spy;
pub use self::spy::Step;

/// How to verify an object's programs.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// Only this program.
    pub program: Option<String>,
    /// Flags of `BPF_PROG_LOAD` beside those of the section's name.
    pub prog_flags: u32,
    /// The kernel's types.
    pub types: TargetBtf,
    /// As which kernels, what the loader may do, how much log.
    pub verifiers: Vec<Verifier>,
}

/// What each program of an object comes to, in their order, and for each program one row per kernel.
///
/// `tick` is called before each verification with how many there were, and how many there will be.
///
/// # Errors
/// The object cannot be read, or has no such program.
pub fn verify(
    object: &[u8],
    request: &VerifyRequest,
    tick: &mut dyn FnMut(usize, usize),
) -> Result<Vec<ProgramVerdict>> {
    let mut open = OpenObject::parse(object)?;
    let warnings = size_maps(&mut open)?;
    let names: Vec<String> = match &request.program {
        Some(name) => vec![open.program_mut(name)?.name.clone()],
        None => open.programs().iter().map(|it| it.name.clone()).collect(),
    };
    let total = names.len() * request.verifiers.len();
    let mut rows = Vec::new();
    for name in &names {
        for verifier in &request.verifiers {
            tick(rows.len(), total);
            let mut row = verify_one(&open, name, request, *verifier)?;
            row.warnings.clone_from(&warnings);
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Loads one program, and what a test of the kernel's says that it needs.
fn verify_one(
    open: &OpenObject,
    name: &str,
    request: &VerifyRequest,
    verifier: Verifier,
) -> Result<ProgramVerdict> {
    let mut open = open.clone();
    // What is a member of a struct is loaded with it, and only then.
    open.maps_mut().iter_mut().filter(|it| it.is_struct_ops()).for_each(|it| it.autocreate = true);
    for plan in open.programs_mut() {
        plan.autoload = plan.name == name;
        plan.flags |= if plan.autoload { request.prog_flags } else { 0 };
    }
    let mut row = ProgramVerdict::of(&open, name, verifier.kernel)?;
    if let Some(missing) = report::missing_in(&open, name, verifier.kernel) {
        return Ok(row.refused(missing));
    }
    let mut kernel = Kernel::new(Config { btf: Some(request.types.clone()), ..Config::default() })
        .map_err(|error| Error::from_input(error.to_string()))?;
    let spy = Spy::new(verifier);
    kernel.set_verifier(Box::new(spy.clone()));
    let loaded = open.load(&mut kernel);
    match (spy.take(), loaded.complete()) {
        (Some(seen), _) => row.fill(seen),
        (None, Err(error)) => match &error.refused {
            // The kernel found it before its verifier was asked.
            Some(refused) => row.refused_by(refused),
            None => row.failed(error.to_string()),
        },
        (None, Ok(())) => row.failed("the program was not loaded".to_string()),
    }
    Ok(row)
}

/// Maps whose size a loader would set have one element; says which.
fn size_maps(open: &mut OpenObject) -> Result<Vec<String>> {
    let unsized_maps: Vec<String> =
        open.maps().iter().filter(|it| needs_size(&it.spec)).map(|it| it.name.clone()).collect();
    let mut warnings = Vec::new();
    for name in unsized_maps {
        let spec = &mut open.map_mut(&name)?.spec;
        let is_ring = matches!(spec.kind, MapType::Ringbuf | MapType::UserRingbuf);
        spec.max_entries = if is_ring { 4096 } else { 1 };
        warnings.push(format!("map {name}: max_entries 0 counts as {}", spec.max_entries));
    }
    Ok(warnings)
}

fn needs_size(spec: &skep::MapSpec) -> bool {
    use MapType::*;
    let sized_elsewhere = matches!(
        spec.kind,
        SkStorage
            | InodeStorage
            | TaskStorage
            | CgrpStorage
            | CgroupStorage
            | PercpuCgroupStorage
            | PerfEventArray
    );
    spec.max_entries == 0 && !sized_elsewhere
}

/// The kernels that `--kernel all` stands for.
pub const KERNELS: [KernelVersion; 7] = [
    KernelVersion::new(5, 4),
    KernelVersion::new(5, 10),
    KernelVersion::new(5, 15),
    KernelVersion::new(6, 1),
    KernelVersion::new(6, 6),
    KernelVersion::new(6, 12),
    KernelVersion::new(6, 18),
];
