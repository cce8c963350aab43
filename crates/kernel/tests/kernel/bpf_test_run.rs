//! Test runs that need something attached; the others are recordings (`tests/bpf`).

use super::bpf_call::Caller;
use super::support::asm;
use skep_abi::attr::{Cmd, prog_load as field, raw_tracepoint, test};
use skep_abi::{AttachType, MapType, ProgType};
use skep_kernel::{Fd, MapSpec};

#[test]
fn functions_are_called_that_a_program_sees() {
    let mut caller = Caller::typed();
    let map = caller.kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 1)).unwrap();
    let btf = caller.kernel.btf().unwrap().vmlinux.clone();
    let func = btf.find(skep_btf::Kind::Func, "bpf_fentry_test2").unwrap();
    let text = format!(
        "r2 = *(u64 *)(r1 + 8)
         r3 = map[fd:{map}][0]+0 ll
         *(u64 *)(r3 + 0) = r2
         r0 = 0
         exit"
    );
    let attr = caller.load_attr(ProgType::Tracing as u32, &asm(&text));
    let attr = attr.with(&field::expected_attach_type, AttachType::TraceFentry as u64);
    let mut attr = attr.with(&field::attach_btf_id, func.0.into());
    let prog = Fd(caller.call(Cmd::ProgLoad, &mut attr).unwrap());
    let run = |caller: &mut Caller| {
        assert_eq!(caller.ask(Cmd::ProgTestRun, &[(&test::prog_fd, prog.0 as u64)]), Ok(0));
        caller.kernel.map_lookup_elem(map, &[0; 4]).unwrap()[0]
    };
    assert_eq!(run(&mut caller), 0, "it is attached to nothing yet");
    caller.ask(Cmd::RawTracepointOpen, &[(&raw_tracepoint::prog_fd, prog.0 as u64)]).unwrap();
    assert_eq!(run(&mut caller), 3);
}
