//! What the tests have in common.

use serde::de::DeserializeOwned;
use skep_abi::{MapType, ProgType};
use skep_isa::Insn;
use skep_isa::asm::assemble;
use skep_kernel::{Config, Context, Fd, Kernel, MapSpec, ProgLoad, Ran, Run, RunError};
use std::path::PathBuf;

/// A recording of the real kernel.
pub(crate) fn recording<T: DeserializeOwned>(name: &str) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/oracle").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Bytes from hex digits.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digit = |it: u8| (it as char).to_digit(16).expect("a hex digit") as u8;
    text.as_bytes().chunks(2).map(|it| digit(it[0]) << 4 | digit(it[1])).collect()
}

/// A machine with four CPUs.
pub(crate) fn kernel() -> Kernel {
    Kernel::new(Config::default()).expect("address space")
}

/// A machine that is like this.
pub(crate) fn kernel_with(config: Config) -> Kernel {
    Kernel::new(config).expect("address space")
}

/// Instructions from text.
pub(crate) fn asm(text: &str) -> Vec<Insn> {
    assemble(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Loads a program from text.
pub(crate) fn load(kernel: &mut Kernel, prog_type: ProgType, text: &str) -> Fd {
    load_as(kernel, "test", prog_type, text)
}

/// Loads a program with a name.
pub(crate) fn load_as(kernel: &mut Kernel, name: &str, prog_type: ProgType, text: &str) -> Fd {
    let mut load = ProgLoad::new(name, prog_type, asm(text));
    if prog_type == ProgType::Syscall {
        load.flags = skep_abi::flags::BPF_F_SLEEPABLE;
    }
    kernel.prog_load(load).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Runs a program without a context.
pub(crate) fn run(kernel: &mut Kernel, prog: Fd) -> Ran {
    kernel.run(prog, Run::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a program from text once, without a context, and answers r0.
pub(crate) fn eval(kernel: &mut Kernel, text: &str) -> i64 {
    let prog = load(kernel, ProgType::RawTracepoint, text);
    let r0 = run(kernel, prog).r0;
    kernel.close(prog).expect("an open program");
    r0 as i64
}

/// Runs a program from text that cannot end well.
pub(crate) fn fault(kernel: &mut Kernel, text: &str) -> RunError {
    let prog = load(kernel, ProgType::RawTracepoint, text);
    let error = kernel.run(prog, Run::new(Context::None)).expect_err("a fault");
    kernel.close(prog).expect("an open program");
    error
}

/// An array with one value.
pub(crate) fn value_map(kernel: &mut Kernel, size: u32) -> Fd {
    kernel.map_create(&MapSpec::new(MapType::Array, 4, size, 1)).expect("a map")
}

/// The value of such an array.
pub(crate) fn value(kernel: &Kernel, map: Fd) -> Vec<u8> {
    kernel.map_lookup_elem(map, &[0; 4]).expect("a value")
}

/// Sets the value of such an array.
pub(crate) fn set_value(kernel: &mut Kernel, map: Fd, value: &[u8]) {
    kernel.map_update_elem(map, &[0; 4], value, 0).expect("room");
}

/// A number as a key or an fd.
pub(crate) fn word(value: i32) -> [u8; 4] {
    value.to_le_bytes()
}

/// A map with a name.
pub(crate) fn map_named(kernel: &mut Kernel, name: &str, spec: MapSpec) -> Fd {
    kernel.map_create(&spec.with_name(name)).expect("a map")
}

/// The types of a kernel: those that come with the crate.
pub(crate) fn vmlinux() -> skep_kernel::TargetBtf {
    skep_kernel::vmlinux::bundled()
}

/// Instructions in which `kfunc NAME` is a call of a kernel function.
pub(crate) fn with_kfuncs(text: &str) -> Vec<Insn> {
    let btf = vmlinux().vmlinux;
    let mut calls = Vec::new();
    let mut plain = String::new();
    for line in text.lines().map(str::trim) {
        match line.strip_prefix("kfunc ") {
            Some(name) => {
                let id = btf.find(skep_btf::Kind::Func, name).unwrap_or_else(|| panic!("{name}")).0;
                calls.push(id as i32);
                plain.push_str("call 0x7fffff\n");
            }
            None => plain.push_str(&format!("{line}\n")),
        }
    }
    let mut insns = asm(&plain);
    let places = insns.iter_mut().filter(|it| it.code == 0x85 && it.imm == 0x7f_ffff);
    places.zip(calls).for_each(|(insn, id)| *insn = Insn::new(0x85, 0, 2, 0, id));
    insns
}
