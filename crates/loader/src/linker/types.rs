//! BTF of all files, put together (`linker_append_btf`). Doubles go at the end.

use std::collections::HashMap;

use skep_btf::{Btf, Def, SecVar, StrOff, TypeId};

use super::LinkError;
use super::input::Input;
use super::output::Output;
use super::symbols::{Underlying, is_visible};

/// For each type of an input: the one of the output.
#[derive(Default)]
pub(super) struct TypeMap(Vec<TypeId>);

impl TypeMap {
    /// `void` stays `void`.
    pub(super) fn get(&self, id: TypeId) -> Result<TypeId, LinkError> {
        match self.0.get(id.0 as usize) {
            _ if id == TypeId::VOID => Ok(id),
            Some(new) if *new != TypeId::VOID => Ok(*new),
            _ => Err(LinkError::section(
                ".BTF",
                format!("type {id} is referred to, but is of a section that is left out"),
            )),
        }
    }
}

impl<'a> Output<'a> {
    /// Adds the types of a file.
    pub(super) fn add_types(&mut self, input: &Input<'a>) -> Result<TypeMap, LinkError> {
        let Some(btf) = input.btf.as_deref() else { return Ok(TypeMap::default()) };
        self.types_in += btf.own_types().len();
        let first = self.btf.next_id();
        let mut map = TypeMap(vec![TypeId::VOID; btf.end_id() as usize]);
        let mut retyped = Vec::new();
        let mut strings = HashMap::new();
        for (id, ty) in btf.own_types() {
            if matches!(ty.def, Def::DataSec(_)) {
                continue;
            }
            let global = match is_visible(&ty.def) {
                true => match self.global_named.get(btf.str(ty.name)) {
                    Some(global) => Some(*global),
                    // Variables of sections that are there once: license, version.
                    None => continue,
                },
                false => None,
            };
            if let Some(index) = global {
                let global = &mut self.globals[index];
                if global.underlying == Underlying::Wanted {
                    global.underlying = Underlying::Known;
                    retyped.push((index, underlying(&ty.def)));
                }
                if let Some(known) = global.type_id {
                    map.0[id.0 as usize] = known;
                    continue;
                }
            }
            let new = self.add_type(btf, id, &mut strings)?;
            map.0[id.0 as usize] = new;
            if let Some(index) = global {
                self.globals[index].type_id = Some(new);
            }
        }
        self.remap(first, &map)?;
        for (index, id) in retyped {
            self.retype(index, map.get(id)?);
        }
        self.add_variables(input, btf, &map)?;
        Ok(map)
    }

    /// Adds a type that still refers to those of its own file.
    fn add_type(
        &mut self,
        btf: &Btf,
        id: TypeId,
        strings: &mut HashMap<StrOff, StrOff>,
    ) -> Result<TypeId, LinkError> {
        let Some(ty) = btf.type_by_id(id) else {
            return Err(LinkError::section(".BTF", "a type is missing"));
        };
        let mut def = ty.def.clone();
        let name = self.string(btf, ty.name, strings)?;
        let mut result = Ok(());
        def.for_each_name(&mut |name| match self.string(btf, *name, strings) {
            Ok(new) => *name = new,
            Err(error) => result = Err(error),
        });
        result?;
        Ok(self.btf.add_named(name, def))
    }

    /// Copies a string, once.
    pub(super) fn string(
        &mut self,
        btf: &Btf,
        old: StrOff,
        known: &mut HashMap<StrOff, StrOff>,
    ) -> Result<StrOff, LinkError> {
        if let Some(new) = known.get(&old) {
            return Ok(*new);
        }
        let text = btf.str(old);
        self.budget.pay(text.len() as u64 + 1)?;
        let new = self.btf.string(text);
        known.insert(old, new);
        Ok(new)
    }

    /// Lets the types from `first` on refer to those of the output.
    fn remap(&mut self, first: TypeId, map: &TypeMap) -> Result<(), LinkError> {
        let mut result = Ok(());
        for id in first.0..self.btf.next_id().0 {
            if let Some(def) = self.btf.def_mut(TypeId(id)) {
                def.for_each_id(&mut |id| match map.get(*id) {
                    Ok(new) => *id = new,
                    Err(error) => result = Err(error),
                });
            }
        }
        result
    }

