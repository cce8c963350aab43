//! Externs: what the kernel, or its configuration, has to supply.

use std::cmp::Reverse;
use std::collections::HashMap;

use skep_btf::{Btf, Def, IntEncoding, Kind, Linkage, TypeId};

use crate::budget::Budget;
use crate::data::{DataKind, DataSection, Var};
use crate::elf::Elf;
use crate::error::{At, Error, ErrorKind};

/// The section of configuration values.
const KCONFIG: &str = ".kconfig";
/// The section of kernel symbols.
const KSYMS: &str = ".ksyms";

/// A symbol that is declared, but not defined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extern {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ExternKind,
    /// Whether it may be missing.
    pub weak: bool,
    /// Its `Var` or `Func` in the object's BTF.
    pub btf_id: Option<TypeId>,
}

impl Extern {
    /// The name without the part from `___` on, which only tells flavours apart (libbpf's
    /// `bpf_core_essential_name_len`).
    pub fn essential_name(&self) -> &str {
        let bytes = self.name.as_bytes();
        // A name has a character before the mark and one behind it, neither an underscore.
        let marks = (1..bytes.len().saturating_sub(3)).rev();
        let is_mark =
            |&i: &usize| bytes[i - 1] != b'_' && bytes[i..].starts_with(b"___") && bytes[i + 3] != b'_';
        marks.into_iter().find(is_mark).map_or(&self.name, |i| &self.name[..i])
    }
}

/// What an extern is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ExternKind {
    /// A value of the kernel's configuration, or one that libbpf makes up (`LINUX_KERNEL_VERSION`...).
    Kconfig {
        /// How to write the value.
        value: KconfigType,
        /// Its size in bytes.
        size: u32,
        /// Where in the `.kconfig` data section it goes, in bytes.
        offset: u32,
    },
    /// A kernel variable: its address (no type, declared `void`), or a typed pointer to it.
    KsymVar {
        /// The type behind typedefs and qualifiers; `None` for `void`.
        type_id: Option<TypeId>,
    },
    /// A kernel function.
    KsymFunc {
        /// Its prototype.
        proto: TypeId,
    },
    /// Nothing describes it: the object has no BTF for it. A program that refers to it can not be loaded.
    Undefined,
}

/// How a configuration value is stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KconfigType {
    /// `y` is true.
    Bool,
    /// One character, or a number of one byte.
    Char {
        /// Whether it is signed.
        signed: bool,
    },
    /// A number.
    Int {
        /// Whether it is signed.
        signed: bool,
    },
    /// `enum libbpf_tristate`.
    Tristate,
    /// A string.
    CharArray,
}

/// The externs, sorted as libbpf has them, and the extern of each symbol.
pub(crate) struct Externs {
    pub(crate) list: Vec<Extern>,
    /// The file's symbol index to the index in `list`.
    pub(crate) of_symbol: HashMap<usize, usize>,
}

/// Finds the externs among the symbols (libbpf's `bpf_object__collect_externs`).
pub(crate) fn collect(elf: &Elf<'_>, btf: Option<&Btf>, budget: &Budget) -> Result<Externs, Error> {
    let sections = btf.map(datasec_of_vars).unwrap_or_default();
    let mut found = Vec::new();
    for (index, symbol) in elf.symbols.iter().enumerate().filter(|(_, it)| it.is_extern()) {
        let name = elf.symbol_name(symbol)?;
        if name.is_empty() {
            continue;
        }
        let name = budget.name(name).at("", 0)?;
        let weak = symbol.bind == goblin::elf::sym::STB_WEAK;
        let (btf_id, kind) = match btf {
            Some(btf) => describe(btf, &sections, &name).at(KCONFIG, 0)?,
            None => (None, ExternKind::Undefined),
        };
        found.push((index, Extern { name, kind, weak, btf_id }));
    }
    let align = |it: &Extern| match (btf, it.btf_id) {
        (Some(btf), Some(id)) => btf.align_of(id).unwrap_or(1),
        _ => 1,
    };
    found.sort_by_cached_key(|(_, it)| sort_key(it, align(it)));
    let of_symbol = found.iter().enumerate().map(|(at, (symbol, _))| (*symbol, at)).collect();
    Ok(Externs { list: found.into_iter().map(|(_, it)| it).collect(), of_symbol })
}

/// libbpf's `cmp_externs`: configuration first, by falling alignment, size and name; then the rest by name.
fn sort_key(it: &Extern, align: u32) -> (u8, Reverse<u32>, u32, String) {
    match it.kind {
        ExternKind::Kconfig { size, .. } => (0, Reverse(align), size, it.name.clone()),
        _ => (1, Reverse(0), 0, it.name.clone()),
    }
}

/// The section's name of each variable and function that a `DataSec` lists.
fn datasec_of_vars(btf: &Btf) -> HashMap<TypeId, &str> {
    let mut sections = HashMap::new();
    for (_, ty) in btf.types() {
        if let Def::DataSec(section) = &ty.def {
            sections.extend(section.vars.iter().map(|var| (var.type_id, btf.str(ty.name))));
        }
    }
    sections
}

type Described = (Option<TypeId>, ExternKind);

