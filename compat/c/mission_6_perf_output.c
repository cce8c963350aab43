/* bpf_perf_event_output(ctx, map, flags, data, size): raw samples in a perf ring, read as a reader reads them. */
#include <bpf/bpf.h>
#include <linux/perf_event.h>
#include <skep.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

#define PAGES 1
#define INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })

/* Sends the 16 bytes `first`, 7; answers what the helper answered. */
static int load(int events, int flags)
{
    struct bpf_insn insns[] = {
        INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
        INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 0x11223344),
        INSN(BPF_STX | BPF_MEM | BPF_DW, 10, 1, -16, 0),
        INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 7),
        INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0),
        INSN(BPF_LD | BPF_IMM | BPF_DW, 2, BPF_PSEUDO_MAP_FD, 0, events),
        INSN(0, 0, 0, 0, 0),
        INSN(BPF_ALU | BPF_MOV | BPF_K, 3, 0, 0, flags),
        INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 10, 0, 0),
        INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, -16),
        INSN(BPF_ALU64 | BPF_MOV | BPF_K, 5, 0, 0, 16),
        INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_perf_event_output),
        INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    char log[4096] = "";
    LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log));
    int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "send", "GPL", insns, sizeof(insns) / sizeof(*insns), &opts);

    if (fd < 0)
        fputs(log, stderr);
    CHECK(fd > 2);
    return fd;
}

static int send_on(struct skep_kernel *kernel, int prog, __u32 cpu)
{
    uint64_t args[1] = { 0 };
    struct skep_run_opts run = { .size = sizeof(run), .args = args, .args_count = 1, .cpu = cpu };

    IS(skep_run(kernel, prog, &run), 0);
    return run.retval;
}

static int open_event(struct skep_kernel *kernel, int cpu)
{
    struct perf_event_attr attr = {
        .size = sizeof(attr),
        .type = PERF_TYPE_SOFTWARE,
        .config = PERF_COUNT_SW_BPF_OUTPUT,
        .sample_type = PERF_SAMPLE_RAW,
        .sample_period = 1,
        .wakeup_events = 1,
    };
    int fd = skep_perf_event_open(kernel, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

    CHECK(fd > 2);
    return fd;
}

/* The next sample of a ring, and how long it is; 0 if there is none. */
static __u32 next(struct perf_event_mmap_page *ring, void *sample)
{
    __u64 head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE), tail = ring->data_tail;
    unsigned char *data = (unsigned char *)ring + ring->data_offset;
    struct { struct perf_event_header header; __u32 size; unsigned char raw[100]; } record;

    if (head == tail)
        return 0;
    for (__u64 i = 0; i < sizeof(record) && tail + i < head; i++)
        ((unsigned char *)&record)[i] = data[(tail + i) % ring->data_size];
    IS(record.header.type, PERF_RECORD_SAMPLE);
    /* The header, the size, the data: padded to eight bytes. */
    IS(record.header.size % 8, 0);
    memcpy(sample, record.raw, record.size);
    __atomic_store_n(&ring->data_tail, tail + record.header.size, __ATOMIC_RELEASE);
    return record.size;
}

int main(void)
{
    struct skep_kernel *kernel = skep_default_kernel();
    size_t size = (1 + PAGES) * sysconf(_SC_PAGESIZE);
    int events = bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "events", 4, 4, 4, NULL);
    int event, to_current, to_first, past, odd, sent = 0;
    struct perf_event_mmap_page *ring;
    unsigned char sample[100];
    __u32 key = 0;

    CHECK(events > 2);
    to_current = load(events, -1);
    to_first = load(events, 0);
    past = load(events, 4);
    IS(send_on(kernel, to_first, 0), -ENOENT);
    FAILS(bpf_map_update_elem(events, &key, &to_first, BPF_ANY), EBADF);

    event = open_event(kernel, 0);
    ring = skep_mmap(kernel, NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, event, 0);
    CHECK(ring != MAP_FAILED);
    IS(bpf_map_update_elem(events, &key, &event, BPF_ANY), 0);
    IS(next(ring, sample), 0);

    IS(send_on(kernel, to_first, 0), 0);
    /* 16 bytes behind four of size: 20, padded to 24. */
    IS(next(ring, sample), 20);
    IS(sample[0], 0x44);
    IS(sample[8], 7);
    IS(send_on(kernel, to_current, 0), 0);
    IS(next(ring, sample), 20);
    IS(next(ring, sample), 0);

    IS(send_on(kernel, past, 0), -E2BIG);
    IS(send_on(kernel, to_current, 1), -ENOENT);
    IS(send_on(kernel, to_first, 1), -EOPNOTSUPP);
    IS(skep_ioctl(kernel, event, PERF_EVENT_IOC_DISABLE, 0), 0);
    IS(send_on(kernel, to_first, 0), -EOPNOTSUPP);
    IS(skep_ioctl(kernel, event, PERF_EVENT_IOC_ENABLE, 0), 0);

    /* A ring that nobody reads is full at some time, and has room again when somebody does. */
    while ((odd = send_on(kernel, to_first, 0)) == 0)
        sent++;
    IS(odd, -ENOSPC);
    CHECK(sent > 100 && sent < 140);
    while (next(ring, sample))
        sent--;
    IS(sent, 0);
    IS(send_on(kernel, to_first, 0), 0);

    IS(skep_munmap(kernel, ring, size), 0);
    close(event);
    return 0;
}
