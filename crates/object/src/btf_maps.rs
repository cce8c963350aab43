//! Maps that are variables in `.maps`, defined by the shape of their types (libbpf's `parse_btf_map_def`).

use skep_abi::MapType;
use skep_btf::{Btf, Def, Kind, Linkage, Member, TypeId};

use crate::budget::Budget;
use crate::elf::{Elf, Section};
use crate::error::{At, Error, ErrorKind, MapProblem};
use crate::map::{MapDef, Pinning, Slots};
use crate::vars::{self, Variable};

/// The section of BTF-defined maps.
pub(crate) const MAPS: &str = ".maps";

/// Reads every map of `.maps`.
pub(crate) fn collect(
    elf: &Elf<'_>,
    btf: Option<&Btf>,
    budget: &Budget,
) -> Result<Vec<(MapDef, Slots)>, Error> {
    let Some(section) = elf.section_named(MAPS) else { return Ok(Vec::new()) };
    let btf = btf.ok_or(ErrorKind::NoBtf).at(MAPS, 0)?;
    let datasec = btf.find(Kind::DataSec, MAPS).ok_or(ErrorKind::NoDatasec).at(MAPS, 0)?;
    let variables = vars::of_datasec(btf, datasec);
    variables.iter().map(|var| map(btf, section, var, budget).at(MAPS, var.offset)).collect()
}

fn map(
    btf: &Btf,
    section: &Section<'_>,
    var: &Variable<'_>,
    budget: &Budget,
) -> Result<(MapDef, Slots), ErrorKind> {
    let problem = |problem| ErrorKind::Map { name: var.name.to_string(), problem };
    if var.name.is_empty() || var.offset.saturating_add(var.size) > section.size {
        return Err(problem(MapProblem::Variable));
    }
    if var.linkage != Linkage::Global {
        return Err(problem(MapProblem::Linkage));
    }
    let ty = btf.resolved(var.type_id).ok_or_else(|| problem(MapProblem::NotAStruct))?;
    let Def::Struct(definition) = &ty.def else { return Err(problem(MapProblem::NotAStruct)) };
    if u64::from(definition.size) > var.size {
        return Err(problem(MapProblem::Variable));
    }
    let mut map = MapDef {
        name: budget.name(var.name)?,
        section_index: section.index,
        section_offset: var.offset,
        ..MapDef::default()
    };
    read_members(btf, &definition.members, &mut map, false, budget).map_err(problem_or(var.name))?;
    let values = definition.members.last().filter(|it| btf.str(it.name) == "values");
    Ok((map, values.map_or(Slots::None, |it| Slots::Values(u64::from(it.bit_offset) / 8))))
}

impl MapDef {
    /// Reads the definition of a map from the struct that its variable is of, as `bpf_object__open` does of those in
    /// `.maps`.
    ///
    /// # Errors
    /// What is wrong with the definition.
    pub fn from_btf(btf: &Btf, name: &str, type_id: TypeId) -> Result<MapDef, ErrorKind> {
        let wrong = ErrorKind::Map { name: name.to_string(), problem: MapProblem::NotAStruct };
        let Some(Def::Struct(definition)) = btf.resolved(type_id).map(|it| &it.def) else {
            return Err(wrong);
        };
        let budget = Budget::new(name.len());
        let mut map = MapDef { name: name.to_string(), ..MapDef::default() };
        read_members(btf, &definition.members, &mut map, false, &budget).map_err(problem_or(name))?;
        Ok(map)
    }
}

/// What stops the reading of a definition: something wrong with the map, or the budget.
enum Stop {
    Problem(MapProblem),
    Error(ErrorKind),
}

impl From<MapProblem> for Stop {
    fn from(problem: MapProblem) -> Stop {
        Stop::Problem(problem)
    }
}

fn problem_or(name: &str) -> impl Fn(Stop) -> ErrorKind + '_ {
    move |stop| match stop {
        Stop::Problem(problem) => ErrorKind::Map { name: name.to_string(), problem },
        Stop::Error(kind) => kind,
    }
}

