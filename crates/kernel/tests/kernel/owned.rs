//! Objects that programs make: who holds them, and what is wrong with programs that no verifier would let pass. What
//! verified programs do with them is in the fixture `shelves`, recorded from Linux.

use crate::support::{kernel_with, vmlinux, with_kfuncs, word};
use skep_abi::{MapType, ProgType};
use skep_btf::{Btf, BtfBuilder, IntEncoding};
use skep_kernel::{Class, Config, Fd, Kernel, MapSpec, ProgLoad, Run, RunError};
use skep_maps::{SpecialField, SpecialKind};
use std::sync::Arc;

/// `node`: an rb_node, a list_node, and a number at 56. `counted`: the same with a refcount at 64. `large`, `tally`.
fn types() -> (Arc<Btf>, [u32; 4]) {
    let mut btf = BtfBuilder::new();
    let int = btf.int("int", 4, IntEncoding::Signed);
    let long = btf.int("long", 8, IntEncoding::Signed);
    let words = |btf: &mut BtfBuilder, name: &str, len| {
        let words = btf.add("", skep_btf::Def::Array(skep_btf::Array { element: long, index: int, len }));
        btf.structure(name, 8 * len, &[("__opaque", words, 0)])
    };
    let rb = words(&mut btf, "bpf_rb_node", 4);
    let list = words(&mut btf, "bpf_list_node", 3);
    let refs = btf.structure("bpf_refcount", 4, &[("__opaque", int, 0)]);
    let fields = [("rb", rb, 0), ("list", list, 32 * 8), ("key", long, 56 * 8)];
    let node = btf.structure("node", 64, &fields);
    let counted = btf.structure("counted", 72, &[fields[0], fields[1], fields[2], ("refs", refs, 64 * 8)]);
    let large = words(&mut btf, "large", 512);
    let tally = words(&mut btf, "tally", 1);
    (Arc::new(btf.build().unwrap()), [node, counted, large, tally].map(|it| it.0))
}

fn machine() -> (Kernel, Fd) {
    let mut kernel = kernel_with(Config { btf: Some(vmlinux()), ..Config::default() });
    let mut spec = MapSpec::new(MapType::Hash, 4, 48, 4).with_name("homes");
    spec.special = [(SpecialKind::ListHead, 0), (SpecialKind::RbRoot, 16), (SpecialKind::KptrRef, 32)]
        .map(|(kind, offset)| SpecialField { kind, offset })
        .to_vec();
    let map = kernel.map_create(&spec).unwrap();
    kernel.map_update_elem(map, &word(0), &[0; 48], 0).unwrap();
    (kernel, map)
}

/// Runs a program that has the value of the map in r6. `NODE`, `COUNTED`... are types.
fn try_run(kernel: &mut Kernel, map: Fd, body: &str) -> Result<u64, RunError> {
    let (btf, ids) = types();
    let mut text = format!(
        "*(u32 *)(r10 - 4) = 0\nr1 = 0 ll\nr2 = r10\nr2 += -4\ncall 1\nr6 = r0\n{body}\nexit\n
         less:\nr3 = *(u64 *)(r1 + 56)\nr4 = *(u64 *)(r2 + 56)\nr0 = 0\nif r3 >= r4 goto no\nr0 = 1\nno:\nexit"
    );
    for (name, id) in ["NODE", "COUNTED", "LARGE", "TALLY"].into_iter().zip(ids) {
        text = text.replace(name, &format!("r1 = {id}\nr2 = 0"));
    }
    let mut insns = with_kfuncs(&text);
    let slot = insns.iter().position(|it| it.code == 0x18 && it.dst == 1).unwrap();
    (insns[slot].src, insns[slot].imm) = (1, map.0);
    let load = ProgLoad { btf: Some(btf), ..ProgLoad::new("maker", ProgType::SchedCls, insns) };
    let fd = kernel.prog_load(load).unwrap();
    assert_eq!(kernel.prog_info(fd).unwrap().warnings, [""; 0]);
    kernel.run(fd, Run::default()).map(|ran| ran.r0)
}

fn eval(kernel: &mut Kernel, map: Fd, body: &str) -> i64 {
    try_run(kernel, map, body).unwrap_or_else(|error| panic!("{error}\n{body}")) as i64
}

fn fails(body: &str, why: &str) {
    let (mut kernel, map) = machine();
    let error = try_run(&mut kernel, map, body).unwrap_err();
    assert_eq!(error.class(), Class::ProgramFault, "{error}");
    assert!(error.to_string().contains(why), "{error}");
}

