//! Objects by id (`BPF_*_GET_NEXT_ID`, `BPF_*_GET_FD_BY_ID`).

use super::process::Cap;
use super::{BOTH, Fd, READ_ONLY};
use crate::kernel::Kernel;
use crate::object::Noun;
use crate::state::Core;
use skep_abi::Errno;
use skep_abi::flags::{BPF_F_RDONLY, BPF_F_WRONLY};
use skep_maps::Access;

/// What the flags of a file let through (`bpf_get_file_flag`).
///
/// # Errors
/// `EINVAL`: neither reading nor writing; other flags.
pub(crate) fn access_of(flags: u32) -> Result<Access, Errno> {
    if flags & !(BPF_F_RDONLY | BPF_F_WRONLY) != 0 || flags == BPF_F_RDONLY | BPF_F_WRONLY {
        return Err(Errno::EINVAL);
    }
    Ok(Access::of_flags(flags))
}

/// # Ids
impl Kernel {
    /// The lowest id of a kind of objects that is larger; ids begin at 1.
    ///
    /// # Errors
    /// `EINVAL`: the id is out of range. `EPERM`: not without `CAP_SYS_ADMIN`. `ENOENT`: there is none.
    pub fn next_id(&self, noun: Noun, after: u32) -> Result<u32, Errno> {
        self.core.next_id(noun, after)
    }

    /// A descriptor of a new open file of the object that has an id. `open_flags` may be `BPF_F_RDONLY` or
    /// `BPF_F_WRONLY` for maps, and are 0 for others.
    ///
    /// # Errors
    /// `EINVAL`: other flags. `EPERM`: not without `CAP_SYS_ADMIN`. `ENOENT`: there is none. `EMFILE`: the process has
    /// as many descriptors as it may.
    pub fn fd_by_id(&mut self, noun: Noun, id: u32, open_flags: u32) -> Result<Fd, Errno> {
        self.core.fd_by_id(noun, id, open_flags)
    }

    /// The id of what an fd stands for.
    ///
    /// # Errors
    /// `EBADF`: it is not open. `EINVAL`: it stands for something without an id.
    pub fn id_of(&self, fd: Fd) -> Result<u32, Errno> {
        match self.core.objects.number(self.core.files.get(fd)?) {
            0 => Err(Errno::EINVAL),
            number => Ok(number),
        }
    }
}

impl Core {
    pub(crate) fn next_id(&self, noun: Noun, after: u32) -> Result<u32, Errno> {
        if after >= i32::MAX as u32 {
            return Err(Errno::EINVAL);
        }
        if !self.capable(Cap::SysAdmin) {
            return Err(Errno::EPERM);
        }
        self.objects.next_number(noun, after).ok_or(Errno::ENOENT)
    }

    pub(crate) fn fd_by_id(&mut self, noun: Noun, number: u32, flags: u32) -> Result<Fd, Errno> {
        let known = if noun == Noun::Map { BPF_F_RDONLY | BPF_F_WRONLY } else { 0 };
        if flags & !known != 0 {
            return Err(Errno::EINVAL);
        }
        if !self.capable(Cap::SysAdmin) {
            return Err(Errno::EPERM);
        }
        let access = match noun {
            Noun::Map => access_of(flags)?,
            Noun::Prog => BOTH,
            Noun::Btf | Noun::Link => READ_ONLY,
        };
        self.open_by_id(noun, number, access)
    }

    /// Opens what has an id, whoever asks.
    pub(crate) fn open_by_id(&mut self, noun: Noun, number: u32, access: Access) -> Result<Fd, Errno> {
        let id = self.objects.by_number(noun, number).ok_or(Errno::ENOENT)?;
        self.files.room()?;
        self.retain_user(id);
        Ok(self.files.open_with(id, access))
    }
}
