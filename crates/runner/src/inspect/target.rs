//! Whether an object would load on a kernel with certain types, and what its relocations come to there.

use std::collections::HashSet;

use serde::Serialize;
use skep::abi::{MapType, helpers};
use skep::btf::core::{Outcome, Patched};
use skep::btf::{Kind, Type};
use skep::isa::{Callee, Insn, Op, decode};
use skep::kernel::TargetBtf;
use skep::loader::core::{self, Relocated, Relocation};
use skep::loader::{OpenObject, ProgramPlan, ksyms};
use skep::object::{ExternKind, Object, Target};

use super::needs::attach_type;
use super::reach::Reach;

/// Relocations that are listed of an object, for each target.
const MOST_RELOCATIONS: usize = 1 << 16;

/// An object and the types of a kernel.
#[derive(Clone, Debug, Serialize)]
pub struct TargetInspection {
    /// Where the types come from: `bundled`, `host`, a file.
    pub btf: String,
    /// Whether all programs and maps that are loaded by default would be, as far as types tell.
    pub loads: bool,
    /// Why some would not.
    pub problems: Vec<Problem>,
    /// The configuration that the object's variables are filled in from: `profile`, or a file's name.
    pub kconfig: String,
    /// What each of them holds.
    pub configuration: Vec<ConfigInspection>,
    /// What each CO-RE relocation comes to, in the order of the file.
    pub relocations: Vec<RelocationInspection>,
    /// How many more relocations there are.
    pub relocations_left_out: usize,
}

/// Why something would not load.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// `program NAME` or `map NAME`.
    pub place: String,
    /// What the kernel lacks.
    pub message: String,
    /// The line of C that needs it: `file:line: text`.
    pub source: Option<String>,
}

/// A variable of the configuration.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigInspection {
    /// Its name.
    pub name: String,
    /// Its value, as a configuration file has it; none where it is zero because nothing sets it, or is missing.
    pub value: Option<String>,
    /// Where the value comes from: `FILE:LINE`, `set`, or what libbpf would have found it out from.
    pub source: Option<String>,
}

/// A CO-RE relocation.
#[derive(Clone, Debug, Serialize)]
pub struct RelocationInspection {
    /// The function.
    pub program: String,
    /// The instruction's slot in the function.
    pub insn: usize,
    /// libbpf's name of the kind: `byte_off`.
    pub kind: String,
    /// What it asks for, as libbpf writes it: `<byte_off> [5] struct task_struct.pid (0:1 @ offset 8)`.
    pub asks: String,
    /// `relocated`, `missing`, `wrong size` or `error`.
    pub outcome: &'static str,
    /// Whether a program that is loaded by default can come to the instruction.
    pub reached: bool,
    /// The number that the object was compiled with.
    pub original: Option<u64>,
    /// The number on this kernel.
    pub value: Option<u64>,
    /// What of the kernel's types it is, in the same form as `asks`.
    pub found: Option<String>,
    /// The module whose type that is.
    pub module: Option<String>,
    /// Why the function cannot be loaded.
    pub error: Option<String>,
}

/// Judges an object.
pub(crate) fn inspect(object: &Object, open: &OpenObject, target: &TargetBtf) -> TargetInspection {
    let off: HashSet<usize> = open.programs().iter().filter(|it| !it.autoload).map(|it| it.index).collect();
    let (mut listed, mut count) = (Vec::new(), 0);
    let relocated = core::relocate(
        object,
        target,
        |it| !off.contains(&it),
        |relo| {
            count += 1;
            if listed.len() < MOST_RELOCATIONS {
                listed.push((relo.program, row(object, relo)));
            }
        },
    );
    let judge = Judge { object, target, words: Words::of(target), relocated: &relocated };
    let mut problems = judge.maps();
    let configuration = configuration(object, open, target, &mut problems);
    let mut reached: HashSet<(usize, usize)> = HashSet::new();
    for plan in open.programs().iter().filter(|it| it.autoload) {
        judge.program(plan, &mut problems, &mut reached);
    }
    let relocations_left_out = count - listed.len();
    let finish = |(program, mut row): (usize, RelocationInspection)| {
        row.reached = reached.contains(&(program, row.insn));
        row
    };
    TargetInspection {
        btf: target.origin.to_string(),
        loads: problems.is_empty(),
        problems,
        kconfig: open.kconfig().origin().to_owned(),
        configuration,
        relocations: listed.into_iter().map(finish).collect(),
        relocations_left_out,
    }
}

