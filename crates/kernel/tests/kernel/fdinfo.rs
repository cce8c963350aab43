//! `/proc/self/fdinfo`, as Linux 6.18 has it on a machine with two CPUs.

use crate::support::kernel_with;
use expect_test::expect;
use skep_abi::MapType::{self, *};
use skep_abi::flags::*;
use skep_abi::{Errno, ProgType};
use skep_kernel::{Config, Fd, Kernel, MapSpec, PerfEventAttr, ProgLoad};

fn kernel() -> Kernel {
    kernel_with(Config { cpus: 2, ..Config::default() })
}

fn field(kernel: &Kernel, fd: Fd, name: &str) -> String {
    let text = kernel.fdinfo(fd).unwrap();
    let line = text.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(":\t"));
    line.unwrap_or_else(|| panic!("{name} in {text}")).to_owned()
}

/// Type, sizes of key and value, entries, flags, and what Linux 6.18.44 says that it takes.
#[rustfmt::skip]
const MEMORY: &[(MapType, u32, u32, u32, u32, u64)] = &[
    (Array, 4, 8, 3, 0, 336), (Array, 4, 5, 1000, 0, 8312), (Array, 4, 8, 3, BPF_F_MMAPABLE, 8192),
    (Array, 4, 600, 30, BPF_F_MMAPABLE, 24576), (PercpuArray, 4, 8, 3, 0, 384), (PercpuArray, 4, 13, 5, 0, 512),
    (ProgArray, 4, 4, 7, 0, 368), (PerfEventArray, 4, 4, 7, 0, 368), (CgroupArray, 4, 4, 7, 0, 368),
    (Hash, 4, 8, 16, 0, 2320), (Hash, 4, 8, 16, BPF_F_NO_PREALLOC, 1152), (Hash, 5, 9, 17, 0, 2792),
    (Hash, 5, 9, 17, BPF_F_NO_PREALLOC, 1408), (PercpuHash, 4, 8, 16, 0, 2432),
    (PercpuHash, 4, 9, 16, BPF_F_NO_PREALLOC, 1152), (PercpuHash, 3, 9, 5, 0, 1504), (LruHash, 4, 8, 16, 0, 2176),
    (LruHash, 4, 8, 1000, 0, 81280), (LruHash, 4, 8, 1000, BPF_F_NO_COMMON_LRU, 81280),
    (LruHash, 7, 3, 10, BPF_F_NO_COMMON_LRU, 1792), (LruPercpuHash, 4, 8, 16, 0, 2432),
    (LruPercpuHash, 7, 3, 100, BPF_F_NO_COMMON_LRU, 10944), (LpmTrie, 8, 4, 16, BPF_F_NO_PREALLOC, 0),
    (Queue, 0, 4, 3, 0, 328), (Queue, 0, 12, 100, 0, 1524), (Stack, 0, 12, 100, 0, 1524),
    (Ringbuf, 0, 0, 4096, 0, 16728), (Ringbuf, 0, 0, 65536, 0, 78408), (UserRingbuf, 0, 0, 65536, 0, 78408),
    (BloomFilter, 0, 4, 100, 0, 440), (BloomFilter, 0, 12, 1, 0, 320), (BloomFilter, 0, 12, 100_000, 0, 131_384),
    (StackTrace, 4, 80, 16, 0, 1984), (StackTrace, 4, 1016, 1000, 0, 1_040_512),
    (StackTrace, 4, 64, 16, BPF_F_STACK_BUILD_ID, 1728), (Devmap, 4, 4, 8, 0, 408), (DevmapHash, 4, 4, 8, 0, 408),
    (DevmapHash, 4, 8, 100, 0, 1368), (Cpumap, 4, 4, 2, 0, 320), (Xskmap, 4, 4, 8, 0, 368), (Sockmap, 4, 4, 8, 0, 440),
    (Sockmap, 4, 8, 100, 0, 1176), (Sockhash, 4, 4, 1, 0, 400), (Sockhash, 4, 4, 8, 0, 512),
    (Sockhash, 20, 8, 100, 0, 2432), (ReuseportSockarray, 4, 8, 8, 0, 360), (Arena, 0, 0, 4, BPF_F_MMAPABLE, 0),
];

#[test]
fn memory_of_maps() {
    let mut kernel = kernel();
    for &(kind, key, value, entries, flags, expected) in MEMORY {
        let spec = MapSpec::new(kind, key, value, entries).with_flags(flags);
        let fd = kernel.map_create(&spec).unwrap_or_else(|error| panic!("{spec:?}: {error}"));
        assert_eq!(field(&kernel, fd, "memlock"), expected.to_string(), "{spec:?}");
        kernel.close(fd).unwrap();
    }
    for (kind, expected) in [(ArrayOfMaps, "336"), (HashOfMaps, "1168")] {
        let spec = MapSpec::new(kind, 4, 4, 3).with_inner(MapSpec::new(Array, 4, 8, 1));
        let fd = kernel.map_create(&spec).unwrap();
        assert_eq!(field(&kernel, fd, "memlock"), expected);
    }
}

