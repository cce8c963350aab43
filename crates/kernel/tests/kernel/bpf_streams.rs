//! What programs write to their streams, and how often they ran.

use super::bpf_call::{Attr, Caller};
use super::support::with_kfuncs;
use skep_abi::attr::{Cmd, enable_stats, info, prog_stream_read as field, test};
use skep_abi::info::bpf_prog_info;
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Fd, MapSpec};

#[test]
fn a_stream_is_read_once() {
    let mut caller = Caller::typed();
    let spec = MapSpec::new(MapType::Array, 4, 16, 1).with_flags(skep_abi::flags::BPF_F_RDONLY_PROG);
    let map = caller.kernel.map_create(&spec).unwrap();
    caller.kernel.map_update_elem(map, &[0; 4], b"got %d\n\0\0\0\0\0\0\0\0\0", 0).unwrap();
    caller.kernel.map_freeze(map).unwrap();
    let text = format!(
        "r1 = 42
         *(u64 *)(r10 - 8) = r1
         r1 = 1
         r2 = map[fd:{map}][0]+0 ll
         r3 = r10
         r3 += -8
         r4 = 8
         r5 = 0
         kfunc bpf_stream_vprintk_impl
         exit"
    );
    let mut attr = caller.load_attr(ProgType::SchedCls as u32, &with_kfuncs(&text));
    let prog = Fd(caller.call(Cmd::ProgLoad, &mut attr).unwrap());
    let packet = caller.put(&[0; 64]);
    let run = [(&test::prog_fd, prog.0 as u64), (&test::data_in, packet), (&test::data_size_in, 64)];
    caller.ask(Cmd::ProgTestRun, &run).unwrap();
    let buffer = caller.put(&[0; 32]);
    let mut read = |stream: u64, len: u64| {
        let fields = [
            (&field::prog_fd, prog.0 as u64),
            (&field::stream_id, stream),
            (&field::stream_buf, buffer),
            (&field::stream_buf_len, len),
        ];
        let answer = caller.ask(Cmd::ProgStreamReadByFd, &fields);
        (answer, caller.text(buffer, 32))
    };
    assert_eq!(read(1, 4), (Ok(4), "got ".to_owned()));
    assert_eq!(read(1, 32), (Ok(3), "42\n ".to_owned()));
    assert_eq!(read(1, 32).0, Ok(0));
    assert_eq!(read(2, 32).0, Ok(0));
    assert_eq!(read(3, 32).0, Err(Errno::ENOENT));
}

#[test]
fn runs_are_counted_while_somebody_wants_that() {
    let mut caller = Caller::new();
    let prog = caller.load(ProgType::SchedCls as u32, "r0 = 0\nexit");
    let packet = caller.put(&[0; 64]);
    let run = [
        (&test::prog_fd, prog.0 as u64),
        (&test::data_in, packet),
        (&test::data_size_in, 64),
        (&test::repeat, 5),
    ];
    let count = |caller: &mut Caller| {
        let at = caller.put(&[0; 232]);
        let fields = [(&info::bpf_fd, prog.0 as u64), (&info::info_len, 232), (&info::info, at)];
        caller.ask(Cmd::ObjGetInfoByFd, &fields).unwrap();
        let bytes = caller.get(at, 232);
        u64::from_le_bytes(bytes[bpf_prog_info::run_cnt.range()].try_into().unwrap())
    };
    caller.ask(Cmd::ProgTestRun, &run).unwrap();
    assert_eq!(count(&mut caller), 0);
    let stats = Fd(caller.call(Cmd::EnableStats, &mut Attr::new(&[(&enable_stats::r#type, 0)])).unwrap());
    caller.ask(Cmd::ProgTestRun, &run).unwrap();
    assert_eq!(count(&mut caller), 5);
    caller.kernel.close(stats).unwrap();
    caller.ask(Cmd::ProgTestRun, &run).unwrap();
    assert_eq!(count(&mut caller), 5);
}