    /// A global's definition came: its type is the one that counts.
    fn retype(&mut self, global: usize, id: TypeId) {
        match self.globals[global].type_id.and_then(|own| self.btf.def_mut(own)) {
            Some(Def::Var(var)) => var.type_id = id,
            Some(Def::Func(func)) => func.proto = id,
            _ => {}
        }
    }

    /// Adds the variables of each section behind those that it has.
    fn add_variables(&mut self, input: &Input<'a>, btf: &Btf, map: &TypeMap) -> Result<(), LinkError> {
        for section in input.sections.iter().skip(1).filter(|it| !it.skipped) {
            let Some(vars) = &section.vars else { continue };
            if section.output == 0 {
                return Err(LinkError::section(
                    &section.name,
                    "it is no section of data, but BTF has variables in it",
                ));
            }
            self.sections[section.output].has_btf = true;
            for var in vars {
                self.add_variable(section.output, section.offset, btf, var, map)
                    .map_err(|error| error.in_section(&section.name))?;
            }
        }
        Ok(())
    }

    fn add_variable(
        &mut self,
        id: usize,
        offset: u64,
        btf: &Btf,
        var: &SecVar,
        map: &TypeMap,
    ) -> Result<(), LinkError> {
        let name = btf.name(var.type_id);
        let type_id = map.get(var.type_id)?;
        let visible = btf.type_by_id(var.type_id).is_some_and(|it| is_visible(&it.def));
        let place = u32::try_from(offset).ok().and_then(|offset| offset.checked_add(var.offset));
        let offset = place.ok_or_else(|| LinkError::symbol(name, "its offset is out of range"))?;
        match self.global_named.get(name).copied().filter(|_| visible) {
            Some(global) if self.is_placed(global, id, name)? => self.replace(global, btf, offset),
            global => {
                let vars = &mut self.sections[id].vars;
                if let Some(global) = global {
                    self.globals[global].var = Some((id, vars.len()));
                }
                vars.push(SecVar { type_id, offset, size: var.size });
                Ok(())
            }
        }
    }

    /// Whether a global variable has its place among those of its section, which is this one, already.
    fn is_placed(&self, global: usize, section: usize, name: &str) -> Result<bool, LinkError> {
        let global = &self.globals[global];
        let other = global.var.map(|(there, _)| there).filter(|there| *there != section);
        let other = other.or((global.section != section).then_some(global.section));
        match other {
            // libbpf does not see it where a weak definition is in another section than the strong one, and writes
            // outside of its tables.
            Some(other) => {
                let [one, two] = [other, section].map(|id| &*self.sections[id].name);
                Err(LinkError::symbol(
                    name,
                    format!("files have it in different sections: '{one}' and '{two}'"),
                ))
            }
            None => Ok(global.var.is_some()),
        }
    }

    /// A variable that has its place was met again: if this file is the one that defines it, that is where it is, and
    /// how large. (libbpf leaves the offset at that of the weak definition, or at 0 where it was declared only, and
    /// puts it right when the output is linked once more.) Functions have neither.
    fn replace(&mut self, global: usize, btf: &Btf, offset: u32) -> Result<(), LinkError> {
        let global = &self.globals[global];
        let (told, id) = &global.told_by;
        let known = global.var.and_then(|(section, nth)| self.sections[section].vars.get_mut(nth));
        let Some(known) = known else { return Ok(()) };
        if matches!(told.type_by_id(*id).map(|it| &it.def), Some(Def::Var(_))) {
            let size = told.size_of(*id).ok().and_then(|size| u32::try_from(size).ok());
            known.size = size.ok_or_else(|| LinkError::symbol(global.name, "its type has no size"))?;
            if !global.is_extern && std::ptr::eq(&**told, btf) {
                known.offset = offset;
            }
        }
        Ok(())
    }
}

/// The type of a variable, or the prototype of a function.
fn underlying(def: &Def) -> TypeId {
    match def {
        Def::Var(var) => var.type_id,
        Def::Func(func) => func.proto,
        _ => TypeId::VOID,
    }
}
