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

enum big_enum {
	BIG = 4294967296ULL,
};

enum small_enum {
	SMALL = 0,
} __attribute__((mode(byte)));

enum word_enum {
	WORD = 1LL,
} __attribute__((mode(word)));

typedef const char * const cpc;

typedef const char * const * volatile cpcpv;

typedef char * restrict rp;

typedef int (*arr_ptr)[2];

typedef int (*arr_ptr2)[2][3];

typedef const int ci_arr[2];

typedef int multi[1][2][3][4];

typedef int *ptr_arr[2];

typedef unsigned char u8;

typedef unsigned int u32;

typedef unsigned long long u64;

typedef unsigned short u16;

struct aligned {
	u8 a;
	long: 64;
	u32 b;
	u8 c;
	long: 64;
};

struct bit_holes {
	u32 a: 3;
	char: 5;
	u32 b: 8;
	int: 16;
	u32 c: 1;
};

struct bits_cross {
	u8 a: 4;
	u8 b: 4;
	short: 8;
	u16 c: 9;
	int: 7;
	u32 d: 20;
	long: 12;
	u64 e: 33;
};

struct bits_end {
	u32 a: 1;
};

struct bits_then_long {
	u8 a: 1;
	u64 b;
};

struct unseen;

union unseen_u;

struct empty;

struct callbacks {
	int (*a)(struct callbacks *, int (*)(void *, u64));
	void * (*b[2])(void);
	struct unseen * (*c)(union unseen_u *);
	int __attribute__((btf_type_tag("user"))) *d;
	int __attribute__((btf_type_tag("rcu"))) * const *e;
	volatile const struct empty *f;
};

struct empty {};

struct hole16 {
	u16 a;
	long: 0;
	u16 b;
	long: 0;
};

struct hole8 {
	u8 a;
	int: 0;
	u8 b;
	long: 0;
};

struct hole_big {
	u8 a;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	u8 b;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
	long: 64;
};

struct int128 {
	u8 a;
	long: 64;
	__int128 b;
	u8 c;
	long: 64;
};

struct nested {
	struct {
		u8 a;
		struct {
			u16 b;
			union {
				u32 c;
				u8 d;
			} e;
		} f[2];
	} g;
	enum {
		ANON_A = 0,
		ANON_B = 7,
	} en;
	union {
		struct {
			u32 h;
			u32 i;
		};
		u64 j;
	};
};

struct only_bits {
	u64 a: 7;
	u64 b: 57;
	u64 c: 1;
};

struct packed_bits {
	u8 a;
	u32 b: 7;
	u64 c;
} __attribute__((packed));

struct packed_part {
	u8 a;
	u32 b;
	u64 c;
	short: 0;
} __attribute__((packed));

struct packed_in {
	u8 a;
	short: 0;
	struct packed_part p;
	u32 z;
};

struct tail_pad {
	u64 a;
	u8 b;
};

union u_packed {
	u8 a;
	u32 b;
	u8 c[5];
};

union u_pad {
	u8 a;
	u32 b;
	u8 c[5];
};

typedef int (*fn0)(void);

typedef int (* (*fn_arr[3])(void))[4];

typedef int (* (*fn_ret_fn)(int))(char);

typedef int (*fn_unspec)(void);

typedef void (*fn_var)(int, ...);

typedef int proto(u32, const u8 *);

typedef proto *proto_ptr;

typedef void vv;

typedef vv *vp;


/* BPF kfuncs */
#ifndef BPF_NO_KFUNC_PROTOTYPES
#endif

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
