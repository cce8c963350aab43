// SPDX-License-Identifier: MIT OR Apache-2.0
// Variables in an arena.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Newer than the headers that this is built with. */
#define BPF_MAP_TYPE_ARENA 33

#define __arena __attribute__((address_space(1)))

struct {
    __uint(type, BPF_MAP_TYPE_ARENA);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 10);
} pages SEC(".maps");

int __arena first SEC(".addr_space.1");
int __arena second SEC(".addr_space.1") = 2;

SEC("syscall")
int touch(void *ctx)
{
    first += second;
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
