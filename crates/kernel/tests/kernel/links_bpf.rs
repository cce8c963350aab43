//! Attaching through `bpf(2)`: what is read, what is written back, and how much of it where there is little room.

use crate::bpf_call::{Attr, Caller};
use skep_abi::attr::{self, Cmd};
use skep_abi::flags::*;
use skep_abi::{AttachType, Errno, LinkType, ProgType, info};
use skep_kernel::{Fd, LinkCreate, OutsideKind};

const PASS: &str = "r0 = 1\nexit";

fn tcx(caller: &mut Caller, prog: Fd, flags: u32) -> Result<i32, Errno> {
    use attr::link_create as field;
    caller.ask(
        Cmd::LinkCreate,
        &[
            (&field::prog_fd, prog.0 as u64),
            (&field::target_ifindex, 1),
            (&field::attach_type, AttachType::TcxIngress.to_u32().into()),
            (&field::flags, flags.into()),
        ],
    )
}

#[test]
fn links_are_made_and_described() {
    let mut caller = Caller::new();
    let prog = caller.load(ProgType::SchedCls.to_u32(), PASS);
    let link = tcx(&mut caller, prog, 0).unwrap();
    assert_eq!(tcx(&mut caller, prog, 0), Err(Errno::EEXIST));
    assert_eq!(tcx(&mut caller, prog, BPF_F_ALLOW_MULTI), Err(Errno::EEXIST));

    // What the type of link says nothing of stays as it was.
    let out = caller.put(&[0xaa; 64]);
    let mut ask = Attr::new(&[
        (&attr::info::bpf_fd, link as u64),
        (&attr::info::info, out),
        (&attr::info::info_len, 64),
    ]);
    caller.call(Cmd::ObjGetInfoByFd, &mut ask).unwrap();
    let bytes = caller.get(out, 64);
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let prog_id = caller.kernel.id_of(prog).unwrap();
    let words = [0, 4, 8, 16, 20].map(word);
    // The failed call had an id, too.
    assert_eq!(words, [LinkType::Tcx.to_u32(), 1, prog_id, 1, AttachType::TcxIngress.to_u32()]);
    assert_eq!((word(12), &bytes[24..]), (0xaaaa_aaaa, &[0xaa; 40][..]));
    assert_eq!(ask.get(&attr::info::info_len), 64);
    // A caller that knows less, and one that knows more.
    let mut ask = ask.with(&attr::info::info_len, 20);
    caller.call(Cmd::ObjGetInfoByFd, &mut ask).unwrap();
    let long = caller.put(&[0; 72]);
    let mut ask = ask.with(&attr::info::info, long).with(&attr::info::info_len, 72);
    caller.call(Cmd::ObjGetInfoByFd, &mut ask).unwrap();
    assert_eq!(ask.get(&attr::info::info_len), 64);

    let detach = [(&attr::link_detach::link_fd, link as u64)];
    assert_eq!(caller.ask(Cmd::LinkDetach, &detach), Ok(0));
    use attr::link_update as field;
    let update = [(&field::link_fd, link as u64), (&field::new_prog_fd, prog.0 as u64)];
    assert_eq!(caller.ask(Cmd::LinkUpdate, &update), Err(Errno::ENOLINK));
}

#[test]
fn queries_have_room_or_not() {
    use attr::query as field;
    let mut caller = Caller::new();
    let progs = [(); 3].map(|()| caller.load(ProgType::SchedCls.to_u32(), PASS));
    let link = tcx(&mut caller, progs[0], 0).unwrap();
    for prog in &progs[1..] {
        use attr::attach as field;
        let attach = [
            (&field::target_ifindex, 1),
            (&field::attach_bpf_fd, prog.0 as u64),
            (&field::attach_type, AttachType::TcxIngress.to_u32().into()),
        ];
        assert_eq!(caller.ask(Cmd::ProgAttach, &attach), Ok(0));
    }
    let ids = progs.map(|fd| caller.kernel.id_of(fd).unwrap());
    let link_id = caller.kernel.id_of(Fd(link)).unwrap();
    for (room, want) in [(0, Ok(0)), (2, Err(Errno::ENOSPC)), (3, Ok(0)), (4, Ok(0))] {
        let (to, links) = (caller.put(&[0xaa; 16]), caller.put(&[0xaa; 16]));
        let mut query = Attr::new(&[
            (&field::target_ifindex, 1),
            (&field::attach_type, AttachType::TcxIngress.to_u32().into()),
            (&field::prog_ids, to),
            (&field::link_ids, links),
            (&field::count, room),
        ]);
        assert_eq!(caller.call(Cmd::ProgQuery, &mut query), want);
        assert_eq!((query.get(&field::count), query.get(&field::revision)), (3, 4));
        let mut expected = [vec![0xaa; 16], vec![0xaa; 16]];
        for at in 0..(room as usize).min(3) {
            expected[0][at * 4..][..4].copy_from_slice(&ids[at].to_le_bytes());
            let link = if at == 0 { link_id } else { 0 };
            expected[1][at * 4..][..4].copy_from_slice(&link.to_le_bytes());
        }
        assert_eq!([caller.get(to, 16), caller.get(links, 16)], expected, "{room}");
    }
}

