//! What owners of a file system give out (`kernel/bpf/token.c`).

use super::Place;
use crate::files::{Cap, Fd, READ_ONLY, UserNs};
use crate::kernel::Kernel;
use crate::object::Object;
use crate::state::Core;
use skep_abi::attr::Cmd;
use skep_abi::flags::BPF_F_TOKEN_FD;
use skep_abi::{AttachType, Errno, MapType, ProgType};
use skep_verifier::Caps;
use std::fmt::Write as _;

/// What somebody without capabilities in the first user namespace may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// In which user namespace it stands for capabilities.
    pub owner: UserNs,
    /// A bit for each command.
    pub cmds: u64,
    /// A bit for each map type.
    pub maps: u64,
    /// A bit for each program type.
    pub progs: u64,
    /// A bit for each attach type.
    pub attachs: u64,
}

impl Token {
    /// Whether a command may be given with it.
    pub fn allows_cmd(&self, cmd: Cmd) -> bool {
        self.cmds & 1 << cmd as u32 != 0
    }

    /// Whether maps of a type may be made with it.
    pub fn allows_map(&self, kind: MapType) -> bool {
        self.maps & 1 << kind.to_u32() != 0
    }

    /// Whether programs of a type, for an attach type, may be loaded with it.
    pub fn allows_prog(&self, kind: ProgType, attach_type: u32) -> bool {
        let attach = AttachType::from_u32(attach_type).is_some() && self.attachs & 1 << attach_type != 0;
        self.progs & 1 << kind.to_u32() != 0 && attach
    }

    /// What `/proc/self/fdinfo` says about it.
    pub(crate) fn show(&self) -> String {
        let rows = [
            ("cmds", self.cmds, Cmd::ALL.len() as u32),
            ("maps", self.maps, beyond(MapType::ALL.last().map(|it| it.to_u32()))),
            ("progs", self.progs, beyond(ProgType::ALL.last().map(|it| it.to_u32()))),
            ("attachs", self.attachs, beyond(AttachType::ALL.last().map(|it| it.to_u32()))),
        ];
        let mut text = String::new();
        for (name, bits, kinds) in rows {
            let all = (1 << kinds) - 1;
            let _ = match bits & all == all {
                true => writeln!(text, "allowed_{name}:\tany"),
                false => writeln!(text, "allowed_{name}:\t{bits:#x}"),
            };
        }
        text
    }
}

/// The number after the largest of a kind.
fn beyond(last: Option<u32>) -> u32 {
    last.map_or(0, |it| it + 1)
}

/// # Tokens
impl Kernel {
    /// Makes a token of a `bpf` file system, by a descriptor of its root (`BPF_TOKEN_CREATE`).
    ///
    /// # Errors
    /// `EBADF`: not open. `EINVAL`: not the root of a `bpf` file system. `EACCES`: no access. `EPERM`: it belongs to
    /// another user namespace, or not without `CAP_BPF` in it. `EOPNOTSUPP`: in the first user namespace. `ENOENT`: the
    /// file system delegates nothing.
    pub fn token_create(&mut self, bpffs: Fd) -> Result<Fd, Errno> {
        self.core.token_create(bpffs)
    }

    /// The token that an fd stands for.
    ///
    /// # Errors
    /// `EBADF`: it is not open. `EINVAL`: it stands for something else.
    pub fn token(&self, fd: Fd) -> Result<Token, Errno> {
        self.core.token(fd)
    }

    /// Opens a directory: for paths from there ([`Place::dir`]), and for [`Kernel::token_create`].
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`. `EMFILE`, `ENFILE`: too many are open.
    pub fn open_dir<'a>(&mut self, at: impl Into<Place<'a>>) -> Result<Fd, Errno> {
        let at = at.into();
        let from = self.core.start(at)?;
        let id = self.core.tree.find(&self.core.files.credentials(), from, at.path, true)?;
        self.core.tree.dir(id)?;
        self.core.room()?;
        self.core.tree.open(id);
        let object = self.core.objects.insert(Object::Dir(id));
        Ok(self.core.files.open_with(object, READ_ONLY))
    }
}

impl Core {
    pub(crate) fn token_create(&mut self, bpffs: Fd) -> Result<Fd, Errno> {
        let who = self.files.credentials();
        let Some(Object::Dir(id)) = self.objects.get(self.files.get(bpffs)?) else {
            return Err(Errno::EINVAL);
        };
        let system = self.tree.system(*id).filter(|it| it.root == *id);
        let bpf = system.and_then(|it| it.bpf).ok_or(Errno::EINVAL)?;
        // `MAY_ACCESS` asks for no bit.
        self.tree.permits(&who, *id, 0)?;
        if who.userns != bpf.owner || !who.has(Cap::Bpf) {
            return Err(Errno::EPERM);
        }
        if who.userns == UserNs::INITIAL {
            return Err(Errno::EOPNOTSUPP);
        }
        let token = bpf.options.delegate.token(bpf.owner).ok_or(Errno::ENOENT)?;
        self.room()?;
        let object = self.objects.insert(Object::Token(token));
        Ok(self.files.open(object))
    }

    /// # Errors
    /// `EBADF`: not open. `EINVAL`: something else.
    pub(crate) fn token(&self, fd: Fd) -> Result<Token, Errno> {
        match self.objects.get(self.files.get(fd)?) {
            Some(Object::Token(token)) => Ok(*token),
            _ => Err(Errno::EINVAL),
        }
    }

    /// The token that a command was given, if its flags say so.
    ///
    /// # Errors
    /// `EBADF`: not open. `EINVAL`: something else.
    pub(crate) fn token_of(&self, flags: u32, fd: Fd) -> Result<Option<Token>, Errno> {
        if flags & BPF_F_TOKEN_FD == 0 { Ok(None) } else { self.token(fd).map(Some) }
    }

    /// What the current process may do, with a token where it has one; `CAP_SYS_ADMIN` is all.
    pub(crate) fn token_caps(&self, token: Option<&Token>) -> Caps {
        let may = |cap| self.token_capable(token, cap);
        let [bpf, perfmon, net_admin, sys_admin] =
            [Cap::Bpf, Cap::Perfmon, Cap::NetAdmin, Cap::SysAdmin].map(may);
        Caps { bpf, perfmon, net_admin, sys_admin }
    }

    /// Whether the current process may do what a capability allows, with a token where it has one
    /// (`bpf_token_capable`).
    pub(crate) fn token_capable(&self, token: Option<&Token>, cap: Cap) -> bool {
        let who = self.files.credentials();
        who.userns == token.map_or(UserNs::INITIAL, |it| it.owner) && who.has(cap)
    }
}
