//! Relocations, rewritten for where things are now (`linker_append_elf_relos`).

use object::Endianness;
use object::elf;
use object::write::elf::{Encoder, Rel};

use super::LinkError;
use super::input::{Input, relocations};
use super::output::{Output, SYMTAB};
use super::symbols::SymbolMap;

/// A call; its operand counts instructions.
const CALL: u8 = 0x85;

impl<'a> Output<'a> {
    /// Adds the relocations of a file.
    pub(super) fn add_relocations(
        &mut self,
        input: &mut Input<'a>,
        symbols: &SymbolMap,
    ) -> Result<(), LinkError> {
        for index in 1..input.sections.len() {
            let section = &input.sections[index];
            let target = section.header.as_ref().map_or(0, |it| it.sh_info as usize);
            if !section.is_relocations() || input.sections.get(target).is_none_or(|it| it.skipped) {
                continue;
            }
            let (id, _) = self.section_for(section)?;
            let target_id = input.sections[target].output;
            let link = self.sections[target_id].index;
            if let Some(header) = &mut self.sections[id].header {
                (header.sh_link, header.sh_info) = (SYMTAB, link);
            }
            self.extend(id, &mut input.sections[index])?;
            let at = input.sections[index].offset as usize;
            let mut rewritten = Vec::new();
            for rel in relocations(&input.sections[index])? {
                let rel = self.rewrite(input, target, &rel, symbols).map_err(|message| LinkError {
                    message,
                    ..LinkError::section(&input.sections[index].name, "")
                })?;
                encoder().relocation(&mut rewritten, false, &rel);
            }
            let data = &mut self.sections[id].data;
            data.truncate(at);
            data.extend_from_slice(&rewritten);
        }
        Ok(())
    }

    fn rewrite(
        &mut self,
        input: &Input<'_>,
        target: usize,
        rel: &Rel,
        symbols: &SymbolMap,
    ) -> Result<Rel, String> {
        let target = &input.sections[target];
        let missing =
            || format!("the relocation at {:#x} is against a symbol that is left out", rel.r_offset);
        let symbol = input.symbols.get(rel.r_sym as usize).ok_or_else(missing)?;
        let outside =
            || format!("the relocation at {:#x} is outside of section '{}'", rel.r_offset, target.name);
        let r_offset = rel.r_offset.checked_add(target.offset).ok_or_else(outside)?;
        let named = || format!("{}: '{}'", missing(), symbol.name);
        let r_sym = symbols.get(rel.r_sym).ok_or_else(named)?;
        if let Some(section) = symbol.section().filter(|_| symbol.is_section()) {
            if !target.is_code() {
                return Err("a relocation against a section in data is not supported".to_owned());
            }
            let moved = input.sections[section].offset as u32;
            let code = &mut self.sections[target.output].data;
            let start = usize::try_from(r_offset).map_err(|_| outside())?;
            let insn = code.get_mut(start..).and_then(|rest| rest.get_mut(..8)).ok_or_else(outside)?;
            // Static functions and data are found by section and offset, which is in the instruction.
            let moved = if insn[0] == CALL { moved / 8 } else { moved };
            let imm = u32::from_le_bytes([insn[4], insn[5], insn[6], insn[7]]);
            insn[4..].copy_from_slice(&imm.wrapping_add(moved).to_le_bytes());
        }
        Ok(Rel { r_offset, r_sym, ..rel.clone() })
    }
}

/// What writes 64-bit, little-endian files for BPF.
pub(super) fn encoder() -> Encoder<Endianness> {
    Encoder::new(Endianness::Little, true, elf::EM_BPF)
}
