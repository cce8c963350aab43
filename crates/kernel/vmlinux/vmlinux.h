/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The types of the kernel that skep simulates when it is given no other: a kernel like 6.12 on x86-64.
 *
 * Names and types are the kernel's, since they are the interface that BPF programs are written against. What is here,
 * and in which order, is skep's own choice: what programs in the field read and attach to. Members that nobody reads
 * are left out, so offsets and sizes are not those of any real kernel: programs find members by CO-RE relocations.
 *
 * It has two readers:
 * - BPF programs include it instead of the vmlinux.h of a real kernel (`cargo xtask fixtures` passes -I).
 * - `cargo xtask btf` makes vmlinux.btf of it, with SKEP_BTF defined: then the rows below become structures that
 *   stand for what C cannot say (crates/xtask/src/btf turns them into functions, tags and variables).
 *
 *	FUNC(RETURNS, NAME, PARAMETERS...)	a function
 *	KFUNC(RETURNS, NAME, PARAMETERS...)	a function that programs may call: declared as such for them
 *	SYSCALL(NAME, PARAMETERS...)		a system call: `__x64_sys_NAME(regs)` and `__do_sys_NAME(PARAMETERS)`
 *	TRACEPOINT(NAME, PARAMETERS...)		a tracepoint: `btf_trace_NAME`, `__traceiter_NAME`, `__bpf_trace_NAME`
 *	PERCPU(DECLARATION)			a variable of which each processor has its own
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#if __has_attribute(btf_type_tag) && defined(SKEP_BTF)
#define __tag(x) __attribute__((btf_type_tag(x)))
#else
#define __tag(x)
#endif
#ifndef __user
#define __user __tag("user")
#endif
#ifndef __percpu
#define __percpu __tag("percpu")
#endif

#ifdef SKEP_BTF
#include "rows.h"
#else
#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
#define FUNC(ret, name, ...)
#ifdef BPF_NO_KFUNC_PROTOTYPES
#define KFUNC(ret, name, ...)
#else
#define KFUNC(ret, name, ...) extern ret name(__VA_ARGS__) __weak __ksym;
#endif
#define SYSCALL(name, ...)
#define TRACEPOINT(name, ...)
#define PERCPU(...)
#endif

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

#include "forward.h"
#include "types.h"
#include "uapi.h"
#include "bpf.h"
#include "sync.h"
#include "sched_ext.h"
#include "task.h"
#include "fs.h"
#include "mm.h"
#include "cgroup.h"
#include "block.h"
#include "net.h"
#include "misc.h"
#include "events.h"
#include "struct_ops.h"

#include "functions.h"
#include "lsm.h"
#include "kfuncs.h"
#include "tracepoints.h"
#include "syscalls.h"
#include "percpu.h"

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#undef FUNC
#undef KFUNC
#undef SYSCALL
#undef TRACEPOINT
#undef PERCPU

#endif
