/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Integers, identifiers and the smallest structures: lists, trees, reference counts. Part of vmlinux.h, which see. */


typedef short unsigned int __u16;
typedef __u16 u16;
typedef __u16 __be16;
typedef unsigned int __u32;
typedef __u32 __be32;
typedef __u16 __sum16;
typedef unsigned char __u8;

struct callback_head {
	struct callback_head *next;
	void (*func)(struct callback_head *);
};

struct hlist_node {
	struct hlist_node *next;
	struct hlist_node **pprev;
};

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct rb_root_cached {
	struct rb_root rb_root;
	struct rb_node *rb_leftmost;
};

typedef long long unsigned int __u64;
typedef __u64 u64;

typedef struct {
	int counter;
} atomic_t;

typedef __u8 u8;

struct qspinlock {
	union {
		atomic_t val;
		struct {
			u8 locked;
			u8 pending;
		};
		struct {
			u16 locked_pending;
			u16 tail;
		};
	};
};

typedef struct qspinlock arch_spinlock_t;

struct raw_spinlock {
	arch_spinlock_t raw_lock;
};

typedef struct raw_spinlock raw_spinlock_t;
typedef int __kernel_clockid_t;
typedef __kernel_clockid_t clockid_t;
typedef __u32 u32;

struct rb_node {
	long unsigned int __rb_parent_color;
	struct rb_node *rb_right;
	struct rb_node *rb_left;
};

typedef long long int __s64;
typedef __s64 s64;

typedef struct {
	long unsigned int sig[1];
} sigset_t;

struct cpumask {
	long unsigned int bits[128];
};

typedef struct cpumask cpumask_t;
typedef int __kernel_pid_t;

union __sifields {
	struct {
		__kernel_pid_t _pid;
	} _kill;
	struct {
		__kernel_pid_t _pid;
	} _rt;
	struct {
		__kernel_pid_t _pid;
	} _sigchld;
};

struct kernel_siginfo {
	struct {
		int si_code;
		union __sifields _sifields;
	};
};

typedef struct kernel_siginfo kernel_siginfo_t;
typedef unsigned int __kernel_uid32_t;
typedef __kernel_uid32_t uid_t;

typedef struct {
	uid_t val;
} kuid_t;

typedef struct {
	long unsigned int bits[16];
} nodemask_t;

typedef __kernel_pid_t pid_t;

struct refcount_struct {
	atomic_t refs;
};

typedef struct refcount_struct refcount_t;
typedef long unsigned int __kernel_ulong_t;
typedef __kernel_ulong_t __kernel_size_t;
typedef __kernel_size_t size_t;

struct spinlock {
	union {
		struct raw_spinlock rlock;
	};
};

typedef struct spinlock spinlock_t;

struct wait_queue_head {
	spinlock_t lock;
	struct list_head head;
};

typedef struct wait_queue_head wait_queue_head_t;

struct hlist_nulls_node {
	struct hlist_nulls_node *next;
	struct hlist_nulls_node **pprev;
};

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct {
	struct net *net;
} possible_net_t;

typedef int __s32;
typedef unsigned int gfp_t;
typedef s64 ktime_t;
typedef u64 netdev_features_t;

typedef struct {
	spinlock_t slock;
	int owned;
	wait_queue_head_t wq;
} socket_lock_t;

typedef __u32 __wsum;
typedef unsigned int sk_buff_data_t;

struct hlist_head {
	struct hlist_node *first;
};

struct hlist_bl_node {
	struct hlist_bl_node *next;
	struct hlist_bl_node **pprev;
};

struct seqcount {
	unsigned int sequence;
};

typedef struct seqcount seqcount_t;

struct seqcount_spinlock {
	seqcount_t seqcount;
};

typedef struct seqcount_spinlock seqcount_spinlock_t;
typedef atomic64_t atomic_long_t;

struct mutex {
	atomic_long_t owner;
	struct list_head wait_list;
};

typedef u32 errseq_t;
typedef unsigned int fmode_t;
typedef long long int __kernel_loff_t;
typedef __kernel_loff_t loff_t;
typedef _Bool bool;

struct kref {
	refcount_t refcount;
};

typedef u32 __kernel_dev_t;
typedef __kernel_dev_t dev_t;

enum rx_handler_result {
	RX_HANDLER_CONSUMED,
	RX_HANDLER_ANOTHER,
	RX_HANDLER_EXACT,
	RX_HANDLER_PASS,
};

typedef enum rx_handler_result rx_handler_result_t;
typedef rx_handler_result_t rx_handler_func_t(struct sk_buff **);

