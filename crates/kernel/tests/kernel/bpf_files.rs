//! Pins, tokens and ids through `bpf(2)`: what Linux 6.18.44 answers to the same attributes.

use crate::bpf_call::{Attr, Caller};
use skep_abi::attr::{Cmd, get_id, map_create, obj, token_create};
use skep_abi::flags::{BPF_F_PATH_FD, BPF_F_RDONLY, BPF_F_TOKEN_FD, BPF_F_WRONLY};
use skep_abi::{Errno, MapType};
use skep_kernel::{Caps, Credentials, Fd, Noun};

const PATH_FD: u64 = BPF_F_PATH_FD as u64;
const BOTH: u64 = (BPF_F_RDONLY | BPF_F_WRONLY) as u64;
const RDONLY: u64 = BPF_F_RDONLY as u64;
/// An address that is nowhere.
const BAD: u64 = 8;

impl Caller {
    fn hash(&mut self) -> Fd {
        let fields = [
            (&map_create::map_type, MapType::Hash.to_u32().into()),
            (&map_create::key_size, 4),
            (&map_create::value_size, 8),
            (&map_create::max_entries, 1),
        ];
        Fd(self.ask(Cmd::MapCreate, &fields).unwrap())
    }

    fn path(&mut self, path: &str) -> u64 {
        self.put(format!("{path}\0").as_bytes())
    }

    /// `BPF_OBJ_PIN`, `BPF_OBJ_GET`.
    fn obj(&mut self, cmd: Cmd, pathname: u64, bpf_fd: i32, flags: u64, path_fd: i32) -> Result<i32, Errno> {
        let fields = [
            (&obj::pathname, pathname),
            (&obj::bpf_fd, bpf_fd as u32 as u64),
            (&obj::file_flags, flags),
            (&obj::path_fd, path_fd as u32 as u64),
        ];
        self.ask(cmd, &fields)
    }
}

#[test]
fn pins() {
    let mut caller = Caller::new();
    let map = caller.hash();
    caller.kernel.mkdir("/sys/fs/bpf/d", 0o755).unwrap();
    let tmp = caller.kernel.open_dir("/tmp").unwrap();
    let dir = caller.kernel.open_dir("/sys/fs/bpf/d").unwrap();
    let (m, t) = (map.0, tmp.0);
    let long = "a/".repeat(2048);
    let name = format!("/{}", "n".repeat(256));
    // Path, fd, flags, directory.
    let cases: &[(&str, i32, u64, i32, Errno)] = &[
        ("/tmp/zz", m, 0, 0, Errno::EPERM),
        ("/tmp", m, 0, 0, Errno::EEXIST),
        ("/tmp/zz", 99, 0, 0, Errno::EINVAL),
        ("/tmp/zz", m, RDONLY, 0, Errno::EINVAL),
        ("/tmp/zz", m, 0, 3, Errno::EINVAL),
        ("zz", m, PATH_FD, 99, Errno::EBADF),
        ("zz", m, PATH_FD, m, Errno::ENOTDIR),
        ("/tmp/zz", m, PATH_FD, 99, Errno::EPERM),
        ("zz", m, PATH_FD, t, Errno::EPERM),
        ("zz", m, PATH_FD, -100, Errno::EPERM),
        ("", m, 0, 0, Errno::ENOENT),
        ("", m, PATH_FD, 99, Errno::ENOENT),
        (long.as_str(), m, 0, 0, Errno::ENAMETOOLONG),
        (name.as_str(), m, 0, 0, Errno::ENAMETOOLONG),
        ("/tmp/zz/", m, 0, 0, Errno::ENOENT),
        ("/tmp/nodir/y", m, 0, 0, Errno::ENOENT),
        ("/tmp/z.z", m, 0, 0, Errno::EPERM),
    ];
    for &(path, fd, flags, dir, errno) in cases {
        let addr = caller.path(path);
        assert_eq!(
            caller.obj(Cmd::ObjPin, addr, fd, flags, dir),
            Err(errno),
            "{path:.20} {fd} {flags} {dir}"
        );
    }
    assert_eq!(caller.obj(Cmd::ObjPin, BAD, m, 0, 0), Err(Errno::EFAULT));
    assert_eq!(caller.obj(Cmd::ObjPin, BAD, 99, 0, 0), Err(Errno::EINVAL), "the object comes first");
    let addr = caller.path("pin");
    assert_eq!(caller.obj(Cmd::ObjPin, addr, m, PATH_FD, dir.0), Ok(0));
    assert_eq!(caller.kernel.read_dir("/sys/fs/bpf/d").unwrap(), ["pin"]);
    let got = Fd(caller.obj(Cmd::ObjGet, addr, 0, PATH_FD, dir.0).unwrap());
    assert_eq!(caller.kernel.id_of(got), caller.kernel.id_of(map));
}

