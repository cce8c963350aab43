//! Helpers over the world that a machine with the bundled types has.

use crate::support::{eval, set_value, value, value_map};
use skep_abi::{Errno, MapType};
use skep_btf::{Kind, TypeId};
use skep_kernel::{Config, Fd, Kernel, MapSpec, PerfEventAttr, Task, vmlinux};

fn machine() -> Kernel {
    Kernel::new(Config { btf: Some(vmlinux::bundled()), ..Config::default() }).expect("address space")
}

fn offset(kernel: &Kernel, of: &str, field: &str) -> u64 {
    let btf = &kernel.btf().expect("types").vmlinux;
    let id = btf.find(Kind::Struct, of).expect(of);
    btf.field(id, field).unwrap_or_else(|error| panic!("{of}.{field}: {error}")).bit_offset / 8
}

fn d_path(kernel: &mut Kernel, buffer: Fd, path: u64) -> String {
    set_value(kernel, buffer, &[0; 128]);
    let text = format!("r1 = {path:#x} ll\nr2 = map[fd:{buffer}][0]+0 ll\nr3 = 128\ncall 147\nexit");
    let len = eval(kernel, &text);
    assert!(len > 0, "{len}");
    String::from_utf8(value(kernel, buffer)[..len as usize - 1].to_vec()).unwrap()
}

#[test]
fn paths_of_files() {
    let mut kernel = machine();
    let buffer = value_map(&mut kernel, 128);
    let f_path = offset(&kernel, "file", "f_path");
    for path in ["/etc/passwd", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/a"] {
        let file = kernel.file(path).unwrap().addr();
        assert_eq!(d_path(&mut kernel, buffer, file + f_path), path);
    }
}

#[test]
fn the_executable_of_the_current_task() {
    let mut kernel = machine();
    kernel.set_task(Task::new(42, 42, "bash"));
    let buffer = value_map(&mut kernel, 128);
    let [mm, exe, f_path] = [("task_struct", "mm"), ("mm_struct", "exe_file"), ("file", "f_path")]
        .map(|(of, field)| offset(&kernel, of, field));
    let text = format!(
        "call 158\nr1 = *(u64 *)(r0 + {mm})\nr1 = *(u64 *)(r1 + {exe})\nr1 += {f_path}\nr2 = map[fd:{buffer}][0]+0 ll
         r3 = 128\ncall 147\nexit"
    );
    let len = eval(&mut kernel, &text) as usize;
    assert_eq!(&value(&kernel, buffer)[..len], b"/usr/bin/bash\0");
}

/// `BPF_CORE_READ(task, real_parent, tgid)` as libbpf spells it, and the same by typed loads.
#[test]
fn the_parents_id() {
    let mut kernel = machine();
    let [parent, tgid] = ["real_parent", "tgid"].map(|field| offset(&kernel, "task_struct", field));
    kernel.current().unwrap().set("real_parent.tgid", 77).unwrap();
    let loads = format!("call 158\nr0 = *(u64 *)(r0 + {parent})\nr0 = *(u32 *)(r0 + {tgid})\nexit");
    assert_eq!(eval(&mut kernel, &loads), 77);
    let probes = format!(
        "call 35\nr3 = r0\nr3 += {parent}\nr1 = r10\nr1 += -8\nr2 = 8\ncall 113\nr3 = *(u64 *)(r10 - 8)\nr3 += {tgid}
         r1 = r10\nr1 += -4\nr2 = 4\ncall 113\nr0 = *(u32 *)(r10 - 4)\nexit"
    );
    assert_eq!(eval(&mut kernel, &probes), 77);
}