struct rw_semaphore {
	atomic_long_t count;
	atomic_long_t owner;
	struct list_head wait_list;
};

typedef u64 blkcnt_t;
typedef unsigned int __kernel_gid32_t;
typedef __kernel_gid32_t gid_t;

typedef struct {
	gid_t val;
} kgid_t;

typedef __s64 time64_t;
typedef short unsigned int umode_t;
typedef short int __s16;
typedef __s16 s16;

typedef struct {
	u64 ctx_id;
	atomic64_t tlb_gen;
	long unsigned int next_trim_cpumask;
	struct rw_semaphore ldt_usr_sem;
	struct ldt_struct *ldt;
	long unsigned int flags;
	struct mutex lock;
	void *vdso;
	const struct vdso_image *vdso_image;
	atomic_t perf_rdpmc_allowed;
	u16 pkey_allocation_map;
	s16 execute_only_pkey;
} mm_context_t;

typedef long unsigned int pgdval_t;

typedef struct {
	pgdval_t pgd;
} pgd_t;

typedef short unsigned int __kernel_sa_family_t;
typedef __kernel_sa_family_t sa_family_t;

typedef struct {
	u64 val;
} kernel_cap_t;

typedef struct {
	__u8 b[16];
} uuid_t;

typedef __u32 blk_opf_t;
typedef __u32 req_flags_t;
typedef u8 blk_status_t;
typedef u64 sector_t;
typedef u16 u_int16_t;
typedef u8 u_int8_t;
typedef u32 u_int32_t;

typedef struct {
	atomic_long_t a;
} local_t;

typedef struct {
	local_t a;
} local64_t;

typedef __s32 s32;

typedef struct {
	void *lock;
} class_rcu_t;

enum irqreturn {
	IRQ_NONE,
	IRQ_HANDLED,
	IRQ_WAKE_THREAD,
};

typedef enum irqreturn irqreturn_t;
typedef irqreturn_t (*irq_handler_t)(int, void *);
typedef long unsigned int pgprotval_t;

struct pgprot {
	pgprotval_t pgprot;
};

typedef struct pgprot pgprot_t;
typedef long unsigned int vm_flags_t;

typedef struct {
	seqcount_t seqcount;
} seqcount_latch_t;

typedef u8 kprobe_opcode_t;
typedef void (*kprobe_post_handler_t)(struct kprobe *, struct pt_regs *, long unsigned int);
typedef int (*kprobe_pre_handler_t)(struct kprobe *, struct pt_regs *);
typedef int (*kretprobe_handler_t)(struct kretprobe_instance *, struct pt_regs *);
typedef unsigned int slab_flags_t;
typedef long unsigned int netmem_ref;

struct skb_frag {
	netmem_ref netmem;
	unsigned int len;
	unsigned int offset;
};

typedef struct skb_frag skb_frag_t;
typedef void __signalfn_t(int);
typedef __signalfn_t *__sighandler_t;
typedef void __restorefn_t(void);
typedef __restorefn_t *__sigrestore_t;
typedef void bio_end_io_t(struct bio *);
typedef void (*work_func_t)(struct work_struct *);
typedef unsigned int __poll_t;
typedef void *fl_owner_t;
typedef long int __kernel_long_t;
typedef __kernel_long_t __kernel_ssize_t;
typedef __kernel_ssize_t ssize_t;

typedef union {
	__be32 a4;
} xfrm_address_t;

typedef struct {
	u64 key[2];
} siphash_key_t;

typedef struct {
	union {
		void *kernel;
		void *user;
	};
	bool is_kernel : 1;
} sockptr_t;

typedef long unsigned int irq_hw_number_t;
typedef u64 dma_addr_t;
typedef unsigned int vm_fault_t;
typedef u64 io_req_flags_t;
typedef u32 uint32_t;
typedef s32 int32_t;
typedef int32_t key_serial_t;
typedef int __kernel_key_t;
typedef __kernel_key_t key_t;

struct hlist_bl_head {
	struct hlist_bl_node *first;
};

typedef int __kernel_rwf_t;

struct llist_node {
	struct llist_node *next;
};

struct llist_head {
	struct llist_node *first;
};

typedef __kernel_ulong_t ino_t;

enum netdev_tx {
	__NETDEV_TX_MIN = -2147483648,
	NETDEV_TX_OK = 0,
	NETDEV_TX_BUSY = 16,
};

enum qdisc_state_t {
	__QDISC_STATE_SCHED,
	__QDISC_STATE_DEACTIVATED,
	__QDISC_STATE_MISSED,
	__QDISC_STATE_DRAINING,
};

