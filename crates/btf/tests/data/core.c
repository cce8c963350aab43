// CO-RE relocations: what the compiler records for them.
#define __core __attribute__((preserve_access_index))
struct inner {
	int a, b[4];
} __core;
struct task {
	int pid;
	struct inner in[2];
	unsigned f : 3, g : 7;
} __core;
enum kind { ONE = 1, TWO = 2 };

int (*probe_read)(void *dst, int size, const void *src) = (void *)113;

__attribute__((section("raw_tp/x"))) int first(struct task *t)
{
	int v = 0;
	probe_read(&v, sizeof(v), &t->in[1].b[2]);
	return v + __builtin_preserve_field_info(t->g, 2) + __builtin_preserve_type_info(*(struct inner *)0, 1);
}

__attribute__((section("kprobe/y"))) int second(struct task *t)
{
	return t->pid + __builtin_preserve_enum_value(*(enum kind *)TWO, 1);
}
char _license[] __attribute__((section("license"))) = "GPL";