#[test]
fn strings_of_the_world() {
    let mut kernel = machine();
    kernel.set_task(Task::new(42, 42, "bash"));
    let buffer = value_map(&mut kernel, 128);
    let comm = offset(&kernel, "task_struct", "comm");
    let text =
        format!("call 35\nr3 = r0\nr3 += {comm}\nr1 = map[fd:{buffer}][0]+0 ll\nr2 = 16\ncall 115\nexit");
    assert_eq!(eval(&mut kernel, &text), 5);
    assert_eq!(&value(&kernel, buffer)[..5], b"bash\0");
    // The arguments, which are in user memory.
    let [mm, start] =
        [("task_struct", "mm"), ("mm_struct", "arg_start")].map(|(of, field)| offset(&kernel, of, field));
    let text = format!(
        "call 158\nr1 = *(u64 *)(r0 + {mm})\nr3 = *(u64 *)(r1 + {start})\nr1 = map[fd:{buffer}][0]+0 ll\nr2 = 128\ncall 114\nexit"
    );
    assert_eq!(eval(&mut kernel, &text), 5);
    assert_eq!(&value(&kernel, buffer)[..5], b"bash\0");
}

#[test]
fn ids_in_the_first_pid_namespace() {
    let mut kernel = machine();
    kernel.set_task(Task::new(43, 42, "bash"));
    let map = value_map(&mut kernel, 8);
    let inum =
        kernel.current().unwrap().get("nsproxy.pid_ns_for_children.ns.inum").unwrap().as_u64().unwrap();
    let text = format!("r1 = 4\nr2 = {inum:#x} ll\nr3 = map[fd:{map}][0]+0 ll\nr4 = 8\ncall 120\nexit");
    assert_eq!(eval(&mut kernel, &text), 0);
    assert_eq!(value(&kernel, map), [43, 0, 0, 0, 42, 0, 0, 0]);
}

#[test]
fn a_task_as_text() {
    let mut kernel = machine();
    let map = value_map(&mut kernel, 4096);
    let TypeId(id) = kernel.btf().unwrap().vmlinux.find(Kind::Struct, "task_struct").unwrap();
    let text = format!(
        "call 158\n*(u64 *)(r10 - 16) = r0\n*(u32 *)(r10 - 8) = {id}\n*(u32 *)(r10 - 4) = 0\nr1 = map[fd:{map}][0]+0 ll
         r2 = 4096\nr3 = r10\nr3 += -16\nr4 = 16\nr5 = 0\ncall 149\nexit"
    );
    assert!(eval(&mut kernel, &text) > 200);
    let shown = String::from_utf8_lossy(&value(&kernel, map)).into_owned();
    assert!(shown.starts_with("(struct task_struct){\n"), "{shown}");
    for line in [" .pid = (pid_t)1000,\n", " .tgid = (pid_t)1000,\n", " .prio = (int)120,\n"] {
        assert!(shown.contains(line), "{line:?} in {shown}");
    }
}

#[test]
fn names_of_addresses_in_print() {
    let mut kernel = machine();
    let map = value_map(&mut kernel, 128);
    let addr = kernel.symbol_address("vfs_read") + 0x1c;
    for (format, expected) in [
        ("%ps", "vfs_read"),
        ("%pS", "vfs_read+0x1c/0x100"),
        ("%pB", "vfs_read+0x1c/0x100"),
        ("[%12ps]", "[    vfs_read]"),
    ] {
        let mut bytes = format.as_bytes().to_vec();
        bytes.resize(8, 0);
        let word = u64::from_le_bytes(bytes.try_into().unwrap());
        let text = format!(
            "r1 = {word:#x} ll\n*(u64 *)(r10 - 8) = r1\nr1 = {addr:#x} ll\n*(u64 *)(r10 - 16) = r1
             r1 = map[fd:{map}][0]+0 ll\nr2 = 128\nr3 = r10\nr3 += -8\nr4 = r10\nr4 += -16\nr5 = 8\ncall 165\nexit"
        );
        assert_eq!(eval(&mut kernel, &text), expected.len() as i64 + 1, "{format}");
        assert_eq!(&value(&kernel, map)[..expected.len()], expected.as_bytes(), "{format}");
    }
    let unknown =
        "r1 = 0x7370250a\n*(u64 *)(r10 - 8) = r1\nr1 = 0x1234\n*(u64 *)(r10 - 16) = r1\nr1 = r10\nr1 += -48
                   r2 = 32\nr3 = r10\nr3 += -8\nr4 = r10\nr4 += -16\nr5 = 8\ncall 165\nexit";
    assert_eq!(eval(&mut kernel, unknown), 8, "\\n0x1234");
}