const NEW: &str = "NODE\nkfunc bpf_obj_new_impl\nr7 = r0\n";
const COUNTED: &str = "COUNTED\nkfunc bpf_obj_new_impl\nr7 = r0\n";
const DROP: &str = "r1 = r7\nr2 = 0\nkfunc bpf_obj_drop_impl\n";
const PUSH: &str = "r1 = r6\nr2 = r7\nr2 += 32\nr3 = 0\nr4 = 0\nkfunc bpf_list_push_back_impl\n";
const POP: &str = "r1 = r6\nkfunc bpf_list_pop_front\nr7 = r0\nr7 += -32\n";
const ADD: &str = "r1 = r6\nr1 += 16\nr2 = r7\nr3 = less ll\nr4 = 0\nr5 = 0\nkfunc bpf_rbtree_add_impl\n";
const FIRST: &str = "r1 = r6\nr1 += 16\nkfunc bpf_rbtree_first\nr7 = r0\n";
const REMOVE: &str = "r1 = r6\nr1 += 16\nr2 = r7\nkfunc bpf_rbtree_remove\nr7 = r0\n";
const STASH: &str = "r1 = r6\nr1 += 32\nr2 = r7\ncall 194\nr7 = r0\n";

#[test]
fn objects_are_zeroes_and_end_when_they_are_dropped() {
    let (mut kernel, map) = machine();
    let body = format!("{NEW}r0 = *(u64 *)(r7 + 56)\n*(u64 *)(r7 + 56) = 5\nr8 = r0\n{DROP}r0 = r8");
    assert_eq!((eval(&mut kernel, map, &body), kernel.made_objects()), (0, 0));
    assert_eq!(eval(&mut kernel, map, "LARGE\nkfunc bpf_obj_new_impl"), 0, "larger than the allocator's");
    assert_eq!(eval(&mut kernel, map, "LARGE\nkfunc bpf_percpu_obj_new_impl"), 0);
    // A load would be forgiven, as the kernel forgives it.
    fails(&format!("{NEW}{DROP}*(u64 *)(r7 + 56) = 1"), "freed");
    fails(&format!("{NEW}{DROP}{DROP}"), "is no object that was made and not dropped");
    fails(&format!("{NEW}*(u64 *)(r7 + 64) = 0"), "past the end");
    fails(&format!("{NEW}r0 = 0"), "is still the program's when it ends");
    fails("r1 = 1\nr2 = 0\nkfunc bpf_obj_new_impl", "is no struct of the program's types");
    fails("r1 = 9999\nr2 = 0\nkfunc bpf_obj_new_impl", "is no struct of the program's types");
}

#[test]
fn what_ends_without_being_dropped_is_freed_all_the_same() {
    let (mut kernel, map) = machine();
    let error = try_run(&mut kernel, map, &format!("{NEW}r0 = 0")).unwrap_err();
    let RunError::Fault(report) = error else { panic!("{error}") };
    // The instruction that made it.
    assert_eq!((report.insn.starts_with("call"), kernel.made_objects()), (true, 0));
}

#[test]
fn a_list_keeps_its_order_and_goes_with_its_value() {
    let (mut kernel, map) = machine();
    let push = |key: u32| format!("{NEW}*(u64 *)(r7 + 56) = {key}\n{PUSH}");
    assert_eq!(eval(&mut kernel, map, &[push(1), push(2), push(3)].concat()), 0);
    assert_eq!(kernel.made_objects(), 3);
    let take = format!("{POP}r8 = *(u64 *)(r7 + 56)\n{DROP}r0 = r8");
    assert_eq!((eval(&mut kernel, map, &take), kernel.made_objects()), (1, 2));
    kernel.map_delete_elem(map, &word(0)).unwrap();
    assert_eq!(kernel.made_objects(), 0);
    kernel.map_update_elem(map, &word(0), &[0; 48], 0).unwrap();
    assert_eq!(eval(&mut kernel, map, "r1 = r6\nkfunc bpf_list_pop_front"), 0);
    assert_eq!(eval(&mut kernel, map, "r1 = r6\nkfunc bpf_list_back"), 0);
    // So it is when the map ends.
    eval(&mut kernel, map, &[push(1), push(2)].concat());
    let leftover = kernel.made_objects();
    kernel.close(map).unwrap();
    assert_eq!(leftover, 2);
}

#[test]
fn a_tree_is_in_order_whatever_was_added_first() {
    let (mut kernel, map) = machine();
    let add = |key: u32| format!("{NEW}*(u64 *)(r7 + 56) = {key}\n{ADD}");
    let keys = [50, 20, 70, 10, 30, 60, 80, 20];
    assert_eq!(eval(&mut kernel, map, &keys.map(add).concat()), 0);
    let take = format!("{FIRST}{REMOVE}r8 = *(u64 *)(r7 + 56)\n{DROP}r0 = r8");
    let taken: Vec<i64> = (0..8).map(|_| eval(&mut kernel, map, &take)).collect();
    assert_eq!((taken, kernel.made_objects()), (vec![10, 20, 20, 30, 50, 60, 70, 80], 0));
    assert_eq!(eval(&mut kernel, map, &FIRST.replace("r7 = r0\n", "")), 0);
    // A node of another tree, or of none, is not removed.
    let stranger = format!("{NEW}r8 = r7\n{REMOVE}r9 = r7\nr7 = r8\n{DROP}r0 = r9");
    assert_eq!(eval(&mut kernel, map, &stranger), 0);
    fails("r1 = r6\nr2 = r10\nr2 += -40\nkfunc bpf_rbtree_remove", "is no node of an object that was made");
    fails(&format!("{NEW}{}", ADD.replace("r2 = r7", "r2 = r7\nr2 += 40")), "is no node of an object");
    fails(&format!("{NEW}{ADD}{NEW}{}", ADD.replace("less ll", "64")), "is no function of the program");
}

