//! Directories, pins and tokens.

use crate::support::{kernel, kernel_with};
use skep_abi::attr::Cmd;
use skep_abi::flags::{BPF_F_RDONLY, BPF_F_WRONLY};
use skep_abi::{AttachType, Errno, MapType, ProgType};
use skep_kernel::{
    Caps, Config, Credentials, Fd, FileKind, Kernel, LinkCreate, MapSpec, Noun, PerfEventAttr, ProgLoad,
    UserNs,
};

fn array(kernel: &mut Kernel) -> Fd {
    kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 1)).unwrap()
}

fn prog(kernel: &mut Kernel) -> Fd {
    let insns = skep_isa::asm::assemble("r0 = 0\nexit").unwrap();
    kernel.prog_load(ProgLoad::new("p", ProgType::Xdp, insns)).unwrap()
}

#[test]
fn a_pin_keeps_an_object() {
    let mut kernel = kernel();
    let (map, prog) = (array(&mut kernel), prog(&mut kernel));
    let ids = (kernel.map_id(map).unwrap(), kernel.prog_id(prog).unwrap());
    kernel.mkdir("/sys/fs/bpf/dir", 0o755).unwrap();
    kernel.obj_pin(map, "/sys/fs/bpf/dir/map").unwrap();
    kernel.obj_pin(prog, "/sys/fs/bpf/prog").unwrap();
    kernel.close(map).unwrap();
    kernel.close(prog).unwrap();
    assert_eq!(kernel.open_files(), 0);
    let (map, prog) = (kernel.obj_get("/sys/fs/bpf/dir/map"), kernel.obj_get("/sys/fs/bpf/prog"));
    assert_eq!((kernel.map_id(map.unwrap()), kernel.prog_id(prog.unwrap())), (Ok(ids.0), Ok(ids.1)));
    kernel.close(map.unwrap()).unwrap();
    kernel.close(prog.unwrap()).unwrap();
    kernel.unlink("/sys/fs/bpf/dir/map").unwrap();
    assert_eq!(kernel.fd_by_id(Noun::Map, ids.0, 0), Err(Errno::ENOENT));
    // Another name keeps it as well as the first.
    kernel.link("/sys/fs/bpf/prog", "/sys/fs/bpf/dir/again").unwrap();
    kernel.unlink("/sys/fs/bpf/prog").unwrap();
    assert_eq!(kernel.next_id(Noun::Prog, 0), Ok(ids.1));
    kernel.umount("/sys/fs/bpf").unwrap();
    assert_eq!(kernel.next_id(Noun::Prog, 0), Err(Errno::ENOENT), "an end of all pins");
}

#[test]
fn a_pinned_prog_array_is_not_emptied() {
    let mut kernel = kernel();
    let table = kernel.map_create(&MapSpec::new(MapType::ProgArray, 4, 4, 1)).unwrap();
    let prog = prog(&mut kernel);
    kernel.map_update_elem(table, &[0; 4], &prog.0.to_le_bytes(), 0).unwrap();
    kernel.obj_pin(table, "/sys/fs/bpf/table").unwrap();
    kernel.close(table).unwrap();
    let table = kernel.obj_get("/sys/fs/bpf/table").unwrap();
    let id = kernel.prog_id(prog).unwrap();
    assert_eq!(kernel.map_lookup_elem(table, &[0; 4]), Ok(id.to_le_bytes().to_vec()));
    kernel.close(prog).unwrap();
    kernel.unlink("/sys/fs/bpf/table").unwrap();
    assert_eq!(kernel.next_id(Noun::Prog, 0), Ok(id));
    kernel.close(table).unwrap();
    assert_eq!(kernel.next_id(Noun::Prog, 0), Err(Errno::ENOENT));
}

