// SPDX-License-Identifier: MIT OR Apache-2.0
// Calls inside a section other than .text, and to something that nobody defines. libbpf refuses both.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int missing(int x);

static __attribute__((noinline, section("tc"))) int inside(int x)
{
    return x ^ 21;
}

SEC("tc")
int entry(struct __sk_buff *skb)
{
    return inside(skb->len) + missing(skb->mark);
}

SEC("tc")
int other(struct __sk_buff *skb)
{
    return entry(skb);
}

char LICENSE[] SEC("license") = "GPL";