#[test]
fn gets() {
    let mut caller = Caller::new();
    let m = caller.hash().0;
    let t = caller.kernel.open_dir("/tmp").unwrap().0;
    let cases: &[(&str, i32, u64, i32, Errno)] = &[
        ("/tmp", 0, 0, 0, Errno::EACCES),
        ("/tmp/none", 0, 0, 0, Errno::ENOENT),
        ("/tmp", 5, 0, 0, Errno::EINVAL),
        ("/tmp", 0, BOTH, 0, Errno::EINVAL),
        ("", 0, 0, 0, Errno::ENOENT),
        ("/tmp", 0, 1, 0, Errno::EINVAL),
        ("/tmp", 0, RDONLY, 0, Errno::EACCES),
        ("tmp", 0, PATH_FD, 99, Errno::EBADF),
        ("", 0, PATH_FD, 99, Errno::ENOENT),
        ("x", 0, PATH_FD, t, Errno::ENOENT),
        ("x", 0, PATH_FD, m, Errno::ENOTDIR),
    ];
    for &(path, fd, flags, dir, errno) in cases {
        let addr = caller.path(path);
        assert_eq!(
            caller.obj(Cmd::ObjGet, addr, fd, flags, dir),
            Err(errno),
            "{path:.20} {fd} {flags} {dir}"
        );
    }
    assert_eq!(caller.obj(Cmd::ObjGet, BAD, 0, 0, 0), Err(Errno::EFAULT));
    assert_eq!(caller.obj(Cmd::ObjGet, BAD, 0, BOTH, 0), Err(Errno::EINVAL), "flags come first");
}

