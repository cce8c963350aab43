//! Objects in a test's hand.

use super::error::{ObjectError, Problem};
use super::scene::Scene;
use super::types;
use super::value::FieldValue;
use crate::kernel::Kernel;
use skep_btf::{TypeId, Value};
use std::fmt;

impl Kernel {
    /// Makes a zeroed object of a type: `task_struct`, `struct sock`.
    ///
    /// ```
    /// use skep_kernel::{Config, FieldValue, Kernel, args, vmlinux};
    ///
    /// let mut kernel = Kernel::new(Config { btf: Some(vmlinux::bundled()), ..Config::default() })?;
    /// let mut task = kernel
    ///     .object("task_struct")?
    ///     .set("pid", 42)?
    ///     .set("real_parent.tgid", 1)?
    ///     .set("mm.exe_file.f_path.dentry.d_name.name", "bash")?
    ///     .set("thread_pid", args! { level: 1, "numbers[1].nr": 7 })?
    ///     .set("mm.arg_start", FieldValue::user("bash"))?;
    /// assert_eq!(task.get_u64("real_parent.tgid")?, 1);
    /// assert_eq!(task.get_str("mm.exe_file.f_path.dentry.d_name.name")?, "bash");
    ///
    /// let error = task.set("real_parnt.tgid", 1).unwrap_err();
    /// assert!(error.to_string().ends_with("did you mean `real_parent`?"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The machine has no types, or none of that name; no room.
    pub fn object(&mut self, type_name: &str) -> Result<ObjectMut<'_>, ObjectError> {
        self.object_with(type_name, 0)
    }

    /// The same with so many zero bytes behind it that programs see as part of it: for an array without length at its
    /// end that is longer than what is made room for.
    ///
    /// # Errors
    /// As for [`Kernel::object`].
    pub fn object_with(&mut self, type_name: &str, behind: u64) -> Result<ObjectMut<'_>, ObjectError> {
        let named = |problem| ObjectError::new("", "", problem);
        let mut scene = self.scene()?;
        let id = scene.type_of(type_name).map_err(named)?;
        let addr = scene.alloc_with(id, behind, false).map_err(named)?;
        Ok(ObjectMut { kernel: self, addr, id })
    }

    /// The object of a type at an address: made before, or whatever bytes are there.
    ///
    /// # Errors
    /// The machine has no types, or none of that name; there is less than one such object at the address.
    pub fn object_at(&mut self, addr: u64, type_name: &str) -> Result<ObjectMut<'_>, ObjectError> {
        let named = |problem| ObjectError::new(type_name, "", problem);
        let mut scene = self.scene()?;
        let id = scene.type_of(type_name).map_err(|problem| ObjectError::new("", "", problem))?;
        let len = scene.size(id).map_err(named)?;
        scene.read(addr, len).map_err(named)?;
        Ok(ObjectMut { kernel: self, addr, id })
    }

    pub(crate) fn scene(&mut self) -> Result<Scene<'_>, ObjectError> {
        self.core.scene(&self.memory)
    }
}

/// A kernel object of a type, to be set and read by paths: see [`Kernel::object`].
///
/// Setting gives the object back, so that it chains. What is set before an error stays.
pub struct ObjectMut<'k> {
    kernel: &'k mut Kernel,
    addr: u64,
    id: TypeId,
}

impl<'k> ObjectMut<'k> {
    pub(crate) fn new(kernel: &'k mut Kernel, addr: u64, id: TypeId) -> ObjectMut<'k> {
        ObjectMut { kernel, addr, id }
    }

    /// Where it is.
    pub fn addr(&self) -> u64 {
        self.addr
    }

    /// The machine that it is in.
    pub fn kernel(&mut self) -> &mut Kernel {
        self.kernel
    }

    /// What it is: `struct task_struct`.
    pub fn type_name(&self) -> String {
        match self.kernel.core.all_types() {
            Some(btf) => types::called(btf, self.id),
            None => String::new(),
        }
    }

    /// Sets a field. What pointers on the way point to is made where they are NULL.
    ///
    /// # Errors
    /// No such field; a value that it does not take; no room.
    pub fn set(self, path: &str, value: impl Into<FieldValue>) -> Result<ObjectMut<'k>, ObjectError> {
        let value = value.into();
        self.run(path, |scene, addr, id| scene.set(addr, id, path, &value)).map(|(object, ())| object)
    }

