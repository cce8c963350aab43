/* bpf_map_lookup_elem(fd, key, value): 0 or a negative errno comes out, the value copied. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include "check.h"

static void hash(void)
{
    int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "ages", 4, 8, 16, NULL);
    __u32 key = 7;
    __u64 value = 41;

    CHECK(fd > 2);
    FAILS(bpf_map_lookup_elem(fd, &key, &value), ENOENT);
    IS(value, 41);
    IS(bpf_map_update_elem(fd, &key, &value, BPF_ANY), 0);
    value = 0;
    IS(bpf_map_lookup_elem(fd, &key, &value), 0);
    IS(value, 41);
    IS(bpf_map_lookup_elem_flags(fd, &key, &value, 0), 0);
    FAILS(bpf_map_lookup_elem_flags(fd, &key, &value, BPF_F_LOCK), EINVAL);
    FAILS(bpf_map_lookup_elem(fd, NULL, &value), EFAULT);
    FAILS(bpf_map_lookup_elem(fd, &key, NULL), EFAULT);
    FAILS(bpf_map_lookup_elem(fd, &key, (void *)"constant"), EFAULT);
    IS(bpf_map_lookup_and_delete_elem(fd, &key, &value), 0);
    FAILS(bpf_map_lookup_elem(fd, &key, &value), ENOENT);
    close(fd);
}

static void array(void)
{
    int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "slots", 4, 8, 2, NULL);
    __u64 value = 9;
    __u32 key = 1;

    IS(bpf_map_lookup_elem(fd, &key, &value), 0);
    IS(value, 0);
    key = 2;
    FAILS(bpf_map_lookup_elem(fd, &key, &value), ENOENT);
    close(fd);
}

/* One value for each possible processor, each on 8 bytes. */
static void percpu(void)
{
    int cpus = libbpf_num_possible_cpus();
    int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "counts", 4, 4, 1, NULL);
    __u64 values[256] = { 0 };
    __u32 key = 0;

    CHECK(cpus > 0 && cpus < 256);
    for (int i = 0; i < cpus; i++)
        values[i] = 100 + i;
    values[cpus] = 0x1234;
    IS(bpf_map_update_elem(fd, &key, values, BPF_ANY), 0);
    memset(values, 0, cpus * sizeof(*values));
    IS(bpf_map_lookup_elem(fd, &key, values), 0);
    for (int i = 0; i < cpus; i++)
        IS(values[i], 100 + i);
    IS(values[cpus], 0x1234);
    close(fd);
}

int main(void)
{
    __u32 key = 0;

    FAILS(bpf_map_lookup_elem(-1, &key, &key), EBADF);
    FAILS(bpf_map_lookup_elem(1000, &key, &key), EBADF);
    hash();
    array();
    percpu();
    return 0;
}
