// Programs that ask for all that kernel functions give: objects, pages, iterators, long strings. hostile.rs runs every one.
// Built in this folder with: clang-19 -O2 -g -Wno-unused -ffile-prefix-map=$PWD/= -ffile-prefix-map=$PWD=. -target bpf -c grab.bpf.c -o grab.bpf.o
// and then: llvm-strip-19 -g grab.bpf.o
typedef unsigned char u8;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
typedef _Bool bool;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __arena __attribute__((address_space(1)))
#define KFUNC extern __attribute__((section(".ksyms")))
#define MIB (1 << 20)

struct bpf_list_node { u64 a[3]; };
struct bpf_list_head { u64 a[2]; };
struct bpf_rb_node { u64 a[4]; };
struct bpf_rb_root { u64 a[2]; };
struct bpf_refcount { u32 a; };
struct bpf_dynptr { u64 a[2]; };
struct bpf_iter_task { u64 a[3]; };
struct bpf_iter_bits { u64 a[2]; };
struct bpf_iter_num { u64 a; };
struct bpf_res_spin_lock { u32 a; };
struct task_struct { int a; };
struct cgroup { int a; };
struct bpf_cpumask { int a; };
struct file { int a; };
struct path { int a; };
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID };

KFUNC void *bpf_obj_new_impl(u64 type, void *meta);
KFUNC void bpf_obj_drop_impl(void *p, void *meta);
KFUNC void *bpf_percpu_obj_new_impl(u64 type, void *meta);
KFUNC void *bpf_refcount_acquire_impl(void *p, void *meta);
KFUNC int bpf_list_push_back_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta, u64 off);
KFUNC struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head);
KFUNC int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
	bool (*less)(struct bpf_rb_node *, const struct bpf_rb_node *), void *meta, u64 off);
KFUNC struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root);
KFUNC struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node);
KFUNC void __arena *bpf_arena_alloc_pages(void *map, void __arena *addr, u32 count, int node, u64 flags);
KFUNC void bpf_arena_free_pages(void *map, void __arena *addr, u32 count);
KFUNC int bpf_arena_reserve_pages(void *map, void __arena *addr, u32 count);
KFUNC int bpf_strlen(const char *s);
KFUNC int bpf_strcmp(const char *a, const char *b);
KFUNC int bpf_strcspn(const char *s, const char *reject);
KFUNC int bpf_strstr(const char *s, const char *what);
KFUNC int bpf_dynptr_clone(const struct bpf_dynptr *p, struct bpf_dynptr *clone);
KFUNC int bpf_dynptr_copy(struct bpf_dynptr *to, u32 to_off, struct bpf_dynptr *from, u32 from_off, u32 size);
KFUNC int bpf_dynptr_memset(struct bpf_dynptr *p, u32 offset, u32 size, u8 value);
KFUNC void *bpf_dynptr_slice(const struct bpf_dynptr *p, u32 offset, void *buffer, u32 size);
KFUNC int bpf_probe_read_kernel_dynptr(struct bpf_dynptr *p, u32 off, u32 size, const void *from);
KFUNC int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task, u32 flags);
KFUNC struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it);
KFUNC void bpf_iter_task_destroy(struct bpf_iter_task *it);
KFUNC int bpf_iter_bits_new(struct bpf_iter_bits *it, const u64 *bits, u32 words);
KFUNC int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end);
KFUNC int *bpf_iter_num_next(struct bpf_iter_num *it);
KFUNC struct bpf_cpumask *bpf_cpumask_create(void);
KFUNC void bpf_cpumask_release(struct bpf_cpumask *mask);
KFUNC struct task_struct *bpf_task_from_pid(s32 pid);
KFUNC struct task_struct *bpf_task_from_vpid(s32 pid);
KFUNC struct cgroup *bpf_cgroup_from_id(u64 id);
KFUNC void *bpf_cast_to_kern_ctx(void *ctx);
KFUNC int bpf_send_signal_task(struct task_struct *task, int sig, enum pid_type type, u64 value);
KFUNC struct file *bpf_get_task_exe_file(struct task_struct *task);
KFUNC int bpf_path_d_path(const struct path *path, char *buf, u64 size);
KFUNC int bpf_res_spin_lock(struct bpf_res_spin_lock *lock);
KFUNC void bpf_local_irq_save(u64 *flags);

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static struct task_struct *(*const current_task)(void) = (void *)158;
static long (*const snprintf_btf)(char *str, u32 size, void *ptr, u32 ptr_size, u64 flags) = (void *)149;
static long (*const dynptr_from_mem)(void *data, u32 size, u64 flags, void *ptr) = (void *)197;
static long (*const dynptr_read)(void *dst, u32 len, void *src, u32 offset, u64 flags) = (void *)201;
static void *(*const kptr_xchg)(void *dst, void *ptr) = (void *)194;