#[test]
fn ids() {
    let mut caller = Caller::typed();
    let map = caller.hash();
    let prog = caller.load(1, "r0 = 0\nexit");
    let next = [
        (Cmd::ProgGetNextId, Noun::Prog),
        (Cmd::MapGetNextId, Noun::Map),
        (Cmd::BtfGetNextId, Noun::Btf),
        (Cmd::LinkGetNextId, Noun::Link),
    ];
    for (cmd, noun) in next {
        let mut attr = Attr::new(&[(&get_id::start_id, 0)]);
        let result = caller.call(cmd, &mut attr);
        match caller.kernel.next_id(noun, 0) {
            Ok(id) => assert_eq!((result, attr.get(&get_id::next_id)), (Ok(0), id.into())),
            Err(errno) => assert_eq!((result, attr.get(&get_id::next_id)), (Err(errno), 0)),
        }
        for (start, errno) in
            [(0x7fff_ffff, Errno::EINVAL), (0x7fff_fffe, Errno::ENOENT), (0xffff_ffff, Errno::EINVAL)]
        {
            assert_eq!(caller.ask(cmd, &[(&get_id::start_id, start)]), Err(errno), "{cmd:?} {start}");
        }
        assert_eq!(caller.ask(cmd, &[(&get_id::open_flags, 1)]), Err(Errno::EINVAL));
    }
    // What each command knows of the attributes behind the id: next_id, open_flags, a token.
    let (i, n) = (Errno::EINVAL, Errno::ENOENT);
    let known = [
        (Cmd::ProgGetFdById, [n, i, i, i, i]),
        (Cmd::MapGetFdById, [n, n, n, i, i]),
        (Cmd::BtfGetFdById, [n, n, i, i, n]),
        (Cmd::LinkGetFdById, [n, i, i, i, i]),
    ];
    for (cmd, expected) in known {
        let fields = [
            (&get_id::next_id, 0),
            (&get_id::next_id, 5),
            (&get_id::open_flags, RDONLY),
            (&get_id::open_flags, BOTH),
            (&get_id::fd_by_id_token_fd, 7),
        ];
        let answers = fields.map(|field| caller.ask(cmd, &[(&get_id::start_id, 0), field]).unwrap_err());
        assert_eq!(answers, expected, "{cmd:?}");
        assert_eq!(caller.ask(cmd, &[(&get_id::start_id, 0x7fff_ffff)]), Err(Errno::ENOENT));
    }
    for (cmd, fd) in [(Cmd::MapGetFdById, map), (Cmd::ProgGetFdById, prog)] {
        let id = caller.kernel.id_of(fd).unwrap();
        let other = Fd(caller.ask(cmd, &[(&get_id::start_id, id.into())]).unwrap());
        assert_eq!(caller.kernel.id_of(other), Ok(id));
    }
    let types = Fd(caller.ask(Cmd::BtfGetFdById, &[(&get_id::btf_id, 1)]).unwrap());
    assert_eq!(&*caller.kernel.btf_info(types).unwrap().name, "vmlinux");
    let token = [(&get_id::btf_id, 1), (&get_id::open_flags, BPF_F_TOKEN_FD.into())];
    let with = |fd: Fd| [token[0], token[1], (&get_id::fd_by_id_token_fd, fd.0 as u64)];
    assert_eq!(caller.ask(Cmd::BtfGetFdById, &with(map)), Err(Errno::EINVAL));
    assert_eq!(caller.ask(Cmd::BtfGetFdById, &with(Fd(99))), Err(Errno::EBADF));
    caller.kernel.set_credentials(Credentials { caps: Caps::NONE, ..Credentials::ROOT });
    for (cmd, _) in next {
        assert_eq!(caller.ask(cmd, &[]), Err(Errno::EPERM));
    }
    for (cmd, _) in known {
        assert_eq!(caller.ask(cmd, &[(&get_id::start_id, 1)]), Err(Errno::EPERM));
    }
}

#[test]
fn tokens() {
    let mut caller = Caller::typed();
    let map = caller.hash();
    let create = |flags, fd: Fd| [(&token_create::flags, flags), (&token_create::bpffs_fd, fd.0 as u64)];
    assert_eq!(caller.ask(Cmd::TokenCreate, &create(1, Fd(99))), Err(Errno::EINVAL));
    assert_eq!(caller.ask(Cmd::TokenCreate, &create(0, Fd(99))), Err(Errno::EBADF));
    assert_eq!(caller.ask(Cmd::TokenCreate, &create(0, map)), Err(Errno::EINVAL));
    let userns = caller.kernel.unshare_user();
    caller.kernel.set_credentials(Credentials::ROOT);
    caller.kernel.mkdir("/tmp/t", 0o755).unwrap();
    caller.kernel.mount_bpffs_for(userns, "/tmp/t", "delegate_cmds=btf_get_fd_by_id").unwrap();
    caller.kernel.set_credentials(Credentials { userns, ..Credentials::ROOT });
    let root = caller.kernel.open_dir("/tmp/t").unwrap();
    let token = caller.ask(Cmd::TokenCreate, &create(0, root)).unwrap();
    // In its user namespace, capabilities count with the token alone.
    let types = [(&get_id::btf_id, 1)];
    assert_eq!(caller.ask(Cmd::BtfGetFdById, &types), Err(Errno::EPERM));
    let with =
        [types[0], (&get_id::open_flags, BPF_F_TOKEN_FD.into()), (&get_id::fd_by_id_token_fd, token as u64)];
    assert!(caller.ask(Cmd::BtfGetFdById, &with).is_ok());
}

