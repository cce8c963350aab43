//! Reading what is at a place.

use super::error::Problem;
use super::scene::{Scene, Spot};
use super::types;
use crate::probe::{is_user, read_kernel_str};
use skep_btf::{TypeId, Value};

/// Strings that are read are no longer, in bytes.
const MAX_STRING: usize = 4096;

impl Scene<'_> {
    /// What is where a path leads to from an object. An array without length at the end of an object has the elements
    /// that programs see.
    pub(crate) fn get(&mut self, base: u64, id: TypeId, path: &str) -> Result<Value, Problem> {
        let spot = self.find(base, id, path, false)?;
        let field = spot.field;
        if field.is_bitfield || field.bit_offset != 0 {
            return Ok(self.btf.decode_field(field, &self.read(spot.addr, spot.len())?)?);
        }
        let made = self.made(spot.addr).filter(|it| !it.array && it.id == self.btf.resolve(field.type_id));
        let len = made.map_or(spot.len(), |it| it.visible.max(spot.len()));
        Ok(self.btf.decode(field.type_id, &self.read(spot.addr, len)?)?)
    }

    /// The text that is where a path leads to: in an array of `char`, or in the memory that a pointer points to.
    pub(crate) fn get_str(&mut self, base: u64, id: TypeId, path: &str) -> Result<String, Problem> {
        let spot = self.find(base, id, path, false)?;
        let bytes = self.text(spot, path)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn text(&self, spot: Spot, path: &str) -> Result<Vec<u8>, Problem> {
        let id = spot.field.type_id;
        if let Some(array) = types::array(&self.btf, id).filter(|_| self.size_of_element(id) == Some(1)) {
            if array.len == 0 {
                return self.string_at(spot.addr);
            }
            let mut bytes = self.read(spot.addr, spot.len())?;
            bytes.truncate(bytes.iter().position(|it| *it == 0).unwrap_or(bytes.len()));
            return Ok(bytes);
        }
        if types::pointee(&self.btf, id).is_none() && !types::holds_address(&self.btf, id) {
            let is = types::called(&self.btf, id);
            return Err(Problem::NotA { part: path.to_owned(), is, wanted: "text" });
        }
        match self.pointer(spot)? {
            0 => Err(Problem::Null { part: path.to_owned() }),
            addr => self.string_at(addr),
        }
    }

    fn size_of_element(&self, id: TypeId) -> Option<u64> {
        types::array(&self.btf, id).and_then(|it| self.btf.size_of(it.element).ok())
    }

    /// The string at an address, without its NUL.
    pub(crate) fn string_at(&self, addr: u64) -> Result<Vec<u8>, Problem> {
        let mut bytes = vec![0; MAX_STRING];
        let missing = || Problem::NoMemoryAt { addr, len: 1 };
        let len = if is_user(addr) {
            self.user.read_str(addr, &mut bytes).map_err(|_| missing())?
        } else {
            read_kernel_str(self.memory, addr, &mut bytes).map_err(|_| missing())?.len
        };
        bytes.truncate(len.saturating_sub(1));
        Ok(bytes)
    }
}