#[test]
fn types_and_functions_by_name() {
    let mut kernel = machine();
    let map = value_map(&mut kernel, 16);
    let mut name = b"task_struct\0".to_vec();
    name.resize(16, 0);
    set_value(&mut kernel, map, &name);
    let prog = |text: String| skep_kernel::ProgLoad {
        flags: skep_abi::flags::BPF_F_SLEEPABLE,
        ..skep_kernel::ProgLoad::new("names", skep_abi::ProgType::Syscall, crate::support::asm(&text))
    };
    let TypeId(id) = kernel.btf().unwrap().vmlinux.find(Kind::Struct, "task_struct").unwrap();
    let find = format!("r1 = map[fd:{map}][0]+0 ll\nr2 = 12\nr3 = 4\nr4 = 0\ncall 167\nexit");
    let find = kernel.prog_load(prog(find)).unwrap();
    assert_eq!(kernel.run(find, skep_kernel::Run::default()).unwrap().r0, u64::from(id));
    let addr = kernel.symbol_address("vfs_read");
    set_value(&mut kernel, map, b"vfs_read\0\0\0\0\0\0\0\0");
    let look = format!(
        "r1 = map[fd:{map}][0]+0 ll\nr2 = 9\nr3 = 0\nr4 = r10\nr4 += -8\ncall 179\nr1 = *(u64 *)(r10 - 8)\nr0 = r1\nexit"
    );
    let look = kernel.prog_load(prog(look)).unwrap();
    assert_eq!(kernel.run(look, skep_kernel::Run::default()).unwrap().r0, addr);
}

#[test]
fn kernel_threads() {
    let mut kernel = machine();
    kernel.current().unwrap().set("flags", 0x20_0000).unwrap();
    assert_eq!(eval(&mut kernel, "r1 = 9\ncall 109\nexit"), Errno::EPERM.neg(), "no signals");
    let stack = |flags: u64| format!("r2 = r10\nr2 += -64\nr3 = 64\nr4 = {flags}\ncall 67\nexit");
    assert_eq!(eval(&mut kernel, &stack(1 << 8)), 0, "no user stack");
    assert!(eval(&mut kernel, &stack(0)) > 0);
    kernel.current().unwrap().set("flags", 0).unwrap();
    assert!(eval(&mut kernel, &stack(1 << 8)) > 0);
}

#[test]
fn a_packet_of_the_kernel_in_a_sample() {
    let mut kernel = machine();
    let events = kernel.map_create(&MapSpec::new(MapType::PerfEventArray, 4, 4, 4)).unwrap();
    let event = kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).unwrap();
    let ring = kernel.perf_mmap(event, 1).unwrap();
    kernel.map_update_elem(events, &[0; 4], &event.0.to_le_bytes(), 0).unwrap();
    let packet: Vec<u8> = (100..160).collect();
    let skb = kernel.sk_buff(&packet).unwrap().addr();
    let text = format!(
        "r1 = {skb:#x} ll\nr2 = map[fd:{events}] ll\nr3 = {:#x} ll\nr4 = r10\nr4 += -4\n*(u32 *)(r10 - 4) = 7\nr5 = 4
         call 111\nexit",
        46u64 << 32
    );
    assert_eq!(eval(&mut kernel, &text), 0);
    let mut bytes = vec![0; ring.data_head(kernel.memory()) as usize];
    ring.read_at(kernel.memory(), 0, &mut bytes);
    assert_eq!(bytes[16..62], packet[14..], "from the network header on");
}