/// A process in a user namespace of its own, and a token of a file system that delegates this.
fn contained(options: &str) -> (Caller, u64) {
    let mut caller = Caller::typed();
    let userns = caller.kernel.unshare_user();
    caller.kernel.set_credentials(Credentials::ROOT);
    caller.kernel.mkdir("/tmp/t", 0o755).unwrap();
    caller.kernel.mount_bpffs_for(userns, "/tmp/t", options).unwrap();
    caller.kernel.set_credentials(Credentials { userns, ..Credentials::ROOT });
    let root = caller.kernel.open_dir("/tmp/t").unwrap();
    let token = caller.kernel.token_create(root).unwrap();
    (caller, token.0 as u64)
}

#[test]
fn maps_with_tokens() {
    let (mut caller, token) = contained("delegate_cmds=map_create,delegate_maps=array:devmap");
    let mut create = |kind: MapType, flags: u32, token: u64| {
        let fields = [
            (&map_create::map_type, kind.to_u32().into()),
            (&map_create::key_size, 4),
            (&map_create::value_size, 4),
            (&map_create::max_entries, 1),
            (&map_create::map_flags, flags.into()),
            (&map_create::map_token_fd, token),
        ];
        caller.ask(Cmd::MapCreate, &fields).map(drop)
    };
    assert_eq!(create(MapType::Array, 0, 0), Err(Errno::EPERM));
    assert_eq!(create(MapType::Array, BPF_F_TOKEN_FD, token), Ok(()));
    assert_eq!(create(MapType::Devmap, BPF_F_TOKEN_FD, token), Ok(()));
    assert_eq!(create(MapType::Hash, BPF_F_TOKEN_FD, token), Err(Errno::EPERM), "not that type");
    assert_eq!(create(MapType::Array, BPF_F_TOKEN_FD, 99), Err(Errno::EBADF));
    assert_eq!(create(MapType::Array, BPF_F_TOKEN_FD, 3), Err(Errno::EINVAL), "a directory");
}

#[test]
fn programs_with_tokens() {
    use skep_abi::attr::prog_load as field;
    let (mut caller, token) =
        contained("delegate_cmds=prog_load,delegate_progs=xdp:socket_filter,delegate_attachs=xdp:0x1");
    let insns = crate::support::asm("r0 = 0\nexit");
    let mut load = |kind: u32, flags: u32, attach: u32| {
        let attr = caller.load_attr(kind, &insns);
        let attr = attr.with(&field::prog_flags, flags.into()).with(&field::prog_token_fd, token);
        caller.call(Cmd::ProgLoad, &mut attr.with(&field::expected_attach_type, attach.into())).map(drop)
    };
    let xdp = skep_abi::AttachType::Xdp.to_u32();
    assert_eq!(load(6, BPF_F_TOKEN_FD, xdp), Err(Errno::EPERM), "a number takes the place of names");
    assert_eq!(load(1, BPF_F_TOKEN_FD, 0), Ok(()));
    assert_eq!(load(3, BPF_F_TOKEN_FD, 0), Err(Errno::EPERM), "not that type");
    let (mut caller, token) = contained("delegate_cmds=btf_load");
    let fields = [
        (&skep_abi::attr::btf_load::btf_flags, BPF_F_TOKEN_FD.into()),
        (&skep_abi::attr::btf_load::btf_token_fd, token),
    ];
    assert_eq!(caller.ask(Cmd::BtfLoad, &[]), Err(Errno::EPERM));
    assert_ne!(caller.ask(Cmd::BtfLoad, &fields), Err(Errno::EPERM));
}