#[test]
fn network_namespaces_zero_the_whole_array() {
    use attr::query as field;
    let mut caller = Caller::new();
    let netns = caller.kernel.open_new(OutsideKind::Netns).unwrap();
    let mut load = caller.load_attr(ProgType::SkLookup.to_u32(), &crate::support::asm(PASS));
    load = load.with(&attr::prog_load::expected_attach_type, AttachType::SkLookup.to_u32().into());
    let prog = Fd(caller.call(Cmd::ProgLoad, &mut load).unwrap());
    let create = LinkCreate::new(prog, AttachType::SkLookup).on(netns.0 as u32);
    caller.kernel.link_create(&create).unwrap();
    let to = caller.put(&[0xaa; 16]);
    let mut query = Attr::new(&[
        (&field::target_fd, netns.0 as u64),
        (&field::attach_type, AttachType::SkLookup.to_u32().into()),
        (&field::prog_ids, to),
        (&field::prog_cnt, 3),
    ]);
    assert_eq!(caller.call(Cmd::ProgQuery, &mut query), Ok(0));
    let mut want = caller.kernel.id_of(prog).unwrap().to_le_bytes().to_vec();
    want.extend([0; 8]);
    want.extend([0xaa; 4]);
    assert_eq!((query.get(&field::prog_cnt), caller.get(to, 16)), (1, want));
}

#[test]
fn names_are_cut() {
    let mut caller = Caller::new();
    let prog = caller.load(ProgType::RawTracepoint.to_u32(), "r0 = 0\nexit");
    let name = caller.put(b"sched_switch\0");
    use attr::raw_tracepoint as field;
    let open = [(&field::name, name), (&field::prog_fd, prog.0 as u64), (&field::cookie, 9)];
    let link = caller.ask(Cmd::RawTracepointOpen, &open).unwrap();
    assert_eq!(caller.ask(Cmd::RawTracepointOpen, &open[1..]), Err(Errno::EFAULT));

    use info::bpf_link_info_raw_tracepoint as out;
    for (room, want, text) in
        [(13, Ok(0), "sched_switch"), (6, Err(Errno::ENOSPC), "sched"), (1, Err(Errno::ENOSPC), "")]
    {
        let buffer = caller.put(&[0xaa; 16]);
        let mut given = [0; 64];
        given[out::tp_name.range()].copy_from_slice(&buffer.to_le_bytes());
        given[out::tp_name_len.range()].copy_from_slice(&u32::to_le_bytes(room));
        let at = caller.put(&given);
        let ask = [(&attr::info::bpf_fd, link as u64), (&attr::info::info, at), (&attr::info::info_len, 64)];
        assert_eq!(caller.ask(Cmd::ObjGetInfoByFd, &ask), want);
        assert_eq!(caller.text(buffer, 16), text);
        // With an error, the struct is not written.
        let filled = caller.get(at, 64);
        let (len, cookie) = if want.is_ok() { (13, 9) } else { (room, 0) };
        assert_eq!(filled[out::tp_name_len.range()], u32::to_le_bytes(len));
        assert_eq!(filled[out::cookie.range()], u64::to_le_bytes(cookie));
    }
    // A length without a buffer.
    let mut given = [0; 64];
    given[out::tp_name_len.range()].copy_from_slice(&u32::to_le_bytes(5));
    let at = caller.put(&given);
    let ask = [(&attr::info::bpf_fd, link as u64), (&attr::info::info, at), (&attr::info::info_len, 64)];
    assert_eq!(caller.ask(Cmd::ObjGetInfoByFd, &ask), Err(Errno::EINVAL));

    use attr::task_fd_query as query;
    let pid = caller.kernel.task().pid;
    for (room, want, text) in [(16, Ok(0), "sched_switch"), (4, Err(Errno::ENOSPC), "sch")] {
        let buffer = caller.put(&[0xaa; 16]);
        let mut ask = Attr::new(&[
            (&query::pid, pid.into()),
            (&query::fd, link as u64),
            (&query::buf, buffer),
            (&query::buf_len, room),
        ]);
        assert_eq!(caller.call(Cmd::TaskFdQuery, &mut ask), want);
        assert_eq!((caller.text(buffer, 16).as_str(), ask.get(&query::buf_len)), (text, 12));
        assert_eq!(ask.get(&query::prog_id), u64::from(caller.kernel.id_of(prog).unwrap()));
    }
}