#[test]
fn what_can_be_pinned_and_where() {
    let mut kernel = kernel();
    let map = array(&mut kernel);
    let event = kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).unwrap();
    for fd in [event, Fd(-1), Fd(77)] {
        assert_eq!(kernel.obj_pin(fd, "/sys/fs/bpf/x"), Err(Errno::EINVAL), "{fd}");
    }
    let long = format!("/sys/fs/bpf/{}", "n".repeat(256));
    let longer = format!("/sys/fs/bpf/{}x", "./".repeat(2048));
    let cases = [
        ("/tmp/x", Errno::EPERM),
        ("/x", Errno::EPERM),
        ("/sys/fs/bpf/a.b", Errno::EPERM),
        ("/sys/fs/bpf/.", Errno::EEXIST),
        ("/sys/fs/bpf/..", Errno::EEXIST),
        ("/sys/fs/bpf/", Errno::EEXIST),
        ("/sys/fs/bpf", Errno::EEXIST),
        ("/", Errno::EEXIST),
        ("/sys/fs/bpf/none/x", Errno::ENOENT),
        ("/sys/fs/bpf/x/", Errno::ENOENT),
        ("/sys/fs/bpf/map/x", Errno::ENOTDIR),
        ("/sys/fs/bpf/map", Errno::EEXIST),
        ("/sys/fs/bpf/map/", Errno::EEXIST),
        ("", Errno::ENOENT),
        (long.as_str(), Errno::ENAMETOOLONG),
        (longer.as_str(), Errno::ENAMETOOLONG),
    ];
    kernel.obj_pin(map, "/sys/fs/bpf/map").unwrap();
    for (path, errno) in cases {
        assert_eq!(kernel.obj_pin(map, path), Err(errno), "{path:.40}");
    }
    kernel.obj_pin(map, "sys/./fs//bpf/../bpf/y").unwrap();
    assert_eq!(kernel.read_dir("/sys/fs/bpf").unwrap(), ["map", "y"]);
}

#[test]
fn getting_what_is_pinned() {
    let mut kernel = kernel();
    let (map, prog) = (array(&mut kernel), prog(&mut kernel));
    kernel.obj_pin(map, "/sys/fs/bpf/map").unwrap();
    kernel.obj_pin(prog, "/sys/fs/bpf/prog").unwrap();
    kernel.mkdir("/sys/fs/bpf/d", 0o700).unwrap();
    kernel.symlink("../map", "/sys/fs/bpf/d/l").unwrap();
    kernel.symlink("loop", "/sys/fs/bpf/loop").unwrap();
    kernel.symlink("nowhere", "/sys/fs/bpf/dangling").unwrap();
    let cases = [
        ("/sys/fs/bpf", Errno::EACCES),
        ("/tmp", Errno::EACCES),
        ("/sys/fs/bpf/none", Errno::ENOENT),
        ("/sys/fs/bpf/no.ne", Errno::EPERM),
        ("/tmp/no.ne", Errno::ENOENT),
        ("/sys/fs/bpf/map/", Errno::ENOTDIR),
        ("/sys/fs/bpf/map/x", Errno::ENOTDIR),
        ("/sys/fs/bpf/loop", Errno::ELOOP),
        ("/sys/fs/bpf/dangling", Errno::ENOENT),
        ("", Errno::ENOENT),
    ];
    for (path, errno) in cases {
        assert_eq!(kernel.obj_get(path), Err(errno), "{path}");
    }
    let through = kernel.obj_get("/sys/fs/bpf/d/l").unwrap();
    assert_eq!(kernel.map_id(through), kernel.map_id(map));
    let reader = kernel.obj_get_with("/sys/fs/bpf/map", BPF_F_RDONLY).unwrap();
    assert_eq!(kernel.map_update_elem(reader, &[0; 4], &[0; 8], 0), Err(Errno::EPERM));
    assert_eq!(kernel.obj_get_with("/sys/fs/bpf/map", BPF_F_RDONLY | BPF_F_WRONLY), Err(Errno::EINVAL));
    assert_eq!(kernel.obj_get_with("/sys/fs/bpf/map", 1), Err(Errno::EINVAL));
    // A program's file takes either, and is what it is.
    assert!(kernel.obj_get_with("/sys/fs/bpf/prog", BPF_F_RDONLY).is_ok());
    let stat = kernel.stat("/sys/fs/bpf/d/l").unwrap();
    assert_eq!((stat.kind, stat.mode, stat.bpffs), (FileKind::Pinned(Noun::Map), 0o600, true));
    assert_eq!(kernel.lstat("/sys/fs/bpf/d/l").unwrap().kind, FileKind::Symlink);
    assert!(!kernel.stat("/tmp").unwrap().bpffs);
}

