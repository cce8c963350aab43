//! Global variables by the names that the source has for them.

use bytemuck::{AnyBitPattern, NoUninit};
use skep_btf::Value;
use skep_kernel::FieldValue;

use crate::builder::Builder;
use crate::error::{Error, Result};
use crate::machine::Skep;
use crate::map::as_pod;
use crate::map_named::plain;

/// The parts of a variable that a value says something of, by path.
fn parts(path: &str, value: FieldValue) -> Result<Vec<(String, Value)>> {
    let FieldValue::Fields(fields) = &value else {
        let value = plain(&value).ok_or_else(|| {
            Error::bad_input(format!(
                "variable {path}: only plain values can be in it, no pointers to memory"
            ))
        })?;
        return Ok(vec![(path.to_owned(), value)]);
    };
    let part = |(name, value): (&str, &FieldValue)| {
        let dot = if name.starts_with('[') { "" } else { "." };
        parts(&format!("{path}{dot}{name}"), value.clone())
    };
    Ok(fields.iter().map(part).collect::<Result<Vec<_>>>()?.concat())
}

impl Builder {
    /// Sets a global variable, or a part of one, by the names that the source has for it; constants too, which no program
    /// can change later. The rest of it stays as it is.
    ///
    /// ```
    /// # fn main() -> skep::Result<()> {
    /// # let object = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/globals.bpf.o");
    /// let sk = skep::open(object)?
    ///     .set("config.mode", "MODE_TRACE")?
    ///     .set("weights[1]", 7)?
    ///     .set("config", skep::args! { name: "hive", bias: -1 })?
    ///     .load()?;
    /// assert_eq!(sk.get("config.name")?.as_str(), Some("hive"));
    /// assert_eq!(sk.get("config.version")?.as_u64(), Some(3));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no such variable or part, with those that there are; a value that does not fit.
    pub fn set(mut self, path: &str, value: impl Into<FieldValue>) -> Result<Builder> {
        for (path, value) in parts(path, value.into())? {
            self.open_object().set_value(&path, &value)?;
        }
        Ok(self)
    }

    /// Sets all of a data section: `".data"`, as a struct that has its variables in their places.
    ///
    /// # Errors
    /// There is no such section, or it has another size.
    pub fn data(mut self, section: &str, value: &impl NoUninit) -> Result<Builder> {
        self.open_object().map_mut(section)?.set_initial_value(bytemuck::bytes_of(value))?;
        Ok(self)
    }

    /// Gives the values of a map another size. A data section (`".bss"`) gets longer or shorter, and with it the array
    /// that is its last variable.
    ///
    /// # Errors
    /// There is no such map, or it is no array any more.
    pub fn value_size(mut self, map: &str, size: u32) -> Result<Builder> {
        self.open_object().set_value_size(map, size)?;
        Ok(self)
    }
}

impl Skep {
    /// What a global variable, or a part of one, holds: `sk.get("stats.drops[3]")?.as_u64()`.
    ///
    /// # Errors
    /// There is no such variable or part, with those that there are.
    pub fn get(&self, path: &str) -> Result<Value> {
        Ok(self.loaded().value(self.kernel_ref(), path)?)
    }

    /// Sets a global variable, or a part of one, as [`Builder::set`]. Constants are set there, before they are loaded.
    ///
    /// # Errors
    /// There is no such variable or part, with those that there are; a value that does not fit; it is constant.
    pub fn set(&mut self, path: &str, value: impl Into<FieldValue>) -> Result<()> {
        for (path, value) in parts(path, value.into())? {
            let (kernel, loaded) = self.parts();
            loaded.set_value(kernel, &path, &value)?;
        }
        Ok(())
    }

    /// All of a data section, as a struct that has its variables in their places: `sk.data::<Bss>(".bss")`.
    ///
    /// # Errors
    /// There is no such section, or it has another size.
    pub fn data<T: AnyBitPattern>(&self, section: &str) -> Result<T> {
        let (_, fd) = self.loaded().map(section)?;
        let place = || format!("section {section}");
        let bytes = self.kernel_ref().map_lookup_elem(fd, &0u32.to_ne_bytes());
        as_pod(&bytes.map_err(|errno| Error::call(place(), errno))?, place)
    }
}
