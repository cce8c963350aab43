//! Symbols: local ones are kept, global ones of a name become one (`linker_append_elf_sym`).

use std::collections::HashMap;
use std::rc::Rc;

use object::elf;
use object::write::elf::Sym;
use skep_btf::{Btf, Def, Linkage, TypeId};

use super::input::{EXTERN, Input, Symbol};
use super::output::Output;
use super::{LinkError, compare, maps};

/// A symbol that all files share.
pub(super) struct Global<'a> {
    pub(super) name: &'a str,
    /// Its symbol in the output.
    pub(super) symbol: u32,
    /// Its section in the output, those that only BTF knows of included; 0 for none.
    pub(super) section: usize,
    /// Its variable or function in the output's types, once they are there.
    pub(super) type_id: Option<TypeId>,
    /// The variable or function of an input that says what it is: the first one met, then the definition.
    pub(super) told_by: (Rc<Btf>, TypeId),
    /// Where its type comes from.
    pub(super) underlying: Underlying,
    /// Which variable of which section it is.
    pub(super) var: Option<(usize, usize)>,
    pub(super) is_extern: bool,
    /// A weak definition may be replaced.
    pub(super) is_weak: bool,
}

/// What a global variable's or function's type is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Underlying {
    /// That of the next file that has it: it was just defined.
    Wanted,
    /// It has one.
    Known,
}

/// For each symbol of an input: the one of the output, 0 for none.
pub(super) struct SymbolMap(Vec<u32>);

impl SymbolMap {
    pub(super) fn get(&self, index: u32) -> Option<u32> {
        self.0.get(index as usize).copied().filter(|it| *it != 0)
    }
}

/// Variables and functions of an input that other files could see, by name.
struct Described<'b> {
    /// All of them, in the order of their ids.
    anywhere: HashMap<&'b str, Vec<TypeId>>,
    /// The first one in a data section: the data section, and it.
    in_section: HashMap<&'b str, (TypeId, TypeId)>,
}

impl<'a> Output<'a> {
    /// Adds the symbols of a file.
    pub(super) fn add_symbols(&mut self, input: &Input<'a>) -> Result<SymbolMap, LinkError> {
        let btf = input.btf.clone();
        let described = btf.as_deref().map(Described::of);
        let mut map = SymbolMap(vec![0; input.symbols.len()]);
        for (index, symbol) in input.symbols.iter().enumerate().skip(1) {
            map.0[index] = self.add_symbol(input, symbol, described.as_ref())?;
        }
        Ok(map)
    }

    /// Adds one; answers which of the output's it is, or 0.
    fn add_symbol(
        &mut self,
        input: &Input<'a>,
        symbol: &Symbol<'a>,
        described: Option<&Described<'_>>,
    ) -> Result<u32, LinkError> {
        if symbol.is_extern() && input.btf.is_none() {
            return Err(LinkError::symbol(symbol.name, "externs without BTF are not supported"));
        }
        let mut section = symbol.section();
        if let Some(index) = section {
            let from = &input.sections[index];
            if from.skipped {
                return Ok(0);
            }
            let own = self.sections[from.output].symbol;
            if symbol.is_section() && own != 0 {
                return Ok(own);
            }
        }
        if symbol.is_local() {
            return Ok(self.push_symbol(input, symbol, section));
        }
        let (Some(btf), Some(described)) = (&input.btf, described) else {
            return Err(LinkError::symbol(
                symbol.name,
                "it is global, and there is no BTF that says what it is",
            ));
        };
        let (datasec, id) = described.find(symbol.name)?;
        if let Some(datasec) = datasec.filter(|_| symbol.is_extern()) {
            let name = btf.name(datasec);
            // clang's section for variables of other files: it goes when they are found.
            if name != EXTERN {
                let missing =
                    || LinkError::symbol(symbol.name, format!("there is no section '{name}' for it"));
                section = Some(input.section_named(name).ok_or_else(missing)?);
            }
        }
        match self.global_named.get(symbol.name).copied() {
            Some(global) => self.unite(input, symbol, section, global, (btf, id)),
            None => {
                let index = self.push_symbol(input, symbol, section);
                self.global_named.insert(symbol.name, self.globals.len());
                self.globals.push(Global {
                    name: symbol.name,
                    symbol: index,
                    section: section.map_or(0, |index| input.sections[index].output),
                    type_id: None,
                    told_by: (Rc::clone(btf), id),
                    underlying: Underlying::Wanted,
                    var: None,
                    is_extern: symbol.is_extern(),
                    is_weak: symbol.raw.st_info.st_bind() == elf::STB_WEAK,
                });
                Ok(index)
            }
        }
    }