#[test]
fn paths_from_a_directory() {
    let mut kernel = kernel();
    let map = array(&mut kernel);
    kernel.mkdir("/sys/fs/bpf/d", 0o755).unwrap();
    let dir = kernel.open_dir("/sys/fs/bpf/d").unwrap();
    kernel.obj_pin(map, (dir, "map")).unwrap();
    assert!(kernel.obj_get((dir, "map")).is_ok());
    assert!(kernel.obj_get((dir, "/sys/fs/bpf/d/map")).is_ok(), "from the root all the same");
    assert!(kernel.obj_get((Fd(99), "/sys/fs/bpf/d/map")).is_ok());
    assert_eq!(kernel.obj_get((Fd(99), "map")), Err(Errno::EBADF));
    assert_eq!(kernel.obj_get((map, "map")), Err(Errno::ENOTDIR));
    kernel.rename("/sys/fs/bpf/d", "/sys/fs/bpf/e").unwrap();
    assert!(kernel.obj_get((dir, "../e/map")).is_ok(), "it is the same directory");
    kernel.unlink((dir, "map")).unwrap();
    kernel.rmdir("/sys/fs/bpf/e").unwrap();
    assert_eq!(kernel.obj_pin(map, (dir, "map")), Err(Errno::ENOENT), "it is gone");
    assert_eq!(kernel.open_dir("/sys/fs/bpf/e"), Err(Errno::ENOENT));
    let before = kernel.file_count();
    kernel.close(dir).unwrap();
    assert_eq!(kernel.file_count(), before - 1);
}

#[test]
fn directories() {
    let mut kernel = kernel();
    let map = array(&mut kernel);
    let at = |name: &str| format!("/sys/fs/bpf/{name}");
    kernel.mkdir(&at("a"), 0o777).unwrap();
    assert_eq!(kernel.stat(&at("a")).unwrap().mode, 0o755, "less what umask says");
    kernel.mkdir(&at("a/b/"), 0o777).unwrap();
    kernel.obj_pin(map, &at("a/m")).unwrap();
    let mkdir =
        [("a", Errno::EEXIST), ("a/m", Errno::EEXIST), ("x.y", Errno::EPERM), ("a/m/x", Errno::ENOTDIR)];
    for (path, errno) in mkdir {
        assert_eq!(kernel.mkdir(&at(path), 0o777), Err(errno), "mkdir {path}");
    }
    let rmdir = [
        ("a", Errno::ENOTEMPTY),
        ("a/m", Errno::ENOTDIR),
        ("a/.", Errno::EINVAL),
        ("a/..", Errno::ENOTEMPTY),
        ("none", Errno::ENOENT),
        ("../bpf", Errno::EBUSY),
    ];
    for (path, errno) in rmdir {
        assert_eq!(kernel.rmdir(&at(path)), Err(errno), "rmdir {path}");
    }
    assert_eq!(kernel.rmdir("/"), Err(Errno::EBUSY));
    let unlink = [
        ("a", Errno::EISDIR),
        ("a/b/.", Errno::EISDIR),
        ("a/m/", Errno::ENOTDIR),
        ("a/b/", Errno::EISDIR),
        ("none", Errno::ENOENT),
        ("no.ne", Errno::EPERM),
    ];
    for (path, errno) in unlink {
        assert_eq!(kernel.unlink(&at(path)), Err(errno), "unlink {path}");
    }
    let rename = [
        ("a", "a/b/c", Errno::EINVAL),
        ("a/b", "a", Errno::ENOTEMPTY),
        ("a/m", "a/b", Errno::EISDIR),
        ("a/b", "a/m", Errno::ENOTDIR),
        ("a/m", "a/n/", Errno::ENOTDIR),
        ("a/m", "a/n.n", Errno::EPERM),
        ("a/m", "../../../tmp/m", Errno::EXDEV),
        ("a/m", "a/..", Errno::EBUSY),
        ("none", "a/n", Errno::ENOENT),
    ];
    for (old, new, errno) in rename {
        assert_eq!(kernel.rename(&at(old), &at(new)), Err(errno), "rename {old} {new}");
    }
    kernel.rename(&at("a/m"), &at("a/m")).unwrap();
    kernel.rename(&at("a/m"), &at("a/b/n")).unwrap();
    kernel.rename(&at("a/b"), &at("c")).unwrap();
    assert_eq!(kernel.read_dir("/sys/fs/bpf").unwrap(), ["a", "c"]);
    assert_eq!(kernel.read_dir(&at("c/../c")).unwrap(), ["n"]);
    assert_eq!(kernel.link(&at("c"), &at("d")), Err(Errno::EPERM));
    assert_eq!(kernel.link(&at("c/n"), "/tmp/n"), Err(Errno::EXDEV));
}

#[test]
fn a_name_that_is_taken_over_unpins() {
    let mut kernel = kernel();
    let maps = [array(&mut kernel), array(&mut kernel)];
    kernel.obj_pin(maps[0], "/sys/fs/bpf/old").unwrap();
    kernel.obj_pin(maps[1], "/sys/fs/bpf/new").unwrap();
    maps.iter().for_each(|it| kernel.close(*it).unwrap());
    kernel.rename("/sys/fs/bpf/old", "/sys/fs/bpf/new").unwrap();
    assert_eq!([kernel.next_id(Noun::Map, 0), kernel.next_id(Noun::Map, 1)], [Ok(1), Err(Errno::ENOENT)]);
}

