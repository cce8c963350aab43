// Programs that ask for memory in every way that there is, each with one map of its own. hostile.rs runs every one of them.
// Built in this folder with: clang-19 -O2 -g -Wno-unused -ffile-prefix-map=$PWD/= -ffile-prefix-map=$PWD=. -target bpf -c hoard.bpf.c -o hoard.bpf.o
// and then: llvm-strip-19 -g hoard.bpf.o
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define MIB (1 << 20)

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static long (*const map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const map_delete)(void *map, const void *key) = (void *)3;
static long (*const printk)(const char *fmt, u32 size, ...) = (void *)6;
static long (*const csum_diff)(const void *from, u32 from_size, const void *to, u32 to_size, u32 seed) = (void *)28;
static long (*const perf_output)(void *ctx, void *map, u64 flags, void *data, u64 size) = (void *)25;
static long (*const change_tail)(void *skb, u32 len, u64 flags) = (void *)38;
static long (*const change_head)(void *skb, u32 len, u64 flags) = (void *)43;
static long (*const adjust_head)(void *xdp, int delta) = (void *)44;
static long (*const adjust_tail)(void *xdp, int delta) = (void *)65;
static long (*const probe_read_kernel)(void *dst, u32 size, const void *src) = (void *)113;
static long (*const probe_read_kernel_str)(void *dst, u32 size, const void *src) = (void *)115;
static long (*const ring_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static void *(*const ring_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*const ring_submit)(void *data, u64 flags) = (void *)132;
static void (*const ring_discard)(void *data, u64 flags) = (void *)133;
static long (*const for_each)(void *map, void *callback, void *ctx, u64 flags) = (void *)164;
static long (*const snprintf)(char *str, u32 size, const char *fmt, u64 *data, u32 len) = (void *)165;
static void *(*const lookup_percpu)(void *map, const void *key, u32 cpu) = (void *)195;

#define MAP(name, kind, entries, key_bytes, value_bytes) \
	struct { __uint(type, kind); __uint(max_entries, entries); __uint(key_size, key_bytes); __uint(value_size, value_bytes); } name SEC(".maps")
#define RING(name, bytes) struct { __uint(type, 27); __uint(max_entries, bytes); } name SEC(".maps")

MAP(large_hash, 1, 4096, 4, MIB);
MAP(large_lru, 9, 4096, 4, MIB);
MAP(few_hash, 1, 1, 4, MIB);
MAP(few_lru, 9, 8, 4, MIB);
MAP(percpu_hash, 5, 1 << 16, 4, 32 << 10);
MAP(percpu_array, 6, 16, 4, 32 << 10);
MAP(percpu_words, 6, 1 << 12, 4, 8);
MAP(forty, 2, 1, 4, 40 * MIB);
MAP(thirty, 2, 1, 4, 30 * MIB);
MAP(half_a_thousand, 2, 1, 4, 400 * MIB);
MAP(long_keys, 1, 1 << 20, MIB, 8);
MAP(perf, 4, 256, 4, 4);
RING(ring, 64 * MIB);
RING(other_ring, 64 * MIB);

// Every byte of it is 64 values of type, and every one of these has a name.
struct many { u8 a_name_that_is_not_short[16]; u16 another_name_that_is_not_short_either[8]; signed char signs[16]; };
#define FOUR(name) union { struct many name##0, name##1, name##2, name##3; }
union same { FOUR(a) a; FOUR(b) b; FOUR(c) c; FOUR(d) d; };
struct sample { union same many[256]; };
// What is sent: the only struct of its size, and no map's value.
struct event { struct sample sample; u64 end; } *event;
RING(samples, 16 * MIB);
struct { __uint(type, 2); __uint(max_entries, 4096); __type(key, u32); __type(value, struct sample); } typed SEC(".maps");
struct { __uint(type, 2); __uint(max_entries, 4096); __type(key, u32); __type(value, union same); } typed_small SEC(".maps");
struct { __uint(type, 6); __uint(max_entries, 4096); __type(key, u32); __type(value, union same); } typed_percpu SEC(".maps");

u8 buffer[MIB];
volatile u64 sum;

#define FOREVER(name, body) SEC("raw_tp") int name(void *ctx) { for (u32 i = 0;; i++) { body } }

FOREVER(fill_large_hash, map_update(&large_hash, &i, buffer, 0);)
FOREVER(fill_large_lru, map_update(&large_lru, &i, buffer, 0);)
FOREVER(churn_hash, u32 zero = 0; map_update(&few_hash, &zero, buffer, 0); map_delete(&few_hash, &zero);)
FOREVER(churn_lru, map_update(&few_lru, &i, buffer, 0);)
FOREVER(fill_percpu_hash, map_update(&percpu_hash, &i, buffer, 0);)
FOREVER(churn_percpu_hash, u32 zero = 0; map_update(&percpu_hash, &zero, buffer, 0); map_delete(&percpu_hash, &zero);)

FOREVER(sweep_percpu,
	for (u32 cpu = 0; cpu < 256; cpu++) {
		u32 key = i & 15;
		u64 *value = lookup_percpu(&percpu_array, &key, cpu);
		if (value)
			value[i & 4095] = i;
	}
)

FOREVER(sweep_percpu_words,
	for (u32 cpu = 0; cpu < 256; cpu++) {
		u32 key = i & 4095;
		u64 *value = lookup_percpu(&percpu_words, &key, cpu);
		if (value)
			*value = i;
	}
)

static __attribute__((always_inline)) int write_over(void *map, u64 bytes, u64 step)
{
	u32 zero = 0;
	u8 *value = map_lookup(map, &zero);
	if (!value)
		return 0;
	for (;;)
		for (u64 at = 0; at < bytes; at += step)
			*(volatile u64 *)(value + at) = at;
}

SEC("raw_tp") int write_thirty(void *ctx) { return write_over(&thirty, 30 * MIB, 8); }
SEC("raw_tp") int write_thirty_pages(void *ctx) { return write_over(&thirty, 30 * MIB, 4096); }
SEC("raw_tp") int write_forty(void *ctx) { return write_over(&forty, 40 * MIB, 4096); }
SEC("raw_tp") int write_half_a_thousand(void *ctx) { return write_over(&half_a_thousand, 400 * MIB, 4096); }

SEC("raw_tp") int read_all(void *ctx)
{
	u32 zero = 0;
	u8 *value = map_lookup(&thirty, &zero);
	if (!value)
		return 0;
	for (;;)
		for (u64 at = 0; at < 30 * MIB; at += 4096)
			sum += *(volatile u64 *)(value + at);
}

FOREVER(reserve_large, void *r = ring_reserve(&ring, 30 * MIB, 0); if (r) ring_discard(r, 0);)
FOREVER(reserve_medium, void *r = ring_reserve(&ring, 256 << 10, 0); if (r) ring_submit(r, 0);)
FOREVER(reserve_page, void *r = ring_reserve(&ring, 4000, 0); if (r) ring_submit(r, 0);)
FOREVER(reserve_and_keep, ring_reserve(&ring, 8, 0);)
FOREVER(output_large, ring_output(&other_ring, buffer, MIB, 0);)

SEC("raw_tp") int read_ring(void *ctx)
{
	u8 *record = ring_reserve(&other_ring, 8, 0);
	if (!record)
		return 0;
	for (;;)
		for (u64 at = 0; at < 100 * MIB; at += 4096)
			probe_read_kernel(buffer, 8, record + at);
}

SEC("raw_tp") int read_ring_text(void *ctx)
{
	u8 *record = ring_reserve(&other_ring, 8, 0);
	if (!record)
		return 0;
	for (;;)
		for (u64 at = 0; at < 100 * MIB; at += 4096)
			probe_read_kernel_str(buffer, 8, record + at);
}

static long nothing(void *map, const void *key, void *value, void *ctx) { return 0; }

FOREVER(long_lookup, map_lookup(&long_keys, buffer);)
FOREVER(long_insert, *(u32 *)buffer = i; map_update(&long_keys, buffer, buffer, 0);)
FOREVER(long_delete, map_delete(&long_keys, buffer);)
FOREVER(long_walk, map_update(&long_keys, buffer, buffer, 0); for_each(&long_keys, nothing, ctx, 0);)

FOREVER(copy_text, buffer[0] = 1; probe_read_kernel_str(buffer, MIB, "");)
FOREVER(copy_short_text, probe_read_kernel_str(buffer, 8, "");)
FOREVER(print_into_large, u32 zero = 0; char *value = map_lookup(&thirty, &zero); snprintf(value, 30 * MIB, "", 0, 0);)
FOREVER(sum_bytes, sum += csum_diff(0, 0, buffer, MIB, 0);)
FOREVER(send_large, perf_output(ctx, &perf, 0xffffffff, buffer, 60000);)

FOREVER(send_samples, for (u32 at = 0; at < sizeof(struct event); at++) buffer[at] = at * 7 + 1;
	ring_output(&samples, buffer, sizeof(struct event), 0);)
FOREVER(store_samples, u32 key = i & 4095; buffer[i & 4095] = i | 1; map_update(&typed, &key, buffer, 0);)
FOREVER(store_small_samples, u32 key = i & 4095; buffer[i & 4095] = i | 1; map_update(&typed_small, &key, buffer, 0);)
FOREVER(store_percpu_samples, u32 key = i & 4095; buffer[i & 4095] = i | 1; map_update(&typed_percpu, &key, buffer, 0);)

// All that a report holds at once, and all the memory that there is.
SEC("raw_tp") int everything(void *ctx)
{
	static const char fmt[] = "%s%s%s";
	for (u32 at = 0; at < sizeof(struct event); at++)
		buffer[at] = 'a' + at % 25;
	buffer[1000] = 0;
	for (u32 i = 0; i < 16384; i++) {
		u32 key = i & 4095;
		if (i < 64)
			map_update(&typed, &key, buffer, 0);
		map_update(&typed_small, &key, buffer, 0);
		printk(fmt, sizeof(fmt), buffer + 880, buffer + 880, buffer + 880);
		ring_output(&samples, buffer, 8, 0);
	}
	for (u32 i = 0; i < 512; i++)
		ring_output(&samples, buffer, sizeof(struct event), 0);
	for (u32 i = 0;; i++)
		map_update(&large_hash, &i, buffer, 0);
}

SEC("xdp") int move_head(void *ctx)
{
	for (;;) {
		adjust_head(ctx, -16);
		adjust_head(ctx, 16);
	}
}

SEC("xdp") int move_tail(void *ctx)
{
	for (;;) {
		adjust_tail(ctx, -32);
		adjust_tail(ctx, 32);
	}
}

SEC("tc") int grow_head(void *ctx)
{
	for (;;) {
		change_head(ctx, 1, 0);
		change_tail(ctx, 64, 0);
	}
}

SEC("tc") int grow_tail(void *ctx)
{
	for (;;) {
		change_tail(ctx, 16000, 0);
		change_tail(ctx, 64, 0);
	}
}

char _license[] SEC("license") = "GPL";
