//! Putting values where types want them: into words of arguments, and behind pointers.

use super::{Firing, Refusal};
use crate::world::{Args, FieldValue, Problem, Scene};
use skep_btf::{Btf, Def, Kind, TypeId};

/// Where things that pointers point to are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Kernel,
    User,
    /// Nothing says it: strings and bytes go where such functions have theirs, structs into the kernel.
    Unsaid,
}

/// How functions begin that are given what a system call was given: their strings are in user memory. Kernels that gcc
/// built do not say so in their types.
const OF_SYSCALLS: &[&str] =
    &["do_sys_", "ksys_", "__sys_", "__do_sys_", "__se_sys_", "do_execve", "vfs_read", "vfs_write"];

/// Where the strings and bytes of a function's arguments are, if its types do not say it.
pub(super) fn texts_of(func: &str) -> Side {
    match OF_SYSCALLS.iter().any(|it| func.starts_with(it)) {
        true => Side::User,
        false => Side::Kernel,
    }
}

/// Structs that a string stands for, and the field that it goes to.
const NAMED: &[(&str, &str)] = &[
    ("filename", "name"),
    ("qstr", "name"),
    ("dentry", "d_name.name"),
    ("path", "dentry.d_name.name"),
    ("file", "f_path.dentry.d_name.name"),
    ("linux_binprm", "filename"),
    ("task_struct", "comm"),
];

/// The longest list of values.
const MAX_LIST: usize = 1 << 16;

impl Firing<'_, '_> {
    /// The words that a value of a type is passed in: one, or more for a struct that is passed by value.
    pub(super) fn words(&mut self, btf: &Btf, id: TypeId, value: &FieldValue) -> Result<Vec<u64>, Refusal> {
        let size = btf.size_of(id).unwrap_or(8);
        if size > 8 || btf.resolved(id).is_some_and(|it| it.composite().is_some()) {
            let mut bytes = self.bytes_of(btf, id, value, Side::Unsaid)?;
            bytes.resize(bytes.len().next_multiple_of(8), 0);
            return Ok(bytes.chunks(8).map(word).collect());
        }
        Ok(vec![self.word(btf, id, value, Side::Unsaid)?])
    }

    /// The number that a value of a scalar type is, cut to the type's size.
    fn word(&mut self, btf: &Btf, id: TypeId, value: &FieldValue, side: Side) -> Result<u64, Refusal> {
        let ty = btf.resolved(id).map(|it| &it.def);
        match (ty, value) {
            (Some(Def::Ptr(target)), value) => self.pointer(btf, *target, value, side_of(btf, *target, side)),
            (_, FieldValue::Addr(addr)) => Ok(*addr),
            (_, FieldValue::User(inner)) => self.word(btf, id, inner, Side::User),
            (_, FieldValue::Kernel(inner)) => self.word(btf, id, inner, Side::Kernel),
            (Some(Def::Enum(_) | Def::Enum64(_)), FieldValue::Str(name)) => {
                let found = btf.enum_value(id, name);
                let number = found.ok_or_else(|| format!("{} has no value {name:?}", describe(btf, id)))?;
                fit(number, btf.size_of(id).unwrap_or(8))
            }
            (_, FieldValue::Int(number)) => {
                let size = btf.size_of(id).unwrap_or(8).min(8);
                fit(*number, size).map_err(|why| format!("{why} ({})", describe(btf, id)))
            }
            (_, other) => Err(format!("{} is no value of type {}", kind(other), describe(btf, id))),
        }
    }

    /// An address: the one that is given, or of what is made.
    fn pointer(&mut self, btf: &Btf, target: TypeId, value: &FieldValue, side: Side) -> Result<u64, Refusal> {
        match value {
            FieldValue::Int(number) => fit(*number, 8),
            FieldValue::Addr(addr) => Ok(*addr),
            FieldValue::User(inner) => self.pointer(btf, target, inner, Side::User),
            FieldValue::Kernel(inner) => self.pointer(btf, target, inner, Side::Kernel),
            FieldValue::Str(text) => {
                let name = struct_name(btf, target);
                let of_kernel = self.btf.as_deref().is_some_and(|it| std::ptr::eq(it, btf));
                if let (true, Some(_)) = (of_kernel, name)
                    && let Some(addr) = self.make_objects(|scene| scene.by_path(target, text))?
                {
                    return Ok(addr);
                }
                if let Some((_, field)) = NAMED.iter().find(|it| Some(it.0) == name) {
                    let fields = Args::new().with(*field, text.as_str());
                    return self.make(btf, target, &FieldValue::Fields(fields), side);
                }
                if name.is_some() {
                    let what = describe(btf, target);
                    return Err(format!(
                        "a string is no {what}; write its fields: {{ \"path.to.field\": value }}"
                    ));
                }
                self.put(&c_string(text), side, "string")
            }
            FieldValue::Bytes(bytes) => self.put(bytes, side, "bytes"),
            FieldValue::List(list) => {
                let size = btf.size_of(target).unwrap_or(1).max(1);
                let mut bytes = self.elements(btf, target, list, side)?;
                bytes.resize(bytes.len() + size as usize, 0);
                self.put(&bytes, side, "array")
            }
            FieldValue::Fields(_) => self.make(btf, target, value, side),
        }
    }

