//! Programs and subprograms: their instructions, what these refer to, and the source lines they came from.

use skep_btf::{CoreRelo, StrOff, TypeId};
use skep_isa::Insn;

/// A function of the object: an entry program, or a subprogram that others call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// The symbol's name.
    pub name: String,
    /// The section's name, without the `?` that turns automatic loading off.
    pub section: String,
    /// The section's index in the file.
    pub section_index: usize,
    /// Where in the section the function starts, in bytes.
    pub section_offset: usize,
    /// The instructions, relocations not applied.
    pub insns: Vec<Insn>,
    /// What the instructions refer to, by instruction, at most one for each.
    pub relocs: Vec<Reloc>,
    /// Whether it is only called by others. As libbpf has it: it is in `.text` and not the object's only function.
    /// A static function of any other section is one too (libbpf refuses the object).
    pub is_subprogram: bool,
    /// Who sees the symbol.
    pub linkage: Linkage,
    /// The symbol is global, but hidden: the verifier should treat the function as static.
    pub hidden: bool,
    /// Whether to load it unless told otherwise; `SEC("?...")` says no.
    pub autoload: bool,
    /// The function's type (`Func`) in the object's BTF.
    pub btf_func: Option<TypeId>,
    /// The types of the functions that lie in this one, by slot: usually one, at slot 0.
    pub func_info: Vec<FuncStart>,
    /// Source lines, by slot. Texts are in the object's BTF: see [`Object::source_lines`](crate::Object::source_lines).
    pub lines: Vec<Line>,
    /// CO-RE relocations, by instruction; `insn_off` is in bytes from the start of this function.
    pub core_relos: Vec<CoreRelo>,
}

impl Program {
    /// Bytes of the instructions.
    pub fn size(&self) -> usize {
        self.insns.len() * 8
    }

    /// The relocation at this slot.
    pub fn reloc_at(&self, slot: usize) -> Option<&Reloc> {
        self.relocs.binary_search_by_key(&slot, |it| it.insn).ok().and_then(|at| self.relocs.get(at))
    }

    /// The source line that the instruction at this slot came from.
    pub fn line_at(&self, slot: usize) -> Option<&Line> {
        let after = self.lines.partition_point(|it| it.slot <= slot);
        self.lines.get(after.checked_sub(1)?)
    }
}

/// Who sees a function's symbol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Linkage {
    /// Only its own file (`STB_LOCAL`).
    Static,
    /// Everybody (`STB_GLOBAL`).
    Global,
    /// Everybody, unless somebody else defines it too (`STB_WEAK`).
    Weak,
}

/// Where a function starts, and its type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FuncStart {
    /// Where it starts, in slots of the program.
    pub slot: usize,
    /// Its type (`Func`).
    pub type_id: TypeId,
}

/// A source line, by numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Line {
    /// The first slot of the program that came from it.
    pub slot: usize,
    /// The file's path in the object's BTF strings.
    pub file: StrOff,
    /// The line's text in the object's BTF strings.
    pub text: StrOff,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 0 if not known.
    pub column: u32,
}

/// A source line with its texts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SourceLine<'a> {
    /// The first slot of the program that came from it.
    pub slot: usize,
    /// The file's path.
    pub file: &'a str,
    /// The line's text, as in the file.
    pub text: &'a str,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 0 if not known.
    pub column: u32,
}

/// What an instruction refers to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reloc {
    /// The instruction's slot in the program.
    pub insn: usize,
    /// What it refers to.
    pub target: Target,
}

/// What an instruction, or a pointer in a data section, refers to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// The map with this index in [`Object::maps`](crate::Object::maps).
    Map(usize),
    /// A byte of a data section.
    Data {
        /// The section's index in [`Object::data`](crate::Object::data).
        section: usize,
        /// The byte. As libbpf computes it, symbol and addend added modulo 2^32; it may lie past the section's end.
        offset: u64,
    },
    /// The function with this index in [`Object::programs`](crate::Object::programs).
    Subprog {
        /// The function.
        program: usize,
        /// Whether its address is taken (a 64-bit load), instead of being called.
        pointer: bool,
    },
    /// The extern with this index in [`Object::externs`](crate::Object::externs).
    Extern(usize),
}
