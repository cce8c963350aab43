/* bpf_map_update_elem(fd, key, value, flags): what creates, what replaces, and what must not. */
#include <bpf/bpf.h>
#include <unistd.h>

#include "check.h"

static void hash(void)
{
    int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "ages", 4, 8, 2, NULL);
    __u32 key = 1;
    __u64 value = 10;

    FAILS(bpf_map_update_elem(fd, &key, &value, BPF_EXIST), ENOENT);
    IS(bpf_map_update_elem(fd, &key, &value, BPF_NOEXIST), 0);
    FAILS(bpf_map_update_elem(fd, &key, &value, BPF_NOEXIST), EEXIST);
    value = 11;
    IS(bpf_map_update_elem(fd, &key, &value, BPF_EXIST), 0);
    value = 12;
    IS(bpf_map_update_elem(fd, &key, &value, BPF_ANY), 0);
    key = 2;
    IS(bpf_map_update_elem(fd, &key, &value, BPF_ANY), 0);
    key = 3;
    FAILS(bpf_map_update_elem(fd, &key, &value, BPF_ANY), E2BIG);
    FAILS(bpf_map_update_elem(fd, &key, &value, 3), EINVAL);
    FAILS(bpf_map_update_elem(fd, &key, (void *)1, BPF_ANY), EFAULT);
    key = 1;
    IS(bpf_map_delete_elem(fd, &key), 0);
    FAILS(bpf_map_delete_elem(fd, &key), ENOENT);
    close(fd);
}

/* The elements of arrays exist always. */
static void arrays(void)
{
    enum bpf_map_type types[] = { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY };
    __u64 values[256] = { 5 };

    for (int i = 0; i < 2; i++) {
        int fd = bpf_map_create(types[i], "slots", 4, 8, 2, NULL);
        __u32 key = 0;

        FAILS(bpf_map_update_elem(fd, &key, values, BPF_NOEXIST), EEXIST);
        IS(bpf_map_update_elem(fd, &key, values, BPF_EXIST), 0);
        IS(bpf_map_update_elem(fd, &key, values, BPF_ANY), 0);
        FAILS(bpf_map_delete_elem(fd, &key), EINVAL);
        key = 2;
        FAILS(bpf_map_update_elem(fd, &key, values, BPF_ANY), E2BIG);
        close(fd);
    }
}

static void frozen(void)
{
    int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "rodata", 4, 8, 1, NULL);
    __u64 value = 1;
    __u32 key = 0;

    IS(bpf_map_freeze(fd), 0);
    FAILS(bpf_map_update_elem(fd, &key, &value, BPF_ANY), EPERM);
    IS(bpf_map_lookup_elem(fd, &key, &value), 0);
    IS(value, 0);
    FAILS(bpf_map_freeze(fd), EPERM);
    close(fd);
}

static void walk(void)
{
    int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "walked", 4, 4, 8, NULL);
    __u32 key, next, keys[8], values[8], count = 8, out = 0, seen = 0;
    LIBBPF_OPTS(bpf_map_batch_opts, opts);

    for (__u32 i = 0; i < 8; i++) {
        keys[i] = i;
        values[i] = i * i;
    }
    IS(bpf_map_update_batch(fd, keys, values, &count, &opts), 0);
    IS(count, 8);
    IS(bpf_map_get_next_key(fd, NULL, &key), 0);
    for (seen = 1 << key; bpf_map_get_next_key(fd, &key, &next) == 0; key = next)
        seen |= 1 << next;
    IS(errno, ENOENT);
    IS(seen, 0xff);
    count = 8;
    memset(values, 0, sizeof(values));
    IS(bpf_map_lookup_and_delete_batch(fd, NULL, &out, keys, values, &count, NULL), -ENOENT);
    IS(count, 8);
    for (int i = 0; i < 8; i++)
        IS(values[i], keys[i] * keys[i]);
    FAILS(bpf_map_get_next_key(fd, NULL, &key), ENOENT);
    close(fd);
}

int main(void)
{
    hash();
    arrays();
    frozen();
    walk();
    return 0;
}