    fn elements(
        &mut self,
        btf: &Btf,
        element: TypeId,
        list: &[FieldValue],
        side: Side,
    ) -> Result<Vec<u8>, Refusal> {
        if list.len() > MAX_LIST {
            return Err(format!("a list of {} values: at most {MAX_LIST}", list.len()));
        }
        let mut bytes = Vec::new();
        for value in list {
            bytes.extend(self.bytes_of(btf, element, value, side)?);
        }
        Ok(bytes)
    }

    /// Makes what a pointer is to point to: a kernel object, if it is one of the kernel's types.
    fn make(&mut self, btf: &Btf, target: TypeId, value: &FieldValue, side: Side) -> Result<u64, Refusal> {
        let of_kernel = self.btf.as_deref().is_some_and(|it| std::ptr::eq(it, btf));
        if let (true, FieldValue::Fields(fields)) = (of_kernel, value) {
            let called = describe(btf, target);
            return self
                .make_objects(|scene| {
                    let addr = scene.alloc(target, side == Side::User)?;
                    fields.iter().try_for_each(|(path, value)| scene.set(addr, target, path, value))?;
                    Ok(addr)
                })
                .map_err(|why| format!("{called}: {why}"));
        }
        let side = if side == Side::Unsaid { Side::Kernel } else { side };
        let bytes = self.bytes_of(btf, target, value, side)?;
        let name = struct_name(btf, target).unwrap_or("object").to_owned();
        self.put(&bytes, side, &name)
    }