#[test]
fn opening_files() {
    let btf = skep_kernel::vmlinux::bundled();
    let id = btf.vmlinux.find(skep_btf::Kind::Func, "bpf_iter_bpf_map").unwrap().0;
    let mut kernel = kernel_with(Config { btf: Some(btf), ..Config::default() });
    let insns = skep_isa::asm::assemble("r0 = 0\nexit").unwrap();
    let load = ProgLoad {
        expected_attach_type: AttachType::TraceIter.to_u32(),
        attach_btf_id: id,
        ..ProgLoad::new("dump", ProgType::Tracing, insns)
    };
    let iter = kernel.prog_load(load).unwrap();
    let iter = kernel.link_create(&LinkCreate::new(iter, AttachType::TraceIter)).unwrap();
    kernel.obj_pin(iter, "/sys/fs/bpf/iter").unwrap();
    let run = kernel.open_file("/sys/fs/bpf/iter").unwrap();
    assert_eq!(kernel.id_of(run), Err(Errno::EINVAL), "the run, not the link");
    assert!(kernel.open_file("/sys/fs/bpf").is_ok());
    assert_eq!(kernel.open_file("/sys/fs/bpf/none"), Err(Errno::ENOENT));
    kernel.set_credentials(Credentials::user(1000));
    assert_eq!(kernel.open_file("/sys/fs/bpf/iter"), Err(Errno::EACCES));
}

#[test]
fn most_pins_are_not_for_reading() {
    let mut kernel = kernel();
    let insns = skep_isa::asm::assemble("r0 = 0\nexit").unwrap();
    let other = kernel.prog_load(ProgLoad::new("p", ProgType::RawTracepoint, insns)).unwrap();
    let other = kernel.raw_tracepoint_open(other, Some("sys_enter"), 0).unwrap();
    let map = array(&mut kernel);
    for (fd, name) in [(other, "/sys/fs/bpf/link"), (map, "/sys/fs/bpf/map")] {
        kernel.obj_pin(fd, name).unwrap();
        assert_eq!(kernel.open_file(name), Err(Errno::EIO), "{name}");
    }
}

#[test]
fn permissions() {
    let mut kernel = kernel();
    let map = array(&mut kernel);
    kernel.obj_pin(map, "/sys/fs/bpf/roots").unwrap();
    kernel.mkdir("/sys/fs/bpf/closed", 0o700).unwrap();
    kernel.obj_pin(map, "/sys/fs/bpf/closed/map").unwrap();
    kernel.mkdir("/sys/fs/bpf/read", 0o755).unwrap();
    kernel.set_credentials(Credentials::user(1000));
    assert_eq!(kernel.obj_get("/sys/fs/bpf/roots"), Err(Errno::EACCES));
    assert_eq!(kernel.obj_get("/sys/fs/bpf/closed/map"), Err(Errno::EACCES));
    assert_eq!(kernel.read_dir("/sys/fs/bpf/closed"), Err(Errno::EACCES));
    assert_eq!(kernel.obj_pin(map, "/sys/fs/bpf/read/map"), Err(Errno::EACCES));
    assert_eq!(kernel.unlink("/sys/fs/bpf/roots"), Err(Errno::EPERM), "the root is sticky");
    assert_eq!(kernel.rename("/sys/fs/bpf/roots", "/sys/fs/bpf/mine"), Err(Errno::EPERM));
    kernel.set_umask(0o277);
    kernel.obj_pin(map, "/sys/fs/bpf/mine").unwrap();
    let stat = kernel.stat("/sys/fs/bpf/mine").unwrap();
    assert_eq!((stat.mode, stat.uid, stat.gid), (0o400, 1000, 1000));
    assert_eq!(kernel.obj_get("/sys/fs/bpf/mine"), Err(Errno::EACCES), "not to write");
    assert!(kernel.obj_get_with("/sys/fs/bpf/mine", BPF_F_RDONLY).is_ok());
    assert_eq!(kernel.mount_bpffs("/tmp", ""), Err(Errno::EPERM));
    kernel.unlink("/sys/fs/bpf/mine").unwrap();
}

