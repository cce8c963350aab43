//! Maps that hold what file descriptors stand for.

use super::owner_of;
use crate::files::{Fd, OpenFile};
use crate::outside::OutsideKind;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::{AttachType, Errno, MapType, ProgType};
use skep_maps::{MapSpec, ObjRef};

/// What user space's keys and values of a map are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Bytes.
    Plain,
    /// Values are descriptors.
    Fds,
    /// Values are numbers of devices or lengths of queues, and may have a program's descriptor behind.
    Targets,
    /// Keys are descriptors of the object that has the value.
    Owned,
}

/// The shape of a type's elements.
pub(super) fn shape(kind: MapType) -> Shape {
    use MapType::*;
    match kind {
        ProgArray | PerfEventArray | CgroupArray | ArrayOfMaps | HashOfMaps | Xskmap | Sockmap | Sockhash
        | ReuseportSockarray => Shape::Fds,
        Devmap | DevmapHash | Cpumap => Shape::Targets,
        SkStorage | InodeStorage | TaskStorage | CgrpStorage => Shape::Owned,
        _ => Shape::Plain,
    }
}

/// The descriptor that a value is: of 4 bytes, or of 8.
fn fd_of(value: &[u8]) -> Result<Fd, Errno> {
    if let Ok(bytes) = value.try_into() {
        return Ok(Fd(i32::from_le_bytes(bytes)));
    }
    let wide = value.try_into().map(u64::from_le_bytes).map_err(|_| Errno::EINVAL)?;
    i32::try_from(wide).map(Fd).map_err(|_| Errno::EINVAL)
}

impl Sys<'_> {
    /// Has an element hold what an fd stands for (`bpf_fd_array_map_update_elem`, `bpf_fd_htab_map_update_elem`, and
    /// those of maps of sockets).
    pub(super) fn store_fd(&mut self, map: Fd, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        let OpenFile { object: id, id: through, .. } = *self.core.files.file(map)?;
        let object = self.core.objects.map(id).ok_or(Errno::EINVAL)?;
        if value.len() != object.map.user_value_size() {
            return Err(Errno::EINVAL);
        }
        // Of sockets, the descriptor comes before flags and key (sock_map_update_elem_sys).
        let sockets = matches!(object.map.spec().kind, MapType::Sockmap | MapType::Sockhash);
        if !sockets {
            object.map.check_hold(key, flags)?;
        }
        let fd = fd_of(value)?;
        if sockets && fd.0 < 0 {
            return Err(Errno::EINVAL);
        }
        let stored = match object.map.spec().kind {
            MapType::ProgArray => self.prog_for(id, fd)?,
            MapType::PerfEventArray => self.event_for(fd)?,
            MapType::CgroupArray => self.core.outside_for(fd, OutsideKind::Cgroup, Errno::EBADF)?,
            MapType::Xskmap => self.xdp_socket_for(fd)?,
            MapType::Sockmap | MapType::Sockhash | MapType::ReuseportSockarray => {
                self.core.outside_for(fd, OutsideKind::Socket, Errno::ENOTSOCK)?
            }
            _ => self.inner_for(id, fd)?,
        };
        let object = self.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
        let displaced = object.map.hold(key, stored, flags)?;
        if object.map.spec().kind == MapType::PerfEventArray
            && let Ok(index) = key.try_into().map(u32::from_le_bytes)
        {
            object.through.insert(index, through);
        }
        self.core.objects.retain(stored);
        if let Some(prog) = self.core.objects.prog_mut(stored) {
            prog.memberships += 1;
        }
        self.drop_displaced(displaced);
        Ok(())
    }

    /// Puts a device or CPU into a map (`__dev_map_update_elem`, `cpu_map_update_elem`). Where nobody described
    /// the network, every device number but 0 is that of a device.
    pub(super) fn store_target(
        &mut self,
        id: ObjRef,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        let cx = self.core.cx(self.memory);
        let object = self.core.objects.map(id).ok_or(Errno::EINVAL)?;
        object.map.admits(&cx, key, value, flags)?;
        let kind = object.map.spec().kind;
        let ifindex = value.get(..4).and_then(|it| it.try_into().ok()).map_or(0, u32::from_le_bytes);
        let devices = matches!(kind, MapType::Devmap | MapType::DevmapHash);
        if devices && ifindex != 0 && !self.core.net.may_have(ifindex) {
            return Err(Errno::EINVAL);
        }
        let mut value = value.to_vec();
        let fd = value.get(4..8).and_then(|it| it.try_into().ok()).map_or(0, i32::from_le_bytes);
        let program = match fd {
            ..=0 => None,
            // A queue that cannot be made is one that there was no memory for.
            fd => Some(self.packet_prog(Fd(fd), kind).map_err(|_| match kind {
                MapType::Cpumap => Errno::ENOMEM,
                _ => Errno::EINVAL,
            })?),
        };
        if let Some(shown) = value.get_mut(4..8) {
            shown.copy_from_slice(&program.map_or(0, |it| self.core.objects.number(it)).to_le_bytes());
        }
        let displaced = self.change(id, |map, cx| map.place(cx, key, &value, program))?;
        if let Some(program) = program {
            self.core.objects.retain(program);
        }
        self.drop_displaced(displaced);
        Ok(())
    }

    /// The XDP program that is to run behind a redirection.
    fn packet_prog(&self, fd: Fd, kind: MapType) -> Result<ObjRef, Errno> {
        let id = self.core.prog_of(fd)?;
        let wanted = if kind == MapType::Cpumap { AttachType::XdpCpumap } else { AttachType::XdpDevmap };
        let info = self.core.objects.prog(id).map(|it| &it.info).ok_or(Errno::EINVAL)?;
        let fits = info.prog_type == ProgType::Xdp && info.expected_attach_type == wanted.to_u32();
        if fits { Ok(id) } else { Err(Errno::EINVAL) }
    }

    /// The socket to put into an XSKMAP (`xsk_map_update_elem`).
    fn xdp_socket_for(&self, fd: Fd) -> Result<ObjRef, Errno> {
        self.core.outside_for(fd, OutsideKind::XdpSocket, Errno::ENOTSOCK).or_else(|errno| {
            // A socket of another family.
            self.core.outside_for(fd, OutsideKind::Socket, errno).and(Err(Errno::EOPNOTSUPP))
        })
    }

    /// The program to put into a PROG_ARRAY (`prog_fd_array_get_ptr`).
    fn prog_for(&mut self, array: ObjRef, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.core.prog_of(fd)?;
        let prog = self.core.objects.prog(id).ok_or(Errno::EINVAL)?;
        let (owner, extended) = (owner_of(prog), prog.extended);
        if owner.prog_type == ProgType::Ext {
            return Err(Errno::EINVAL);
        }
        self.core.claim(array, owner)?;
        if extended { Err(Errno::EBUSY) } else { Ok(id) }
    }

    /// The event to put into a PERF_EVENT_ARRAY (`perf_event_fd_array_get_ptr`).
    fn event_for(&mut self, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.core.files.get(fd).map_err(|_| Errno::EBADF)?;
        let event = self.core.objects.perf_mut(id).ok_or(Errno::EBADF)?;
        if event.inherited() { Err(Errno::EOPNOTSUPP) } else { Ok(id) }
    }

    /// The map to put into a map of maps (`bpf_map_fd_get_ptr`).
    fn inner_for(&self, outer: ObjRef, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.core.map_of(fd)?;
        let spec = |id| self.core.objects.map(id).map(|it| it.map.spec()).ok_or(Errno::EINVAL);
        if spec(outer)?.takes_inner(spec(id)?) { Ok(id) } else { Err(Errno::EINVAL) }
    }
}