#[test]
fn a_counted_object_is_in_two_places_and_ends_with_the_last() {
    let (mut kernel, map) = machine();
    let acquire = "r1 = r7\nr2 = 0\nkfunc bpf_refcount_acquire_impl\nr7 = r0\n";
    let body = format!("{COUNTED}*(u64 *)(r7 + 56) = 9\n{acquire}{PUSH}r8 = r0\n{ADD}r0 |= r8");
    assert_eq!((eval(&mut kernel, map, &body), kernel.made_objects()), (0, 1));
    let from_list = format!("{POP}r8 = *(u64 *)(r7 + 56)\n{DROP}r0 = r8");
    assert_eq!((eval(&mut kernel, map, &from_list), kernel.made_objects()), (9, 1));
    let from_tree = format!("{FIRST}{REMOVE}{DROP}r0 = 0");
    assert_eq!((eval(&mut kernel, map, &from_tree), kernel.made_objects()), (0, 0));
    // What is in a list does not go into one again: the reference that was to go there is dropped.
    let twice = format!("{COUNTED}{acquire}{PUSH}{PUSH}");
    assert_eq!((eval(&mut kernel, map, &twice), kernel.made_objects()), (-22, 1));
    fails(&format!("{NEW}{acquire}"), "is an object without a struct bpf_refcount");
}

#[test]
fn objects_are_put_aside_in_maps() {
    let (mut kernel, map) = machine();
    let stash = |key: u32| {
        format!(
            "{NEW}*(u64 *)(r7 + 56) = {key}\n{STASH}r0 = 0\nif r7 == 0 goto out\nr8 = *(u64 *)(r7 + 56)\n{DROP}r0 = r8\nout:\n"
        )
    };
    assert_eq!([4, 5, 6].map(|key| eval(&mut kernel, map, &stash(key))), [0, 4, 5]);
    assert_eq!(kernel.made_objects(), 1);
    kernel.map_delete_elem(map, &word(0)).unwrap();
    assert_eq!(kernel.made_objects(), 0);
    fails(&format!("{NEW}{STASH}{NEW}{STASH}r0 = 0"), "is still the program's when it ends");
}

#[test]
fn one_for_each_cpu() {
    let (mut kernel, map) = machine();
    let body = "TALLY\nkfunc bpf_percpu_obj_new_impl\nr7 = r0\nr8 = 0\n
         r1 = r7\nr2 = 2\ncall 153\n*(u64 *)(r0 + 0) = 40\n
         r1 = r7\ncall 154\n*(u64 *)(r0 + 0) = 2\n
         r1 = r7\nr2 = 0\ncall 153\nr1 = *(u64 *)(r0 + 0)\nr8 += r1\n
         r1 = r7\nr2 = 2\ncall 153\nr1 = *(u64 *)(r0 + 0)\nr8 += r1\n
         r1 = r7\nr2 = 9\ncall 153\nr8 += r0\n
         r1 = r7\nr2 = 0\nkfunc bpf_percpu_obj_drop_impl\nr0 = r8";
    assert_eq!((eval(&mut kernel, map, body), kernel.made_objects()), (42, 0));
    fails("TALLY\nkfunc bpf_percpu_obj_new_impl\nr0 = *(u64 *)(r0 + 0)", "");
    fails("TALLY\nkfunc bpf_percpu_obj_new_impl\nr1 = r0\nr2 = 0\nkfunc bpf_obj_drop_impl", "is no object");
}

#[test]
fn a_less_function_that_changes_the_tree_is_stopped() {
    // It takes the node that it is compared with out of the tree, whose address is the key.
    let evil = "evil:\nr8 = r2\nr1 = *(u64 *)(r1 + 56)\nr2 = r8\nkfunc bpf_rbtree_remove\nr0 = 1\nexit\n";
    let key = "r9 = r6\nr9 += 16\n*(u64 *)(r7 + 56) = r9\n";
    fails(
        &format!("{NEW}{ADD}{NEW}{key}{}exit\n{evil}r0 = 0", ADD.replace("less", "evil")),
        "the less function changed the tree",
    );
}

#[test]
fn a_program_without_types_makes_nothing() {
    let mut kernel = kernel_with(Config { btf: Some(vmlinux()), ..Config::default() });
    let insns = with_kfuncs("r1 = 1\nr2 = 0\nkfunc bpf_obj_new_impl\nexit");
    let fd = kernel.prog_load(ProgLoad::new("maker", ProgType::SchedCls, insns)).unwrap();
    let error = kernel.run(fd, Run::default()).unwrap_err();
    assert!(error.to_string().contains("was loaded without types"), "{error}");
}
