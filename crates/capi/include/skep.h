/* skep: the emulated kernel for C. Link with -lskep.
 *
 * Made of crates/capi/src/skep.rs by `cargo xtask header`. libskep has the functions of <bpf/bpf.h> as well; they work
 * on the kernel that skep_default_kernel() answers.
 */

#ifndef SKEP_H
#define SKEP_H

#include <stddef.h>
#include <stdint.h>

/**
 * One simulated machine with this process on it. It may be used by several threads, which take turns.
 */
struct skep_kernel;

/**
 * How to make a kernel. Set `size` to the size of this structure, and what does not matter to 0.
 */
struct skep_kernel_opts {
    /**
     * sizeof(struct skep_kernel_opts).
     */
    size_t size;
    /**
     * What randomness, fresh stack bytes and hash tables depend on.
     */
    uint64_t seed;
    /**
     * Processors, 1 to 256; 0 is 4.
     */
    uint32_t cpus;
    /**
     * 1: programs are loaded without being verified; they are run with every access checked.
     */
    uint32_t no_verify;
};

/**
 * How to run a program once, and what came of it. Set `size` to the size of this structure, and what does not matter to 0.
 */
struct skep_run_opts {
    /**
     * sizeof(struct skep_run_opts).
     */
    size_t size;
    /**
     * A packet, for XDP programs and those that see a struct __sk_buff. Otherwise, NULL.
     */
    const void *packet;
    /**
     * Its length.
     */
    uint32_t packet_size;
    /**
     * The processor to run on.
     */
    uint32_t cpu;
    /**
     * Without a packet: arguments. Of kprobes, those of the function; of raw tracepoints, all of them.
     */
    const uint64_t *args;
    /**
     * How many; functions have six at most.
     */
    uint32_t args_count;
    /**
     * Out: what the program returned.
     */
    uint32_t retval;
    /**
     * Without packet and arguments: the bytes of the context, as the type of the program has it.
     */
    const void *ctx;
    /**
     * How many.
     */
    uint32_t ctx_size;
    /**
     * In: how much fits into `packet_out`. Out: the length of the packet.
     */
    uint32_t packet_out_size;
    /**
     * Out: the packet. May be NULL.
     */
    void *packet_out;
    /**
     * Out: instructions that were executed.
     */
    uint64_t insns;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes a kernel: one simulated machine, which is independent of all others.
 *
 * `opts` may be NULL. Returns NULL, with errno set, where a number is out of range (EINVAL) or the host has no address
 * space or descriptor for one (ENOMEM).
 */
struct skep_kernel *skep_kernel_new(const struct skep_kernel_opts *opts);

/**
 * Ends a kernel, and closes what is open on it. NULL is none. The process-wide kernel does not end.
 */
void skep_kernel_free(struct skep_kernel *kernel);

/**
 * The kernel that libbpf's names in this library work on. The first call, of whatever name, makes it. NULL, with errno
 * set, if the host has nothing for one.
 */
struct skep_kernel *skep_default_kernel(void);

/**
 * bpf(2): a command and its attributes. Returns a number from 0 on, or a negative errno, which is in errno as well.
 * Descriptors that it returns are the process's: close(2) ends them.
 */
int skep_bpf(struct skep_kernel *kernel,
             uint32_t cmd,
             void *attr,
             uint32_t size);

/**
 * close(2) of a descriptor of the kernel, at once: what is behind it ends before this returns. After close(2) itself, it
 * ends with the next call of this library. Returns 0, or a negative errno.
 */
int skep_close(struct skep_kernel *kernel,
               int fd);

/**
 * dup(2) of a descriptor of the kernel; close(2) knows nothing of it and would make another number for the placeholder
 * alone. Returns the new descriptor, or a negative errno.
 */
int skep_dup(struct skep_kernel *kernel,
             int fd);

/**
 * Runs a program once, of any type. Returns 0, or a negative errno; `skep_last_error` then says what was wrong: with the
 * call, or with the program (EFAULT), where it names the instruction and the line of C.
 */
int skep_run(struct skep_kernel *kernel,
             int prog_fd,
             struct skep_run_opts *opts);

/**
 * The next line that programs printed with bpf_trace_printk, without its newline. Returns its length, cut to what fits
 * with a NUL; 0 for an empty line; -ENODATA if there is none.
 */
int skep_trace_next(struct skep_kernel *kernel,
                    char *text,
                    size_t size);

/**
 * What was wrong with the last call of `skep_run` that failed on this kernel, in a few lines. Returns the length that it
 * has; what does not fit is cut.
 */
size_t skep_last_error(struct skep_kernel *kernel,
                       char *text,
                       size_t size);

/**
 * perf_event_open(2) on the kernel: `attr` is a struct perf_event_attr. Returns a descriptor, or a negative errno.
 */
int skep_perf_event_open(struct skep_kernel *kernel,
                         void *attr,
                         int pid,
                         int cpu,
                         int group_fd,
                         uint64_t flags);

/**
 * ioctl(2) of an event of the kernel: PERF_EVENT_IOC_*. Returns a number from 0 on, or a negative errno.
 */
int skep_ioctl(struct skep_kernel *kernel, int fd, uint32_t request, uint64_t argument);

/**
 * mmap(2) of a descriptor of the kernel: a ring, an array, an arena, with the numbers of <sys/mman.h>. Returns the address,
 * or MAP_FAILED with errno set.
 */
void *skep_mmap(struct skep_kernel *kernel,
                void *addr,
                size_t len,
                int prot,
                int flags,
                int fd,
                uint64_t offset);

/**
 * munmap(2) of what `skep_mmap` mapped. Returns 0, or a negative errno.
 */
int skep_munmap(struct skep_kernel *kernel, void *addr, size_t len);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SKEP_H */
