//! Finds the functions of every code section and makes programs of them.

use std::collections::{BTreeMap, HashMap};

use goblin::elf::sym::{STB_LOCAL, STB_WEAK, STT_FUNC, STT_NOTYPE, STV_HIDDEN, STV_INTERNAL};
use skep_btf::BtfExt;
use skep_isa::Insn;

use crate::budget::Budget;
use crate::elf::{Elf, Section, Symbol};
use crate::error::{At, Error, ErrorKind};
use crate::program::{FuncStart, Line, Linkage, Program};

/// The section of functions that are only called by others.
const TEXT: &str = ".text";

/// The functions, sorted by section and offset, and where each starts.
pub(crate) struct Functions {
    pub(crate) programs: Vec<Program>,
    /// Section index and byte to the program's index; the first of several that start there.
    pub(crate) starts: HashMap<(usize, u64), usize>,
    /// Section index to the range of `programs` that are in it.
    pub(crate) of_section: HashMap<usize, std::ops::Range<usize>>,
}

/// A function symbol, or what stands for one.
struct Function<'a> {
    section: Section<'a>,
    start: u64,
    size: u64,
    name: &'a str,
    linkage: Linkage,
    hidden: bool,
}

impl Function<'_> {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.size)
    }
}

/// Finds every function.
pub(crate) fn collect(elf: &Elf<'_>, ext: Option<&BtfExt>, budget: &Budget) -> Result<Functions, Error> {
    let mut found = symbols(elf)?;
    found.extend(without_symbols(elf, &found, budget)?);
    found.sort_by_key(|it| (it.section.index, it.start, it.size));
    check_overlaps(&found)?;
    let debug = DebugRecords::new(ext);
    let only_one = found.len() == 1;
    let mut functions =
        Functions { programs: Vec::new(), starts: HashMap::new(), of_section: HashMap::new() };
    for (index, it) in found.iter().enumerate() {
        functions.starts.entry((it.section.index, it.start)).or_insert(index);
        functions.of_section.entry(it.section.index).or_insert(index..index).end = index + 1;
        functions.programs.push(program(elf, it, &debug, only_one, budget)?);
    }
    Ok(functions)
}

/// The functions that have a symbol of type `STT_FUNC`, as clang has made them since LLVM 9.
fn symbols<'a>(elf: &Elf<'a>) -> Result<Vec<Function<'a>>, Error> {
    let mut found = Vec::new();
    for symbol in elf.symbols.iter().filter(|it| it.kind == STT_FUNC) {
        let Some(section) = elf.section(symbol.section).filter(|it| it.is_code()) else { continue };
        let it = function(elf, symbol, section, symbol.size)?;
        if it.size == 0 || it.size % 8 != 0 {
            let kind = ErrorKind::FunctionSize { name: it.name.to_string(), size: it.size };
            return Err(kind).at(section.name, it.start);
        }
        if it.start % 8 != 0 || it.end() > section.size {
            let kind = ErrorKind::FunctionBounds { name: it.name.to_string(), size: it.size };
            return Err(kind).at(section.name, it.start);
        }
        found.push(it);
    }
    Ok(found)
}

fn function<'a>(
    elf: &Elf<'a>,
    symbol: &Symbol,
    section: &Section<'a>,
    size: u64,
) -> Result<Function<'a>, Error> {
    let linkage = match symbol.bind {
        STB_LOCAL => Linkage::Static,
        STB_WEAK => Linkage::Weak,
        _ => Linkage::Global,
    };
    let hidden = linkage != Linkage::Static && matches!(symbol.visibility, STV_HIDDEN | STV_INTERNAL);
    Ok(Function {
        section: *section,
        start: symbol.value,
        size,
        name: elf.symbol_name(symbol)?,
        linkage,
        hidden,
    })
}

/// Old compilers and assemblers without `.type` give functions no type. In a section without any function symbol,
/// a global symbol starts a function that goes on to the next, and without even that the section is one function.
fn without_symbols<'a>(
    elf: &Elf<'a>,
    found: &[Function<'a>],
    budget: &Budget,
) -> Result<Vec<Function<'a>>, Error> {
    let mut bare: BTreeMap<usize, Vec<&Symbol>> =
        elf.sections.iter().filter(|it| it.is_code()).map(|it| (it.index, Vec::new())).collect();
    for it in found {
        bare.remove(&it.section.index);
    }
    for symbol in elf.symbols.iter().filter(|it| it.kind == STT_NOTYPE && it.is_global()) {
        if let Some(symbols) = bare.get_mut(&symbol.section) {
            symbols.push(symbol);
        }
    }
    let mut functions = Vec::new();
    for (index, mut symbols) in bare {
        let Some(section) = elf.section(index) else { continue };
        if section.size % 8 != 0 {
            let kind = ErrorKind::FunctionSize { name: section.name.to_string(), size: section.size };
            return Err(kind).at(section.name, 0);
        }
        symbols.sort_by_key(|it| it.value);
        symbols.dedup_by_key(|it| it.value);
        symbols.retain(|it| it.value % 8 == 0 && it.value < section.size);
        let ends = symbols.iter().skip(1).map(|it| it.value).chain([section.size]);
        for (symbol, end) in symbols.iter().zip(ends) {
            functions.push(function(elf, symbol, section, end - symbol.value)?);
        }
        if symbols.first().is_none_or(|it| it.value != 0) {
            functions.push(Function {
                section: *section,
                start: 0,
                size: symbols.first().map_or(section.size, |it| it.value),
                name: section.name,
                linkage: Linkage::Global,
                hidden: false,
            });
        }
        budget.warn(format!("section '{}' has no function symbols: functions are guessed", section.name));
    }
    Ok(functions)
}

