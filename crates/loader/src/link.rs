//! Puts the functions that a program calls behind it, as libbpf does, so that the kernel gets one piece of code.

use std::sync::Arc;

use skep_isa::Insn;
use skep_kernel::{FuncInfo, LineInfo};
use skep_object::{Object, Program, Target};

use crate::core::Relocated;
use crate::error::Error;

/// The most instructions of one program that the kernel takes (`BPF_COMPLEXITY_LIMIT_INSNS`).
const MAX_INSNS: usize = 1_000_000;

/// `BPF_PSEUDO_CALL`: the call is to a function of the same program.
const PSEUDO_CALL: u8 = 1;
/// `BPF_PSEUDO_FUNC`: the wide load is of a function's address.
const PSEUDO_FUNC: u8 = 4;

/// A program with all that it calls, in the kernel's form but for what lies outside of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Linked {
    pub(crate) insns: Vec<Insn>,
    /// What instructions refer to outside of the code, by slot: maps, data, externs.
    pub(crate) relocs: Vec<(usize, Target)>,
    pub(crate) lines: Vec<LineInfo>,
    pub(crate) funcs: Vec<FuncInfo>,
    /// Instructions that CO-RE could not resolve, and what to say when one is executed.
    pub(crate) poisoned: Vec<(usize, Arc<str>)>,
}

/// Links the program with this index in [`Object::programs`].
///
/// The order of the functions is libbpf's (`bpf_object__reloc_code`): depth first, each behind all that came before it
/// at its first mention, so that instruction numbers are those of the kernel's messages.
pub(crate) fn link(object: &Object, relocated: &Relocated, entry: usize) -> Result<Linked, Error> {
    let mut linker =
        Linker { object, relocated, bases: vec![None; object.programs.len()], out: Linked::default() };
    linker.append(entry)?;
    linker.follow(entry)?;
    // What catches exceptions is called by none, and goes last (`bpf_program__attach_exception_cb`).
    if let Some(catch) = exception_callback(object, entry)
        && linker.bases.get(catch).is_some_and(Option::is_none)
    {
        linker.append(catch)?;
        linker.follow(catch)?;
    }
    linker.patch()?;
    Ok(linker.out)
}

/// The function that a program's tag names as its exception callback (`exception_callback:NAME`).
fn exception_callback(object: &Object, entry: usize) -> Option<usize> {
    let (btf, id) = (object.btf.as_ref()?, object.programs.get(entry)?.btf_func?);
    let tags = btf.decl_tags(id).filter(|it| it.0.is_none());
    let mut names = tags.filter_map(|(_, tag)| tag.strip_prefix("exception_callback:"));
    // The verifier refuses several; libbpf leaves that to it (`bpf_prog_assign_exc_cb`).
    let name = names.next().filter(|_| names.next().is_none())?;
    object.programs.iter().position(|it| it.name == name)
}

struct Linker<'a> {
    object: &'a Object,
    relocated: &'a Relocated,
    /// Where each program of the object went, in slots.
    bases: Vec<Option<usize>>,
    out: Linked,
}

impl<'a> Linker<'a> {
    /// Adds what a function mentions, and what that does.
    fn follow(&mut self, entry: usize) -> Result<(), Error> {
        let mut stack = vec![(entry, 0)];
        while let Some((at, next)) = stack.pop() {
            let program = self.program(at)?;
            let Some(reloc) = program.relocs.get(next) else { continue };
            stack.push((at, next + 1));
            if let Target::Subprog { program: callee, .. } = reloc.target
                && self.bases.get(callee).is_some_and(Option::is_none)
            {
                self.append(callee)?;
                stack.push((callee, 0));
            }
        }
        Ok(())
    }

    fn program(&self, index: usize) -> Result<&'a Program, Error> {
        self.object.programs.get(index).ok_or_else(|| {
            Error::bad_input("", format!("a relocation names function {index}, which is not there"))
        })
    }

    fn append(&mut self, index: usize) -> Result<(), Error> {
        let program = self.program(index)?;
        let base = self.out.insns.len();
        if base + program.insns.len() > MAX_INSNS {
            let text = format!("with the functions it calls it has more than {MAX_INSNS} instructions");
            return Err(Error::bad_input(format!("program {}", program.name), text));
        }
        self.bases[index] = Some(base);
        let code = self.relocated.code(index);
        if let Some(error) = code.and_then(|code| code.error.as_ref()) {
            return Err(error.clone());
        }
        if code.is_none() && !program.core_relos.is_empty() {
            let text = "its CO-RE relocations are not resolved, since it was not to be loaded";
            return Err(Error::bad_input(format!("program {}", program.name), text));
        }
        self.out.insns.extend_from_slice(code.map_or(&program.insns, |code| &code.insns));
        let poisoned = code.map_or(&[][..], |code| &code.poisoned);
        self.out.poisoned.extend(poisoned.iter().map(|(slot, message)| (base + slot, Arc::clone(message))));
        self.out.funcs.push(FuncInfo {
            slot: base,
            name: Arc::from(program.name.as_str()),
            type_id: program.btf_func.map_or(0, |it| it.0),
        });
        let mut file: Arc<str> = Arc::from("");
        self.out.lines.extend(self.object.source_lines(program).map(|line| {
            // Neighbouring lines are of one file, mostly.
            if *file != *line.file {
                file = Arc::from(line.file);
            }
            LineInfo {
                slot: base + line.slot,
                file: Arc::clone(&file),
                line: line.line,
                column: line.column,
                text: Arc::from(line.text.trim_end()),
            }
        }));
        Ok(())
    }

    /// Fills in distances between functions, and lists what is left for the loader.
    fn patch(&mut self) -> Result<(), Error> {
        let placed: Vec<(usize, usize)> = self
            .bases
            .iter()
            .enumerate()
            .filter_map(|(index, base)| base.map(|base| (index, base)))
            .collect();
        for (index, base) in placed {
            let program = self.program(index)?;
            for reloc in &program.relocs {
                let slot = base + reloc.insn;
                match reloc.target {
                    Target::Subprog { program: callee, pointer } => self.aim(slot, callee, pointer)?,
                    other => self.out.relocs.push((slot, other)),
                }
            }
        }
        self.out.relocs.sort_by_key(|(slot, _)| *slot);
        Ok(())
    }

    fn aim(&mut self, slot: usize, callee: usize, pointer: bool) -> Result<(), Error> {
        let target = self.bases.get(callee).copied().flatten();
        let (Some(target), Some(insn)) = (target, self.out.insns.get_mut(slot)) else {
            return Err(Error::bad_input(
                "",
                format!("a relocation names function {callee}, which is not there"),
            ));
        };
        insn.src = if pointer { PSEUDO_FUNC } else { PSEUDO_CALL };
        // Both are below MAX_INSNS.
        insn.imm = (target as i64 - slot as i64 - 1) as i32;
        Ok(())
    }
}
