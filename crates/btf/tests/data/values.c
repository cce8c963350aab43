// A map whose values are of every sort that bpftool prints.
typedef _Bool bool;
typedef char name_t[8];
typedef char my_char;

enum state { IDLE, RUNNING = 3, LAST = -1 };
enum wide { NONE, TOP = 0x8000000000000000ULL };
enum __attribute__((mode(byte))) tiny { T0, T1 };

struct inner {
	short s;
	unsigned short us;
};

struct key {
	int a;
	char b;
	unsigned char c;
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
	struct {
	} empty;
	struct inner no_inners[0];
	union {
		unsigned int word;
		unsigned char octets[4];
	};
	unsigned int f1 : 1;
	int f5 : 5;
	enum state fe : 6;
	unsigned long long f40 : 40;
	const volatile int cv;
};

struct {
	int (*type)[1];
	struct key *key;
	struct value *value;
	int (*max_entries)[8];
} map __attribute__((section(".maps"), used));

// So that their types are in the BTF.
struct key *key_type;
struct value *value_type;

__attribute__((section("socket"))) int prog(void *ctx)
{
	return 0;
}
