// Programs that ask for all they can get: time, output, memory. hostile.rs runs every one of them.
// Built in this folder with: clang-19 -O2 -g -Wno-unused -ffile-prefix-map=$PWD/= -ffile-prefix-map=$PWD=. -target bpf -c hostile.bpf.c -o hostile.bpf.o
// and then: llvm-strip-19 -g hostile.bpf.o
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static long (*const map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const probe_read_kernel)(void *dst, u32 size, const void *src) = (void *)113;
static long (*const printk)(const char *fmt, u32 size, ...) = (void *)6;
static long (*const tail_call)(void *ctx, void *map, u32 index) = (void *)12;
static long (*const perf_output)(void *ctx, void *map, u64 flags, void *data, u64 size) = (void *)25;
static long (*const ring_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static long (*const for_each)(void *map, void *callback, void *ctx, u64 flags) = (void *)164;
static long (*const loop)(u32 count, void *callback, void *ctx, u64 flags) = (void *)181;
static long (*const snprintf)(char *str, u32 size, const char *fmt, u64 *data, u32 len) = (void *)165;
static u32 (*const prandom)(void) = (void *)7;
static long (*const strncmp)(const char *a, u32 size, const char *b) = (void *)182;

struct { __uint(type, 27); __uint(max_entries, 16 << 20); } ring SEC(".maps");
struct { __uint(type, 4); __uint(max_entries, 4); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
struct { __uint(type, 1); __uint(max_entries, 1 << 24); __type(key, u64); __type(value, u64); } hash SEC(".maps");
struct { __uint(type, 9); __uint(max_entries, 1 << 16); __type(key, u64); __type(value, u64); } lru SEC(".maps");
struct { __uint(type, 2); __uint(max_entries, 1 << 24); __type(key, u32); __type(value, u64[8]); } wide SEC(".maps");
struct { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, u8[1 << 20]); } big SEC(".maps");

SEC("raw_tp") int tail_forever(void *ctx);
struct {
	__uint(type, 3);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	int (*values[])(void *);
} programs SEC(".maps") = { .values = { (void *)&tail_forever } };

char bss[4 << 20];
volatile u64 sum;

SEC("raw_tp") int spin(void *ctx)
{
	for (;;)
		sum++;
}

static __attribute__((noinline)) long callee(u64 x)
{
	volatile u64 on_stack[32];
	on_stack[x & 31] = x;
	return on_stack[(x + 1) & 31];
}

SEC("raw_tp") int calls(void *ctx)
{
	for (u64 i = 0;; i++)
		sum += callee(i);
}

SEC("raw_tp") int print(void *ctx)
{
	char fmt[] = "%s %s %s";
	for (;;)
		printk(fmt, sizeof(fmt), fmt, fmt, fmt);
}

SEC("raw_tp") int format(void *ctx)
{
	u64 args[12];
	char out[64];
	for (int i = 0; i < 12; i++)
		args[i] = (u64)"0123456789";
	for (;;)
		snprintf(out, sizeof(out), "%s%s%s%s%s%s%s%s%s%s%s%s", args, sizeof(args));
}

SEC("raw_tp") int ring_flood(void *ctx)
{
	u64 event = 1;
	for (;;)
		ring_output(&ring, &event, sizeof(event), 0);
}

SEC("raw_tp") int perf_flood(void *ctx)
{
	u64 event = 1;
	for (;;)
		perf_output(ctx, &perf, 0xffffffff, &event, sizeof(event));
}

SEC("raw_tp") int fill_hash(void *ctx)
{
	for (u64 i = 0;; i++)
		map_update(&hash, &i, &i, 0);
}

SEC("raw_tp") int fill_lru(void *ctx)
{
	for (u64 i = 0;; i++)
		map_update(&lru, &i, &i, 0);
}

SEC("raw_tp") int fill_array(void *ctx)
{
	for (u32 i = 0;; i++) {
		u64 *value = map_lookup(&wide, &i);
		if (value)
			*value = i;
	}
}

SEC("raw_tp") int scatter(void *ctx)
{
	for (;;) {
		u32 i = prandom() & ((1 << 24) - 1);
		u64 *value = map_lookup(&wide, &i);
		if (value)
			*value = i;
	}
}

SEC("raw_tp") int copy(void *ctx)
{
	u32 zero = 0;
	u8 *value = map_lookup(&big, &zero);
	if (!value)
		return 0;
	for (;;)
		probe_read_kernel(value, 1 << 20, bss);
}

SEC("raw_tp") int replace(void *ctx)
{
	u32 zero = 0;
	for (;;)
		map_update(&big, &zero, bss, 0);
}

SEC("raw_tp") int compare(void *ctx)
{
	for (;;)
		strncmp(bss, sizeof(bss), bss);
}

static long once(u32 i, void *ctx) { return 0; }
static long inner(u32 i, void *ctx) { return loop(1 << 23, once, ctx, 0) < 0; }
static long outer(u32 i, void *ctx) { return loop(1 << 23, inner, ctx, 0) < 0; }

SEC("raw_tp") int loops(void *ctx)
{
	return loop(1 << 23, outer, ctx, 0);
}

static long nothing(void *map, const void *key, void *value, void *ctx) { return 0; }

SEC("raw_tp") int walk(void *ctx)
{
	for (;;)
		for_each(&hash, nothing, ctx, 0);
}

SEC("raw_tp") int walk_array(void *ctx)
{
	for (;;)
		for_each(&wide, nothing, ctx, 0);
}

SEC("raw_tp") int tail_forever(void *ctx)
{
	for (int i = 0; i < 1000000; i++)
		sum++;
	tail_call(ctx, &programs, 0);
	return 0;
}

SEC("raw_tp") int tail_refused(void *ctx)
{
	for (;;)
		tail_call(ctx, &programs, 1);
}

SEC("xdp") int burn(void *ctx)
{
	for (u64 i = 0; i < 10000000; i++)
		sum++;
	return sum;
}

char _license[] SEC("license") = "GPL";