/// Two symbols of one function are fine (an alias); functions that share only some bytes are not.
fn check_overlaps(sorted: &[Function<'_>]) -> Result<(), Error> {
    for pair in sorted.windows(2) {
        let [a, b] = pair else { continue };
        let alias = (a.start, a.size) == (b.start, b.size);
        if a.section.index == b.section.index && b.start < a.end() && !alias {
            let kind = ErrorKind::FunctionOverlap { name: b.name.to_string(), other: a.name.to_string() };
            return Err(kind).at(b.section.name, b.start);
        }
    }
    Ok(())
}

fn program(
    elf: &Elf<'_>,
    it: &Function<'_>,
    debug: &DebugRecords<'_>,
    only_one: bool,
    budget: &Budget,
) -> Result<Program, Error> {
    let section = it.section.name;
    let data = elf.data(&it.section)?;
    let code = data.get(it.start as usize..it.end() as usize);
    let code = code.ok_or(ErrorKind::Truncated { what: "code" }).at(section, it.start)?;
    budget.copy(code.len() + section.len() + it.name.len()).at(section, it.start)?;
    let insns = code.chunks_exact(8).filter_map(|it| it.try_into().ok()).map(Insn::from_bytes).collect();
    let mut program = Program {
        name: it.name.to_string(),
        section: section.strip_prefix('?').unwrap_or(section).to_string(),
        section_index: it.section.index,
        section_offset: it.start as usize,
        insns,
        relocs: Vec::new(),
        is_subprogram: it.linkage == Linkage::Static && section != TEXT || section == TEXT && !only_one,
        linkage: it.linkage,
        hidden: it.hidden,
        autoload: !section.starts_with('?'),
        btf_func: None,
        func_info: Vec::new(),
        lines: Vec::new(),
        core_relos: Vec::new(),
    };
    debug.describe(&mut program, section, budget).at(section, it.start)?;
    Ok(program)
}

/// The records of `.BTF.ext` by section, sorted by offset.
struct DebugRecords<'a> {
    funcs: Sorted<'a, skep_btf::FuncInfo>,
    lines: Sorted<'a, skep_btf::LineInfo>,
    core_relos: Sorted<'a, skep_btf::CoreRelo>,
}

type Sorted<'a, T> = HashMap<&'a str, Vec<&'a T>>;

fn sorted<T>(sections: &[skep_btf::ExtSection<T>], offset: fn(&T) -> u32) -> Sorted<'_, T> {
    let mut by_name = HashMap::new();
    for section in sections {
        let mut records: Vec<&T> = section.records.iter().collect();
        records.sort_by_key(|it| offset(it));
        by_name.insert(section.name.as_str(), records);
    }
    by_name
}

/// The records from byte `start` to byte `end` of a section.
fn between<'a, T>(
    records: &'a Sorted<'_, T>,
    section: &str,
    (start, end): (usize, usize),
    offset: fn(&T) -> u32,
) -> &'a [&'a T] {
    let Some(records) = records.get(section) else { return &[] };
    let from = records.partition_point(|it| (offset(it) as usize) < start);
    let to = records.partition_point(|it| (offset(it) as usize) < end);
    records.get(from..to).unwrap_or(&[])
}

impl<'a> DebugRecords<'a> {
    fn new(ext: Option<&'a BtfExt>) -> DebugRecords<'a> {
        DebugRecords {
            funcs: ext.map(|it| sorted(it.func_sections(), |it| it.insn_off)).unwrap_or_default(),
            lines: ext.map(|it| sorted(it.line_sections(), |it| it.insn_off)).unwrap_or_default(),
            core_relos: ext.map(|it| sorted(it.core_relo_sections(), |it| it.insn_off)).unwrap_or_default(),
        }
    }

    /// Hands the program the records that lie in it, with places relative to its start.
    fn describe(&self, program: &mut Program, section: &str, budget: &Budget) -> Result<(), ErrorKind> {
        let start = program.section_offset;
        let range = (start, start + program.size());
        let slot = |offset: u32| (offset as usize - start) / 8;
        let funcs = between(&self.funcs, section, range, |it| it.insn_off);
        let lines = between(&self.lines, section, range, |it| it.insn_off);
        let core_relos = between(&self.core_relos, section, range, |it| it.insn_off);
        budget.copy((funcs.len() + lines.len() + core_relos.len()) * 16)?;
        program.func_info =
            funcs.iter().map(|it| FuncStart { slot: slot(it.insn_off), type_id: it.type_id }).collect();
        program.btf_func = program.func_info.first().filter(|it| it.slot == 0).map(|it| it.type_id);
        let line = |it: &&skep_btf::LineInfo| Line {
            slot: slot(it.insn_off),
            file: it.file,
            text: it.line_text,
            line: it.line,
            column: it.column,
        };
        program.lines = lines.iter().map(line).collect();
        let core_relo = |it: &&skep_btf::CoreRelo| {
            // `between` gave what lies behind `start`, whose offsets fit `u32`.
            skep_btf::CoreRelo { insn_off: it.insn_off - start as u32, ..**it }
        };
        program.core_relos = core_relos.iter().map(core_relo).collect();
        Ok(())
    }
}