fn read_members(
    btf: &Btf,
    members: &[Member],
    map: &mut MapDef,
    is_inner: bool,
    budget: &Budget,
) -> Result<(), Stop> {
    for (i, member) in members.iter().enumerate() {
        let name = btf.str(member.name);
        let number = || number(btf, member.type_id).ok_or_else(|| MapProblem::Field(name.to_string()));
        match name {
            "type" => map.kind = number()?,
            "max_entries" => map.max_entries = number()?,
            "map_flags" => map.map_flags = number()?,
            "numa_node" => map.numa_node = number()?,
            "key_size" => set_size(&mut map.key_size, number()?, "key")?,
            "value_size" => set_size(&mut map.value_size, number()?, "value")?,
            "key" => map.key_type = Some(set_type(btf, member, &mut map.key_size, "key")?),
            "value" => map.value_type = Some(set_type(btf, member, &mut map.value_size, "value")?),
            "values" if is_inner => return Err(MapProblem::Values("of an inner map").into()),
            "values" if i + 1 != members.len() => {
                return Err(MapProblem::Values("is not the last member").into());
            }
            "values" => read_values(btf, member, map, budget)?,
            "pinning" if is_inner => return Err(MapProblem::Field("pinning".to_string()).into()),
            "pinning" => {
                map.pinning = match number()? {
                    0 => Pinning::None,
                    1 => Pinning::ByName,
                    other => return Err(MapProblem::Pinning(other).into()),
                }
            }
            "map_extra" => {
                map.map_extra =
                    long(btf, member.type_id).ok_or_else(|| MapProblem::Field(name.to_string()))?;
            }
            _ if budget.relaxed_maps => {
                budget.warn(format!("map {}: unknown member '{name}' is passed over", map.name));
            }
            _ => return Err(MapProblem::UnknownField(name.to_string()).into()),
        }
    }
    match map.kind {
        0 => Err(MapProblem::NoType.into()),
        _ => Ok(()),
    }
}

/// `__uint(name, N)`: a pointer to an array of N elements.
fn number(btf: &Btf, id: TypeId) -> Option<u32> {
    let Def::Ptr(target) = btf.resolved(id)?.def else { return None };
    match &btf.type_by_id(target)?.def {
        Def::Array(array) => Some(array.len),
        _ => None,
    }
}

/// `__ulong(name, N)`: an enumeration of one value; `__uint` will do.
fn long(btf: &Btf, id: TypeId) -> Option<u64> {
    match &btf.resolved(id)?.def {
        Def::Ptr(_) => number(btf, id).map(u64::from),
        // As libbpf: a 32-bit value is extended with its sign.
        Def::Enum(it) | Def::Enum64(it) => match &*it.values {
            [value] => Some(value.value as u64),
            _ => None,
        },
        _ => None,
    }
}

fn set_size(size: &mut u32, new: u32, what: &'static str) -> Result<(), MapProblem> {
    if *size != 0 && *size != new {
        return Err(MapProblem::Conflict(what));
    }
    *size = new;
    Ok(())
}

/// `__type(key, T)`: a pointer to T.
fn set_type(btf: &Btf, member: &Member, size: &mut u32, what: &'static str) -> Result<TypeId, MapProblem> {
    let wrong = || MapProblem::Field(what.to_string());
    let ty = btf.type_by_id(member.type_id).ok_or_else(wrong)?;
    let Def::Ptr(target) = ty.def else { return Err(wrong()) };
    let bytes = btf.size_of(target).ok().and_then(|bytes| u32::try_from(bytes).ok()).ok_or_else(wrong)?;
    set_size(size, bytes, what)?;
    Ok(target)
}

/// `__array(values, T)`: an array of pointers to inner maps or to programs, of no length in the type.
fn read_values(btf: &Btf, member: &Member, map: &mut MapDef, budget: &Budget) -> Result<(), Stop> {
    set_size(&mut map.value_size, 4, "value")?;
    let array = match btf.type_by_id(member.type_id).map(|it| &it.def) {
        Some(Def::Array(array)) if array.len == 0 => array,
        _ => return Err(MapProblem::Values("is not an array of no elements").into()),
    };
    let pointed = match btf.resolved(array.element).map(|it| &it.def) {
        Some(Def::Ptr(target)) => btf.resolved(*target).map(|it| &it.def),
        _ => None,
    };
    match (map.map_type(), pointed) {
        (Some(MapType::ProgArray), Some(Def::FuncProto(_))) => Ok(()),
        (Some(MapType::ArrayOfMaps | MapType::HashOfMaps), Some(Def::Struct(inner))) => {
            let name = format!("{}.inner", map.name);
            budget.copy(name.len()).map_err(Stop::Error)?;
            let (section_index, section_offset) = (map.section_index, map.section_offset);
            let mut inner_map = MapDef { name, section_index, section_offset, ..MapDef::default() };
            read_members(btf, &inner.members, &mut inner_map, true, budget)?;
            map.inner = Some(Box::new(inner_map));
            Ok(())
        }
        (Some(MapType::ProgArray | MapType::ArrayOfMaps | MapType::HashOfMaps), _) => {
            Err(MapProblem::Values("does not point to inner maps or programs").into())
        }
        _ => Err(MapProblem::Values("is only for maps of maps and program arrays").into()),
    }
}
