#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif

#ifndef __weak
#define __weak __attribute__((weak))
#endif

enum tiny {
	T0 = 0,
	T1 = 1,
} __attribute__((mode(byte)));

enum wide {
	NONE = 0ULL,
	TOP = 9223372036854775808ULL,
};

typedef _Bool bool;

typedef char my_char;

typedef char name_t[8];

struct inner {
	short s;
	unsigned short us;
};

struct key {
	int a;
	char b;
	unsigned char c;
};

enum state {
	IDLE = 0,
	RUNNING = 3,
	LAST = -1,
};

struct value {
	signed char sc;
	unsigned char uc;
	char c;
	bool yes;
	short s;
	unsigned short us;
	int i;
	unsigned int u;
	long long l;
	unsigned long long ul;
	__int128 big;
	unsigned __int128 ubig;
	char text[8];
	char full[4];
	my_char mine[4];
	name_t name;
	unsigned char bytes[4];
	enum state state;
	enum state unknown;
	enum wide wide;
	enum tiny tiny;
	void *ptr;
	const char *nil;
	struct inner inner;
	struct inner inners[2];
	int matrix[2][2];
	struct {} empty;
	struct inner no_inners[0];
	union {
		unsigned int word;
		unsigned char octets[4];
	};
	unsigned int f1: 1;
	int f5: 5;
	enum state fe: 6;
	unsigned long long f40: 40;
	volatile const int cv;
	long: 64;
};


/* BPF kfuncs */
#ifndef BPF_NO_KFUNC_PROTOTYPES
#endif

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