struct node {
	struct bpf_rb_node rb;
	struct bpf_list_node list;
	struct bpf_refcount refs;
	u64 key;
};
struct tally { u64 words[32]; };
struct home { struct bpf_list_head list; struct bpf_rb_root tree; };

struct { __uint(type, 33); __uint(map_flags, 1 << 10); __uint(max_entries, 1 << 20); } arena SEC(".maps");
struct { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, struct home); } homes SEC(".maps");

char text[MIB];
char words[2 * MIB];
u64 bits[511];
volatile u64 sum;

static struct home *home(void)
{
	u32 zero = 0;
	return map_lookup(&homes, &zero);
}

static struct node *make(void)
{
	return bpf_obj_new_impl(__builtin_btf_type_id(*(struct node *)0, 0), 0);
}

SEC("raw_tp") int objects(void *ctx)
{
	for (;;)
		make();
}

SEC("raw_tp") int objects_dropped(void *ctx)
{
	for (;;) {
		struct node *node = make();
		if (node)
			bpf_obj_drop_impl(node, 0);
	}
}

SEC("raw_tp") int percpu_objects(void *ctx)
{
	for (;;)
		bpf_percpu_obj_new_impl(__builtin_btf_type_id(*(struct tally *)0, 0), 0);
}

SEC("raw_tp") int references(void *ctx)
{
	struct node *node = make();
	for (;;)
		bpf_refcount_acquire_impl(node, 0);
}

SEC("tc") int grow_list(void *ctx)
{
	struct home *there = home();
	for (;;) {
		struct node *node = make();
		if (!there || !node)
			return 0;
		bpf_list_push_back_impl(&there->list, &node->list, 0, 0);
	}
}

SEC("tc") int grow_busy_list(void *ctx)
{
	struct home *there = home();
	struct node *node = make();
	if (!there || !node)
		return 0;
	for (;;) {
		bpf_list_push_back_impl(&there->list, &node->list, 0, 0);
		bpf_list_pop_front(&there->list);
	}
}

static __attribute__((noinline)) bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return ((struct node *)a)->key < ((struct node *)b)->key;
}

SEC("tc") int grow_tree(void *ctx)
{
	struct home *there = home();
	for (u64 i = 0;; i++) {
		struct node *node = make();
		if (!there || !node)
			return 0;
		node->key = i;
		bpf_rbtree_add_impl(&there->tree, &node->rb, less, 0, 0);
	}
}

SEC("tc") int grow_busy_tree(void *ctx)
{
	struct home *there = home();
	if (!there)
		return 0;
	for (u64 i = 0; i < 64; i++) {
		struct node *node = make();
		if (!node)
			return 0;
		node->key = i;
		bpf_rbtree_add_impl(&there->tree, &node->rb, less, 0, 0);
	}
	for (;;) {
		struct node *first = (void *)bpf_rbtree_first(&there->tree);
		if (!first)
			return 0;
		bpf_rbtree_remove(&there->tree, &first->rb);
		first->key += 1000;
		bpf_rbtree_add_impl(&there->tree, &first->rb, less, 0, 0);
	}
}

static __attribute__((noinline)) bool endless(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	for (;;)
		sum += ((struct node *)a)->key;
}

SEC("tc") int grow_endlessly(void *ctx)
{
	struct home *there = home();
	for (int i = 0; i < 2; i++) {
		struct node *node = make();
		if (there && node)
			bpf_rbtree_add_impl(&there->tree, &node->rb, endless, 0, 0);
	}
	return 0;
}

SEC("raw_tp") int pages(void *ctx)
{
	for (;;)
		bpf_arena_alloc_pages(&arena, 0, 1, -1, 0);
}

SEC("raw_tp") int many_pages(void *ctx)
{
	for (u32 count = 1;; count *= 2)
		bpf_arena_alloc_pages(&arena, 0, count, -1, 0);
}

SEC("raw_tp") int pages_given_back(void *ctx)
{
	for (;;) {
		void __arena *page = bpf_arena_alloc_pages(&arena, 0, 64, -1, 0);
		if (page)
			bpf_arena_free_pages(&arena, page, 1 << 20);
	}
}

SEC("raw_tp") int holes(void *ctx)
{
	for (u64 i = 0;; i++)
		bpf_arena_reserve_pages(&arena, (void __arena *)(((2 * i) & 0xfffff) << 12), 1);
}

static void fill(void)
{
	for (int i = 0; i < MIB - 1; i++)
		*(volatile char *)&text[i] = 'a';
}

SEC("raw_tp") int length(void *ctx)
{
	fill();
	for (;;)
		sum += bpf_strlen(text);
}