    fn push_symbol(&mut self, input: &Input<'a>, symbol: &Symbol<'a>, section: Option<usize>) -> u32 {
        let index = self.symbols.len() as u32;
        let mut new = Sym { st_name: self.name(symbol.name), ..symbol.raw.clone() };
        // An extern of `.maps` is in no section of the file, whatever else is in `.maps`: libbpf puts it at its start, and
        // takes it for a definition when the output is linked again.
        if let Some(from) =
            section.and_then(|index| input.sections.get(index)).filter(|_| !symbol.is_extern())
        {
            let out = &mut self.sections[from.output];
            new.st_shndx = elf::SymbolSection::new(out.index);
            new.st_value = new.st_value.wrapping_add(from.offset);
            if symbol.is_section() {
                out.symbol = index;
                new.st_value = 0;
            }
        }
        self.symbols.push(new);
        index
    }

    /// Makes a symbol one with that of the same name in the files before.
    fn unite(
        &mut self,
        input: &Input<'a>,
        symbol: &Symbol<'a>,
        section: Option<usize>,
        index: usize,
        (btf, id): (&Rc<Btf>, TypeId),
    ) -> Result<u32, LinkError> {
        let global = &self.globals[index];
        let (bind, visibility) = (symbol.raw.st_info.st_bind(), symbol.raw.st_other.visibility());
        let is_weak = bind == elf::STB_WEAK;
        if !symbol.is_extern() && !global.is_extern && !global.is_weak && !is_weak {
            return Err(LinkError::symbol(
                symbol.name,
                "a file before it defines it as well, and neither is weak",
            ));
        }
        if global.type_id.is_none() {
            return Err(LinkError::symbol(symbol.name, "BTF information is missing for it"));
        }
        self.check_agreement(global, symbol.name, btf, id)
            .map_err(|message| LinkError::symbol(symbol.name, message))?;

        let global = &mut self.globals[index];
        let own = &mut self.symbols[global.symbol as usize];
        let kind = own.st_info.st_type();
        // One strong declaration makes it strong, one hidden one makes it hidden.
        if bind == elf::STB_GLOBAL {
            own.st_info = elf::SymbolInfo::new(elf::STB_GLOBAL, kind);
            global.is_weak = false;
        }
        if visibility.0 > own.st_other.visibility().0 {
            own.st_other = elf::SymbolOther(own.st_other.0 & !3 | visibility.0);
        }
        if symbol.is_extern() || !global.is_extern && is_weak {
            return Ok(global.symbol);
        }
        // It is the definition that was waited for, or a strong one in place of a weak one.
        let from = section.map(|index| &input.sections[index]);
        let bind = own.st_info.st_bind();
        own.st_info = elf::SymbolInfo::new(bind, symbol.raw.st_info.st_type());
        own.st_size = symbol.raw.st_size;
        match from {
            Some(from) => {
                global.section = from.output;
                own.st_shndx = elf::SymbolSection::new(self.sections[from.output].index);
                own.st_value = symbol.raw.st_value.wrapping_add(from.offset);
            }
            None => return Err(LinkError::symbol(symbol.name, "its definition is in no section")),
        }
        global.is_extern = false;
        global.told_by = (Rc::clone(btf), id);
        global.underlying = Underlying::Wanted;
        let (own, type_id) = (global.symbol, global.type_id);
        self.complete(type_id, btf, id);
        Ok(own)
    }

