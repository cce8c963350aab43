/* Descriptors: numbers of the process's own, which close(2) ends. */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <skep.h>
#include <unistd.h>

#include "check.h"

static int make(void)
{
    int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "a", 4, 8, 1, NULL);

    CHECK(fd > 2);
    return fd;
}

static __u32 id_of(int fd)
{
    struct bpf_map_info info = { 0 };
    __u32 len = sizeof(info);

    IS(bpf_map_get_info_by_fd(fd, &info, &len), 0);
    return info.id;
}

int main(void)
{
    struct skep_kernel *kernel = skep_default_kernel(), *other = skep_kernel_new(NULL);
    struct skep_kernel_opts opts = { .size = sizeof(opts), .cpus = 257 };
    int file, first = make(), second = make(), third;
    __u32 key = 0, id;
    __u64 value = 1;

    CHECK(kernel && other && kernel != other);
    CHECK(first != second);
    /* No file of the process has the number, and none gets it. */
    CHECK(fcntl(first, F_GETFD) >= 0);
    file = open("/dev/null", O_RDONLY);
    CHECK(file > 2 && file != first && file != second);
    FAILS(bpf_map_lookup_elem(file, &key, &value), EBADF);

    /* What is closed is gone, and its number is free: for a file, */
    id = id_of(first);
    IS(close(first), 0);
    FAILS(bpf_map_get_fd_by_id(id), ENOENT);
    IS(dup2(file, first), first);
    FAILS(bpf_map_lookup_elem(first, &key, &value), EBADF);
    close(first);
    /* or for another map. */
    third = make();
    IS(bpf_map_lookup_elem(third, &key, &value), 0);
    close(third);

    /* At once, and by a second descriptor. */
    third = skep_dup(kernel, second);
    CHECK(third > 2 && third != second);
    IS(id_of(third), id_of(second));
    IS(skep_close(kernel, second), 0);
    CHECK(fcntl(second, F_GETFD) < 0);
    IS(bpf_map_lookup_elem(third, &key, &value), 0);
    IS(skep_close(kernel, third), 0);
    FAILS(skep_close(kernel, third), EBADF);
    FAILS(skep_close(kernel, file), EBADF);
    CHECK(fcntl(file, F_GETFD) >= 0);

    /* Kernels know nothing of each other. */
    first = make();
    FAILS(skep_close(other, first), EBADF);
    skep_kernel_free(other);
    skep_kernel_free(NULL);
    errno = 0;
    CHECK(!skep_kernel_new(&opts) && errno == EINVAL);
    return 0;
}