#[test]
fn mounts() {
    let mut kernel = kernel();
    let map = array(&mut kernel);
    assert_eq!(kernel.mount_bpffs("/none", ""), Err(Errno::ENOENT));
    kernel.mkdir("/tmp/m.1", 0o755).unwrap();
    kernel.mount_bpffs("/tmp/m.1", "mode=0750,uid=5,gid=6").unwrap();
    let stat = kernel.stat("/tmp/m.1").unwrap();
    assert_eq!((stat.mode, stat.uid, stat.gid, stat.bpffs), (0o1750, 5, 6, true));
    kernel.obj_pin(map, "/tmp/m.1/map").unwrap();
    assert_eq!(kernel.rename("/tmp/m.1/map", "/sys/fs/bpf/map"), Err(Errno::EXDEV));
    assert_eq!(kernel.rmdir("/tmp/m.1"), Err(Errno::EBUSY));
    // What is mounted over a mount hides it.
    kernel.mount_bpffs("/tmp/m.1", "").unwrap();
    assert_eq!(kernel.obj_get("/tmp/m.1/map"), Err(Errno::ENOENT));
    let dir = kernel.open_dir("/tmp/m.1").unwrap();
    assert_eq!(kernel.umount("/tmp/m.1"), Err(Errno::EBUSY));
    kernel.close(dir).unwrap();
    kernel.umount("/tmp/m.1").unwrap();
    assert!(kernel.obj_get("/tmp/m.1/../m.1/map").is_ok());
    kernel.umount("/tmp/m.1").unwrap();
    kernel.rmdir("/tmp/m.1").unwrap();
    assert_eq!(kernel.umount("/tmp"), Err(Errno::EINVAL));
    assert_eq!(kernel.umount("/"), Err(Errno::EINVAL));
}

#[test]
fn tokens() {
    let mut kernel = kernel();
    let root = kernel.open_dir("/sys/fs/bpf").unwrap();
    let map = array(&mut kernel);
    assert_eq!(kernel.token_create(root), Err(Errno::EOPNOTSUPP), "in the first user namespace");
    assert_eq!(kernel.token_create(map), Err(Errno::EINVAL));
    assert_eq!(kernel.token_create(Fd(99)), Err(Errno::EBADF));
    // A container's process, and its privileged parent that delegates.
    let child = kernel.fork().unwrap();
    kernel.switch_process(child).unwrap();
    let userns = kernel.unshare_user();
    assert_ne!(userns, UserNs::INITIAL);
    assert_eq!(kernel.next_id(Noun::Map, 0), Err(Errno::EPERM), "capabilities do not count outside");
    assert_eq!(kernel.token_create(root), Err(Errno::EPERM), "not its file system");
    kernel.mkdir("/tmp/c", 0o755).unwrap();
    assert_eq!(kernel.mount_bpffs("/tmp/c", "delegate_maps=any"), Err(Errno::EPERM));
    kernel.mount_bpffs("/tmp/c", "").unwrap();
    let empty = kernel.open_dir("/tmp/c").unwrap();
    assert_eq!(kernel.token_create(empty), Err(Errno::ENOENT), "nothing is delegated");
    kernel.switch_process(skep_kernel::Process::FIRST).unwrap();
    let options = "delegate_cmds=map_create:btf_get_fd_by_id,delegate_maps=ringbuf,delegate_progs=xdp,delegate_attachs=any";
    kernel.mkdir("/tmp/d", 0o755).unwrap();
    kernel.mount_bpffs_for(userns, "/tmp/d", options).unwrap();
    kernel.mkdir("/tmp/d/sub", 0o755).unwrap();
    kernel.switch_process(child).unwrap();
    let dirs = [kernel.open_dir("/tmp/d").unwrap(), kernel.open_dir("/tmp/d/sub").unwrap()];
    assert_eq!(kernel.token_create(dirs[1]), Err(Errno::EINVAL), "not the root");
    let fd = kernel.token_create(dirs[0]).unwrap();
    let token = kernel.token(fd).unwrap();
    assert!(token.allows_cmd(Cmd::MapCreate) && !token.allows_cmd(Cmd::ProgLoad));
    assert!(token.allows_map(MapType::Ringbuf) && !token.allows_map(MapType::Array));
    assert!(token.allows_prog(ProgType::Xdp, 37) && !token.allows_prog(ProgType::Kprobe, 0));
    assert!(!token.allows_prog(ProgType::Xdp, 63), "no attach type");
    assert_eq!(kernel.token(dirs[0]), Err(Errno::EINVAL));
    let credentials = Credentials { caps: Caps::NONE, ..kernel.credentials() };
    kernel.set_credentials(credentials);
    assert_eq!(kernel.token_create(dirs[0]), Err(Errno::EPERM));
}