impl Core {
    /// What a slot shows user space: the id of a program or map, the cookie of a socket.
    pub(super) fn show_held(&self, spec: &MapSpec, held: ObjRef) -> Vec<u8> {
        match self.outside(held) {
            Some(socket) if spec.value_size == 8 => socket.cookie.to_le_bytes().to_vec(),
            _ => self.objects.number(held).to_le_bytes().to_vec(),
        }
    }

    /// The address of the object whose descriptor a key is.
    pub(super) fn owner_for(&self, id: ObjRef, key: &[u8]) -> Result<u64, Errno> {
        let fd = fd_of(key)?;
        let kind = self.objects.map(id).map(|it| it.map.spec().kind).ok_or(Errno::EINVAL)?;
        let (wanted, otherwise) = match kind {
            MapType::SkStorage => (OutsideKind::Socket, Errno::ENOTSOCK),
            MapType::TaskStorage => (OutsideKind::Task, Errno::EBADF),
            MapType::CgrpStorage => (OutsideKind::Cgroup, Errno::EBADF),
            _ => (OutsideKind::Inode, Errno::EBADF),
        };
        let owner = self.outside_for(fd, wanted, otherwise)?;
        self.outside(owner).map(|it| it.addr).ok_or(Errno::EBADF)
    }

    /// The object of a kind that a descriptor stands for; `otherwise` if it stands for something else.
    fn outside_for(&self, fd: Fd, kind: OutsideKind, otherwise: Errno) -> Result<ObjRef, Errno> {
        if self.files.get(fd) == Err(Errno::EBADF) {
            return Err(Errno::EBADF);
        }
        match self.outside_of(fd) {
            Ok((id, it)) if it.kind == kind => Ok(id),
            _ => Err(otherwise),
        }
    }
}
