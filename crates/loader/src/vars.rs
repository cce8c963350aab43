//! Global variables, and parts of them, by the names that the source has for them: `cfg.limits[2].rate`.

use skep_btf::{Btf, TypeId, Value, ValueError};
use skep_kernel::Kernel;
use skep_object::{Object, Var};

use crate::error::Error;
use crate::load::Loaded;
use crate::open::{self, OpenObject};

/// A variable, and what is behind its name in a path.
struct Place<'a> {
    section: usize,
    var: &'a Var,
    rest: &'a str,
    path: &'a str,
}

/// Finds the variable at the beginning of a path. One of a function has a dot in its name (`count.calls`), so the
/// longest name counts.
fn find<'a>(object: &'a Object, path: &'a str) -> Result<Place<'a>, Error> {
    let begins = |var: &Var| {
        path.strip_prefix(var.name.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('['))
    };
    let vars = object.data.iter().enumerate().flat_map(|(at, data)| data.vars.iter().map(move |it| (at, it)));
    let found = vars.filter(|(_, var)| begins(var)).max_by_key(|(_, var)| var.name.len());
    let Some((section, var)) = found else {
        let name = &path[..path.find(['.', '[']).unwrap_or(path.len())];
        return Err(open::global(object, name).err().unwrap_or_else(|| no_type(path)));
    };
    let rest = &path[var.name.len()..];
    let rest = rest.strip_prefix('.').filter(|it| !it.is_empty()).unwrap_or(rest);
    Ok(Place { section, var, rest, path })
}

impl Place<'_> {
    fn error(&self, why: impl std::fmt::Display) -> Error {
        Error::bad_input(format!("variable {}", self.path), why.to_string())
    }

    fn typed<'o>(&self, object: &'o Object) -> Result<(&'o Btf, TypeId), Error> {
        object.btf.as_ref().zip(self.var.type_id).ok_or_else(|| no_type(self.path))
    }

    /// The variable's own bytes in those of its section.
    fn range(&self) -> std::ops::Range<usize> {
        self.var.offset as usize..(self.var.offset + self.var.size) as usize
    }

    fn read(&self, object: &Object, section: &[u8]) -> Result<Value, Error> {
        let (btf, id) = self.typed(object)?;
        let bytes = section.get(self.range()).ok_or_else(|| self.error(TOO_SHORT))?;
        btf.get(id, bytes, self.rest).map_err(|error| self.explained(btf, id, &error))
    }

    fn write(&self, object: &Object, section: &mut [u8], value: &Value) -> Result<(), Error> {
        let (btf, id) = self.typed(object)?;
        let bytes = section.get_mut(self.range()).ok_or_else(|| self.error(TOO_SHORT))?;
        // All or nothing.
        let mut changed = bytes.to_vec();
        btf.set(id, &mut changed, self.rest, value).map_err(|error| self.explained(btf, id, &error))?;
        bytes.copy_from_slice(&changed);
        Ok(())
    }

    /// An error, with what there is where something is missing.
    fn explained(&self, btf: &Btf, id: TypeId, error: &ValueError) -> Error {
        let ValueError::NoMember(upto) = error else { return self.error(error) };
        let outer = &upto[..upto.rfind('.').unwrap_or(0)];
        let members = btf.field(id, outer).map(|place| btf.resolve(place.type_id));
        let names: Vec<String> = match members {
            Ok(id) => btf.members(id).map(|it| it.name.to_owned()).filter(|it| !it.is_empty()).collect(),
            Err(_) => Vec::new(),
        };
        match names.as_slice() {
            [] => self.error(error),
            _ => self.error(format!("{error}; the members are {}", names.join(", "))),
        }
    }
}

const TOO_SHORT: &str = "its section was made too short for it";

fn no_type(path: &str) -> Error {
    Error::bad_input(format!("variable {path}"), "the object has no type for it: it takes bytes")
}

impl OpenObject {
    /// What a global variable, or a part of one, starts with: `"cfg.limits[2].rate"`.
    ///
    /// # Errors
    /// There is no such variable or part; the object has no type for it.
    pub fn value(&self, path: &str) -> Result<Value, Error> {
        let place = find(&self.object, path)?;
        let initial = self.maps[self.object.maps.len() + place.section].initial.as_deref();
        place.read(&self.object, initial.unwrap_or_default())
    }

    /// Sets what a global variable, or a part of one, starts with; constants too. The rest of it stays as it is.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut open = skep_loader::OpenObject::parse(&[])?;
    /// open.set_value("cfg.limits[2].rate", &skep_btf::Value::Uint(50))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no such variable or part; the object has no type for it, or one that the value does not fit.
    pub fn set_value(&mut self, path: &str, value: &Value) -> Result<(), Error> {
        let place = find(&self.object, path)?;
        let initial = self.maps[self.object.maps.len() + place.section].initial.as_deref_mut();
        place.write(&self.object, initial.unwrap_or_default(), value)
    }
}

impl Loaded {
    /// What a global variable, or a part of one, holds: see [`OpenObject::value`].
    ///
    /// # Errors
    /// There is no such variable or part; the object has no type for it; its map is not there.
    pub fn value(&self, kernel: &Kernel, path: &str) -> Result<Value, Error> {
        let place = find(&self.object, path)?;
        let fd = self.maps[self.object.maps.len() + place.section].fd.clone()?;
        let section = kernel.map_lookup_elem(fd, &0u32.to_ne_bytes());
        place.read(&self.object, &section.map_err(|errno| place.error(errno).with_errno(errno))?)
    }

    /// Sets a global variable, or a part of one.
    ///
    /// # Errors
    /// As for [`OpenObject::set_value`]; `EPERM`: it is constant.
    pub fn set_value(&self, kernel: &mut Kernel, path: &str, value: &Value) -> Result<(), Error> {
        let place = find(&self.object, path)?;
        let fd = self.maps[self.object.maps.len() + place.section].fd.clone()?;
        let key = 0u32.to_ne_bytes();
        let refused = |errno: skep_abi::Errno| {
            let text = format!("{errno}; constants are set before the object is loaded");
            place.error(text).with_errno(errno)
        };
        let mut section = kernel.map_lookup_elem(fd, &key).map_err(refused)?;
        place.write(&self.object, &mut section, value)?;
        kernel.map_update_elem(fd, &key, &section, 0).map_err(refused)
    }
}