SEC("raw_tp") int same(void *ctx)
{
	fill();
	for (;;)
		sum += bpf_strcmp(text, text + 1);
}

SEC("raw_tp") int span(void *ctx)
{
	fill();
	for (int i = 0; i < MIB - 1; i++)
		*(volatile char *)&words[i] = 'b';
	for (;;)
		sum += bpf_strcspn(text, words);
}

SEC("raw_tp") int search(void *ctx)
{
	fill();
	text[MIB / 2] = 'b';
	text[MIB / 2 + 1] = 0;
	for (;;)
		sum += bpf_strstr(text, text + MIB / 2 - 32000);
}

SEC("raw_tp") int set(void *ctx)
{
	struct bpf_dynptr ptr;
	dynptr_from_mem(words, sizeof(words), 0, &ptr);
	for (;;)
		bpf_dynptr_memset(&ptr, 0, sizeof(words), 1);
}

SEC("raw_tp") int move(void *ctx)
{
	struct bpf_dynptr from, to;
	dynptr_from_mem(words, sizeof(words), 0, &from);
	bpf_dynptr_clone(&from, &to);
	for (;;)
		bpf_dynptr_copy(&to, 0, &from, 8, sizeof(words) - 8);
}

SEC("raw_tp") int fetch(void *ctx)
{
	struct bpf_dynptr to;
	dynptr_from_mem(words, sizeof(words), 0, &to);
	for (;;)
		bpf_probe_read_kernel_dynptr(&to, 0, MIB, text);
}

SEC("raw_tp") int forged(void *ctx)
{
	struct bpf_dynptr to = {{ (u64)words, 0x10000000 | 0xffffff }};
	for (;;)
		sum += (u64)bpf_dynptr_slice(&to, 5, 0, 100) + bpf_probe_read_kernel_dynptr(&to, 0, 0xffffff, text);
}

SEC("raw_tp") int read(void *ctx)
{
	struct bpf_dynptr from;
	dynptr_from_mem(words, sizeof(words), 0, &from);
	for (;;)
		dynptr_read(text, MIB, &from, 0, 0);
}

SEC("raw_tp") int iterators(void *ctx)
{
	struct bpf_iter_task it;
	for (;;)
		bpf_iter_task_new(&it, 0, 1);
}

SEC("raw_tp") int bit_iterators(void *ctx)
{
	struct bpf_iter_bits it;
	for (int i = 0; i < 511; i++)
		*(volatile u64 *)&bits[i] = -1;
	for (;;)
		bpf_iter_bits_new(&it, bits, 511);
}

SEC("raw_tp") int tasks(void *ctx)
{
	struct bpf_iter_task it;
	for (;;) {
		bpf_iter_task_new(&it, 0, 1);
		while (bpf_iter_task_next(&it))
			sum++;
		bpf_iter_task_destroy(&it);
	}
}

SEC("raw_tp") int numbers(void *ctx)
{
	struct bpf_iter_num it;
	for (;;) {
		bpf_iter_num_new(&it, 0, 8 << 20);
		while (bpf_iter_num_next(&it))
			;
	}
}

SEC("raw_tp") int masks(void *ctx)
{
	for (;;)
		bpf_cpumask_create();
}

SEC("raw_tp") int masks_released(void *ctx)
{
	for (;;)
		bpf_cpumask_release(bpf_cpumask_create());
}

SEC("raw_tp") int lookups(void *ctx)
{
	for (u64 i = 0;; i++)
		sum += (u64)bpf_task_from_pid(i) + (u64)bpf_task_from_vpid(i) + (u64)bpf_cgroup_from_id(i);
}

SEC("raw_tp") int signals(void *ctx)
{
	struct task_struct *task = current_task();
	for (;;)
		bpf_send_signal_task(task, 9, 1, 0);
}

SEC("raw_tp") int locks(void *ctx)
{
	for (u64 i = 0;; i++)
		bpf_res_spin_lock((void *)&text[4 * (i & 0xffff)]);
}

SEC("raw_tp") int interrupts(void *ctx)
{
	u64 flags;
	for (;;)
		bpf_local_irq_save(&flags);
}

SEC("raw_tp") int show(void *ctx)
{
	struct { void *ptr; u32 type; u32 flags; } what = { current_task(), 0, 0 };
	for (u32 type = 1;; type = type % 20000 + 1) {
		what.type = type;
		snprintf_btf(text, sizeof(text), &what, sizeof(what), type & 15);
	}
}

SEC("tc") int grow_context(void *ctx)
{
	for (;;)
		sum += (u64)bpf_cast_to_kern_ctx(ctx);
}

char _license[] SEC("license") = "GPL";
