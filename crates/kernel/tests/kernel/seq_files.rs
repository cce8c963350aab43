//! What iterators write: bytes, text by a format, structs by their types.

use crate::support::asm;
use crate::types::{kernel_with_types, object};
use skep_abi::{AttachType, Errno, ProgType};
use skep_kernel::{Class, FieldValue, Fire, Kernel, ProgLoad, Ran, RunError, Target, args};

/// r6: the context; r1: its file.
const FILE: &str =
    "r6 = r1\nr1 = *(u64 *)(r6 + 0)\nr1 = *(u64 *)(r1 + 0)\nr7 = *(u64 *)(r6 + 8)\nif r7 == 0 goto out\n";

fn iterate(kernel: &mut Kernel, body: &str) -> Result<Ran, RunError> {
    let btf = &kernel.btf().expect("types").vmlinux;
    let id = btf.find(skep_btf::Kind::Func, "bpf_iter_task").expect("the function").0;
    let load = ProgLoad {
        expected_attach_type: AttachType::TraceIter.to_u32(),
        attach_btf_id: id,
        ..ProgLoad::new("dump", ProgType::Tracing, asm(&format!("{FILE}{body}\nout:\nr0 = 0\nexit")))
    };
    let prog = kernel.prog_load(load).unwrap_or_else(|error| panic!("{error}"));
    let tasks = [7u64, 8].map(|pid| object(kernel, "task_struct", &[("pid", pid), ("tgid", pid)]));
    let target = Target::Btf { attach: AttachType::TraceIter, name: "task".to_owned(), id, module: None };
    kernel.fire(prog, Fire::new(&target, args! { task: tasks.map(FieldValue::Addr).to_vec() }))
}

fn output(kernel: &mut Kernel, body: &str) -> Vec<u8> {
    iterate(kernel, body).unwrap_or_else(|error| panic!("{error}")).output.expect("an iterator's output")
}

#[test]
fn bytes_as_they_are() {
    let mut kernel = kernel_with_types();
    let text = "*(u32 *)(r10 - 4) = 0x0a030201\nr2 = r10\nr2 += -4\nr3 = 4\ncall 127";
    assert_eq!(output(&mut kernel, text), [1, 2, 3, 10, 1, 2, 3, 10]);
}

#[test]
fn text_by_a_format() {
    let mut kernel = kernel_with_types();
    // "%d\n", and the task's pid.
    let text = "r2 = 0x0a6425\n*(u64 *)(r10 - 8) = r2\nr2 = *(u32 *)(r7 + 40)\n*(u64 *)(r10 - 16) = r2\nr2 = r10\nr2 += -8
                r3 = 4\nr4 = r10\nr4 += -16\nr5 = 8\ncall 126";
    assert_eq!(String::from_utf8(output(&mut kernel, text)).unwrap(), "7\n8\n");
}

#[test]
fn structs_by_their_types() {
    let mut kernel = kernel_with_types();
    let btf = kernel.btf().unwrap().vmlinux.clone();
    let id = btf.find(skep_btf::Kind::Struct, "task_struct").unwrap().0;
    let text = format!(
        "*(u64 *)(r10 - 16) = r7\n*(u32 *)(r10 - 8) = {id}\n*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -16\nr3 = 16\nr4 = 1\ncall 150"
    );
    let shown = String::from_utf8(output(&mut kernel, &text)).unwrap();
    assert!(shown.starts_with("(struct task_struct){.pid = (u32)7,.tgid = (u32)7,"), "{shown}");
    assert!(shown.contains(".pid = (u32)8,"), "{shown}");
}

#[test]
fn more_than_the_buffer_holds() {
    let mut kernel = kernel_with_types();
    let big = kernel.map_create(&skep_kernel::MapSpec::new(skep_abi::MapType::Array, 4, 40_000, 1)).unwrap();
    let seen = kernel.map_create(&skep_kernel::MapSpec::new(skep_abi::MapType::Array, 4, 8, 1)).unwrap();
    let text = format!(
        "r2 = map[fd:{big}][0]+0 ll\nr3 = 40000\ncall 127\nr1 = map[fd:{seen}][0]+0 ll\n*(u64 *)(r1 + 0) = r0"
    );
    assert_eq!(output(&mut kernel, &text), [0; 0]);
    let answer = kernel.map_lookup_elem(seen, &[0; 4]).unwrap();
    assert_eq!(i64::from_le_bytes(answer.try_into().unwrap()), Errno::EOVERFLOW.neg());
}

#[test]
fn any_other_file_is_the_programs_mistake() {
    let mut kernel = kernel_with_types();
    let error = iterate(&mut kernel, "r1 = r7\nr2 = r10\nr2 += -4\nr3 = 0\ncall 127").unwrap_err();
    assert_eq!(error.class(), Class::ProgramFault);
    assert!(error.to_string().contains("is not the seq_file of the context"), "{error}");
}