    /// Whether two files mean the same by a name (`glob_syms_match`).
    fn check_agreement(&self, global: &Global<'_>, name: &str, btf: &Btf, id: TypeId) -> Result<(), String> {
        if !matches!(btf.type_by_id(id).map(|it| &it.def), Some(Def::Var(_) | Def::Func(_))) {
            return Err("only variables and functions can be extern".to_owned());
        }
        let (first, first_id) = &global.told_by;
        match &*self.sections[global.section].name {
            ".maps" => maps::check(&self.comparisons, name, (first, *first_id), (btf, id)),
            _ => compare::check(&self.comparisons, (first, *first_id), (btf, id)),
        }
    }

    /// Fills in what an extern's types lack: that it is defined, and names of parameters
    /// (`complete_extern_btf_info`).
    fn complete(&mut self, own: Option<TypeId>, btf: &Btf, id: TypeId) {
        let Some(def) = own.and_then(|own| self.btf.def_mut(own)) else { return };
        let proto = match def {
            Def::Var(var) => return var.linkage = Linkage::Global,
            Def::Func(func) => {
                func.linkage = Linkage::Global;
                func.proto
            }
            _ => return,
        };
        let Some(Def::Func(func)) = btf.type_by_id(id).map(|it| &it.def) else { return };
        let Some(Def::FuncProto(theirs)) = btf.type_by_id(func.proto).map(|it| &it.def) else { return };
        let named = theirs.params.iter().map(|it| btf.str(it.name));
        let names: Vec<_> = named.map(|name| (!name.is_empty()).then(|| self.btf.string(name))).collect();
        if let Some(Def::FuncProto(ours)) = self.btf.def_mut(proto) {
            for (param, name) in ours.params.iter_mut().zip(names) {
                param.name = name.unwrap_or(param.name);
            }
        }
    }
}

impl<'b> Described<'b> {
    fn of(btf: &'b Btf) -> Described<'b> {
        let mut all = Described { anywhere: HashMap::new(), in_section: HashMap::new() };
        for (id, ty) in btf.types() {
            if is_visible(&ty.def) {
                all.anywhere.entry(btf.str(ty.name)).or_default().push(id);
            }
            let Def::DataSec(datasec) = &ty.def else { continue };
            for var in &datasec.vars {
                let visible = btf.type_by_id(var.type_id).filter(|it| is_visible(&it.def));
                if let Some(ty) = visible {
                    all.in_section.entry(btf.str(ty.name)).or_insert((id, var.type_id));
                }
            }
        }
        all
    }

    /// The data section that a variable or function is in, if any, and it itself (`find_glob_sym_btf`).
    fn find(&self, name: &str) -> Result<(Option<TypeId>, TypeId), LinkError> {
        let found = self.anywhere.get(name).map_or(&[][..], |ids| ids);
        match (self.in_section.get(name), found.last()) {
            (Some((datasec, id)), _) => match found.iter().rfind(|it| *it < datasec) {
                Some(other) if other != id => {
                    let message = format!("its BTF is ambiguous: both types {other} and {id} match");
                    Err(LinkError::symbol(name, message))
                }
                _ => Ok((Some(*datasec), *id)),
            },
            (None, Some(id)) => Ok((None, *id)),
            (None, None) => Err(LinkError::symbol(name, "it is global, and BTF does not say what it is")),
        }
    }
}

/// Whether other files can see a variable or function (`btf_is_non_static`).
pub(super) fn is_visible(def: &Def) -> bool {
    match def {
        Def::Var(var) => var.linkage != Linkage::Static,
        Def::Func(func) => func.linkage != Linkage::Static,
        _ => false,
    }
}
