// Every kind of type that clang writes, and the layouts that are easy to get wrong.
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef _Bool bool;
#define SEC(name) __attribute__((section(name), used))

enum color { RED, GREEN = 5, BLUE };
enum sign { MINUS = -1, ZERO, PLUS };
enum wide { LOW = 1, HIGH = 0x8000000000000000ULL };
enum wide_signed { DEEP = -0x7000000000000000LL, FLAT = 0 };

struct fwd;
union fwd_u;

struct bits {
	u32 a : 3;
	int b : 5;
	u64 c : 40;
	bool d : 1;
	enum color e : 4;
	u8 f;
};

struct __attribute__((packed)) packed {
	char c;
	u32 i;
	u64 l;
};

struct node {
	struct node *next;
	struct fwd *f;
	union fwd_u *u;
	union {
		u32 whole;
		u8 bytes[4];
		struct {
			short lo, hi;
		};
	};
	char name[16];
	const volatile int *restrict cv;
	int (*cb)(struct node *n, void *arg, ...);
	float fl;
	double db;
	__int128 big;
	enum color color;
	enum wide wide;
	enum wide_signed ws;
	int matrix[2][3];
	struct bits bits;
	struct packed packed;
};

struct flex {
	u32 len;
	u8 data[];
};

typedef int (*fn_t)(int, char **);
typedef fn_t fn_array_t[4];
typedef struct {
	int x;
} anon_t;

#define __tag1 __attribute__((btf_type_tag("tag1")))
#define __decl __attribute__((btf_decl_tag("decl")))

struct tagged {
	int __tag1 *p;
	int m __decl;
} __decl;

struct node the_node SEC(".data");
struct flex *flex_ptr;
fn_array_t fns;
anon_t anon;
struct tagged tagged __decl;
enum sign sign;
const int ro = 7;
static volatile int hidden;
extern int kconfig __attribute__((section(".kconfig")));

__attribute__((noinline)) static int helper(struct node *n, int k)
{
	return n->color + k + hidden;
}

SEC("socket") int prog(void *ctx)
{
	hidden++;
	return helper(&the_node, 3) + kconfig + ro;
}

char _license[] SEC("license") = "GPL";
