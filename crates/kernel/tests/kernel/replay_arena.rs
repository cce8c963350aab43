//! Arenas: which maps Linux 6.18 makes, what it answered to programs that take pages and give them back, and what casts of
//! pointers came to.

use crate::support::{asm, hex, kernel_with, recording, value, vmlinux, with_kfuncs};
use serde::Deserialize;
use skep_abi::flags::{BPF_F_MMAPABLE, BPF_F_SEGV_ON_FAULT, BPF_F_SLEEPABLE};
use skep_abi::{Errno, MapType, ProgType};
use skep_btf::Kind;
use skep_isa::Insn;
use skep_kernel::{Class, Config, Fd, Kernel, MapSpec, ProgLoad, Run};

#[derive(Deserialize)]
struct Recording {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Case {
    /// Flags, pages, `map_extra`, sizes of keys and values.
    Create {
        create: (u32, u32, u64, u32, u32),
        errno: i32,
    },
    Run(Asked),
}

#[derive(Deserialize)]
struct Asked {
    name: String,
    /// Flags, pages, `map_extra`.
    arena: (u32, u32, u64),
    insns: String,
    calls: Vec<String>,
    /// What the program left in a map.
    words: Vec<u64>,
}

/// To the kernel, NULL is the first page of an arena at a multiple of 4 GiB, and the first page is NULL.
const FIXME: &str = "there and back at the first page of 4 GiB";

const START: u64 = 1 << 44;
const PAGE: u64 = 4096;

fn spec(flags: u32, pages: u32, start: u64) -> MapSpec {
    MapSpec { map_extra: start, ..MapSpec::new(MapType::Arena, 0, 0, pages).with_flags(flags) }
}

fn machine() -> Kernel {
    kernel_with(Config { btf: Some(vmlinux()), ..Config::default() })
}

impl Asked {
    fn replay(&self, kernel: &mut Kernel) -> Result<Vec<u64>, String> {
        let (flags, pages, start) = self.arena;
        let arena = kernel.map_create(&spec(flags, pages, start)).map_err(|error| error.to_string())?;
        let words = kernel.map_create(&MapSpec::new(MapType::Array, 4, 64, 1)).expect("a map");
        let btf = vmlinux().vmlinux;
        let mut insns = Insn::from_slice(&hex(&self.insns)).expect("whole instructions");
        for insn in insns.iter_mut().filter(|it| it.code == 0x18 && matches!(it.src, 1 | 2)) {
            insn.imm = [arena, words][insn.imm as usize].0;
        }
        for (insn, name) in insns.iter_mut().filter(|it| it.code == 0x85).zip(&self.calls) {
            insn.imm = btf.find(Kind::Func, name).unwrap_or_else(|| panic!("{name}")).0 as i32;
        }
        let load = ProgLoad { flags: BPF_F_SLEEPABLE, ..ProgLoad::new("recorded", ProgType::Syscall, insns) };
        let prog = kernel.prog_load(load).map_err(|error| error.to_string())?;
        kernel.run(prog, Run::default()).map_err(|error| error.to_string())?;
        let found = value(kernel, words);
        for fd in [prog, arena, words] {
            kernel.close(fd).expect("an open descriptor");
        }
        Ok(found.chunks(8).map(|it| u64::from_le_bytes(it.try_into().unwrap())).collect())
    }
}

/// Functions that return int leave the upper half of r0 as it comes.
fn same(ours: u64, theirs: u64) -> bool {
    ours == theirs || (theirs >> 32 == 0 && ours == theirs as i32 as u64)
}

#[test]
fn arenas_are_as_on_linux() {
    let recording: Recording = recording("kernel-arena.json");
    let mut kernel = machine();
    let mut wrong = Vec::new();
    for case in &recording.cases {
        match case {
            Case::Create { create: (flags, pages, extra, key, value), errno } => {
                let spec = MapSpec { key_size: *key, value_size: *value, ..spec(*flags, *pages, *extra) };
                let ours = kernel.map_create(&spec);
                let answer = ours.as_ref().map_or_else(|error| error.errno().neg() as i32, |_| 0);
                if answer != *errno {
                    wrong.push(format!("create {spec:?}: {answer}, Linux {errno}"));
                }
                let _ = ours.map(|fd| kernel.close(fd));
            }
            Case::Run(asked) => match asked.replay(&mut kernel) {
                Ok(ours) if ours.iter().zip(&asked.words).all(|(ours, theirs)| same(*ours, *theirs)) => {
                    assert_ne!(asked.name, FIXME);
                }
                other if asked.name != FIXME => {
                    wrong.push(format!("{}: {other:x?}, Linux {:x?}", asked.name, asked.words));
                }
                _ => {}
            },
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(recording.cases.len() > 40);
}

/// A program that has the arena in r6 and its pages in r7, and returns r0.
fn program(kernel: &mut Kernel, arena: Fd, body: &str) -> Fd {
    let text = format!(
        "r1 = 0 ll\nr2 = 0\nr3 = 1\nr4 = -1\nr5 = 0\nkfunc bpf_arena_alloc_pages\nr7 = r0\n{body}\nexit"
    );
    let mut insns = with_kfuncs(&text);
    (insns[0].src, insns[0].imm) = (1, arena.0);
    // `r8 = r7` and `r9 = r8` stand for casts of pages to memory and back.
    for insn in insns.iter_mut().filter(|it| it.code == 0xbf) {
        match (insn.dst, insn.src) {
            (8, 7) => (insn.off, insn.imm) = (1, 1),
            (9, 8) => (insn.off, insn.imm) = (1, 1 << 16),
            _ => {}
        }
    }
    let load = ProgLoad { flags: BPF_F_SLEEPABLE, ..ProgLoad::new("pages", ProgType::Syscall, insns) };
    kernel.prog_load(load).unwrap()
}

#[test]
fn a_program_and_user_space_see_the_same_bytes() {
    let mut kernel = machine();
    let arena = kernel.map_create(&spec(BPF_F_MMAPABLE, 4, 0)).unwrap();
    kernel.arena_write(arena, PAGE + 4090, b"hello, arena").unwrap();
    // What user space touched is taken, on both pages; the program gets the last of the others.
    let body = "r8 = r7\n*(u64 *)(r8 + 8) = 42\nr9 = r8\nr0 = r9";
    let prog = program(&mut kernel, arena, body);
    let page = kernel.run(prog, Run::default()).unwrap().r0;
    let start = kernel.map(arena).unwrap().arena().unwrap().user_start();
    assert_eq!((page - start) / PAGE, 3);
    let mut word = [0; 8];
    kernel.arena_read(arena, 3 * PAGE + 8, &mut word).unwrap();
    assert_eq!(u64::from_le_bytes(word), 42);
    let mut text = [0; 12];
    kernel.arena_read(arena, PAGE + 4090, &mut text).unwrap();
    assert_eq!(&text, b"hello, arena");
    assert_eq!(kernel.map(arena).unwrap().arena().unwrap().present(), 3);
    assert_eq!(kernel.arena_read(arena, 4 * PAGE, &mut word), Err(Errno::EFAULT));
    assert_eq!(kernel.arena_read(arena, 4 * PAGE - 4, &mut word), Err(Errno::EFAULT));
    assert_eq!(kernel.arena_write(arena, u64::MAX, &word), Err(Errno::EFAULT));
    assert_eq!(kernel.arena_write(prog, 0, &word), Err(Errno::EINVAL));
    assert_eq!(kernel.map_lookup_elem(arena, &[]), Err(Errno::EINVAL));
    assert_eq!(kernel.map_delete_elem(arena, &[]), Err(Errno::EOPNOTSUPP));
    let strict = kernel.map_create(&spec(BPF_F_MMAPABLE | BPF_F_SEGV_ON_FAULT, 4, 0)).unwrap();
    assert_eq!(kernel.arena_write(strict, 0, &word), Err(Errno::EFAULT));
}

#[test]
fn stores_to_pages_that_are_not_there_are_faults() {
    let mut kernel = machine();
    let arena = kernel.map_create(&spec(BPF_F_MMAPABLE, 4, START)).unwrap();
    let fault = |kernel: &mut Kernel, body: &str| {
        let prog = program(kernel, arena, body);
        let error = kernel.run(prog, Run::default()).unwrap_err();
        assert_eq!(error.class(), Class::ProgramFault);
        error.to_string()
    };
    let text = fault(&mut kernel, "r8 = r7\nr8 += 4096\n*(u64 *)(r8 + 0) = 1\nr0 = 0");
    assert!(text.contains("store of 8 bytes"), "{text}");
    let text = fault(&mut kernel, "r7 = 0x100070000000 ll\nr8 = r7\n*(u64 *)(r8 + 0) = 1\nr0 = 0");
    assert!(text.contains("nothing is mapped there"), "{text}");
    for load in ["r8 = r7\nr8 += 4096\n", "r7 = 0x100070000000 ll\nr8 = r7\n"] {
        let read = program(&mut kernel, arena, &format!("{load}r0 = *(u64 *)(r8 + 0)"));
        let ran = kernel.run(read, Run::default()).unwrap();
        assert_eq!((ran.r0, ran.notes.len()), (0, 1));
    }
}

#[test]
fn a_cast_needs_an_arena_and_a_program_has_one() {
    let mut kernel = machine();
    let mut insns = asm("r8 = 64\nr8 = r8\nr0 = r8\nexit");
    (insns[1].off, insns[1].imm) = (1, 1);
    let prog = kernel.prog_load(ProgLoad::new("cast", ProgType::SchedCls, insns)).unwrap();
    let error = kernel.run(prog, Run::default()).unwrap_err();
    assert!(error.to_string().contains("without an arena"), "{error}");
    let two = [0, 1].map(|_| kernel.map_create(&spec(BPF_F_MMAPABLE, 1, 0)).unwrap());
    let text = format!("r1 = map[fd:{}] ll\nr2 = map[fd:{}] ll\nr0 = 0\nexit", two[0], two[1]);
    let error = kernel.prog_load(ProgLoad::new("two", ProgType::SchedCls, asm(&text))).unwrap_err();
    assert_eq!(error.errno, Errno::EBUSY);
}
