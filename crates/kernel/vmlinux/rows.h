/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the rows of vmlinux.h are for `cargo xtask btf`: variables of structures whose members are the parameters. */

#define __CAT(a, b) a##b
#define __PICK(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, n, ...) n
#define __COUNT(...) __PICK(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define __N1(a) a;
#define __N2(a, ...) a; __N1(__VA_ARGS__)
#define __N3(a, ...) a; __N2(__VA_ARGS__)
#define __N4(a, ...) a; __N3(__VA_ARGS__)
#define __N5(a, ...) a; __N4(__VA_ARGS__)
#define __N6(a, ...) a; __N5(__VA_ARGS__)
#define __N7(a, ...) a; __N6(__VA_ARGS__)
#define __N8(a, ...) a; __N7(__VA_ARGS__)
#define __N9(a, ...) a; __N8(__VA_ARGS__)
#define __N10(a, ...) a; __N9(__VA_ARGS__)
#define __N11(a, ...) a; __N10(__VA_ARGS__)
#define __N12(a, ...) a; __N11(__VA_ARGS__)
#define __N13(a, ...) a; __N12(__VA_ARGS__)
#define __N14(a, ...) a; __N13(__VA_ARGS__)
#define __N15(a, ...) a; __N14(__VA_ARGS__)
#define __N16(a, ...) a; __N15(__VA_ARGS__)
#define __APPLY(m, ...) m(__VA_ARGS__)
#define __CHOOSE(n) __CAT(__N, n)
#define __EACH(...) __APPLY(__CHOOSE(__COUNT(__VA_ARGS__)), __VA_ARGS__)
#define __MEMBERS(...) __VA_OPT__(__EACH(__VA_ARGS__))

/* `returns` is a pointer to a function, since it may return nothing, which no member can be. */
#define __ROW(kind, ret, name, ...) struct kind##name { ret (*returns)(void); __MEMBERS(__VA_ARGS__) } kind##name;
/* `...` as the last parameter. */
#define VARARGS int __varargs

#define FUNC(ret, name, ...) __ROW(fn__, ret, name, __VA_ARGS__)
#define KFUNC(ret, name, ...) __ROW(kf__, ret, name, __VA_ARGS__)
#define SYSCALL(name, ...) __ROW(sc__, long, name, __VA_ARGS__)
#define TRACEPOINT(name, ...) __ROW(tp__, int, name, __VA_ARGS__)
#define PERCPU(...) __attribute__((section(".data..percpu"))) __VA_ARGS__;
