//! CO-RE: what an object's instructions have to be on a kernel with these types (libbpf's
//! `bpf_object__relocate_core`).

use std::collections::HashMap;
use std::sync::Arc;

use skep_btf::CoreRelo;
use skep_btf::core::{self, Outcome, Patched, Relocator, Target};
use skep_isa::Insn;
use skep_kernel::{Class, TargetBtf};
use skep_object::{Object, Program};

use crate::error::Error;
use crate::link;

/// Bytes of messages about instructions that could not be resolved; what comes later is told without details.
const MAX_MESSAGES: usize = 16 << 20;

/// What became of an object's functions.
#[derive(Clone, Debug, Default)]
pub struct Relocated {
    /// The code of those that have relocations and were to be loaded, by index in [`Object::programs`].
    code: HashMap<usize, Code>,
}

/// The code of a function on a certain kernel.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Its instructions.
    pub insns: Vec<Insn>,
    /// Instructions that are invalid because the kernel lacks what they ask for, and what libbpf says of each.
    pub poisoned: Vec<(usize, Arc<str>)>,
    /// Why it cannot be loaded at all.
    pub error: Option<Error>,
}

/// One relocation, as it is resolved.
#[derive(Clone, Debug)]
pub struct Relocation<'a> {
    /// The function, by index in [`Object::programs`].
    pub program: usize,
    /// The instruction's slot in the function.
    pub slot: usize,
    /// Its number among those of its section, as libbpf's messages have it.
    pub index: usize,
    /// The record; its instruction counts from the start of the section.
    pub record: &'a CoreRelo,
    /// What became of it.
    pub result: Result<(Outcome, Patched), core::Error>,
}

impl Relocated {
    /// On a kernel whose types nobody knows: what has relocations cannot be loaded.
    pub(crate) fn without_types(object: &Object) -> Relocated {
        let with_relocations = object.programs.iter().enumerate().filter(|(_, it)| !it.core_relos.is_empty());
        let code = with_relocations.map(|(index, program)| {
            let error = format!(
                "failed to find valid kernel BTF: it has {} CO-RE relocations, which need the types of the kernel; give \
                 the machine some (Config::btf, Builder::btf, skep run --btf)",
                program.core_relos.len()
            );
            let error = Error::bad_input(format!("program {}", program.name), error);
            (index, Code { error: Some(error), ..Code::default() })
        });
        Relocated { code: code.collect() }
    }

    /// The code of a program with that of all functions it calls behind it, relocated as far as types go, and the
    /// instructions in it that are invalid.
    ///
    /// # Errors
    /// A part of it cannot be relocated, or was not to be loaded.
    pub fn link(&self, object: &Object, program: usize) -> Result<Code, Error> {
        let linked = link::link(object, self, program)?;
        Ok(Code { insns: linked.insns, poisoned: linked.poisoned, error: None })
    }

    /// The code of a function that has relocations; `None` if it has none, or was not to be loaded.
    pub fn code(&self, program: usize) -> Option<&Code> {
        self.code.get(&program)
    }
}

/// Resolves the relocations of all functions that `wanted` names, in the order of the file, and shows each to `visit`.
///
/// After the first one that fails, the rest of a function's are left alone: it cannot be loaded.
pub fn relocate(
    object: &Object,
    target: &TargetBtf,
    wanted: impl Fn(usize) -> bool,
    mut visit: impl FnMut(&Relocation<'_>),
) -> Relocated {
    let mut relocated = Relocated::default();
    let (Some(btf), Some(ext)) = (&object.btf, &object.btf_ext) else { return relocated };
    let mut messages = Messages::default();
    let mut relocator = Relocator::new(btf, types(target));
    let functions = by_section(object);
    for section in ext.core_relo_sections() {
        let Some(functions) = functions.get(section.name.as_str()) else { continue };
        for (index, record) in section.records.iter().enumerate() {
            let Some(program) = function_at(object, functions, record) else { continue };
            if !wanted(program) {
                continue;
            }
            let function = &object.programs[program];
            let code = relocated.code.entry(program).or_insert_with(|| Code::new(function));
            if code.error.is_some() {
                continue;
            }
            let slot = (record.insn_off as usize - function.section_offset) / 8;
            let result = relocator
                .relocate(record)
                .and_then(|it| core::patch(&mut code.insns, slot, &it).map(|patched| (it, patched)));
            match &result {
                Ok((outcome, patched)) => code.note(slot, outcome, *patched, &mut messages),
                Err(error) => code.error = Some(failed(&function.name, index, error)),
            }
            visit(&Relocation { program, slot, index, record, result });
        }
    }
    relocated
}

/// The types of a kernel, as CO-RE looks at them.
pub fn types(target: &TargetBtf) -> Target<'_> {
    target.modules.iter().fold(Target::new(&target.vmlinux), |it, (name, btf)| it.with_module(name, btf))
}

impl Code {
    fn new(function: &Program) -> Code {
        Code { insns: function.insns.clone(), ..Code::default() }
    }

    fn note(&mut self, slot: usize, outcome: &Outcome, patched: Patched, messages: &mut Messages) {
        if patched != Patched::Relocated {
            // A wide load has become two calls, of which the first is executed.
            self.poisoned.push((slot, messages.of(outcome, patched)));
        }
    }
}

fn failed(name: &str, index: usize, error: &core::Error) -> Error {
    Error::new(Class::Rejected, format!("program {name}"), format!("CO-RE relocation #{index}: {error}"))
}

/// Messages, each once.
#[derive(Default)]
struct Messages {
    known: HashMap<String, Arc<str>>,
    bytes: usize,
}

impl Messages {
    fn of(&mut self, outcome: &Outcome, patched: Patched) -> Arc<str> {
        let text = match patched {
            Patched::WrongSize => format!(
                "{}: the instruction accesses the field incorrectly. Make sure you are accessing pointers, unsigned \
                 integers, or fields of matching type and size",
                outcome.failure()
            ),
            _ => outcome.failure(),
        };
        if let Some(known) = self.known.get(&text) {
            return Arc::clone(known);
        }
        if self.bytes > MAX_MESSAGES {
            return Arc::from("failed to resolve CO-RE relocation");
        }
        self.bytes += text.len() * 2;
        let message: Arc<str> = Arc::from(text.as_str());
        self.known.insert(text, Arc::clone(&message));
        message
    }
}

/// The functions of each section, by its name in the file.
fn by_section(object: &Object) -> HashMap<String, Vec<usize>> {
    let mut functions: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, program) in object.programs.iter().enumerate() {
        let mark = if program.autoload { "" } else { "?" };
        functions.entry(format!("{mark}{}", program.section)).or_default().push(index);
    }
    functions
}

/// The function that a record is about; functions of a section are in the order of their places.
fn function_at(object: &Object, functions: &[usize], record: &CoreRelo) -> Option<usize> {
    let at = record.insn_off as usize;
    let after = functions.partition_point(|index| object.programs[*index].section_offset <= at);
    let index = *functions.get(after.checked_sub(1)?)?;
    let program = &object.programs[index];
    (at < program.section_offset + program.size()).then_some(index)
}
