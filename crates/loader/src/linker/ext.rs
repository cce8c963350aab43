//! `.BTF.ext` of all files, put together (`linker_append_btf_ext`).

use std::collections::HashMap;

use skep_btf::{BtfExt, CoreRelo, ExtSection, FuncInfo, LineInfo};

use super::LinkError;
use super::input::Input;
use super::output::{OutSection, Output};
use super::types::TypeMap;

impl<'a> Output<'a> {
    /// Adds the records of a file to the sections that they are about.
    pub(super) fn add_ext(&mut self, input: &Input<'a>, types: &TypeMap) -> Result<(), LinkError> {
        let (Some(btf), Some(ext)) = (input.btf.as_deref(), &input.ext) else { return Ok(()) };
        let mut strings = HashMap::new();
        for section in ext.func_sections() {
            let (id, offset) = place(input, &section.name)?;
            for func in &section.records {
                let func =
                    FuncInfo { insn_off: moved(func.insn_off, offset)?, type_id: types.get(func.type_id)? };
                self.sections[id].funcs.push(func);
            }
        }
        for section in ext.line_sections() {
            let (id, offset) = place(input, &section.name)?;
            for line in &section.records {
                let insn_off = moved(line.insn_off, offset)?;
                let file = self.string(btf, line.file, &mut strings)?;
                let line_text = self.string(btf, line.line_text, &mut strings)?;
                self.sections[id].lines.push(LineInfo { insn_off, file, line_text, ..*line });
            }
        }
        for section in ext.core_relo_sections() {
            let (id, offset) = place(input, &section.name)?;
            for relo in &section.records {
                let (insn_off, type_id) = (moved(relo.insn_off, offset)?, types.get(relo.type_id)?);
                let access = self.string(btf, relo.access, &mut strings)?;
                self.sections[id].relos.push(CoreRelo { insn_off, type_id, access, ..*relo });
            }
        }
        Ok(())
    }

    /// All records, section by section.
    pub(super) fn take_ext(&mut self) -> BtfExt {
        let funcs = self.ext_part(|it| std::mem::take(&mut it.funcs));
        let lines = self.ext_part(|it| std::mem::take(&mut it.lines));
        let relos = self.ext_part(|it| std::mem::take(&mut it.relos));
        BtfExt::from_sections(funcs, lines, relos)
    }

    fn ext_part<T>(&mut self, take: impl Fn(&mut OutSection) -> Vec<T>) -> Vec<ExtSection<T>> {
        let mut parts = Vec::new();
        for section in &mut self.sections {
            let records = take(section);
            if !records.is_empty() {
                let name_off = self.btf.string(&section.name);
                parts.push(ExtSection { name: section.name.clone(), name_off, records });
            }
        }
        parts
    }
}

/// Where the code of a section went.
fn place(input: &Input<'_>, name: &str) -> Result<(usize, u64), LinkError> {
    let section = input.section_named(name).map(|index| &input.sections[index]);
    match section.filter(|it| it.output != 0) {
        Some(section) => Ok((section.output, section.offset)),
        None => {
            Err(LinkError::section(".BTF.ext", format!("there is no section '{name}', which it is about")))
        }
    }
}

fn moved(insn_off: u32, offset: u64) -> Result<u32, LinkError> {
    let moved = u64::from(insn_off).checked_add(offset).and_then(|it| u32::try_from(it).ok());
    moved.ok_or_else(|| LinkError::section(".BTF.ext", "an instruction offset is out of range"))
}