    /// Sets fields, one after the other: an object from plain data.
    ///
    /// # Errors
    /// As for [`set`](ObjectMut::set).
    pub fn describe<P, V>(
        self,
        fields: impl IntoIterator<Item = (P, V)>,
    ) -> Result<ObjectMut<'k>, ObjectError>
    where
        P: AsRef<str>,
        V: Into<FieldValue>,
    {
        fields.into_iter().try_fold(self, |object, (path, value)| object.set(path.as_ref(), value))
    }

    /// What a field holds; of a pointer, the address. The empty path is the whole object.
    ///
    /// # Errors
    /// No such field; a NULL pointer on the way.
    pub fn get(&mut self, path: &str) -> Result<Value, ObjectError> {
        self.look(path, |scene, addr, id| scene.get(addr, id, path))
    }

    /// A field that is a number or an address, or a struct around nothing but one: `kuid_t`, `atomic_t`.
    ///
    /// # Errors
    /// As for [`get`](ObjectMut::get); or it is none, or negative.
    pub fn get_u64(&mut self, path: &str) -> Result<u64, ObjectError> {
        let value = self.get(path)?;
        number(&value).ok_or_else(|| {
            let (part, is, wanted) = (path.to_owned(), value.to_string(), "a number of up to 64 bits");
            ObjectError::new(self.type_name(), path, Problem::NotA { part, is, wanted })
        })
    }

    /// The text that a field holds or points to, in kernel or user memory, up to its NUL (or 4,095 bytes). Bytes that are
    /// not UTF-8 show as replacement characters.
    ///
    /// # Errors
    /// As for [`get`](ObjectMut::get); or there is no text there.
    pub fn get_str(&mut self, path: &str) -> Result<String, ObjectError> {
        self.look(path, |scene, addr, id| scene.get_str(addr, id, path))
    }

    /// The object that is at the end of a path, or that a pointer there points to; made if it is NULL.
    ///
    /// # Errors
    /// No such field; no room; a pointer of which nobody knows what it points to.
    pub fn at(self, path: &str) -> Result<ObjectMut<'k>, ObjectError> {
        let (mut object, (addr, id)) = self.run(path, |scene, addr, id| scene.object_of(addr, id, path))?;
        (object.addr, object.id) = (addr, id);
        Ok(object)
    }

    pub(super) fn run<T>(
        mut self,
        path: &str,
        run: impl FnOnce(&mut Scene<'_>, u64, TypeId) -> Result<T, Problem>,
    ) -> Result<(ObjectMut<'k>, T), ObjectError> {
        let result = self.look(path, run)?;
        let Kernel { core, memory, .. } = &mut *self.kernel;
        core.refresh_task(memory);
        Ok((self, result))
    }

    pub(super) fn look<T>(
        &mut self,
        path: &str,
        run: impl FnOnce(&mut Scene<'_>, u64, TypeId) -> Result<T, Problem>,
    ) -> Result<T, ObjectError> {
        let (addr, id) = (self.addr, self.id);
        let mut scene = self.kernel.scene()?;
        let result = run(&mut scene, addr, id);
        result.map_err(|problem| ObjectError::new(self.type_name(), path, problem))
    }
}

fn number(value: &Value) -> Option<u64> {
    match value.members() {
        [(_, inner)] => number(inner),
        _ => value.as_u64(),
    }
}

impl fmt::Debug for ObjectMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:#x}", self.type_name(), self.addr)
    }
}

/// Its address.
impl From<&ObjectMut<'_>> for FieldValue {
    fn from(object: &ObjectMut<'_>) -> FieldValue {
        FieldValue::Addr(object.addr)
    }
}

impl Scene<'_> {
    /// The object at the end of a path: address and type.
    fn object_of(&mut self, base: u64, id: TypeId, path: &str) -> Result<(u64, TypeId), Problem> {
        let spot = self.find(base, id, path, true)?;
        let Some((target, user)) = types::pointee(&self.btf, spot.field.type_id) else {
            return Ok((spot.addr, spot.field.type_id));
        };
        let to = self.pointer(spot)?;
        if types::is_void(&self.btf, target) {
            return match self.made(to) {
                Some(made) => Ok((to, made.id)),
                None => Err(Problem::Untyped { part: path.to_owned() }),
            };
        }
        let to = match to {
            0 => {
                let made = self.alloc(target, user)?;
                self.point(spot, made)?;
                made
            }
            to => to,
        };
        Ok((to, target))
    }
}