    /// Makes kernel objects that end as all does that is made for arguments.
    fn make_objects<T>(
        &mut self,
        make: impl FnOnce(&mut Scene<'_>) -> Result<T, Problem>,
    ) -> Result<T, Refusal> {
        let mut scene = self.kernel.scene().map_err(|error| error.to_string())?;
        let (result, pieces) = scene.writing_down(make);
        self.kernel.core.keep.objects(pieces);
        result.map_err(|why| why.to_string())
    }

    /// The bytes of a value of a type.
    pub(super) fn bytes_of(
        &mut self,
        btf: &Btf,
        id: TypeId,
        value: &FieldValue,
        side: Side,
    ) -> Result<Vec<u8>, Refusal> {
        let size = btf.size_of(id).map_err(|error| format!("{}: {error}", describe(btf, id)))? as usize;
        let short = |len: usize| format!("{len} bytes do not fit into the {size} of {}", describe(btf, id));
        let padded = |mut bytes: Vec<u8>| {
            if bytes.len() > size {
                return Err(short(bytes.len()));
            }
            bytes.resize(size, 0);
            Ok(bytes)
        };
        let array = match btf.resolved(id).map(|it| &it.def) {
            Some(Def::Array(array)) => Some(array.element),
            _ => None,
        };
        let composite = btf.resolved(id).is_some_and(|it| it.composite().is_some());
        match (value, array) {
            (FieldValue::Bytes(bytes), _) if composite || array.is_some() => padded(bytes.clone()),
            (FieldValue::Str(text), Some(_)) => padded(text.as_bytes().to_vec()),
            (FieldValue::List(list), Some(element)) => padded(self.elements(btf, element, list, side)?),
            (FieldValue::Fields(fields), None) if composite => self.fields(btf, id, fields, size, side),
            (FieldValue::Int(0), _) if composite => Ok(vec![0; size]),
            (value, None) if !composite => {
                let word = self.word(btf, id, value, side)?.to_le_bytes();
                padded(word[..size.min(8)].to_vec())
            }
            (other, _) => Err(format!("{} is no value of type {}", kind(other), describe(btf, id))),
        }
    }

    /// The bytes of a struct.
    fn fields(
        &mut self,
        btf: &Btf,
        id: TypeId,
        fields: &Args,
        size: usize,
        side: Side,
    ) -> Result<Vec<u8>, Refusal> {
        let mut bytes = vec![0; size];
        for (path, value) in fields.iter() {
            let place = btf.field(id, path).map_err(|error| format!("{}: {error}", describe(btf, id)))?;
            let at = format!("{}.{path}", describe(btf, id));
            if place.is_bitfield {
                let number =
                    self.word(btf, place.type_id, value, side).map_err(|why| format!("{at}: {why}"))?;
                place.write(&mut bytes, u128::from(number)).ok_or_else(|| format!("{at} lies outside"))?;
                continue;
            }
            let new = self.bytes_of(btf, place.type_id, value, side).map_err(|why| format!("{at}: {why}"))?;
            let start = (place.bit_offset / 8) as usize;
            let into = bytes.get_mut(start..start + new.len()).ok_or_else(|| format!("{at} lies outside"))?;
            into.copy_from_slice(&new);
        }
        Ok(bytes)
    }

    /// An argument of which no type is known: a number, or what lies in memory.
    pub(super) fn untyped(&mut self, value: &FieldValue, side: Side) -> Result<u64, Refusal> {
        match value {
            FieldValue::Int(number) => fit(*number, 8),
            FieldValue::Addr(addr) => Ok(*addr),
            FieldValue::User(inner) => self.untyped(inner, Side::User),
            FieldValue::Kernel(inner) => self.untyped(inner, Side::Kernel),
            FieldValue::Str(text) => self.put(&c_string(text), side, "string"),
            FieldValue::Bytes(bytes) => self.put(bytes, side, "bytes"),
            FieldValue::List(list) => {
                if list.len() > MAX_LIST {
                    return Err(format!("a list of {} values: at most {MAX_LIST}", list.len()));
                }
                let mut bytes = Vec::new();
                for value in list {
                    bytes.extend(self.untyped(value, side)?.to_le_bytes());
                }
                bytes.extend([0; 8]);
                self.put(&bytes, side, "array")
            }
            FieldValue::Fields(_) => {
                Err("the types do not say what struct this is: give its bytes, or an address".to_owned())
            }
        }
    }

    /// A struct of the kernel's types, by its name.
    pub(super) fn named_struct(
        &mut self,
        name: &str,
        value: &FieldValue,
        side: Side,
    ) -> Result<u64, Refusal> {
        let btf = self.btf.clone();
        let found = btf.as_deref().and_then(|btf| Some((btf, btf.find(Kind::Struct, name)?)));
        match found {
            Some((btf, id)) => self.make(btf, id, value, side),
            None => Err(format!("the types do not have struct {name}: give its bytes")),
        }
    }

    /// Puts bytes into memory.
    pub(super) fn put(&mut self, bytes: &[u8], side: Side, name: &str) -> Result<u64, Refusal> {
        let Self { kernel, texts, .. } = self;
        let side = if side == Side::Unsaid { *texts } else { side };
        let core = &mut kernel.core;
        match side {
            Side::Kernel | Side::Unsaid => core.keep.kernel(&kernel.memory, name, bytes),
            Side::User => core.keep.user(&mut core.user, bytes),
        }
    }
}

/// Where what a pointer points to belongs: into user memory if it is `__user`.
fn side_of(btf: &Btf, target: TypeId, other: Side) -> Side {
    let mut id = target;
    while let Some(ty) = btf.type_by_id(id) {
        if matches!(ty.def, Def::TypeTag(_)) && btf.str(ty.name) == "user" {
            return Side::User;
        }
        match ty.qualified() {
            Some(next) => id = next,
            None => break,
        }
    }
    other
}

/// The name of the struct or union that a type is.
fn struct_name(btf: &Btf, id: TypeId) -> Option<&str> {
    btf.resolved(id).filter(|it| it.composite().is_some()).map(|it| btf.str(it.name))
}

fn c_string(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

pub(super) fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len().min(8)].copy_from_slice(&bytes[..bytes.len().min(8)]);
    u64::from_le_bytes(word)
}

/// A number in so many bytes, signed or not, as a register or a record holds it: the rest is zero.
pub(super) fn fit(number: i128, size: u64) -> Result<u64, Refusal> {
    let bits = size.clamp(1, 8) * 8;
    if number >= 1 << bits || number < -(1 << (bits - 1)) {
        return Err(format!("{number} does not fit into {} bytes", bits / 8));
    }
    let all = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    Ok(number as u64 & all)
}

fn describe(btf: &Btf, id: TypeId) -> String {
    btf.c_type(id).unwrap_or_else(|_| format!("type {}", id.0))
}

fn kind(value: &FieldValue) -> &'static str {
    match value {
        FieldValue::Int(_) => "a number",
        FieldValue::Str(_) => "a string",
        FieldValue::Bytes(_) => "a piece of bytes",
        FieldValue::List(_) => "a list",
        FieldValue::Fields(_) => "a struct",
        FieldValue::Addr(_) => "an address",
        FieldValue::User(_) | FieldValue::Kernel(_) => "something in memory",
    }
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn numbers_fit_signed_or_not_and_the_rest_is_zero() {
        assert_eq!(fit(-1, 4), Ok(0xffff_ffff));
        assert_eq!(fit(0xffff_ffff, 4), Ok(0xffff_ffff));
        assert_eq!(fit(-1, 8), Ok(u64::MAX));
        assert_eq!(fit(u64::MAX.into(), 8), Ok(u64::MAX));
        assert!(fit(1 << 32, 4).is_err() && fit(-(1 << 31) - 1, 4).is_err() && fit(1 << 64, 8).is_err());
    }
}
