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

enum sign {
	MINUS = -1,
	ZERO = 0,
	PLUS = 1,
};

enum wide {
	LOW = 1ULL,
	HIGH = 9223372036854775808ULL,
};

enum wide_signed {
	DEEP = -8070450532247928832LL,
	FLAT = 0LL,
};

typedef _Bool bool;

typedef unsigned char u8;

typedef unsigned int u32;

typedef unsigned long long u64;

typedef struct {
	int x;
} anon_t;

enum color {
	RED = 0,
	GREEN = 5,
	BLUE = 6,
};

struct bits {
	u32 a: 3;
	int b: 5;
	u64 c: 40;
	bool d: 1;
	enum color e: 4;
	u8 f;
};

struct flex {
	u32 len;
	u8 data[0];
};

struct fwd;

union fwd_u;

struct packed {
	char c;
	u32 i;
	u64 l;
} __attribute__((packed));

struct node {
	struct node *next;
	struct fwd *f;
	union fwd_u *u;
	union {
		u32 whole;
		u8 bytes[4];
		struct {
			short lo;
			short hi;
		};
	};
	char name[16];
	volatile const int * restrict cv;
	int (*cb)(struct node *, void *, ...);
	float fl;
	double db;
	__int128 big;
	enum color color;
	enum wide wide;
	enum wide_signed ws;
	int matrix[2][3];
	struct bits bits;
	struct packed packed;
	long: 64;
};

struct tagged {
	int __attribute__((btf_type_tag("tag1"))) *p;
	int m;
};

typedef int (*fn_t)(int, char **);

typedef fn_t fn_array_t[4];


/* BPF kfuncs */
#ifndef BPF_NO_KFUNC_PROTOTYPES
#endif

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