typedef signed char __s8;
typedef __s8 s8;
typedef __u64 __be64;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __le64;

struct siginfo {
	union {
		struct {
			int si_code;
			union __sifields _sifields;
		};
		int _si_pad[32];
	};
};

typedef struct siginfo siginfo_t;

struct qrwlock {
	union {
		atomic_t cnts;
		struct {
			u8 wlocked;
			u8 __lstate[3];
		};
	};
	arch_spinlock_t wait_lock;
};

typedef struct qrwlock arch_rwlock_t;

typedef struct {
	arch_rwlock_t raw_lock;
} rwlock_t;

typedef struct {
	seqcount_spinlock_t seqcount;
	spinlock_t lock;
} seqlock_t;

typedef struct cpumask *cpumask_var_t;
typedef long unsigned int pteval_t;

typedef struct {
	pteval_t pte;
} pte_t;

typedef long unsigned int pmdval_t;

typedef struct {
	pmdval_t pmd;
} pmd_t;

typedef int __kernel_timer_t;
typedef __kernel_timer_t timer_t;
typedef __kernel_uid32_t qid_t;

typedef struct {
	__u8 b[16];
} guid_t;

typedef long unsigned int kernel_ulong_t;
typedef u64 phys_addr_t;
typedef phys_addr_t resource_size_t;
typedef long unsigned int uintptr_t;
typedef enum netdev_tx netdev_tx_t;
typedef __kernel_ulong_t aio_context_t;
typedef long long int qsize_t;
typedef __kernel_long_t __kernel_off_t;
typedef __kernel_off_t off_t;
typedef struct __user_cap_header_struct *cap_user_header_t;
typedef struct __user_cap_data_struct *cap_user_data_t;
typedef int __kernel_mqd_t;
typedef __kernel_mqd_t mqd_t;
typedef struct __key_reference_with_attributes *key_ref_t;
typedef __kernel_rwf_t rwf_t;
typedef unsigned int fgf_t;

struct pglist_data {
	__u8 opaque[174464];
};

typedef struct pglist_data pg_data_t;

typedef struct {
	long unsigned int val;
} swp_entry_t;

typedef struct folio *new_folio_t(struct folio *, long unsigned int);
typedef void free_folio_t(struct folio *, long unsigned int);

typedef struct {
	size_t written;
	size_t count;
	union {
		char *buf;
		void *data;
	} arg;
	int error;
} read_descriptor_t;

typedef int (*sk_read_actor_t)(read_descriptor_t *, struct sk_buff *, unsigned int, size_t);

enum gro_result {
	GRO_MERGED,
	GRO_MERGED_FREE,
	GRO_HELD,
	GRO_NORMAL,
	GRO_CONSUMED,
};

typedef enum gro_result gro_result_t;
typedef sockptr_t bpfptr_t;
typedef uint32_t key_perm_t;
typedef void (*rcu_callback_t)(struct callback_head *);
typedef void (*smp_call_func_t)(void *);
typedef int (*wait_queue_func_t)(struct wait_queue_entry *, unsigned int, int, void *);

struct wait_queue_entry {
	unsigned int flags;
	void *private;
	wait_queue_func_t func;
	struct list_head entry;
};

typedef struct wait_queue_entry wait_queue_entry_t;
typedef int (*cpu_stop_fn_t)(void *);

struct __call_single_node {
	struct llist_node llist;
	union {
		unsigned int u_flags;
		atomic_t a_flags;
	};
	u16 src;
	u16 dst;
};

struct __call_single_data {
	struct __call_single_node node;
	smp_call_func_t func;
	void *info;
};

typedef struct __call_single_data call_single_data_t;

typedef struct {
	u8 kvm_cpu_l1tf_flush_l1d;
	unsigned int __nmi_count;
	unsigned int apic_timer_irqs;
	unsigned int irq_spurious_count;
	unsigned int icr_read_retry_count;
	unsigned int kvm_posted_intr_ipis;
	unsigned int kvm_posted_intr_wakeup_ipis;
	unsigned int kvm_posted_intr_nested_ipis;
	unsigned int x86_platform_ipis;
	unsigned int apic_perf_irqs;
	unsigned int apic_irq_work_irqs;
	unsigned int irq_resched_count;
	unsigned int irq_call_count;
	unsigned int irq_tlb_count;
	unsigned int irq_thermal_count;
	unsigned int irq_threshold_count;
	unsigned int irq_deferred_error_count;
	unsigned int irq_hv_callback_count;
	unsigned int irq_hv_reenlightenment_count;
	unsigned int hyperv_stimer0_count;
} irq_cpustat_t;
