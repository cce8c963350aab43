//! Data sections of another size than the object gave them.

use std::fmt;

use super::BtfBuilder;
use crate::Btf;
use crate::types::*;

/// Why a data section cannot have another size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unresizable {
    /// It is none.
    NoDatasec,
    /// It has no variables.
    Empty,
    /// The last variable is no array.
    NoArray,
    /// The size does not end behind an element of that array; an element has so many bytes.
    Element(u64),
    /// There is no room for another type.
    Full,
}

impl fmt::Display for Unresizable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unresizable::NoDatasec => f.write_str("the map's value type is not a datasec"),
            Unresizable::Empty => f.write_str("the map's value datasec is empty"),
            Unresizable::NoArray => f.write_str("the last variable must be an array"),
            Unresizable::Element(size) => {
                write!(f, "the size of an element ({size}) does not fit the new size")
            }
            Unresizable::Full => f.write_str("the types have no room for another array"),
        }
    }
}

impl std::error::Error for Unresizable {}

impl Btf {
    /// Gives a data section another size: its last variable, an array, gets more or fewer elements. Answers the array's
    /// new type, which is added (`map_btf_datasec_resize` in libbpf).
    ///
    /// ```
    /// use skep_btf::{Array, Btf, BtfBuilder, DataSec, Def, IntEncoding, Linkage, SecVar, Unresizable, Var};
    ///
    /// let mut builder = BtfBuilder::new();
    /// let int = builder.int("int", 4, IntEncoding::Signed);
    /// let array = builder.add("", Def::Array(Array { element: int, index: int, len: 1 }));
    /// let var = builder.add("slots", Def::Var(Var { type_id: array, linkage: Linkage::Global }));
    /// let vars = vec![SecVar { type_id: var, offset: 8, size: 4 }];
    /// let section = builder.add(".data.slots", Def::DataSec(DataSec { size: 12, vars: vars.into() }));
    /// let mut btf = builder.build()?;
    /// let array = btf.resize_datasec(section, 8 + 4 * 100).unwrap();
    /// assert_eq!((btf.size_of(array), btf.size_of(section)), (Ok(400), Ok(408)));
    /// assert_eq!(btf.resize_datasec(section, 10), Err(Unresizable::Element(4)));
    /// # Ok::<(), skep_btf::Error>(())
    /// ```
    ///
    /// # Errors
    /// Why it cannot; nothing is changed.
    pub fn resize_datasec(&mut self, id: impl Into<TypeId>, size: u32) -> Result<TypeId, Unresizable> {
        let id = id.into();
        let Some(Def::DataSec(section)) = self.type_by_id(id).map(|ty| &ty.def) else {
            return Err(Unresizable::NoDatasec);
        };
        let last = *section.vars.last().ok_or(Unresizable::Empty)?;
        let Some(Def::Var(var)) = self.type_by_id(last.type_id).map(|ty| &ty.def) else {
            return Err(Unresizable::NoArray);
        };
        let Some(Def::Array(array)) = self.resolved(var.type_id).map(|ty| &ty.def) else {
            return Err(Unresizable::NoArray);
        };
        let element = self.size_of(array.element).unwrap_or(0);
        // As libbpf, which lets a size before the array's start wrap around.
        let room = size.wrapping_sub(last.offset);
        if element == 0 || !u64::from(room).is_multiple_of(element) {
            return Err(Unresizable::Element(element));
        }
        let array = Array { len: (u64::from(room) / element) as u32, ..*array };
        let mut builder = BtfBuilder::from_btf(self);
        let new = builder.add("", Def::Array(array));
        let types = &mut builder.types;
        let own = |id: TypeId| id.0.checked_sub(self.first_id()).map(|index| index as usize);
        if let Some(Def::Var(var)) = own(last.type_id).and_then(|at| types.get_mut(at)).map(|it| &mut it.def)
        {
            var.type_id = new;
        }
        if let Some(Def::DataSec(section)) = own(id).and_then(|at| types.get_mut(at)).map(|it| &mut it.def) {
            section.size = size;
            if let Some(last) = section.vars.last_mut() {
                last.size = room;
            }
        }
        *self = builder.build().map_err(|_| Unresizable::Full)?;
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IntEncoding;

    /// A data section with a variable of this type at its end.
    fn with(last: impl FnOnce(&mut BtfBuilder, TypeId) -> TypeId) -> (Btf, TypeId) {
        let mut builder = BtfBuilder::new();
        let int = builder.int("int", 4, IntEncoding::Signed);
        let last = last(&mut builder, int);
        let var = |builder: &mut BtfBuilder, name, type_id| {
            builder.add(name, Def::Var(Var { type_id, linkage: Linkage::Global }))
        };
        let (a, b) = (var(&mut builder, "a", int), var(&mut builder, "b", last));
        let vars = vec![SecVar { type_id: a, offset: 0, size: 4 }, SecVar { type_id: b, offset: 4, size: 4 }];
        let section = builder.add(".bss", Def::DataSec(DataSec { size: 8, vars: vars.into() }));
        (builder.build().unwrap(), section)
    }

    #[test]
    fn the_last_array_grows_and_shrinks_behind_typedefs() {
        let (mut btf, section) = with(|builder, int| {
            let array = builder.add("", Def::Array(Array { element: int, index: int, len: 1 }));
            builder.add("list_t", Def::Typedef(array))
        });
        for (size, len) in [(4096, 1023), (4, 0), (8, 1)] {
            let array = btf.resize_datasec(section, size).unwrap();
            assert_eq!(btf.size_of(section), Ok(size.into()));
            assert_eq!(btf.size_of(array), Ok(len * 4));
            let Some(Def::DataSec(list)) = btf.type_by_id(section).map(|it| &it.def) else { panic!() };
            assert_eq!((list.vars[1].size, list.vars[1].offset), (size - 4, 4));
            // The bytes are as well-formed as before.
            assert_eq!(Btf::parse(&btf.to_bytes()).as_ref(), Ok(&btf));
        }
    }

    #[test]
    fn nothing_else_can_be_resized() {
        let (mut btf, section) = with(|_, int| int);
        let before = btf.clone();
        assert_eq!(btf.resize_datasec(section, 4096), Err(Unresizable::NoArray));
        assert_eq!(btf.resize_datasec(1, 4096), Err(Unresizable::NoDatasec));
        assert_eq!(btf.resize_datasec(99, 4096), Err(Unresizable::NoDatasec));
        assert_eq!(btf, before);
    }
}
