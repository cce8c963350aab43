//! The live kernel: run with `cargo test -p skep-oracle -- --ignored`, as root. The recordings under `fixtures/` are what
//! the ordinary tests use.

use skep_isa::asm::assemble;
use skep_oracle::sys::{MapCreate, ProgLoad, kernel_release};
use skep_oracle::{cases, meaning, raw};
use skep_testkit::insn_cases::{cases_dir, load_cases};

#[test]
#[ignore = "asks the live kernel"]
fn map_calls() {
    let create = MapCreate { kind: 1, key_size: 4, value_size: 8, max_entries: 2, ..MapCreate::default() };
    let map = create.create().unwrap();
    let errno = |result: std::io::Result<()>| result.unwrap_err().raw_os_error();
    let [a, b, c] = [1u32, 2, 3].map(u32::to_ne_bytes);
    map.update(&a, &[1; 8], 0).unwrap();
    assert_eq!(errno(map.update(&a, &[2; 8], 1)), Some(libc::EEXIST));
    assert_eq!(errno(map.update(&b, &[2; 8], 2)), Some(libc::ENOENT));
    map.update(&b, &[2; 8], 1).unwrap();
    assert_eq!(errno(map.update(&c, &[3; 8], 0)), Some(libc::E2BIG));
    assert_eq!(errno(map.update(&c[..3], &[3; 8], 0)), Some(libc::EINVAL));
    assert_eq!(map.lookup(&b, 0).unwrap(), [2; 8]);
    let first = map.next_key(None).unwrap();
    let second = map.next_key(Some(&first)).unwrap();
    assert_ne!(first, second);
    assert_eq!(errno(map.next_key(Some(&second)).map(drop)), Some(libc::ENOENT));
    map.delete(&b).unwrap();
    assert_eq!(errno(map.lookup(&b, 0).map(drop)), Some(libc::ENOENT));
}

#[test]
#[ignore = "asks the live kernel"]
fn a_rejection_carries_the_verifiers_words() {
    let insns = assemble("r0 = r5\nexit").unwrap();
    let load = ProgLoad { prog_type: 1, insns: &insns, license: "GPL", log_level: 1, ..ProgLoad::default() };
    let rejected = load.load().unwrap_err();
    assert_eq!((rejected.errno, rejected.message()), (libc::EACCES, "R5 !read_ok"));
    assert!(rejected.log.contains("processed 1 insns"), "{}", rejected.log);
}

#[test]
#[ignore = "asks the live kernel"]
fn raw_programs_give_all_of_r0_and_the_memory() {
    let insns = assemble("r0 = 0x123456789abcdef0 ll\n*(u8 *)(r1 + 1) = 7\nr0 += r2\nexit").unwrap();
    let outcome = raw::run(&insns, &[1, 2, 3]).unwrap();
    assert_eq!((outcome.r0, outcome.memory), (0x1234_5678_9abc_def3, vec![1, 7, 3]));
}

/// What was recorded from a kernel of the same version is what this one says.
#[test]
#[ignore = "asks the live kernel"]
fn recordings_are_current() {
    let recording = include_str!("../../../fixtures/oracle/meaning.txt");
    let (header, body) = recording.split_once('\n').unwrap();
    if !header.contains(&kernel_release()) {
        println!("skipped: recorded from another kernel: {header}");
        return;
    }
    assert!(meaning::record().unwrap() == body, "record it again");
    for case in load_cases(&cases_dir()).unwrap() {
        let mut again = case.clone();
        assert_eq!(cases::record(&mut again).unwrap(), None, "{}", case.id());
        assert_eq!(again.to_string(), case.to_string());
    }
}
