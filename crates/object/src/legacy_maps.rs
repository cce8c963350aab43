//! Maps that are a `struct bpf_map_def` in a `maps` section, as before BTF (libbpf 0.x, iproute2, gobpf, bcc).

use goblin::elf::sym::{STT_FILE, STT_SECTION};

use crate::budget::Budget;
use crate::elf::{Elf, Section};
use crate::error::{At, Error, ErrorKind};
use crate::map::MapDef;

/// Bytes of the first `struct bpf_map_def`: type, key size, value size, entries, and (from Linux 4.6) flags.
const DEFINITION: usize = 20;

/// Whether a section holds legacy maps: `maps`, or `maps/name` of gobpf.
pub(crate) fn is_legacy(section: &Section<'_>) -> bool {
    section.name == "maps" || section.name.starts_with("maps/")
}

/// Reads the maps of every such section: one at each symbol.
pub(crate) fn collect(elf: &Elf<'_>, budget: &Budget) -> Result<Vec<MapDef>, Error> {
    let mut found = Vec::new();
    let symbols = elf.symbols.iter().filter(|it| it.kind != STT_SECTION && it.kind != STT_FILE);
    for symbol in symbols {
        let Some(section) = elf.section(symbol.section).filter(|it| is_legacy(it)) else { continue };
        found.push((*section, symbol));
    }
    found.sort_by_key(|(section, symbol)| (section.index, symbol.value));
    let mut maps = Vec::new();
    for (i, (section, symbol)) in found.iter().enumerate() {
        let next = found.get(i + 1).filter(|(it, _)| it.index == section.index).map(|(_, it)| it.value);
        let end = match symbol.size {
            0 => next.unwrap_or(section.size),
            size => symbol.value.saturating_add(size),
        };
        let name = elf.symbol_name(symbol)?;
        let data = elf.data(section)?;
        let bytes =
            usize::try_from(symbol.value).ok().and_then(|start| data.get(start..end.try_into().ok()?));
        let size = end.saturating_sub(symbol.value);
        let wrong = || ErrorKind::LegacyMap { name: name.to_string(), size };
        let fields = bytes.and_then(fields).ok_or_else(wrong).at(section.name, symbol.value)?;
        if bytes.is_some_and(|it| it.iter().skip(DEFINITION).any(|&byte| byte != 0)) {
            budget.warn(format!("legacy map '{name}': what is behind its flags is ignored"));
        }
        maps.push(MapDef {
            name: budget.name(name).at(section.name, symbol.value)?,
            legacy: true,
            section_index: section.index,
            section_offset: symbol.value,
            ..fields
        });
    }
    Ok(maps)
}

/// The five numbers of a definition; the last may be missing.
fn fields(bytes: &[u8]) -> Option<MapDef> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    Some(MapDef {
        kind: word(0)?,
        key_size: word(4)?,
        value_size: word(8)?,
        max_entries: word(12)?,
        map_flags: word(16).unwrap_or(0),
        ..MapDef::default()
    })
}