fn describe(btf: &Btf, sections: &HashMap<TypeId, &str>, name: &str) -> Result<Described, ErrorKind> {
    let err = |reason| ErrorKind::Extern { name: name.to_string(), reason };
    let Some(id) = btf.find(Kind::Var, name).or_else(|| btf.find(Kind::Func, name)) else {
        return Ok((None, ExternKind::Undefined));
    };
    let Some(ty) = btf.type_by_id(id) else { return Ok((None, ExternKind::Undefined)) };
    let kind = match (sections.get(&id).copied(), &ty.def) {
        (None, _) => return Ok((None, ExternKind::Undefined)),
        (Some(KCONFIG), Def::Var(var)) if var.linkage == Linkage::Extern => {
            let value =
                kconfig_type(btf, var.type_id).ok_or(err("the type can not hold a configuration value"))?;
            let size = btf.size_of(id).ok().and_then(|size| u32::try_from(size).ok());
            ExternKind::Kconfig { value, size: size.ok_or(err("the type has no size"))?, offset: 0 }
        }
        (Some(KSYMS), Def::Var(var)) if var.linkage == Linkage::Extern => {
            let type_id = btf.resolve(var.type_id);
            ExternKind::KsymVar { type_id: (type_id != TypeId::VOID).then_some(type_id) }
        }
        (Some(KSYMS), Def::Func(func)) if func.linkage == Linkage::Extern => {
            ExternKind::KsymFunc { proto: func.proto }
        }
        (Some(KCONFIG), Def::Func(_)) => return Err(err("a function can not be a configuration value")),
        (Some(KCONFIG | KSYMS), _) => {
            return Err(err("BTF has it as defined, the symbol table as undefined"));
        }
        (Some(_), _) => return Err(err("it is in neither .kconfig nor .ksyms")),
    };
    Ok((Some(id), kind))
}

/// libbpf's `find_kcfg_type`.
fn kconfig_type(btf: &Btf, id: TypeId) -> Option<KconfigType> {
    let ty = btf.resolved(id)?;
    match &ty.def {
        Def::Int(int) if int.encoding == IntEncoding::Bool => (int.size == 1).then_some(KconfigType::Bool),
        Def::Int(int) if int.size == 1 => {
            Some(KconfigType::Char { signed: int.encoding == IntEncoding::Signed })
        }
        Def::Int(int) if matches!(int.size, 2 | 4 | 8) => {
            Some(KconfigType::Int { signed: int.encoding == IntEncoding::Signed })
        }
        Def::Enum(it) if it.size == 4 => is_tristate(btf.str(ty.name)),
        Def::Enum64(_) => is_tristate(btf.str(ty.name)),
        Def::Array(array) if array.len > 0 => match btf.resolved(array.element).map(|it| &it.def) {
            Some(Def::Int(int)) if int.size == 1 && int.encoding != IntEncoding::Bool => {
                Some(KconfigType::CharArray)
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_tristate(name: &str) -> Option<KconfigType> {
    (name == "libbpf_tristate").then_some(KconfigType::Tristate)
}

/// Gives the configuration values their places and makes the section that holds them; `None` without any.
pub(crate) fn kconfig_section(
    externs: &mut [Extern],
    btf: Option<&Btf>,
    budget: &Budget,
) -> Result<Option<DataSection>, Error> {
    let Some(btf) = btf else { return Ok(None) };
    let mut vars = Vec::new();
    let mut end = 0u64;
    for it in externs {
        let ExternKind::Kconfig { size, offset, .. } = &mut it.kind else { continue };
        let Some(id) = it.btf_id else { continue };
        let align = u64::from(btf.align_of(id).unwrap_or(1).max(1));
        let place = end.next_multiple_of(align);
        end = place.saturating_add((*size).into());
        // Past `u32` the zeroes below are refused, so a wrong number never gets out.
        *offset = place as u32;
        let type_id = btf.type_by_id(id).and_then(|ty| match &ty.def {
            Def::Var(var) => Some(var.type_id),
            _ => None,
        });
        let name = budget.name(&it.name).at(KCONFIG, 0)?;
        vars.push(Var { name, offset: place, size: (*size).into(), type_id, is_static: false });
    }
    if vars.is_empty() {
        return Ok(None);
    }
    let bytes = budget.zeroes(end).at(KCONFIG, 0)?;
    Ok(Some(DataSection {
        name: KCONFIG.to_string(),
        kind: DataKind::Kconfig,
        bytes,
        vars,
        btf_datasec: btf.find(Kind::DataSec, KCONFIG),
        relocs: Vec::new(),
    }))
}

/// Tells BTF where the configuration values lie, unless it lists one that nothing refers to.
pub(crate) fn place_kconfig(btf: &mut Btf, section: &DataSection, externs: &[Extern]) {
    let Some(id) = section.btf_datasec else { return };
    let Some(Def::DataSec(list)) = btf.type_by_id(id).map(|ty| &ty.def) else { return };
    let places: HashMap<TypeId, u32> = externs.iter().filter_map(place).collect();
    let offsets: Option<Vec<u32>> = list.vars.iter().map(|it| places.get(&it.type_id).copied()).collect();
    if let Some(offsets) = offsets {
        // The budget keeps it far below 2^32.
        btf.place_datasec(id, section.bytes.len() as u32, &offsets);
    }
}

fn place(it: &Extern) -> Option<(TypeId, u32)> {
    match it.kind {
        ExternKind::Kconfig { offset, .. } => Some((it.btf_id?, offset)),
        _ => None,
    }
}
