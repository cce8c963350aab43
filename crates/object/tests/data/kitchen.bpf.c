// SPDX-License-Identifier: MIT OR Apache-2.0
// A little of everything that an object can hold, but for maps: see maps.bpf.c.
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define noinline __attribute__((noinline))

struct task_struct___flavour { int pid; };

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, int);
    __type(value, long);
} table SEC(".maps");

/* Variables: global and static, in plain and in named sections. */
int initialised = 5;
long wide = 7;
static volatile int hidden_here = 9;
int zero;
static volatile long zero_hidden_here[4];
const volatile int limit = 3;
int named SEC(".data.config") = 11;
int named_zero SEC(".bss.more");
const volatile char greeting[] SEC(".rodata.text") = "hello";
int *pointer = &initialised;

/* What the kernel has to supply. */
extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF __kconfig __weak;
extern enum libbpf_tristate CONFIG_IPV6 __kconfig __weak;
extern char CONFIG_CC_VERSION_TEXT[16] __kconfig __weak;
extern unsigned long long CONFIG_HZ __kconfig;
extern const void jiffies __ksym;
extern const struct task_struct___flavour init_task __ksym;
extern int bpf_made_up(int number) __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

static noinline int local(int x)
{
    return x * 3 + (int)zero_hidden_here[2];
}

noinline int global(int x)
{
    return x * 5 + hidden_here;
}

__weak noinline int weak(int x)
{
    return x * 7 + local(x);
}

__attribute__((visibility("hidden"))) noinline int hidden(int x)
{
    return x * 9 + zero;
}

static long each(void *map, void *key, void *value, void *context)
{
    return *(long *)value + named;
}

SEC("xdp")
int first(struct xdp_md *ctx)
{
    bpf_for_each_map_elem(&table, each, 0, 0);
    return local(limit) + global(initialised) + weak(1) + hidden(2);
}

SEC("xdp")
int second(struct xdp_md *ctx)
{
    wide++;
    named_zero += greeting[1];
    bpf_printk("wide is %d", wide);
    return XDP_PASS;
}

SEC("?tc")
int optional(struct __sk_buff *skb)
{
    if (CONFIG_BPF && CONFIG_IPV6 == TRI_MODULE)
        return LINUX_KERNEL_VERSION;
    return CONFIG_CC_VERSION_TEXT[3] + CONFIG_HZ;
}

SEC("fentry/do_nothing")
int symbols(unsigned long long *ctx)
{
    bpf_rcu_read_lock();
    int pid = init_task.pid;
    bpf_rcu_read_unlock();
    if (bpf_made_up)
        pid += bpf_made_up(pid);
    return pid + (int)(long)&jiffies;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