/// What the variables of the configuration hold.
fn configuration(
    object: &Object,
    open: &OpenObject,
    target: &TargetBtf,
    problems: &mut Vec<Problem>,
) -> Vec<ConfigInspection> {
    let mut configuration = Vec::new();
    for it in object.externs.iter().filter(|it| matches!(it.kind, ExternKind::Kconfig { .. })) {
        let answer = open.kconfig().answer(it, Some(target)).unwrap_or_else(|error| {
            let place = format!("variable {}", it.name);
            problems.push(Problem { place, message: error.to_string(), source: None });
            None
        });
        let (value, source) = answer.map(|it| (it.text, it.source)).unzip();
        configuration.push(ConfigInspection { name: it.name.clone(), value, source });
    }
    configuration
}

fn row(object: &Object, relo: &Relocation<'_>) -> RelocationInspection {
    let kind = skep::btf::core::ReloKind::from_number(relo.record.kind);
    let mut row = RelocationInspection {
        program: object.programs[relo.program].name.clone(),
        insn: relo.slot,
        kind: kind.map_or_else(|| relo.record.kind.to_string(), |kind| kind.name().to_owned()),
        asks: String::new(),
        outcome: "error",
        reached: true,
        original: None,
        value: None,
        found: None,
        module: None,
        error: None,
    };
    match &relo.result {
        Ok((outcome, patched)) => fill(&mut row, outcome, *patched),
        Err(error) => row.error = Some(error.to_string()),
    }
    row
}

fn fill(row: &mut RelocationInspection, outcome: &Outcome, patched: Patched) {
    row.asks = outcome.spec.clone();
    row.original = Some(outcome.original);
    row.value = outcome.value;
    row.found = outcome.found.as_ref().map(|it| it.spec.clone());
    row.module = outcome.found.as_ref().and_then(|it| it.module.clone());
    row.outcome = match patched {
        Patched::Relocated => "relocated",
        Patched::Missing => "missing",
        Patched::WrongSize => "wrong size",
    };
}

/// The numbers that the target's enumerations of helpers and types have; `None` if it does not have the enumeration.
struct Words {
    helpers: Option<HashSet<i128>>,
    map_types: Option<HashSet<i128>>,
    prog_types: Option<HashSet<i128>>,
    attach_types: Option<HashSet<i128>>,
}

impl Words {
    fn of(target: &TargetBtf) -> Words {
        let btf = &target.vmlinux;
        let numbers = |name: &str| {
            let e =
                btf.find(Kind::Enum, name).and_then(|id| btf.type_by_id(id)).and_then(Type::enumeration)?;
            // The last one only counts them: `__MAX_BPF_ATTACH_TYPE`.
            let known = e.values.iter().filter(|it| !btf.str(it.name).starts_with("__"));
            Some(known.map(|it| e.number(it)).collect())
        };
        Words {
            helpers: numbers("bpf_func_id"),
            map_types: numbers("bpf_map_type"),
            prog_types: numbers("bpf_prog_type"),
            attach_types: numbers("bpf_attach_type"),
        }
    }
}

/// Whether a number is known to be missing.
fn lacks(words: &Option<HashSet<i128>>, number: u32) -> bool {
    words.as_ref().is_some_and(|it| !it.contains(&i128::from(number)))
}

struct Judge<'a> {
    object: &'a Object,
    target: &'a TargetBtf,
    words: Words,
    relocated: &'a Relocated,
}

impl<'a> Judge<'a> {
    fn maps(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for def in &self.object.maps {
            let place = format!("map {}", def.name);
            if lacks(&self.words.map_types, def.kind) {
                let name = def.map_type().map_or_else(|| def.kind.to_string(), |it| it.name().to_owned());
                let message = format!("the kernel has no map type {name}");
                problems.push(Problem { place, message, source: None });
            } else if def.map_type() == Some(MapType::StructOps)
                && let Some(message) = self.struct_ops(def.struct_ops.as_ref().map(|it| it.type_id))
            {
                problems.push(Problem { place, message, source: None });
            }
        }
        problems
    }

