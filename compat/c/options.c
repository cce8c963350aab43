/* Option structures, as older and newer programs have them; and what libbpf says of itself. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include "check.h"

struct newer_opts {
    struct bpf_map_create_opts known;
    __u64 unknown;
};

int main(void)
{
    struct newer_opts newer = { .known.sz = sizeof(newer) };
    LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
    char text[64];
    int fd;

    fd = bpf_map_create(BPF_MAP_TYPE_HASH, "h", 4, 4, 1, &opts);
    CHECK(fd > 2);
    close(fd);
    /* So old that it has no flags: they are 0, which is right for an array. */
    opts.sz = offsetof(struct bpf_map_create_opts, map_flags);
    fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "a", 4, 4, 1, &opts);
    CHECK(fd > 2);
    close(fd);
    opts.sz = sizeof(opts);
    FAILS(bpf_map_create(BPF_MAP_TYPE_ARRAY, "a", 4, 4, 1, &opts), EINVAL);
    opts.sz = 7;
    FAILS(bpf_map_create(BPF_MAP_TYPE_HASH, "h", 4, 4, 1, &opts), EINVAL);

    fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "a", 4, 4, 1, &newer.known);
    CHECK(fd > 2);
    close(fd);
    newer.unknown = 1;
    FAILS(bpf_map_create(BPF_MAP_TYPE_ARRAY, "a", 4, 4, 1, &newer.known), EINVAL);

    /* Long names are cut, and those with other characters refused. */
    fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "a_name_of_more_than_15_bytes", 4, 4, 1, NULL);
    CHECK(fd > 2);
    close(fd);
    FAILS(bpf_map_create(BPF_MAP_TYPE_ARRAY, "a-b", 4, 4, 1, NULL), EINVAL);

    IS(libbpf_major_version(), 1);
    IS(libbpf_minor_version(), 5);
    IS(libbpf_strerror(-ENOENT, text, sizeof(text)), 0);
    CHECK(!strcmp(text, "No such file or directory"));
    IS(libbpf_strerror(4006, text, sizeof(text)), 0);
    CHECK(!strcmp(text, "Kernel verifier blocks program loading"));
    FAILS(libbpf_strerror(4099, text, sizeof(text)), ENOENT);
    FAILS(libbpf_strerror(4000, text, 4), ERANGE);
    FAILS(libbpf_strerror(1, NULL, 4), EINVAL);
    CHECK(!strcmp(libbpf_bpf_map_type_str(BPF_MAP_TYPE_RINGBUF), "ringbuf"));
    CHECK(!strcmp(libbpf_bpf_prog_type_str(BPF_PROG_TYPE_XDP), "xdp"));
    CHECK(!strcmp(libbpf_bpf_attach_type_str(BPF_CGROUP_INET_INGRESS), "cgroup_inet_ingress"));
    CHECK(!libbpf_bpf_map_type_str(1000));
    return 0;
}
