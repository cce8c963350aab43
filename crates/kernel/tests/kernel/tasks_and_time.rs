//! What a program learns of the machine: task, CPU, clocks, randomness; and what it prints.

use crate::support::{eval, kernel, load, set_value, value, value_map};
use skep_abi::ProgType;
use skep_kernel::{Clock, Config, Context, Kernel, PtRegs, Run, Task};

#[test]
fn the_current_task() {
    let task = Task { uid: 5, gid: 6, ..Task::new(1234, 1200, "worker") };
    let mut kernel = Kernel::new(Config { task, ..Config::default() }).unwrap();
    assert_eq!(eval(&mut kernel, "call 14\nexit"), 1200 << 32 | 1234);
    assert_eq!(eval(&mut kernel, "call 15\nexit"), 6 << 32 | 5);
    kernel.set_task(Task::new(1, 2, "init"));
    assert_eq!(eval(&mut kernel, "call 14\nexit"), 2 << 32 | 1);
    assert_eq!(eval(&mut kernel, "call 15\nexit"), 0);
}

#[test]
fn cgroups() {
    let task = Task { cgroups: vec![1, 40, 41], ..Task::new(1, 1, "x") };
    let mut kernel = Kernel::new(Config { task, ..Config::default() }).unwrap();
    assert_eq!(eval(&mut kernel, "call 80\nexit"), 41);
    for (level, id) in [(0, 1), (1, 40), (2, 41), (3, 0), (-1, 0)] {
        assert_eq!(eval(&mut kernel, &format!("r1 = {level}\ncall 123\nexit")), id, "level {level}");
    }
}

#[test]
fn the_probed_function() {
    let mut kernel = kernel();
    let prog = load(&mut kernel, ProgType::Kprobe, "call 173\nexit");
    let regs = PtRegs { rip: 0xffff_ffff_8123_4560, ..PtRegs::call(&[]) };
    assert_eq!(kernel.run(prog, Run::new(Context::Regs(regs))).unwrap().r0, 0xffff_ffff_8123_4560);
    let error = kernel.run(prog, Run::new(Context::None)).unwrap_err();
    assert_eq!(error.class(), skep_kernel::Class::NotEmulated);
}

#[test]
fn the_command_name_is_cut_and_padded() {
    let mut kernel = Kernel::new(Config { task: Task::new(1, 1, "worker"), ..Config::default() }).unwrap();
    let out = value_map(&mut kernel, 20);
    for (size, expected) in [
        (20, b"worker\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
        (7, b"worker\0".to_vec()),
        (4, b"wor\0".to_vec()),
        (1, vec![0]),
    ] {
        set_value(&mut kernel, out, &[0xaa; 20]);
        let text = format!("r1 = map[fd:{out}][0]+0 ll\nr2 = {size}\ncall 16\nexit");
        assert_eq!(eval(&mut kernel, &text), 0);
        let mut wanted = expected;
        wanted.resize(20, 0xaa);
        assert_eq!(value(&kernel, out), wanted, "{size}");
    }
}

#[test]
fn clocks_go_by_steps() {
    let clock =
        Clock { monotonic_ns: 5_000_000_000, step_ns: 1_500_000, suspended_ns: 7, tai_offset_ns: 1_000 };
    let mut kernel = Kernel::new(Config { clock, ..Config::default() }).unwrap();
    assert_eq!(eval(&mut kernel, "call 5\nexit"), 5_000_000_000);
    assert_eq!(eval(&mut kernel, "call 5\nexit"), 5_001_500_000);
    assert_eq!(eval(&mut kernel, "call 125\nexit"), 5_003_000_007, "boot");
    assert_eq!(eval(&mut kernel, "call 208\nexit"), 5_004_501_000, "tai");
    assert_eq!(eval(&mut kernel, "call 160\nexit"), 5_004_000_000, "coarse");
    assert_eq!(eval(&mut kernel, "call 118\nexit"), 4_294_892_296 + 1251, "jiffies");
    kernel.set_clock(Clock { step_ns: 0, ..clock });
    assert_eq!(eval(&mut kernel, "call 5\nr6 = r0\ncall 5\nr0 -= r6\nexit"), 0, "it stands");
}

#[test]
fn cpus_and_nodes() {
    let mut kernel = kernel();
    let prog =
        load(&mut kernel, ProgType::RawTracepoint, "call 8\nr6 = r0\ncall 42\nr0 <<= 8\nr0 |= r6\nexit");
    for cpu in 0..4 {
        assert_eq!(kernel.run(prog, Run::new(Context::None).on(cpu)).unwrap().r0, u64::from(cpu));
    }
    let error = kernel.run(prog, Run::new(Context::None).on(4)).unwrap_err();
    assert_eq!(error.to_string(), "bad input: there is no CPU 4: the machine has 4");
    assert!(Kernel::new(Config { cpus: 0, ..Config::default() }).is_err());
    assert!(Kernel::new(Config { cpus: 257, ..Config::default() }).is_err());
}

#[test]
fn randomness_is_a_function_of_seed_and_cpu() {
    let draw = |seed, cpu| {
        let mut kernel = Kernel::new(Config { seed, ..Config::default() }).unwrap();
        let prog =
            load(&mut kernel, ProgType::RawTracepoint, "call 7\nr6 = r0\ncall 7\nr0 <<= 32\nr0 |= r6\nexit");
        kernel.run(prog, Run::new(Context::None).on(cpu)).unwrap().r0
    };
    assert_eq!(draw(1, 0), draw(1, 0));
    assert_ne!(draw(1, 0), draw(2, 0));
    assert_ne!(draw(1, 0), draw(1, 1));
    assert_ne!(draw(1, 0) as u32, (draw(1, 0) >> 32) as u32);
}

#[test]
fn the_attach_cookie() {
    let mut kernel = kernel();
    let prog = load(&mut kernel, ProgType::Kprobe, "call 174\nexit");
    let run = Run { cookie: 0xc00c1e, ..Run::new(Context::Regs(PtRegs::call(&[]))) };
    assert_eq!(kernel.run(prog, run).unwrap().r0, 0xc00c1e);
}

#[test]
fn printing_goes_to_the_log() {
    let clock = Clock { monotonic_ns: 12_000_345_678, ..Clock::default() };
    let task = Task::new(77, 70, "cat");
    let mut kernel = Kernel::new(Config { clock, task, ..Config::default() }).unwrap();
    let format = value_map(&mut kernel, 16);
    let text = format!("r1 = map[fd:{format}][0]+0 ll\nr2 = 16\nr3 = 5\nr4 = -1\nr5 = 0x41\ncall 6\nexit");
    let prog = load(&mut kernel, ProgType::Kprobe, &text);
    for (text, printed) in
        [("a=%d b=%d %c", Some("a=5 b=-1 A")), ("no NUL in here!!", None), ("%d%d%d%d", None)]
    {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(16, 0);
        set_value(&mut kernel, format, &bytes);
        let ran = kernel.run(prog, Run::new(Context::Regs(PtRegs::call(&[]))).on(2)).unwrap();
        assert_eq!(ran.r0 as i64, printed.map_or(-22, |it| it.len() as i64), "{text}");
    }
    let lines: Vec<_> = kernel.trace_log().iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["             cat-77      [002] ...11    12.000346: bpf_trace_printk: a=5 b=-1 A"]);
    assert_eq!(kernel.take_trace_log().len(), 1);
    assert!(kernel.trace_log().is_empty());
}

