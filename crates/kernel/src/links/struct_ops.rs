//! Links of structs of functions (`kernel/bpf/bpf_struct_ops.c`): the kernel calls a map's programs as long as there is one.

use super::{Link, LinkCreate, Place};
use crate::files::Fd;
use crate::hooks::{Attached, Hook};
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::flags::BPF_F_LINK;
use skep_abi::{Errno, MapType};
use skep_maps::ObjRef;

impl Core {
    /// The struct that a map has the functions of, if it may be linked: it was made for it, and has its value
    /// (`bpf_struct_ops_valid_to_reg`).
    ///
    /// # Errors
    /// `EINVAL`: it may not.
    pub(super) fn struct_ops_of(&self, map: ObjRef) -> Result<String, Errno> {
        let spec = self.objects.map(map).ok_or(Errno::EINVAL)?.map.spec();
        if spec.kind != MapType::StructOps || spec.flags & BPF_F_LINK == 0 {
            return Err(Errno::EINVAL);
        }
        self.struct_ops_ready(map).ok_or(Errno::EINVAL)
    }

    /// The struct that a map has the functions of, once it has them. Such maps are not emulated yet.
    fn struct_ops_ready(&self, _map: ObjRef) -> Option<String> {
        None
    }
}

impl Sys<'_> {
    /// A link of a struct of functions.
    pub(super) fn link_struct_ops(&mut self, map: ObjRef, create: &LinkCreate) -> Result<Fd, Errno> {
        let ops = self.core.struct_ops_of(map)?;
        let link = self.prime(Link::new(None, create.attach_type, 0, Place::StructOps { map }))?;
        self.core.objects.retain(map);
        let new = Attached { link: Some(link), ..Attached::new(map) };
        self.core.hooks.add(Hook::StructOps { ops }, new);
        self.settle(link, Ok(()))
    }

    /// Gives a link another map of the same struct.
    pub(super) fn update_struct_ops(
        &mut self,
        link: ObjRef,
        map: ObjRef,
        old: Option<ObjRef>,
    ) -> Result<(), Errno> {
        let ops = self.core.struct_ops_of(map)?;
        let object = self.core.objects.link(link).ok_or(Errno::EINVAL)?;
        let (attached, place) = (object.attached, object.place.clone());
        let Place::StructOps { map: now } = place else { return Err(Errno::EINVAL) };
        if !attached {
            return Err(Errno::ENOLINK);
        }
        if old.is_some_and(|it| it != now) {
            return Err(Errno::EPERM);
        }
        if self.core.struct_ops_of(now) != Ok(ops.clone()) {
            return Err(Errno::EINVAL);
        }
        let list = self.core.hooks.lists.entry(Hook::StructOps { ops }).or_default();
        if let Some(it) = list.iter_mut().find(|it| it.link == Some(link)) {
            it.prog = map;
        }
        if let Some(object) = self.core.objects.link_mut(link) {
            object.place = Place::StructOps { map };
        }
        self.core.objects.retain(map);
        self.core.objects.release(now);
        Ok(())
    }
}
