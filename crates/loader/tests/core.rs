//! CO-RE as the loader does it: code that runs on another kernel than it was compiled for, and says what that lacks.

use std::sync::Arc;

use expect_test::expect;
use skep_kernel::{Config, Context, Kernel, PacketCtx, Run, RunError, TargetBtf};
use skep_loader::{Loaded, OpenObject};
use skep_testkit::{core_targets, fixtures};

/// A kernel with the types of this name.
fn kernel(target: &str) -> Kernel {
    let btf = Some(TargetBtf::new(target, Arc::new(core_targets::target(target))));
    Kernel::new(Config { btf, ..Config::default() }).unwrap()
}

fn load(kernel: &mut Kernel) -> Loaded {
    OpenObject::parse(&fixtures::object("core/kinds")).unwrap().load(kernel)
}

fn run(target: &str, program: &str) -> Result<u32, RunError> {
    let mut kernel = kernel(target);
    let fd = load(&mut kernel).program(program).unwrap();
    kernel.run(fd, Run::new(Context::Packet(PacketCtx::new(vec![0; 64])))).map(|ran| ran.retval())
}

#[test]
fn numbers_are_those_of_the_kernel_that_it_is_loaded_on() {
    for (program, moved, bare) in [
        ("size_struct", 16, 0),
        ("exists_int", 1, 0),
        ("enum_value_flavour", 1, 0),
        ("type_struct", 1, 0),
        ("type_size", 96, 0),
        ("answer", 42, 40),
    ] {
        assert_eq!(run("moved", program).unwrap(), moved, "{program}");
        if let Ok(value) = run("bare", program) {
            assert_eq!(value, bare, "{program}");
        }
    }
}

#[test]
fn what_the_kernel_lacks_fails_where_it_is_executed() {
    let error = run("moved", "load_missing").unwrap_err();
    expect![[r#"
        program fault: failed to resolve CO-RE relocation <byte_off> [2] struct plain.only_here (0:10 @ offset 68)
          in load_missing, instruction 0: call 0xbad2310
          at fixtures/core/kinds.bpf.c:299:1: ACCESS(load_missing, plain, return o->only_here)"#]].assert_eq(&error.to_string());
    let error = run("moved", "enum_value_missing").unwrap_err();
    expect![[r#"
        program fault: failed to resolve CO-RE relocation <enumval_value> [9] enum colour::GREEN = 2
          in enum_value_missing, instruction 0: call 0xbad2310
          at fixtures/core/kinds.bpf.c:464:1: VALUE(enum_value_missing, bpf_core_enum_value(enum colour, GREEN))"#]].assert_eq(&error.to_string());
    let error = run("moved", "width_signed_grows").unwrap_err();
    expect![[r#"
        program fault: failed to resolve CO-RE relocation <byte_off> [242] struct widths.signed_grows (0:3 @ offset 24): the instruction accesses the field incorrectly. Make sure you are accessing pointers, unsigned integers, or fields of matching type and size
          in width_signed_grows, instruction 0: call 0xbad2310
          at fixtures/core/kinds.bpf.c:386:1: ACCESS(width_signed_grows, widths, return o->signed_grows)"#]].assert_eq(&error.to_string());
}

#[test]
fn what_contradicts_itself_is_not_loaded() {
    let loaded = load(&mut kernel("moved"));
    let said = |program: &str| loaded.program(program).unwrap_err().to_string();
    expect!["program load_other_place: CO-RE relocation #35: field offset ambiguity: 64 != 32"]
        .assert_eq(&said("load_other_place"));
    expect!["program load_far: CO-RE relocation #33: insn #0 (LDX/ST/STX) value too big: 40004"]
        .assert_eq(&said("load_far"));
    expect![
        "program signed_element: CO-RE relocation #70: relo 3 at insn #156 can't be applied to array access"
    ]
    .assert_eq(&said("signed_element"));
}

#[test]
fn without_types_of_the_kernel_it_is_said_what_is_missing() {
    let mut kernel = Kernel::new(Config { btf: None, ..Config::default() }).unwrap();
    let error = load(&mut kernel).program("answer").unwrap_err();
    expect!["program answer: failed to find valid kernel BTF: it has 5 CO-RE relocations, which need the types of the kernel; give the machine some (Config::btf, Builder::btf, skep run --btf)"].assert_eq(&error.to_string());
}