    /// A struct_ops map is of a type that the kernel has an implementation for: its `bpf_struct_ops_NAME`.
    fn struct_ops(&self, type_id: Option<skep::btf::TypeId>) -> Option<String> {
        let name = self.object.btf.as_ref()?.name(type_id?);
        let name = skep::btf::core::essential_name(name);
        let value = format!("bpf_struct_ops_{name}");
        let there = self.types().any(|btf| btf.find(Kind::Struct, &value).is_some());
        (!there).then(|| format!("the kernel has no struct_ops of type {name}"))
    }

    fn types(&self) -> impl Iterator<Item = &'a skep::btf::Btf> + use<'a> {
        let target = self.target;
        std::iter::once(&*target.vmlinux).chain(target.modules.iter().map(|(_, btf)| &**btf))
    }

    fn code(&self, function: usize) -> &'a [Insn] {
        match self.relocated.code(function).filter(|it| !it.insns.is_empty()) {
            Some(code) => &code.insns,
            None => self.object.programs.get(function).map_or(&[], |it| &it.insns),
        }
    }

    fn program(
        &self,
        plan: &ProgramPlan,
        problems: &mut Vec<Problem>,
        reached: &mut HashSet<(usize, usize)>,
    ) {
        let place = format!("program {}", plan.name);
        let mut say = |message: String, source: Option<String>| {
            problems.push(Problem { place: place.clone(), message, source });
        };
        match plan.prog_type() {
            Some(kind) if lacks(&self.words.prog_types, kind.to_u32()) => {
                say(format!("the kernel has no program type {}", kind.name()), None);
            }
            None => say("its section name tells no program type".to_owned(), None),
            Some(_) => {}
        }
        if let Some(kind) = attach_type(plan).filter(|it| lacks(&self.words.attach_types, it.to_u32())) {
            say(format!("the kernel has no attach type {}", kind.name()), None);
        }
        if let Err(error) = plan.target_on(self.object, self.target) {
            say(error.message, None);
        }
        let reach = Reach::of(self.object, [plan.index], |function| self.code(function));
        let mut functions: Vec<usize> = reach.functions().collect();
        functions.sort_unstable();
        for function in functions {
            self.function(function, &reach, &mut say, reached);
        }
    }

    fn function(
        &self,
        function: usize,
        reach: &Reach,
        say: &mut impl FnMut(String, Option<String>),
        reached: &mut HashSet<(usize, usize)>,
    ) {
        let relos = self.object.programs[function].core_relos.iter().map(|it| it.insn_off as usize / 8);
        reached.extend(relos.filter(|slot| reach.has(function, *slot)).map(|slot| (function, slot)));
        let source = |slot: usize| self.source(function, slot);
        if let Some(code) = self.relocated.code(function) {
            if let Some(error) = &code.error {
                return say(error.message.clone(), None);
            }
            for (slot, message) in code.poisoned.iter().filter(|(slot, _)| reach.has(function, *slot)) {
                say(message.to_string(), source(*slot));
            }
        }
        let insns = self.code(function);
        let mut told = HashSet::new();
        for slot in (0..insns.len()).filter(|slot| reach.has(function, *slot)) {
            let target = self.object.programs[function].reloc_at(slot).map(|it| it.target);
            let missing = match (target, decode(insns, slot)) {
                (Some(Target::Extern(index)), _) => self.external(index),
                (None, Ok(Op::Call(Callee::Helper(id)))) => self.helper(id),
                _ => None,
            };
            if let Some(message) = missing.filter(|it| told.insert(it.clone())) {
                say(message, source(slot));
            }
        }
    }

    fn helper(&self, id: u32) -> Option<String> {
        let helper = helpers::helper(id)?;
        lacks(&self.words.helpers, id).then(|| format!("the kernel has no helper bpf_{}", helper.name))
    }

    fn external(&self, index: usize) -> Option<String> {
        let it = self.object.externs.get(index)?;
        ksyms::find(self.object, it, Some(self.target)).err().map(|error| error.message)
    }

    /// The line of C that an instruction is from.
    fn source(&self, function: usize, slot: usize) -> Option<String> {
        let program = self.object.programs.get(function)?;
        let line = program.line_at(slot)?;
        let btf = self.object.btf.as_ref()?;
        Some(format!("{}:{}: {}", btf.str(line.file), line.line, btf.str(line.text).trim()))
    }
}
