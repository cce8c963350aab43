typedef unsigned int u32; typedef unsigned long u64; typedef unsigned char u8;
#define __contains(name, node) __attribute__((btf_decl_tag("contains:" #name ":" #node)))
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __kptr_u __attribute__((btf_type_tag("kptr_untrusted")))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
struct bpf_spin_lock { u32 val; };
struct bpf_res_spin_lock { u32 val; };
struct bpf_list_head { u64 o[2]; } __attribute__((aligned(8)));
struct bpf_list_node { u64 o[3]; } __attribute__((aligned(8)));
struct bpf_rb_root { u64 o[2]; } __attribute__((aligned(8)));
struct bpf_rb_node { u64 o[4]; } __attribute__((aligned(8)));
struct bpf_refcount { u32 o[1]; } __attribute__((aligned(4)));
struct bpf_wq { u64 o[2]; } __attribute__((aligned(8)));
struct bpf_timer { u64 o[2]; } __attribute__((aligned(8)));
struct bpf_task_work { u64 o; } __attribute__((aligned(8)));
struct task_struct; struct cgroup; struct bpf_cpumask;
struct task_struct { int pid; }; struct cgroup { int level; }; struct bpf_cpumask { u64 x; };
struct plain { u64 a; u32 b; u8 c[20]; };
struct lnode { u64 key; struct bpf_list_node l; };
struct rnode { u64 key; struct bpf_rb_node r; };
struct both { u64 key; struct bpf_list_node l; struct bpf_rb_node r; struct bpf_refcount ref; struct task_struct __kptr *t; };
struct value {
  struct bpf_spin_lock lock; u32 pad;
  struct bpf_list_head lh __contains(lnode, l);
  struct bpf_list_head bh __contains(both, l);
  struct bpf_rb_root rr __contains(rnode, r);
  struct bpf_rb_root br __contains(both, r);
  struct task_struct __kptr *t; struct cgroup __kptr *c; struct bpf_cpumask __kptr *m; struct plain __kptr *p; struct both __kptr *b;
  struct task_struct __kptr_u *tu; u64 data[2];
};
struct rvalue { struct bpf_res_spin_lock lock; u32 pad; struct bpf_list_head lh __contains(lnode, l); u64 data; };
struct wvalue { struct bpf_wq wq; struct bpf_task_work tw; struct bpf_timer t; struct plain __percpu_kptr *pp; u64 data; };

static __attribute__((noinline)) int less(struct bpf_rb_node *a, const struct bpf_rb_node *b) { asm volatile("" :: "r"(a), "r"(b)); return 0; }
static __attribute__((noinline)) int cb(void *map, int *key, void *value) { asm volatile("" :: "r"(map), "r"(key), "r"(value)); return 0; }
__attribute__((noinline)) int use1(struct lnode *l, struct rnode *r, struct both *b, struct plain *p, struct task_struct *t) { asm volatile("" :: "r"(l), "r"(r), "r"(b), "r"(p), "r"(t)); return 0; }
__attribute__((noinline)) int use2(struct cgroup *c, struct bpf_cpumask *m, struct value *v, struct rvalue *r, struct wvalue *w) { asm volatile("" :: "r"(c), "r"(m), "r"(v), "r"(r), "r"(w)); return 0; }
int prog(void *ctx) { use1(ctx, ctx, ctx, ctx, ctx); use2(ctx, ctx, ctx, ctx, ctx); less((void *)ctx, (void *)ctx); return cb(ctx, ctx, ctx); }
