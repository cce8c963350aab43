//! Fields of kernel structs, as helpers read them: by type and name, from the types of the simulated kernel.

use crate::probe::{is_user, read_kernel};
use crate::state::Core;
use skep_abi::Errno;
use skep_btf::{Btf, FieldRef, Kind, TypeId};
use skep_memory::Memory;
use skep_vm::HostFault;
use std::sync::Arc;

/// The kernel's types, and its memory.
pub(crate) struct Fields<'m> {
    pub(crate) btf: Arc<Btf>,
    memory: &'m Memory,
}

/// The longest field that is read as a number.
const LONGEST: u64 = 16;

impl<'m> Fields<'m> {
    /// `None` if the machine has no types.
    pub(crate) fn new(core: &Core, memory: &'m Memory) -> Option<Fields<'m>> {
        let btf = core.types()?;
        Some(Fields { btf, memory })
    }

    /// The same for a helper that cannot do without.
    pub(crate) fn needed(core: &Core, memory: &'m Memory, helper: &str) -> Result<Fields<'m>, HostFault> {
        Fields::new(core, memory).ok_or_else(|| {
            let text =
                format!("bpf_{helper} looks into kernel structs: the machine has to be made with types");
            HostFault::not_emulated(text)
        })
    }

    /// A struct or union.
    pub(crate) fn type_id(&self, name: &str) -> Option<TypeId> {
        self.btf.find(Kind::Struct, name).or_else(|| self.btf.find(Kind::Union, name))
    }

    pub(crate) fn size(&self, name: &str) -> Option<u64> {
        self.btf.size_of(self.type_id(name)?).ok()
    }

    /// A field inside of a struct, by a path that follows no pointers.
    pub(crate) fn field(&self, name: &str, path: &str) -> Option<FieldRef> {
        self.btf.field(self.type_id(name)?, path).ok()
    }

    /// Where in a struct a field is, in bytes.
    pub(crate) fn offset(&self, name: &str, path: &str) -> Option<u64> {
        self.field(name, path).map(|it| it.bit_offset / 8)
    }

    /// A field of the struct at an address, as a number. `None`: there is no such field in this kernel, or nothing at the
    /// address.
    pub(crate) fn word(&self, addr: u64, name: &str, path: &str) -> Option<u64> {
        let field = self.field(name, path)?;
        let (bytes, place) = self.bytes(addr, field)?;
        place.read(&bytes).map(|it| it as u64)
    }

    /// Changes a field of the struct at an address.
    pub(crate) fn set(&self, addr: u64, name: &str, path: &str, value: u64) -> Option<()> {
        let field = self.field(name, path)?;
        let (mut bytes, place) = self.bytes(addr, field)?;
        place.write(&mut bytes, value.into())?;
        self.memory.poke(addr.wrapping_add(field.bit_offset / 8), &bytes).ok()
    }

    /// The bytes that a field touches, and where in them it is.
    fn bytes(&self, addr: u64, field: FieldRef) -> Option<(Vec<u8>, FieldRef)> {
        let place = FieldRef { bit_offset: field.bit_offset % 8, ..field };
        let len = (place.bit_offset + place.bit_size).div_ceil(8);
        if len > LONGEST || is_user(addr) {
            return None;
        }
        let mut bytes = vec![0; len as usize];
        read_kernel(self.memory, addr.wrapping_add(field.bit_offset / 8), &mut bytes).ok()?;
        Some((bytes, place))
    }

    /// Bytes of kernel memory.
    pub(crate) fn read(&self, addr: u64, out: &mut [u8]) -> Result<(), Errno> {
        read_kernel(self.memory, addr, out)
    }
}