/// The event's text is a C string; what the helper returns counts beyond its end.
#[test]
fn a_nul_ends_the_line() {
    let mut kernel = kernel();
    let format = value_map(&mut kernel, 16);
    set_value(&mut kernel, format, b"ab%cde\0\0\0\0\0\0\0\0\0\0");
    let text = format!("r1 = map[fd:{format}][0]+0 ll\nr2 = 16\nr3 = 0\ncall 6\nexit");
    assert_eq!(eval(&mut kernel, &text), 5);
    assert_eq!(kernel.trace_log()[0].message(), "ab");
}

#[test]
fn vprintk_takes_its_arguments_from_memory() {
    let mut kernel = kernel();
    let format = value_map(&mut kernel, 32);
    set_value(&mut kernel, format, b"%d %d %d %d %d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let text = |len: u32| {
        let stores: String = (0..5).map(|i| format!("*(u64 *)(r10 - {}) = {i}\n", 40 - i * 8)).collect();
        format!(
            "{stores}r1 = map[fd:{format}][0]+0 ll\nr2 = 32\nr3 = r10\nr3 += -40\nr4 = {len}\ncall 177\nexit"
        )
    };
    assert_eq!(eval(&mut kernel, &text(40)), 9);
    assert_eq!(kernel.trace_log()[0].message(), "0 1 2 3 4");
    for len in [32, 39, 104] {
        assert_eq!(eval(&mut kernel, &text(len)), -22, "{len}");
    }
}

/// A pointer is printed as a number that does not tell where it points, but tells pointers apart.
#[test]
fn pointers_are_hashed() {
    let print = |seed, addr: u64| {
        let mut kernel = Kernel::new(Config { seed, ..Config::default() }).unwrap();
        let format = value_map(&mut kernel, 8);
        set_value(&mut kernel, format, b"%p\0\0\0\0\0\0");
        eval(&mut kernel, &format!("r1 = map[fd:{format}][0]+0 ll\nr2 = 8\nr3 = {addr:#x} ll\ncall 6\nexit"));
        kernel.trace_log()[0].message()
    };
    let shown = print(1, 0xffff_ffff_8000_1234);
    assert!(shown.starts_with("00000000") && shown.len() == 16 && !shown.contains("1234"), "{shown}");
    assert_eq!(shown, print(1, 0xffff_ffff_8000_1234));
    assert_ne!(shown, print(2, 0xffff_ffff_8000_1234));
    assert_ne!(shown, print(1, 0xffff_ffff_8000_1235));
}
