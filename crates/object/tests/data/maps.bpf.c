// SPDX-License-Identifier: MIT OR Apache-2.0
// BTF-defined maps in every form that bpf_helpers.h offers.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Newer than the headers that this is built with. */
#define BPF_MAP_TYPE_ARENA 33
#define __ulong(name, val) enum { made_up_##name = val } name

typedef struct {
    __u32 source;
    __u16 port;
} flow_t;

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1000);
    __uint(map_flags, BPF_F_NO_COMMON_LRU | BPF_F_NUMA_NODE);
    __uint(numa_node, 1);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
    __type(key, flow_t);
    __type(value, __u64[3]);
} flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, sizeof(int));
    __uint(value_size, sizeof(int));
} events SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 5000);
} ring SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
    __uint(max_entries, 100);
    __uint(map_extra, 4);
    __type(value, __u32);
} seen SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARENA);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 10);
    __ulong(map_extra, 0x1ull << 44);
} arena SEC(".maps");

struct inner {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 8);
    __type(key, int);
    __type(value, long);
} inner_a SEC(".maps"), inner_b SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 4);
    __type(key, int);
    __array(values, struct inner);
} outer SEC(".maps") = {
    .values = { [0] = &inner_b, [3] = &inner_a },
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
    __uint(max_entries, 4);
    __uint(key_size, sizeof(int));
    __array(values, struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, 16);
        __uint(key_size, 4);
        __uint(value_size, 32);
    });
} outer_hash SEC(".maps");

int even(void *ctx);
int odd(void *ctx);

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 3);
    __uint(key_size, sizeof(int));
    __array(values, int(void *));
} jumps SEC(".maps") = {
    .values = { [2] = (void *)&odd, [1] = (void *)&even },
};

SEC("tc")
int even(void *ctx)
{
    bpf_tail_call(ctx, &jumps, 2);
    return 0;
}

SEC("tc")
int odd(void *ctx)
{
    int key = 1;
    void *map = bpf_map_lookup_elem(&outer, &key);

    return map ? 1 : 2;
}

char LICENSE[] SEC("license") = "GPL";