#[test]
fn many_functions_are_read() {
    use attr::{link_create as field, link_create_kprobe_multi as multi};
    let mut caller = Caller::new();
    let attach = u64::from(AttachType::TraceKprobeMulti.to_u32());
    let mut load = caller.load_attr(ProgType::Kprobe.to_u32(), &crate::support::asm("r0 = 0\nexit"));
    load = load.with(&attr::prog_load::expected_attach_type, attach);
    let prog = caller.call(Cmd::ProgLoad, &mut load).unwrap();
    let names = [&b"vfs_read\0"[..], b"vfs_write\0"].map(|name| caller.put(name));
    let syms = caller.put(&names.map(u64::to_le_bytes).concat());
    let cookies = caller.put(&[7u64, 8].map(u64::to_le_bytes).concat());
    let create = Attr::new(&[
        (&field::prog_fd, prog as u64),
        (&field::attach_type, attach),
        (&multi::cnt, 2),
        (&multi::syms, syms),
        (&multi::cookies, cookies),
    ]);
    let mut call = |field, value| caller.call(Cmd::LinkCreate, &mut Attr(create.0).with(field, value));
    assert_eq!(call(&multi::cnt, 3), Err(Errno::EFAULT));
    assert_eq!(call(&multi::cnt, 0), Err(Errno::EINVAL));
    assert_eq!(call(&multi::cnt, (1 << 20) + 1), Err(Errno::E2BIG));
    assert_eq!(call(&multi::flags, 2), Err(Errno::EINVAL));
    assert_eq!(call(&multi::addrs, 8), Err(Errno::EINVAL));
    assert_eq!(call(&multi::cookies, 8), Err(Errno::EFAULT));
    let link = call(&multi::cnt, 2).unwrap();

    use info::bpf_link_info_kprobe_multi as out;
    for (room, want) in [(2u32, Ok(0)), (1, Err(Errno::ENOSPC))] {
        let [addrs, cookies] = [(); 2].map(|()| caller.put(&[0; 16]));
        let mut given = [0; 64];
        given[out::addrs.range()].copy_from_slice(&addrs.to_le_bytes());
        given[out::cookies.range()].copy_from_slice(&cookies.to_le_bytes());
        given[out::count.range()].copy_from_slice(&room.to_le_bytes());
        let at = caller.put(&given);
        let ask = [(&attr::info::bpf_fd, link as u64), (&attr::info::info, at), (&attr::info::info_len, 64)];
        assert_eq!(caller.ask(Cmd::ObjGetInfoByFd, &ask), want);
        let mut cookie = caller.get(cookies, 16);
        cookie.retain(|it| *it != 0);
        assert_eq!(cookie, [7, 8][..room as usize]);
    }
}

#[test]
fn iterators_are_told_over_what() {
    use attr::link_create as field;
    let mut caller = Caller::typed();
    let types = skep_kernel::vmlinux::bundled().vmlinux;
    let id = types.find(skep_btf::Kind::Func, "bpf_iter_task").unwrap().0;
    let attach = u64::from(AttachType::TraceIter.to_u32());
    let load = caller.load_attr(ProgType::Tracing.to_u32(), &crate::support::asm("r0 = 0\nexit"));
    let load = load.with(&attr::prog_load::expected_attach_type, attach);
    let prog =
        caller.call(Cmd::ProgLoad, &mut load.with(&attr::prog_load::attach_btf_id, id.into())).unwrap();
    let mut create = |info: &[u8], len: u64| {
        let at = caller.put(info);
        let create = [
            (&field::prog_fd, prog as u64),
            (&field::attach_type, attach),
            (&field::iter_info, at),
            (&field::iter_info_len, len),
        ];
        caller.ask(Cmd::LinkCreate, &create)
    };
    assert!(create(&[], 0).is_ok() && create(&[5, 0, 0, 0], 4).is_ok() && create(&[0; 24], 24).is_ok());
    assert_eq!(create(&[], 4), Err(Errno::EINVAL));
    assert_eq!(create(&[1; 4], 0), Err(Errno::EINVAL));
    assert_eq!(create(&[1, 0, 0, 0, 1, 0, 0, 0], 8), Err(Errno::EINVAL));
    assert_eq!(create(&[vec![0; 16], vec![1; 8]].concat(), 24), Err(Errno::E2BIG));
    assert_eq!(create(&[0; 16], 5000), Err(Errno::E2BIG));
    assert_eq!(create(&[0; 16], 4096), Err(Errno::EFAULT));
}
