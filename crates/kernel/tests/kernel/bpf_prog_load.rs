//! `BPF_PROG_LOAD` and `BPF_BTF_LOAD` by their attributes.

use super::bpf_call::{Attr, Caller};
use super::support::asm;
use expect_test::expect;
use skep_abi::attr::{Cmd, btf_load, prog_load as field};
use skep_abi::ctx::Field;
use skep_abi::{Errno, MapType, ProgType};
use skep_btf::{BtfBuilder, Func, FuncProto, IntEncoding, Linkage};
use skep_kernel::{Credentials, Fd, MapSpec, Verdict};

const SOCKET_FILTER: u32 = ProgType::SocketFilter as u32;

/// Attributes that are different.
type Changed<'a> = &'a [(&'a Field, u64)];

/// What a program comes to with these attributes changed.
fn with(fields: &[(&Field, u64)]) -> Result<i32, Errno> {
    let mut caller = Caller::typed();
    let mut attr = caller.load_attr(SOCKET_FILTER, &asm("r0 = 0\nexit"));
    for (field, value) in fields {
        attr = attr.with(field, *value);
    }
    caller.call(Cmd::ProgLoad, &mut attr)
}

#[test]
fn a_program_is_verified_and_loaded() {
    let mut caller = Caller::new();
    let fd = caller.load(SOCKET_FILTER, "r0 = 7\nexit");
    let info = caller.kernel.prog_info(fd).unwrap();
    assert!(matches!(info.verdict, Verdict::Accepted { .. }), "{:?}", info.verdict);
    assert_eq!((info.prog_type, info.gpl_compatible), (ProgType::SocketFilter, true));
}

#[test]
fn attributes_that_are_refused() {
    let cases: &[(&str, Changed<'_>, Result<i32, Errno>)] = &[
        ("as it is", &[], Ok(3)),
        ("a flag that there is none of", &[(&field::prog_flags, 1 << 30)], Err(Errno::EINVAL)),
        ("no type", &[(&field::prog_type, 0)], Err(Errno::EINVAL)),
        ("a type that there is none of", &[(&field::prog_type, 99)], Err(Errno::EINVAL)),
        ("no instructions", &[(&field::insn_cnt, 0)], Err(Errno::E2BIG)),
        ("too many", &[(&field::insn_cnt, 1_000_001)], Err(Errno::E2BIG)),
        ("more than there are", &[(&field::insn_cnt, 1_000)], Err(Errno::EFAULT)),
        ("instructions nowhere", &[(&field::insns, 8)], Err(Errno::EFAULT)),
        ("a license nowhere", &[(&field::license, 0)], Err(Errno::EFAULT)),
        ("a level without a buffer", &[(&field::log_level, 1)], Ok(3)),
        (
            "a buffer without a level",
            &[(&field::log_buf, 0x1_0000), (&field::log_size, 128)],
            Err(Errno::EINVAL),
        ),
        ("a level too many", &[(&field::log_level, 16)], Err(Errno::EINVAL)),
        (
            "a name with a space",
            &[(&field::prog_name, u64::from_le_bytes(*b"a b\0\0\0\0\0"))],
            Err(Errno::EINVAL),
        ),
        ("an attach type of another", &[(&field::expected_attach_type, 3)], Ok(3)),
        ("a type to attach to", &[(&field::attach_btf_id, 1)], Err(Errno::EINVAL)),
        ("attached to nothing", &[(&field::attach_prog_fd, 77)], Err(Errno::EINVAL)),
        ("a device", &[(&field::prog_ifindex, 1)], Err(Errno::EINVAL)),
        (
            "a device of a program that can be on one",
            &[(&field::prog_type, 6), (&field::prog_ifindex, 1)],
            Err(Errno::EOPNOTSUPP),
        ),
        (
            "a device that there is none of",
            &[(&field::prog_type, 6), (&field::prog_ifindex, 1234)],
            Err(Errno::EINVAL),
        ),
        ("a token", &[(&field::prog_flags, 1 << 16), (&field::prog_token_fd, 99)], Err(Errno::EBADF)),
        ("types nowhere", &[(&field::prog_btf_fd, 99)], Ok(3)),
        (
            "functions without types",
            &[(&field::func_info_cnt, 1), (&field::prog_btf_fd, 99)],
            Err(Errno::EBADF),
        ),
        ("descriptors nowhere", &[(&field::fd_array_cnt, 1)], Err(Errno::EFAULT)),
    ];
    for (what, fields, expected) in cases {
        assert_eq!(with(fields), *expected, "{what}");
    }
}

#[test]
fn who_may_load() {
    let mut caller = Caller::new();
    caller.kernel.set_credentials(Credentials::user(1000));
    let mut attr = caller.load_attr(SOCKET_FILTER, &asm("r0 = 0\nexit"));
    assert_eq!(caller.call(Cmd::ProgLoad, &mut attr), Err(Errno::EPERM));
}

/// What a log of a size has after loading, the answer, and how long it says it is.
fn log(text: &str, level: u64, size: usize) -> (Result<i32, Errno>, String, u64) {
    let mut caller = Caller::new();
    let buffer = caller.put(&vec![0xff; size]);
    let attr = caller.load_attr(SOCKET_FILTER, &asm(text));
    let attr = attr.with(&field::log_level, level).with(&field::log_buf, buffer);
    let mut attr = attr.with(&field::log_size, size as u64);
    let answer = caller.call(Cmd::ProgLoad, &mut attr);
    (answer, caller.text(buffer, size), attr.get(&field::log_true_size))
}

#[test]
fn logs() {
    let (answer, text, size) = log("r0 = r9\nexit", 1, 4096);
    assert_eq!((answer, size), (Err(Errno::EACCES), text.len() as u64 + 1));
    expect![[r#"
        0: R1=ctx() R10=fp0
        0: (bf) r0 = r9
        R9 !read_ok
        processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
    "#]]
    .assert_eq(&text);
    // What does not fit is not the program's fault, but the answer all the same.
    let (answer, text, same) = log("r0 = r9\nexit", 1, 16);
    assert_eq!((answer, same, text.as_str()), (Err(Errno::ENOSPC), size, " 0 mark_read 0\n"));
    let (answer, text, _) = log("r0 = r9\nexit", 1 | 8, 16);
    assert_eq!((answer, text.as_str()), (Err(Errno::ENOSPC), "0: R1=ctx() R10"));
    let (answer, text, _) = log("r0 = 0\nexit", 4, 4096);
    assert_eq!(answer, Ok(3));
    expect![[r#"
        verification time 0 usec
        stack depth 0
        processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_log_nowhere() {
    let mut caller = Caller::new();
    let attr = caller.load_attr(SOCKET_FILTER, &asm("r0 = 0\nexit"));
    let attr = attr.with(&field::log_level, 1).with(&field::log_buf, 8);
    let mut attr = attr.with(&field::log_size, 128);
    assert_eq!(caller.call(Cmd::ProgLoad, &mut attr), Err(Errno::EFAULT));
    assert_eq!(caller.kernel.fds().count(), 0, "the program is gone again");
}

/// A BTF with a function `main`, its id.
fn types() -> (Vec<u8>, u32) {
    let mut btf = BtfBuilder::new();
    let int = btf.int("int", 4, IntEncoding::Signed);
    let proto = btf.add("", skep_btf::Def::FuncProto(FuncProto { ret: int, params: Box::new([]) }));
    let main = btf.add("main", skep_btf::Def::Func(Func { proto, linkage: Linkage::Global }));
    btf.string("main.bpf.c");
    btf.string("\treturn 0;");
    (btf.build().unwrap().to_bytes(), main.0)
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|it| it.to_le_bytes()).collect()
}

#[test]
fn functions_and_lines() {
    let mut caller = Caller::new();
    let (bytes, main) = types();
    let (at, size) = (caller.put(&bytes), bytes.len() as u64);
    let btf = caller.ask(Cmd::BtfLoad, &[(&btf_load::btf, at), (&btf_load::btf_size, size)]).unwrap();
    let find = |text: &str| {
        let at = bytes.windows(text.len()).position(|it| it == text.as_bytes()).unwrap();
        let header = 24 + u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize;
        (at - header) as u32
    };
    let (file, line) = (find("main.bpf.c\0"), find("\treturn 0;\0"));
    let mut load = |funcs: &[u32], func_size: u32, lines: &[u32], line_size: u32| {
        let (f, l) = (caller.put(&words(funcs)), caller.put(&words(lines)));
        let log = caller.put(&[0; 1024]);
        let attr = caller.load_attr(SOCKET_FILTER, &asm("r0 = 0\nexit"));
        let mut attr = attr
            .with(&field::prog_btf_fd, btf as u64)
            .with(&field::func_info, f)
            .with(&field::func_info_rec_size, func_size.into())
            .with(&field::func_info_cnt, funcs.len() as u64 * 4 / u64::from(func_size))
            .with(&field::line_info, l)
            .with(&field::line_info_rec_size, line_size.into())
            .with(&field::line_info_cnt, lines.len() as u64 * 4 / u64::from(line_size))
            .with(&field::log_level, 1)
            .with(&field::log_buf, log)
            .with(&field::log_size, 1024);
        let answer = caller.call(Cmd::ProgLoad, &mut attr);
        if let Ok(fd) = answer {
            let info = caller.kernel.prog_info(Fd(fd)).unwrap();
            assert_eq!(&*info.funcs[0].name, "main");
            assert_eq!(info.lines[0].to_string(), "main.bpf.c:7:2: return 0;");
        }
        let sizes = (attr.get(&field::func_info_rec_size), attr.get(&field::line_info_rec_size));
        let text = caller.text(log, 1024);
        let end = text.find("processed").unwrap_or(text.len());
        (answer.map(|_| ()), text[..end].trim_end().to_owned(), sizes)
    };
    let position = 7 << 10 | 2;
    let good = [0, file, line, position];
    assert_eq!(load(&[0, main], 8, &good, 16).0, Ok(()));
    let longer = [0, file, line, position, 0, 0];
    assert_eq!(load(&[0, main, 0], 12, &longer, 24).0, Ok(()), "records may be longer");
    let e2big = Err(Errno::E2BIG);
    assert_eq!(
        load(&[0, main, 1], 12, &good, 16),
        (e2big, "nonzero tailing record in func info".to_owned(), (8, 16))
    );
    assert_eq!(
        load(&[0, main], 8, &[0, file, line, position, 1], 20),
        (e2big, "nonzero tailing record in line_info".to_owned(), (8, 16))
    );
    let invalid = |text: &str| (Err(Errno::EINVAL), text.to_owned());
    let said = |it: (Result<(), Errno>, String, (u64, u64))| (it.0, it.1);
    assert_eq!(said(load(&[0, main], 4, &good, 16)), invalid("invalid func info rec size 4"));
    assert_eq!(said(load(&[0, main], 8, &good, 8)), invalid(""));
    assert_eq!(said(load(&[0, 1], 8, &good, 16)), invalid("invalid type id 1 in func info"));
    assert_eq!(
        said(load(&[0, main], 8, &[0, file, 0x7fff_ffff, position], 16)),
        invalid("Invalid line_info[0].line_off or .file_name_off")
    );
    assert_eq!(
        said(load(&[0, main], 8, &[9, file, 0x7fff_ffff, position], 16)),
        invalid("Invalid line_info[0].insn_off:9 (prev_offset:0 prog->len:2)")
    );
}

#[test]
fn the_kernel_relocates() {
    let mut caller = Caller::typed();
    let kernel = caller.kernel.btf().unwrap().vmlinux.clone();
    let task = kernel.find(skep_btf::Kind::Struct, "task_struct").unwrap();
    let mut btf = BtfBuilder::new();
    let int = btf.int("int", 4, IntEncoding::Signed);
    let mini = btf.structure("task_struct___mini", 4, &[("pid", int, 0)]);
    let main = btf.func("main", Linkage::Global, int, &[]);
    let access = btf.string("0:0");
    let bytes = btf.build().unwrap().to_bytes();
    let btf = caller.kernel.btf_load(&bytes).unwrap();
    let mut load = |insn_off: u32, type_id: u32, size: u64| {
        // r0 = the offset of `pid`.
        let attr = caller.load_attr(SOCKET_FILTER, &asm("r0 = 0\nexit"));
        let (funcs, relos) =
            (caller.put(&words(&[0, main.0])), caller.put(&words(&[insn_off, type_id, access.0, 0])));
        let log = caller.put(&[0; 1024]);
        let mut attr = attr
            .with(&field::prog_btf_fd, btf.0 as u64)
            .with(&field::func_info, funcs)
            .with(&field::func_info_rec_size, 8)
            .with(&field::func_info_cnt, 1)
            .with(&field::core_relos, relos)
            .with(&field::core_relo_rec_size, size)
            .with(&field::core_relo_cnt, 1)
            .with(&field::log_level, 1)
            .with(&field::log_buf, log)
            .with(&field::log_size, 1024);
        let answer = caller.call(Cmd::ProgLoad, &mut attr);
        let value = answer.map(|fd| {
            let packet = skep_kernel::PacketCtx::new(vec![0; 64]).into();
            caller.kernel.run(Fd(fd), skep_kernel::Run::new(packet)).unwrap().r0
        });
        let text = caller.text(log, 1024);
        (value, text[..text.find("processed").unwrap()].to_owned())
    };
    let offset = kernel.field(task, "pid").unwrap().bit_offset / 8;
    assert_eq!(load(0, mini.0, 16).0, Ok(offset));
    let invalid = |text: &str| (Err(Errno::EINVAL), text.to_owned());
    assert_eq!(load(4, mini.0, 16), invalid("Invalid core_relo[0].insn_off:4 prog->len:2\n"));
    assert_eq!(load(16, mini.0, 16), invalid("Invalid core_relo[0].insn_off:16 prog->len:2\n"));
    assert_eq!(load(0, 99, 16), invalid("relo #0: bad type id 99\n"));
    assert_eq!(load(0, mini.0, 12), invalid(""));
}

#[test]
fn maps_by_index() {
    let mut caller = Caller::new();
    let map = caller.kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 1)).unwrap();
    let fds = caller.put(&words(&[0xffff, map.0 as u32, 99]));
    let insns = |index: i32| {
        let wide = [skep_isa::Insn::new(0x18, 1, 5, 0, index), skep_isa::Insn::default()];
        [&wide[..], &asm("r0 = 0\nexit")].concat()
    };
    let mut load = |index: i32, addr: u64, count: u64| {
        let attr = caller.load_attr(SOCKET_FILTER, &insns(index));
        caller.call(Cmd::ProgLoad, &mut attr.with(&field::fd_array, addr).with(&field::fd_array_cnt, count))
    };
    assert!(load(1, fds, 0).is_ok());
    assert_eq!(load(2, fds, 0), Err(Errno::EBADF));
    assert_eq!(load(3, fds, 0), Err(Errno::EFAULT));
    assert_eq!(load(1, 0, 0), Err(Errno::EPROTO));
    assert_eq!(load(1, fds, 2), Err(Errno::EBADF), "all have to be something");
    assert!(load(0, fds + 4, 1).is_ok());
}

#[test]
fn what_a_program_is_attached_to() {
    let mut caller = Caller::typed();
    let btf = caller.kernel.btf().unwrap().vmlinux.clone();
    let open = btf.find(skep_btf::Kind::Func, "bpf_lsm_file_open").unwrap().0;
    let attr = caller.load_attr(ProgType::Lsm as u32, &asm("r0 = 0\nexit"));
    let attr = attr.with(&field::attach_btf_id, open.into());
    let mut attr = attr.with(&field::expected_attach_type, skep_abi::AttachType::LsmMac as u64);
    let fd = Fd(caller.call(Cmd::ProgLoad, &mut attr).unwrap());
    assert_eq!(caller.kernel.prog_info(fd).unwrap().attach_name.as_deref(), Some("bpf_lsm_file_open"));
    // Types of user space cannot be attached to, and not everything is types.
    let (bytes, _) = types();
    let user = caller.kernel.btf_load(&bytes).unwrap();
    let mut to = |fd: Fd| {
        let Attr(bytes) = &attr;
        let mut attr = Attr(*bytes).with(&field::attach_btf_obj_fd, fd.0 as u64);
        caller.call(Cmd::ProgLoad, &mut attr)
    };
    assert_eq!(to(user), Err(Errno::ENOTSUPP));
    assert_eq!(to(Fd(99)), Err(Errno::EINVAL));
    assert_eq!(to(fd), Err(Errno::EINVAL), "an LSM program is not attached to a program");
}
