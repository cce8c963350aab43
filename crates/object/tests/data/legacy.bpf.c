// SPDX-License-Identifier: MIT OR Apache-2.0
// An object of before BTF: struct bpf_map_def, a kernel version, and nothing for source lines.
// clang: -g0
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_map_def {
    unsigned int type, key_size, value_size, max_entries, map_flags;
};

struct bpf_elf_map {
    unsigned int type, key_size, value_size, max_entries, map_flags, id, pinning;
};

struct bpf_map_def counters SEC("maps") = { BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 16, 0 };
struct bpf_map_def routes SEC("maps") = { BPF_MAP_TYPE_LPM_TRIE, 8, 4, 100, BPF_F_NO_PREALLOC };
struct bpf_elf_map shared SEC("maps/shared") = { BPF_MAP_TYPE_HASH, 4, 4, 9, 0, 7, 2 };

int threshold = 10;

SEC("kprobe/sys_write")
int on_write(void *ctx)
{
    int key = threshold;
    long *value = bpf_map_lookup_elem(&counters, &key);

    if (!value)
        value = bpf_map_lookup_elem(&routes, &key);
    if (!value)
        value = bpf_map_lookup_elem(&shared, &key);
    return value ? *value : 0;
}

unsigned int VERSION SEC("version") = 0x04130c;
char LICENSE[] SEC("license") = "GPL v2";
