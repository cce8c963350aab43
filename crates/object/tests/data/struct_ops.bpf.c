// SPDX-License-Identifier: MIT OR Apache-2.0
// A congestion control, and a second one that is not created unless asked for.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sock;

struct tcp_congestion_ops {
    unsigned int (*ssthresh)(struct sock *sk);
    void (*cong_avoid)(struct sock *sk, unsigned int ack, unsigned int acked);
    unsigned int flags;
    char name[16];
};

SEC("struct_ops/ssthresh")
unsigned int ssthresh(unsigned long long *ctx)
{
    return 2;
}

SEC("struct_ops")
int cong_avoid(unsigned long long *ctx)
{
    return 0;
}

SEC(".struct_ops.link")
struct tcp_congestion_ops lazy = {
    .ssthresh = (void *)ssthresh,
    .cong_avoid = (void *)cong_avoid,
    .name = "lazy",
};

SEC("?.struct_ops")
struct tcp_congestion_ops spare = {
    .cong_avoid = (void *)cong_avoid,
    .flags = 1,
    .name = "spare",
};

char LICENSE[] SEC("license") = "GPL";