#[test]
fn memory_grows_where_elements_are_made_one_by_one() {
    let mut kernel = kernel();
    let specs = [(Hash, 4, 8), (LpmTrie, 8, 4), (PercpuHash, 4, 8)];
    let maps = specs.map(|(kind, key, value)| {
        let spec = MapSpec::new(kind, key, value, 16).with_flags(BPF_F_NO_PREALLOC);
        kernel.map_create(&spec).unwrap()
    });
    for index in 0..3u8 {
        kernel.map_update_elem(maps[0], &[index, 0, 0, 0], &[1; 8], 0).unwrap();
        kernel.map_update_elem(maps[1], &[32, 0, 0, 0, 1, 0, 0, index], &[1; 4], 0).unwrap();
        kernel.map_update_elem(maps[2], &[index, 0, 0, 0], &[1; 16], 0).unwrap();
    }
    assert_eq!(maps.map(|it| field(&kernel, it, "memlock")), ["1368", "96", "1464"]);
}

#[test]
fn texts() {
    let mut kernel = kernel();
    let map = kernel
        .map_create(&MapSpec::new(Hash, 4, 8, 16).with_flags(BPF_F_NO_PREALLOC | BPF_F_RDONLY))
        .unwrap();
    expect![[r#"
        pos:	0
        flags:	02000000
        mnt_id:	15
        ino:	1
        map_type:	1
        key_size:	4
        value_size:	8
        max_entries:	16
        map_flags:	0x1
        map_extra:	0x0
        memlock:	1152
        map_id:	1
        frozen:	0
    "#]]
    .assert_eq(&kernel.fdinfo(map).unwrap());
    let table = kernel.map_create(&MapSpec::new(ProgArray, 4, 4, 1)).unwrap();
    let insns = crate::support::asm("r0 = 0\nexit");
    let prog = kernel.prog_load(ProgLoad::new("p", ProgType::Xdp, insns)).unwrap();
    kernel.map_update_elem(table, &[0; 4], &prog.0.to_le_bytes(), 0).unwrap();
    assert!(kernel.fdinfo(table).unwrap().ends_with("frozen:\t0\nowner_prog_type:\t6\nowner_jited:\t0\n"));
    // Linux 6.18.44 says this of the same program, but that it compiled it, and its own numbers.
    let insns = crate::support::asm("r0 = 0\nexit");
    let filter = kernel.prog_load(ProgLoad::new("p", ProgType::SocketFilter, insns)).unwrap();
    expect![[r#"
        prog_type:	1
        prog_jited:	0
        prog_tag:	59f4a931744dcdc6
        memlock:	4096
        prog_id:	2
        run_time_ns:	0
        run_cnt:	0
        recursion_misses:	0
        verified_insns:	0
    "#]]
    .assert_eq(kernel.fdinfo(filter).unwrap().split_once("ino:\t1\n").unwrap().1);
    let event = kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).unwrap();
    kernel.set_cloexec(event, false).unwrap();
    assert_eq!(kernel.fdinfo(event).unwrap(), "pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t1\n");
    assert_eq!(kernel.fdinfo(Fd(99)), Err(Errno::EBADF));
}

#[test]
fn tokens_and_types() {
    let mut kernel = kernel_with(Config { btf: Some(skep_kernel::vmlinux::bundled()), ..Config::default() });
    let types = kernel.fd_by_id(skep_kernel::Noun::Btf, 1, 0).unwrap();
    assert_eq!(field(&kernel, types, "flags"), "02000000");
    assert_eq!(field(&kernel, types, "btf_id"), "1");
    let userns = kernel.unshare_user();
    kernel.mkdir("/tmp/t", 0o755).unwrap();
    kernel.set_credentials(skep_kernel::Credentials::ROOT);
    let options = "delegate_cmds=any,delegate_maps=0x3,delegate_progs=xdp";
    kernel.mount_bpffs_for(userns, "/tmp/t", options).unwrap();
    kernel.set_credentials(skep_kernel::Credentials { userns, ..skep_kernel::Credentials::ROOT });
    let root = kernel.open_dir("/tmp/t").unwrap();
    let token = kernel.token_create(root).unwrap();
    expect![[r#"
        allowed_cmds:	any
        allowed_maps:	0x3
        allowed_progs:	0x40
        allowed_attachs:	0x0
    "#]]
    .assert_eq(kernel.fdinfo(token).unwrap().split_once("ino:\t1\n").unwrap().1);
}
