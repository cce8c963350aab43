//! The real libbpf on the emulated kernel, as an ordinary user.
#![expect(unsafe_code, reason = "libbpf is C")]

mod fixtures;
mod low;
mod object;
mod objects;
mod readers;

use object::Object;
use skep_compat::Machine;
use skep_kernel::{Config, Kernel, PERF_TYPE_KPROBE, Verifier, vmlinux};

/// A kernel as the fixtures want it, which shows of itself what libbpf reads.
fn machine() -> Machine {
    let config = Config { btf: Some(vmlinux::bundled()), ..Config::default() };
    let cpus = format!("0-{}\n", config.cpus - 1);
    let mut kernel = Kernel::new(config).unwrap();
    kernel.set_verifier(Box::new(Verifier::default()));
    let machine = Machine::start(kernel);
    skep_compat::show("/sys/devices/system/cpu/possible", cpus.as_bytes());
    skep_compat::show("/sys/devices/system/cpu/online", cpus.as_bytes());
    skep_compat::show("/sys/kernel/btf/vmlinux", &vmlinux::bundled().vmlinux.to_bytes());
    skep_compat::show(
        "/proc/config.gz",
        b"CONFIG_HZ=250\nCONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=y\nCONFIG_SMP=y\n",
    );
    skep_compat::show(
        "/sys/bus/event_source/devices/kprobe/type",
        format!("{PERF_TYPE_KPROBE}\n").as_bytes(),
    );
    skep_compat::show("/sys/bus/event_source/devices/kprobe/format/retprobe", b"config:0\n");
    skep_compat::show("/proc/kallsyms", kallsyms(&machine).as_bytes());
    let switch = machine.with(|it| it.kernel_mut().tracepoint_id("sched/sched_switch")).unwrap();
    skep_compat::show("/sys/kernel/tracing/events/sched/sched_switch/id", format!("{switch}\n").as_bytes());
    machine
}

/// What the fixtures ask for, where the kernel has it.
fn kallsyms(machine: &Machine) -> String {
    let address = |name: &str| machine.with(|it| it.kernel_mut().ksym(name));
    let names = ["_stext", "init_task", "runqueues", "do_unlinkat"];
    names.iter().filter_map(|name| Some(format!("{:x} T {name}\n", address(name)?))).collect()
}
