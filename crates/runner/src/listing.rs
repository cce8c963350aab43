//! `skep disasm`: the instructions of an object with what they refer to and the lines they came from.

use skep::isa::{self, Insn};
use skep::object::{Object, Program, Target};
use skep::{Error, Result, abi};

/// The code of one function, or raw code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// The function's name; empty for raw code.
    pub name: String,
    /// Its section.
    pub section: String,
    /// Its instructions.
    pub lines: Vec<ListingLine>,
}

/// One instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListingLine {
    /// Its first slot.
    pub slot: usize,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The instruction in the assembler's syntax; a slot that is none as `.hex`.
    pub text: String,
    /// The line of C that begins here: `file:line: text`.
    pub source: Option<String>,
    /// What it refers to: a helper, a map, a function, a variable.
    pub note: Option<String>,
}

/// Lists the functions of an object, or the one with this name.
///
/// # Errors
/// The bytes are no object, or there is no such function.
pub fn list_object(bytes: &[u8], program: Option<&str>) -> Result<Vec<Listing>> {
    let object = Object::parse(bytes).map_err(|error| Error::from_input(error.to_string()))?;
    let wanted: Vec<&Program> =
        object.programs.iter().filter(|it| program.is_none_or(|name| it.name == name)).collect();
    if let (Some(name), []) = (program, wanted.as_slice()) {
        let names: Vec<&str> = object.programs.iter().map(|it| it.name.as_str()).collect();
        let text = format!("there is no function called {name:?}; the functions are {}", names.join(", "));
        return Err(Error::from_input(text));
    }
    Ok(wanted.into_iter().map(|program| of_program(&object, program)).collect())
}

/// Lists raw instructions.
///
/// # Errors
/// The bytes are not slots of 8.
pub fn list_raw(bytes: &[u8]) -> Result<Listing> {
    let insns = Insn::from_slice(bytes).map_err(|error| Error::from_input(error.to_string()))?;
    let lines = isa::disassemble(&insns)
        .map(|line| plain(&line, line.op.as_ref().err().map(ToString::to_string)))
        .collect();
    Ok(Listing { name: String::new(), section: String::new(), lines })
}

fn plain(line: &isa::Line<'_>, note: Option<String>) -> ListingLine {
    let bytes = line.insns.iter().flat_map(|insn| insn.to_bytes()).collect();
    ListingLine { slot: line.slot, bytes, text: line.to_string(), source: None, note }
}

fn of_program(object: &Object, program: &Program) -> Listing {
    let mut sources = object.source_lines(program).peekable();
    let lines = isa::disassemble(&program.insns)
        .map(|line| {
            let mut source = None;
            while let Some(next) = sources.next_if(|it| it.slot <= line.slot) {
                source = Some(format!("{}:{}: {}", next.file, next.line, next.text.trim()));
            }
            let note = note(object, program, &line);
            ListingLine { source, ..plain(&line, note) }
        })
        .collect();
    Listing { name: program.name.clone(), section: program.section.clone(), lines }
}

/// What an instruction refers to, in a word.
fn note(object: &Object, program: &Program, line: &isa::Line<'_>) -> Option<String> {
    if let Some(reloc) = program.reloc_at(line.slot) {
        return Some(target(object, reloc.target));
    }
    match &line.op {
        Ok(isa::Op::Call(isa::Callee::Helper(id))) => {
            abi::helpers::helper(*id).map(|helper| format!("bpf_{}", helper.name))
        }
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    }
}

/// The name of what a relocation points to.
pub(crate) fn target(object: &Object, target: Target) -> String {
    let gone = || "nothing".to_owned();
    match target {
        Target::Map(index) => object.maps.get(index).map_or_else(gone, |it| format!("map {}", it.name)),
        Target::Data { section, offset } => object.data.get(section).map_or_else(gone, |data| {
            match data.vars.iter().find(|var| (var.offset..var.offset + var.size).contains(&offset)) {
                Some(var) if var.offset == offset => var.name.clone(),
                Some(var) => format!("{}+{:#x}", var.name, offset - var.offset),
                None => format!("{}+{offset:#x}", data.name),
            }
        }),
        Target::Subprog { program, pointer } => object
            .programs
            .get(program)
            .map_or_else(gone, |it| if pointer { format!("&{}", it.name) } else { it.name.clone() }),
        Target::Extern(index) => {
            object.externs.get(index).map_or_else(gone, |it| format!("extern {}", it.name))
        }
    }
}
