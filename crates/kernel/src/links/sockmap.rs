//! Programs of sockmaps and sockhashes (`net/core/sock_map.c`): one of each kind for a map.

use super::{Link, LinkCreate, Place};
use crate::files::Fd;
use crate::hooks::{Attached, Hook};
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::{AttachType, Errno, MapType};
use skep_maps::ObjRef;

/// The kinds of programs that a sockmap has.
const KINDS: [AttachType; 4] = [
    AttachType::SkMsgVerdict,
    AttachType::SkSkbStreamParser,
    AttachType::SkSkbStreamVerdict,
    AttachType::SkSkbVerdict,
];

impl Core {
    /// The program of a kind of a map, if it has one.
    ///
    /// # Errors
    /// `EOPNOTSUPP`: it is no sockmap, or has no such kind. `EBUSY`: it has the kind that excludes this one.
    pub(super) fn sockmap_prog(&self, map: ObjRef, attach: AttachType) -> Result<Option<Attached>, Errno> {
        let object = self.objects.map(map).ok_or(Errno::EINVAL)?;
        if !matches!(object.map.spec().kind, MapType::Sockmap | MapType::Sockhash) || !KINDS.contains(&attach)
        {
            return Err(Errno::EOPNOTSUPP);
        }
        let of = |attach| self.hooks.at(&Hook::Sockmap { map, attach }).first().copied();
        let other = match attach {
            AttachType::SkSkbStreamVerdict => Some(AttachType::SkSkbVerdict),
            AttachType::SkSkbVerdict => Some(AttachType::SkSkbStreamVerdict),
            _ => None,
        };
        if other.and_then(of).is_some() { Err(Errno::EBUSY) } else { Ok(of(attach)) }
    }

    /// Gives a map a program, or a link's. Answers the program that it had.
    ///
    /// # Errors
    /// As [`Core::sockmap_prog`]; `EBUSY` as well if a link's is there.
    pub(super) fn set_sockmap_prog(
        &mut self,
        map: ObjRef,
        attach: AttachType,
        new: Attached,
    ) -> Result<Option<Attached>, Errno> {
        let old = self.sockmap_prog(map, attach)?;
        if old.is_some_and(|it| it.link.is_some()) {
            return Err(Errno::EBUSY);
        }
        self.hooks.lists.insert(Hook::Sockmap { map, attach }, vec![new]);
        Ok(old)
    }

    /// Takes a map's program away.
    ///
    /// # Errors
    /// As [`Core::set_sockmap_prog`]; `ENOENT`: it has another, or none.
    pub(super) fn take_sockmap_prog(
        &mut self,
        map: ObjRef,
        attach: AttachType,
        prog: ObjRef,
    ) -> Result<Attached, Errno> {
        let old = self.sockmap_prog(map, attach)?;
        if old.is_some_and(|it| it.link.is_some()) {
            return Err(Errno::EBUSY);
        }
        let old = old.filter(|it| it.prog == prog).ok_or(Errno::ENOENT)?;
        self.hooks.lists.remove(&Hook::Sockmap { map, attach });
        Ok(old)
    }

    /// Drops the programs of a map that user space has let go of (`sock_map_release_progs`).
    pub(crate) fn drop_sockmap_progs(&mut self, map: ObjRef) {
        for attach in KINDS {
            for it in self.hooks.lists.remove(&Hook::Sockmap { map, attach }).unwrap_or_default() {
                if it.link.is_none() {
                    self.objects.release(it.prog);
                }
            }
        }
    }
}

impl Sys<'_> {
    /// A link to a sockmap.
    pub(super) fn link_sockmap(
        &mut self,
        prog: ObjRef,
        attach: AttachType,
        create: &LinkCreate,
    ) -> Result<Fd, Errno> {
        if create.flags != 0 {
            return Err(Errno::EINVAL);
        }
        let map = self.core.map_of(Fd(create.target as i32))?;
        let kind = self.core.objects.map(map).map(|it| it.map.spec().kind);
        if !matches!(kind, Some(MapType::Sockmap | MapType::Sockhash)) {
            return Err(Errno::EINVAL);
        }
        let place = Place::Sockmap { map, attach };
        let link = self.prime(Link::new(Some(prog), create.attach_type, 0, place))?;
        let new = self.attached(link)?;
        let result = self.core.set_sockmap_prog(map, attach, new);
        if let Ok(old) = result {
            self.core.retain_user(map);
            // A program that was there without a link has to go for it (`psock_set_prog`).
            self.core.release_prog(old);
        }
        self.settle(link, result.map(drop))
    }
}
