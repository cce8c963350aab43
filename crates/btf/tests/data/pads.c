// Structures whose layout needs nameless bit-fields or attributes in C, and declarators of every shape.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct tail_pad { u64 a; u8 b; };
struct aligned { u8 a; u32 b __attribute__((aligned(16))); u8 c; } __attribute__((aligned(32)));
struct bit_holes { u32 a : 3; u32 : 5; u32 b : 8; u32 : 0; u32 c : 1; };
struct bits_cross { u8 a : 4; u8 b : 4; u16 c : 9; u32 d : 20; u64 e : 33; };
struct bits_end { u32 a : 1; };
struct bits_then_long { u8 a : 1; u64 b; };
struct hole8 { u8 a; u8 b __attribute__((aligned(4))); };
struct hole16 { u16 a; u16 b __attribute__((aligned(8))); };
struct hole_big { u8 a; u8 b __attribute__((aligned(64))); };
struct packed_part { u8 a; u32 b; u64 c; } __attribute__((packed, aligned(2)));
struct packed_bits { u8 a; u32 b : 7; u64 c; } __attribute__((packed));
struct packed_in { u8 a; struct packed_part p; u32 z; };
struct int128 { u8 a; __int128 b; u8 c; };
struct empty {};
struct only_bits { u64 a : 7, b : 57, c : 1; };
union u_pad { u8 a; u32 b; u8 c[5]; };
union u_packed { u8 a; u32 b; u8 c[5]; } __attribute__((packed));
struct nested {
	struct { u8 a; struct { u16 b; union { u32 c; u8 d; } e; } f[2]; } g;
	enum { ANON_A, ANON_B = 7 } en;
	union { struct { u32 h, i; }; u64 j; };
};
enum __attribute__((mode(byte))) small_enum { SMALL };
enum big_enum { BIG = 0x100000000ULL };
enum __attribute__((mode(word))) word_enum { WORD = 1 };

typedef int (*fn0)(void);
typedef int (*fn_unspec)();
typedef void (*fn_var)(int, ...);
typedef int (*(*fn_ret_fn)(int))(char);
typedef int (*(*fn_arr[3])(void))[4];
typedef int *ptr_arr[2];
typedef int (*arr_ptr)[2];
typedef int (*arr_ptr2)[2][3];
typedef const char *const cpc;
typedef const char *const *volatile cpcpv;
typedef char *restrict rp;
typedef int proto(u32 a, const u8 *b);
typedef proto *proto_ptr;
typedef const int ci_arr[2];
typedef void vv;
typedef vv *vp;
typedef int multi[1][2][3][4];
struct callbacks {
	int (*a)(struct callbacks *self, int (*inner)(void *, u64));
	void *(*b[2])(void);
	struct unseen *(*c)(union unseen_u *);
	int __attribute__((btf_type_tag("user"))) *d;
	int __attribute__((btf_type_tag("rcu"))) *const *e;
	const volatile struct empty *f;
};

#define USE(n, type) type *use_##n
USE(0, struct tail_pad); USE(1, struct aligned); USE(2, struct bit_holes); USE(3, struct bits_cross);
USE(4, struct bits_end); USE(5, struct bits_then_long); USE(6, struct hole8); USE(7, struct hole16);
USE(8, struct hole_big); USE(9, struct packed_part); USE(10, struct packed_bits); USE(11, struct packed_in);
USE(12, struct int128); USE(13, struct empty); USE(14, struct only_bits); USE(15, union u_pad);
USE(16, union u_packed); USE(17, struct nested); USE(18, enum small_enum); USE(19, enum big_enum);
USE(20, enum word_enum); USE(21, fn0); USE(22, fn_unspec); USE(23, fn_var); USE(24, fn_ret_fn);
USE(25, fn_arr); USE(26, ptr_arr); USE(27, arr_ptr); USE(28, arr_ptr2); USE(29, cpc); USE(30, cpcpv);
USE(31, rp); USE(32, proto_ptr); USE(33, ci_arr); USE(34, vp); USE(35, multi); USE(36, struct callbacks);

__attribute__((section("socket"))) int prog(void *ctx)
{
	return 0;
}
